//! Inherited descriptors: a shell's own, those of a build's job server, files with secrets. They are closed before a guest
//! runs, and programs that this process starts do not inherit them.
#![allow(unsafe_code)]

use std::{
    fs,
    os::fd::{BorrowedFd, FromRawFd, OwnedFd},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use rustix::io::{FdFlags, fcntl_setfd};

/// The standard streams stay.
const LAST_STANDARD: i32 = 2;

static INHERITED: OnceLock<Vec<i32>> = OnceLock::new();

/// Records the open descriptors and marks them close-on-exec. Call it before this process opens anything.
pub fn note() {
    let found = INHERITED.get_or_init(|| open().unwrap_or_default());
    for &descriptor in found {
        // SAFETY: it is open, since nothing here has had a reason to close it yet, and is borrowed for this call.
        let _ = fcntl_setfd(unsafe { BorrowedFd::borrow_raw(descriptor) }, FdFlags::CLOEXEC);
    }
}

/// Closes the recorded descriptors, except those that `keep` names (`/dev/fd/63`, from a shell's `>(...)`).
pub fn close(keep: &[PathBuf]) -> Result<(), String> {
    let inherited = INHERITED.get().map_or(&[][..], Vec::as_slice);
    let kept = |descriptor: &i32| keep.iter().any(|path| names(path, *descriptor));
    for descriptor in inherited.iter().filter(|descriptor| !kept(descriptor)) {
        // SAFETY: the process was started with it, and nothing here has taken it for its own: `note` came before all else.
        drop(unsafe { OwnedFd::from_raw_fd(*descriptor) });
    }
    let left = open()?.into_iter().find(|descriptor| inherited.contains(descriptor) && !kept(descriptor));
    match left {
        // The number is another's by now only if something was opened in between, which nothing does.
        Some(descriptor) => Err(format!("descriptor {descriptor} is still open")),
        None => Ok(()),
    }
}

fn names(path: &Path, descriptor: i32) -> bool {
    let in_folder = ["/dev/fd", "/proc/self/fd"].iter().any(|folder| path.parent() == Some(Path::new(folder)));
    in_folder && path.file_name().and_then(|name| name.to_str()) == Some(&descriptor.to_string())
}

/// The open descriptors above the standard ones, but for the one that this look needs.
fn open() -> Result<Vec<i32>, String> {
    let failed = |error: std::io::Error| format!("/proc/self/fd: {error}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        found.extend(name.to_str().and_then(|name| name.parse::<i32>().ok()).filter(|&number| number > LAST_STANDARD));
    }
    found.retain(|descriptor| fs::symlink_metadata(format!("/proc/self/fd/{descriptor}")).is_ok());
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shells_pipe_has_a_name() {
        assert!(names(Path::new("/dev/fd/63"), 63) && names(Path::new("/proc/self/fd/63"), 63));
        assert!(!names(Path::new("/dev/fd/63"), 6) && !names(Path::new("/tmp/63"), 63));
    }
}
