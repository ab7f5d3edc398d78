//! The shared rings for bulk data: mapped once per session, written by one side, read by the other. One carries the data of
//! commands to the daemon, one the data of events to the client.
//!
//! Positions count bytes since the session's start, so that a position names one piece for ever; the place in memory is
//! the position modulo the size. A piece never wraps: where it would, the rest of the ring is skipped. The reader
//! reports its position as credit; the bytes beyond belong to the writer. Where all has been read, the ring for events
//! continues at its start; the one for commands does not, because a trace tells positions from lengths.
//!
//! The peer can write to the memory at any moment. No slice of it is ever made: bytes are copied out, then used.

use thiserror::Error;

#[cfg(target_os = "linux")]
use super::memory::RingMemory;
use super::memory::{ReadMemory, WriteMemory};
use crate::limits::{MAX_PIECE, RING_SIZE};

/// An invalid piece.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a piece of {len} bytes at {start} does not lie in the ring, which has been read up to {consumed}")]
pub struct RingError {
    /// Start that the peer names.
    pub start: u64,
    /// Its length.
    pub len: u32,
    /// Position up to which the ring was read.
    pub consumed: u64,
}

/// The writing end.
#[derive(Debug)]
pub struct RingWriter {
    memory: WriteMemory,
    head: u64,
    consumed: u64,
}

impl RingWriter {
    pub(super) fn new(memory: WriteMemory) -> Self {
        Self { memory, head: 0, consumed: 0 }
    }

    /// Records how far the reader has read. A position that was never written is ignored.
    pub fn credit(&mut self, consumed: u64) {
        if consumed <= self.head {
            self.consumed = self.consumed.max(consumed);
        }
    }

    /// Continues at the ring's next round if all that was written has been read: the memory at its start has been used
    /// before, so that both processes have its pages, and perhaps their processors' caches. The reader must be made
    /// with [`RingReader::rewinding`].
    #[cfg(target_os = "linux")]
    pub(super) fn rewind(&mut self) {
        if self.consumed == self.head
            && let Some(start) = next_round(self.memory.size(), self.head)
        {
            (self.head, self.consumed) = (start, start);
        }
    }

    /// Puts a piece of at most [`MAX_PIECE`] bytes into the ring and returns its start; `None` while it is full.
    pub fn write(&mut self, piece: &[u8]) -> Option<u64> {
        let size = self.memory.size();
        let len = u64::try_from(piece.len()).ok().filter(|&len| len <= u64::from(MAX_PIECE))?;
        let start = place_in(size, self.head, len);
        let end = start.checked_add(len)?;
        if end.checked_sub(self.consumed)? > size {
            return None;
        }
        if !self.memory.write(usize::try_from(start % size).ok()?, piece) {
            return None;
        }
        self.head = end;
        Some(start)
    }
}

/// The reading end.
#[derive(Debug)]
pub struct RingReader {
    memory: ReadMemory,
    consumed: u64,
    rewinding: bool,
}

impl RingReader {
    pub(super) fn new(memory: ReadMemory) -> Self {
        Self { memory, consumed: 0, rewinding: false }
    }

    /// The reading end of a ring whose writer may continue at the next round before it has to.
    #[cfg(target_os = "linux")]
    pub(super) fn rewinding(memory: ReadMemory) -> Self {
        Self { rewinding: true, ..Self::new(memory) }
    }

    /// How far the ring was read, to be sent as credit.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Copies a piece to `to`, which has its length. Pieces are read in the order in which they were written.
    pub fn read(&mut self, start: u64, to: &mut [u8]) -> Result<(), RingError> {
        self.take(start, to.len(), |memory, offset| memory.read(offset, to))
    }

    /// The same, to the end of `to`.
    pub fn append(&mut self, start: u64, len: u32, to: &mut Vec<u8>) -> Result<(), RingError> {
        self.take(start, len as usize, |memory, offset| memory.append(offset, len as usize, to))
    }

    /// Passes over a piece, which another reader copies out of the ring before its bytes are given back as credit; returns
    /// where it starts in the memory.
    pub fn pass(&mut self, start: u64, len: u32) -> Result<u64, RingError> {
        self.take(start, len as usize, |_, _| true)?;
        Ok(start % self.memory.size())
    }

    /// The memory, for a GPU that reads from it.
    #[cfg(target_os = "linux")]
    pub fn mapping(&self) -> RingMemory {
        self.memory.mapping()
    }

    fn take(&mut self, start: u64, len: usize, copy: impl FnOnce(&ReadMemory, usize) -> bool) -> Result<(), RingError> {
        let error = RingError { start, len: u32::try_from(len).unwrap_or(u32::MAX), consumed: self.consumed };
        let size = self.memory.size();
        let len = u64::try_from(len).map_err(|_| error)?;
        let rewound = self.rewinding && Some(start) == next_round(size, self.consumed);
        if len > u64::from(MAX_PIECE) || !(rewound || start == place_in(size, self.consumed, len)) {
            return Err(error);
        }
        let end = start.checked_add(len).ok_or(error)?;
        let offset = usize::try_from(start % size).map_err(|_| error)?;
        if !copy(&self.memory, offset) {
            return Err(error);
        }
        self.consumed = end;
        Ok(())
    }
}

