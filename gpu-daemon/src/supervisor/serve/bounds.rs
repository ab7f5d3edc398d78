//! Bounds on all sessions together, and the idle timeout.

use std::{fs, time::Duration};

use super::{ends::Ending, options::ServeArguments};
use crate::supervisor::process_memory::BEYOND_QUOTA;

/// Bounds, in bytes where not said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Memory of all workers.
    pub memory: u64,
    /// GPU memory of all sessions.
    pub gpu_memory: u64,
    /// Memory of one worker.
    pub of_one: u64,
    /// Idle timeout of a session.
    pub idle: Duration,
}

/// Resource use of a session.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    pub number: u64,
    /// Bytes of its worker's memory, as the kernel counts it.
    pub memory: u64,
    /// Bytes of GPU memory, as the worker reports it.
    pub gpu_memory: u64,
    /// Time since its last batch.
    pub idle: Duration,
}

/// Total use of all sessions at the last sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    pub memory: u64,
    pub gpu_memory: u64,
}

impl Bounds {
    /// Bounds of the command line, with defaults from the machine.
    pub fn of(arguments: &ServeArguments) -> Self {
        let none = u64::MAX;
        Self {
            memory: arguments.max_total_memory.map_or_else(machine, |size| size.0),
            gpu_memory: arguments.max_total_gpu_memory.map_or(none, |size| size.0),
            of_one: arguments.worker.quotas.max_memory.0.saturating_add(BEYOND_QUOTA),
            idle: arguments.idle_timeout.unwrap_or(Duration::MAX),
        }
    }

    /// Returns the total use, and the sessions to end: idle ones, those above the bound of one worker, and, while the
    /// total of the rest exceeds a bound, the largest.
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
                let Some(largest) = left.pop() else { break };
                ends.push((largest.number, Ending::Memory));
            }
        }
        (sum(uses), ends)
    }
}

impl Used {
    /// True when a total bound is reached, so that no further session is admitted.
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
        // One above the bound of one worker, and an idle one: neither counts towards the total.
        let (_, ends) = bounds.judge(&[one(1, 91, 0, SECOND), one(2, 60, 0, 2 * SECOND), one(3, 30, 0, SECOND)]);
        assert_eq!(ends, [(1, Ending::Memory), (2, Ending::Idle)]);
    }

    #[test]
    fn the_machine_has_memory() {
        assert!((64 << 20..1 << 50).contains(&machine()), "{}", machine());
    }
}
