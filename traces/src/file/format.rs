//! The format of a trace file: preamble, chunks and records, parsed and written without I/O. This crate's `README.md`
//! specifies it.

use std::fmt;

use airlock_protocol::{
    ids::{Kind, Object, RequestId},
    limits::{MAX_BATCH, MAX_EVENT, MAX_MAPPED},
};
use thiserror::Error;

/// The first bytes of a trace.
pub const MAGIC: [u8; 8] = *b"\x89AIRTRC\n";

/// The version of the container. It changes when older readers are incompatible.
pub const VERSION: u32 = 1;

/// Length of the preamble in bytes: magic, version, checksum of both.
pub const PREAMBLE: usize = 16;

/// The first bytes of every chunk.
pub const CHUNK_MAGIC: [u8; 4] = *b"ACHK";

/// Length of a chunk's header in bytes.
pub const CHUNK_HEADER: usize = 28;

/// Bytes of one chunk, decompressed: one record of the longest kind fits. It keeps the length field of a damaged or
/// hostile file from making a reader allocate.
pub const MAX_CHUNK: usize = MAX_BATCH + (1 << 20);

/// Bytes of one payload: pieces of bulk data are at most 2 MiB, those of a readback 1 MiB.
pub const MAX_PAYLOAD: usize = 2 << 20;

/// Length of a record's header in bytes.
pub const RECORD_HEADER: usize = 17;

/// Kinds of chunks and records from here on may be skipped by a reader that does not know them.
pub const SKIPPABLE: u8 = 128;

/// The magic number of a zstd frame (RFC 8878, 3.1.1).
const ZSTD_FRAME: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// The BLAKE3 hash that identifies contents.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(*blake3::Hash::from_hex(text).ok()?.as_bytes()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        blake3::Hash::from_bytes(self.0).to_hex().fmt(f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An invalid or damaged trace.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FormatError {
    /// Another kind of file.
    #[error("it is not a trace: it does not start with a trace's magic bytes")]
    NotATrace,
    /// The preamble is cut or damaged.
    #[error("its first {PREAMBLE} bytes are cut or damaged")]
    Preamble,
    /// The container is of a later version.
    #[error("it was made by a newer version: its format is version {found}, this program reads up to {VERSION}")]
    NewerFormat {
        /// The file's version.
        found: u32,
    },
    /// An unknown chunk or record that must not be skipped.
    #[error("it was made by a newer version: {what} {kind} is unknown here")]
    NewerPart {
        /// A chunk or a record.
        what: &'static str,
        /// Its kind.
        kind: u8,
    },
    /// The file ends inside a chunk.
    #[error("it is cut: the chunk at byte {offset} is not whole")]
    Cut {
        /// Where the chunk starts.
        offset: u64,
    },
    /// A damaged chunk.
    #[error("the chunk at byte {offset} is damaged: {what}")]
    Damaged {
        /// Where the chunk starts.
        offset: u64,
        /// The damage.
        what: String,
    },
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The preamble of this version.
pub fn preamble() -> [u8; PREAMBLE] {
    let mut bytes = [0; PREAMBLE];
    let fields = MAGIC.into_iter().chain(VERSION.to_le_bytes());
    bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    let crc = crc32fast::hash(bytes.first_chunk::<12>().map_or(&[], |fields| fields.as_slice()));
    bytes.iter_mut().skip(12).zip(crc.to_le_bytes()).for_each(|(to, from)| *to = from);
    bytes
}

/// Checks a preamble. The version is checked before the checksum: a later version may have another checksum.
pub fn check_preamble(bytes: &[u8]) -> Result<(), FormatError> {
    if !bytes.starts_with(&MAGIC) {
        let cut = !bytes.is_empty() && MAGIC.starts_with(bytes);
        return Err(if cut { FormatError::Preamble } else { FormatError::NotATrace });
    }
    let version = u32_at(bytes, 8).ok_or(FormatError::Preamble)?;
    let crc = u32_at(bytes, 12).ok_or(FormatError::Preamble)?;
    let intact = bytes.get(..12).is_some_and(|fields| crc32fast::hash(fields) == crc);
    match version {
        VERSION if intact => Ok(()),
        found if found > VERSION && intact => Err(FormatError::NewerFormat { found }),
        _ => Err(FormatError::Preamble),
    }
}

