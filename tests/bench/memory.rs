//! How much memory a runner and all that it starts have used at most.

use std::collections::BTreeMap;

use airlock_tests::processes::{arguments, descendants, name, peak_memory};

/// The most that each process has used, in bytes of resident memory. Pages that two processes share count in both.
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
    /// The program itself, where the guest runs.
    Host,
    /// A process that has a GPU.
    Worker,
    /// What else it takes.
    Other,
}

/// Takes the peaks of a process and its descendants.
pub fn look(id: u32, peaks: &mut Peaks) {
    for each in std::iter::once(id).chain(descendants(id)) {
        let Some(bytes) = peak_memory(each) else { continue };
        // A process starts as a copy of its parent, so what it is may change until it runs its own program.
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
    /// Of the process that runs the guest.
    pub fn host(&self) -> Option<u64> {
        self.largest(Role::Host)
    }

    /// Of the process that has the GPU, where that is another one.
    pub fn worker(&self) -> Option<u64> {
        self.largest(Role::Worker)
    }

    /// Of all of them together, each at its own peak.
    pub fn total(&self) -> u64 {
        self.processes.values().map(|peak| peak.bytes).sum()
    }

    fn largest(&self, role: Role) -> Option<u64> {
        self.processes.values().filter(|peak| peak.role == role).map(|peak| peak.bytes).max()
    }
}
