//! The memory of the rings and queues on Linux: a file without a name (`memfd`), sealed before the other process gets it.
//!
//! | bytes | contents | writer |
//! |---|---|---|
//! | `0..RING_SIZE` | the ring for data of commands | the client |
//! | then `EVENT_RING_SIZE` | the ring for data of events | the daemon |
//! | then a page | the client's numbers, each in a cache line of its own | the client |
//! | then a page | the daemon's numbers | the daemon |
//! | then a page | the queue for batches | the client |
//! | then a page | the queue for events | the daemon |
//!
//! A page is of the longest size there is. Each part is mapped by itself, so that a process can write only to its own parts.
//!
//! Why sealed: a process that reads a mapping beyond the end of its file is killed (SIGBUS), so a peer that could
//! shrink the file could kill the other one. `SHRINK` forbids that to both sides for good; `GROW` keeps the size that
//! was checked; `SEAL` keeps either side from adding a seal that the other does not expect. Only files in memory can
//! have seals, so a sealed file is never backed by a disk, a network or a process that serves a file system, any of
//! which could fail or hang a reader. Huge pages can be sealed too but may run out under a reader, so they are refused.
//!
//! The peer can write to the memory at any moment. No slice of it is ever made: bytes are copied in or out.
#![allow(unsafe_code)]

use std::{
    io,
    os::fd::OwnedFd,
    ptr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use memmap2::{MmapOptions, MmapRaw};
use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, fstatfs, ftruncate, memfd_create},
    io::Errno,
};
use thiserror::Error;

use crate::limits::{EVENT_RING_SIZE, LONGEST_PAGE, RING_SIZE, SHARED_SIZE};

/// Required seals; others are allowed.
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// `TMPFS_MAGIC` of `linux/magic.h`: the file system of ordinary memory.
const TMPFS: i64 = 0x0102_1994;

/// Start of the ring for events.
const EVENTS_AT: u32 = RING_SIZE;
/// Start of the client's numbers.
const CLIENT_AT: u32 = EVENTS_AT + EVENT_RING_SIZE;
/// Start of the daemon's numbers.
const DAEMON_AT: u32 = CLIENT_AT + LONGEST_PAGE;
/// Start of the queue for batches.
const BATCH_QUEUE_AT: u32 = DAEMON_AT + LONGEST_PAGE;
/// Start of the queue for events.
const EVENT_QUEUE_AT: u32 = BATCH_QUEUE_AT + LONGEST_PAGE;

/// Distance between two numbers in bytes: two cache lines, which processors prefetch in pairs.
const APART: usize = 128;

/// Memory that cannot be used for rings.
#[derive(Debug, Error)]
pub enum MemoryError {
    /// The file is not memory, or its size can change.
    #[error("the ring is not sealed memory")]
    NotSealed,
    /// The size is not the one that this version uses.
    #[error("the ring has {found} bytes, not {SHARED_SIZE}")]
    Size {
        /// Its size.
        found: i64,
    },
    /// The system refuses.
    #[error("the ring cannot be used: {0}")]
    System(#[from] io::Error),
}

/// The client's mappings.
#[derive(Debug)]
pub struct Shared {
    pub commands: WriteMemory,
    pub events: ReadMemory,
    pub batch_queue: WriteMemory,
    pub event_queue: ReadMemory,
    pub ours: NumbersWriter,
    pub theirs: NumbersReader,
}

/// The daemon's mappings.
#[derive(Debug)]
pub struct SharedPeer {
    pub commands: ReadMemory,
    pub events: WriteMemory,
    pub batch_queue: ReadMemory,
    pub event_queue: WriteMemory,
    pub ours: NumbersWriter,
    pub theirs: NumbersReader,
}

/// The numbers that one side writes and the other reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// Bytes that the client has read of the ring for events. Unused on the daemon's side, which reports that in events.
    RingRead,
    /// Messages that this side has put into its queue.
    Queued,
    /// Messages that this side has taken from the other's queue.
    Taken,
    /// 1 while this side looks at the other's queue, or will before it sleeps.
    Awake,
}

/// The writer's mapping of a ring.
#[derive(Debug)]
pub struct WriteMemory(MmapRaw);

/// The reader's mapping of a ring, which it cannot write to.
#[derive(Debug)]
pub struct ReadMemory(Arc<MmapRaw>);

