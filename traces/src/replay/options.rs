//! Input and options of a replay.

use std::{sync::Arc, time::Duration};

use airlock_protocol::connect::{ConnectError, Daemon};
use thiserror::Error;

use crate::file::{
    reader::{ReadError, TraceFile},
    trace::Trace,
};

use super::report::Tolerance;

/// The default timeout for a reply that the recorded run received.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// The input of a replay.
#[derive(Clone, Debug)]
pub enum Input<'t> {
    /// A file, read during the replay.
    File(Arc<TraceFile>),
    /// A trace that a tool has changed.
    Trace(&'t Trace),
}

/// The options of a replay.
#[derive(Clone, Debug)]
pub struct Options {
    /// The source of workers.
    pub daemon: Daemon,
    /// The adapter of the user's choice: a part of its name, its number, or `noop`. By default the recorded one where
    /// this machine has it, else the best.
    pub adapter: Option<String>,
    /// The last command to replay, by its number in the trace.
    pub until: Option<u64>,
    /// Compare events; otherwise everything is replayed and nothing compared.
    pub check: bool,
    /// The tolerance for readbacks.
    pub tolerance: Option<Tolerance>,
    /// See [`TIMEOUT`].
    pub timeout: Duration,
    /// After a divergence, replay again to find the command that caused an unrequested event.
    pub locate: bool,
}

impl Options {
    /// The default options.
    pub fn new(daemon: Daemon) -> Self {
        Self { daemon, adapter: None, until: None, check: true, tolerance: None, timeout: TIMEOUT, locate: true }
    }
}

/// A replay that failed. Divergences, crashes and hangs are an [`Outcome`](super::Outcome).
#[derive(Debug, Error)]
pub enum ReplayError {
    /// No worker is available.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The trace cannot be read any further.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// This machine lacks the adapter that the user chose.
    #[error("no adapter matches --adapter {wanted}; there is {available}")]
    NoSuchAdapter {
        /// The choice.
        wanted: String,
        /// The available adapters.
        available: String,
    },
}
