//! Batches as they come in, and what the client is told of its ring in return.

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

use crate::{completions::Completions, session::Session, vitals::Phase, watch};

/// Bytes of the ring that are read before the client hears of it, while there is more to do. Each event wakes a thread of
/// the client's, and nobody needs the room before the ring is full.
const CREDIT_STEP: u64 = RING_SIZE as u64 / 4;

/// See the module's header.
#[derive(Debug)]
pub struct Intake {
    commands: BatchReceiver,
    spin: SpinPolicy,
    /// How far the client knows that the ring was read.
    told: u64,
}

impl Intake {
    /// Nothing has come yet.
    pub fn new(commands: BatchReceiver) -> Self {
        Self { commands, spin: SpinPolicy::default(), told: 0 }
    }

    /// Waits for a batch, eagerly at first. What is waited for on the GPU is polled meanwhile, and left to the poll thread
    /// then.
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
            session.waiting = session.waiting && vitals.polls.run(|| watch::poll_waited_for(completions));
            // To the end of the queue, behind all else that can go on: the driver's own threads, and the client.
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

    /// A batch is done.
    pub fn done(&mut self, session: &Session) {
        let consumed = session.payloads.consumed();
        if consumed.saturating_sub(self.told) >= CREDIT_STEP {
            self.credit(consumed, &session.completions);
        }
    }

    /// Tells the client how far the ring was read, unless it knows.
    fn credit(&mut self, consumed: u64, completions: &Completions) {
        if std::mem::replace(&mut self.told, consumed) != consumed {
            completions.events.send(&Event::Credit { consumed });
        }
    }
}