/// The address range of a reader's mapping, which it keeps mapped: for a GPU that reads from it. No slice of it may be made.
#[derive(Clone, Debug)]
pub struct RingMemory(Arc<MmapRaw>);

impl RingMemory {
    /// Its start, at a page's boundary. The file under it is sealed against shrinking.
    pub fn as_ptr(&self) -> *const u8 {
        self.0.as_ptr()
    }

    /// Its length in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.len() as u64
    }
}

/// A side's mapping of its own numbers.
#[derive(Clone, Debug)]
pub struct NumbersWriter(Arc<MmapRaw>);

/// A side's mapping of the other's numbers, which it cannot write to.
#[derive(Clone, Debug)]
pub struct NumbersReader(Arc<MmapRaw>);

/// A part of a file.
fn part(offset: u32, len: u32) -> MmapOptions {
    let mut options = MmapOptions::new();
    options.offset(u64::from(offset)).len(len as usize);
    options
}

/// The range of `len` bytes from `offset` lies in the mapping.
fn fits(map: &MmapRaw, offset: usize, len: usize) -> bool {
    offset.checked_add(len).is_some_and(|end| end <= map.len())
}

/// Copies `len` bytes that do not overlap, as [`ptr::copy_nonoverlapping`] does, and as fast wherever they lie.
///
/// From 4 KiB the C library's copies are one `rep movsb`, which AMD's Zen 3 and its successors do sixteen times slower where
/// the target lies 1 to 31 bytes behind the source, counted within a page. A ring's pieces start with a page, and long
/// blocks of glibc's 16 bytes after its start, so that is no rare case. Shorter copies do not take that instruction.
///
/// # Safety
///
/// As for [`ptr::copy_nonoverlapping`].
unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    const PAGE: usize = 4 << 10;
    const PART: usize = 2 << 10;
    let behind = to.addr().wrapping_sub(from.addr()) % PAGE;
    let part = if (1..32).contains(&behind) { PART } else { len.max(1) };
    for start in (0..len).step_by(part) {
        // SAFETY: the part lies in the range that the caller vouches for.
        unsafe { ptr::copy_nonoverlapping(from.add(start), to.add(start), part.min(len.wrapping_sub(start))) };
    }
}

impl Shared {
    /// Makes memory of [`SHARED_SIZE`] bytes, and the descriptor to be sent.
    pub fn create() -> io::Result<(Self, OwnedFd)> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = match memfd_create("airlock-ring", flags | MemfdFlags::NOEXEC_SEAL) {
            // A kernel before 6.3, without memory that can never be executed.
            Err(Errno::INVAL) => memfd_create("airlock-ring", flags)?,
            result => result?,
        };
        ftruncate(&file, u64::from(SHARED_SIZE))?;
        fcntl_add_seals(&file, SEALS)?;
        let shared = Self {
            commands: WriteMemory(part(0, RING_SIZE).map_raw(&file)?),
            events: ReadMemory(Arc::new(part(EVENTS_AT, EVENT_RING_SIZE).map_raw_read_only(&file)?)),
            batch_queue: WriteMemory(part(BATCH_QUEUE_AT, LONGEST_PAGE).map_raw(&file)?),
            event_queue: ReadMemory(Arc::new(part(EVENT_QUEUE_AT, LONGEST_PAGE).map_raw_read_only(&file)?)),
            ours: NumbersWriter(Arc::new(part(CLIENT_AT, LONGEST_PAGE).map_raw(&file)?)),
            theirs: NumbersReader(Arc::new(part(DAEMON_AT, LONGEST_PAGE).map_raw_read_only(&file)?)),
        };
        Ok((shared, file))
    }
}

