//! Sanitized counters of a worker.
//!
//! A compromised worker writes arbitrary numbers into its status file. So a counter never falls, never grows faster than
//! any machine could count, and memory never exceeds the quota: one worker cannot make the totals fall, overflow, or
//! become meaningless.

use std::time::Duration;

use crate::worker::status::Status;

/// Upper bound of bytes per second between client and worker: above a processor's memory bandwidth.
const BYTES_PER_SECOND: u64 = 256 << 30;
/// Upper bound of batches, commands and submits per second: one per nanosecond.
const COUNTS_PER_SECOND: u64 = 1_000_000_000;

/// The counters of one session at the last read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// The sanitized values.
    pub seen: Status,
}

impl Counters {
    /// Reads the counters of a worker of this age; returns the increase of each. GPU memory and end are not sums and
    /// are only in `seen`.
    pub fn advance(&mut self, reported: &Status, age: Duration, max_memory: u64) -> Status {
        let seconds = age.as_secs().saturating_add(1);
        let grow = |seen: &mut u64, reported: u64, rate: u64| {
            let now = reported.min(rate.saturating_mul(seconds)).max(*seen);
            let by = now - *seen;
            *seen = now;
            by
        };
        let seen = &mut self.seen;
        seen.gpu_memory = reported.gpu_memory.min(max_memory);
        seen.end = reported.end;
        seen.gpu = seen.gpu.max(reported.gpu.min(1));
        Status {
            batches: grow(&mut seen.batches, reported.batches, COUNTS_PER_SECOND),
            commands: grow(&mut seen.commands, reported.commands, COUNTS_PER_SECOND),
            bytes_in: grow(&mut seen.bytes_in, reported.bytes_in, BYTES_PER_SECOND),
            bytes_out: grow(&mut seen.bytes_out, reported.bytes_out, BYTES_PER_SECOND),
            submits: grow(&mut seen.submits, reported.submits, COUNTS_PER_SECOND),
            quota_hits: grow(&mut seen.quota_hits, reported.quota_hits, COUNTS_PER_SECOND),
            throttled: grow(&mut seen.throttled, reported.throttled, COUNTS_PER_SECOND),
            gpu_memory: 0,
            end: 0,
            gpu: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn increases_are_counted_once() {
        let mut counters = Counters::default();
        let reported = Status { submits: 10, bytes_in: 100, gpu_memory: 5, ..Status::default() };
        let grown = counters.advance(&reported, SECOND, 1000);
        assert_eq!((grown.submits, grown.bytes_in, counters.seen.gpu_memory), (10, 100, 5));
        assert_eq!(counters.advance(&reported, SECOND, 1000), Status::default());
        let reported = Status { submits: 12, gpu_memory: 2, ..reported };
        let grown = counters.advance(&reported, SECOND, 1000);
        assert_eq!((grown.submits, grown.bytes_in, counters.seen.gpu_memory), (2, 0, 2));
    }

    #[test]
    fn nonsense_moves_nothing_back_and_little_forward() {
        let mut counters = Counters::default();
        let max = Status {
            batches: u64::MAX,
            commands: u64::MAX,
            bytes_in: u64::MAX,
            bytes_out: u64::MAX,
            submits: u64::MAX,
            gpu_memory: u64::MAX,
            quota_hits: u64::MAX,
            end: u64::MAX,
            throttled: u64::MAX,
            gpu: u64::MAX,
        };
        let grown = counters.advance(&max, SECOND, 1000);
        assert_eq!(grown.submits, 2 * COUNTS_PER_SECOND);
        assert_eq!(grown.bytes_out, 2 * BYTES_PER_SECOND);
        assert_eq!(counters.seen.gpu_memory, 1000);
        let before = counters.seen;
        assert_eq!(counters.advance(&Status::default(), SECOND, 1000), Status::default());
        assert_eq!(Status { gpu_memory: 1000, end: u64::MAX, ..counters.seen }, before);
        // The same at the maximum age.
        counters.advance(&max, Duration::MAX, 1000);
        assert_eq!(counters.advance(&max, Duration::MAX, 1000), Status::default());
    }
}
