//! Makes a trace of a JSON dump. See [`super::dump`] for its lines. Every line must be as that writes it, since the
//! trace of half a dump would look like a whole one.

use std::{
    collections::HashMap,
    io::{self, BufRead, Read as _},
};

use airlock_protocol::{
    Command, Event,
    codec::{self, BATCH_HEADER},
    ids::{Kind, Object, RequestId},
    limits::{MAX_BATCH, MAX_EVENT},
};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::{
    file::{
        format::{Body, Digest, MAX_PAYLOAD, Piece, Readback, Record},
        header::Header,
        writer::{Sink, TraceWriter},
    },
    schema::node::{Node, from_hex},
};

/// Bytes of one line: the longest command has [`MAX_BATCH`] bytes, and an escape six characters a byte.
pub const MAX_LINE: usize = 6 * MAX_BATCH + (1 << 20);

/// An invalid dump.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The dump cannot be read.
    #[error("{0}")]
    Read(io::Error),
    /// The trace cannot be written.
    #[error("{0}")]
    Write(io::Error),
    /// An invalid line.
    #[error("line {line}: {what}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// The error.
        what: String,
    },
}

/// Any line.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Line {
    trace: Option<u32>,
    header: Option<Header>,
    payload: Option<String>,
    bytes: Option<String>,
    session: Option<u32>,
    time: Option<u64>,
    start: Option<bool>,
    batch: Option<u64>,
    commands: Option<u32>,
    number: Option<u64>,
    command: Option<Value>,
    piece: Option<PieceLine>,
    event: Option<Value>,
    readback: Option<ReadbackLine>,
    end: Option<String>,
    stopped: Option<String>,
    unknown: Option<Vec<(String, u32)>>,
    records: Option<u64>,
    all: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PieceLine {
    start: u64,
    len: u32,
    payload: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadbackLine {
    request: u64,
    len: u64,
    digest: Option<String>,
    pieces: Vec<(u32, String)>,
}

/// Makes a trace of a dump; returns the sink, and the number of commands.
pub fn load<S: Sink>(dump: impl BufRead, sink: S) -> Result<(S, u64), LoadError> {
    let mut lines = Lines { dump, number: 0, text: Vec::new() };
    let header = match lines.next()? {
        Some(Line { trace: Some(1), header: Some(header), .. }) => header,
        Some(Line { trace: Some(version), .. }) if version > 1 => {
            return Err(lines.wrong(&format!("the dump is of version {version}, this program reads version 1")));
        }
        _ => return Err(lines.wrong("a dump begins with its header: is it the whole output of `dump --json`?")),
    };
    let writer = TraceWriter::new(sink, &header).map_err(LoadError::Write)?;
    let mut loader = Loader { writer, payloads: HashMap::new(), open: None, records: 0, commands: 0 };
    loop {
        let Some(line) = lines.next()? else {
            return Err(lines.wrong("the dump ends before its last line: it is cut, or made with a filter"));
        };
        match loader.line(line) {
            Ok(true) => break,
            Ok(false) => {}
            Err(Wrong::Line(what)) => return Err(lines.wrong(&what)),
            Err(Wrong::Write(error)) => return Err(LoadError::Write(error)),
        }
    }
    if lines.next()?.is_some() {
        return Err(lines.wrong("nothing may follow the last line"));
    }
    let commands = loader.commands;
    Ok((loader.writer.finish().map_err(LoadError::Write)?, commands))
}

struct Lines<R> {
    dump: R,
    number: u64,
    text: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<Line>, LoadError> {
        self.text.clear();
        let mut limited = (&mut self.dump).take(MAX_LINE as u64);
        limited.read_until(b'\n', &mut self.text).map_err(LoadError::Read)?;
        if self.text.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if self.text.len() >= MAX_LINE {
            return Err(self.wrong(&format!("it is longer than {MAX_LINE} bytes")));
        }
        serde_json::from_slice(&self.text).map(Some).map_err(|error| self.wrong(&error.to_string()))
    }

    fn wrong(&self, what: &str) -> LoadError {
        LoadError::Line { line: self.number, what: what.to_owned() }
    }
}

/// An error in a line.
enum Wrong {
    Line(String),
    Write(io::Error),
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        Wrong::Write(error)
    }
}