/// The kind of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ChunkKind {
    /// JSON: the facts known at the start of the recording.
    Header = 1,
    /// JSON: an adapter's device as it was granted.
    Device = 2,
    /// Payloads, each once.
    Payloads = 3,
    /// Records.
    Stream = 4,
    /// The index.
    Index = 5,
    /// The position of the index.
    Footer = 6,
}

impl ChunkKind {
    /// The kind with a number; `None` for one unknown to this version.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Header, Self::Device, Self::Payloads, Self::Stream, Self::Index, Self::Footer]
            .into_iter()
            .find(|&kind| kind as u8 == number)
    }
}

/// The header of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHeader {
    /// See [`ChunkKind`].
    pub kind: u8,
    /// The contents are one zstd frame.
    pub compressed: bool,
    /// Length in the file in bytes, this header excluded.
    pub stored: u32,
    /// Length of the contents in bytes.
    pub raw: u32,
    /// The chunk's number in the file, from 0.
    pub number: u32,
    /// CRC-32 of the stored bytes.
    pub crc: u32,
}

impl ChunkHeader {
    /// Its bytes.
    pub fn to_bytes(&self) -> [u8; CHUNK_HEADER] {
        let mut bytes = [0; CHUNK_HEADER];
        let fields = CHUNK_MAGIC
            .into_iter()
            .chain([self.kind, u8::from(self.compressed), 0, 0])
            .chain(self.stored.to_le_bytes())
            .chain(self.raw.to_le_bytes())
            .chain(self.number.to_le_bytes())
            .chain(self.crc.to_le_bytes());
        bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        let crc = crc32fast::hash(bytes.first_chunk::<24>().map_or(&[], |fields| fields.as_slice()));
        bytes.iter_mut().skip(24).zip(crc.to_le_bytes()).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Reads the header at `offset` of the file.
    pub fn parse(bytes: &[u8], offset: u64) -> Result<Self, FormatError> {
        let cut = || FormatError::Cut { offset };
        let damaged = |what: &str| FormatError::Damaged { offset, what: what.to_owned() };
        let fields: &[u8; 24] = bytes.first_chunk().ok_or_else(cut)?;
        let crc = u32_at(bytes, 24).ok_or_else(cut)?;
        if !fields.starts_with(&CHUNK_MAGIC) {
            return Err(damaged("it does not start with a chunk's magic bytes"));
        }
        if crc32fast::hash(fields) != crc {
            return Err(damaged("its header's checksum does not fit"));
        }
        let [_, _, _, _, kind, encoding, ..] = *fields;
        let field = |at| u32_at(fields, at).ok_or_else(cut);
        let header = Self {
            kind,
            compressed: encoding == 1,
            stored: field(8)?,
            raw: field(12)?,
            number: field(16)?,
            crc: field(20)?,
        };
        if encoding > 1 {
            return Err(FormatError::NewerPart { what: "chunk encoding", kind: encoding });
        }
        // zstd adds a little to incompressible data.
        if header.raw as usize > MAX_CHUNK || header.stored as usize > MAX_CHUNK + (MAX_CHUNK >> 7) + 64 {
            return Err(damaged(&format!("it says that it is longer than the {MAX_CHUNK} bytes allowed")));
        }
        Ok(header)
    }

    /// Checks the stored bytes of the chunk at `offset` without opening them.
    pub fn check(&self, stored: &[u8], offset: u64) -> Result<(), FormatError> {
        let fits = crc32fast::hash(stored) == self.crc;
        let what = "its checksum does not fit";
        if fits { Ok(()) } else { Err(FormatError::Damaged { offset, what: what.to_owned() }) }
    }

    /// Checks the stored bytes of the chunk at `offset` and returns its contents.
    pub fn open(&self, stored: Vec<u8>, offset: u64) -> Result<Vec<u8>, FormatError> {
        let damaged = |what: &str| FormatError::Damaged { offset, what: what.to_owned() };
        self.check(&stored, offset)?;
        let raw = if self.compressed {
            // One frame, as the format demands: a thousand empty or skippable ones take as much time each.
            let one = stored.starts_with(&ZSTD_FRAME)
                && zstd::zstd_safe::find_frame_compressed_size(&stored).is_ok_and(|length| length == stored.len());
            if !one {
                return Err(damaged("it is not one compressed frame"));
            }
            zstd::bulk::decompress(&stored, self.raw as usize)
                .map_err(|error| damaged(&format!("it cannot be decompressed ({error})")))?
        } else {
            stored
        };
        if raw.len() != self.raw as usize {
            return Err(damaged("its contents are not as long as its header says"));
        }
        Ok(raw)
    }
}

/// One record of the stream, with its session and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The session, from 1 in the order of their starts.
    pub session: u32,
    /// Nanoseconds since the recording began.
    pub time: u64,
    /// The contents.
    pub body: Body,
}

