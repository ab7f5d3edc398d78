//! Looking at processes from outside, through `/proc`.
#![allow(clippy::expect_used, clippy::panic)]

use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// The children of a process.
pub fn children(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("/proc");
    all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&id| stat(id).is_some_and(|(_, of)| of == parent))
        .collect()
}

/// The name of a process, from `/proc/<id>/comm`.
pub fn name(id: u32) -> String {
    fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default().trim().to_owned()
}

/// State and parent of a process; `None` when it is gone.
fn stat(id: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may hold anything; what follows its end is numbers.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    let state = words.next()?.chars().next()?;
    Some((state, words.next()?.parse().ok()?))
}

/// True while a process runs; one that waits to be reaped does not.
pub fn runs(id: u32) -> bool {
    stat(id).is_some_and(|(state, _)| state != 'Z')
}

/// The files that a process maps.
pub fn mapped_files(id: u32) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{id}/maps")).unwrap_or_default();
    let mut files: Vec<_> = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .filter(|file| file.starts_with('/'))
        .map(str::to_owned)
        .collect();
    files.sort();
    files.dedup();
    files
}

/// The most memory that a process has used, in bytes (`VmHWM`).
pub fn peak_memory(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}

/// Waits until `look` finds something, or fails after `limit`.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < limit, "no {what} within {limit:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The worker that a process has started.
#[track_caller]
pub fn worker_of(parent: u32) -> u32 {
    wait_for("worker", Duration::from_secs(30), || children(parent).into_iter().find(|&id| name(id) == "gpu-daemon"))
}
