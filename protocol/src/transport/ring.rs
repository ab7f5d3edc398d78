//! The shared ring for bulk data: mapped once per session, written by the client, read by the daemon.
//!
//! Positions count bytes since the session's start, so that a position names one piece for ever; the place in memory is
//! the position modulo the size. A piece never wraps: where it would, the rest of the ring is skipped. The reader gives
//! credit by saying how far it has read; what lies beyond is the writer's.
//!
//! The peer can write to the memory at any moment. No slice of it is ever made: bytes are copied out, then used.
#![allow(unsafe_code)]

use std::ptr;

use ipc_channel::ipc::IpcSharedMemory;
use thiserror::Error;

use crate::limits::{MAX_PIECE, RING_SIZE};

const SIZE: u64 = RING_SIZE as u64;

/// A piece that the ring does not hold.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a piece of {len} bytes at {start} does not lie in the ring, which has been read up to {consumed}")]
pub struct RingError {
    /// Where it says it starts.
    pub start: u64,
    /// Its length.
    pub len: u32,
    /// What was read before.
    pub consumed: u64,
}

/// The client's end.
#[derive(Debug)]
pub struct RingWriter {
    memory: IpcSharedMemory,
    head: u64,
    consumed: u64,
}

impl RingWriter {
    pub(super) fn new(memory: IpcSharedMemory) -> Self {
        Self { memory, head: 0, consumed: 0 }
    }

    /// Notes how far the daemon has read. A position that was never written is a lie and ignored.
    pub fn credit(&mut self, consumed: u64) {
        if consumed <= self.head {
            self.consumed = self.consumed.max(consumed);
        }
    }

    /// Puts a piece of at most [`MAX_PIECE`] bytes into the ring and gives its start; `None` while there is no room.
    pub fn write(&mut self, piece: &[u8]) -> Option<u64> {
        let len = u64::try_from(piece.len()).ok().filter(|&len| len <= u64::from(MAX_PIECE))?;
        let start = place(self.head, len);
        if start + len - self.consumed > SIZE {
            return None;
        }
        let offset = usize::try_from(start % SIZE).ok()?;
        // SAFETY: `deref_mut` gives the whole mapping, and its contract of one writer holds, because the daemon only
        // reads and this value is neither cloned nor sent again. `place` keeps `offset + len` within RING_SIZE, which
        // is the mapping's length, and `piece` is the caller's own memory, so the two cannot overlap.
        unsafe {
            let base = self.memory.deref_mut().as_mut_ptr();
            ptr::copy_nonoverlapping(piece.as_ptr(), base.add(offset), piece.len());
        }
        self.head = start + len;
        Some(start)
    }
}

/// The daemon's end.
#[derive(Debug)]
pub struct RingReader {
    memory: IpcSharedMemory,
    consumed: u64,
}

impl RingReader {
    pub(super) fn new(memory: IpcSharedMemory) -> Self {
        Self { memory, consumed: 0 }
    }

    /// How far the ring was read, to be sent as credit.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Copies a piece to `to`, which has its length. Pieces are read in the order in which they were written.
    pub fn read(&mut self, start: u64, to: &mut [u8]) -> Result<(), RingError> {
        let offset = self.check(start, to.len())?;
        // SAFETY: `check` has found `offset + to.len()` to lie within the mapping, whose length was compared with
        // RING_SIZE when the session began. The peer may write meanwhile: the copy then holds torn bytes, which are
        // data of the peer's either way. `to` is our own memory.
        unsafe {
            let base = self.memory.as_ptr();
            ptr::copy_nonoverlapping(base.add(offset), to.as_mut_ptr(), to.len());
        }
        self.consumed = start + to.len() as u64;
        Ok(())
    }

    fn check(&self, start: u64, len: usize) -> Result<usize, RingError> {
        let error = RingError { start, len: u32::try_from(len).unwrap_or(u32::MAX), consumed: self.consumed };
        let len = u64::try_from(len).map_err(|_| error)?;
        if len > u64::from(MAX_PIECE) || start != place(self.consumed, len) {
            return Err(error);
        }
        usize::try_from(start % SIZE).map_err(|_| error)
    }
}

/// Where a piece of `len` bytes starts when `head` bytes precede it: there, or at the ring's next round.
pub fn place(head: u64, len: u64) -> u64 {
    let offset = head % SIZE;
    if offset + len > SIZE { head + (SIZE - offset) } else { head }
}
