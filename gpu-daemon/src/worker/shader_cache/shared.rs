//! Memory file for the exchange of a tenant's shader cache between a worker and its parent. The parent creates it and seals its
//! length, so that a worker cannot fill more memory with it and no read goes beyond its end.
//!
//! One page of header, then the bytes of one archive. The header has two lengths, little-endian: of the parent's archive, and
//! of the worker's that replaces it, each written after its archive. The parent copies the bytes without parsing them; a worker
//! that writes garbage damages only its own tenant's cache.

use std::{
    io::{self, Read},
    os::fd::{AsFd, OwnedFd},
};

/// Offset of the archive.
const HEADER: u64 = 4096;
/// Offsets of the two lengths.
const HANDED: u64 = 0;
const LEFT: u64 = 8;

/// Length of the file with room for an archive of this length.
pub fn length_for(capacity: u64) -> u64 {
    capacity.saturating_add(HEADER)
}

/// Memory file that carries a tenant's cache into a worker and out of it.
#[derive(Debug)]
pub struct Shared(OwnedFd);

impl Shared {
    /// Wraps a file whose length is [`length_for`] a capacity.
    pub fn new(file: OwnedFd) -> Self {
        Self(file)
    }

    /// Maximum length of an archive.
    pub fn capacity(&self) -> u64 {
        let length = rustix::fs::fstat(&self.0).map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or_default());
        length.saturating_sub(HEADER)
    }

    /// In the parent: writes an archive for the worker.
    pub fn hand(&self, archive: &mut impl Read) -> io::Result<u64> {
        let mut at = 0_u64;
        let mut bytes = vec![0; COPIED_AT_ONCE];
        loop {
            let count = archive.read(&mut bytes)?;
            let Some(read) = bytes.get(..count).filter(|read| !read.is_empty()) else { break };
            if at.saturating_add(count as u64) > self.capacity() {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            self.write(read, HEADER.saturating_add(at))?;
            at = at.saturating_add(count as u64);
        }
        self.write(&at.to_le_bytes(), HANDED)?;
        Ok(at)
    }

    /// In the worker: reads the parent's archive; `None` if there is none.
    pub fn handed(&self) -> Option<Vec<u8>> {
        let length = self.length(HANDED)?;
        let mut archive = Vec::new();
        self.reader(length).read_to_end(&mut archive).ok()?;
        Some(archive)
    }

    /// In the worker: replaces the archive by one for the parent.
    pub fn leave(&self, archive: &[u8]) -> io::Result<()> {
        if archive.len() as u64 > self.capacity() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.write(&0_u64.to_le_bytes(), LEFT)?;
        self.write(archive, HEADER)?;
        self.write(&(archive.len() as u64).to_le_bytes(), LEFT)
    }

    /// In the parent: reads the worker's archive; `None` if there is none.
    pub fn left(&self) -> Option<impl Read + '_> {
        self.length(LEFT).map(|length| self.reader(length))
    }

    fn reader(&self, length: u64) -> impl Read + '_ {
        Reader { file: &self.0, at: HEADER }.take(length)
    }

    /// Reads a length of the header; `None` for 0 or one beyond the capacity.
    fn length(&self, at: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        rustix::io::pread(&self.0, &mut bytes, at).ok()?;
        Some(u64::from_le_bytes(bytes)).filter(|length| (1..=self.capacity()).contains(length))
    }

    fn write(&self, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = rustix::io::retry_on_intr(|| rustix::io::pwrite(&self.0, bytes, at))?;
            bytes = bytes.get(count..).filter(|_| count > 0).ok_or(io::ErrorKind::WriteZero)?;
            at = at.saturating_add(count as u64);
        }
        Ok(())
    }
}

impl AsFd for Shared {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Size of a copied piece in bytes.
pub const COPIED_AT_ONCE: usize = 256 << 10;

/// Reader with its own offset: the file's offset is shared with the other process.
struct Reader<'a> {
    file: &'a OwnedFd,
    at: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = rustix::io::pread(self.file, bytes, self.at)?;
        self.at = self.at.saturating_add(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;

    fn shared(capacity: u64) -> Shared {
        let file = memfd_create("shader-cache", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, length_for(capacity)).unwrap();
        Shared::new(file)
    }

    fn left(shared: &Shared) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        shared.left()?.read_to_end(&mut bytes).unwrap();
        Some(bytes)
    }

    #[test]
    fn an_archive_goes_both_ways() {
        let shared = shared(8);
        assert_eq!(shared.capacity(), 8);
        assert_eq!((shared.handed(), left(&shared)), (None, None));
        assert_eq!(shared.hand(&mut &b"one"[..]).unwrap(), 3);
        assert_eq!((shared.handed(), left(&shared)), (Some(b"one".to_vec()), None));
        shared.leave(b"two and ").unwrap();
        assert_eq!(left(&shared), Some(b"two and ".to_vec()));
    }

    #[test]
    fn what_is_too_long_is_refused_and_nothing_is_left() {
        let shared = shared(4);
        assert!(shared.hand(&mut &b"longer"[..]).is_err());
        assert!(shared.leave(b"longer").is_err());
        assert_eq!((shared.handed(), left(&shared)), (None, None));
    }

    /// The other process may write any length into the header.
    #[test]
    fn a_length_beyond_the_file_is_none() {
        let shared = shared(4);
        for length in [5_u64, 4096, u64::MAX] {
            shared.write(&length.to_le_bytes(), LEFT).unwrap();
            shared.write(&length.to_le_bytes(), HANDED).unwrap();
            assert_eq!((shared.handed(), left(&shared)), (None, None), "{length}");
        }
    }
}
