//! A trace in memory as a list of commands and events, for tools that change it.
//!
//! Batches are split into commands, so that a tool can leave some out. A command with bulk data refers to it by the
//! position in the ring that it had; [`Trace::pieces`] has the payload for it. [`Trace::write`] lays the ring out anew,
//! so that positions need not fit after commands were removed or added.

use std::{collections::HashMap, io, sync::Arc};

use airlock_protocol::{
    Command, Payload,
    codec::{self, BatchReader, BatchWriter, DecodeError},
    ids::Object,
    limits::{BATCH_TARGET, MAX_PIECE},
    transport::ring_place,
};

use crate::file::{
    format::{Body, Digest, Piece, Readback, Record},
    header::Header,
    reader::{MAX_ENTRIES, MAX_LOADED, ReadError, TraceFile},
    writer::{Sink, TraceWriter},
};

/// One entry of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The session.
    pub session: u32,
    /// Nanoseconds since the recording began.
    pub time: u64,
    /// The contents of the entry.
    pub what: What,
}

/// The contents of an [`Entry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A session with a new worker begins.
    Session,
    /// A command, as its bytes in the batch. Decode it with [`codec::decode_command`].
    Command(Box<[u8]>),
    /// The end of the batch, whose commands are sent together.
    Flush,
    /// The bytes of a later command's `Payload::Shared`. Not in [`Trace::entries`], which has them in
    /// [`Trace::pieces`].
    Piece(Piece),
    /// An event, as its bytes.
    Event(Box<[u8]>),
    /// The contents that a map returned; its `Mapped` event follows.
    Readback(Readback),
    /// The session has ended, with the reason.
    End(String),
    /// The recording stops before the run does, with the reason.
    Stopped(String),
    /// The contents of these objects are unknown from here on, until they are written.
    Unknown(Vec<Object>),
}

impl Entry {
    /// The command, if it is one.
    pub fn command(&self) -> Option<Result<Command<'_>, DecodeError>> {
        match &self.what {
            What::Command(bytes) => Some(codec::decode_command(bytes)),
            _ => None,
        }
    }
}

/// The payloads of a trace: those of a file, and new ones of a tool.
#[derive(Clone, Debug, Default)]
pub struct Blobs {
    file: Option<Arc<TraceFile>>,
    made: HashMap<Digest, Arc<[u8]>>,
}

impl Blobs {
    /// The payloads of a file.
    pub fn of(file: Arc<TraceFile>) -> Self {
        Self { file: Some(file), made: HashMap::new() }
    }

    /// A payload's bytes.
    pub fn get(&self, digest: Digest) -> Result<Arc<[u8]>, ReadError> {
        match (self.made.get(&digest), &self.file) {
            (Some(bytes), _) => Ok(Arc::clone(bytes)),
            (None, Some(file)) => Ok(file.payload(digest)?.into()),
            (None, None) => Err(ReadError::NoPayload { digest }),
        }
    }

    /// Adds a payload.
    pub fn add(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.made.entry(digest).or_insert_with(|| bytes.into());
        digest
    }

    /// The bytes of a readback; `None` where only its digest was recorded.
    pub fn readback(&self, readback: &Readback) -> Result<Option<Vec<u8>>, ReadError> {
        if readback.pieces.is_empty() {
            return Ok((readback.len == 0).then(Vec::new));
        }
        let mut bytes = Vec::new();
        for &(len, digest) in &readback.pieces {
            let piece = self.get(digest)?;
            // The sum of the lengths is bounded, but the payloads themselves could be longer.
            if piece.len() as u64 != u64::from(len) {
                return Err(ReadError::Payload { digest });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Some(bytes))
    }
}

/// A trace in memory, as a list of entries.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The header.
    pub header: Header,
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// The payload of each `Payload::Shared`, by session and start.
    pub pieces: HashMap<(u32, u64), Piece>,
    /// The payloads.
    pub blobs: Blobs,
}

/// Starts of pieces that tools add: beyond every position that a ring reaches.
const MADE: u64 = 1 << 62;

/// Bytes that an entry owns beside itself.
fn weight(what: &What) -> usize {
    match what {
        What::Command(bytes) | What::Event(bytes) => bytes.len(),
        What::Readback(readback) => readback.pieces.len().saturating_mul(size_of::<(u32, Digest)>()),
        What::End(reason) | What::Stopped(reason) => reason.len(),
        What::Unknown(objects) => objects.len().saturating_mul(size_of::<Object>()),
        What::Piece(_) => 2 * size_of::<Piece>(),
        What::Session | What::Flush => 0,
    }
}

