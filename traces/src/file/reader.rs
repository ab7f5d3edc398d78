//! Reads a trace: any part of it by the index, the whole of it record by record. A file without an index is scanned
//! first; one that is cut or damaged is a trace up to its last whole chunk.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
    sync::{Mutex, PoisonError},
};

use airlock_protocol::codec::DecodeError;
use thiserror::Error;

use crate::{
    edit::tools::input,
    file::{
        format::{
            Body, CHUNK_HEADER, ChunkHeader, ChunkKind, Cursor, Digest, FormatError, PAYLOAD_HEADER, PREAMBLE, Record,
            Records, SKIPPABLE, check_preamble, read_payload,
        },
        header::{DeviceRecord, Header},
        index::{ChunkEntry, Index, MAX_PAYLOADS, Place},
        survey::Survey,
        writer::FOOTER,
    },
};

/// Entries of a trace that is held in memory as a whole. Tools that stream a trace have no such limit.
pub const MAX_ENTRIES: usize = 16 << 20;

/// Bytes of such a trace, payloads excluded: a short file can decompress to very much.
pub const MAX_LOADED: usize = 2 << 30;

/// A trace, or a part of it, that cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file cannot be read at all.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Invalid or damaged.
    #[error("{0}")]
    Format(#[from] FormatError),
    /// A batch or an event is invalid.
    #[error("{place}: {cause}{}", if *.newer { "; the trace was made by a newer version, which has more commands" } else { "" })]
    Stream {
        /// Its position.
        place: String,
        /// The damage.
        cause: DecodeError,
        /// The trace is of a newer version, which may have other commands.
        newer: bool,
    },
    /// The trace is too long for a tool that must hold it in memory.
    #[error(
        "it has more commands and events than can be changed in memory: {MAX_ENTRIES}, or {MAX_LOADED} bytes of them"
    )]
    TooLong,
    /// A named payload is missing.
    #[error("payload {digest} is not in the trace")]
    NoPayload {
        /// Its digest.
        digest: Digest,
    },
    /// A payload does not match its digest.
    #[error("payload {digest} is damaged: its bytes have another digest")]
    Payload {
        /// Its digest.
        digest: Digest,
    },
}

/// A source of a trace's bytes.
#[allow(clippy::len_without_is_empty)]
pub trait Source: Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Fills `to` with the bytes at `offset`.
    fn read_at(&self, offset: u64, to: &mut [u8]) -> io::Result<()>;
}

impl Source for Mutex<File> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().unwrap_or_else(PoisonError::into_inner).metadata()?.len())
    }

    fn read_at(&self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        let mut file = self.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(to)
    }
}

impl Source for Vec<u8> {
    fn len(&self) -> io::Result<u64> {
        Ok(Vec::len(self) as u64)
    }

    fn read_at(&self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let from = self.get(start..).and_then(|rest| rest.get(..to.len()));
        to.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Bytes of contents that the scan of any file may read; see [`SCANNED_PER_BYTE`].
const MAX_SCANNED: u64 = 4 << 30;
/// Additional bytes of contents for each byte of the file. A file without an index could otherwise make every reader
/// decompress some ten thousand times its length.
const SCANNED_PER_BYTE: u64 = 64;

/// Chunks that a reader keeps decompressed: payloads that lie together are often read one after the other.
const CACHED: usize = 4;

/// An open trace file.
pub struct TraceFile {
    source: Box<dyn Source>,
    header: Header,
    devices: Vec<DeviceRecord>,
    index: Index,
    /// The index was read, not rebuilt.
    closed: bool,
    /// The reason why the scan stopped before the file's end.
    damage: Option<FormatError>,
    /// Bytes of whole chunks.
    whole: u64,
    len: u64,
    cache: Mutex<VecDeque<(u32, Vec<u8>)>>,
}

impl std::fmt::Debug for TraceFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceFile").field("header", &self.header).field("len", &self.len).finish_non_exhaustive()
    }
}