/// The contents of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A session with a new worker begins.
    Session,
    /// A batch as transferred, header included.
    Batch(Vec<u8>),
    /// A piece of bulk data that was transferred in the shared ring.
    Piece(Piece),
    /// An event as transferred. Credits, welcomes and map contents are not recorded.
    Event(Vec<u8>),
    /// The contents of a mapped range; the `Mapped` event with the same number follows.
    Readback(Readback),
    /// The session has ended, with the reason.
    End(String),
    /// The recording stops before the run does, with the reason.
    Stopped(String),
    /// The contents of these objects are unknown at this point: the commands that made them are not in the trace.
    Unknown(Vec<Object>),
}

/// The bytes of a command's `Payload::Shared`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The position in the ring that the command names.
    pub start: u64,
    /// Length in bytes.
    pub len: u32,
    /// The payload.
    pub digest: Digest,
}

/// The contents that a map returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readback {
    /// The number of the `MapBuffer`.
    pub request: RequestId,
    /// Length in bytes.
    pub len: u64,
    /// The digest of all bytes; `None` when it was removed from the trace.
    pub digest: Option<Digest>,
    /// The bytes as payloads, in order; empty where only the digest was recorded.
    pub pieces: Vec<(u32, Digest)>,
}

impl Body {
    /// The kind's number in the file.
    pub fn kind(&self) -> u8 {
        match self {
            Body::Session => 1,
            Body::Batch(_) => 2,
            Body::Piece(_) => 3,
            Body::Event(_) => 4,
            Body::Readback(_) => 5,
            Body::End(_) => 6,
            Body::Stopped(_) => 7,
            Body::Unknown(_) => 8,
        }
    }

    /// Appends the body's bytes.
    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Body::Session => {}
            Body::Batch(bytes) | Body::Event(bytes) => to.extend(bytes),
            Body::Piece(piece) => {
                to.extend(piece.start.to_le_bytes());
                to.extend(piece.len.to_le_bytes());
                to.extend(piece.digest.0);
            }
            Body::Readback(readback) => {
                to.extend(readback.request.0.to_le_bytes());
                to.extend(readback.len.to_le_bytes());
                to.push(u8::from(readback.digest.is_some()));
                to.extend(readback.digest.map_or([0; 32], |digest| digest.0));
                for (len, digest) in &readback.pieces {
                    to.extend(len.to_le_bytes());
                    to.extend(digest.0);
                }
            }
            Body::End(reason) | Body::Stopped(reason) => to.extend(reason.as_bytes()),
            Body::Unknown(objects) => {
                for object in objects {
                    to.push(object.kind() as u8);
                    to.extend(object.describe().1.to_le_bytes());
                }
            }
        }
    }
}

