//! Crash back-off: pauses for clients whose workers crash with a GPU.
//!
//! Each session starts the driver again, and each crash of it may reset the GPU under all other sessions. So after a few
//! crashes their origin is refused for a pause, which doubles with each further crash; other clients are not. The kernel
//! reports the origin: a user, and the cgroup of the process that connected, which distinguishes a container, a service or
//! a login from the others of the same user. A user who may create cgroups can use a new one for each crash; that user has
//! the right to run programs here, and harms its own sessions like those of others.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use crate::platform::Peer;

/// The first pause.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Upper bound of a pause.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// Maximum number of separate records. Beyond it, the origins of one user share a record.
const MAX_ORIGINS: usize = 4096;

/// The origin of a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    uid: u32,
    cgroup: Option<String>,
}

impl Origin {
    /// The origin of a peer.
    pub fn of(peer: &Peer) -> Self {
        Self { uid: peer.uid, cgroup: peer.cgroup.clone() }
    }

    /// The origin of a claim's clients, whatever their user and cgroup: a restarted container is the same tenant.
    pub fn of_claim(name: &str) -> Self {
        Self { uid: u32::MAX, cgroup: Some(name.to_owned()) }
    }
}

/// The crashes of each origin's workers.
#[derive(Debug)]
pub struct Crashes {
    limit: usize,
    window: Duration,
    origins: HashMap<Origin, Record>,
}

#[derive(Debug)]
struct Record {
    /// The latest crashes within the window, at most as many as the limit.
    recent: VecDeque<Instant>,
    /// Pauses so far.
    pauses: u32,
    /// The end of the last pause.
    until: Instant,
    /// Time at which the record is dropped.
    forgiven: Instant,
}

impl Crashes {
    /// Refuses an origin after `limit` crashes within `window`; never, if `limit` is 0.
    pub fn new(limit: usize, window: Duration) -> Self {
        Self { limit, window, origins: HashMap::new() }
    }

    /// Counts a crash. Within the window after a pause, one crash starts the next pause.
    pub fn count(&mut self, origin: &Origin, now: Instant) {
        if self.limit == 0 {
            return;
        }
        self.forget(now);
        let fresh = || Record { recent: VecDeque::new(), pauses: 0, until: now, forgiven: now };
        let known = self.origins.contains_key(origin) || self.origins.len() < MAX_ORIGINS;
        let origin = if known { origin.clone() } else { Origin { uid: origin.uid, cgroup: None } };
        let record = self.origins.entry(origin).or_insert_with(fresh);
        record.recent.push_back(now);
        while record.recent.front().is_some_and(|&crash| now.saturating_duration_since(crash) > self.window) {
            record.recent.pop_front();
        }
        if record.pauses > 0 || record.recent.len() >= self.limit {
            let doubled = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(record.pauses).unwrap_or(u32::MAX));
            record.until = record.until.max(now + doubled.min(MAX_PAUSE));
            record.pauses = record.pauses.saturating_add(1);
            record.recent.clear();
        }
        record.forgiven = record.until.max(now) + self.window;
    }

    /// The remaining pause of an origin, if any.
    pub fn pause(&mut self, origin: &Origin, now: Instant) -> Option<Duration> {
        self.forget(now);
        self.origins.get(origin)?.until.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    fn forget(&mut self, now: Instant) {
        self.origins.retain(|_, record| record.forgiven > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn user(uid: u32) -> Origin {
        Origin { uid, cgroup: Some("0::/".to_owned()) }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_few_crashes_are_followed_by_growing_pauses_for_their_user_only() {
        let start = Instant::now();
        let mut crashes = Crashes::new(3, WINDOW);
        crashes.count(&user(1), start);
        crashes.count(&user(1), start + seconds(1));
        assert_eq!(crashes.pause(&user(1), start + seconds(1)), None);
        crashes.count(&user(1), start + seconds(2));
        assert_eq!(crashes.pause(&user(1), start + seconds(2)), Some(FIRST_PAUSE));
        assert_eq!(crashes.pause(&user(2), start + seconds(2)), None);
        assert_eq!(crashes.pause(&user(1), start + seconds(3)), None);
        let mut now = start + seconds(3);
        for pause in [2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            crashes.count(&user(1), now);
            assert_eq!(crashes.pause(&user(1), now), Some(seconds(pause)));
            now += seconds(pause);
        }
    }

    #[test]
    fn cgroups_of_one_user_are_told_apart_up_to_a_number() {
        let now = Instant::now();
        let mut crashes = Crashes::new(1, WINDOW);
        let of = |name: String| Origin { uid: 7, cgroup: Some(name) };
        crashes.count(&of("a".to_owned()), now);
        assert!(crashes.pause(&of("a".to_owned()), now).is_some());
        assert_eq!(crashes.pause(&of("b".to_owned()), now), None);
        assert_eq!(crashes.pause(&Origin { uid: 7, cgroup: None }, now), None);
        for number in 0..2 * MAX_ORIGINS {
            crashes.count(&of(format!("{number}")), now);
        }
        assert!(crashes.origins.len() <= MAX_ORIGINS + 1);
        assert!(crashes.pause(&Origin { uid: 7, cgroup: None }, now).is_some());
    }

    #[test]
    fn crashes_far_apart_are_forgiven() {
        let start = Instant::now();
        let mut crashes = Crashes::new(2, WINDOW);
        for minute in 0..10 {
            crashes.count(&user(1), start + seconds(61 * minute));
            assert_eq!(crashes.pause(&user(1), start + seconds(61 * minute)), None);
        }
        // One second before the record is dropped, one crash starts a pause.
        crashes.count(&user(1), start + seconds(61 * 9 + 59));
        assert_eq!(crashes.pause(&user(1), start + seconds(61 * 9 + 59)), Some(FIRST_PAUSE));
        let later = start + seconds(61 * 9 + 59 + 1 + 60);
        crashes.count(&user(1), later);
        assert_eq!(crashes.pause(&user(1), later), None);
        assert!(crashes.pause(&user(1), later + WINDOW).is_none() && crashes.origins.is_empty());
    }

    #[test]
    fn no_limit_is_zero() {
        let mut crashes = Crashes::new(0, WINDOW);
        let now = Instant::now();
        (0..100).for_each(|_| crashes.count(&user(1), now));
        assert_eq!(crashes.pause(&user(1), now), None);
    }
}
