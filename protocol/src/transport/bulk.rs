//! Data of events in the shared ring: an event's long data takes the ring, and a short message in its place refers to
//! it. The receiver joins both, or copies the data straight to its destination.
//!
//! | bytes | meaning |
//! |---|---|
//! | 0 | [`MARK`], with which no event begins |
//! | 1..9 | where the data starts in the ring, little-endian |
//! | 9..13 | its length, little-endian |
//! | 13.. | the event's bytes before the data |
//!
//! The reader publishes its position as a count in the shared memory. Where the ring has no room, the whole event goes
//! through the socket, and its sender blocks as for any other: no sender ever waits for the ring.

use super::{
    memory::{Number, NumbersReader, NumbersWriter},
    received::{Gone, ReceiveError},
    ring::{RingReader, RingWriter},
};
use crate::limits::MAX_PIECE;

/// No event begins with this byte: its kind stands there, and there are far fewer.
const MARK: u8 = 0xff;
/// Length of the part before the event's own bytes.
const PREFIX: usize = 13;

/// Shorter data goes through the socket with its event: that costs one more copy and saves a message.
const SHORT: usize = 4 << 10;

/// The daemon's end.
#[derive(Debug)]
pub struct Sender {
    ring: RingWriter,
    numbers: NumbersReader,
    /// Memory that serves again for each message.
    message: Vec<u8>,
}

impl Sender {
    pub fn new(ring: RingWriter, numbers: NumbersReader) -> Self {
        Self { ring, numbers, message: Vec::new() }
    }

    /// Sends an event in two parts; `None` where its data does not take the ring.
    pub fn send(
        &mut self,
        send: impl FnOnce(&[u8]) -> Result<(), Gone>,
        start: &[u8],
        data: &[u8],
    ) -> Option<Result<(), Gone>> {
        let len = u32::try_from(data.len()).ok().filter(|_| data.len() >= SHORT)?;
        self.ring.credit(self.numbers.get(Number::RingRead));
        self.ring.rewind();
        let position = self.ring.write(data)?;
        self.message.clear();
        self.message.push(MARK);
        self.message.extend_from_slice(&position.to_le_bytes());
        self.message.extend_from_slice(&len.to_le_bytes());
        self.message.extend_from_slice(start);
        Some(send(&self.message))
    }
}

/// A piece of the ring that belongs to an event.
#[derive(Debug)]
#[must_use = "the next piece cannot be read before this one"]
pub struct Piece {
    position: u64,
    len: u32,
}

impl Piece {
    /// Start of the piece in the ring.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Length in bytes, at most [`MAX_PIECE`].
    pub fn bytes(&self) -> usize {
        self.len as usize
    }
}

/// Parses a message that refers to the ring. The event's bytes before the data are left in `message`.
pub fn refers(message: &mut Vec<u8>) -> Result<Option<Piece>, ReceiveError> {
    if message.first() != Some(&MARK) {
        return Ok(None);
    }
    let prefix = message.first_chunk::<PREFIX>().ok_or(ReceiveError::NoMessage("it refers to nothing"))?;
    let [_, p0, p1, p2, p3, p4, p5, p6, p7, l0, l1, l2, l3] = *prefix;
    let position = u64::from_le_bytes([p0, p1, p2, p3, p4, p5, p6, p7]);
    let len = u32::from_le_bytes([l0, l1, l2, l3]);
    if len > MAX_PIECE {
        return Err(ReceiveError::TooLong { found: u64::from(len), max: MAX_PIECE as usize });
    }
    message.drain(..PREFIX);
    Ok(Some(Piece { position, len }))
}

/// The client's end.
#[derive(Debug)]
pub struct Receiver {
    ring: RingReader,
    numbers: NumbersWriter,
}

impl Receiver {
    pub fn new(ring: RingReader, numbers: NumbersWriter) -> Self {
        Self { ring, numbers }
    }

