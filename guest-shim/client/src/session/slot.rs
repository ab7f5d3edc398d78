//! A one-shot slot: one thread sets its value, another takes it, polls it or blocks for it.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use super::sync::lock;

/// The slot stays empty: the session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session is over")]
pub struct Gone;

#[derive(Debug)]
enum State<T> {
    /// With the task to wake when the state changes.
    Empty(Option<Waker>),
    Full(T),
    /// The sender is dropped without a value, or the value was taken.
    Over,
}

/// The slot for a value. The other side is a [`Sender`].
#[derive(Debug)]
pub(crate) struct Slot<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

/// Fills the slot. Dropping it without a value closes the slot.
#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Slot<T>>);

impl<T> Slot<T> {
    /// A slot and its sender.
    pub(crate) fn new() -> (Sender<T>, Arc<Self>) {
        let slot = Arc::new(Self { state: Mutex::new(State::Empty(None)), changed: Condvar::new() });
        (Sender(Arc::clone(&slot)), slot)
    }

    /// A slot with its value.
    pub(crate) fn full(value: T) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::Full(value)), changed: Condvar::new() })
    }

    /// True once the state is final.
    pub(crate) fn is_settled(&self) -> bool {
        !matches!(*lock(&self.state), State::Empty(_))
    }

    /// Takes the value; `None` while it may still be set.
    pub(crate) fn take(&self) -> Option<Result<T, Gone>> {
        take(&mut lock(&self.state))
    }

    /// As [`Slot::take`]; the task is woken when the state changes.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<T, Gone>> {
        let mut state = lock(&self.state);
        match &mut *state {
            State::Empty(Some(known)) if known.will_wake(waker) => Poll::Pending,
            State::Empty(known) => {
                *known = Some(waker.clone());
                Poll::Pending
            }
            settled => take(settled).map_or(Poll::Pending, Poll::Ready),
        }
    }

    /// Blocks until the state is final.
    pub(crate) fn wait(&self) {
        let empty = |state: &mut State<T>| matches!(state, State::Empty(_));
        drop(self.changed.wait_while(lock(&self.state), empty).unwrap_or_else(PoisonError::into_inner));
    }

    /// Blocks until the state is final, for at most `limit`.
    pub(crate) fn wait_timeout(&self, limit: Duration) {
        let empty = |state: &mut State<T>| matches!(state, State::Empty(_));
        let waited = self.changed.wait_timeout_while(lock(&self.state), limit, empty);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn settle(&self, settled: State<T>) {
        let before = std::mem::replace(&mut *lock(&self.state), settled);
        self.changed.notify_all();
        if let State::Empty(Some(waker)) = before {
            waker.wake();
        }
    }
}

fn take<T>(state: &mut State<T>) -> Option<Result<T, Gone>> {
    if let State::Empty(_) = state {
        return None;
    }
    match std::mem::replace(state, State::Over) {
        State::Full(value) => Some(Ok(value)),
        _ => Some(Err(Gone)),
    }
}

impl<T> Sender<T> {
    /// Sets the value.
    pub(crate) fn send(self, value: T) {
        self.0.settle(State::Full(value));
    }

    /// True while a receiver could still take the value.
    pub(crate) fn is_awaited(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if !self.0.is_settled() {
            self.0.settle(State::Over);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
        thread,
    };

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_value_is_asked_for_again_and_taken_once() {
        let (sender, slot) = Slot::new();
        assert!(!slot.is_settled());
        assert_eq!(slot.take(), None);
        sender.send(7);
        assert!(slot.is_settled() && slot.is_settled());
        assert_eq!(slot.take(), Some(Ok(7)));
        assert_eq!(slot.take(), Some(Err(Gone)));
    }

    #[test]
    fn the_last_task_that_polled_is_woken() {
        let (sender, slot) = Slot::<u32>::new();
        let [first, last] = [(); 2].map(|()| Arc::new(Count::default()));
        assert!(slot.poll(&Arc::clone(&first).into()).is_pending());
        assert!(slot.poll(&Arc::clone(&last).into()).is_pending());
        sender.send(1);
        assert_eq!((first.0.load(Ordering::SeqCst), last.0.load(Ordering::SeqCst)), (0, 1));
        assert_eq!(slot.poll(&last.into()), Poll::Ready(Ok(1)));
    }

    #[test]
    fn a_sender_that_is_dropped_ends_every_kind_of_wait() {
        let (sender, slot) = Slot::<u32>::new();
        let waiting = Arc::clone(&slot);
        let waiter = thread::spawn(move || waiting.wait());
        slot.wait_timeout(Duration::from_millis(1));
        assert!(!slot.is_settled());
        drop(sender);
        waiter.join().unwrap();
        assert_eq!(slot.take(), Some(Err(Gone)));
    }
}