fn wrong<T>(what: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Line(what.into()))
}

/// A batch with missing commands.
struct Open {
    session: u32,
    time: u64,
    sequence: u64,
    commands: u32,
    missing: u32,
    bytes: Vec<u8>,
}

struct Loader<S: Sink> {
    writer: TraceWriter<S>,
    payloads: HashMap<Digest, u32>,
    open: Option<Open>,
    records: u64,
    commands: u64,
}

impl<S: Sink> Loader<S> {
    /// Takes a line; true for the last.
    fn line(&mut self, line: Line) -> Result<bool, Wrong> {
        if let Some(number) = line.number {
            return self.command(number, line.command.as_ref(), line.bytes.as_deref()).map(|()| false);
        }
        if let Some(open) = &self.open {
            return wrong(format!("{} commands of the batch are missing", open.missing));
        }
        if let Some(digest) = &line.payload {
            return self.payload(digest, line.bytes.as_deref()).map(|()| false);
        }
        if let (Some(records), Some(all)) = (line.records, line.all) {
            if (records, all) != (self.records, self.commands) {
                let (found, commands) = (self.records, self.commands);
                return wrong(format!("{records} records and {all} commands expected, {found} and {commands} found"));
            }
            return Ok(true);
        }
        let (Some(session), Some(time)) = (line.session, line.time) else {
            return wrong("it is no line of a dump");
        };
        if let (Some(sequence), Some(commands)) = (line.batch, line.commands) {
            let bytes = vec![0; BATCH_HEADER];
            self.open = Some(Open { session, time, sequence, commands, missing: commands, bytes });
            return self.close().map(|()| false);
        }
        let body = self.body(line)?;
        self.record(Record { session, time, body })?;
        Ok(false)
    }

    fn record(&mut self, record: Record) -> Result<(), Wrong> {
        self.records += 1;
        Ok(self.writer.record(record)?)
    }

    fn body(&self, line: Line) -> Result<Body, Wrong> {
        match line {
            Line { start: Some(true), .. } => Ok(Body::Session),
            Line { piece: Some(piece), .. } => self.piece(&piece),
            Line { event: Some(event), .. } => {
                let mut bytes = Vec::new();
                let node = Node::from_json(&event).map_err(|error| Wrong::Line(error.to_string()))?;
                let event: Event<'_> = node.decode().map_err(|error| Wrong::Line(error.to_string()))?;
                codec::encode_event(&event, &mut bytes).map_err(|error| Wrong::Line(error.to_string()))?;
                event_body(bytes)
            }
            Line { bytes: Some(bytes), .. } => event_body(hex(&bytes)?),
            Line { readback: Some(readback), .. } => self.readback(&readback),
            Line { end: Some(reason), .. } => Ok(Body::End(reason)),
            Line { stopped: Some(reason), .. } => Ok(Body::Stopped(reason)),
            Line { unknown: Some(objects), .. } => objects
                .iter()
                .map(|(kind, index)| object(kind, *index))
                .collect::<Option<_>>()
                .map(Body::Unknown)
                .ok_or_else(|| Wrong::Line("it names a kind of object that there is not".to_owned())),
            _ => wrong("it is no line of a dump"),
        }
    }

