//! The report of a replay.

use std::{fmt, str::FromStr, time::Duration};

use airlock_protocol::{Event, events::DeviceLostReason};
use serde::{Serialize, Serializer};

use super::{Measure, Picture};
use crate::file::header::Adapter;

/// The report of a replay. It serializes to JSON for scripts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The outcome of the replay.
    pub outcome: Outcome,
    /// Commands that were sent.
    pub commands: u64,
    /// Events that were compared.
    pub events: u64,
    /// Readbacks that were compared, wholly or in part.
    pub readbacks: u64,
    /// The adapter of the recorded run, if its request succeeded.
    pub recorded_adapter: Option<Adapter>,
    /// The adapter of this replay.
    pub adapter: Option<Adapter>,
    /// The adapter of this replay is a software one, which compiles for this machine's processor.
    pub is_software: bool,
    /// Readbacks that are the same but for rounding.
    pub rounded: Vec<Rounded>,
    /// Readbacks with only a recorded digest that another processor or adapter rounds otherwise.
    pub incomparable: Vec<NotCompared>,
    /// Parts that were not compared, with the reason.
    pub not_compared: Vec<NotCompared>,
    /// Permitted differences of another adapter or version.
    pub differing: Vec<Differing>,
    /// The pictures of [`Report::rounded`] and of the divergence, as many as are kept.
    #[serde(skip)]
    pub pictures: Vec<Picture>,
    /// Wall time of the replay.
    pub time: Duration,
}

/// The likeness of a replay without divergence to the recorded run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// Every bit that was compared is the same.
    Exact,
    /// Pictures and floats are the same but for rounding.
    Rounded,
    /// Some readbacks cannot be compared here.
    Incomparable,
}

impl Report {
    /// The likeness to the recorded run of a replay with the outcome [`Outcome::Same`].
    pub fn likeness(&self) -> Likeness {
        match (self.rounded.is_empty(), self.incomparable.is_empty()) {
            (true, true) => Likeness::Exact,
            (false, true) => Likeness::Rounded,
            (_, false) => Likeness::Incomparable,
        }
    }
}

/// A readback that is the same but for rounding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rounded {
    /// The command.
    pub command: u64,
    /// The buffer: `Buffer 3 "pixels"`.
    pub buffer: String,
    /// The difference.
    pub measure: Measure,
}

/// The outcome of a replay.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every event was as recorded.
    Same,
    /// An event differs from the recorded one, or is missing, or was not recorded.
    Diverged(Box<Divergence>),
    /// The worker ended by itself.
    Crashed {
        /// The last command that is known to be executed.
        after: Option<u64>,
        /// The first command that may not be executed.
        command: Option<u64>,
        /// That command's name and objects.
        what: String,
        /// The worker's end.
        reason: WorkerEnd,
    },
    /// The adapter of this replay lacks a capability of a recorded device: the runs cannot be compared.
    Unsupported {
        /// The `RequestDevice`.
        command: u64,
        /// The missing capability.
        why: String,
    },
    /// A reply timed out.
    Hung {
        /// The command that made the request.
        command: Option<u64>,
        /// The missing reply.
        what: String,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Same => write!(f, "it replays as recorded"),
            Outcome::Diverged(divergence) => {
                let Divergence { command, name, objects, what, expected, found, .. } = &**divergence;
                match command {
                    Some(command) => write!(f, "command {command} ({name}): {what}")?,
                    None => write!(f, "{what}, and it is not known which command is to blame")?,
                }
                for object in objects {
                    write!(f, "\n  {object}")?;
                }
                write!(f, "\n  expected: {expected}\n  found:    {found}")
            }
            Outcome::Crashed { after, command, what, reason } => {
                write!(f, "{reason}")?;
                if let Some(after) = after {
                    write!(f, "\n  known to be done: up to command {after}")?;
                }
                match command {
                    Some(command) => write!(f, "\n  first that may not be: command {command} ({what})"),
                    None => Ok(()),
                }
            }
            Outcome::Unsupported { command, why } => {
                write!(f, "not comparable on this adapter: command {command} (RequestDevice): {why}")
            }
            Outcome::Hung { command: Some(command), what } => write!(f, "command {command}: waited in vain for {what}"),
            Outcome::Hung { command: None, what } => write!(f, "waited in vain for {what}"),
        }
    }
}

/// The end of a worker that ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerEnd {
    /// Its exit code or signal, in words.
    pub how: String,
    /// The end of the recorded session, where a worker's end caused that, too.
    pub recorded: Option<String>,
}

impl fmt::Display for WorkerEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.how)?;
        match &self.recorded {
            Some(recorded) => write!(f, "; the recorded session ended so, too: {recorded}"),
            None => Ok(()),
        }
    }
}

impl Serialize for WorkerEnd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The subject of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The contents of a buffer that was mapped.
    Readback,
    /// An event, by its name.
    Event(&'static str),
    /// The end of a session.
    End,
}

impl Subject {
    /// `readback`, or the event's name.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Readback => "readback",
            Subject::Event(name) => name,
            Subject::End => "end",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The kind of a replay's side of a divergence. Its text is for the user, and differs between builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundKind {
    /// Another value, or an event that was not recorded.
    Value,
    /// The loss of a device that the guest did not destroy.
    LostDevice,
    /// No event arrived.
    Nothing,
    /// No command requests the recorded reply.
    NotRequested,
}

impl FoundKind {
    /// The kind of an event of a replay.
    pub(super) fn of(event: &Event<'_>) -> Self {
        match event {
            Event::DeviceLost { reason: DeviceLostReason::Unknown, .. } => FoundKind::LostDevice,
            _ => FoundKind::Value,
        }
    }
}

/// The first difference from the recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Divergence {
    /// The command, by its number in the trace; `None` where it is unknown.
    pub command: Option<u64>,
    /// Its name.
    pub name: String,
    /// The objects that it names, with their labels: `Buffer 3 "positions"`.
    pub objects: Vec<String>,
    /// The differences.
    pub what: Subject,
    /// The recorded value.
    pub expected: String,
    /// The value in this replay.
    pub found: String,
    /// The kind of the value in this replay.
    #[serde(skip)]
    pub kind: FoundKind,
    /// Digest of the contents in this replay, for a readback.
    pub digest: Option<String>,
}

/// A part that was not compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotCompared {
    /// The command.
    pub command: u64,
    /// The part: `bytes 0..16 of Buffer 3 "timestamps"`.
    pub what: String,
    /// The reason.
    pub why: String,
}

/// A permitted difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// The command.
    pub command: Option<u64>,
    /// The subject of the comparison.
    #[serde(skip)]
    pub subject: Subject,
    /// The difference, in words.
    pub what: String,
    /// The reason.
    pub why: String,
}

/// The permitted difference of a readback's values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tolerance {
    /// Maximum difference of each byte: for pictures with 8 bits per channel.
    Bytes(u8),
    /// Maximum difference of each 32-bit float, absolute or relative to the larger of the two.
    F32(f32),
}

impl FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = match text.strip_prefix("f32:") {
            Some(float) => float.parse().ok().filter(|value: &f32| *value >= 0.0).map(Tolerance::F32),
            None => text.parse().ok().map(Tolerance::Bytes),
        };
        parsed.ok_or_else(|| "a tolerance is a number for bytes (2), or f32:NUMBER for floats (f32:1e-5)".to_owned())
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tolerance::Bytes(value) => write!(f, "{value}"),
            Tolerance::F32(value) => write!(f, "f32:{value:e}"),
        }
    }
}
