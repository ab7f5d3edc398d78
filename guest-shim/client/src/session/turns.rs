//! Coordination of the receivers: the guest's thread while it spins for a reply, or the receiving thread.
//!
//! A thread that sleeps at the socket is woken by every message, also by one that the guest takes before it. That costs
//! the daemon some ten microseconds per message, and a readback of a megabyte is six of them. So while guests receive,
//! and for a moment after, the thread sleeps elsewhere.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

/// Time for which the thread stays away after a guest has polled: the next poll is probably near. Events without a
/// waiter may be delayed by as much.
const LINGER: Duration = Duration::from_millis(2);

/// Decides which thread receives.
#[derive(Debug)]
pub(super) struct Turns {
    start: Instant,
    /// End of the thread's absence, in nanoseconds from the start.
    away: AtomicU64,
    /// Number of waiters that do not poll. While there are any, the thread receives.
    relying: AtomicUsize,
    /// The thread waits at the socket, or is about to. A reset of this flag interrupts it.
    watching: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            away: AtomicU64::new(0),
            relying: AtomicUsize::new(0),
            watching: AtomicBool::new(false),
            thread: OnceLock::new(),
        }
    }

    /// Keeps the thread away until this time, unless a waiter relies on it. Returns whether the thread is at the socket
    /// and must be interrupted.
    pub(super) fn take(&self, until: Instant) -> bool {
        let away = until.saturating_duration_since(self.start).saturating_add(LINGER);
        self.away.store(u64::try_from(away.as_nanos()).unwrap_or(u64::MAX), SeqCst);
        // Usually the thread is away already, and a swap would take the cache line from its processor.
        self.relying.load(SeqCst) == 0 && self.watching.load(SeqCst) && self.watching.swap(false, SeqCst)
    }

    /// Adds a waiter that does not poll, until [`Turns::release`].
    pub(super) fn rely(&self) {
        self.relying.fetch_add(1, SeqCst);
        if let Some(thread) = self.thread.get().filter(|_| !self.watching.load(SeqCst)) {
            thread.unpark();
        }
    }

    /// True while there are waiters that do not poll.
    pub(super) fn is_relied_on(&self) -> bool {
        self.relying.load(SeqCst) > 0
    }

    /// Ends one [`Turns::rely`].
    pub(super) fn release(&self) {
        self.relying.fetch_sub(1, SeqCst);
    }

    /// The remaining time for which the thread stays away.
    fn away(&self) -> Duration {
        if self.relying.load(SeqCst) > 0 {
            return Duration::ZERO;
        }
        Duration::from_nanos(self.away.load(SeqCst)).saturating_sub(self.start.elapsed())
    }

    /// Called by the thread: blocks for as long as it must stay away.
    pub(super) fn wait(&self) {
        self.thread.get_or_init(thread::current);
        loop {
            // Set this before reading the others: a thread that changes those sees this, and interrupts.
            self.watching.store(true, SeqCst);
            let away = self.away();
            if away.is_zero() {
                return;
            }
            self.watching.store(false, SeqCst);
            // A waiter that began to rely between the two lines above has not unparked the thread; this second check
            // sees it.
            if self.relying.load(SeqCst) == 0 {
                thread::park_timeout(away);
            }
        }
    }

    /// True when the thread leaves an event that has arrived to a guest.
    pub(super) fn is_guests(&self) -> bool {
        !self.away().is_zero()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;

    /// Far above any duration in these tests.
    const LONG: Duration = Duration::from_secs(20);

    /// A thread that goes to the socket once for each message of the first channel, and reports it on the second.
    fn thread(turns: &Arc<Turns>) -> (mpsc::Sender<()>, mpsc::Receiver<()>) {
        let (go, coming) = mpsc::channel();
        let (there, came) = mpsc::channel();
        let turns = Arc::clone(turns);
        thread::spawn(move || {
            for () in coming {
                turns.wait();
                there.send(()).unwrap();
            }
        });
        (go, came)
    }

    #[test]
    fn the_thread_stays_away_until_somebody_relies_on_it() {
        let turns = Arc::new(Turns::new());
        let (go, came) = thread(&turns);
        go.send(()).unwrap();
        came.recv_timeout(LONG).expect("nobody keeps it away");
        assert!(turns.take(Instant::now() + 2 * LONG), "it is at the socket");
        assert!(turns.is_guests());
        assert!(!turns.take(Instant::now() + 2 * LONG), "it was interrupted already");
        go.send(()).unwrap();
        came.recv_timeout(Duration::from_millis(50)).expect_err("a guest receives");
        turns.rely();
        came.recv_timeout(LONG).expect("somebody relies on it");
        assert!(!turns.is_guests());
        assert!(!turns.take(Instant::now() + 2 * LONG), "it is not kept from those that rely on it");
        turns.release();
        assert!(turns.take(Instant::now()), "nobody does any more");
        go.send(()).unwrap();
        came.recv_timeout(LONG).expect("the guest's time is over");
    }

    #[test]
    fn whoever_comes_to_rely_on_it_is_never_overlooked() {
        let turns = Arc::new(Turns::new());
        let (go, came) = thread(&turns);
        for round in 0..5_000 {
            turns.take(Instant::now() + 2 * LONG);
            go.send(()).unwrap();
            // At varying times before and after the thread's check.
            (0..round % 400).for_each(|_| std::hint::spin_loop());
            turns.rely();
            came.recv_timeout(LONG).expect("somebody relies on it");
            turns.release();
        }
    }
}
