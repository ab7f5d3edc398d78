//! The input of the session's fuzzer: a byte of flags ([`OBJECTS`], [`FEATURES`]), and then chunks, each of which is one command.
//!
//! | bytes | |
//! |---|---|
//! | 2 | length of the body, little-endian; with the highest bit set, no poll follows the command |
//! | 1 | 0: the body is a command as on the wire, its ids repaired; 1: the same, as it is; else the number of a command that is made from the body |
//! | n | the body |
//!
//! What a mutation does to one chunk leaves the others what they are.

const NO_POLL: u16 = 1 << 15;

/// A command of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'i> {
    pub poll: bool,
    pub kind: u8,
    pub body: &'i [u8],
}

/// The session begins with an adapter, a device, and objects that are valid.
pub const OBJECTS: u8 = 1;
/// That device has all features that the adapter has.
pub const FEATURES: u8 = 2;

/// The kind of a chunk with a command as on the wire.
pub const WIRE: u8 = 0;
/// The same, but what it names may not be there.
pub const AS_IT_IS: u8 = 1;

/// Takes an input apart: its first byte and its chunks. The last one may be cut.
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
