//! Bulk data of a command: inside it, in the shared ring, or gathered from earlier pieces.

use airlock_protocol_derive::wire;

/// Where a command's data is.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// In the batch itself.
    Inline(&'a [u8]),
    /// In the session's shared ring.
    Shared {
        /// Bytes that the client had put into the ring before it, since the session's start.
        start: u64,
        /// Length in bytes, at most [`MAX_PIECE`](crate::limits::MAX_PIECE).
        len: u32,
    },
    /// The data of all [`Stage`](crate::commands::session::Stage) commands since the last such payload, in order.
    Staged {
        /// Their length together in bytes.
        len: u64,
    },
}

impl Payload<'_> {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match *self {
            Payload::Inline(bytes) => bytes.len() as u64,
            Payload::Shared { len, .. } => u64::from(len),
            Payload::Staged { len } => len,
        }
    }

    /// True for a length of 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
