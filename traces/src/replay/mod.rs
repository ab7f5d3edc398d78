//! Replaying a trace: a fresh worker for each session, the same commands, the same waits at the same places, and every
//! event compared with the recorded one.
//!
//! The replayer is one more client of the wire. It knows no command but those that it must look into: questions for
//! adapters and devices, and maps.

mod adapter;
mod alike;
mod contents;
mod events;
mod fences;
mod labels;
mod live;
mod notes;
mod pictures;
mod place;
mod report;
mod run;
mod session;
mod source;
mod worker;

use std::{sync::Arc, time::Duration};

use airlock_protocol::{
    Command, Event,
    connect::{ConnectError, Daemon},
    ids::{BufferId, RequestId},
};
use thiserror::Error;

use crate::{
    reader::{ReadError, TraceFile},
    trace::Trace,
};

pub use adapter::unmatched;
pub use alike::Measure;
pub use pictures::Picture;
pub use report::{Differing, Divergence, Likeness, NotCompared, Outcome, Report, Rounded, Tolerance};

/// Questions from this number on are not the trace's: probes and the replayer itself ask them.
pub const INJECTED: u64 = 1 << 62;

/// How long a replay waits for an answer that the recorded run got, by default.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// What is replayed.
#[derive(Clone, Debug)]
pub enum Input<'t> {
    /// A file, read as the replay goes.
    File(Arc<TraceFile>),
    /// A trace that a tool has changed.
    Trace(&'t Trace),
}

/// How a trace is replayed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where workers come from.
    pub daemon: Daemon,
    /// The adapter that a person chose: a part of its name, its number, or `noop`. By default the recorded one where this
    /// machine has it, else the best.
    pub adapter: Option<String>,
    /// The last command to replay, by its number in the trace.
    pub until: Option<u64>,
    /// Compare events; without it everything is replayed and nothing looked at.
    pub check: bool,
    /// How much readbacks may differ.
    pub tolerance: Option<Tolerance>,
    /// See [`TIMEOUT`].
    pub timeout: Duration,
    /// After a divergence, replay again to find the command that an unasked event belongs to.
    pub locate: bool,
}

impl Options {
    /// The usual ones.
    pub fn new(daemon: Daemon) -> Self {
        Self { daemon, adapter: None, until: None, check: true, tolerance: None, timeout: TIMEOUT, locate: true }
    }
}

/// Why there is no replay. A divergence, a crash or a hang is none of these but an [`Outcome`].
#[derive(Debug, Error)]
pub enum ReplayError {
    /// There is no worker.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The trace cannot be read on.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// This machine has not the adapter that a person chose.
    #[error("no adapter matches --adapter {wanted}; there is {available}")]
    NoSuchAdapter {
        /// The choice.
        wanted: String,
        /// The adapters that there are.
        available: String,
    },
}

/// Looks on while a trace is replayed, and may put commands of its own between the recorded ones.
pub trait Probe {
    /// A command is about to be put into the batch. It may be changed, and others put before it.
    fn before(&mut self, session: u32, number: u64, command: &mut Command<'_>, to: &mut dyn Inject) {
        let _ = (session, number, command, to);
    }

    /// The command was put into the batch. Others may follow.
    fn after(&mut self, session: u32, number: u64, command: &Command<'_>, to: &mut dyn Inject) {
        let _ = (session, number, command, to);
    }

    /// A session's commands are all there, up to its end or the last that was asked for. What is asked here is waited for.
    fn end(&mut self, session: u32, to: &mut dyn Inject) {
        let _ = (session, to);
    }

    /// An answer to a question that was injected, `MapData` included. Answers are handed over after the call has returned in
    /// which they came.
    fn event(&mut self, event: &Event<'_>) {
        let _ = event;
    }

    /// What the trace's own `MapBuffer`, by its number, returned in this replay.
    fn readback(&mut self, session: u32, number: u64, buffer: BufferId, bytes: &[u8]) {
        let _ = (session, number, buffer, bytes);
    }

    /// So many commands were sent: for progress bars.
    fn progress(&mut self, commands: u64) {
        let _ = commands;
    }
}

/// Where a probe puts its own commands.
pub trait Inject {
    /// Puts a command into the batch. Its ids must be free in the trace, its question from [`INJECTED`] on.
    fn send(&mut self, command: Command<'_>);
    /// A number for a question.
    fn request(&mut self) -> RequestId;
    /// Sends what has gathered and waits until every injected question has its answer. [`Probe::event`] hears of them once
    /// the probe has returned. When it takes too long, the replay ends after that.
    fn settle(&mut self);
}

/// Replays a trace. The probes see every command in order.
pub fn replay(input: &Input<'_>, options: &Options, probes: &mut [&mut dyn Probe]) -> Result<Report, ReplayError> {
    let run::Pass { mut report, window } = run::Run::new(input, options, None).go(probes)?;
    if let Some(window) = window.filter(|_| options.locate)
        && let Ok(closer) = run::Run::new(input, options, Some(window)).go(&mut [])
    {
        report.outcome = locate(report.outcome, closer.report.outcome);
    }
    Ok(report)
}

/// What a second look says of the same outcome; it knows the command.
fn locate(first: Outcome, closer: Outcome) -> Outcome {
    match (first, closer) {
        (Outcome::Diverged(mut first), Outcome::Diverged(closer)) if first.what == closer.what => {
            (first.command, first.name, first.objects) = (closer.command, closer.name, closer.objects);
            Outcome::Diverged(first)
        }
        (Outcome::Crashed { .. }, closer @ Outcome::Crashed { .. }) => closer,
        (first, _) => first,
    }
}
