//! Verification of a trace: the index against a fresh scan, payloads against their digests, batches and events against
//! the protocol's rules.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::Arc,
};

use airlock_protocol::{
    Command, Event, Payload, codec,
    commands::Effect,
    ids::{Object, RequestId},
    limits::MAX_MAPPED,
};
use serde::Serialize;

use crate::{
    edit::tools::{Error, commands, readback_bytes},
    file::{
        format::{Body, ChunkKind, Cursor, Digest, FormatError, Readback, Record, Records, read_payload},
        index::{ChunkEntry, Index},
        reader::{ReadError, Source, TraceFile},
        writer::FOOTER,
    },
    schema::facts::Facts,
};

/// Problems that are reported. A trace whose first session start is missing has one for every command.
pub const MAX_PROBLEMS: usize = 50;

/// The result of a check.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Check {
    /// The first [`MAX_PROBLEMS`] problems.
    pub problems: Vec<String>,
    /// All problems.
    pub found: u64,
    /// Remarks that are not faults of the file.
    pub warnings: Vec<String>,
    /// Commands that were checked.
    pub commands: u64,
    /// Payloads whose digests were checked.
    pub payloads: u64,
}

impl Check {
    /// Adds a problem.
    fn problem(&mut self, what: impl Into<String>) {
        self.found += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(what.into());
        }
    }
}

/// The start of a file: without its footer, it is scanned.
struct Start(Arc<dyn Source>, u64);

impl Source for Start {
    fn len(&self) -> io::Result<u64> {
        Ok(self.1)
    }

    fn read_at(&self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, to)
    }
}

/// Checks a trace. `progress` receives the number of checked bytes.
pub fn check(source: &Arc<dyn Source>, mut progress: impl FnMut(u64)) -> Result<Check, ReadError> {
    let len = source.len()?;
    let file = TraceFile::read(Box::new(Start(Arc::clone(source), len)))?;
    let mut check = Check::default();
    if let Some(damage) = file.damage() {
        check.problem(format!("{damage}; {} of {len} bytes are whole", file.whole()));
    }
    if file.is_closed() {
        let start = len.saturating_sub(FOOTER as u64);
        match TraceFile::read(Box::new(Start(Arc::clone(source), start))) {
            Ok(scanned) => compare(&file, &scanned, &mut check),
            Err(error) => check.problem(format!("it cannot be scanned: {error}")),
        }
    } else if file.damage().is_none() {
        check.warnings.push("the recording was not closed; everything up to the file's end is whole".to_owned());
    }
    let mut walk = Walk { file: &file, check, sessions: HashMap::new(), commands: 0, follows: true };
    for (number, chunk) in file.index().chunks.iter().enumerate() {
        walk.chunk(number, chunk);
        progress(chunk.offset.saturating_add(chunk.stored.into()));
    }
    walk.check.commands = walk.commands;
    Ok(walk.check)
}

/// Compares the index in the file with the index of a scan.
fn compare(file: &TraceFile, scanned: &TraceFile, check: &mut Check) {
    let (read, made) = (file.index(), scanned.index());
    if let Some(damage) = scanned.damage() {
        // The chunks before it need not agree, and those after it are checked by the index.
        check.problem(damage.to_string());
        return;
    }
    let Index { chunks, payloads, markers, totals } = read;
    for (what, same) in [
        ("chunks", *chunks == made.chunks),
        ("payloads", *payloads == made.payloads),
        ("markers", *markers == made.markers),
        ("totals", *totals == made.totals),
    ] {
        if !same {
            check.problem(format!("the index has other {what} than the file"));
        }
    }
    if file.devices().len() != read.chunks_of(ChunkKind::Device).count() {
        check.problem("a device's description makes no sense");
    }
}

/// A pending request.
struct Asked {
    /// The object that a failed request does not make.
    makes: Option<Object>,
}

#[derive(Default)]
struct Session {
    /// Batches so far.
    batches: u64,
    live: HashSet<Object>,
    asked: HashMap<RequestId, Asked>,
    /// Bulk data that no command has consumed, by its place in the ring.
    pieces: HashMap<u64, u32>,
    /// Bytes of `Stage` commands that no command has consumed.
    staged: u64,
}

