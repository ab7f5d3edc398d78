//! What a device waits for: maps, submits, and the callbacks of both.
//!
//! Callbacks run on the program's own threads, inside `Device::poll`, `Queue::submit` and `Instance::poll_all`, as with
//! wgpu on a driver. Of several threads that poll at a time, one drives: it asks and blocks, and the others wait for it.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::block::block_on;
use crate::context::lock;

/// What is left to do when something has come: to call back.
pub type Finish = Box<dyn FnOnce() + Send>;

/// A future that ends with a callback.
pub type Pending = Pin<Box<dyn Future<Output = Finish> + Send>>;

/// What a queue has been given and what of it is done, by the numbers of submits.
#[derive(Default)]
pub struct Work {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The number of the last submit; the first is 1.
    submitted: u64,
    /// The last submit that is known to be done.
    done: u64,
    /// The last submit whose end is awaited.
    watched: u64,
    /// In the order in which they were asked for. Entries are added at the end, so that a driver knows its own by its place.
    entries: VecDeque<Entry>,
    /// A thread drives; it alone takes entries away.
    driven: bool,
}

struct Entry {
    /// How many submits there were before it.
    after: u64,
    /// It ends when all of these are done.
    is_watch: bool,
    /// `None` while the driver has it.
    pending: Option<Pending>,
}

impl Work {
    /// Counts a submit, and returns its number.
    pub fn submit(&self) -> u64 {
        let mut state = lock(&self.state);
        state.submitted += 1;
        state.submitted
    }

    pub fn submitted(&self) -> u64 {
        lock(&self.state).submitted
    }

    /// Whether nothing is under way and no callback waits.
    pub fn is_idle(&self) -> bool {
        let state = lock(&self.state);
        state.done >= state.submitted && state.entries.is_empty()
    }

    /// Adds what a callback waits for.
    pub fn push(&self, pending: Pending) {
        let mut state = lock(&self.state);
        let after = state.submitted;
        state.entries.push_back(Entry { after, is_watch: false, pending: Some(pending) });
    }

    /// Asks, by `ask`, for the end of what has been submitted, unless that has been asked.
    pub fn watch(&self, ask: impl FnOnce() -> Pending) {
        let submitted = {
            let mut state = lock(&self.state);
            if state.watched >= state.submitted {
                return;
            }
            state.watched = state.submitted;
            state.submitted
        };
        let pending = ask();
        lock(&self.state).entries.push_back(Entry { after: submitted, is_watch: true, pending: Some(pending) });
    }

    /// Calls back for all that has come, without blocking.
    pub fn turn(&self) {
        let mut finished = Vec::new();
        {
            let mut state = lock(&self.state);
            if state.driven {
                return;
            }
            state.driven = true;
            let mut index = 0;
            while let Some(entry) = state.entries.get_mut(index) {
                let Some(mut pending) = entry.pending.take() else { break };
                drop(state);
                let context = &mut Context::from_waker(Waker::noop());
                // The first poll of a reply only begins to look for it.
                let polled = match pending.as_mut().poll(context) {
                    Poll::Pending => pending.as_mut().poll(context),
                    ready => ready,
                };
                state = lock(&self.state);
                match polled {
                    Poll::Ready(finish) => {
                        state.take(index);
                        finished.push(finish);
                    }
                    Poll::Pending => {
                        if let Some(entry) = state.entries.get_mut(index) {
                            entry.pending = Some(pending);
                        }
                        index += 1;
                    }
                }
            }
            state.driven = false;
        }
        self.changed.notify_all();
        // Last: they may poll themselves.
        for finish in finished {
            finish();
        }
    }

    /// Blocks until `submission` and all before it are done, and what was asked for before its end has been called back.
    /// Returns false where the timeout came first.
    pub fn wait(&self, submission: u64, timeout: Option<Duration>) -> bool {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = lock(&self.state);
        loop {
            let Some(index) = state.entries.iter().position(|entry| entry.after <= submission) else { return true };
            let pending = if state.driven { None } else { state.entries.get_mut(index).and_then(|e| e.pending.take()) };
            let Some(mut pending) = pending else {
                let Some(guard) = self.wait_for_driver(state, deadline) else { return false };
                state = guard;
                continue;
            };
            state.driven = true;
            drop(state);
            let finish = block_on(pending.as_mut(), deadline);
            state = lock(&self.state);
            state.driven = false;
            match finish {
                Some(finish) => {
                    state.take(index);
                    drop(state);
                    self.changed.notify_all();
                    finish();
                    state = lock(&self.state);
                }
                None => {
                    if let Some(entry) = state.entries.get_mut(index) {
                        entry.pending = Some(pending);
                    }
                    self.changed.notify_all();
                    return false;
                }
            }
        }
    }

    fn wait_for_driver<'a>(
        &self,
        state: MutexGuard<'a, State>,
        deadline: Option<Instant>,
    ) -> Option<MutexGuard<'a, State>> {
        let Some(deadline) = deadline else {
            return Some(self.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        Some(self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0)
    }
}

impl State {
    /// Takes away an entry that has ended.
    fn take(&mut self, index: usize) {
        if let Some(Entry { after, is_watch: true, .. }) = self.entries.remove(index) {
            self.done = self.done.max(after);
        }
    }
}
