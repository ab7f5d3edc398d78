//! Fingerprint of the installed drivers, without starting one: the Vulkan loader's manifests, the libraries that they name (by
//! path, length and time), the variables that configure drivers, and the processor, for which software drivers compile. A
//! change of any of them changes the key. Drivers also check their own build, but not all of the rest: llvmpipe 22.3 runs code
//! of another `LP_NATIVE_VECTOR_WIDTH`, and overflows its heap.

use std::path::Path;

use airlock_protocol::{connect::environment::of_drivers, processor};

use crate::drivers::{Manifest, installed, read};

/// Versions of the drivers' kernel modules.
const VERSIONS: &[&str] = &["/sys/module/nvidia/version", "/proc/sys/kernel/osrelease"];
/// Maximum bytes read of a version.
const MAX_READ: u64 = 64 << 10;

/// Computes the fingerprint.
pub fn fingerprint() -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    add_installed(&mut hasher, installed(), VERSIONS);
    for (name, value) in of_drivers() {
        add(&mut hasher, name.as_encoded_bytes());
        add(&mut hasher, value.as_encoded_bytes());
    }
    add(&mut hasher, processor::identity().as_bytes());
    *hasher.finalize().as_bytes()
}

fn add_installed(hasher: &mut blake3::Hasher, manifests: impl Iterator<Item = Manifest>, versions: &[&str]) {
    for manifest in manifests {
        add(hasher, manifest.path.as_os_str().as_encoded_bytes());
        add(hasher, &manifest.text);
        for (library, numbers) in manifest.files() {
            add(hasher, library.as_os_str().as_encoded_bytes());
            for number in numbers {
                hasher.update(&number.to_le_bytes());
            }
        }
    }
    for version in versions {
        add(hasher, &read(Path::new(version), MAX_READ));
    }
}

/// Adds bytes with their length, which separates them from the next.
fn add(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::drivers::read_all;

    #[test]
    fn a_new_version_of_a_library_or_a_manifest_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let now = || {
            let mut hasher = blake3::Hasher::new();
            add_installed(&mut hasher, read_all(std::iter::once(folder.path().to_owned())), &[]);
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
}
