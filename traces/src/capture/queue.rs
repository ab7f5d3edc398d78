//! The queue from the recording threads to the writing thread: bounded in bytes, and without a wake-up per message.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::message::{Consumer, Message, Said};

/// Capacity of the queue in bytes. Beyond it the guest blocks, so that no message is lost.
const MAX_WAITING: usize = 16 << 20;

/// Bytes at which the writing thread is woken early.
const WAKE_AT: usize = 4 << 20;

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Messages are queued, or the queue has ended.
    filled: Condvar,
    /// Messages were taken or written.
    emptied: Condvar,
    start: Instant,
    window: Duration,
    /// Each message is written before the next is taken.
    strict: bool,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Message>,
    bytes: usize,
    pushed: u64,
    written: u64,
    /// No message will be added.
    ended: bool,
    /// No message will be taken.
    stopped: bool,
}

/// Stops a queue when its consumer's thread ends, by a panic too.
pub(super) struct StopAtEnd(pub Arc<Queue>);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Queue {
    pub fn new(window: Duration, strict: bool) -> Self {
        let (filled, emptied) = (Condvar::new(), Condvar::new());
        Self { state: Mutex::default(), filled, emptied, start: Instant::now(), window, strict }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message and blocks while the queue is full. Returns the message's number, and the duration of the wait if
    /// there was one.
    pub fn push(&self, session: u32, what: Said) -> (u64, Option<Duration>) {
        let weight = what.weight();
        let mut state = self.lock();
        let mut since = None;
        while !state.stopped && state.bytes > 0 && state.bytes.saturating_add(weight) > MAX_WAITING {
            since.get_or_insert_with(Instant::now);
            self.filled.notify_one();
            state = self.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let waited = since.map(|since| since.elapsed());
        if state.stopped {
            return (0, waited);
        }
        let time = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        state.messages.push_back(Message { session, time, what });
        state.bytes = state.bytes.saturating_add(weight);
        state.pushed += 1;
        if self.strict || state.bytes >= WAKE_AT {
            self.filled.notify_one();
        }
        (state.pushed, waited)
    }

    /// Blocks until a message is written. Returns the duration, if it blocked.
    pub fn wait_for(&self, number: u64) -> Option<Duration> {
        let mut state = self.lock();
        let mut since = None;
        while !state.stopped && state.written < number {
            since.get_or_insert_with(Instant::now);
            state = self.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        since.map(|since| since.elapsed())
    }

    /// Ends the queue: no message will be added.
    pub fn end(&self) {
        self.lock().ended = true;
        self.filled.notify_all();
    }

    /// Stops the queue: no message will be taken. Wakes all waiting threads.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.messages = VecDeque::new();
        state.bytes = 0;
        self.emptied.notify_all();
    }

    /// Passes messages to a consumer until the end.
    pub fn consume(&self, mut consumer: Box<dyn Consumer>) {
        loop {
            let (messages, pushed, ended) = self.take();
            let settle = self.strict && !messages.is_empty();
            let alive = messages.into_iter().all(|message| consumer.message(message)) && consumer.settle(settle);
            if !alive {
                self.stop();
                return;
            }
            let mut state = self.lock();
            state.written = pushed;
            self.emptied.notify_all();
            if ended && state.messages.is_empty() {
                drop(state);
                consumer.finish();
                self.stop();
                return;
            }
        }
    }

    /// Waits for messages, at most for half a window: the consumer writes messages older than a whole one.
    fn take(&self) -> (VecDeque<Message>, u64, bool) {
        let state = self.lock();
        let idle = |state: &mut State| {
            !state.ended && if self.strict { state.messages.is_empty() } else { state.bytes < WAKE_AT }
        };
        let (mut state, _) =
            self.filled.wait_timeout_while(state, self.window / 2, idle).unwrap_or_else(PoisonError::into_inner);
        state.bytes = 0;
        let messages = std::mem::take(&mut state.messages);
        // There is room again, though the taken messages are still being written: at most twice the bound is held.
        self.emptied.notify_all();
        (messages, state.pushed, state.ended)
    }
}