impl SharedPeer {
    /// Checks and maps memory that a peer sent.
    pub fn open(file: OwnedFd) -> Result<Self, MemoryError> {
        // Files that cannot be sealed return an error.
        let seals = fcntl_get_seals(&file).map_err(|_| MemoryError::NotSealed)?;
        let ordinary = fstatfs(&file).map_err(io::Error::from)?.f_type as i64 == TMPFS;
        if !seals.contains(SEALS) || !ordinary {
            return Err(MemoryError::NotSealed);
        }
        // After the seals were checked, so that the size cannot change.
        let found = fstat(&file).map_err(io::Error::from)?.st_size;
        if found != i64::from(SHARED_SIZE) {
            return Err(MemoryError::Size { found });
        }
        Ok(Self {
            commands: ReadMemory(Arc::new(part(0, RING_SIZE).map_raw_read_only(&file)?)),
            events: WriteMemory(part(EVENTS_AT, EVENT_RING_SIZE).map_raw(&file)?),
            batch_queue: ReadMemory(Arc::new(part(BATCH_QUEUE_AT, LONGEST_PAGE).map_raw_read_only(&file)?)),
            event_queue: WriteMemory(part(EVENT_QUEUE_AT, LONGEST_PAGE).map_raw(&file)?),
            ours: NumbersWriter(Arc::new(part(DAEMON_AT, LONGEST_PAGE).map_raw(&file)?)),
            theirs: NumbersReader(Arc::new(part(CLIENT_AT, LONGEST_PAGE).map_raw_read_only(&file)?)),
        })
    }
}

impl WriteMemory {
    /// Bytes of the ring.
    pub fn size(&self) -> u64 {
        self.0.len() as u64
    }

    /// Copies bytes in; `false` where they do not fit.
    pub fn write(&mut self, offset: usize, from: &[u8]) -> bool {
        if !fits(&self.0, offset, from.len()) {
            return false;
        }
        // SAFETY: the mapping was made writable, of the length that it knows, in `create` or `open`, and lives as long
        // as `self`; the file under it has at least that length for ever, because its size was sealed before it was
        // mapped. `fits` keeps the range within it. `from` is a slice of this process's own memory, and no slice of the
        // mapping is ever made, so they do not overlap. `&mut self` leaves no other writer in this process.
        unsafe { copy(from.as_ptr(), self.0.as_mut_ptr().add(offset), from.len()) };
        true
    }
}

impl ReadMemory {
    /// The mapping itself.
    pub fn mapping(&self) -> RingMemory {
        RingMemory(Arc::clone(&self.0))
    }

    /// Bytes of the ring.
    pub fn size(&self) -> u64 {
        self.0.len() as u64
    }

    /// Copies bytes out; `false` for a range outside the ring.
    pub fn read(&self, offset: usize, to: &mut [u8]) -> bool {
        if !fits(&self.0, offset, to.len()) {
            return false;
        }
        // SAFETY: the mapping was made readable, of the length that it knows, in `create` or `open`, over a file that has
        // that length and a seal that keeps it; it lives as long as `self`. `fits` keeps the range within it. `to` is this
        // process's own memory and does not overlap. The peer may write meanwhile: the copy then holds torn bytes, which
        // are data of the peer's either way.
        unsafe { copy(self.0.as_ptr().add(offset), to.as_mut_ptr(), to.len()) };
        true
    }

    /// Copies bytes to the end of `to`; `false` for a range outside the ring. The space is not zeroed first: memory for
    /// a long range is not filled twice.
    pub fn append(&self, offset: usize, len: usize, to: &mut Vec<u8>) -> bool {
        if !fits(&self.0, offset, len) {
            return false;
        }
        to.reserve(len);
        let before = to.len();
        // SAFETY: as in `read`; `reserve` has made room for `len` bytes behind the `before` that are there, all of which
        // the copy fills, and has ended the process where the sum overflows.
        unsafe {
            copy(self.0.as_ptr().add(offset), to.as_mut_ptr().add(before), len);
            to.set_len(before.wrapping_add(len));
        }
        true
    }
}

/// A number in a mapping of its page.
fn number(map: &MmapRaw, number: Number) -> &AtomicU64 {
    const { assert!((Number::Awake as usize + 1) * APART <= LONGEST_PAGE as usize) };
    // SAFETY: the mapping has LONGEST_PAGE bytes, which hold every number by the assertion above, starts at a page's
    // boundary, lives as long as the reference, and its file's size is sealed. Both processes use these bytes as this atomic
    // only; a peer that does not can change the number at any moment, as any other thread may change an atomic, and it is
    // checked wherever it is read.
    unsafe { &*map.as_ptr().add(number as usize * APART).cast::<AtomicU64>() }
}

impl NumbersWriter {
    /// Publishes a number. What this process wrote or read before is done for a process that sees it; sequentially
    /// consistent, as [`NumbersReader::get`], so that of two sides that each publish and then read, one sees the other's.
    pub fn set(&self, which: Number, value: u64) {
        number(&self.0, which).store(value, Ordering::SeqCst);
    }
}

