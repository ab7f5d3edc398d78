//! Memory accounting of another process, including memory files that are not mapped.
//!
//! `/proc/PID/status` counts mapped memory. A memory file (`memfd_create`) that is filled with `fallocate` or `write`
//! and never mapped is in none of its figures; it is found through the process's descriptors. A file whose only
//! descriptor is in flight through a socket is missed; a cgroup counts that too ([`crate::supervisor::cgroups`]).

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, time::Duration};

/// Slack in bytes above `--max-memory` before the parent kills a worker. The worker ends its own session at
/// `--max-memory`; a compromised one does not.
pub const BEYOND_QUOTA: u64 = 512 << 20;
/// Sampling interval.
pub const TICK: Duration = Duration::from_millis(500);

/// Bytes of a block of `st_blocks`, whatever the file system.
const BLOCK: u64 = 512;

/// Bytes of a process's private and shared memory; `None` when it has exited.
pub fn of(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = |key: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let bytes = |key| kib(key).unwrap_or(0).saturating_mul(1 << 10);
    // Missing in a zombie.
    kib("RssAnon")?;
    // Shared memory is counted once: the larger of its mapped and its open part.
    let shared = bytes("RssShmem").max(open_memory(pid));
    Some(bytes("RssAnon").saturating_add(bytes("VmSwap")).saturating_add(shared))
}

/// Bytes of the memory files that a process has open, each counted once.
fn open_memory(pid: u32) -> u64 {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return 0 };
    let mut files = BTreeMap::new();
    for path in descriptors.flatten().map(|entry| entry.path()) {
        // The kernel's name of a memory file. Files on disk are not memory, and pipes and sockets are small.
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
