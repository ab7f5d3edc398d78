//! A queue of short messages in the shared memory, beside a channel's socket: for a receiver that is awake, a message costs
//! a copy instead of two system calls.
//!
//! A receiver says that it is awake while it polls, or works and will poll before it sleeps. Before it sleeps it takes
//! that back, looks into the queue once more, and then waits at the socket. A sender puts a message into the queue of a
//! receiver that is awake, and looks again whether it still is: if not, an empty message on the socket, the doorbell, wakes
//! it. Both publish before they look, so that one of them sees the other (Dekker's protocol).
//!
//! Messages that are long, find no free slot, or meet a sleeping receiver take the socket. The order of all is kept: each
//! message in the queue names the number of messages that its sender had sent on the socket before it.
//!
//! | bytes of a slot | contents |
//! |---|---|
//! | 0..4 | length of the message, little-endian |
//! | 8..16 | messages sent on the socket before it, little-endian |
//! | 16.. | the message |
//!
//! The peer can write to its memory at any moment: header and message are copied out once, then checked and used. A peer
//! that breaks the protocol delays or loses its own messages.

use super::{
    memory::{Number, NumbersReader, NumbersWriter, ReadMemory, WriteMemory},
    received::ReceiveError,
};
use crate::limits::{LONGEST_PAGE, MAX_QUEUED, QUEUE_SLOTS};

/// Length of a slot's header in bytes.
const HEADER: usize = 16;
/// Length of a slot in bytes.
const SLOT: usize = HEADER + MAX_QUEUED;

const _: () = assert!(SLOT * QUEUE_SLOTS as usize <= LONGEST_PAGE as usize);

/// The sending end.
#[derive(Debug)]
pub struct Writer {
    memory: WriteMemory,
    ours: NumbersWriter,
    theirs: NumbersReader,
    /// Messages put into the queue.
    queued: u64,
    /// Memory that is reused for each slot.
    slot: Vec<u8>,
}

/// The way of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is in the queue, and the receiver will look there.
    Queued,
    /// It is in the queue, and the receiver may sleep: it needs a doorbell.
    Unseen,
    /// It must take the socket.
    Refused,
}

impl Writer {
    /// `ours` are the numbers of this side.
    pub fn new(memory: WriteMemory, ours: NumbersWriter, theirs: NumbersReader) -> Self {
        Self { memory, ours, theirs, queued: 0, slot: Vec::new() }
    }

    /// Puts a message into the queue if the receiver is awake. `packets` is the number of messages that were sent on the
    /// socket before it.
    pub fn put(&mut self, message: &[u8], packets: u64) -> Put {
        if message.len() > MAX_QUEUED || self.theirs.get(Number::Awake) != 1 {
            return Put::Refused;
        }
        // A receiver that claims more than was queued gets no further slot.
        let waiting = self.queued.checked_sub(self.theirs.get(Number::Taken));
        if waiting.is_none_or(|waiting| waiting >= u64::from(QUEUE_SLOTS)) {
            return Put::Refused;
        }
        let len = u32::try_from(message.len()).unwrap_or(u32::MAX);
        self.slot.clear();
        self.slot.extend_from_slice(&len.to_le_bytes());
        self.slot.extend_from_slice(&[0; 4]);
        self.slot.extend_from_slice(&packets.to_le_bytes());
        self.slot.extend_from_slice(message);
        if !self.memory.write(place(self.queued), &self.slot) {
            return Put::Refused;
        }
        self.queued = self.queued.wrapping_add(1);
        self.ours.set(Number::Queued, self.queued);
        if self.theirs.get(Number::Awake) == 1 { Put::Queued } else { Put::Unseen }
    }
}

/// The receiving end.
#[derive(Debug)]
pub struct Reader {
    memory: ReadMemory,
    ours: NumbersWriter,
    theirs: NumbersReader,
    /// Messages taken from the queue.
    taken: u64,
}

impl Reader {
    /// `ours` are the numbers of this side.
    pub fn new(memory: ReadMemory, ours: NumbersWriter, theirs: NumbersReader) -> Self {
        Self { memory, ours, theirs, taken: 0 }
    }

    /// Takes the next message, if the sender had sent at most `packets` messages on the socket before it.
    pub fn take(&mut self, packets: u64) -> Result<Option<Vec<u8>>, ReceiveError> {
        let Some(len) = self.next(packets)? else { return Ok(None) };
        let mut message = Vec::new();
        if !self.memory.append(place(self.taken).saturating_add(HEADER), len, &mut message) {
            return Err(OUTSIDE);
        }
        self.taken = self.taken.wrapping_add(1);
        self.ours.set(Number::Taken, self.taken);
        Ok(Some(message))
    }

    /// True where [`Reader::take`] would return a message or an error.
    pub fn is_ready(&self, packets: u64) -> bool {
        !matches!(self.next(packets), Ok(None))
    }

