//! Pending work of a device: maps, submits, and the callbacks of both.
//!
//! Callbacks run on the program's own threads, inside `Device::poll`, `Queue::submit` and `Instance::poll_all`, as with wgpu on a
//! driver. Of several threads that poll at the same time, one is the driver, which polls futures and blocks; the others wait for
//! it.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::block::block_on;
use crate::context::lock;

/// The callback of finished work.
pub type Finish = Box<dyn FnOnce() + Send>;

/// A future that ends with a callback.
pub type Pending = Pin<Box<dyn Future<Output = Finish> + Send>>;

/// Pending and finished work of a queue, by the numbers of submits.
#[derive(Default)]
pub struct Work {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Number of the last submit; the first is 1.
    submitted: u64,
    /// The last submit that is known to be done.
    done: u64,
    /// The last submit whose end was requested.
    watched: u64,
    /// Threads that request an end, whose entries are not there yet.
    requesting: usize,
    /// In the order of their requests. Entries are added at the end, so that the driver's index of an entry stays valid.
    entries: VecDeque<Entry>,
    /// A thread is the driver; only it removes entries.
    driven: bool,
}

struct Entry {
    /// Number of submits before the entry.
    after: u64,
    /// Its end means that all of these are done.
    is_watch: bool,
    /// `None` while the driver polls it.
    pending: Option<Pending>,
}

impl Work {
    /// Counts a submit and returns its number.
    pub fn submit(&self) -> u64 {
        let mut state = lock(&self.state);
        state.submitted += 1;
        state.submitted
    }

    pub fn submitted(&self) -> u64 {
        lock(&self.state).submitted
    }

    /// True if no work is pending and no callback is due.
    pub fn is_idle(&self) -> bool {
        let state = lock(&self.state);
        state.done >= state.submitted && state.entries.is_empty()
    }

    /// Adds a future that ends with a callback.
    pub fn push(&self, pending: Pending) {
        let mut state = lock(&self.state);
        let after = state.submitted;
        state.entries.push_back(Entry { after, is_watch: false, pending: Some(pending) });
    }

    /// Requests the end of the submitted work with `ask`, unless that has been requested.
    pub fn watch(&self, ask: impl FnOnce() -> Pending) {
        let submitted = {
            let mut state = lock(&self.state);
            if state.watched >= state.submitted {
                return;
            }
            state.watched = state.submitted;
            state.requesting += 1;
            state.submitted
        };
        let pending = ask();
        let mut state = lock(&self.state);
        state.requesting -= 1;
        state.entries.push_back(Entry { after: submitted, is_watch: true, pending: Some(pending) });
        drop(state);
        self.changed.notify_all();
    }

    /// Runs the callbacks of all finished work, without blocking.
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
                // The first poll of a reply only starts the search for it.
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
        // Last, because callbacks may poll.
        for finish in finished {
            finish();
        }
    }

    /// Blocks until `submission` and all earlier ones are done, and callbacks that were requested before the next submit have
    /// run. Returns false on a timeout.
    pub fn wait(&self, submission: u64, timeout: Option<Duration>) -> bool {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = lock(&self.state);
        loop {
            let found = state.entries.iter().position(|entry| entry.after <= submission);
            if found.is_none() && state.requesting == 0 {
                return true;
            }
            let found = found.filter(|_| !state.driven);
            let taken = found.and_then(|index| Some((index, state.entries.get_mut(index)?.pending.take()?)));
            let Some((index, mut pending)) = taken else {
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
    /// Removes a finished entry.
    fn take(&mut self, index: usize) {
        if let Some(Entry { after, is_watch: true, .. }) = self.entries.remove(index) {
            self.done = self.done.max(after);
        }
    }
}
