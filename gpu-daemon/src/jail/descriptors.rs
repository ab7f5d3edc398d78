//! Descriptors that the parent left open: sockets of other sessions, files with secrets. A careful parent leaves none; this
//! does not rely on it.
#![allow(unsafe_code)]

use std::{
    fs,
    os::fd::{FromRawFd, OwnedFd},
};

use super::linux::{Held, because};

/// The standard streams stay.
const LAST_STANDARD: i32 = 2;

/// Closes every descriptor but the standard streams and those that are named.
pub fn close_all_but(keep: &[i32]) -> Held {
    for descriptor in open()? {
        if descriptor > LAST_STANDARD && !keep.contains(&descriptor) {
            // SAFETY: the process has one thread and has opened nothing that is not in `keep`, so that nothing in it owns
            // this descriptor; one that is closed already (the folder that `open` read) gives EBADF, which `drop` ignores
            // in a release build, and `open` has left that one out.
            drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
        }
    }
    match open()?.into_iter().find(|descriptor| *descriptor > LAST_STANDARD && !keep.contains(descriptor)) {
        Some(descriptor) => Err(format!("descriptor {descriptor} is still open")),
        None => Ok(()),
    }
}

/// The open descriptors, but for the one that this look needs.
fn open() -> Result<Vec<i32>, String> {
    let failed = |error| because("/proc/self/fd cannot be read", error);
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        found.extend(name.to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    // The folder's own is closed by now: it is no descriptor any more.
    found.retain(|descriptor| fs::symlink_metadata(format!("/proc/self/fd/{descriptor}")).is_ok());
    Ok(found)
}
