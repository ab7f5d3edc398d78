//! How often the workers of a user crash, and what follows from it.
//!
//! A driver that crashes is started anew for each session, and each time may reset the GPU under everyone else. So after
//! a few crashes their user waits before the next session, longer each time, and other users do not.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

/// How long a user is refused the first time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How long a user is refused at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The crashes of each user's workers.
#[derive(Debug)]
pub struct Crashes {
    limit: usize,
    window: Duration,
    users: HashMap<u32, Record>,
}

#[derive(Debug)]
struct Record {
    /// The last crashes, within the window and at most as many as the limit.
    recent: VecDeque<Instant>,
    /// Pauses so far.
    pauses: u32,
    /// The end of the last pause.
    until: Instant,
    /// When all this is forgotten.
    forgiven: Instant,
}

impl Crashes {
    /// Refuses a user after `limit` crashes within `window`. No limit is 0.
    pub fn new(limit: usize, window: Duration) -> Self {
        Self { limit, window, users: HashMap::new() }
    }

    /// Counts a crash. Within the window after a pause, one is enough for the next.
    pub fn count(&mut self, uid: u32, now: Instant) {
        if self.limit == 0 {
            return;
        }
        self.forget(now);
        let fresh = || Record { recent: VecDeque::new(), pauses: 0, until: now, forgiven: now };
        let record = self.users.entry(uid).or_insert_with(fresh);
        record.recent.push_back(now);
        while record.recent.front().is_some_and(|&crash| now.saturating_duration_since(crash) > self.window) {
            record.recent.pop_front();
        }
        if record.pauses > 0 || record.recent.len() >= self.limit {
            let doubled = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(record.pauses).unwrap_or(u32::MAX));
            record.until = record.until.max(now + doubled.min(LONGEST_PAUSE));
            record.pauses = record.pauses.saturating_add(1);
            record.recent.clear();
        }
        record.forgiven = record.until.max(now) + self.window;
    }

    /// How long a user still has to wait, if at all.
    pub fn pause(&mut self, uid: u32, now: Instant) -> Option<Duration> {
        self.forget(now);
        self.users.get(&uid)?.until.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    fn forget(&mut self, now: Instant) {
        self.users.retain(|_, record| record.forgiven > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_few_crashes_are_followed_by_growing_pauses_for_their_user_only() {
        let start = Instant::now();
        let mut crashes = Crashes::new(3, WINDOW);
        crashes.count(1, start);
        crashes.count(1, start + seconds(1));
        assert_eq!(crashes.pause(1, start + seconds(1)), None);
        crashes.count(1, start + seconds(2));
        assert_eq!(crashes.pause(1, start + seconds(2)), Some(FIRST_PAUSE));
        assert_eq!(crashes.pause(2, start + seconds(2)), None);
        assert_eq!(crashes.pause(1, start + seconds(3)), None);
        let mut now = start + seconds(3);
        for pause in [2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            crashes.count(1, now);
            assert_eq!(crashes.pause(1, now), Some(seconds(pause)));
            now += seconds(pause);
        }
    }

    #[test]
    fn crashes_far_apart_are_forgiven() {
        let start = Instant::now();
        let mut crashes = Crashes::new(2, WINDOW);
        for minute in 0..10 {
            crashes.count(1, start + seconds(61 * minute));
            assert_eq!(crashes.pause(1, start + seconds(61 * minute)), None);
        }
        // One second before it is forgiven, one is enough to be refused.
        crashes.count(1, start + seconds(61 * 9 + 59));
        assert_eq!(crashes.pause(1, start + seconds(61 * 9 + 59)), Some(FIRST_PAUSE));
        let later = start + seconds(61 * 9 + 59 + 1 + 60);
        crashes.count(1, later);
        assert_eq!(crashes.pause(1, later), None);
        assert!(crashes.pause(1, later + WINDOW).is_none() && crashes.users.is_empty());
    }

    #[test]
    fn no_limit_is_zero() {
        let mut crashes = Crashes::new(0, WINDOW);
        let now = Instant::now();
        (0..100).for_each(|_| crashes.count(1, now));
        assert_eq!(crashes.pause(1, now), None);
    }
}
