//! Landlock: read access to the files that a driver needs, and no write, create or execute access anywhere but in the folder
//! of a shader cache, where files and folders may be created and none executed.
//!
//! The rules name folders of the system, not files of one distribution: a driver's version is part of the names of its
//! files. None of the folders holds user data.

use std::{
    env, fs, io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use landlock::{ABI, AccessFs, BitFlags, RulesetCreatedAttr, path_beneath_rules};
use rustix::{
    io::Errno,
    process::{getppid, test_kill_process},
};

use super::root;
use crate::{
    ruleset,
    trial::{Held, because, forbidden},
};

/// Libraries, and files that the driver loader and the drivers read to find and to configure each other.
const READ: &[&str] = &[
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/local/lib",
    "/usr/share/vulkan",
    "/usr/local/share/vulkan",
    "/usr/share/drirc.d",
    "/usr/share/glvnd",
    "/usr/share/libdrm",
    "/usr/share/nvidia",
    "/usr/share/egl",
    "/etc/vulkan",
    "/etc/xdg/vulkan",
    "/etc/drirc",
    "/etc/glvnd",
    "/etc/nvidia",
    "/etc/egl",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    // Systems without /usr/lib.
    "/nix/store",
    "/gnu/store",
    "/run/opengl-driver",
    "/run/current-system/profile/lib",
    // The process itself, and the kernel's information about processors, memory and GPUs.
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/modules",
    "/proc/devices",
    "/proc/driver/nvidia",
    "/proc/driver/nvidia-uvm",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices",
    "/sys/dev/char",
    "/sys/class/drm",
    "/sys/bus/pci/devices",
    "/sys/module/nvidia",
    "/sys/fs/cgroup",
];

/// Variables with further files or folders for the loaders, separated by colons.
const VARIABLES: &[&str] = &[
    "LD_LIBRARY_PATH",
    "VK_DRIVER_FILES",
    "VK_ADD_DRIVER_FILES",
    "VK_ICD_FILENAMES",
    "LIBGL_DRIVERS_PATH",
    "GBM_BACKENDS_PATH",
    "__EGL_VENDOR_LIBRARY_DIRS",
    "__EGL_VENDOR_LIBRARY_FILENAMES",
];

/// GPU nodes: DRM's render nodes, not its primary ones, which also set up displays; NVIDIA's nodes have numbers in
/// their names and lie in /dev itself.
const DEVICES: &[(&str, &str)] = &[("/dev/dri", "renderD"), ("/dev", "nvidia")];
/// Folders in which the drivers list GPU nodes.
const DEVICE_FOLDERS: &[&str] = &["/dev/dri"];

/// Devices without hardware.
const HARMLESS_DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"];

/// Results of Landlock's parts, which came with different kernels.
#[derive(Debug)]
pub struct Restricted {
    pub files: Held,
    pub tcp: Held,
    pub scope: Held,
}

/// Applies the rules to this thread and to the threads that it creates later.
pub fn restrict(folder: Option<&Path>, cache: Option<&Path>) -> Restricted {
    let abi = match apply(folder, cache) {
        Ok(abi) => abi,
        Err(why) => return nothing(&why),
    };
    let since = |first: ABI, what: &str, tried: fn() -> Held| {
        if abi >= first { tried() } else { Err(format!("this kernel's Landlock has no rules for {what}")) }
    };
    Restricted {
        files: files_are_out_of_reach(),
        tcp: since(ruleset::TCP, "TCP", tcp_is_out_of_reach),
        scope: since(ruleset::SCOPES, "signals", others_are_out_of_reach),
    }
}

fn nothing(why: &str) -> Restricted {
    let missing = || Err(why.to_owned());
    Restricted { files: missing(), tcp: missing(), scope: missing() }
}

fn apply(folder: Option<&Path>, cache: Option<&Path>) -> Result<ABI, String> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    let remove: BitFlags<AccessFs> = AccessFs::RemoveFile | AccessFs::RemoveDir | AccessFs::ReadDir;
    let keep = read | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::MakeReg | AccessFs::MakeDir | remove;
    ruleset::restrict(|rules| {
        rules
            .add_rules(path_beneath_rules(READ, read))?
            .add_rules(path_beneath_rules(named_by_variables(), read))?
            .add_rules(path_beneath_rules(DEVICE_FOLDERS, AccessFs::ReadDir))?
            .add_rules(path_beneath_rules(devices(), device | AccessFs::ReadDir))?
            .add_rules(path_beneath_rules(HARMLESS_DEVICES, AccessFs::ReadFile | AccessFs::WriteFile))?
            .add_rules(path_beneath_rules(folder, remove))?
            .add_rules(path_beneath_rules(cache, keep))
    })
}

/// All paths with a rule, except the process's own folder in /proc.
pub fn needed(folder: Option<&Path>) -> Vec<PathBuf> {
    let fixed = READ.iter().chain(HARMLESS_DEVICES).map(PathBuf::from).filter(|path| path != Path::new("/proc/self"));
    fixed.chain(named_by_variables()).chain(devices()).chain(folder.map(Path::to_owned)).collect()
}

fn named_by_variables() -> Vec<PathBuf> {
    let values = VARIABLES.iter().filter_map(env::var_os);
    values.flat_map(|value| env::split_paths(&value).collect::<Vec<_>>()).filter(|path| path.is_absolute()).collect()
}

/// True when a GPU node of [`DEVICES`] exists.
pub fn has_gpu() -> bool {
    !devices().is_empty()
}

fn devices() -> Vec<PathBuf> {
    let starts = |path: &Path, start: &str| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(start))
    };
    let entries = |folder| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    DEVICES.iter().flat_map(|&(folder, start)| entries(folder).filter(move |path| starts(path, start))).collect()
}

#[allow(clippy::disallowed_methods)] // A trial that must fail.
fn files_are_out_of_reach() -> Held {
    // One of the two exists in the old and the new root; Landlock does not hide existence.
    let trial = ["/etc/passwd", root::TRIAL].into_iter().find(|file| Path::new(file).exists());
    let trial = trial.ok_or("the self-test has no file to try")?;
    forbidden(&format!("read {trial}"), fs::File::open(trial))?;
    forbidden("list the root folder", fs::read_dir("/"))?;
    let folder = Some(env::temp_dir()).filter(|folder| folder.is_dir()).unwrap_or_else(|| PathBuf::from("/"));
    let made = folder.join(format!("airlock-self-test-{}", std::process::id()));
    let tried = fs::File::create(&made);
    if tried.is_ok() {
        let _ = fs::remove_file(&made);
    }
    forbidden("make a file", tried)
}

fn tcp_is_out_of_reach() -> Held {
    match TcpListener::bind(SocketAddr::from(([0, 0, 0, 0], 0))) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        // A service manager's filter (RestrictAddressFamilies=) may forbid Internet sockets, which has the same effect.
        Err(error) if error.raw_os_error() == Some(Errno::AFNOSUPPORT.raw_os_error()) => Ok(()),
        Err(error) => Err(because("the self-test was refused a TCP port by something else", error)),
        Ok(_) => Err("the self-test could listen on a TCP port".to_owned()),
    }
}

fn others_are_out_of_reach() -> Held {
    match getppid() {
        Some(parent) => forbidden("signal its parent", test_kill_process(parent)),
        // The parent is in another PID namespace, and so are all other processes.
        None => Ok(()),
    }
}
