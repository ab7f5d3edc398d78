//! Blocks of the caller's thread, counted.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// The count and duration of callers' blocking waits: for space in the ring, for a full send queue, for a reply, for
/// the end of a worker. Polling without blocking is not counted.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    count: AtomicU64,
    nanoseconds: AtomicU64,
}

/// Counts of blocking waits, of [`Client::stats`](crate::Client::stats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blocked {
    /// The number.
    pub count: u64,
    /// The total duration.
    pub time: Duration,
}

impl Blocks {
    /// Runs a blocking function and counts it.
    pub(crate) fn during<R>(&self, block: impl FnOnce() -> R) -> R {
        let since = Instant::now();
        let result = block();
        self.add(Blocked { count: 1, time: since.elapsed() });
        result
    }

    /// Adds blocks that were counted elsewhere.
    pub(crate) fn add(&self, blocked: Blocked) {
        let nanoseconds = u64::try_from(blocked.time.as_nanos()).unwrap_or(u64::MAX);
        self.count.fetch_add(blocked.count, Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// The counts so far.
    pub(crate) fn get(&self) -> Blocked {
        Blocked {
            count: self.count.load(Ordering::Relaxed),
            time: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)),
        }
    }
}
