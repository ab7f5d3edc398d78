//! Credit for the ring of commands: how much of it the client may write to again.
//!
//! The executor reads the ring in order. A piece that it copies is free at once; one that the GPU copies ([`Uploads`]) is free
//! when the submit that copies it is done, and so is all behind it.
//!
//! [`Uploads`]: crate::gpu::uploads::Uploads

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use airlock_protocol::{Event, limits::RING_SIZE};

use crate::{lock::lock, worker::events::Events};

/// Credit batching: bytes that become free before a credit event is sent, while there are more batches. Each event wakes a
/// client thread, and the client needs the credit only when the ring is full.
const STEP: u64 = RING_SIZE as u64 / 4;

/// Bytes without credit above which the client may wait for some. A piece has a quarter of the ring at most, and the end of
/// the ring that it skips has less, so that any piece fits while the client has half of the ring.
const SHORT: u64 = RING_SIZE as u64 / 2;

/// The credit of one session. The lock is a leaf: with it held, no call waits or leaves this module.
#[derive(Debug)]
pub struct Credit {
    state: Mutex<State>,
    events: Events,
}

#[derive(Debug, Default)]
struct State {
    /// Read position after the last batch.
    read: u64,
    /// Position of the last credit event.
    credited: u64,
    /// Pieces that the GPU copies, by the first of each submit, in the order of the ring.
    held: VecDeque<Held>,
    next: u64,
}

#[derive(Debug)]
struct Held {
    number: u64,
    /// Serial number of the device.
    device: u64,
    start: u64,
}

impl State {
    /// The position up to which nothing reads the ring any more.
    fn free(&self) -> u64 {
        self.held.front().map_or(self.read, |held| held.start)
    }

    /// The credit event that is due when `step` bytes have become free since the last one.
    fn due(&mut self, step: u64) -> Option<Event<'static>> {
        let free = self.free();
        if free.saturating_sub(self.credited) < step {
            return None;
        }
        self.credited = free;
        Some(Event::Credit { consumed: free })
    }
}

/// Keeps the ring from a piece on until it is dropped.
#[derive(Debug)]
pub struct Hold {
    credit: Arc<Credit>,
    number: u64,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.credit.release(self.number);
    }
}

impl Credit {
    /// Creates the credit of a ring that nothing was read from.
    pub fn new(events: Events) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), events })
    }

    /// Records the executor's position after a batch, and sends credit where enough is free.
    pub fn read(&self, consumed: u64) {
        self.tell(consumed, STEP);
    }

    /// Records the executor's position and sends whatever is free, before the executor blocks.
    pub fn settle(&self, consumed: u64) {
        self.tell(consumed, 1);
    }

    fn tell(&self, consumed: u64, step: u64) {
        let mut state = lock(&self.state);
        state.read = consumed;
        let event = state.due(step);
        drop(state);
        if let Some(event) = event {
            self.events.send(&event);
        }
    }

    /// Keeps the ring from `start` on, which no earlier hold is behind.
    pub fn hold(self: &Arc<Self>, device: u64, start: u64) -> Hold {
        let mut state = lock(&self.state);
        let number = state.next;
        state.next = number.wrapping_add(1);
        state.held.push_back(Held { number, device, start });
        Hold { credit: Arc::clone(self), number }
    }

    fn release(&self, number: u64) {
        let mut state = lock(&self.state);
        state.held.retain(|held| held.number != number);
        let event = state.due(STEP);
        drop(state);
        if let Some(event) = event {
            self.events.send(&event);
        }
    }

    /// Ends the holds of a lost device, and sends whatever that frees.
    pub fn forget(&self, device: u64) {
        let mut state = lock(&self.state);
        let before = state.held.len();
        state.held.retain(|held| held.device != device);
        let event = if state.held.len() == before { None } else { state.due(1) };
        drop(state);
        if let Some(event) = event {
            self.events.send(&event);
        }
    }

    /// True when the client may wait for pieces that the GPU copies.
    pub fn is_short(&self) -> bool {
        let state = lock(&self.state);
        !state.held.is_empty() && state.read.saturating_sub(state.credited) > SHORT
    }

    /// Position of the last credit event.
    pub fn position(&self) -> u64 {
        lock(&self.state).credited
    }

    /// The devices whose GPU copies pieces.
    pub fn devices(&self) -> Vec<u64> {
        lock(&self.state).held.iter().map(|held| held.device).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_behind_a_piece_that_the_gpu_copies_is_free() {
        let mut state = State { read: 100, ..State::default() };
        assert_eq!(state.free(), 100);
        for (number, start) in [(0, 20), (1, 40)] {
            state.held.push_back(Held { number, device: 0, start });
        }
        assert_eq!(state.free(), 20);
        assert!(state.due(21).is_none() && state.due(20).is_some());
        assert!(state.due(1).is_none(), "sent twice");
        // A later submit of another device is done first.
        state.held.retain(|held| held.number != 1);
        assert_eq!(state.free(), 20);
        state.held.clear();
        assert!(matches!(state.due(80), Some(Event::Credit { consumed: 100 })));
    }
}
