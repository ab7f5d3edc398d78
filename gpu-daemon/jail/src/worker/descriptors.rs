//! Inherited descriptors: closes those that the parent left open, such as sockets of other sessions and files with
//! secrets. A correct parent leaves none; the jail does not rely on it.
#![allow(unsafe_code)]

use std::{
    io::IsTerminal,
    os::fd::{BorrowedFd, FromRawFd, OwnedFd},
};

use rustix::fs::{FileType, SealFlags, fcntl_get_seals, fstat};

use crate::{
    descriptors::{LAST_STANDARD, open},
    trial::{Held, because},
};

/// Device number of `/dev/null`, the same in every Linux.
const NULL_DEVICE: u64 = (1 << 8) | 3;

/// Closes every descriptor except the standard streams and those in `keep`.
pub fn close_all_but(keep: &[i32]) -> Held {
    for descriptor in open()? {
        if descriptor > LAST_STANDARD && !keep.contains(&descriptor) {
            // SAFETY: the process has one thread and has opened no descriptor that is not in `keep`, so that no value
            // owns this one; closing one that is closed already (the folder that `open` read) returns EBADF, which
            // `drop` ignores in a release build, and `open` has left that one out.
            drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
        }
    }
    match open()?.into_iter().find(|descriptor| *descriptor > LAST_STANDARD && !keep.contains(descriptor)) {
        Some(descriptor) => Err(format!("descriptor {descriptor} is still open")),
        None => Ok(()),
    }
}

/// Checks the remaining descriptors: each must be a socket, a pipe, `/dev/null`, or a memory file of sealed length.
/// Through a terminal, a compromised worker could read and inject its user's input; through a file, it could write to a
/// disk that Landlock denies.
pub fn none_leads_to_a_file() -> Held {
    for descriptor in open()? {
        // SAFETY: the descriptor is open, as `open` has just seen in a process of one thread, and is borrowed for as
        // long as this iteration.
        let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
        let stat = fstat(borrowed).map_err(|error| because("fstat", error))?;
        let sealed =
            || fcntl_get_seals(borrowed).is_ok_and(|seals| seals.contains(SealFlags::GROW | SealFlags::SHRINK));
        let what = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Socket | FileType::Fifo => continue,
            FileType::CharacterDevice if stat.st_rdev == NULL_DEVICE => continue,
            FileType::RegularFile if sealed() => continue,
            _ if borrowed.is_terminal() => "a terminal",
            FileType::CharacterDevice | FileType::BlockDevice => "a device",
            FileType::Directory => "a folder",
            _ => "a file",
        };
        return Err(format!("descriptor {descriptor} is {what}, and not a pipe"));
    }
    Ok(())
}
