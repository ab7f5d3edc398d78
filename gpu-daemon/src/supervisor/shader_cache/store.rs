//! Store of the tenants' caches: a folder with one file per tenant; a full store evicts the least recently used.
//!
//! The contents are from workers, which may be compromised, so no code here depends on them: a file is copied in pieces, up to
//! its bound. It starts with a digest of the rest, which detects damage. Files are opened by name in a folder that only this
//! user may enter; links are not followed, and a pipe does not block.

use std::{
    collections::HashMap,
    fs::{DirBuilder, File},
    io::{self, Read, Seek, Write},
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, FileExt},
    },
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use airlock_protocol::throttle::Throttle;
use rustix::{
    fs::{
        AtFlags, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW, fstat, futimens, open, openat,
        renameat, statat, unlinkat,
    },
    process::geteuid,
};

use super::key::Key;
use crate::{lock::lock, worker::shader_cache::shared::COPIED_AT_ONCE};

/// Bytes of the digest at a file's start.
pub const DIGEST: u64 = 32;
/// Burst of writes of a tenant's file, and the interval of further ones: a client may end sessions as fast as it can start
/// them.
const WRITES_AT_ONCE: u32 = 32;
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Maximum number of tenants whose writes are counted. Beyond it, all counts restart.
const MAX_COUNTED: usize = 4096;
/// Maximum number of the folder's entries that are read.
const MAX_ENTRIES: usize = 1 << 16;
/// Mode of the folder: no access for other users.
const PRIVATE: u32 = 0o700;

/// Folder of the tenants' caches.
#[derive(Debug)]
pub struct Store {
    folder: OwnedFd,
    /// Maximum bytes of all files together.
    size: u64,
    writes: Mutex<HashMap<Key, Throttle>>,
    made: AtomicU64,
}

impl Store {
    /// Opens the store in this folder, and creates the folder where it is missing. It must belong to this user, with access for
    /// no other.
    pub fn open(place: &Path, size: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(PRIVATE).create(place)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = open(place, flags, Mode::empty())?;
        let stat = fstat(&folder)?;
        if !is_own(&stat) || Mode::from_raw_mode(stat.st_mode).intersects(Mode::RWXG | Mode::RWXO) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "others have rights to the folder"));
        }
        Ok(Self { folder, size, writes: Mutex::default(), made: AtomicU64::new(0) })
    }

    /// Reads a tenant's cache, if it is undamaged and no longer than `most`; marks it as used now.
    pub fn read<T>(
        &self,
        key: &Key,
        most: u64,
        copy: impl FnOnce(&mut File) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = match openat(&self.folder, key.name(), flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let stat = fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || !is_own(&stat) {
            return Err(io::Error::other("there is something else in its place"));
        }
        if length(&stat) > most.saturating_add(DIGEST) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut expected = [0; DIGEST as usize];
        file.read_exact(&mut expected)?;
        let mut hasher = blake3::Hasher::new();
        io::copy(&mut (&file).take(most), &mut hasher)?;
        if hasher.finalize().as_bytes() != &expected {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        // On failure the file only counts as older than it is.
        let _ = futimens(&file, &Timestamps { last_access: now, last_modification: now });
        file.seek(io::SeekFrom::Start(DIGEST))?;
        copy(&mut file).map(Some)
    }

    /// Replaces a tenant's cache, then evicts files above the bound.
    pub fn write(&self, key: &Key, archive: &mut impl Read) -> io::Result<()> {
        if !self.may_write(key) {
            return Err(io::Error::other("it was written too often"));
        }
        let name = format!("{}.{}.{}", key.name(), std::process::id(), self.made.fetch_add(1, Ordering::Relaxed));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(openat(&self.folder, &name, flags, Mode::RUSR | Mode::WUSR)?);
        let done = copy(archive, &file).and_then(|()| Ok(renameat(&self.folder, &name, &self.folder, key.name())?));
        if done.is_err() {
            let _ = unlinkat(&self.folder, &name, AtFlags::empty());
        }
        let evicted = self.evict();
        done.and(evicted)
    }

    fn may_write(&self, key: &Key) -> bool {
        let now = Instant::now();
        let mut writes = lock(&self.writes);
        if writes.len() >= MAX_COUNTED {
            writes.clear();
        }
        let throttle = || Throttle::new(WRITES_AT_ONCE, WRITE_EVERY, now);
        writes.entry(key.clone()).or_insert_with(throttle).pass(now).is_some()
    }

    /// Evicts the least recently used files, until the rest is within the bound.
    fn evict(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in Dir::read_from(&self.folder)?.take(MAX_ENTRIES) {
            let entry = entry?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = match statat(&self.folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                // Another process has replaced or removed it.
                Err(rustix::io::Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            };
            // A folder cannot be evicted, and does not count.
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                continue;
            }
            files.push(((stat.st_mtime, stat.st_mtime_nsec), length(&stat), entry.file_name().to_owned()));
        }
        files.sort();
        let mut sum = files.iter().fold(0_u64, |sum, (_, length, _)| sum.saturating_add(*length));
        for (_, length, name) in files {
            if sum <= self.size {
                break;
            }
            if unlinkat(&self.folder, &name, AtFlags::empty()).is_ok() {
                sum = sum.saturating_sub(length);
            }
        }
        Ok(())
    }
}

/// Writes the digest, then the archive.
fn copy(archive: &mut impl Read, file: &File) -> io::Result<()> {
    let mut hasher = blake3::Hasher::new();
    let mut bytes = vec![0; COPIED_AT_ONCE];
    let mut to = file;
    to.write_all(&[0; DIGEST as usize])?;
    loop {
        let count = archive.read(&mut bytes)?;
        let Some(read) = bytes.get(..count).filter(|read| !read.is_empty()) else { break };
        hasher.update(read);
        to.write_all(read)?;
    }
    file.write_all_at(hasher.finalize().as_bytes(), 0)
}

fn is_own(stat: &Stat) -> bool {
    stat.st_uid == geteuid().as_raw()
}

fn length(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or_default()
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
