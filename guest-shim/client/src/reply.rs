//! One value from one thread to another, which may sleep meanwhile.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use crate::session::lock;

/// Where the value will be.
#[derive(Debug)]
enum State<T> {
    Empty(Option<Waker>),
    There(T),
    /// The sender is gone without a value, or the value was taken.
    Over,
}

/// Gives the value. Dropped without it, it tells so.
#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Mutex<State<T>>>);

/// Gets the value.
#[derive(Debug)]
pub(crate) struct Receiver<T>(Arc<Mutex<State<T>>>);

/// There will be no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session is over")]
pub struct Gone;

/// The two ends.
pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let state = Arc::new(Mutex::new(State::Empty(None)));
    (Sender(Arc::clone(&state)), Receiver(state))
}

impl<T> Sender<T> {
    pub(crate) fn send(self, value: T) {
        self.put(State::There(value));
    }

    fn put(&self, state: State<T>) {
        let before = std::mem::replace(&mut *lock(&self.0), state);
        if let State::Empty(Some(waker)) = before {
            waker.wake();
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if matches!(*lock(&self.0), State::Empty(_)) {
            self.put(State::Over);
        }
    }
}

impl<T> Receiver<T> {
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<T, Gone>> {
        let mut state = lock(&self.0);
        match &mut *state {
            State::Empty(waker) => {
                match waker {
                    Some(known) if known.will_wake(context.waker()) => {}
                    waker => *waker = Some(context.waker().clone()),
                }
                Poll::Pending
            }
            State::Over => Poll::Ready(Err(Gone)),
            there => match std::mem::replace(there, State::Over) {
                State::There(value) => Poll::Ready(Ok(value)),
                _ => Poll::Ready(Err(Gone)),
            },
        }
    }
}
