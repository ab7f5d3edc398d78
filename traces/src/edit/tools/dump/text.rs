//! Lines for people. They have no times unless requested, so that two runs of the same guest have the same lines.

use std::{
    collections::HashMap,
    fmt::Write as _,
    io::{self, Write},
};

use airlock_protocol::{
    Command, Event, Payload, codec,
    ids::{Kind, Object},
};

use super::Filter;
use crate::{
    edit::tools::{Error, commands, labels::Labels, short},
    file::{
        format::{Body, Digest, Piece, Readback, Record},
        reader::TraceFile,
        survey::MarkerKind,
    },
    schema::{facts::Facts, notation},
};

/// Pieces of bulk data that wait for their commands. The ring holds fewer; a hostile trace could have any number.
const MAX_PIECES: usize = 64 << 10;

/// Writes a trace, one line for each command and for each other entry.
pub fn text(file: &TraceFile, filter: &Filter, times: bool, out: &mut dyn Write) -> Result<(), Error> {
    let first = filter.first(file.index());
    let labels = Labels::at(file.index(), first);
    let pieces = HashMap::new();
    let mut lines = Lines { file, filter, times, labels, pieces, session: None, line: String::new(), out };
    for record in file.records_from(first) {
        let (before, record) = record?;
        if filter.past(before) {
            break;
        }
        lines.record(before, &record)?;
    }
    lines.out.flush().map_err(Error::Write)
}

/// Writes the markers: submits, groups, labels and starts of sessions. They are in the index, so that the stream need
/// not be read.
pub fn markers(file: &TraceFile, filter: &Filter, out: &mut dyn Write) -> io::Result<()> {
    let mut session = 0;
    for marker in &file.index().markers {
        if marker.kind == MarkerKind::Session {
            session += 1;
        }
        let name = match marker.kind {
            MarkerKind::Session => "Session",
            MarkerKind::Submit => "Submit",
            MarkerKind::Group => "Group",
            MarkerKind::Mark => "Mark",
            MarkerKind::Label => "Label",
        };
        if !filter.command(session, marker.command, name) {
            continue;
        }
        let object = marker.object.map(Object::describe);
        let object = object.map_or_else(String::new, |(kind, index)| format!(" {kind} {index}"));
        let text = if marker.text.is_empty() { String::new() } else { format!(" {:?}", marker.text) };
        writeln!(out, "{} {name}{object}{text}", marker.command)?;
    }
    out.flush()
}

struct Lines<'a> {
    file: &'a TraceFile,
    filter: &'a Filter,
    times: bool,
    labels: Labels,
    pieces: HashMap<(u32, u64), Piece>,
    /// The session of the line before.
    session: Option<u32>,
    line: String,
    out: &'a mut dyn Write,
}

