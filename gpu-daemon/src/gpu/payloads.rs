//! Bulk data from the client: inline in the batch, in the shared ring, or staged in pieces.
//!
//! Every piece is read exactly once and in order, even for an invalid command: otherwise the positions in the ring would no
//! longer match.

use std::ops::Deref;

#[cfg(target_os = "linux")]
use airlock_protocol::transport::RingMemory;
use airlock_protocol::{
    Payload,
    limits::{MAX_PIECE, MAX_STAGED},
    size::Size,
    transport::{RingError, RingReader},
};

use crate::gpu::{
    refusal::Refusal,
    violation::{Outcome, Violation},
};

/// Source of pieces: the ring, or a test's substitute.
pub trait Pieces {
    /// Copies one piece to a slice of its length.
    fn read(&mut self, start: u64, to: &mut [u8]) -> Result<(), RingError>;
    /// Appends one piece to `to`.
    fn append(&mut self, start: u64, len: u32, to: &mut Vec<u8>) -> Result<(), RingError>;
    /// Passes over one piece, which the GPU copies; returns where it starts in the ring's memory.
    fn pass(&mut self, start: u64, len: u32) -> Result<u64, RingError>;
    /// Read position, for the client's credit.
    fn consumed(&self) -> u64;
}

impl Pieces for RingReader {
    fn read(&mut self, start: u64, to: &mut [u8]) -> Result<(), RingError> {
        RingReader::read(self, start, to)
    }

    fn append(&mut self, start: u64, len: u32, to: &mut Vec<u8>) -> Result<(), RingError> {
        RingReader::append(self, start, len, to)
    }

    fn pass(&mut self, start: u64, len: u32) -> Result<u64, RingError> {
        RingReader::pass(self, start, len)
    }

    fn consumed(&self) -> u64 {
        RingReader::consumed(self)
    }
}

/// The data of one command in this process's own memory.
#[derive(Debug)]
pub enum Bytes<'a> {
    /// A slice of the batch.
    Batch(&'a [u8]),
    /// Copied out of the ring; the memory is reused.
    Scratch(Vec<u8>),
    /// Staged; freed with the command.
    Staged(Vec<u8>),
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Batch(bytes) => bytes,
            Bytes::Scratch(bytes) | Bytes::Staged(bytes) => bytes,
        }
    }
}

/// The ring, the staged bytes, and scratch memory for pieces.
#[derive(Debug)]
pub struct Payloads<R> {
    ring: R,
    staged: Vec<u8>,
    /// Bytes staged in a sequence that exceeded the quota, none of which is kept.
    dropped: u64,
    /// Quota of staged bytes.
    max: u64,
    scratch: Vec<u8>,
}

impl Payloads<RingReader> {
    /// The ring's memory, for a GPU that reads from it.
    #[cfg(target_os = "linux")]
    pub fn ring_memory(&self) -> RingMemory {
        self.ring.mapping()
    }
}

impl<R: Pieces> Payloads<R> {
    /// Creates a value without staged bytes; `max` is their quota.
    pub fn new(ring: R, max: u64) -> Self {
        Self { ring, staged: Vec::new(), dropped: 0, max, scratch: Vec::new() }
    }

    /// The refusal of a command's data, if the staged bytes exceed the quota. Taking the data then returns no bytes.
    pub fn refusal(&self, payload: Payload<'_>) -> Option<Refusal> {
        let refused = self.dropped > 0 && matches!(payload, Payload::Staged { .. });
        refused.then_some(Refusal::InFlight { bytes: self.dropped, max: Size(self.max) })
    }

    fn staged(&self) -> u64 {
        (self.staged.len() as u64).saturating_add(self.dropped)
    }

    /// Read position of the ring.
    pub fn consumed(&self) -> u64 {
        self.ring.consumed()
    }

    /// Appends a piece to the staged bytes.
    pub fn stage(&mut self, piece: Payload<'_>) -> Outcome {
        let found = self.staged().saturating_add(piece.len());
        if found > MAX_STAGED {
            return Err(Violation::Staged { found });
        }
        if found > self.max {
            if matches!(piece, Payload::Staged { .. }) {
                return Err(Violation::StagedPiece);
            }
            // The staged bytes cannot be used any more; this piece is read and dropped.
            (self.staged, self.dropped) = (Vec::new(), found);
            let bytes = self.take(piece)?;
            self.give_back(bytes);
            return Ok(());
        }
        match piece {
            Payload::Inline(bytes) => self.staged.extend_from_slice(bytes),
            Payload::Shared { start, len } => {
                check_piece(start, len, self.ring.consumed())?;
                self.ring.append(start, len, &mut self.staged)?;
            }
            Payload::Staged { .. } => return Err(Violation::StagedPiece),
        }
        Ok(())
    }

