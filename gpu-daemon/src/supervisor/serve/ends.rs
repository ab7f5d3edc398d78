//! Reasons of a session's end.

use crate::worker::status::End;

/// Reason of a session's end, as the server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The worker's report.
    End(End),
    /// The worker died of a signal.
    Signal(i32),
    /// The server ended it.
    Ended(Ending),
    /// The worker failed without a report; it may not have started.
    Failed,
}

/// Reason for the server to end a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server stops.
    Stopped,
    /// The worker continues although its client is gone.
    Orphan,
    /// The client sent no batch for `--idle-timeout`.
    Idle,
    /// The worker exceeds its bound, or is the largest where a total bound is exceeded.
    Memory,
}
