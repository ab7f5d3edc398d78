//! The memory of the ring on Linux: a file without a name (`memfd`), sealed before the other process gets it.
//!
//! Why sealed: a process that reads a mapping beyond the end of its file is killed (SIGBUS), so a peer that could shrink
//! the file could kill the other one. `SHRINK` takes that from both sides for good; `GROW` keeps the size what it was
//! compared with; `SEAL` keeps either side from adding a seal that the other does not expect. Only files in memory can
//! have seals, so none that has them is backed by a disk, a network or a process that serves a file system, any of which
//! could fail or hang a reader. Huge pages can have them too but may run out under a reader, so they are refused.
//!
//! The peer can write to the memory at any moment. No slice of it is ever made: bytes are copied in or out.
#![allow(unsafe_code)]

use std::{io, os::fd::OwnedFd, ptr};

use memmap2::{MmapOptions, MmapRaw};
use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, fstatfs, ftruncate, memfd_create},
    io::Errno,
};
use thiserror::Error;

use crate::limits::RING_SIZE;

/// What the ring's memory must have; it may have more.
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// `TMPFS_MAGIC` of `linux/magic.h`: the file system of ordinary memory.
const TMPFS: i64 = 0x0102_1994;

/// Why memory is not used as a ring.
#[derive(Debug, Error)]
pub enum MemoryError {
    /// It is no memory, or its size can change.
    #[error("the ring is not sealed memory")]
    NotSealed,
    /// It is not the size that this version uses.
    #[error("the ring has {found} bytes, not {RING_SIZE}")]
    Size {
        /// Its size.
        found: i64,
    },
    /// The system refuses.
    #[error("the ring cannot be used: {0}")]
    System(#[from] io::Error),
}

/// The writer's mapping.
#[derive(Debug)]
pub struct WriteMemory(MmapRaw);

/// The reader's mapping, which it cannot write to.
#[derive(Debug)]
pub struct ReadMemory(MmapRaw);

/// The range of `len` bytes from `offset` lies in the ring.
fn fits(offset: usize, len: usize) -> bool {
    offset.checked_add(len).is_some_and(|end| end <= RING_SIZE as usize)
}

impl WriteMemory {
    /// Makes memory of [`RING_SIZE`] bytes, and the descriptor to be sent.
    pub fn create() -> io::Result<(Self, OwnedFd)> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = match memfd_create("airlock-ring", flags | MemfdFlags::NOEXEC_SEAL) {
            // A kernel before 6.3, which knows no memory that can never be executed.
            Err(Errno::INVAL) => memfd_create("airlock-ring", flags)?,
            result => result?,
        };
        ftruncate(&file, u64::from(RING_SIZE))?;
        fcntl_add_seals(&file, SEALS)?;
        let map = MmapOptions::new().len(RING_SIZE as usize).map_raw(&file)?;
        Ok((Self(map), file))
    }

    /// Copies bytes in; `false` where they do not fit.
    pub fn write(&mut self, offset: usize, from: &[u8]) -> bool {
        if !fits(offset, from.len()) {
            return false;
        }
        // SAFETY: the mapping was made writable, of RING_SIZE bytes, in `create`, and lives as long as `self`; the file
        // under it has that length for ever, because it was sealed before it was mapped. `fits` keeps the range within
        // it. `from` is a slice of this process's own memory, of which nobody makes one in the mapping, so they do not
        // overlap. `&mut self` leaves no other writer in this process.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), self.0.as_mut_ptr().add(offset), from.len()) };
        true
    }
}

impl ReadMemory {
    /// Checks and maps memory that a peer sent.
    pub fn open(file: OwnedFd) -> Result<Self, MemoryError> {
        // Asking for seals fails for what can have none.
        let seals = fcntl_get_seals(&file).map_err(|_| MemoryError::NotSealed)?;
        let ordinary = fstatfs(&file).map_err(io::Error::from)?.f_type as i64 == TMPFS;
        if !seals.contains(SEALS) || !ordinary {
            return Err(MemoryError::NotSealed);
        }
        // After the seals were seen, so that it stays what it is.
        let found = fstat(&file).map_err(io::Error::from)?.st_size;
        if found != i64::from(RING_SIZE) {
            return Err(MemoryError::Size { found });
        }
        Ok(Self(MmapOptions::new().len(RING_SIZE as usize).map_raw_read_only(&file)?))
    }

    /// Copies bytes out; `false` where they do not lie in the ring.
    pub fn read(&self, offset: usize, to: &mut [u8]) -> bool {
        if !fits(offset, to.len()) {
            return false;
        }
        // SAFETY: the mapping was made readable, of RING_SIZE bytes, in `open`, which found the file to have that length
        // and a seal that keeps it; it lives as long as `self`. `fits` keeps the range within it. `to` is this process's
        // own memory and does not overlap. The peer may write meanwhile: the copy then holds torn bytes, which are data
        // of the peer's either way.
        unsafe { ptr::copy_nonoverlapping(self.0.as_ptr().add(offset), to.as_mut_ptr(), to.len()) };
        true
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write};

    use super::*;

    fn memory(size: u64, seals: SealFlags) -> OwnedFd {
        let file = memfd_create("test", MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, size).unwrap();
        fcntl_add_seals(&file, seals).unwrap();
        file
    }

    #[test]
    fn what_one_writes_the_other_reads() {
        let (mut writer, file) = WriteMemory::create().unwrap();
        assert_eq!(ftruncate(&file, 0), Err(Errno::PERM), "it can be shrunk");
        assert_eq!(ftruncate(&file, 16 << 20), Err(Errno::PERM), "it can grow");
        let reader = ReadMemory::open(file).unwrap();
        let end = RING_SIZE as usize;
        assert!(writer.write(end - 3, b"abc"));
        let mut to = [0; 3];
        assert!(reader.read(end - 3, &mut to));
        assert_eq!(&to, b"abc");
        for offset in [end - 2, end, usize::MAX - 1, usize::MAX] {
            assert!(!writer.write(offset, b"abc") && !reader.read(offset, &mut to), "{offset}");
        }
    }

    #[test]
    fn only_sealed_memory_of_the_right_size_is_read() {
        let size = u64::from(RING_SIZE);
        assert!(ReadMemory::open(memory(size, SEALS | SealFlags::FUTURE_WRITE)).is_ok());
        for missing in [SealFlags::SHRINK, SealFlags::GROW, SealFlags::SEAL] {
            let result = ReadMemory::open(memory(size, SEALS - missing));
            assert!(matches!(result, Err(MemoryError::NotSealed)), "{missing:?}: {result:?}");
        }
        for size in [0, size - 1, size + 1, 1 << 40] {
            let result = ReadMemory::open(memory(size, SEALS));
            assert!(matches!(result, Err(MemoryError::Size { .. })), "{size}: {result:?}");
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![0; RING_SIZE as usize]).unwrap();
        for file in [file, File::open("/dev/zero").unwrap()] {
            assert!(matches!(ReadMemory::open(file.into()), Err(MemoryError::NotSealed)));
        }
    }
}
