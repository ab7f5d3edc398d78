//! Resource limits (setrlimit(2)) and the OOM score.

use std::os::fd::{AsRawFd as _, RawFd};

use rustix::{
    io::{Errno, fcntl_dupfd_cloexec},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use crate::trial::{Held, because};

/// Upper bound of open descriptors: a session has tens, NVIDIA's driver up to about a hundred.
const MAX_DESCRIPTORS: u64 = 512;

/// Bytes that a worker needs beside GPU memory: libraries, compilers, buffers.
const OWN_MEMORY: u64 = 6 << 30;

/// Bytes of a memory file beyond GPU memory: software drivers keep all GPU memory in one file.
const OWN_FILE: u64 = 256 << 20;

/// The kernel's highest OOM score: a worker is killed before any other process (proc_pid_oom_score_adj(5)).
const OOM_SCORE: &str = "1000";

/// Sets the limits for every driver: no core dump, a bound on descriptors and on memory files, which a process can fill
/// without mapping them, and the OOM score. `gpu` is the quota of GPU memory in bytes.
pub fn set(gpu: u64) -> Held {
    // A core dump would contain a client's data, and this process may not write files.
    lower(Resource::Core, 0)?;
    lower(Resource::Nofile, MAX_DESCRIPTORS)?;
    lower(Resource::Msgqueue, 0)?;
    lower(Resource::Fsize, gpu.saturating_add(OWN_FILE))?;
    set_oom_score()?;
    match fcntl_dupfd_cloexec(std::io::stderr(), MAX_DESCRIPTORS as RawFd) {
        // The kernel's error for a number above the limit (fcntl(2), F_DUPFD).
        Err(Errno::INVAL) => Ok(()),
        Err(error) => Err(because("the self-test of the descriptors", error)),
        Ok(descriptor) => Err(format!("the self-test could open descriptor {}", descriptor.as_raw_fd())),
    }
}

/// Bounds the memory of a process that renders on the CPU, so that it cannot exhaust the machine's. Drivers of real
/// GPUs reserve address space without using it, which the kernel counts the same.
pub fn set_memory(gpu: u64) -> Held {
    lower(Resource::Data, gpu.saturating_add(OWN_MEMORY))
}

/// Writes a file of the proc file system.
#[allow(clippy::disallowed_methods)]
fn set_oom_score() -> Held {
    std::fs::write("/proc/self/oom_score_adj", OOM_SCORE).map_err(|error| because("oom_score_adj", error))
}

fn lower(resource: Resource, to: u64) -> Held {
    let least = |limit: Option<u64>| Some(limit.map_or(to, |limit| limit.min(to)));
    let now = getrlimit(resource);
    let limit = Rlimit { current: least(now.current), maximum: least(now.maximum) };
    setrlimit(resource, limit).map_err(|error| because(&format!("{resource:?}"), error))
}
