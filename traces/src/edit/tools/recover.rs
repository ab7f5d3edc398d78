//! Recovery: the intact part of a damaged trace, as a closed trace.
//!
//! Two passes: the first finds the last valid record, the second copies up to it. Data whose batch is missing, as in a
//! recording that was cut off, is left out.

use std::collections::{HashMap, HashSet};

use airlock_protocol::{Payload, codec};
use serde::Serialize;

use crate::{
    edit::tools::{Error, commands},
    file::{
        format::{Body, Digest, Record},
        reader::{ReadError, TraceFile},
        writer::{Sink, TraceWriter},
    },
};

/// The result of a recovery.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Recovered {
    /// Commands in the new trace.
    pub commands: u64,
    /// Commands that the old trace's index has; the same where there was no index.
    pub promised: u64,
    /// Records in the new trace.
    pub records: u64,
    /// Bytes of the file that are not part of the trace: behind the first damage.
    pub lost_bytes: u64,
    /// The position of the first damaged chunk.
    pub damaged_at: Option<u64>,
    /// The reason why the trace ends early, if it does.
    pub reason: Option<String>,
    /// Pieces of bulk data whose commands are missing.
    pub dropped_pieces: u64,
    /// Readbacks whose bytes are missing; their digests are kept.
    pub shortened_readbacks: u64,
    /// No part was missing.
    pub whole: bool,
}

/// Copies the valid part of a trace.
pub fn recover<S: Sink>(file: &TraceFile, sink: S) -> Result<(S, Recovered), Error> {
    let mut survey =
        Survey { file, pieces: HashMap::new(), sequences: HashMap::new(), digests: HashMap::new(), reason: None };
    let keep = survey.run();
    let dropped: HashSet<u64> = survey.pieces.values().map(|&(place, ..)| place).collect();
    let mut report = Recovered {
        promised: file.index().totals.commands,
        lost_bytes: file.len().saturating_sub(file.whole()),
        damaged_at: file.damage().map(|_| file.whole()),
        reason: survey.reason.or_else(|| file.damage().map(ToString::to_string)),
        dropped_pieces: dropped.len() as u64,
        ..Recovered::default()
    };
    let mut header = file.header().clone();
    header.history.push(format!("recovered by airlock {}", env!("CARGO_PKG_VERSION")));
    let mut writer = TraceWriter::new(sink, &header).map_err(Error::Write)?;
    for (record, place) in file.records().zip(0..keep) {
        let mut record = record?;
        if dropped.contains(&place) {
            continue;
        }
        match &mut record.body {
            Body::Piece(piece) => writer.payload(piece.digest, &file.payload(piece.digest)?).map_err(Error::Write)?,
            Body::Readback(readback) if copy_readback(file, &readback.pieces, &mut writer).is_none() => {
                readback.pieces.clear();
                report.shortened_readbacks += 1;
            }
            _ => {}
        }
        writer.record(record).map_err(Error::Write)?;
        report.records += 1;
    }
    report.commands = writer.commands();
    report.whole = report.reason.is_none() && report.dropped_pieces == 0 && report.shortened_readbacks == 0;
    Ok((writer.finish().map_err(Error::Write)?, report))
}

/// Copies the bytes of a readback if they are all there.
fn copy_readback<S: Sink>(file: &TraceFile, pieces: &[(u32, Digest)], writer: &mut TraceWriter<S>) -> Option<()> {
    for &(len, digest) in pieces {
        let bytes = file.payload(digest).ok().filter(|bytes| bytes.len() == len as usize)?;
        writer.payload(digest, &bytes).ok()?;
    }
    Some(())
}

/// The first pass.
struct Survey<'f> {
    file: &'f TraceFile,
    /// Data that no command has consumed: the record's place and the length, by session and place in the ring.
    pieces: HashMap<(u32, u64), (u64, u32)>,
    /// The next batch's sequence number, by session.
    sequences: HashMap<u32, u64>,
    /// Checked payloads, with their lengths.
    digests: HashMap<Digest, u32>,
    reason: Option<String>,
}

impl Survey<'_> {
    /// Returns the number of valid records.
    fn run(&mut self) -> u64 {
        let (mut place, mut before) = (0, 0_u64);
        for record in self.file.records() {
            let checked = record.and_then(|record| {
                self.record(place, before, &record)?;
                Ok(record)
            });
            match checked {
                Ok(record) => {
                    if let Body::Batch(bytes) = &record.body {
                        before = before.saturating_add(crate::file::reader::commands_of(bytes).into());
                    }
                }
                Err(error) => {
                    self.reason.get_or_insert(error.to_string());
                    break;
                }
            }
            if self.reason.is_some() {
                break;
            }
            place += 1;
        }
        place
    }

    /// Sets the reason where a record does not fit the earlier ones.
    fn record(&mut self, place: u64, before: u64, record: &Record) -> Result<(), ReadError> {
        let session = record.session;
        match &record.body {
            Body::Session => {
                self.sequences.insert(session, 0);
                self.pieces.retain(|&(of, _), _| of != session);
            }
            Body::Piece(piece) => {
                let len = match self.digests.get(&piece.digest) {
                    Some(&len) => len,
                    None => u32::try_from(self.file.payload(piece.digest)?.len()).unwrap_or(u32::MAX),
                };
                self.digests.insert(piece.digest, len);
                if len != piece.len {
                    self.reason = Some(format!("payload {} has {len} bytes, not {}", piece.digest, piece.len));
                }
                self.pieces.insert((session, piece.start), (place, piece.len));
            }
            Body::Batch(bytes) => self.batch(before, record, bytes)?,
            Body::Event(bytes) => {
                codec::decode_event(bytes).map_err(|cause| self.file.stream_error(record, before, cause))?;
            }
            Body::Readback(_) | Body::End(_) | Body::Stopped(_) | Body::Unknown(_) => {}
        }
        Ok(())
    }

    fn batch(&mut self, before: u64, record: &Record, bytes: &[u8]) -> Result<(), ReadError> {
        let (session, found) = (record.session, codec::sequence(bytes));
        let expected = self.sequences.entry(session).or_default();
        if *expected != found {
            self.reason = Some(format!("session {session}: batch {found} is there where batch {expected} is expected"));
        }
        *expected = found.saturating_add(1);
        let mut taken = Vec::new();
        commands::<ReadError>(self.file, before, record, |number, command, _| {
            if let Some(&Payload::Shared { start, len }) = command.payload() {
                if self.pieces.get(&(session, start)).is_none_or(|&(_, found)| found != len) {
                    self.reason.get_or_insert(format!("the data of command {number} is missing"));
                }
                taken.push((session, start));
            }
            Ok(())
        })?;
        // A batch that is left out consumes nothing, so that its data is left out too.
        if self.reason.is_none() {
            taken.iter().for_each(|piece| {
                self.pieces.remove(piece);
            });
        }
        Ok(())
    }
}