struct Walk<'f> {
    file: &'f TraceFile,
    check: Check,
    sessions: HashMap<u32, Session>,
    commands: u64,
    /// No part of the stream is missing so far, so that the live objects are known.
    follows: bool,
}

impl Walk<'_> {
    fn chunk(&mut self, number: usize, chunk: &ChunkEntry) {
        let (header, contents) = match self.file.chunk_at(chunk.offset) {
            Ok(read) => read,
            Err(error) => {
                self.follows &= chunk.kind != ChunkKind::Stream as u8;
                return self.check.problem(error.to_string());
            }
        };
        if header.number as usize != number {
            let at = chunk.offset;
            self.check.problem(format!("the chunk at byte {at} has the number {}, not {number}", header.number));
        }
        match ChunkKind::from_number(header.kind) {
            Some(ChunkKind::Payloads) => self.payloads(&contents, chunk.offset),
            Some(ChunkKind::Stream) => self.stream(&contents, chunk.offset),
            _ => {}
        }
    }

    fn payloads(&mut self, contents: &[u8], offset: u64) {
        let mut rest = Cursor(contents);
        while !rest.0.is_empty() {
            let Some((digest, bytes)) = read_payload(&mut rest) else {
                return self.check.problem(format!("the chunk at byte {offset} is damaged: a payload is cut"));
            };
            self.check.payloads += 1;
            if Digest::of(bytes) != digest {
                self.check.problem(ReadError::Payload { digest }.to_string());
            }
        }
    }

    fn stream(&mut self, contents: &[u8], offset: u64) {
        let mut records = Records::new(contents, offset);
        loop {
            match records.next() {
                Ok(Some(record)) => self.record(&record),
                Ok(None) => return,
                Err(error @ (FormatError::Damaged { .. } | FormatError::NewerPart { .. })) => {
                    self.follows = false;
                    return self.check.problem(error.to_string());
                }
                Err(error) => return self.check.problem(error.to_string()),
            }
        }
    }

    fn session(&mut self, number: u32) -> &mut Session {
        self.sessions.entry(number).or_default()
    }

    fn record(&mut self, record: &Record) {
        let number = record.session;
        if !matches!(record.body, Body::Session | Body::Stopped(_)) && !self.sessions.contains_key(&number) {
            self.say(format!("after command {}: session {number} has not begun", self.commands));
            self.sessions.insert(number, Session::default());
        }
        match &record.body {
            Body::Session => {
                if self.sessions.insert(number, Session::default()).is_some() {
                    self.say(format!("after command {}: session {number} begins again", self.commands));
                }
            }
            Body::Batch(bytes) => self.batch(record, bytes),
            Body::Piece(piece) => {
                self.payload(piece.digest, piece.len);
                self.session(number).pieces.insert(piece.start, piece.len);
            }
            Body::Event(bytes) => match codec::decode_event(bytes) {
                Ok(event) => self.event(number, &event),
                Err(cause) => {
                    let error = self.file.stream_error(record, self.commands, cause);
                    self.check.problem(error.to_string());
                }
            },
            Body::Readback(readback) => self.readback(readback),
            Body::End(_) | Body::Stopped(_) | Body::Unknown(_) => {}
        }
    }

    /// Adds a problem that depends on earlier records. After missing ones it is not a problem.
    fn say(&mut self, what: String) {
        if self.follows {
            self.check.problem(what);
        }
    }

    /// Checks a payload that a record names.
    fn payload(&mut self, digest: Digest, len: u32) {
        match self.file.index().payloads.get(&digest) {
            None => self.check.problem(ReadError::NoPayload { digest }.to_string()),
            Some(place) if place.len != len => {
                self.check.problem(format!("payload {digest} has {} bytes, not {len}", place.len));
            }
            Some(_) => {}
        }
    }

    fn batch(&mut self, record: &Record, bytes: &[u8]) {
        let session = self.session(record.session);
        let (expected, found) = (session.batches, codec::sequence(bytes));
        session.batches = found.saturating_add(1);
        if found != expected {
            let number = record.session;
            self.say(format!("session {number}: batch {found} is there where batch {expected} is expected"));
        }
        let before = self.commands;
        let read = commands::<Error>(self.file, before, record, |number, command, _| {
            self.commands = number.saturating_add(1);
            self.command(record.session, number, command)
        });
        if let Err(error) = read {
            self.check.problem(error.to_string());
            self.follows = false;
            self.commands = before.saturating_add(crate::file::reader::commands_of(bytes).into());
        }
    }

    fn command(&mut self, number: u32, at: u64, command: &Command<'_>) -> Result<(), Error> {
        let facts = Facts::of(command);
        let session = self.sessions.entry(number).or_default();
        let mut wrong: Vec<String> = Vec::new();
        for object in facts.needs() {
            if !session.live.contains(&object) {
                wrong.push(format!("uses {}, which is not there", name(object)));
            }
        }
        if let Some(object) = facts.drops {
            session.live.remove(&object);
        }
        if let Some(object) = facts.makes
            && !session.live.insert(object)
        {
            wrong.push(format!("makes {}, which is there already", name(object)));
        }
        if let Some(request) = facts.request
            && session.asked.insert(request, Asked { makes: facts.makes }).is_some()
        {
            wrong.push(format!("makes request {}, which still waits for its reply", request.0));
        }
        match command.payload() {
            Some(&Payload::Shared { start, len }) => match session.pieces.remove(&start) {
                Some(found) if found == len => {}
                Some(found) => wrong.push(format!("names {len} bytes of data, and {found} are recorded")),
                None => wrong.push(format!("names data at {start}, which is not recorded")),
            },
            Some(&Payload::Staged { len }) if session.staged != len => {
                wrong.push(format!("takes {len} staged bytes, and {} were staged", session.staged));
            }
            Some(Payload::Staged { .. } | Payload::Inline(_)) | None => {}
        }
        match command.payload() {
            Some(payload) if command.description().effect == Effect::Stage => {
                session.staged = session.staged.saturating_add(payload.len());
            }
            Some(Payload::Staged { .. }) => session.staged = 0,
            Some(Payload::Shared { .. } | Payload::Inline(_)) | None => {}
        }
        for what in wrong {
            self.say(format!("command {at} ({}) {what}", command.name()));
        }
        Ok(())
    }

    fn event(&mut self, number: u32, event: &Event<'_>) {
        let (Some(request), commands) = (event.request(), self.commands) else { return };
        let session = self.session(number);
        let Some(asked) = session.asked.remove(&request) else {
            let name = event.name();
            return self.say(format!(
                "after command {commands}: {name} replies to request {}, which no command made",
                request.0
            ));
        };
        // A failed request for an adapter or a device leaves its id free.
        let refused =
            matches!(event, Event::AdapterReply { result: Err(_), .. } | Event::DeviceReply { result: Err(_), .. });
        if let Some(object) = asked.makes.filter(|_| refused) {
            session.live.remove(&object);
        }
    }

    fn readback(&mut self, readback: &Readback) {
        let request = readback.request.0;
        if readback.len > MAX_MAPPED {
            return self.check.problem(format!("the readback of request {request} is longer than a map may be"));
        }
        let found = self.check.found;
        readback.pieces.iter().for_each(|&(len, digest)| self.payload(digest, len));
        if readback.pieces.is_empty() || found != self.check.found {
            return;
        }
        let mut hasher = blake3::Hasher::new();
        let whole = readback_bytes::<ReadError>(self.file, readback, |bytes| {
            hasher.update(bytes);
            Ok(())
        });
        let digest = Digest(*hasher.finalize().as_bytes());
        match whole {
            Ok(true) if readback.digest.is_none_or(|recorded| recorded == digest) => {}
            Ok(_) => {
                self.check.problem(format!("the readback of request {request} has other bytes than its digest says"))
            }
            Err(error) => self.check.problem(error.to_string()),
        }
    }
}

fn name(object: Object) -> String {
    let (kind, index) = object.describe();
    format!("{kind} {index}")
}
