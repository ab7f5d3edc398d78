//! Totals and markers of a stream for the index, counted while it is written or scanned.

use airlock_protocol::{
    Command, Event,
    codec::{BatchReader, DecodeError},
    commands::{Effect, End, Pair},
    ids::Object,
    limits::cut,
};
use serde::{Deserialize, Serialize};

use crate::file::format::{Body, Record};

/// Markers of one trace. A run that labels millions of objects must not fill the memory; a scan finds the others.
pub const MAX_MARKERS: usize = 256 << 10;

/// Bytes of a label that a marker keeps.
pub const MAX_MARKER_TEXT: usize = 256;

/// A labelled or notable place in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The kind of place.
    pub kind: MarkerKind,
    /// The command's number in the trace.
    pub command: u64,
    /// The labelled object, for [`MarkerKind::Label`].
    pub object: Option<Object>,
    /// The label; empty for submits and sessions.
    pub text: String,
}

/// The kind of a [`Marker`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum MarkerKind {
    /// The first command of a session.
    Session = 1,
    /// A `Submit`.
    Submit = 2,
    /// The start of a debug group.
    Group = 3,
    /// A debug marker.
    Mark = 4,
    /// An object gets a label.
    Label = 5,
}

impl MarkerKind {
    /// The kind with a number.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Session, Self::Submit, Self::Group, Self::Mark, Self::Label]
            .into_iter()
            .find(|&kind| kind as u8 == number)
    }
}

/// Totals of a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Sessions.
    pub sessions: u64,
    /// Batches.
    pub batches: u64,
    /// Commands.
    pub commands: u64,
    /// Submits among them.
    pub submits: u64,
    /// Events, readbacks excluded.
    pub events: u64,
    /// Readbacks.
    pub readbacks: u64,
    /// Bytes of batches and events as transferred.
    pub stream_bytes: u64,
    /// Bytes of bulk data that were transferred beside the batches, repetitions included.
    pub data_bytes: u64,
    /// Bytes that were read back.
    pub readback_bytes: u64,
    /// Uncaptured errors.
    pub uncaptured: u64,
    /// Lost devices.
    pub lost: u64,
    /// Nanoseconds from the start of the recording to the last record.
    pub duration_ns: u64,
    /// Commands by name, in the order of their numbers on the wire, without those that do not occur.
    pub by_name: Vec<(String, u64)>,
    /// Markers were left out, because an index may not hold more.
    pub markers_left_out: bool,
}

/// Counts records.
#[derive(Debug, Default)]
pub struct Survey {
    totals: Totals,
    counts: Vec<u64>,
    /// The markers so far.
    pub markers: Vec<Marker>,
    /// Bytes of their texts.
    pub(crate) marker_bytes: usize,
}

impl Survey {
    /// Counts a record.
    pub fn record(&mut self, record: &Record) -> Result<(), DecodeError> {
        match &record.body {
            Body::Batch(bytes) => self.batch(record.time, bytes)?,
            Body::Event(bytes) => self.event(record.time, bytes, &airlock_protocol::codec::decode_event(bytes)?),
            Body::Readback(readback) => self.readback(readback.len),
            Body::Piece(piece) => self.piece(piece.len),
            Body::Session => self.session(),
            Body::End(_) | Body::Stopped(_) | Body::Unknown(_) => {}
        }
        self.totals.duration_ns = self.totals.duration_ns.max(record.time);
        Ok(())
    }

    pub(crate) fn session(&mut self) {
        self.totals.sessions += 1;
        self.mark(MarkerKind::Session, None, "");
    }

    pub(crate) fn piece(&mut self, len: u32) {
        self.totals.data_bytes += u64::from(len);
    }

    pub(crate) fn readback(&mut self, len: u64) {
        self.totals.readbacks += 1;
        self.totals.readback_bytes = self.totals.readback_bytes.saturating_add(len);
    }

    pub(crate) fn event(&mut self, time: u64, bytes: &[u8], event: &Event<'_>) {
        self.totals.events += 1;
        self.totals.stream_bytes += bytes.len() as u64;
        self.totals.duration_ns = self.totals.duration_ns.max(time);
        match event {
            Event::Uncaptured { .. } => self.totals.uncaptured += 1,
            Event::DeviceLost { .. } => self.totals.lost += 1,
            _ => {}
        }
    }

    pub(crate) fn batch(&mut self, time: u64, bytes: &[u8]) -> Result<(), DecodeError> {
        self.totals.batches += 1;
        self.totals.stream_bytes += bytes.len() as u64;
        self.totals.duration_ns = self.totals.duration_ns.max(time);
        let mut commands = BatchReader::new(bytes, airlock_protocol::codec::sequence(bytes))?;
        while let Some(command) = commands.next()? {
            self.command(&command);
        }
        Ok(())
    }

    fn command(&mut self, command: &Command<'_>) {
        let number = command.number();
        if self.counts.len() <= number {
            self.counts.resize(Command::NAMES.len().max(number + 1), 0);
        }
        if let Some(count) = self.counts.get_mut(number) {
            *count += 1;
        }
        let description = command.description();
        if description.effect == Effect::Submit {
            self.totals.submits += 1;
            self.mark(MarkerKind::Submit, None, "");
        }
        if let Some((object, text)) = command.label().filter(|(_, text)| !text.is_empty()) {
            match (description.pair, description.effect) {
                (Some((End::Opens, Pair::DebugGroup)), _) => self.mark(MarkerKind::Group, None, text),
                (None, Effect::Record) => self.mark(MarkerKind::Mark, None, text),
                _ => self.mark(MarkerKind::Label, Some(object), text),
            }
        }
        self.totals.commands += 1;
    }

    fn mark(&mut self, kind: MarkerKind, object: Option<Object>, text: &str) {
        if self.markers.len() < MAX_MARKERS {
            let text = cut(text, MAX_MARKER_TEXT).to_owned();
            self.marker_bytes += text.len();
            self.markers.push(Marker { kind, command: self.totals.commands, object, text });
        } else {
            self.totals.markers_left_out = true;
        }
    }

    /// Commands so far: the number of the next one.
    pub fn commands(&self) -> u64 {
        self.totals.commands
    }

    /// The totals so far.
    pub fn totals(&self) -> Totals {
        let by_name = Command::NAMES.iter().zip(&self.counts).filter(|&(_, &count)| count > 0);
        Totals { by_name: by_name.map(|(&name, &count)| (name.to_owned(), count)).collect(), ..self.totals.clone() }
    }
}
