//! Intake of batches, and ring credit for the client.

use std::{
    thread,
    time::{Duration, Instant},
};

use airlock_protocol::{
    Event,
    limits::RING_SIZE,
    spin::SpinPolicy,
    transport::{BatchReceiver, ReceiveError},
};

use crate::{
    pending::{completions::Completions, poll},
    session::Session,
    worker::vitals::Phase,
};

/// Credit batching: bytes read from the ring before a credit event is sent, while there are more batches. Each event
/// wakes a client thread, and the client needs the credit only when the ring is full.
const CREDIT_STEP: u64 = RING_SIZE as u64 / 4;

/// Receiver of batches.
#[derive(Debug)]
pub struct Intake {
    commands: BatchReceiver,
    spin: SpinPolicy,
    /// Ring position of the last credit event.
    credited: u64,
}

impl Intake {
    /// Creates an intake that has not received a batch.
    pub fn new(commands: BatchReceiver) -> Self {
        Self { commands, spin: SpinPolicy::default(), credited: 0 }
    }

    /// Receives a batch: spins for a moment, then blocks. The spin phase polls pending GPU work itself; before it blocks, it
    /// wakes the poll thread for that.
    pub fn next(&mut self, session: &mut Session) -> Result<Vec<u8>, ReceiveError> {
        let (completions, vitals) = (&*session.completions, &*session.vitals);
        let begun = || vitals.enter(Phase::Receiving);
        let start = Instant::now();
        let mut time = Duration::ZERO;
        while time < self.spin.window() {
            if let Some(batch) = self.commands.try_recv_watched(begun)? {
                self.spin.waited(time);
                return Ok(batch);
            }
            session.waiting = session.waiting && vitals.polls.run(|| poll::poll_waited_for(completions));
            // Yields to every other runnable thread: the driver's own threads, and the client.
            thread::yield_now();
            time = start.elapsed();
        }
        if std::mem::take(&mut session.waiting) {
            completions.watch.wake();
        }
        self.credit(session.payloads.consumed(), completions);
        let batch = self.commands.recv_watched(begun)?;
        self.spin.waited(start.elapsed());
        Ok(batch)
    }

    /// Sends credit after a batch, if enough was read.
    pub fn done(&mut self, session: &Session) {
        let consumed = session.payloads.consumed();
        if consumed.saturating_sub(self.credited) >= CREDIT_STEP {
            self.credit(consumed, &session.completions);
        }
    }

    /// Sends a credit event, unless the client already has this position.
    fn credit(&mut self, consumed: u64, completions: &Completions) {
        if std::mem::replace(&mut self.credited, consumed) != consumed {
            completions.events.send(&Event::Credit { consumed });
        }
    }
}
