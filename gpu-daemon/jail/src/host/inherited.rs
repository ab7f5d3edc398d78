//! Inherited descriptors: a shell's own, those of a build's job server, files with secrets. They are closed before a guest
//! runs, and programs that this process starts do not inherit them.
#![allow(unsafe_code)]

use std::{
    os::fd::{BorrowedFd, FromRawFd, OwnedFd},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use rustix::io::{FdFlags, fcntl_setfd};

use crate::{
    descriptors::{LAST_STANDARD, open},
    trial::Held,
};

static INHERITED: OnceLock<Vec<i32>> = OnceLock::new();

/// Records the open descriptors and marks them close-on-exec. Call it before this process opens anything.
pub fn note() {
    let above = |found: Vec<i32>| found.into_iter().filter(|&number| number > LAST_STANDARD).collect();
    let found = INHERITED.get_or_init(|| open().map(above).unwrap_or_default());
    for &descriptor in found {
        // SAFETY: the descriptor is open, because this process has not closed it yet, and is borrowed for this call.
        let _ = fcntl_setfd(unsafe { BorrowedFd::borrow_raw(descriptor) }, FdFlags::CLOEXEC);
    }
}

/// Closes the recorded descriptors, except those that `keep` names (`/dev/fd/63`, from a shell's `>(...)`).
pub fn close(keep: &[PathBuf]) -> Held {
    let inherited = INHERITED.get().map_or(&[][..], Vec::as_slice);
    let kept = |descriptor: &i32| keep.iter().any(|path| names(path, *descriptor));
    for descriptor in inherited.iter().filter(|descriptor| !kept(descriptor)) {
        // SAFETY: the process was started with the descriptor, and no value here owns it: `note` came before all else.
        drop(unsafe { OwnedFd::from_raw_fd(*descriptor) });
    }
    let left = open()?.into_iter().find(|descriptor| inherited.contains(descriptor) && !kept(descriptor));
    match left {
        // The number would be reused only by an open in between, and there is none.
        Some(descriptor) => Err(format!("descriptor {descriptor} is still open")),
        None => Ok(()),
    }
}

fn names(path: &Path, descriptor: i32) -> bool {
    let in_folder = ["/dev/fd", "/proc/self/fd"].iter().any(|folder| path.parent() == Some(Path::new(folder)));
    in_folder && path.file_name().and_then(|name| name.to_str()) == Some(&descriptor.to_string())
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
