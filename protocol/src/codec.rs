//! Encoding and decoding of commands and events. Only this module and its children name bincode, so that it can be replaced;
//! the golden bytes in the tests show whether a replacement is compatible.
//!
//! Draws and their state are most of a stream: the code beside bincode exists for them, and `benches/codec.rs` measures
//! it.
//!
//! A batch is a 16-byte header and commands without anything between them:
//!
//! | bytes | meaning |
//! |---|---|
//! | 0..8 | sequence number, little-endian, from 0 |
//! | 8..12 | length of the commands in bytes, little-endian |
//! | 12..16 | number of commands, little-endian |
//! | 16.. | the commands |

mod reading;
mod writing;

use bincode::{
    enc::write::Writer,
    error::EncodeError as BincodeEncode,
    serde::{borrow_decode_from_slice, encode_into_writer},
};
use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::{
    Command, Event,
    codec::{
        reading::Wrong,
        writing::{CONFIG, LAST_SHORT, Unwritten},
    },
    commands::{Number, Record},
    ids::RequestId,
    limits::{BATCH_TARGET, INLINE_PAYLOAD, MAX_BATCH, MAX_EVENT},
};

/// The version of the encoding: how values of each type become bytes. It is part of the schema hash.
pub const VERSION: u64 = 1;

/// Length of a batch's header in bytes.
pub const BATCH_HEADER: usize = 16;

/// Initial capacity of a batch in bytes: the commands that gather before it is sent, and one more write with inline
/// data. A longer command grows it.
const ROOM: usize = BATCH_HEADER + BATCH_TARGET + INLINE_PAYLOAD + SHORT;

/// An upper bound in bytes for nearly every command without data.
const SHORT: usize = 1 << 10;

/// A value that has no encoding. Commands and events always have one; this is for completeness of the type.
#[derive(Debug, Error)]
#[error("cannot encode: {0}")]
pub struct EncodeError(BincodeEncode);

/// Invalid bytes.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// A batch shorter than its header.
    #[error("a batch of {found} bytes is shorter than its {BATCH_HEADER}-byte header")]
    NoHeader {
        /// Its length.
        found: usize,
    },
    /// A batch above [`MAX_BATCH`].
    #[error("a batch of {found} bytes is longer than the {MAX_BATCH} bytes allowed")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// A batch with another length than its header says.
    #[error("the header says {expected} bytes of commands, the batch has {found}")]
    Length {
        /// The header's length.
        expected: usize,
        /// The actual length.
        found: usize,
    },
    /// A batch out of order.
    #[error("batch {found} arrives where batch {expected} is expected")]
    Sequence {
        /// The number that would follow.
        expected: u64,
        /// The number in the header.
        found: u64,
    },
    /// An invalid command.
    #[error("byte {offset} of the batch, command {command}: {cause}")]
    Command {
        /// Where it starts.
        offset: usize,
        /// Its number within the batch.
        command: u32,
        /// bincode's message.
        cause: String,
    },
    /// Bytes after the last command.
    #[error("{found} bytes follow the last command")]
    Trailing {
        /// How many.
        found: usize,
    },
    /// An invalid event.
    #[error("not an event: {0}")]
    Event(String),
}

/// A writer that appends to a vector.
struct Append<'a>(&'a mut Vec<u8>);

impl Writer for Append<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), BincodeEncode> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// A record that is encoded with its command's number.
struct Numbered<'a, R>(&'a R);

impl<R: Record> Serialize for Numbered<'_, R> {
    #[inline(always)]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_variant("Command", R::NUMBER, R::NAME, self.0)
    }
}

/// Encodes a command over `bytes` from `start` on and returns its end. `bytes` grow if necessary.
#[inline]
fn write(command: &impl Serialize, bytes: &mut Vec<u8>, start: usize) -> Result<usize, EncodeError> {
    let length = bytes.len();
    match writing::write(command, bytes.get_mut(start..).unwrap_or_default()) {
        Ok(left) => Ok(length.saturating_sub(left.len())),
        Err(error) => write_long(command, bytes, start, error),
    }
}

/// The same, for a command that does not fit.
#[cold]
fn write_long(
    command: &impl Serialize,
    bytes: &mut Vec<u8>,
    start: usize,
    error: Unwritten,
) -> Result<usize, EncodeError> {
    match error {
        Unwritten::NoRoom => {
            bytes.truncate(start);
            encode_into_writer(command, Append(bytes), CONFIG).map_err(EncodeError)?;
            Ok(bytes.len())
        }
        Unwritten::Wrong(error) => Err(EncodeError(*error)),
    }
}

/// Appends an event's bytes.
pub fn encode_event(event: &Event<'_>, to: &mut Vec<u8>) -> Result<(), EncodeError> {
    encode_into_writer(event, Append(to), CONFIG).map_err(EncodeError)
}

