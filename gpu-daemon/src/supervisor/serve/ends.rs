//! Reasons for a session to end.

use crate::worker::status::End;

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// What the worker says.
    End(End),
    /// A signal ended the worker.
    Signal(i32),
    /// The server ended it.
    Ended(Ending),
    /// The worker failed and does not say why; it may not have started.
    Failed,
}

/// Why the server ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was told to stop.
    Stopped,
    /// The worker goes on without its client.
    Orphan,
    /// The client asks for nothing.
    Idle,
    /// It has the most of what there is too little of, or more than one may have.
    Memory,
}