    /// The length of the next message that may be taken.
    fn next(&self, packets: u64) -> Result<Option<usize>, ReceiveError> {
        if !self.is_waiting()? {
            return Ok(None);
        }
        let mut header = [0; HEADER];
        if !self.memory.read(place(self.taken), &mut header) {
            return Err(OUTSIDE);
        }
        let [l0, l1, l2, l3, _, _, _, _, p0, p1, p2, p3, p4, p5, p6, p7] = header;
        if u64::from_le_bytes([p0, p1, p2, p3, p4, p5, p6, p7]) > packets {
            return Ok(None);
        }
        let found = u32::from_le_bytes([l0, l1, l2, l3]);
        let len = usize::try_from(found).ok().filter(|&len| len <= MAX_QUEUED);
        len.map(Some).ok_or(ReceiveError::TooLong { found: u64::from(found), max: MAX_QUEUED })
    }

    /// True while there are messages, also those that follow others on the socket.
    fn is_waiting(&self) -> Result<bool, ReceiveError> {
        let waiting = self.theirs.get(Number::Queued).wrapping_sub(self.taken);
        if waiting > u64::from(QUEUE_SLOTS) {
            return Err(ReceiveError::NoMessage("its queue has more messages than slots"));
        }
        Ok(waiting > 0)
    }
}

/// A slot outside the mapping, which the assertion above excludes.
const OUTSIDE: ReceiveError = ReceiveError::NoMessage("it lies outside the queue");

/// Says that a receiver is awake, or that it is about to sleep: then it must look into the queue once more.
pub fn set_awake(ours: &NumbersWriter, awake: bool) {
    ours.set(Number::Awake, u64::from(awake));
}

/// Start of a message's slot.
fn place(message: u64) -> usize {
    (message % u64::from(QUEUE_SLOTS)) as usize * SLOT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::memory::{Shared, SharedPeer};

    /// A queue from client to daemon, and the daemon's numbers.
    fn ends() -> (Writer, Reader, NumbersWriter, NumbersWriter) {
        let (ours, file) = Shared::create().unwrap();
        let theirs = SharedPeer::open(file).unwrap();
        let (client, daemon) = (ours.ours.clone(), theirs.ours.clone());
        (
            Writer::new(ours.batch_queue, ours.ours, ours.theirs),
            Reader::new(theirs.batch_queue, theirs.ours, theirs.theirs),
            client,
            daemon,
        )
    }

    #[test]
    fn a_message_waits_for_those_before_it_on_the_socket() {
        let (mut writer, mut reader, _, daemon) = ends();
        assert_eq!(writer.put(b"one", 0), Put::Refused, "the receiver sleeps");
        set_awake(&daemon, true);
        assert_eq!(writer.put(b"one", 0), Put::Queued);
        assert_eq!(writer.put(b"two", 3), Put::Queued);
        assert_eq!(reader.take(0).unwrap().unwrap(), b"one");
        for packets in 0..3 {
            assert!(reader.take(packets).unwrap().is_none());
        }
        assert_eq!(reader.take(3).unwrap().unwrap(), b"two");
        assert!(reader.take(u64::MAX).unwrap().is_none());
    }

    #[test]
    fn slots_and_lengths_are_bounded() {
        let (mut writer, mut reader, _, daemon) = ends();
        set_awake(&daemon, true);
        assert_eq!(writer.put(&[1; MAX_QUEUED + 1], 0), Put::Refused);
        for round in 0..3 {
            for slot in 0..QUEUE_SLOTS {
                assert_eq!(writer.put(&vec![slot as u8; MAX_QUEUED - round], 0), Put::Queued);
            }
            assert_eq!(writer.put(b"", 0), Put::Refused);
            for slot in 0..QUEUE_SLOTS {
                assert_eq!(reader.take(0).unwrap().unwrap(), vec![slot as u8; MAX_QUEUED - round]);
            }
        }
        set_awake(&daemon, false);
        assert_eq!(writer.put(b"", 0), Put::Refused);
    }

    #[test]
    fn a_peer_that_breaks_the_protocol_is_an_error_or_gets_nothing() {
        let (mut writer, mut reader, client, daemon) = ends();
        set_awake(&daemon, true);
        for queued in [u64::from(QUEUE_SLOTS) + 1, 1 << 63, u64::MAX] {
            client.set(Number::Queued, queued);
            assert!(reader.take(0).unwrap_err().to_string().contains("more messages than slots"), "{queued}");
        }
        client.set(Number::Queued, 1);
        assert!(writer.memory.write(0, &(MAX_QUEUED as u32 + 1).to_le_bytes()));
        assert!(reader.take(0).unwrap_err().to_string().contains("longer than the"));
        assert!(writer.memory.write(0, &u32::MAX.to_le_bytes()));
        assert!(reader.take(0).is_err());
        // A receiver that has taken what was never queued.
        daemon.set(Number::Taken, 1);
        assert_eq!(writer.put(b"one", 0), Put::Refused);
        for awake in [2, u64::MAX] {
            daemon.set(Number::Taken, 0);
            daemon.set(Number::Awake, awake);
            assert_eq!(writer.put(b"one", 0), Put::Refused);
        }
    }
}