impl Trace {
    /// Loads a file with at most [`MAX_ENTRIES`] entries. Payloads stay in the file.
    pub fn load(file: &Arc<TraceFile>) -> Result<Self, ReadError> {
        let mut trace = Self { header: file.header().clone(), blobs: Blobs::of(Arc::clone(file)), ..Self::default() };
        let mut bytes = 0_usize;
        for entry in file.entries() {
            let entry = entry?;
            bytes = bytes.saturating_add(weight(&entry.what));
            match entry.what {
                What::Piece(piece) => {
                    trace.pieces.insert((entry.session, piece.start), piece);
                }
                _ if trace.entries.len() >= MAX_ENTRIES => return Err(ReadError::TooLong),
                _ => trace.entries.push(entry),
            }
            if bytes > MAX_LOADED {
                return Err(ReadError::TooLong);
            }
        }
        Ok(trace)
    }

    /// The commands with their numbers in the trace and their places among the entries.
    pub fn commands(&self) -> impl Iterator<Item = (u64, usize, &[u8])> + '_ {
        let commands = self.entries.iter().enumerate().filter_map(|(place, entry)| match &entry.what {
            What::Command(bytes) => Some((place, &**bytes)),
            _ => None,
        });
        commands.zip(0..).map(|((place, bytes), number)| (number, place, bytes))
    }

    /// The bytes of a payload, inline or recorded. `Staged` ones are with the `Stage` commands before.
    pub fn data(&self, session: u32, payload: &Payload<'_>) -> Result<Option<Arc<[u8]>>, ReadError> {
        match *payload {
            Payload::Inline(bytes) => Ok(Some(bytes.into())),
            Payload::Shared { start, .. } => {
                self.pieces.get(&(session, start)).map(|piece| self.blobs.get(piece.digest)).transpose()
            }
            Payload::Staged { .. } => Ok(None),
        }
    }

    /// Adds bulk data for a command that a tool adds; at most [`MAX_PIECE`] bytes, longer data is to be staged.
    pub fn add_piece(&mut self, session: u32, bytes: Vec<u8>) -> Payload<'static> {
        let start = MADE + self.pieces.len() as u64;
        let len = u32::try_from(bytes.len()).unwrap_or(MAX_PIECE);
        let digest = self.blobs.add(bytes);
        self.pieces.insert((session, start), Piece { start, len, digest });
        Payload::Shared { start, len }
    }

    /// Writes the trace.
    pub fn write<S: Sink>(&self, sink: S) -> Result<S, ReadError> {
        let mut writer = TraceWriter::new(sink, &self.header)?;
        let mut sessions: HashMap<u32, Open> = HashMap::new();
        let mut last = 0;
        // A tool that made all the entries itself may leave the ends of batches to the writer.
        let flushes = self.entries.iter().any(|entry| entry.what == What::Flush);
        for entry in &self.entries {
            let (session, time) = (entry.session, entry.time);
            let open = sessions.entry(session).or_default();
            if let What::Command(bytes) = &entry.what {
                self.put(&mut writer, open, (session, time), bytes)?;
                if open.batch.len() >= BATCH_TARGET && !flushes {
                    open.flush(&mut writer, (session, time))?;
                }
            } else {
                open.flush(&mut writer, (session, time))?;
            }
            let body = match &entry.what {
                What::Command(_) | What::Flush | What::Piece(_) => continue,
                What::Session => {
                    sessions.insert(session, Open::default());
                    Body::Session
                }
                What::Event(bytes) => Body::Event(bytes.to_vec()),
                What::Readback(readback) => {
                    for &(_, digest) in &readback.pieces {
                        writer.payload(digest, &self.blobs.get(digest)?)?;
                    }
                    Body::Readback(readback.clone())
                }
                What::End(reason) => Body::End(reason.clone()),
                What::Stopped(reason) => Body::Stopped(reason.clone()),
                What::Unknown(objects) => Body::Unknown(objects.clone()),
            };
            writer.record(Record { session, time, body })?;
            last = time;
        }
        for (&session, open) in &mut sessions {
            open.flush(&mut writer, (session, last))?;
        }
        Ok(writer.finish()?)
    }

    fn put<S: Sink>(
        &self,
        writer: &mut TraceWriter<S>,
        open: &mut Open,
        (session, time): (u32, u64),
        bytes: &[u8],
    ) -> Result<(), ReadError> {
        let fail = |cause| ReadError::Stream { place: "a command".to_owned(), cause, newer: self.header.is_newer() };
        let mut command = codec::decode_command(bytes).map_err(fail)?;
        if let Some(Payload::Shared { start, .. }) = command.payload_mut()
            && let Some(piece) = self.pieces.get(&(session, *start))
        {
            let to = ring_place(open.head, u64::from(piece.len));
            open.head = to.saturating_add(u64::from(piece.len));
            *start = to;
            writer.payload(piece.digest, &self.blobs.get(piece.digest)?)?;
            let piece = Piece { start: to, ..*piece };
            writer.record(Record { session, time, body: Body::Piece(piece) })?;
        }
        open.batch.push(&command).map_err(io::Error::other)?;
        Ok(())
    }
}

