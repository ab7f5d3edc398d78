//! Batches on their way out.
//!
//! They go straight to the daemon while its socket has room. A socket's room is small: a guest that records faster than the
//! daemon executes would soon be held up in each call. So a thread waits in its place, with a bounded number of bytes, and
//! the guest goes on.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

use airlock_protocol::transport::BatchSender;

use super::{blocks::Blocks, sync::lock};

/// Bytes of batches that wait beside what the socket holds. Above, the guest waits: that is the stream's back-pressure.
pub(super) const MAX_WAITING: usize = 2 << 20;

/// See the module's header.
pub(super) struct SendQueue {
    sender: BatchSender,
    queue: Arc<Queue>,
    blocks: Arc<Blocks>,
    /// The thread has started: with the first batch that had to wait.
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
    /// Of all batches, and of the one that the thread is sending.
    bytes: usize,
    /// No batch comes any more.
    closed: bool,
    /// The daemon is gone.
    gone: bool,
}

impl State {
    /// Whether a batch of this length has to wait for earlier ones. A batch that is longer than the bound goes alone.
    fn is_full(&self, len: usize) -> bool {
        !self.gone && self.bytes > 0 && self.bytes.saturating_add(len) > MAX_WAITING
    }
}

impl SendQueue {
    pub(super) fn new(sender: BatchSender, blocks: Arc<Blocks>) -> Self {
        Self { sender, queue: Arc::default(), blocks, threaded: false }
    }

    /// Sends a batch, behind all that were sent before. What is sent to a daemon that is gone is dropped: the thread that
    /// receives events notices it.
    pub(super) fn send(&mut self, batch: &[u8]) {
        // The queue fills only here.
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
    /// What waits is still sent. The channel ends with the thread.
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
