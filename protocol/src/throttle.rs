//! A rate limit for log messages and writes that a peer can cause.

use std::time::{Duration, Instant};

/// A token bucket that counts dropped messages.
#[derive(Debug)]
pub struct Throttle {
    burst: u32,
    every: Duration,
    left: u32,
    /// The start of the current period.
    since: Instant,
    dropped: u64,
}

impl Throttle {
    /// Admits `burst` messages, and one more after each `every`.
    pub fn new(burst: u32, every: Duration, now: Instant) -> Self {
        Self { burst, every, left: burst, since: now, dropped: 0 }
    }

    /// Admits a message and returns the number of those dropped before it; `None` to drop it.
    pub fn pass(&mut self, now: Instant) -> Option<u64> {
        let periods = now.saturating_duration_since(self.since).as_nanos() / self.every.as_nanos().max(1);
        let more = u32::try_from(periods).unwrap_or(u32::MAX);
        if more > 0 {
            self.left = self.left.saturating_add(more).min(self.burst);
            // A full bucket starts no period; otherwise the rest of one counts towards the next.
            self.since = if self.left == self.burst { now } else { self.since + self.every * more };
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Some(std::mem::take(&mut self.dropped))
            }
            None => {
                self.dropped = self.dropped.saturating_add(1);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_in_a_while() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut throttle = Throttle::new(3, Duration::from_millis(100), start);
        let passed = (0..10).filter(|_| throttle.pass(start).is_some()).count();
        assert_eq!((passed, throttle.dropped), (3, 7));
        assert_eq!(throttle.pass(at(99)), None);
        assert_eq!(throttle.pass(at(150)), Some(8));
        assert_eq!(throttle.pass(at(199)), None);
        assert_eq!(throttle.pass(at(200)), Some(1));
        // A long pause refills it to the burst at most.
        let passed = (0..10).filter(|_| throttle.pass(at(1_000_000)).is_some()).count();
        assert_eq!(passed, 3);
    }
}
