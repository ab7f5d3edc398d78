//! The environment of a worker.
//!
//! An environment holds secrets: keys of services, paths of a user's files. A worker runs drivers on untrusted input, so it
//! inherits only the variables that configure drivers, their loader and the log.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    io::ErrorKind,
    path::Path,
    process::Command,
};

/// Inherited variables.
const NAMES: &[&str] = &[
    "LD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "RUST_BACKTRACE",
    "RUST_LOG",
    // Folders of the sockets.
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    // Folders in which the Vulkan loader looks for drivers beside its usual ones.
    "XDG_CONFIG_DIRS",
    "XDG_DATA_DIRS",
];

/// Prefixes of inherited variables: of the loaders, Mesa and its drivers, NVIDIA.
const PREFIXES: &[&str] = &[
    "ACO_", "AMD_", "ANV_", "DRI_", "EGL_", "GALLIUM_", "GBM_", "INTEL_", "LIBGL_", "LP_", "LVP_", "MESA_", "NIR_",
    "NVIDIA_", "NVK_", "PAN_", "RADV_", "TU_", "V3D_", "VK_", "__EGL_", "__GLX_", "__GL_", "__NV_",
];

/// Variables that are set for a worker.
const TOLD: &[(&str, &str)] = &[
    // Drivers use no cache but the worker's own, and connect to no display.
    ("MESA_SHADER_CACHE_DISABLE", "true"),
    ("__GL_SHADER_DISK_CACHE", "0"),
    ("NODEVICE_SELECT", "1"),
    // Freed memory, up to 32 MiB, stays for the next command: a kernel that takes it back fills each page anew.
    ("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=33554432:glibc.malloc.mmap_threshold=4194304"),
    // Address space that the other allocator takes at a time: the kernel counts it as memory that a worker has.
    ("MIMALLOC_ARENA_RESERVE", "64M"),
];

/// The drivers that the Vulkan loader leaves out, by the names of their manifests (Vulkan loader, "Driver Filtering").
pub const DRIVERS_DISABLE: &str = "VK_LOADER_DRIVERS_DISABLE";

/// Mesa's drivers of GPUs, which look for theirs among the DRM render nodes, the only ones that a jail leaves them.
const DRM_DRIVERS: &str = "asahi_icd*,broadcom_icd*,freedreno_icd*,gfxstream_vk_icd*,intel_hasvk_icd*,intel_icd*,\
                           nouveau_icd*,panfrost_icd*,powervr_mesa_icd*,radeon_icd*,virtio_icd*";

/// The folder of the DRM render nodes.
const DRM_NODES: &str = "/dev/dri";

/// Restricts the environment of a worker's command. Variables that are set afterwards stay.
pub fn restrict(command: &mut Command) {
    // Programs of other systems do not start without some of their variables.
    if cfg!(target_os = "linux") {
        command.env_clear().envs(env::vars_os().filter(|(name, _)| is_needed(name)));
        command.envs(TOLD.iter().copied());
        // Drivers without a device are not loaded: loading takes time, and their code is attack surface.
        if env::var_os(DRIVERS_DISABLE).is_none() && !has_render_node(Path::new(DRM_NODES)) {
            command.env(DRIVERS_DISABLE, DRM_DRIVERS);
        }
    }
}

/// True when a folder has a render node, or cannot be read.
fn has_render_node(folder: &Path) -> bool {
    match fs::read_dir(folder) {
        Ok(entries) => entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("renderD")),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

fn is_needed(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| NAMES.contains(&name)) || configures_drivers(name)
}

fn configures_drivers(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

/// Variables of a worker that configure drivers, sorted by name. Some change the code that a driver compiles.
pub fn of_drivers() -> Vec<(OsString, OsString)> {
    let mut variables: Vec<_> = env::vars_os().filter(|(name, _)| configures_drivers(name)).collect();
    variables.sort();
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn render_nodes_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let dri = folder.path().join("dri");
        assert!(!has_render_node(&dri));
        fs::create_dir(&dri).unwrap();
        fs::write(dri.join("card0"), "").unwrap();
        assert!(!has_render_node(&dri));
        fs::write(dri.join("renderD128"), "").unwrap();
        assert!(has_render_node(&dri));
        // A folder that cannot be read may have some.
        assert!(has_render_node(&dri.join("card0")));
    }

    #[test]
    fn drivers_keep_theirs_and_secrets_stay() {
        for name in ["VK_DRIVER_FILES", "LP_NUM_THREADS", "RUST_LOG", "__GL_SYNC_TO_VBLANK", "LD_LIBRARY_PATH"] {
            assert!(is_needed(OsStr::new(name)), "{name}");
        }
        for name in ["AWS_SECRET_ACCESS_KEY", "HOME", "PATH", "LD_PRELOAD", "SSH_AUTH_SOCK", "DISPLAY", "VK", ""] {
            assert!(!is_needed(OsStr::new(name)), "{name}");
        }
        for (name, expected) in [("LP_NATIVE_VECTOR_WIDTH", true), ("RUST_LOG", false), ("LD_LIBRARY_PATH", false)] {
            assert_eq!(configures_drivers(OsStr::new(name)), expected, "{name}");
        }
    }
}
