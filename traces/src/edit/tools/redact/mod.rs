//! Redaction: data becomes zeros, names become pseudonyms, shaders lose their comments and constants. The shape of the run
//! stays: calls, sizes, formats.
//!
//! No command is named here. Bytes are data in every field, a field `label` is a name, `code` is a shader, and
//! `message` is free text.

mod wgsl;

use std::collections::{BTreeSet, HashMap};

use airlock_protocol::{
    Command, Event,
    codec::{self, BatchWriter},
    connect::CLOSED,
    limits::{MAX_BATCH, MAX_EVENT},
};
use serde::Serialize;

use crate::{
    edit::tools::{Error, commands},
    file::{
        format::{Body, MAX_PAYLOAD, Piece, Record},
        reader::TraceFile,
        writer::{Sink, TraceWriter},
    },
    schema::node::{Node, NodeError},
};

/// Identifiers of shaders that are reported.
pub const MAX_IDENTIFIERS: usize = 10_000;

/// Replaces a message.
pub const REDACTED: &str = "redacted";

/// The parts that are kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep {
    /// Sources of shaders.
    pub shaders: bool,
    /// Labels, debug groups and markers.
    pub labels: bool,
    /// Bulk data and readbacks.
    pub payloads: bool,
}

/// The result of a redaction.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Redacted {
    /// Pieces of data, inline ones and immediates included.
    pub payloads: u64,
    /// Their bytes.
    pub payload_bytes: u64,
    /// Readbacks that lost their digests and bytes.
    pub readbacks: u64,
    /// Labels, debug groups and markers.
    pub labels: u64,
    /// Different ones among them.
    pub different_labels: u64,
    /// Shaders.
    pub shaders: u64,
    /// Comments that were removed from them.
    pub comments: u64,
    /// Float literals that were replaced in them.
    pub literals: u64,
    /// Messages of errors and of the compiler.
    pub messages: u64,
    /// Identifiers that are left in the shaders; entry points and overridable constants are among them.
    pub identifiers: BTreeSet<String>,
    /// There are more than [`MAX_IDENTIFIERS`].
    pub more_identifiers: bool,
}

/// Writes the redacted trace.
pub fn redact<S: Sink>(file: &TraceFile, keep: Keep, sink: S) -> Result<(S, Redacted), Error> {
    let mut header = file.header().clone();
    header.component = None;
    // A step names labels and errors; only the kind of step stays.
    for step in &mut header.history {
        step.truncate(step.find(' ').unwrap_or(step.len()));
    }
    let kept = [(keep.shaders, " shaders"), (keep.labels, " labels"), (keep.payloads, " payloads")];
    let kept: String = kept.iter().filter(|(keep, _)| *keep).map(|(_, name)| *name).collect();
    let kept = if kept.is_empty() { kept } else { format!(", kept:{kept}") };
    header.history.push(format!("redacted by airlock {}{kept}", env!("CARGO_PKG_VERSION")));
    let mut writer = TraceWriter::new(sink, &header).map_err(Error::Write)?;
    let mut redactor = Redactor { keep, labels: HashMap::new(), batches: HashMap::new(), report: Redacted::default() };
    for record in file.records_from(0) {
        let (before, record) = record?;
        let (session, time) = (record.session, 0);
        let body = match &record.body {
            Body::Batch(_) => redactor.batch(file, before, &record)?,
            Body::Event(bytes) => {
                let fail = |cause| file.stream_error(&record, before, cause);
                redactor.event(&codec::decode_event(bytes).map_err(fail)?)?
            }
            Body::Piece(piece) => {
                redactor.piece(file, *piece, session, &mut writer)?;
                continue;
            }
            Body::Readback(readback) => {
                let mut readback = readback.clone();
                if keep.payloads {
                    for &(_, digest) in &readback.pieces {
                        writer.payload(digest, &file.payload(digest)?).map_err(Error::Write)?;
                    }
                } else {
                    (readback.digest, readback.pieces) = (None, Vec::new());
                    redactor.report.readbacks += 1;
                }
                Body::Readback(readback)
            }
            Body::Session => {
                redactor.batches.insert(session, BatchWriter::default());
                Body::Session
            }
            Body::End(reason) if reason != CLOSED => {
                redactor.report.messages += 1;
                Body::End(REDACTED.to_owned())
            }
            Body::End(_) | Body::Stopped(_) | Body::Unknown(_) => record.body.clone(),
        };
        writer.record(Record { session, time, body }).map_err(Error::Write)?;
    }
    redactor.report.different_labels = redactor.labels.len() as u64;
    Ok((writer.finish().map_err(Error::Write)?, redactor.report))
}

