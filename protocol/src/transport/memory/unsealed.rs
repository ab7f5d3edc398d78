//! The memory of the ring on systems without seals: ipc-channel's shared memory.
//!
//! A peer that shrinks it ends the other process. No slice of it is kept: bytes are copied in or out.
#![allow(unsafe_code)]

use std::ptr;

use ipc_channel::ipc::IpcSharedMemory;
use thiserror::Error;

use crate::limits::RING_SIZE;

/// Memory that cannot be used as a ring.
#[derive(Debug, Error)]
pub enum MemoryError {
    /// The size is not the one that this version uses.
    #[error("the ring has {found} bytes, not {RING_SIZE}")]
    Size {
        /// Its size.
        found: usize,
    },
}

/// The writer's mapping.
#[derive(Debug)]
pub struct WriteMemory(IpcSharedMemory);

/// The reader's mapping.
#[derive(Debug)]
pub struct ReadMemory(IpcSharedMemory);

/// The range of `len` bytes from `offset` lies in the ring.
fn fits(offset: usize, len: usize) -> bool {
    offset.checked_add(len).is_some_and(|end| end <= RING_SIZE as usize)
}

impl WriteMemory {
    /// Bytes of the ring.
    pub fn size(&self) -> u64 {
        u64::from(RING_SIZE)
    }

    /// Makes memory of [`RING_SIZE`] bytes, and the handle to be sent.
    pub fn create() -> (Self, IpcSharedMemory) {
        let memory = IpcSharedMemory::from_byte(0, RING_SIZE as usize);
        (Self(memory.clone()), memory)
    }

    /// Copies bytes in; `false` where they do not fit.
    pub fn write(&mut self, offset: usize, from: &[u8]) -> bool {
        if !fits(offset, from.len()) {
            return false;
        }
        // SAFETY: `deref_mut` returns the whole mapping, of the RING_SIZE bytes that `create` made, and its contract of
        // one writer holds, because the daemon only reads and this value is not cloned. `fits` keeps the range within
        // it. `from` is the caller's own memory, so the two cannot overlap.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), self.0.deref_mut().as_mut_ptr().add(offset), from.len()) };
        true
    }
}

impl ReadMemory {
    /// Checks memory that a peer sent.
    pub fn open(memory: IpcSharedMemory) -> Result<Self, MemoryError> {
        let found = memory.len();
        if found == RING_SIZE as usize { Ok(Self(memory)) } else { Err(MemoryError::Size { found }) }
    }

    /// Copies bytes out; `false` for a range outside the ring.
    pub fn read(&self, offset: usize, to: &mut [u8]) -> bool {
        if !fits(offset, to.len()) {
            return false;
        }
        // SAFETY: the mapping has the RING_SIZE bytes that `open` compared its length with, and `fits` keeps the range
        // within them. `to` is our own memory. The peer may write meanwhile: the copy then holds torn bytes, which are
        // data of the peer's either way.
        unsafe { ptr::copy_nonoverlapping(self.0.as_ptr().add(offset), to.as_mut_ptr(), to.len()) };
        true
    }

    /// Copies bytes to the end of `to`; `false` for a range outside the ring.
    pub fn append(&self, offset: usize, len: usize, to: &mut Vec<u8>) -> bool {
        let before = to.len();
        if !fits(offset, len) {
            return false;
        }
        to.resize(before.saturating_add(len), 0);
        self.read(offset, to.get_mut(before..).unwrap_or_default())
    }

    /// Bytes of the ring.
    pub fn size(&self) -> u64 {
        u64::from(RING_SIZE)
    }
}