/// Appends a record.
pub fn write_record(record: &Record, to: &mut Vec<u8>) {
    let start = to.len();
    to.push(record.body.kind());
    to.extend(record.session.to_le_bytes());
    to.extend(record.time.to_le_bytes());
    to.extend([0; 4]);
    record.body.write(to);
    let len = u32::try_from(to.len().saturating_sub(start + RECORD_HEADER)).unwrap_or(u32::MAX);
    to.iter_mut().skip(start + 13).zip(len.to_le_bytes()).for_each(|(to, from)| *to = from);
}

/// Reads values from the front of bytes; every method returns `None` where there are too few.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.take(4)?.first_chunk()?))
    }

    pub fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.take(8)?.first_chunk()?))
    }

    pub fn digest(&mut self) -> Option<Digest> {
        Some(Digest(*self.take(32)?.first_chunk()?))
    }

    pub fn text(&mut self, len: usize) -> Option<&'a str> {
        str::from_utf8(self.take(len)?).ok()
    }
}

/// Reads the records of a stream chunk's contents one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    rest: Cursor<'a>,
    offset: u64,
}

impl<'a> Records<'a> {
    /// The contents of the chunk at `offset` of the file.
    pub fn new(contents: &'a [u8], offset: u64) -> Self {
        Self { rest: Cursor(contents), offset }
    }

    /// The next record; `None` after the last. Unknown kinds that may be skipped are skipped.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Record>, FormatError> {
        loop {
            if self.rest.0.is_empty() {
                return Ok(None);
            }
            let record = self.read().ok_or_else(|| self.damaged("a record is cut"))?;
            let (kind, session, time, body) = record;
            match parse_body(kind, body) {
                Some(Some(body)) => return Ok(Some(Record { session, time, body })),
                Some(None) if kind >= SKIPPABLE => {}
                Some(None) => return Err(FormatError::NewerPart { what: "record", kind }),
                None => return Err(self.damaged("a record makes no sense")),
            }
        }
    }

    fn damaged(&self, what: &str) -> FormatError {
        FormatError::Damaged { offset: self.offset, what: what.to_owned() }
    }

    fn read(&mut self) -> Option<(u8, u32, u64, &'a [u8])> {
        let (kind, session, time) = (self.rest.u8()?, self.rest.u32()?, self.rest.u64()?);
        let len = self.rest.u32()?;
        Some((kind, session, time, self.rest.take(len as usize)?))
    }
}

/// Reads a body; `Some(None)` for an unknown kind. Bytes after the fields of a record with fixed fields are left to
/// later versions.
fn parse_body(kind: u8, body: &[u8]) -> Option<Option<Body>> {
    let mut rest = Cursor(body);
    let body = match kind {
        1 => Body::Session,
        2 if body.len() <= MAX_BATCH => Body::Batch(body.to_vec()),
        3 => {
            let piece = Piece { start: rest.u64()?, len: rest.u32()?, digest: rest.digest()? };
            Body::Piece(Some(piece).filter(|piece| piece.len as usize <= MAX_PAYLOAD)?)
        }
        4 if body.len() <= MAX_EVENT => Body::Event(body.to_vec()),
        5 => {
            let (request, len, known) = (RequestId(rest.u64()?), rest.u64()?, rest.u8()?);
            let digest = Some(rest.digest()?).filter(|_| known == 1);
            let mut pieces = Vec::new();
            while !rest.0.is_empty() {
                pieces.push((rest.u32()?, rest.digest()?));
            }
            let total = pieces.iter().try_fold(0_u64, |sum, &(len, _)| sum.checked_add(u64::from(len)))?;
            if !pieces.is_empty() && total != len || len > MAX_MAPPED {
                return None;
            }
            Body::Readback(Readback { request, len, digest, pieces })
        }
        6 => Body::End(str::from_utf8(body).ok()?.to_owned()),
        7 => Body::Stopped(str::from_utf8(body).ok()?.to_owned()),
        8 => {
            let mut objects = Vec::new();
            while !rest.0.is_empty() {
                let (kind, index) = (rest.u8()?, rest.u32()?);
                objects.push(Kind::ALL.get(usize::from(kind))?.object(index));
            }
            Body::Unknown(objects)
        }
        2 | 4 => return None,
        _ => return Some(None),
    };
    Some(Some(body))
}