impl Lines<'_> {
    fn record(&mut self, before: u64, record: &Record) -> Result<(), Error> {
        let (session, time) = (record.session, record.time);
        match &record.body {
            Body::Batch(_) => {
                let file = self.file;
                commands(file, before, record, |number, command, _| self.command((session, time), number, command))
            }
            Body::Piece(piece) => {
                if self.pieces.len() < MAX_PIECES {
                    self.pieces.insert((session, piece.start), *piece);
                }
                Ok(())
            }
            Body::Event(bytes) => {
                let fail = |cause| self.file.stream_error(record, before, cause);
                let event = codec::decode_event(bytes).map_err(fail)?;
                self.event((session, time), before, &event)
            }
            Body::Readback(readback) => self.readback((session, time), before, readback),
            Body::Session => {
                self.labels.session(session);
                self.pieces.retain(|&(of, _), _| of != session);
                // The line names the session itself; where it is filtered out, the next line does.
                self.session = self.filter.between(session, before, "Session").then_some(session);
                self.note((session, time), before, "Session", &format!("session {session} begins"))
            }
            Body::End(reason) => {
                self.note((session, time), before, "End", &format!("session {session} ends: {reason:?}"))
            }
            Body::Stopped(reason) => {
                self.note((session, time), before, "Stopped", &format!("the recording stops: {reason:?}"))
            }
            Body::Unknown(objects) => {
                let names: Vec<_> = objects.iter().map(|&object| self.name(session, object)).collect();
                let text = format!("contents not in the trace: {}", names.join(", "));
                self.note((session, time), before, "Unknown", &text)
            }
        }
    }

    fn command(&mut self, at: (u32, u64), number: u64, command: &Command<'_>) -> Result<(), Error> {
        let (session, name) = (at.0, command.name());
        let facts = Facts::of(command);
        if self.filter.command(session, number, name) {
            self.begin(at)?;
            // Writing to a string cannot fail.
            let _ = write!(self.line, "{number} ");
            notation::write(command, &mut self.line)?;
            self.remarks(session, command, &facts);
            self.end()?;
        } else if let Some(&Payload::Shared { start, .. }) = command.payload() {
            self.pieces.remove(&(session, start));
        }
        self.labels.command(session, command, &facts);
        Ok(())
    }

    /// Remarks: the labels of the command's objects, and the digest of its data.
    fn remarks(&mut self, session: u32, command: &Command<'_>, facts: &Facts) {
        let mut remarks: Vec<String> = Vec::new();
        // Nearly every command names its device, and a run has one.
        for object in facts.needs().filter(|object| object.kind() != Kind::Device) {
            if self.labels.get(session, object).is_some() {
                let name = self.name(session, object);
                if !remarks.contains(&name) {
                    remarks.push(name);
                }
            }
        }
        let data = match command.payload() {
            Some(Payload::Inline(bytes)) => Some((bytes.len() as u64, Some(Digest::of(bytes)))),
            Some(&Payload::Shared { start, len }) => {
                let piece = self.pieces.remove(&(session, start));
                Some((u64::from(len), piece.map(|piece| piece.digest)))
            }
            Some(Payload::Staged { .. }) | None => None,
        };
        if let Some((len, digest)) = data {
            let digest = digest.map_or_else(|| "that are not in the trace".to_owned(), short);
            remarks.push(format!("{len} bytes {digest}"));
        }
        if !remarks.is_empty() {
            self.line.push_str("  ; ");
            self.line.push_str(&remarks.join(", "));
        }
    }

    fn event(&mut self, at: (u32, u64), before: u64, event: &Event<'_>) -> Result<(), Error> {
        if !self.filter.events || !self.filter.between(at.0, before, event.name()) {
            return Ok(());
        }
        self.begin(at)?;
        self.line.push_str("      <- ");
        notation::write(event, &mut self.line)?;
        self.end()
    }

    fn readback(&mut self, at: (u32, u64), before: u64, readback: &Readback) -> Result<(), Error> {
        if !self.filter.events || !self.filter.between(at.0, before, "Readback") {
            return Ok(());
        }
        self.begin(at)?;
        let digest = readback.digest.map_or_else(|| "-".to_owned(), short);
        let kept = if readback.pieces.is_empty() { "" } else { ", in the trace" };
        // Writing to a string cannot fail.
        let _ = write!(
            self.line,
            "      <- Readback request={}  ; {} bytes {digest}{kept}",
            readback.request.0, readback.len
        );
        self.end()
    }

    fn note(&mut self, at: (u32, u64), before: u64, name: &str, text: &str) -> Result<(), Error> {
        if !self.filter.between(at.0, before, name) {
            return Ok(());
        }
        self.begin(at)?;
        self.line.push_str("-- ");
        self.line.push_str(text);
        self.end()
    }

    /// Starts a line, after a separator where the session changes.
    fn begin(&mut self, (session, time): (u32, u64)) -> Result<(), Error> {
        if self.session != Some(session) {
            writeln!(self.out, "-- session {session}").map_err(Error::Write)?;
            self.session = Some(session);
        }
        self.line.clear();
        if self.times {
            let (seconds, rest) = (time / 1_000_000_000, time % 1_000_000_000);
            // Writing to a string cannot fail.
            let _ = write!(self.line, "{seconds}.{rest:09} ");
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        self.line.push('\n');
        self.out.write_all(self.line.as_bytes()).map_err(Error::Write)
    }

    fn name(&self, session: u32, object: Object) -> String {
        let (kind, index) = object.describe();
        match self.labels.get(session, object) {
            Some(label) => format!("{kind} {index} {label:?}"),
            None => format!("{kind} {index}"),
        }
    }
}
