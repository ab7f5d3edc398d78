//! Results of waiting for a message.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use thiserror::Error;

/// The other process is gone.
#[derive(Debug, Error)]
#[error("the other process closed the connection")]
pub struct Gone;

/// A failed receive.
#[derive(Debug, Error)]
pub enum ReceiveError {
    /// The other process is gone.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// An invalid message.
    #[error("what the other process sends is no message: {0}")]
    NoMessage(&'static str),
    /// A message beyond the limit.
    #[error("a message of {found} bytes is longer than the {max} bytes allowed")]
    TooLong {
        /// Its length.
        found: u64,
        /// The limit.
        max: usize,
    },
    /// The system call failed.
    #[error("cannot receive: {0}")]
    System(#[source] io::Error),
}

/// The end of a wait for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// An event begins to arrive, or the channel has ended.
    Event,
    /// `EventReceiver::interrupt` was called, and there is no event.
    Interrupted,
    /// The platform cannot poll for events: `EventReceiver::recv_into` blocks.
    Unknown,
}

/// Locks a mutex whose state is consistent between any two statements, so that poisoning is ignored.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
