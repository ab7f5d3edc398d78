//! Observation of processes from outside, through `/proc`.
#![allow(clippy::expect_used, clippy::panic)]

use std::{
    fs, io, thread,
    time::{Duration, Instant},
};

/// Timeout far above any duration on a slow and loaded machine; a hanging test ends here.
pub const LIMIT: Duration = Duration::from_secs(600);

/// The children of a process.
pub fn children(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("/proc");
    all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&id| stat(id).is_some_and(|(_, of)| of == parent))
        .collect()
}

/// All descendants of a process, in one scan of `/proc`. Orphans are not among them.
pub fn descendants(ancestor: u32) -> Vec<u32> {
    let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<_> = ids.filter_map(|id| Some((id, stat(id)?.1))).collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        next += 1;
    }
    found.split_off(1)
}

/// The name of a process, from `/proc/<id>/comm`.
pub fn name(id: u32) -> String {
    fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default().trim().to_owned()
}

/// The parent of a process; `None` when it is gone.
pub fn parent(id: u32) -> Option<u32> {
    stat(id).map(|(_, parent)| parent)
}

/// State and parent of a process; `None` when it is gone.
fn stat(id: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may contain anything; numbers follow it.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    let state = words.next()?.chars().next()?;
    Some((state, words.next()?.parse().ok()?))
}

/// True while a process runs; a zombie does not. A killed process runs while another of its threads still holds its
/// descriptors.
pub fn runs(id: u32) -> bool {
    let threads = || fs::read_dir(format!("/proc/{id}/task")).map_or(0, Iterator::count);
    stat(id).is_some_and(|(state, _)| state != 'Z' || threads() > 1)
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

/// The peak memory of a process, in bytes (`VmHWM`).
pub fn peak_memory(id: u32) -> Option<u64> {
    status_bytes(id, "VmHWM")
}

fn status_bytes(id: u32, key: &str) -> Option<u64> {
    kib(&fs::read_to_string(format!("/proc/{id}/status")).ok()?, key)
}

/// The bytes of a line such as `VmRSS:  1024 kB`.
fn kib(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

/// Polling interval of a test's waits.
pub(crate) const PAUSE: Duration = Duration::from_millis(1);

/// Polls `look` until it returns a value, or fails after `limit`.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < limit, "no {what} within {limit:?}");
        thread::sleep(PAUSE);
    }
}

/// Polls `holds` until it is true, or fails after `limit`.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    wait_for(what, limit, || holds().then_some(()));
}

/// Calls `look` repeatedly until a process has ended, for conditions that must hold all the time.
pub fn while_running(id: u32, mut look: impl FnMut()) {
    while runs(id) {
        look();
        thread::sleep(PAUSE);
    }
}

/// Time for which an idle process must not be scheduled. Longer than the tick of a worker's watchdog, which stops when
/// the worker is idle.
const STILL: Duration = Duration::from_millis(200);

/// Waits until these processes are idle: their threads sleep, and none was scheduled between two polls. A thread that
/// is ready to run counts as running, however busy the machine.
#[track_caller]
pub fn wait_until_idle(ids: &[u32], limit: Duration) {
    let look = || ids.iter().map(|&id| sleepers(id)).collect::<Option<Vec<_>>>();
    let mut before = None;
    wait_until("idle process", limit, || {
        let now = look();
        let same = now.is_some() && now == before;
        before = now;
        if !same {
            // An immediate second poll would return the same.
            thread::sleep(STILL);
        }
        same
    });
}

/// Context switches of each thread of a process; `None` when one of them runs or is runnable.
fn sleepers(id: u32) -> Option<Vec<String>> {
    let states = of_threads(id, "State");
    let counts = [of_threads(id, "voluntary_ctxt_switches"), of_threads(id, "nonvoluntary_ctxt_switches")].concat();
    (!states.iter().any(|state| state.starts_with('R'))).then_some(counts)
}

/// The arguments of a process, its program first.
pub fn arguments(id: u32) -> Vec<String> {
    let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    line.split(|&byte| byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

/// The workers that a process has started, by itself or through its broker.
pub fn workers_of(parent: u32) -> Vec<u32> {
    let is = |id: &u32, what: &str| name(*id) == "gpu-daemon" && arguments(*id).get(1).is_some_and(|word| word == what);
    let own = children(parent);
    let brokers = own.iter().filter(|id| is(id, "broker")).flat_map(|&id| children(id)).collect::<Vec<_>>();
    own.into_iter().chain(brokers).filter(|id| is(id, "worker")).collect()
}

/// The workers of a server, with those that have exited and are not reaped.
pub fn served_by(serve: u32) -> Vec<u32> {
    children(serve).into_iter().filter(|&id| arguments(id).get(1).is_none_or(|word| word != "zygote")).collect()
}

/// The worker that a process has started, by itself or through its broker.
#[track_caller]
pub fn worker_of(parent: u32) -> u32 {
    wait_for("worker", LIMIT, || workers_of(parent).into_iter().next())
}

/// The open files of a process, by the kernel's names.
pub fn open_files(id: u32) -> Vec<String> {
    let Ok(entries) = fs::read_dir(format!("/proc/{id}/fd")) else { return Vec::new() };
    let link = |entry: io::Result<fs::DirEntry>| fs::read_link(entry.ok()?.path()).ok();
    entries.filter_map(link).map(|path| path.to_string_lossy().into_owned()).collect()
}

/// Number of open descriptors of a process.
pub fn descriptors(id: u32) -> usize {
    fs::read_dir(format!("/proc/{id}/fd")).map_or(0, Iterator::count)
}

/// One value of each thread of a process, from `/proc/<id>/task/*/status`; none when the process is gone.
pub fn of_threads(id: u32, key: &str) -> Vec<String> {
    let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else { return Vec::new() };
    threads
        .filter_map(|thread| {
            let status = fs::read_to_string(thread.ok()?.path().join("status")).ok()?;
            let value = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            Some(value.trim().to_owned())
        })
        .collect()
}

/// The processor time of all threads that a process has now (the first number of `schedstat`, in nanoseconds); zero when it is
/// gone.
pub fn processor_time(id: u32) -> Duration {
    let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else { return Duration::ZERO };
    threads
        .filter_map(|thread| {
            let statistics = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            Some(Duration::from_nanos(statistics.split_whitespace().next()?.parse().ok()?))
        })
        .sum()
}

/// The current memory of a process, in bytes (`VmRSS`).
pub fn memory(id: u32) -> Option<u64> {
    status_bytes(id, "VmRSS")
}

/// The proportional set size of a process, in bytes: a page that N processes map counts 1/N (`smaps_rollup`, proc(5)).
pub fn proportional_memory(id: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    kib(&rollup, "Pss")
}
