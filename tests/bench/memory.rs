//! Peak memory of a runner and its descendants.

use std::collections::BTreeMap;

use airlock_tests::processes::{arguments, descendants, name, peak_memory};

/// The peak resident memory of each process, in bytes. Pages that two processes share count in both.
#[derive(Debug, Default)]
pub struct Peaks {
    processes: BTreeMap<u32, Peak>,
}

#[derive(Debug)]
struct Peak {
    role: Role,
    bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// The runner itself, which runs the guest.
    Host,
    /// A GPU worker of Airlock.
    Worker,
    /// Any other process.
    Other,
}

/// Records the peaks of a process and its descendants.
pub fn look(id: u32, peaks: &mut Peaks) {
    for each in std::iter::once(id).chain(descendants(id)) {
        let Some(bytes) = peak_memory(each) else { continue };
        // A new process is a copy of its parent until `exec`, so its role may change.
        let role = match each {
            _ if each == id => Role::Host,
            _ if name(each) == "gpu-daemon" && arguments(each).get(1).is_some_and(|word| word == "worker") => {
                Role::Worker
            }
            _ => Role::Other,
        };
        peaks.processes.insert(each, Peak { role, bytes });
    }
}

impl Peaks {
    /// The peak of the process that runs the guest.
    pub fn host(&self) -> Option<u64> {
        self.largest(Role::Host)
    }

    /// The peak of the process that has the GPU, if it is another one.
    pub fn worker(&self) -> Option<u64> {
        self.largest(Role::Worker)
    }

    /// The sum over all processes, each at its own peak.
    pub fn total(&self) -> u64 {
        self.processes.values().map(|peak| peak.bytes).sum()
    }

    fn largest(&self, role: Role) -> Option<u64> {
        self.processes.values().filter(|peak| peak.role == role).map(|peak| peak.bytes).max()
    }
}
