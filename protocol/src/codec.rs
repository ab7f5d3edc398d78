//! Bytes to commands and events, and back. The only module that names bincode, so that the crate can be replaced; the
//! golden bytes in the tests would show whether a replacement is compatible.
//!
//! A batch is a 16-byte header and commands without anything between them:
//!
//! | bytes | meaning |
//! |---|---|
//! | 0..8 | sequence number, little-endian, from 0 |
//! | 8..12 | length of the commands in bytes, little-endian |
//! | 12..16 | number of commands, little-endian |
//! | 16.. | the commands |

use bincode::{
    config::{Configuration, standard},
    enc::write::Writer,
    error::{DecodeError as BincodeDecode, EncodeError as BincodeEncode},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    Command, Event,
    limits::{MAX_BATCH, MAX_EVENT},
};

/// Length of a batch's header in bytes.
pub const BATCH_HEADER: usize = 16;

const CONFIG: Configuration = standard();

/// A value that has no encoding. Commands and events always have one; this is for completeness of the type.
#[derive(Debug, Error)]
#[error("cannot encode: {0}")]
pub struct EncodeError(BincodeEncode);

/// Bytes that are no value of the stream.
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
    /// A batch whose header says another length.
    #[error("the header says {expected} bytes of commands, the batch has {found}")]
    Length {
        /// What the header says.
        expected: usize,
        /// What there is.
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
    /// Bytes that are no command.
    #[error("byte {offset} of the batch, command {command}: {cause}")]
    Command {
        /// Where it starts.
        offset: usize,
        /// Its number within the batch.
        command: u32,
        /// What bincode says.
        cause: String,
    },
    /// Bytes after the last command.
    #[error("{found} bytes follow the last command")]
    Trailing {
        /// How many.
        found: usize,
    },
    /// Bytes that are no event.
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

fn append<T: Serialize>(value: &T, to: &mut Vec<u8>) -> Result<(), EncodeError> {
    bincode::serde::encode_into_writer(value, Append(to), CONFIG).map_err(EncodeError)
}

/// Appends an event's bytes.
pub fn encode_event(event: &Event<'_>, to: &mut Vec<u8>) -> Result<(), EncodeError> {
    append(event, to)
}

/// Reads one event, which takes all the bytes.
pub fn decode_event(bytes: &[u8]) -> Result<Event<'_>, DecodeError> {
    // bincode makes room for a string before it looks whether its bytes are there; the limit bounds that.
    let config = CONFIG.with_limit::<MAX_EVENT>();
    let (event, length) = bincode::serde::borrow_decode_from_slice::<Event<'_>, _>(bytes, config)
        .map_err(|error| DecodeError::Event(error.to_string()))?;
    if length != bytes.len() {
        return Err(DecodeError::Trailing { found: bytes.len().saturating_sub(length) });
    }
    Ok(event)
}

/// Appends a command's bytes, as they stand in a batch.
pub fn encode_command(command: &Command<'_>, to: &mut Vec<u8>) -> Result<(), EncodeError> {
    append(command, to)
}

/// Reads one command, which takes all the bytes.
pub fn decode_command(bytes: &[u8]) -> Result<Command<'_>, DecodeError> {
    let (command, length) = first_command(bytes)?;
    if length != bytes.len() {
        return Err(DecodeError::Trailing { found: bytes.len().saturating_sub(length) });
    }
    Ok(command)
}

/// Reads the command at the start of bytes; gives its length too.
pub fn first_command(bytes: &[u8]) -> Result<(Command<'_>, usize), DecodeError> {
    decode(bytes).map_err(|error| DecodeError::Command { offset: 0, command: 0, cause: error.to_string() })
}

fn decode<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<(T, usize), BincodeDecode> {
    bincode::serde::borrow_decode_from_slice(bytes, CONFIG)
}

/// Gathers commands into a batch.
#[derive(Debug)]
pub struct BatchWriter {
    bytes: Vec<u8>,
    commands: u32,
    sequence: u64,
}

impl Default for BatchWriter {
    fn default() -> Self {
        Self { bytes: vec![0; BATCH_HEADER], commands: 0, sequence: 0 }
    }
}

impl BatchWriter {
    /// Appends a command.
    #[inline]
    pub fn push(&mut self, command: &Command<'_>) -> Result<(), EncodeError> {
        let before = self.bytes.len();
        match append(command, &mut self.bytes) {
            Ok(()) => {
                self.commands = self.commands.wrapping_add(1);
                Ok(())
            }
            Err(error) => {
                self.bytes.truncate(before);
                Err(error)
            }
        }
    }

    /// Length of the commands in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len().saturating_sub(BATCH_HEADER)
    }

    /// Number of commands.
    pub fn commands(&self) -> u32 {
        self.commands
    }

    /// True when no command waits.
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
        let result = send(&self.bytes);
        self.bytes.truncate(BATCH_HEADER);
        // One long command must not keep its memory for the whole session.
        self.bytes.shrink_to(MAX_BATCH / 64);
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
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        if self.command == self.commands {
            return if rest.is_empty() { Ok(None) } else { Err(DecodeError::Trailing { found: rest.len() }) };
        }
        let (command, length) = decode::<Command<'a>>(rest).map_err(|error| DecodeError::Command {
            offset: self.offset,
            command: self.command,
            cause: error.to_string(),
        })?;
        self.offset = self.offset.saturating_add(length);
        self.command = self.command.saturating_add(1);
        Ok(Some(command))
    }

    /// Where the next command starts, in bytes from the batch's start.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The number of commands that the batch has by its header.
    pub fn commands(&self) -> u32 {
        self.commands
    }
}