struct Redactor {
    keep: Keep,
    /// Pseudonyms by label.
    labels: HashMap<String, usize>,
    batches: HashMap<u32, BatchWriter>,
    report: Redacted,
}

impl Redactor {
    fn batch(&mut self, file: &TraceFile, before: u64, record: &Record) -> Result<Body, Error> {
        let mut batch = self.batches.remove(&record.session).unwrap_or_default();
        commands::<Error>(file, before, record, |_, command, _| {
            let mut node = Node::of(command)?;
            node.walk_mut("", &mut |field, node| self.command(field, node));
            let command: Command<'_> = node.decode()?;
            batch.push(&command).map_err(|error| NodeError(error.to_string()))?;
            Ok(())
        })?;
        let bytes = batch.finish(<[u8]>::to_vec);
        self.batches.insert(record.session, batch);
        within(bytes.len(), MAX_BATCH)?;
        Ok(Body::Batch(bytes))
    }

    fn command(&mut self, field: &str, node: &mut Node) {
        match node {
            Node::Bytes(bytes) if !self.keep.payloads => {
                self.report.payloads += 1;
                self.report.payload_bytes += bytes.len() as u64;
                bytes.fill(0);
            }
            Node::Text(text) if field == "label" && !self.keep.labels => self.label(text),
            Node::Text(text) if field == "code" => self.shader(text),
            Node::Text(text) if field == "message" => self.message(text),
            _ => {}
        }
    }

    fn label(&mut self, text: &mut String) {
        if text.is_empty() {
            return;
        }
        self.report.labels += 1;
        let next = self.labels.len() + 1;
        let number = *self.labels.entry(std::mem::take(text)).or_insert(next);
        *text = format!("label-{number}");
    }

    fn shader(&mut self, code: &mut String) {
        self.report.shaders += 1;
        let clean = wgsl::redact(code);
        for name in clean.identifiers {
            if self.report.identifiers.len() < MAX_IDENTIFIERS {
                self.report.identifiers.insert(name);
            } else {
                self.report.more_identifiers |= !self.report.identifiers.contains(&name);
            }
        }
        if !self.keep.shaders {
            self.report.comments += clean.comments;
            self.report.literals += clean.literals;
            *code = clean.text;
        }
    }

    fn message(&mut self, text: &mut String) {
        if !text.is_empty() && text != REDACTED {
            self.report.messages += 1;
            *text = REDACTED.to_owned();
        }
    }

    fn event(&mut self, event: &Event<'_>) -> Result<Body, Error> {
        let mut node = Node::of(event)?;
        node.walk_mut("", &mut |field, node| match node {
            // The text of a failed request is in the result itself, that of a session's end in its reason.
            Node::Text(text) if ["message", "reason", "result"].contains(&field) => self.message(text),
            Node::Bytes(bytes) => bytes.fill(0),
            Node::Unsigned(time) if field == "busy_ns" => *time = 0,
            _ => {}
        });
        let event: Event<'_> = node.decode()?;
        let mut bytes = Vec::new();
        codec::encode_event(&event, &mut bytes).map_err(|error| NodeError(error.to_string()))?;
        within(bytes.len(), MAX_EVENT)?;
        Ok(Body::Event(bytes))
    }

    fn piece<S: Sink>(
        &mut self,
        file: &TraceFile,
        piece: Piece,
        session: u32,
        writer: &mut TraceWriter<S>,
    ) -> Result<(), Error> {
        let bytes = if self.keep.payloads {
            file.payload(piece.digest)?
        } else {
            self.report.payloads += 1;
            self.report.payload_bytes += u64::from(piece.len);
            vec![0; (piece.len as usize).min(MAX_PAYLOAD)]
        };
        writer.piece(session, 0, piece.start, &bytes).map_err(Error::Write)
    }
}

/// Checks the length: a pseudonym may be longer than the name.
fn within(len: usize, limit: usize) -> Result<(), NodeError> {
    if len <= limit {
        Ok(())
    } else {
        Err(NodeError(format!("with pseudonyms, {len} bytes where {limit} are allowed")))
    }
}
