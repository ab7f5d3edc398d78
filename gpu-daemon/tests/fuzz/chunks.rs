//! Input format of the session fuzzer: a byte of flags ([`OBJECTS`], [`FEATURES`]), then chunks, one command each.
//!
//! | bytes | |
//! |---|---|
//! | 2 | length of the body, little-endian; the highest bit suppresses the poll after the command |
//! | 1 | 0: the body is an encoded command, whose ids are repaired; 1: the same, unrepaired; else the number of a command that is generated from the body |
//! | n | the body |
//!
//! A mutation of one chunk does not affect the others.

const NO_POLL: u16 = 1 << 15;

/// A chunk: one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'i> {
    pub poll: bool,
    pub kind: u8,
    pub body: &'i [u8],
}

/// The session begins with an adapter, a device, and valid objects.
pub const OBJECTS: u8 = 1;
/// That device has all features of the adapter.
pub const FEATURES: u8 = 2;

/// Kind of a chunk with an encoded command.
pub const WIRE: u8 = 0;
/// An encoded command whose ids are not repaired.
pub const AS_IT_IS: u8 = 1;

/// Splits an input into its first byte and its chunks. The last one may be truncated.
pub fn parse(input: &[u8]) -> (u8, Vec<Chunk<'_>>) {
    let Some((&first, mut rest)) = input.split_first() else { return (0, Vec::new()) };
    let mut chunks = Vec::new();
    while let [low, high, kind, after @ ..] = rest {
        let length = u16::from_le_bytes([*low, *high]);
        let (body, after) = after.split_at(usize::from(length & !NO_POLL).min(after.len()));
        chunks.push(Chunk { poll: length & NO_POLL == 0, kind: *kind, body });
        rest = after;
    }
    (first, chunks)
}

/// Appends a chunk to an input.
pub fn write(chunk: &Chunk<'_>, to: &mut Vec<u8>) {
    let length = chunk.body.len().min(usize::from(!NO_POLL));
    let flag = if chunk.poll { 0 } else { NO_POLL };
    to.extend((length as u16 | flag).to_le_bytes());
    to.push(chunk.kind);
    to.extend(&chunk.body[..length]);
}
