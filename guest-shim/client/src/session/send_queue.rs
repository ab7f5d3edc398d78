//! The send queue of batches.
//!
//! Batches are sent directly while the daemon's socket has room. A socket's room is small: a guest that records faster
//! than the daemon executes would soon block in each call. So a thread blocks in its place, with a bounded number of
//! queued bytes, and the guest continues.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

use airlock_protocol::transport::BatchSender;

use super::{blocks::Blocks, sync::lock};

/// Bytes of queued batches, beside those in the socket. Above, the guest blocks: that is the stream's back-pressure.
pub(super) const MAX_WAITING: usize = 2 << 20;

/// A queue of batches in front of the socket.
pub(super) struct SendQueue {
    sender: BatchSender,
    queue: Arc<Queue>,
    blocks: Arc<Blocks>,
    /// The thread has started: with the first batch that had to be queued.
    threaded: bool,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Vec<u8>>,
    /// Bytes of all queued batches, the one that the thread is sending included.
    bytes: usize,
    /// No batch will be queued any more.
    closed: bool,
    /// The daemon is gone.
    gone: bool,
}

impl State {
    /// True when a batch of this length must wait for earlier ones. A batch that is longer than the bound is queued
    /// alone.
    fn is_full(&self, len: usize) -> bool {
        !self.gone && self.bytes > 0 && self.bytes.saturating_add(len) > MAX_WAITING
    }
}

impl SendQueue {
    pub(super) fn new(sender: BatchSender, blocks: Arc<Blocks>) -> Self {
        Self { sender, queue: Arc::default(), blocks, threaded: false }
    }

    /// Sends a batch, behind all earlier ones. A batch to a daemon that is gone is dropped: the thread that receives
    /// events notices the end.
    pub(super) fn send(&mut self, batch: &[u8]) {
        // Only this function adds to the queue.
        if lock(&self.queue.state).bytes == 0 {
            match self.sender.try_send(batch) {
                Ok(true) | Err(_) => return,
                Ok(false) => {}
            }
        }
        if !self.threaded && self.start().is_err() {
            let _ = self.blocks.during(|| self.sender.send(batch));
            return;
        }
        let mut state = lock(&self.queue.state);
        if state.is_full(batch.len()) {
            let full = |state: &mut State| state.is_full(batch.len());
            state = self
                .blocks
                .during(|| self.queue.changed.wait_while(state, full).unwrap_or_else(PoisonError::into_inner));
        }
        if !state.gone {
            state.bytes = state.bytes.saturating_add(batch.len());
            state.batches.push_back(batch.to_vec());
            self.queue.changed.notify_all();
        }
    }

    fn start(&mut self) -> io::Result<()> {
        let (sender, queue) = (self.sender.clone(), Arc::clone(&self.queue));
        thread::Builder::new().name("airlock-batches".to_owned()).spawn(move || queue.run(&sender))?;
        self.threaded = true;
        Ok(())
    }
}

impl Drop for SendQueue {
    /// Queued batches are still sent. The channel ends with the thread.
    fn drop(&mut self) {
        lock(&self.queue.state).closed = true;
        self.queue.changed.notify_all();
    }
}

impl Queue {
    /// The thread's body.
    fn run(&self, sender: &BatchSender) {
        loop {
            let idle = |state: &mut State| state.batches.is_empty() && !state.closed;
            let state = self.changed.wait_while(lock(&self.state), idle);
            let Some(batch) = state.unwrap_or_else(PoisonError::into_inner).batches.pop_front() else { return };
            let sent = sender.send(&batch);
            let mut state = lock(&self.state);
            state.bytes = state.bytes.saturating_sub(batch.len());
            if sent.is_err() {
                *state = State { gone: true, ..State::default() };
            }
            self.changed.notify_all();
            if state.gone {
                return;
            }
        }
    }
}