/// Appends the bytes of a [`Event::MapData`] up to its data, which has this length and follows.
pub fn encode_map_data(request: RequestId, len: usize, to: &mut Vec<u8>) -> Result<(), EncodeError> {
    encode_event(&Event::MapData { request, data: &[] }, to)?;
    // The length of no data, a single byte, is replaced by the length of the data that follows.
    to.pop();
    encode_into_writer(len, Append(to), CONFIG).map(|_| ()).map_err(EncodeError)
}

/// The number of [`Event::MapData`].
const MAP_DATA: u32 = 6;

/// Decodes a [`Event::MapData`] up to its data, which has `len` bytes.
pub fn decode_map_data(start: &[u8], len: usize) -> Result<RequestId, DecodeError> {
    let ((kind, request, found), read): ((u32, RequestId, u64), usize) =
        borrow_decode_from_slice(start, CONFIG).map_err(|error| DecodeError::Event(error.to_string()))?;
    if kind != MAP_DATA || found != len as u64 || read != start.len() {
        return Err(DecodeError::Event("its data is not that of a map".to_owned()));
    }
    Ok(request)
}

/// Decodes one event from all the bytes.
pub fn decode_event(bytes: &[u8]) -> Result<Event<'_>, DecodeError> {
    // bincode allocates a string before it checks that its bytes are there; the limit bounds that.
    let config = CONFIG.with_limit::<MAX_EVENT>();
    let (event, length) = borrow_decode_from_slice::<Event<'_>, _>(bytes, config)
        .map_err(|error| DecodeError::Event(error.to_string()))?;
    if length != bytes.len() {
        return Err(DecodeError::Trailing { found: bytes.len().saturating_sub(length) });
    }
    Ok(event)
}

/// Appends a command's bytes, as they stand in a batch.
pub fn encode_command(command: &Command<'_>, to: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = to.len();
    to.resize(start.saturating_add(SHORT), 0);
    let end = write(command, to, start);
    to.truncate(*end.as_ref().unwrap_or(&start));
    end.map(|_| ())
}

/// Decodes one command from all the bytes.
pub fn decode_command(bytes: &[u8]) -> Result<Command<'_>, DecodeError> {
    let (command, length) = first_command(bytes)?;
    if length != bytes.len() {
        return Err(DecodeError::Trailing { found: bytes.len().saturating_sub(length) });
    }
    Ok(command)
}

/// Decodes the command at the start of the bytes; returns its length too.
pub fn first_command(bytes: &[u8]) -> Result<(Command<'_>, usize), DecodeError> {
    let mut reader = BatchReader { bytes, offset: 0, command: 0, commands: 1 };
    match reader.next()? {
        Some(command) => Ok((command, reader.offset)),
        // The reader has one command, so that `None` means no bytes.
        None => Err(DecodeError::NoHeader { found: bytes.len() }),
    }
}

/// Gathers commands into a batch.
#[derive(Debug)]
pub struct BatchWriter {
    /// The batch up to `end`, and free space after it.
    bytes: Vec<u8>,
    end: usize,
    commands: u32,
    sequence: u64,
}

impl Default for BatchWriter {
    fn default() -> Self {
        Self { bytes: vec![0; ROOM], end: BATCH_HEADER, commands: 0, sequence: 0 }
    }
}

impl BatchWriter {
    /// Appends a command.
    pub fn push(&mut self, command: &Command<'_>) -> Result<(), EncodeError> {
        self.append(command)
    }

    /// Appends the command of a record.
    #[inline]
    pub fn push_record(&mut self, record: &impl Record) -> Result<(), EncodeError> {
        self.append(&Numbered(record))
    }

    #[inline]
    fn append(&mut self, command: &impl Serialize) -> Result<(), EncodeError> {
        self.end = write(command, &mut self.bytes, self.end)?;
        self.commands = self.commands.wrapping_add(1);
        Ok(())
    }

    /// Length of the commands in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.end.saturating_sub(BATCH_HEADER)
    }

    /// Number of commands.
    pub fn commands(&self) -> u32 {
        self.commands
    }

    /// True when it has no commands.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.commands == 0
    }

    /// Fills in the header, lends the batch's bytes to `send`, and starts the next batch in the same memory.
    pub fn finish<R>(&mut self, send: impl FnOnce(&[u8]) -> R) -> R {
        let length = u32::try_from(self.len()).unwrap_or(u32::MAX);
        let header =
            self.sequence.to_le_bytes().into_iter().chain(length.to_le_bytes()).chain(self.commands.to_le_bytes());
        for (slot, byte) in self.bytes.iter_mut().zip(header) {
            *slot = byte;
        }
        let result = send(self.bytes.get(..self.end).unwrap_or_default());
        self.end = BATCH_HEADER;
        // One long command must not keep the memory for the whole session.
        if self.bytes.len() > MAX_BATCH / 64 {
            self.bytes.truncate(ROOM);
            self.bytes.shrink_to_fit();
        }
        self.commands = 0;
        self.sequence = self.sequence.wrapping_add(1);
        result
    }
}