    fn payload(&mut self, digest: &str, bytes: Option<&str>) -> Result<(), Wrong> {
        let (digest, bytes) = (parse_digest(digest)?, hex(bytes.unwrap_or_default())?);
        if bytes.len() > MAX_PAYLOAD {
            return wrong(format!("a payload has at most {MAX_PAYLOAD} bytes"));
        }
        if Digest::of(&bytes) != digest {
            return wrong(format!("the bytes have the digest {}", Digest::of(&bytes)));
        }
        self.payloads.insert(digest, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        Ok(self.writer.payload(digest, &bytes)?)
    }

    /// A payload of an earlier line, with its length.
    fn known(&self, digest: &str, len: u32) -> Result<Digest, Wrong> {
        let digest = parse_digest(digest)?;
        match self.payloads.get(&digest) {
            Some(&found) if found == len => Ok(digest),
            Some(found) => wrong(format!("payload {digest} has {found} bytes, not {len}")),
            None => wrong(format!("payload {digest} is not in the lines before")),
        }
    }

    fn piece(&self, piece: &PieceLine) -> Result<Body, Wrong> {
        let digest = self.known(&piece.payload, piece.len)?;
        Ok(Body::Piece(Piece { start: piece.start, len: piece.len, digest }))
    }

    fn readback(&self, line: &ReadbackLine) -> Result<Body, Wrong> {
        let digest = line.digest.as_deref().map(parse_digest).transpose()?;
        let pieces = line.pieces.iter().map(|(len, digest)| Ok((*len, self.known(digest, *len)?)));
        let pieces: Vec<_> = pieces.collect::<Result<_, Wrong>>()?;
        let total = pieces.iter().fold(0_u64, |sum, &(len, _)| sum.saturating_add(len.into()));
        if !pieces.is_empty() && total != line.len {
            return wrong(format!("the pieces have {total} bytes, the readback {}", line.len));
        }
        Ok(Body::Readback(Readback { request: RequestId(line.request), len: line.len, digest, pieces }))
    }

    fn command(&mut self, number: u64, command: Option<&Value>, bytes: Option<&str>) -> Result<(), Wrong> {
        let expected = self.commands;
        let Some(open) = &mut self.open else { return wrong("a command outside a batch") };
        if number != expected {
            return wrong(format!("command {number} where command {expected} is expected"));
        }
        match (command, bytes) {
            (Some(command), None) => {
                let node = Node::from_json(command).map_err(|error| Wrong::Line(error.to_string()))?;
                let command: Command<'_> = node.decode().map_err(|error| Wrong::Line(error.to_string()))?;
                codec::encode_command(&command, &mut open.bytes).map_err(|error| Wrong::Line(error.to_string()))?;
            }
            (None, Some(bytes)) => {
                let bytes = hex(bytes)?;
                codec::decode_command(&bytes).map_err(|error| Wrong::Line(error.to_string()))?;
                open.bytes.extend(bytes);
            }
            _ => return wrong("a command has either fields or bytes"),
        }
        if open.bytes.len() > MAX_BATCH {
            return wrong(format!("a batch has at most {MAX_BATCH} bytes"));
        }
        open.missing = open.missing.saturating_sub(1);
        self.commands += 1;
        self.close()
    }

    /// Ends the open batch if it has all its commands.
    fn close(&mut self) -> Result<(), Wrong> {
        let Some(mut open) = self.open.take_if(|open| open.missing == 0) else { return Ok(()) };
        let length = u32::try_from(open.bytes.len().saturating_sub(BATCH_HEADER)).unwrap_or(u32::MAX);
        let header =
            open.sequence.to_le_bytes().into_iter().chain(length.to_le_bytes()).chain(open.commands.to_le_bytes());
        open.bytes.iter_mut().zip(header).for_each(|(to, from)| *to = from);
        self.record(Record { session: open.session, time: open.time, body: Body::Batch(open.bytes) })
    }
}

fn event_body(bytes: Vec<u8>) -> Result<Body, Wrong> {
    if bytes.len() > MAX_EVENT {
        return wrong(format!("an event has at most {MAX_EVENT} bytes"));
    }
    codec::decode_event(&bytes).map_err(|error| Wrong::Line(error.to_string()))?;
    Ok(Body::Event(bytes))
}

fn hex(text: &str) -> Result<Vec<u8>, Wrong> {
    from_hex(text).ok_or_else(|| Wrong::Line("bytes are two hexadecimal digits each".to_owned()))
}

fn parse_digest(text: &str) -> Result<Digest, Wrong> {
    Digest::parse(text).ok_or_else(|| Wrong::Line("a digest has 64 hexadecimal digits".to_owned()))
}

fn object(kind: &str, index: u32) -> Option<Object> {
    Kind::ALL.iter().find(|of| of.name() == kind).map(|kind| kind.object(index))
}