    /// Appends a piece to the bytes before it.
    pub fn fetch(&mut self, piece: &Piece, to: &mut Vec<u8>) -> Result<(), ReceiveError> {
        let read = self.ring.append(piece.position, piece.len, to);
        read.map_err(|_| ReceiveError::NoMessage("it refers to what is not in the ring"))?;
        self.numbers.set(Number::RingRead, self.ring.consumed());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        limits::EVENT_RING_SIZE,
        transport::{
            channel,
            memory::{Shared, SharedPeer},
            queue,
            ring::{RingReader, RingWriter},
        },
    };

    fn ends() -> (Sender, Receiver, channel::Sender, channel::Receiver) {
        let (ours, file) = Shared::create().unwrap();
        let theirs = SharedPeer::open(file).unwrap();
        let (link, there) = std::os::unix::net::UnixStream::pair().unwrap();
        let sender = channel::pair(&link).unwrap();
        let receiver = channel::check(crate::platform::descriptors::receive(&there, None).unwrap()).unwrap();
        let writer = queue::Writer::new(theirs.event_queue, theirs.ours, theirs.theirs.clone());
        let reader = queue::Reader::new(ours.event_queue, ours.ours.clone(), ours.theirs);
        (
            Sender::new(RingWriter::new(theirs.events), theirs.theirs),
            Receiver::new(RingReader::rewinding(ours.events), ours.ours.clone()),
            channel::Sender::new(sender, writer),
            channel::Receiver::new(receiver, reader, ours.ours),
        )
    }

    fn fetched(receiver: &mut Receiver, message: &[u8]) -> Result<Vec<u8>, ReceiveError> {
        let mut event = message.to_vec();
        let piece = refers(&mut event)?.expect("it refers to the ring");
        receiver.fetch(&piece, &mut event).map(|()| event)
    }

    #[test]
    fn an_event_comes_out_as_it_went_in_for_many_rounds_of_the_ring() {
        let (mut sender, mut receiver, out, back) = ends();
        for round in 0..100_u8 {
            let data = vec![round; (128 << 10) + usize::from(round)];
            sender.send(|message| out.send(message), b"start", &data).expect("room").unwrap();
            let message = back.recv(1 << 20, || {}).unwrap();
            assert!(message.len() < 100);
            assert!(fetched(&mut receiver, &message).unwrap() == [&b"start"[..], &data].concat());
        }
    }

    #[test]
    fn what_is_short_or_has_no_room_goes_another_way() {
        let (mut sender, mut receiver, out, back) = ends();
        assert!(sender.send(|message| out.send(message), b"start", &[0; SHORT - 1]).is_none());
        let data = vec![7; 1 << 20];
        let fit = EVENT_RING_SIZE as usize / data.len();
        for _ in 0..fit {
            sender.send(|message| out.send(message), b"", &data).expect("room").unwrap();
        }
        assert!(sender.send(|message| out.send(message), b"", &data).is_none(), "the ring is full");
        let message = back.recv(1 << 20, || {}).unwrap();
        assert!(fetched(&mut receiver, &message).unwrap() == data);
        sender.send(|message| out.send(message), b"", &data).expect("room again").unwrap();
        // A count of bytes that were never written frees nothing.
        receiver.numbers.set(Number::RingRead, u64::MAX);
        assert!(sender.send(|message| out.send(message), b"", &data).is_none());
    }

    #[test]
    fn a_message_that_refers_to_what_is_not_there_is_an_error() {
        let (mut sender, mut receiver, out, back) = ends();
        sender.send(|message| out.send(message), b"", &[1; SHORT]).expect("room").unwrap();
        let message = back.recv(1 << 20, || {}).unwrap();
        for (at, byte) in [(1, 1), (8, 0x80), (11, 0xff), (12, 0xff)] {
            let mut wrong = message.clone();
            wrong[at] = byte;
            assert!(fetched(&mut receiver, &wrong).is_err(), "{at}");
        }
        assert!(fetched(&mut receiver, &message[..PREFIX - 1]).is_err());
        assert!(fetched(&mut receiver, &message).is_ok());
        assert!(fetched(&mut receiver, &message).is_err(), "it is there once");
    }
}
