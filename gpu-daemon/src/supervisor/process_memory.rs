//! The memory of another process, counted so that nothing is left out that a worker can fill.
//!
//! What a process maps is in its `status`. A file in memory (`memfd_create`) that is filled with `fallocate` or `write` and
//! never mapped is in no figure of the process's; it is found through the process's descriptors. What is left out is a file
//! whose only descriptor travels in a socket: a cgroup counts that too ([`crate::supervisor::cgroups`]).

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, time::Duration};

/// What a worker may have beyond `--max-memory`, above which it ends its session by itself, before its parent ends it: one
/// that has been taken over no longer does.
pub const BEYOND_QUOTA: u64 = 512 << 20;
/// How often parents look.
pub const TICK: Duration = Duration::from_millis(500);

/// Bytes of a block of `st_blocks`, whatever the file system.
const BLOCK: u64 = 512;

/// Bytes of memory that a process has of its own; `None` when it is gone.
pub fn of(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = |key: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let bytes = |key| kib(key).unwrap_or(0).saturating_mul(1 << 10);
    // A process that has ended and is not reaped has neither figure.
    kib("RssAnon")?;
    // Of the memory that is a file's, what is mapped counts once, and may be less or more than what is open.
    let shared = bytes("RssShmem").max(open_memory(pid));
    Some(bytes("RssAnon").saturating_add(bytes("VmSwap")).saturating_add(shared))
}

/// Bytes of the files in memory that a process has open, each counted once.
fn open_memory(pid: u32) -> u64 {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return 0 };
    let mut files = BTreeMap::new();
    for path in descriptors.flatten().map(|entry| entry.path()) {
        // The kernel's name for it: a file on a disk is not memory, and pipes and sockets are small.
        if fs::read_link(&path).is_ok_and(|name| name.as_os_str().as_encoded_bytes().starts_with(b"/memfd:"))
            && let Ok(data) = fs::metadata(&path)
        {
            files.insert((data.dev(), data.ino()), data.blocks().saturating_mul(BLOCK));
        }
    }
    files.values().fold(0, |sum: u64, &bytes| sum.saturating_add(bytes))
}

#[cfg(test)]
mod tests {
    use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, memfd_create};

    use super::*;

    #[test]
    fn memory_that_is_not_mapped_is_counted() {
        const MUCH: u64 = 256 << 20;
        let before = of(std::process::id()).unwrap();
        let file = memfd_create("hidden", MemfdFlags::CLOEXEC).unwrap();
        fallocate(&file, FallocateFlags::empty(), 0, MUCH).unwrap();
        let twice = rustix::io::dup(&file).unwrap();
        let with = of(std::process::id()).unwrap();
        assert!((MUCH..2 * MUCH).contains(&(with - before)), "{before} {with}");
        drop((file, twice));
        assert!(of(std::process::id()).unwrap() < before + MUCH);
        assert_eq!(of(u32::MAX), None);
    }
}