/// The sequence number in a batch's header; 0 where there is no whole header, which [`BatchReader::new`] then reports.
pub fn sequence(bytes: &[u8]) -> u64 {
    bytes.first_chunk().filter(|_| bytes.len() >= BATCH_HEADER).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Reads a batch's commands one after the other, borrowing from its bytes.
#[derive(Debug)]
pub struct BatchReader<'a> {
    bytes: &'a [u8],
    offset: usize,
    command: u32,
    commands: u32,
}

impl<'a> BatchReader<'a> {
    /// Checks the header. `expected` is the sequence number that follows the last batch's.
    pub fn new(bytes: &'a [u8], expected: u64) -> Result<Self, DecodeError> {
        let header: &[u8; BATCH_HEADER] = bytes.first_chunk().ok_or(DecodeError::NoHeader { found: bytes.len() })?;
        if bytes.len() > MAX_BATCH {
            return Err(DecodeError::TooLong { found: bytes.len() });
        }
        let [s0, s1, s2, s3, s4, s5, s6, s7, l0, l1, l2, l3, c0, c1, c2, c3] = *header;
        let sequence = u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        if sequence != expected {
            return Err(DecodeError::Sequence { expected, found: sequence });
        }
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let found = bytes.len().saturating_sub(BATCH_HEADER);
        if length != found {
            return Err(DecodeError::Length { expected: length, found });
        }
        Ok(Self { bytes, offset: BATCH_HEADER, command: 0, commands: u32::from_le_bytes([c0, c1, c2, c3]) })
    }

    /// The next command, `None` after the last.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Command<'a>>, DecodeError> {
        self.next_to(|command| command)
    }

    /// Passes the next command to `take` and returns its result; `None` after the last. A command is as large as the largest
    /// record: `take` gets it where it is built, without a move.
    #[inline]
    #[allow(non_upper_case_globals)]
    pub fn next_to<R>(&mut self, take: impl FnOnce(Command<'a>) -> R) -> Result<Option<R>, DecodeError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        if self.command == self.commands {
            return if rest.is_empty() { Ok(None) } else { Err(DecodeError::Trailing { found: rest.len() }) };
        }
        macro_rules! read {
            ($($Frequent:ident)*) => {{
                $(
                    const $Frequent: u8 = Number::$Frequent as u8;
                    const _: () =
                        assert!(Number::$Frequent as usize <= LAST_SHORT as usize, "its number takes more than a byte");
                )*
                match rest.split_first() {
                    $(Some((&$Frequent, bytes)) => match reading::read(bytes, CONFIG) {
                        Ok((record, rest)) => {
                            self.advance(rest);
                            Ok(Some(take(Command::$Frequent(record))))
                        }
                        Err(cause) => Err(self.wrong(cause)),
                    },)*
                    _ => match reading::read(rest, CONFIG) {
                        Ok((command, rest)) => {
                            self.advance(rest);
                            Ok(Some(take(command)))
                        }
                        Err(cause) => Err(self.wrong(cause)),
                    },
                }
            }};
        }
        // The commands of a frame, and those that make, fill and drop its objects. Serde's derive moves a command through
        // memory several times, which takes longer than decoding it; these are built from their records directly, with the
        // same result.
        read! {
            Submit WriteBuffer WriteTexture
            CreateBuffer CreateTextureView CreateBindGroup CreateCommandEncoder
            CopyBufferToBuffer FinishCommandEncoder
            RenderPassSetPipeline RenderPassSetIndexBuffer RenderPassSetVertexBuffer RenderPassSetBindGroup
            RenderPassSetImmediates RenderPassDraw RenderPassDrawIndexed RenderPassDrawIndirect
            RenderPassDrawIndexedIndirect SetViewport SetScissorRect BeginRenderPass EndRenderPass
            BeginComputePass ComputePassSetPipeline ComputePassSetBindGroup ComputePassSetImmediates
            DispatchWorkgroups DispatchWorkgroupsIndirect EndComputePass
            BundleSetPipeline BundleSetVertexBuffer BundleSetBindGroup BundleDraw BundleDrawIndexed
            DropObject
        }
    }

    /// Records that a command was read. `rest` is the undecoded part of the batch.
    #[inline(always)]
    fn advance(&mut self, rest: &[u8]) {
        self.offset = self.bytes.len().saturating_sub(rest.len());
        self.command = self.command.saturating_add(1);
    }

    #[cold]
    fn wrong(&self, cause: Wrong) -> DecodeError {
        DecodeError::Command { offset: self.offset, command: self.command, cause: cause.to_string() }
    }

    /// Where the next command starts, in bytes from the batch's start.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The number of commands in the batch's header.
    pub fn commands(&self) -> u32 {
        self.commands
    }
}