/// Start of a piece of `len` bytes when `head` bytes precede it in the ring for commands: there, or at the ring's next
/// round. Positions end at the last of 64 bits, where no piece fits any more.
pub fn place(head: u64, len: u64) -> u64 {
    place_in(u64::from(RING_SIZE), head, len)
}

/// The start in a ring of `size` bytes.
fn place_in(size: u64, head: u64, len: u64) -> u64 {
    let offset = head % size;
    if offset.saturating_add(len) > size { head.saturating_add(size - offset) } else { head }
}

/// Where the next round of a ring of `size` bytes starts; `head` itself at the start of one.
fn next_round(size: u64, head: u64) -> Option<u64> {
    head.checked_next_multiple_of(size)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::transport::memory::{Shared, SharedPeer};

    /// The ends of the ring for commands, and of the one for events.
    fn ends() -> [(RingWriter, RingReader); 2] {
        let (ours, file) = Shared::create().unwrap();
        let theirs = SharedPeer::open(file).unwrap();
        [
            (RingWriter::new(ours.commands), RingReader::new(theirs.commands)),
            (RingWriter::new(theirs.events), RingReader::rewinding(ours.events)),
        ]
    }

    #[test]
    fn pieces_cross_in_order_around_the_ring() {
        for (mut writer, mut reader) in ends() {
            let mut sent = Vec::new();
            for number in 0..20_u8 {
                let piece = vec![number; MAX_PIECE as usize - usize::from(number)];
                let start = loop {
                    match writer.write(&piece) {
                        Some(start) => break start,
                        None => {
                            let (start, piece): (u64, Vec<u8>) = sent.remove(0);
                            let mut to = vec![0xff; piece.len()];
                            reader.read(start, &mut to).unwrap();
                            assert!(to == piece);
                            writer.credit(reader.consumed());
                        }
                    }
                };
                sent.push((start, piece));
            }
            let mut byte = [0];
            assert!(reader.read(reader.consumed() + 1, &mut byte).is_err(), "a piece is passed over");
            assert!(reader.read(0, &mut byte).is_err(), "a piece is read twice");
        }
    }

    #[test]
    fn a_piece_is_passed_over_as_it_is_read() {
        let [(mut writer, mut reader), _] = ends();
        let piece = vec![7; MAX_PIECE as usize - 4];
        for round in 0..8 {
            let start = writer.write(&piece).unwrap();
            assert!(reader.pass(start + 4, 8).is_err() && reader.pass(start, MAX_PIECE + 1).is_err());
            let size = reader.mapping().bytes();
            assert_eq!(reader.pass(start, piece.len() as u32), Ok(start % size), "{round}");
            assert!(start % size + piece.len() as u64 <= size);
            writer.credit(reader.consumed());
        }
    }

    #[test]
    fn an_empty_ring_starts_again() {
        let [(mut strict, mut passed_over), (mut writer, mut reader)] = ends();
        let (piece, mut to) = ([7; 100], [0; 100]);
        let mut cross = |writer: &mut RingWriter, reader: &mut RingReader| {
            let start = writer.write(&piece).unwrap();
            reader.read(start, &mut to).map(|()| start)
        };
        let round = writer.memory.size();
        assert_eq!(cross(&mut writer, &mut reader), Ok(0));
        // Not before it is known to be empty, and once for all that is written after that.
        writer.rewind();
        assert_eq!(cross(&mut writer, &mut reader), Ok(100));
        writer.credit(reader.consumed());
        writer.rewind();
        writer.rewind();
        assert_eq!(cross(&mut writer, &mut reader), Ok(round));
        assert_eq!(cross(&mut writer, &mut reader), Ok(round + 100));
        // There is room for a whole round again.
        writer.credit(reader.consumed());
        writer.rewind();
        for _ in 0..round / u64::from(MAX_PIECE) {
            assert!(writer.write(&vec![0; MAX_PIECE as usize]).is_some());
        }
        assert_eq!(writer.write(&piece), None);
        // The reader of commands rejects a skipped round.
        cross(&mut strict, &mut passed_over).unwrap();
        strict.credit(passed_over.consumed());
        strict.rewind();
        cross(&mut strict, &mut passed_over).unwrap_err();
    }

    #[test]
    fn positions_do_not_overflow() {
        for (mut writer, mut reader) in ends() {
            let mut piece = vec![0; MAX_PIECE as usize];
            for head in [u64::MAX, u64::MAX - 1, u64::MAX - u64::from(MAX_PIECE) / 2] {
                (writer.head, writer.consumed, reader.consumed) = (head, head, head);
                assert_eq!(writer.write(&piece), None);
                for start in [head, place(head, piece.len() as u64), 0, u64::MAX] {
                    assert!(reader.read(start, &mut piece).is_err(), "{start}");
                }
            }
            // A reader that credits more than was ever written.
            (writer.head, writer.consumed) = (8, 0);
            writer.credit(u64::MAX);
            assert_eq!(writer.consumed, 0);
        }
        assert!(place(u64::MAX, u64::MAX) == u64::MAX && place(1, u64::MAX) == u64::from(RING_SIZE));
    }
}
