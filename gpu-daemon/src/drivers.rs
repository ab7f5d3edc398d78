//! The installed Vulkan drivers: the loader's manifests, and the libraries that they name (Vulkan loader, "Driver Discovery" and
//! "Driver Filtering"). No driver is started.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use airlock_protocol::connect::environment::DRIVERS_DISABLE;

/// Folders of manifests, below those of `XDG_DATA_DIRS` and the like.
const FOLDERS: &[&str] = &[
    "/etc/vulkan/icd.d",
    "/etc/xdg/vulkan/icd.d",
    "/usr/local/etc/vulkan/icd.d",
    "/usr/local/share/vulkan/icd.d",
    "/usr/share/vulkan/icd.d",
    "/run/opengl-driver/share/vulkan/icd.d",
];
/// Variables whose manifests, or folders of them, take the place of those in [`FOLDERS`].
const INSTEAD: &[&str] = &["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];
/// Variable whose manifests are added to them.
const BESIDE: &str = "VK_ADD_DRIVER_FILES";
/// Folders of libraries that are named without one.
const LIBRARIES: &[&str] = &[
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/local/lib",
    "/run/opengl-driver/lib",
];
/// Maximum bytes read of a manifest, and maximum number of manifests.
const MAX_MANIFEST: u64 = 64 << 10;
const MAX_MANIFESTS: usize = 256;

/// A manifest of a driver.
#[derive(Debug)]
pub struct Manifest {
    /// Its file.
    pub path: PathBuf,
    /// The contents, empty where the file cannot be read.
    pub text: Vec<u8>,
}

/// The manifests in all places, whether the loader uses them or not.
pub fn installed() -> impl Iterator<Item = Manifest> {
    read_all(folders().chain(INSTEAD.iter().chain([&BESIDE]).flat_map(|name| named(name))))
}

/// The manifests that the loader uses.
pub fn used() -> impl Iterator<Item = Manifest> {
    let instead: Vec<_> = INSTEAD.iter().flat_map(|name| named(name)).collect();
    let places: Vec<_> = if instead.is_empty() { folders().collect() } else { instead };
    let disabled = env::var(DRIVERS_DISABLE).unwrap_or_default();
    read_all(places.into_iter().chain(named(BESIDE))).filter(move |manifest| !manifest.is_disabled(&disabled))
}

/// The files of all drivers, to be compared later.
pub fn files() -> Vec<(PathBuf, [u64; 4])> {
    installed().flat_map(|manifest| manifest.files()).collect()
}

fn folders() -> impl Iterator<Item = PathBuf> {
    FOLDERS.iter().map(PathBuf::from)
}

/// The paths in a variable.
fn named(variable: &str) -> Vec<PathBuf> {
    let paths = env::var_os(variable).unwrap_or_default();
    env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()).collect()
}

/// The manifests in folders, and those that are named themselves.
pub fn read_all(places: impl Iterator<Item = PathBuf>) -> impl Iterator<Item = Manifest> {
    places.flat_map(manifests).take(MAX_MANIFESTS).map(|path| Manifest { text: read(&path, MAX_MANIFEST), path })
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

/// The first `most` bytes of a file; none where it cannot be read.
#[allow(clippy::disallowed_methods)] // It only reads.
pub fn read(path: &Path, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if path.is_file()
        && let Ok(file) = fs::File::open(path)
    {
        let _ = file.take(most).read_to_end(&mut bytes);
    }
    bytes
}

impl Manifest {
    /// The driver's library, as the manifest names it: a path where it has a slash, else a name that the dynamic linker
    /// looks for.
    pub fn library(&self) -> Option<PathBuf> {
        let parsed: serde_json::Value = serde_json::from_slice(&self.text).unwrap_or_default();
        let name = parsed.pointer("/ICD/library_path").and_then(serde_json::Value::as_str)?;
        let path = Path::new(name);
        // A relative path is relative to its manifest.
        let folder = self.path.parent().filter(|_| name.contains('/'));
        Some(folder.map_or_else(|| path.to_owned(), |folder| folder.join(path)))
    }

    /// The files that the library is or may be, each with what changes when it is replaced: length, inode, time.
    pub fn files(&self) -> Vec<(PathBuf, [u64; 4])> {
        let numbers = |path: &PathBuf| {
            let data = fs::metadata(path).ok()?;
            Some([data.len(), data.ino(), data.mtime().cast_unsigned(), data.mtime_nsec().cast_unsigned()])
        };
        self.candidates().into_iter().filter_map(|path| numbers(&path).map(|numbers| (path, numbers))).collect()
    }

    fn candidates(&self) -> Vec<PathBuf> {
        let Some(library) = self.library() else { return Vec::new() };
        if library.parent() != Some(Path::new("")) {
            return vec![library];
        }
        let variable = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let folders = env::split_paths(&variable).chain(LIBRARIES.iter().map(PathBuf::from));
        folders.map(|folder| folder.join(&library)).collect()
    }

    /// True for a manifest whose name is in a list of patterns.
    fn is_disabled(&self, patterns: &str) -> bool {
        let name = self.path.file_name().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
        patterns.split(',').any(|pattern| matches(&pattern.trim().to_lowercase(), &name))
    }
}

/// True when a name matches a pattern, which may begin and end with a star.
fn matches(pattern: &str, name: &str) -> bool {
    if pattern == "~all~" {
        return true;
    }
    let (start, pattern) = pattern.strip_prefix('*').map_or((false, pattern), |rest| (true, rest));
    let (end, pattern) = pattern.strip_suffix('*').map_or((false, pattern), |rest| (true, rest));
    match (start, end) {
        (true, true) => name.contains(pattern),
        (true, false) => name.ends_with(pattern),
        (false, true) => name.starts_with(pattern),
        (false, false) => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_the_loaders() {
        for (pattern, name, expected) in [
            ("radeon_icd*", "radeon_icd.x86_64.json", true),
            ("radeon_icd*", "lvp_icd.x86_64.json", false),
            ("*lvp*", "lvp_icd.x86_64.json", true),
            ("*x86_64.json", "lvp_icd.x86_64.json", true),
            ("lvp_icd", "lvp_icd.x86_64.json", false),
            ("~all~", "lvp_icd.x86_64.json", true),
            ("", "lvp_icd.x86_64.json", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_library_is_a_name_or_a_path_beside_its_manifest() {
        let library =
            |text: &str| Manifest { path: "/a/b.json".into(), text: text.replace('\'', "\"").into_bytes() }.library();
        assert_eq!(library("{'ICD': {'library_path': 'libx.so'}}"), Some("libx.so".into()));
        assert_eq!(library("{'ICD': {'library_path': '/lib/libx.so'}}"), Some("/lib/libx.so".into()));
        assert_eq!(library("{'ICD': {'library_path': './libx.so'}}"), Some("/a/./libx.so".into()));
        assert_eq!(library("not JSON"), None);
    }
}
