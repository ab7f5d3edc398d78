//! The bounds that hold for all sessions together, and that of idle ones.

use std::{fs, time::Duration};

use super::{ends::Ending, options::ServeArguments};
use crate::supervisor::process_memory::BEYOND_QUOTA;

/// The bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Memory of all workers.
    pub memory: u64,
    /// GPU memory of all sessions.
    pub gpu_memory: u64,
    /// Memory of one worker.
    pub of_one: u64,
    /// How long a session may be idle.
    pub idle: Duration,
}

/// What a session uses.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// Which.
    pub number: u64,
    /// Bytes of its worker's memory, as the kernel counts it.
    pub memory: u64,
    /// Bytes of GPU memory, as the worker says.
    pub gpu_memory: u64,
    /// How long its client has asked for nothing.
    pub idle: Duration,
}

/// What all sessions used when they were last looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of GPU memory.
    pub gpu_memory: u64,
}

impl Bounds {
    /// As the operator wants, or as the machine has.
    pub fn of(arguments: &ServeArguments) -> Self {
        let none = u64::MAX;
        Self {
            memory: arguments.max_total_memory.map_or_else(machine, |size| size.0),
            gpu_memory: arguments.max_total_gpu_memory.map_or(none, |size| size.0),
            of_one: arguments.worker.quotas.max_memory.0.saturating_add(BEYOND_QUOTA),
            idle: arguments.idle_timeout.unwrap_or(Duration::MAX),
        }
    }

    /// What is used, and which sessions are to be ended for it: those that are idle or have more than one may have; and, as
    /// long as there is too little for the others, the one that has the most.
    pub fn judge(&self, uses: &[Use]) -> (Used, Vec<(u64, Ending)>) {
        let sum = |uses: &[Use]| Used {
            memory: uses.iter().fold(0, |sum: u64, one| sum.saturating_add(one.memory)),
            gpu_memory: uses.iter().fold(0, |sum: u64, one| sum.saturating_add(one.gpu_memory)),
        };
        let mut ends = Vec::new();
        let mut left = Vec::new();
        for &one in uses {
            if one.memory > self.of_one {
                ends.push((one.number, Ending::Memory));
            } else if one.idle > self.idle {
                ends.push((one.number, Ending::Idle));
            } else {
                left.push(one);
            }
        }
        for (bound, of) in
            [(self.memory, (|one| one.memory) as fn(&Use) -> u64), (self.gpu_memory, |one| one.gpu_memory)]
        {
            left.sort_by_key(of);
            while left.iter().fold(0, |sum: u64, one| sum.saturating_add(of(one))) > bound {
                let Some(most) = left.pop() else { break };
                ends.push((most.number, Ending::Memory));
            }
        }
        (sum(uses), ends)
    }
}

impl Used {
    /// There is none left for a further session.
    pub fn exceeds(&self, bounds: &Bounds) -> bool {
        self.memory >= bounds.memory || self.gpu_memory >= bounds.gpu_memory
    }
}

/// Three quarters of the machine's memory.
fn machine() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    kib.map_or(u64::MAX, |kib: u64| (kib / 4).saturating_mul(3 << 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn one(number: u64, memory: u64, gpu_memory: u64, idle: Duration) -> Use {
        Use { number, memory, gpu_memory, idle }
    }

    #[test]
    fn the_largest_go_until_there_is_enough() {
        let bounds = Bounds { memory: 100, gpu_memory: 50, of_one: 90, idle: SECOND };
        let (used, ends) = bounds.judge(&[one(1, 40, 10, SECOND), one(2, 50, 5, SECOND)]);
        assert_eq!((used, ends), (Used { memory: 90, gpu_memory: 15 }, vec![]));
        let (used, ends) = bounds.judge(&[one(1, 40, 0, SECOND), one(2, 60, 0, SECOND), one(3, 30, 0, SECOND)]);
        assert_eq!((used.exceeds(&bounds), ends), (true, vec![(2, Ending::Memory)]));
        let (_, ends) = bounds.judge(&[one(1, 1, 20, SECOND), one(2, 1, 20, SECOND), one(3, 1, 30, SECOND)]);
        assert_eq!(ends, [(3, Ending::Memory)]);
        // More than one may have, and idle: neither counts for the others.
        let (_, ends) = bounds.judge(&[one(1, 91, 0, SECOND), one(2, 60, 0, 2 * SECOND), one(3, 30, 0, SECOND)]);
        assert_eq!(ends, [(1, Ending::Memory), (2, Ending::Idle)]);
    }

    #[test]
    fn the_machine_has_memory() {
        assert!((64 << 20..1 << 50).contains(&machine()), "{}", machine());
    }
}