/// Appends a payload to the contents of a payload chunk.
pub fn write_payload(digest: Digest, bytes: &[u8], to: &mut Vec<u8>) {
    to.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    to.extend(digest.0);
    to.extend(bytes);
}

/// Length of a payload's header in bytes: its length and its digest.
pub const PAYLOAD_HEADER: usize = 36;

/// Reads a payload's header and bytes from the front of a payload chunk's contents.
pub(crate) fn read_payload<'a>(rest: &mut Cursor<'a>) -> Option<(Digest, &'a [u8])> {
    let (len, digest) = (rest.u32()?, rest.digest()?);
    (len as usize <= MAX_PAYLOAD).then_some(())?;
    Some((digest, rest.take(len as usize)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(contents: &[u8]) -> Result<Vec<Record>, FormatError> {
        let mut records = Records::new(contents, 7);
        std::iter::from_fn(|| records.next().transpose()).collect()
    }

    #[test]
    fn records_come_back() {
        let digest = Digest::of(b"x");
        let bodies = [
            Body::Session,
            Body::Batch(vec![1, 2, 3]),
            Body::Piece(Piece { start: 1 << 40, len: 5, digest }),
            Body::Event(vec![0]),
            Body::Readback(Readback { request: RequestId(9), len: 3, digest: Some(digest), pieces: vec![(3, digest)] }),
            Body::Readback(Readback { request: RequestId(9), len: 3, digest: None, pieces: Vec::new() }),
            Body::End("killed".to_owned()),
            Body::Stopped("full".to_owned()),
            Body::Unknown(vec![Kind::Buffer.object(7)]),
        ];
        let written: Vec<_> =
            bodies.into_iter().enumerate().map(|(i, body)| Record { session: 3, time: i as u64, body }).collect();
        let mut bytes = Vec::new();
        written.iter().for_each(|record| write_record(record, &mut bytes));
        assert_eq!(records(&bytes).unwrap(), written);
        for cut in 1..bytes.len() {
            assert!(records(&bytes[..cut]).is_err() || records(&bytes[..cut]).unwrap().len() < written.len());
        }
    }

    #[test]
    fn unknown_records_are_skipped_or_named() {
        let mut bytes = Vec::new();
        write_record(&Record { session: 1, time: 0, body: Body::Session }, &mut bytes);
        let mut unknown = bytes.clone();
        unknown[0] = 200;
        assert_eq!(records(&unknown).unwrap(), []);
        unknown[0] = 100;
        assert_eq!(records(&unknown), Err(FormatError::NewerPart { what: "record", kind: 100 }));
    }

    #[test]
    fn preambles_are_told_apart() {
        assert_eq!(check_preamble(&preamble()), Ok(()));
        assert_eq!(check_preamble(b"\x7fELF"), Err(FormatError::NotATrace));
        assert_eq!(check_preamble(b""), Err(FormatError::NotATrace));
        assert_eq!(check_preamble(&preamble()[..5]), Err(FormatError::Preamble));
        let mut newer = preamble();
        newer[8] = 2;
        assert_eq!(check_preamble(&newer), Err(FormatError::Preamble));
        let crc = crc32fast::hash(&newer[..12]);
        newer[12..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(check_preamble(&newer), Err(FormatError::NewerFormat { found: 2 }));
    }

    #[test]
    fn a_chunk_header_with_any_bit_flipped_is_damaged() {
        let header = ChunkHeader { kind: 4, compressed: true, stored: 5, raw: 6, number: 1, crc: 9 };
        let bytes = header.to_bytes();
        assert_eq!(ChunkHeader::parse(&bytes, 0), Ok(header));
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(ChunkHeader::parse(&bytes, 0), Err(FormatError::Damaged { .. })), "{bit}");
        }
    }
}
