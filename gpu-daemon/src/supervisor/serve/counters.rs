//! A worker's counters, as far as they are believed.
//!
//! A worker that a client has taken over writes what it likes into its status. So a counter never falls and never grows
//! faster than any machine could count, and memory is never more than the quota: nonsense from one worker cannot make the
//! totals fall, overflow, or mean nothing for ever.

use std::time::Duration;

use crate::worker::status::Status;

/// Bytes per second that no client and worker exchange: more than a processor's memory gives.
const BYTES_PER_SECOND: u64 = 256 << 30;
/// Batches, commands and submits per second that no worker executes: one in a nanosecond.
const COUNTS_PER_SECOND: u64 = 1_000_000_000;

/// The counters of one session, up to when they were read last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// What is believed.
    pub seen: Status,
}

impl Counters {
    /// Takes what a worker says after it has run for so long; gives by how much each counter has grown. GPU memory and
    /// end are not sums and are only in what is seen.
    pub fn advance(&mut self, says: &Status, age: Duration, max_memory: u64) -> Status {
        let seconds = age.as_secs().saturating_add(1);
        let grow = |seen: &mut u64, says: u64, rate: u64| {
            let now = says.min(rate.saturating_mul(seconds)).max(*seen);
            let by = now - *seen;
            *seen = now;
            by
        };
        let seen = &mut self.seen;
        seen.gpu_memory = says.gpu_memory.min(max_memory);
        seen.end = says.end;
        seen.gpu = seen.gpu.max(says.gpu.min(1));
        Status {
            batches: grow(&mut seen.batches, says.batches, COUNTS_PER_SECOND),
            commands: grow(&mut seen.commands, says.commands, COUNTS_PER_SECOND),
            bytes_in: grow(&mut seen.bytes_in, says.bytes_in, BYTES_PER_SECOND),
            bytes_out: grow(&mut seen.bytes_out, says.bytes_out, BYTES_PER_SECOND),
            submits: grow(&mut seen.submits, says.submits, COUNTS_PER_SECOND),
            quota_hits: grow(&mut seen.quota_hits, says.quota_hits, COUNTS_PER_SECOND),
            throttled: grow(&mut seen.throttled, says.throttled, COUNTS_PER_SECOND),
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
    fn what_grows_is_counted_once() {
        let mut counters = Counters::default();
        let says = Status { submits: 10, bytes_in: 100, gpu_memory: 5, ..Status::default() };
        let grown = counters.advance(&says, SECOND, 1000);
        assert_eq!((grown.submits, grown.bytes_in, counters.seen.gpu_memory), (10, 100, 5));
        assert_eq!(counters.advance(&says, SECOND, 1000), Status::default());
        let says = Status { submits: 12, gpu_memory: 2, ..says };
        let grown = counters.advance(&says, SECOND, 1000);
        assert_eq!((grown.submits, grown.bytes_in, counters.seen.gpu_memory), (2, 0, 2));
    }

    #[test]
    fn nonsense_moves_nothing_back_and_little_forward() {
        let mut counters = Counters::default();
        let most = Status {
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
        let grown = counters.advance(&most, SECOND, 1000);
        assert_eq!(grown.submits, 2 * COUNTS_PER_SECOND);
        assert_eq!(grown.bytes_out, 2 * BYTES_PER_SECOND);
        assert_eq!(counters.seen.gpu_memory, 1000);
        let before = counters.seen;
        assert_eq!(counters.advance(&Status::default(), SECOND, 1000), Status::default());
        assert_eq!(Status { gpu_memory: 1000, end: u64::MAX, ..counters.seen }, before);
        // Not even after the longest time.
        counters.advance(&most, Duration::MAX, 1000);
        assert_eq!(counters.advance(&most, Duration::MAX, 1000), Status::default());
    }
}
