//! Fingerprint of the installed drivers, without starting one: the Vulkan loader's manifests, the libraries that they name (by
//! path, length and time), the variables that configure drivers, and the processor, for which software drivers compile. A
//! change of any of them changes the key. Drivers also check their own build, but not all of the rest: llvmpipe 22.3 runs code
//! of another `LP_NATIVE_VECTOR_WIDTH`, and overflows its heap.

use std::{
    env, fs,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use airlock_protocol::connect::environment::of_drivers;

/// Folders of manifests, below those of `XDG_DATA_DIRS` and the like (Vulkan loader, "Driver Discovery").
const MANIFESTS: &[&str] = &[
    "/etc/vulkan/icd.d",
    "/etc/xdg/vulkan/icd.d",
    "/usr/local/etc/vulkan/icd.d",
    "/usr/local/share/vulkan/icd.d",
    "/usr/share/vulkan/icd.d",
    "/run/opengl-driver/share/vulkan/icd.d",
];
/// Variables that name manifests or their folders.
const VARIABLES: &[&str] = &["VK_DRIVER_FILES", "VK_ADD_DRIVER_FILES", "VK_ICD_FILENAMES"];
/// Folders of libraries that are named without one.
const LIBRARIES: &[&str] = &[
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/local/lib",
    "/run/opengl-driver/lib",
];
/// Versions of the drivers' kernel modules.
const VERSIONS: &[&str] = &["/sys/module/nvidia/version", "/proc/sys/kernel/osrelease"];
/// List of processors, and the fields that identify one's instruction set: `flags` on x86, `Features` on Arm.
const PROCESSORS: &str = "/proc/cpuinfo";
const PROCESSOR: &[&str] = &[
    "vendor_id",
    "cpu family",
    "model",
    "stepping",
    "flags",
    "Features",
    "CPU implementer",
    "CPU architecture",
    "CPU variant",
    "CPU part",
    "CPU revision",
];
/// Maximum bytes read of a manifest or a version, and maximum number of manifests.
const MAX_READ: u64 = 64 << 10;
const MAX_MANIFESTS: usize = 256;

/// Computes the fingerprint.
pub fn fingerprint() -> [u8; 32] {
    let named = VARIABLES.iter().filter_map(env::var_os);
    let named = named.flat_map(|paths| env::split_paths(&paths).collect::<Vec<_>>());
    let mut hasher = blake3::Hasher::new();
    add_installed(&mut hasher, MANIFESTS.iter().map(PathBuf::from).chain(named), VERSIONS);
    for (name, value) in of_drivers() {
        add(&mut hasher, name.as_encoded_bytes());
        add(&mut hasher, value.as_encoded_bytes());
    }
    add_processor(&mut hasher, &read(Path::new(PROCESSORS)));
    *hasher.finalize().as_bytes()
}

/// Adds the first processor of a `/proc/cpuinfo`.
fn add_processor(hasher: &mut blake3::Hasher, cpuinfo: &[u8]) {
    let text = String::from_utf8_lossy(cpuinfo);
    for line in text.lines().take_while(|line| !line.is_empty()) {
        if line.split_once(':').is_some_and(|(name, _)| PROCESSOR.contains(&name.trim())) {
            add(hasher, line.as_bytes());
        }
    }
}

fn add_installed(hasher: &mut blake3::Hasher, places: impl Iterator<Item = PathBuf>, versions: &[&str]) {
    for manifest in places.flat_map(manifests).take(MAX_MANIFESTS) {
        let text = read(&manifest);
        add(hasher, manifest.as_os_str().as_encoded_bytes());
        add(hasher, &text);
        for library in library(&manifest, &text) {
            add(hasher, library.as_os_str().as_encoded_bytes());
            if let Ok(data) = fs::metadata(&library) {
                for number in [data.len(), data.ino(), data.mtime().cast_unsigned(), data.mtime_nsec().cast_unsigned()]
                {
                    hasher.update(&number.to_le_bytes());
                }
            }
        }
    }
    for version in versions {
        add(hasher, &read(Path::new(version)));
    }
}

/// Adds bytes with their length, which separates them from the next.
fn add(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
}

/// The manifests in a folder, sorted, or the path itself where it is not a folder.
fn manifests(place: PathBuf) -> Vec<PathBuf> {
    match fs::read_dir(&place) {
        Ok(entries) => {
            let paths = entries.flatten().map(|entry| entry.path());
            let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
            paths.sort();
            paths
        }
        Err(_) => vec![place],
    }
}

#[allow(clippy::disallowed_methods)] // It only reads.
fn read(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if path.is_file()
        && let Ok(file) = fs::File::open(path)
    {
        // An unreadable file counts as an empty one.
        let _ = file.take(MAX_READ).read_to_end(&mut bytes);
    }
    bytes
}

/// The candidate paths of a manifest's library.
fn library(manifest: &Path, text: &[u8]) -> Vec<PathBuf> {
    let parsed: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
    let Some(name) = parsed.pointer("/ICD/library_path").and_then(serde_json::Value::as_str) else { return Vec::new() };
    let path = Path::new(name);
    if name.contains('/') {
        // A relative path is relative to its manifest.
        return vec![manifest.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))];
    }
    let variable = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    env::split_paths(&variable).chain(LIBRARIES.iter().map(PathBuf::from)).map(|folder| folder.join(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_version_of_a_library_or_a_manifest_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let now = || {
            let mut hasher = blake3::Hasher::new();
            add_installed(&mut hasher, std::iter::once(folder.path().to_owned()), &[]);
            hasher.finalize()
        };
        let nothing = now();
        fs::write(path("a.json"), r#"{"ICD": {"library_path": "./liba.so"}}"#).unwrap();
        fs::write(path("liba.so"), "one").unwrap();
        let first = now();
        assert_ne!(first, nothing);
        assert_eq!(first, now());
        fs::write(path("liba.so"), "longer").unwrap();
        let second = now();
        assert_ne!(second, first);
        fs::write(path("b.json"), "not JSON").unwrap();
        assert_ne!(now(), second);
    }

    #[test]
    fn a_processor_is_its_model_and_instructions() {
        let of = |text: &str| {
            let mut hasher = blake3::Hasher::new();
            add_processor(&mut hasher, text.as_bytes());
            hasher.finalize()
        };
        let known = of("processor\t: 0\nmodel\t\t: 2\ncpu MHz\t\t: 2400.1\nflags\t\t: sse avx\n\nprocessor\t: 1\n");
        assert_eq!(
            of("processor\t: 0\nmodel\t\t: 2\ncpu MHz\t\t: 3100.7\nflags\t\t: sse avx\n\nprocessor\t: 1\n"),
            known
        );
        assert_ne!(of("processor\t: 0\nmodel\t\t: 3\nflags\t\t: sse avx\n"), known);
        assert_ne!(of("processor\t: 0\nmodel\t\t: 2\nflags\t\t: sse avx avx2\n"), known);
    }
}