/// A session while it is written.
#[derive(Debug, Default)]
struct Open {
    batch: BatchWriter,
    /// Position up to which the ring is filled.
    head: u64,
}

impl Open {
    fn flush<S: Sink>(&mut self, writer: &mut TraceWriter<S>, (session, time): (u32, u64)) -> io::Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let body = self.batch.finish(|bytes| Body::Batch(bytes.to_vec()));
        writer.record(Record { session, time, body })
    }
}

impl TraceFile {
    /// All entries in order. After an error there are no more.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry, ReadError>> + '_ {
        self.entries_from(0).map(|entry| entry.map(|(_, entry)| entry))
    }

    /// The entries from the chunk of a command on, each with the number of commands before it in the trace. A batch is
    /// split lazily: a short one can hold millions of commands.
    pub fn entries_from(&self, command: u64) -> impl Iterator<Item = Result<(u64, Entry), ReadError>> + '_ {
        let mut records = self.records_from(command);
        let mut open: Option<Batch> = None;
        let mut failed = false;
        std::iter::from_fn(move || {
            if failed {
                return None;
            }
            if open.is_none() {
                let (before, record) = match records.next()? {
                    Ok(record) => record,
                    Err(error) => return Some(Err(error)),
                };
                match Batch::begin(before, record) {
                    Ok(Opened::Batch(batch)) => open = Some(batch),
                    Ok(Opened::Entry(entry)) => return Some(Ok((before, entry))),
                    Err(error) => {
                        failed = true;
                        let (record, cause) = *error;
                        return Some(Err(self.stream_error(&record, before, cause)));
                    }
                }
            }
            let batch = open.as_mut()?;
            let number = batch.number;
            match batch.next() {
                Ok(entry) => {
                    if entry.what == What::Flush {
                        open = None;
                    }
                    Some(Ok((number, entry)))
                }
                Err(cause) => {
                    failed = true;
                    let batch = open.take()?;
                    Some(Err(self.stream_error(&batch.record, number, cause)))
                }
            }
        })
    }
}

/// A batch that is being split.
struct Batch {
    record: Record,
    /// The next command's number in the trace.
    number: u64,
    offset: usize,
    /// Commands that are left.
    left: u32,
}

enum Opened {
    Batch(Batch),
    Entry(Entry),
}

impl Batch {
    fn begin(number: u64, record: Record) -> Result<Opened, Box<(Record, DecodeError)>> {
        let (session, time) = (record.session, record.time);
        let what = match record.body {
            Body::Batch(ref bytes) => {
                // Checks the header.
                let start =
                    BatchReader::new(bytes, codec::sequence(bytes)).map(|reader| (reader.offset(), reader.commands()));
                return match start {
                    Ok((offset, left)) => Ok(Opened::Batch(Batch { record, number, offset, left })),
                    Err(cause) => Err(Box::new((record, cause))),
                };
            }
            Body::Session => What::Session,
            Body::Piece(piece) => What::Piece(piece),
            Body::Event(bytes) => What::Event(bytes.into()),
            Body::Readback(readback) => What::Readback(readback),
            Body::End(reason) => What::End(reason),
            Body::Stopped(reason) => What::Stopped(reason),
            Body::Unknown(objects) => What::Unknown(objects),
        };
        Ok(Opened::Entry(Entry { session, time, what }))
    }

    /// The next command, or the batch's end.
    fn next(&mut self) -> Result<Entry, DecodeError> {
        let (session, time) = (self.record.session, self.record.time);
        let Body::Batch(bytes) = &self.record.body else { return Ok(Entry { session, time, what: What::Flush }) };
        let rest = bytes.get(self.offset..).unwrap_or_default();
        if self.left == 0 {
            return match rest.len() {
                0 => Ok(Entry { session, time, what: What::Flush }),
                found => Err(DecodeError::Trailing { found }),
            };
        }
        let (_, length) = codec::first_command(rest)?;
        let command = rest.get(..length).unwrap_or_default();
        self.offset = self.offset.saturating_add(length);
        self.left = self.left.saturating_sub(1);
        self.number = self.number.saturating_add(1);
        Ok(Entry { session, time, what: What::Command(command.into()) })
    }
}
