//! Limits of the kernel's for a process.

use rustix::{
    io::dup,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use super::trial::{Held, because};

/// Open descriptors: a session has tens, NVIDIA's driver up to about a hundred.
const MAX_DESCRIPTORS: u64 = 512;

/// What a worker needs beside its GPU's memory: libraries, compilers, buffers.
const OWN_MEMORY: u64 = 6 << 30;

/// Bytes of a file in memory beyond GPU memory: software drivers keep all of that in one.
const OWN_FILE: u64 = 256 << 20;

/// When memory is short, a worker is ended before anything else: the kernel's highest score (proc_pid_oom_score_adj(5)).
const OOM_SCORE: &str = "1000";

/// Sets what holds for every driver: no core dump, a bound for descriptors, and for the files in memory that a process
/// can fill without mapping them; it is the first to go where memory is short. `gpu` is its GPU memory.
pub fn set(gpu: u64) -> Held {
    // A core dump would hold a client's data, and this process may not write files.
    lower(Resource::Core, 0)?;
    lower(Resource::Nofile, MAX_DESCRIPTORS)?;
    lower(Resource::Msgqueue, 0)?;
    lower(Resource::Fsize, gpu.saturating_add(OWN_FILE))?;
    set_oom_score()?;
    let mut held = Vec::new();
    for _ in 0..=MAX_DESCRIPTORS {
        match dup(std::io::stderr()) {
            Ok(descriptor) => held.push(descriptor),
            Err(_) => return Ok(()),
        }
    }
    Err(format!("the self-test could open more than {MAX_DESCRIPTORS} descriptors"))
}

/// Bounds the memory of a process whose GPU is the CPU, so that it cannot take the machine's whatever its driver does.
/// Drivers of real GPUs reserve address space without using it, which the kernel counts the same.
pub fn set_memory(gpu: u64) -> Held {
    lower(Resource::Data, gpu.saturating_add(OWN_MEMORY))
}

/// This is a file of the kernel's, which is there and takes the value at once.
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