impl TraceFile {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        Self::read(Box::new(Mutex::new(input::open(path)?)))
    }

    /// Opens a trace in memory.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ReadError> {
        Self::read(Box::new(bytes))
    }

    /// Opens a trace from any source.
    pub fn read(source: Box<dyn Source>) -> Result<Self, ReadError> {
        let len = source.len()?;
        let mut first = vec![0; usize::try_from(len).unwrap_or(usize::MAX).min(PREAMBLE)];
        source.read_at(0, &mut first)?;
        check_preamble(&first)?;
        let mut file = Self {
            source,
            header: Header::default(),
            devices: Vec::new(),
            index: Index::default(),
            closed: false,
            damage: None,
            whole: PREAMBLE as u64,
            len,
            cache: Mutex::default(),
        };
        let (_, contents) = file.chunk_at(PREAMBLE as u64)?;
        file.header =
            serde_json::from_slice(&contents).map_err(|error| damaged(PREAMBLE as u64, &error.to_string()))?;
        match file.read_index() {
            Some(index) => {
                (file.index, file.closed, file.whole) = (index, true, len);
                file.read_devices();
            }
            None => file.scan()?,
        }
        file.header.processor = file.devices.iter().find_map(|device| device.processor.clone());
        Ok(file)
    }

    /// The index at the end; `None` without a valid one.
    fn read_index(&self) -> Option<Index> {
        let footer = self.len.checked_sub(FOOTER as u64)?;
        let (header, contents) = self.chunk_at(footer).ok()?;
        (header.kind == ChunkKind::Footer as u8).then_some(())?;
        let mut offset = Cursor(&contents).u64()?;
        let mut index = Index::default();
        while offset < footer {
            let (header, contents) = self.chunk_at(offset).ok()?;
            (header.kind == ChunkKind::Index as u8 && index.add_chunk(&contents)).then_some(())?;
            index.chunks.last().is_none_or(|last| last.offset < footer).then_some(())?;
            offset = offset.checked_add(CHUNK_HEADER as u64 + u64::from(header.stored))?;
        }
        Some(index)
    }

    fn read_devices(&mut self) {
        let chunks: Vec<_> = self.index.chunks_of(ChunkKind::Device).collect();
        for (_, chunk) in chunks {
            let contents = self.chunk_at(chunk.offset).ok();
            self.devices.extend(contents.and_then(|(_, contents)| serde_json::from_slice(&contents).ok()));
        }
    }

    /// Rebuilds the index from the whole chunks, as far as [`MAX_SCANNED`] goes.
    fn scan(&mut self) -> Result<(), ReadError> {
        let mut survey = Survey::default();
        let mut left = self.len.saturating_mul(SCANNED_PER_BYTE).saturating_add(MAX_SCANNED);
        while self.whole < self.len {
            let first_command = survey.commands();
            match self.scan_chunk(&mut survey, &mut left) {
                Ok(header) => {
                    let ChunkHeader { kind, stored, raw, .. } = header;
                    let offset = self.whole;
                    self.whole = offset.saturating_add(CHUNK_HEADER as u64 + u64::from(stored));
                    self.index.chunks.push(ChunkEntry { offset, kind, stored, raw, first_command });
                }
                Err(ReadError::Format(error @ FormatError::NewerPart { .. })) => return Err(error.into()),
                Err(ReadError::Format(error)) => {
                    self.damage = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        self.index.markers = std::mem::take(&mut survey.markers);
        self.index.totals = survey.totals();
        // An index without its footer has nothing that the scan has not found.
        self.index.chunks.retain(|chunk| ![ChunkKind::Index as u8, ChunkKind::Footer as u8].contains(&chunk.kind));
        Ok(())
    }

    fn scan_chunk(&mut self, survey: &mut Survey, left: &mut u64) -> Result<ChunkHeader, ReadError> {
        let offset = self.whole;
        let number = u32::try_from(self.index.chunks.len()).unwrap_or(u32::MAX);
        let (header, stored) = self.stored_at(offset)?;
        let kind = ChunkKind::from_number(header.kind);
        let read = matches!(kind, Some(ChunkKind::Stream | ChunkKind::Payloads | ChunkKind::Device));
        let contents = if read {
            let too_much = "the file holds far more than its length, and is not read further";
            *left = left.checked_sub(header.raw.into()).ok_or_else(|| damaged(offset, too_much))?;
            header.open(stored, offset)?
        } else {
            // Its contents are not read.
            header.check(&stored, offset)?;
            Vec::new()
        };
        match kind {
            Some(ChunkKind::Stream) => {
                let mut records = Records::new(&contents, offset);
                while let Some(record) = records.next()? {
                    survey.record(&record).map_err(|cause| self.stream_error(&record, survey.commands(), cause))?;
                }
            }
            Some(ChunkKind::Payloads) => {
                let mut rest = Cursor(&contents);
                while !rest.0.is_empty() {
                    let at = contents.len().saturating_sub(rest.0.len()).saturating_add(PAYLOAD_HEADER);
                    let (digest, bytes) = read_payload(&mut rest).ok_or_else(|| damaged(offset, "a payload is cut"))?;
                    let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
                    if self.index.payloads.len() < MAX_PAYLOADS {
                        let place = Place { chunk: number, at: length(at), len: length(bytes.len()) };
                        self.index.payloads.insert(digest, place);
                    }
                }
            }
            Some(ChunkKind::Device) => self.devices.extend(serde_json::from_slice::<DeviceRecord>(&contents).ok()),
            Some(ChunkKind::Header | ChunkKind::Index | ChunkKind::Footer) => {}
            None if header.kind >= SKIPPABLE => {}
            None => return Err(FormatError::NewerPart { what: "chunk", kind: header.kind }.into()),
        }
        Ok(header)
    }

    /// Reads and checks the chunk at a place in the file.
    pub(crate) fn chunk_at(&self, offset: u64) -> Result<(ChunkHeader, Vec<u8>), ReadError> {
        let (header, stored) = self.stored_at(offset)?;
        Ok((header, header.open(stored, offset)?))
    }

    /// Reads a chunk as it is stored.
    fn stored_at(&self, offset: u64) -> Result<(ChunkHeader, Vec<u8>), ReadError> {
        let cut = || FormatError::Cut { offset };
        let start = offset.checked_add(CHUNK_HEADER as u64).ok_or_else(cut)?;
        if start > self.len {
            return Err(cut().into());
        }
        let mut bytes = [0; CHUNK_HEADER];
        self.source.read_at(offset, &mut bytes)?;
        let header = ChunkHeader::parse(&bytes, offset)?;
        if start.checked_add(u64::from(header.stored)).is_none_or(|end| end > self.len) {
            return Err(cut().into());
        }
        let mut stored = vec![0; header.stored as usize];
        self.source.read_at(start, &mut stored)?;
        Ok((header, stored))
    }

    /// The header, written when the recording began.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The granted devices.
    pub fn devices(&self) -> &[DeviceRecord] {
        &self.devices
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// True when the recording was closed; a trace that was not is whole up to [`TraceFile::whole`].
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The damage, if the file is not whole to its end.
    pub fn damage(&self) -> Option<&FormatError> {
        self.damage.as_ref()
    }

    /// Bytes of whole chunks at the start of the file.
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// Length of the file in bytes.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// All records in order. After an error there are no more.
    pub fn records(&self) -> impl Iterator<Item = Result<Record, ReadError>> + '_ {
        self.records_from(0).map(|record| record.map(|(_, record)| record))
    }

    /// The records from the chunk of a command on, each with the number of commands before it.
    pub fn records_from(&self, command: u64) -> impl Iterator<Item = Result<(u64, Record), ReadError>> + '_ {
        let streams: Vec<_> = self.index.chunks_of(ChunkKind::Stream).map(|(_, chunk)| chunk).collect();
        let has = streams.partition_point(|chunk| chunk.first_command <= command).checked_sub(1);
        // Chunks without commands may stand before it with the same number: a session's start, or events.
        let number = has.and_then(|has| streams.get(has)).map_or(0, |chunk| chunk.first_command);
        let skip = streams.partition_point(|chunk| chunk.first_command < number);
        let mut chunks = streams.into_iter().skip(skip);
        let (mut waiting, mut next, mut failed) = (VecDeque::new(), 0, false);
        std::iter::from_fn(move || {
            while waiting.is_empty() && !failed {
                let chunk = chunks.next()?;
                next = chunk.first_command;
                match self.stream_chunk(chunk.offset) {
                    Ok(records) => waiting = records,
                    Err(error) => {
                        failed = true;
                        return Some(Err(error));
                    }
                }
            }
            let record: Record = waiting.pop_front()?;
            let before = next;
            if let Body::Batch(bytes) = &record.body {
                next = next.saturating_add(commands_of(bytes).into());
            }
            Some(Ok((before, record)))
        })
    }

    fn stream_chunk(&self, offset: u64) -> Result<VecDeque<Record>, ReadError> {
        let (header, contents) = self.chunk_at(offset)?;
        if header.kind != ChunkKind::Stream as u8 {
            return Err(damaged(offset, "it is not the stream that the index says").into());
        }
        let mut records = Records::new(&contents, offset);
        Ok(std::iter::from_fn(|| records.next().transpose()).collect::<Result<_, _>>()?)
    }

    /// A payload's bytes.
    pub fn payload(&self, digest: Digest) -> Result<Vec<u8>, ReadError> {
        let place = *self.index.payloads.get(&digest).ok_or(ReadError::NoPayload { digest })?;
        let bytes = self.payload_at(place)?.ok_or(ReadError::Payload { digest })?;
        if Digest::of(&bytes) != digest {
            return Err(ReadError::Payload { digest });
        }
        Ok(bytes)
    }

    fn payload_at(&self, place: Place) -> Result<Option<Vec<u8>>, ReadError> {
        let cut = |contents: &[u8]| {
            let end = (place.at as usize).checked_add(place.len as usize)?;
            contents.get(place.at as usize..end).map(<[u8]>::to_vec)
        };
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, contents)) = cache.iter().find(|(chunk, _)| *chunk == place.chunk) {
            return Ok(cut(contents));
        }
        let Some(chunk) = self.index.chunks.get(place.chunk as usize) else { return Ok(None) };
        let (header, contents) = self.chunk_at(chunk.offset)?;
        if header.kind != ChunkKind::Payloads as u8 {
            return Ok(None);
        }
        let bytes = cut(&contents);
        if cache.len() >= CACHED {
            cache.pop_front();
        }
        cache.push_back((place.chunk, contents));
        Ok(bytes)
    }

    /// An error in a batch or an event, with its position.
    pub fn stream_error(&self, record: &Record, commands: u64, cause: DecodeError) -> ReadError {
        let what = if matches!(record.body, Body::Event(_)) { "the event" } else { "the batch" };
        let place = format!("{what} after command {commands} of the trace");
        ReadError::Stream { place, cause, newer: self.header.is_newer() }
    }
}

/// The number of commands in a batch's header.
pub fn commands_of(batch: &[u8]) -> u32 {
    batch.get(12..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn damaged(offset: u64, what: &str) -> FormatError {
    FormatError::Damaged { offset, what: what.to_owned() }
}