impl NumbersReader {
    /// The number that the other side published.
    pub fn get(&self, which: Number) -> u64 {
        number(&self.0, which).load(Ordering::SeqCst)
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
        let (mut ours, file) = Shared::create().unwrap();
        assert_eq!(ftruncate(&file, 0), Err(Errno::PERM), "it can be shrunk");
        assert_eq!(ftruncate(&file, 16 << 20), Err(Errno::PERM), "it can grow");
        let theirs = SharedPeer::open(file).unwrap();
        let SharedPeer { commands, mut events, batch_queue, mut event_queue, ours: numbers, theirs: count } = theirs;
        for (writer, reader, end) in
            [(&mut ours.commands, &commands, RING_SIZE as usize), (&mut events, &ours.events, EVENT_RING_SIZE as usize)]
        {
            assert!(writer.write(end - 3, b"abc"));
            let mut to = [0; 3];
            assert!(reader.read(end - 3, &mut to));
            assert_eq!(&to, b"abc");
            for offset in [end - 2, end, usize::MAX - 1, usize::MAX] {
                assert!(!writer.write(offset, b"abc") && !reader.read(offset, &mut to), "{offset}");
            }
        }
        // The parts do not overlap.
        let mut to = [0xff; 3];
        assert!(commands.read(0, &mut to) && to == [0; 3]);
        for (index, which) in [Number::RingRead, Number::Queued, Number::Taken, Number::Awake].into_iter().enumerate() {
            ours.ours.set(which, u64::MAX - index as u64);
            numbers.set(which, index as u64);
            assert_eq!(count.get(which), u64::MAX - index as u64);
            assert_eq!(ours.theirs.get(which), index as u64);
        }
        let end = LONGEST_PAGE as usize;
        assert!(ours.batch_queue.write(end - 3, b"def") && batch_queue.read(end - 3, &mut to) && &to == b"def");
        assert!(event_queue.write(end - 3, b"ghi") && ours.event_queue.read(end - 3, &mut to) && &to == b"ghi");
        assert!(!event_queue.write(end - 2, b"ghi") && !batch_queue.read(end - 2, &mut to));
        assert!(ours.events.read(EVENT_RING_SIZE as usize - 3, &mut to) && &to == b"abc");
    }

    #[test]
    fn copies_are_whole_wherever_they_lie() {
        let from: Vec<u8> = (0..9000_u32).map(|byte| (byte % 251) as u8).collect();
        let mut to = vec![0; 3 * 4096];
        for behind in [0, 1, 16, 31, 32, 4095] {
            let first = from.as_ptr().addr().wrapping_add(behind).wrapping_sub(to.as_ptr().addr()) % 4096;
            for len in [0, 1, 2047, 2048, 2049, 4096, 5000, 8000] {
                to.fill(0xff);
                let (from, space) = (&from[..len], &mut to[first..]);
                assert_eq!(space.as_ptr().addr().wrapping_sub(from.as_ptr().addr()) % 4096, behind);
                // SAFETY: two slices that have the length.
                unsafe { copy(from.as_ptr(), space[..len].as_mut_ptr(), len) };
                assert!(space.starts_with(from) && space[len..].iter().all(|&byte| byte == 0xff), "{behind} {len}");
            }
        }
    }

    #[test]
    fn only_sealed_memory_of_the_right_size_is_read() {
        let size = u64::from(SHARED_SIZE);
        assert!(SharedPeer::open(memory(size, SEALS)).is_ok());
        let result = SharedPeer::open(memory(size, SEALS | SealFlags::FUTURE_WRITE));
        assert!(matches!(result, Err(MemoryError::System(_))), "events could not be written: {result:?}");
        for missing in [SealFlags::SHRINK, SealFlags::GROW, SealFlags::SEAL] {
            let result = SharedPeer::open(memory(size, SEALS - missing));
            assert!(matches!(result, Err(MemoryError::NotSealed)), "{missing:?}: {result:?}");
        }
        for size in [0, size - 1, size + 1, 1 << 40] {
            let result = SharedPeer::open(memory(size, SEALS));
            assert!(matches!(result, Err(MemoryError::Size { .. })), "{size}: {result:?}");
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![0; SHARED_SIZE as usize]).unwrap();
        for file in [file, File::open("/dev/zero").unwrap()] {
            assert!(matches!(SharedPeer::open(file.into()), Err(MemoryError::NotSealed)));
        }
    }
}