    /// Takes a command's data. [`Payloads::give_back`] returns the memory.
    pub fn take<'a>(&mut self, payload: Payload<'a>) -> Result<Bytes<'a>, Violation> {
        match payload {
            Payload::Inline(bytes) => Ok(Bytes::Batch(bytes)),
            Payload::Shared { start, len } => {
                check_piece(start, len, self.ring.consumed())?;
                let mut bytes = std::mem::take(&mut self.scratch);
                bytes.resize(len as usize, 0);
                self.ring.read(start, &mut bytes)?;
                Ok(Bytes::Scratch(bytes))
            }
            Payload::Staged { len } => Ok(Bytes::Staged(self.take_staged(len)?)),
        }
    }

    /// Copies a command's data to a slice of its length, without a copy in between: for mapped GPU memory.
    pub fn copy_to(&mut self, payload: Payload<'_>, to: &mut [u8]) -> Outcome {
        match payload {
            Payload::Inline(bytes) => copy(bytes, to),
            Payload::Shared { start, len: _ } => self.ring.read(start, to)?,
            Payload::Staged { len } => copy(&self.take_staged(len)?, to),
        }
        Ok(())
    }

    /// Passes over a piece, which the GPU copies out of the ring; returns where it starts in the ring's memory.
    pub fn pass(&mut self, start: u64, len: u32) -> Result<u64, Violation> {
        Ok(self.ring.pass(start, len)?)
    }

    /// Reuses the memory of a piece for the next one.
    pub fn give_back(&mut self, bytes: Bytes<'_>) {
        if let Bytes::Scratch(bytes) = bytes {
            self.scratch = bytes;
        }
    }

    fn take_staged(&mut self, len: u64) -> Result<Vec<u8>, Violation> {
        let found = self.staged();
        if found != len {
            return Err(Violation::StagedLength { expected: len, found });
        }
        self.dropped = 0;
        Ok(std::mem::take(&mut self.staged))
    }
}

/// Checks a piece's length before memory is allocated for it.
fn check_piece(start: u64, len: u32, consumed: u64) -> Outcome {
    if len > MAX_PIECE { Err(Violation::Ring(RingError { start, len, consumed })) } else { Ok(()) }
}

/// Copies the common length; all callers pass slices of equal length.
fn copy(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring whose byte at position `n` is `n`.
    #[derive(Debug, Default)]
    struct Counting {
        consumed: u64,
    }

    impl Pieces for Counting {
        fn read(&mut self, start: u64, to: &mut [u8]) -> Result<(), RingError> {
            if start != self.consumed {
                return Err(RingError { start, len: to.len() as u32, consumed: self.consumed });
            }
            for byte in to {
                *byte = self.consumed as u8;
                self.consumed += 1;
            }
            Ok(())
        }

        fn append(&mut self, start: u64, len: u32, to: &mut Vec<u8>) -> Result<(), RingError> {
            let before = to.len();
            to.resize(before + len as usize, 0);
            self.read(start, &mut to[before..])
        }

        fn pass(&mut self, start: u64, len: u32) -> Result<u64, RingError> {
            self.read(start, &mut vec![0; len as usize]).map(|()| start)
        }

        fn consumed(&self) -> u64 {
            self.consumed
        }
    }

    fn payloads() -> Payloads<Counting> {
        Payloads::new(Counting::default(), 8)
    }

    #[test]
    fn staged_pieces_come_out_in_order() -> Outcome {
        let mut payloads = payloads();
        payloads.stage(Payload::Inline(&[9, 9]))?;
        payloads.stage(Payload::Shared { start: 0, len: 3 })?;
        payloads.stage(Payload::Inline(&[7]))?;
        assert_eq!(&*payloads.take(Payload::Staged { len: 6 })?, [9, 9, 0, 1, 2, 7]);
        assert!(payloads.take(Payload::Staged { len: 6 }).is_err(), "taken once only");
        assert_eq!(payloads.consumed(), 3);
        Ok(())
    }

    #[test]
    fn bytes_above_the_quota_are_read_and_dropped() -> Outcome {
        let mut payloads = payloads();
        payloads.stage(Payload::Shared { start: 0, len: 5 })?;
        assert!(payloads.refusal(Payload::Staged { len: 5 }).is_none());
        payloads.stage(Payload::Shared { start: 5, len: 5 })?;
        assert_eq!((payloads.consumed(), payloads.staged.len()), (10, 0));
        assert!(payloads.refusal(Payload::Inline(&[])).is_none());
        assert!(payloads.refusal(Payload::Staged { len: 10 }).is_some());
        assert!(payloads.take(Payload::Staged { len: 10 })?.is_empty());
        payloads.stage(Payload::Inline(&[1]))?;
        assert!(payloads.refusal(Payload::Staged { len: 1 }).is_none());
        assert_eq!(&*payloads.take(Payload::Staged { len: 1 })?, [1]);
        Ok(())
    }

    #[test]
    fn pieces_are_read_once_and_in_order() -> Outcome {
        let mut payloads = payloads();
        let first = payloads.take(Payload::Shared { start: 0, len: 4 })?;
        assert_eq!(&*first, [0, 1, 2, 3]);
        payloads.give_back(first);
        let second = payloads.take(Payload::Shared { start: 4, len: 2 })?;
        assert_eq!(&*second, [4, 5]);
        assert!(payloads.take(Payload::Shared { start: 4, len: 2 }).is_err());
        Ok(())
    }

    #[test]
    fn a_copy_needs_no_memory_of_its_own() -> Outcome {
        let mut payloads = payloads();
        let mut to = [0xff; 3];
        payloads.copy_to(Payload::Shared { start: 0, len: 3 }, &mut to)?;
        assert_eq!(to, [0, 1, 2]);
        payloads.copy_to(Payload::Inline(&[5, 6, 7]), &mut to)?;
        assert_eq!(to, [5, 6, 7]);
        Ok(())
    }

    #[test]
    fn lengths_are_checked_before_allocation() {
        let mut payloads = payloads();
        assert!(payloads.take(Payload::Shared { start: 0, len: u32::MAX }).is_err());
        assert!(payloads.stage(Payload::Shared { start: 0, len: u32::MAX }).is_err());
        assert!(payloads.stage(Payload::Staged { len: 0 }).is_err());
        assert!(payloads.take(Payload::Staged { len: 1 }).is_err());
    }
}
