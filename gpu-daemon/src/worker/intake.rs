//! Intake of batches.

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use airlock_protocol::{
    spin::SpinPolicy,
    transport::{BatchReceiver, ReceiveError},
};

use crate::{pending::poll, session::Session, worker::vitals::Phase};

/// Receiver of batches.
#[derive(Debug)]
pub struct Intake {
    commands: BatchReceiver,
    spin: SpinPolicy,
    /// Bytes of events at the last wait.
    answered: u64,
}

impl Intake {
    /// Creates an intake that has not received a batch.
    pub fn new(commands: BatchReceiver) -> Self {
        Self { commands, spin: SpinPolicy::default(), answered: 0 }
    }

    /// Receives a batch: naps where one is expected later, spins for a moment, then blocks. The spin phase polls pending GPU work
    /// itself; before it blocks, it wakes the poll thread for that.
    pub fn next(&mut self, session: &mut Session) -> Result<Vec<u8>, ReceiveError> {
        let (completions, vitals) = (Arc::clone(&session.completions), Arc::clone(&session.vitals));
        let begun = || vitals.enter(Phase::Receiving);
        // A client that was answered, or will be when the GPU is done, waits for the next answer as well. One that only records
        // does not notice that the worker sleeps.
        let answered = vitals.bytes_out.load(Ordering::Relaxed);
        self.spin.hurry(session.waiting || answered != std::mem::replace(&mut self.answered, answered));
        let start = Instant::now();
        let (mut nap, mut time, mut end) = (self.spin.nap(), Duration::ZERO, self.spin.window());
        let mut napped = false;
        while time < end {
            if let Some(batch) = self.commands.try_recv_watched(begun)? {
                if napped {
                    self.spin.overslept()
                } else {
                    self.spin.waited(time)
                }
                return Ok(batch);
            }
            napped = !nap.is_zero();
            session.waiting = session.waiting && vitals.polls.run(|| poll::poll_waited_for(&completions));
            if nap.is_zero() {
                // Yields to every other runnable thread: the driver's own threads, and the client.
                thread::yield_now();
                time = start.elapsed();
            } else {
                give_credit(session);
                self.commands.nap(std::mem::take(&mut nap))?;
                time = start.elapsed();
                end = time.saturating_add(end);
            }
        }
        give_credit(session);
        if std::mem::take(&mut session.waiting) {
            session.completions.watch.wake();
        }
        let batch = self.commands.recv_watched(begun)?;
        self.spin.waited(start.elapsed());
        Ok(batch)
    }
}

/// Gives the client the ring's memory back before this thread sleeps.
fn give_credit(session: &mut Session) {
    session.completions.credit.settle(session.payloads.consumed());
    if session.completions.credit.is_short() {
        session.await_uploads();
    }
}
