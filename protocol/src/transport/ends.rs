//! The ends of a session's channels: batches one way, events the other.

#[cfg(target_os = "linux")]
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::limits::{MAX_BATCH, MAX_EVENT};

#[cfg(target_os = "linux")]
use super::{bulk, received::lock};
use super::{
    channel, local,
    received::{Awaited, Gone, ReceiveError},
};

/// The sending end of a channel: to another process, or to another thread.
#[derive(Clone, Debug)]
pub(super) enum Sender {
    Process(channel::Sender),
    Local(local::Sender),
}

impl Sender {
    fn send(&self, message: &[u8]) -> Result<(), Gone> {
        match self {
            Sender::Process(sender) => sender.send(message),
            Sender::Local(sender) => sender.send(message),
        }
    }

    fn try_send(&self, message: &[u8]) -> Result<bool, Gone> {
        match self {
            Sender::Process(sender) => sender.try_send(message),
            Sender::Local(sender) => sender.try_send(message),
        }
    }

    fn close(&self) {
        match self {
            Sender::Process(sender) => sender.close(),
            Sender::Local(sender) => sender.close(),
        }
    }
}

/// The receiving end of a channel: from another process, or from another thread.
#[derive(Debug)]
pub(super) enum Receiver {
    Process(channel::Receiver),
    Local(local::Receiver),
}

/// The same, whose waits can be interrupted.
#[derive(Debug)]
pub(super) enum EventEnd {
    Process(channel::Interruptible),
    Local(local::Receiver),
}

/// Sends batches. [`BatchSender::send`] blocks while the socket is full.
#[derive(Clone, Debug)]
pub struct BatchSender(pub(super) Sender);

impl BatchSender {
    /// Sends the bytes of a batch.
    pub fn send(&self, batch: &[u8]) -> Result<(), Gone> {
        self.0.send(batch)
    }

    /// The same unless it would block; returns whether it was sent. On platforms that cannot tell, it blocks.
    pub fn try_send(&self, batch: &[u8]) -> Result<bool, Gone> {
        self.0.try_send(batch)
    }
}

/// Receives batches.
#[derive(Debug)]
pub struct BatchReceiver(pub(super) Receiver);

impl BatchReceiver {
    /// As [`BatchReceiver::recv`], and calls `begun` when a batch has begun to arrive, on platforms that can tell: from
    /// then on the client is the cause of the wait.
    pub fn recv_watched(&self, begun: impl FnOnce()) -> Result<Vec<u8>, ReceiveError> {
        match &self.0 {
            Receiver::Process(receiver) => receiver.recv(MAX_BATCH, begun),
            Receiver::Local(receiver) => receiver.recv(MAX_BATCH, begun),
        }
    }

    /// As [`BatchReceiver::recv_watched`] if a batch has begun to arrive; otherwise `None`, as always on platforms that cannot
    /// tell.
    pub fn try_recv_watched(&self, begun: impl FnOnce()) -> Result<Option<Vec<u8>>, ReceiveError> {
        match &self.0 {
            Receiver::Process(receiver) => receiver.try_recv(MAX_BATCH, begun),
            Receiver::Local(receiver) => receiver.try_recv(MAX_BATCH, begun),
        }
    }

    /// Waits for a batch to begin to arrive, for at most a time. On platforms that cannot tell it returns at once.
    pub fn nap(&self, time: Duration) -> Result<(), ReceiveError> {
        match &self.0 {
            Receiver::Process(receiver) => receiver.nap(time),
            Receiver::Local(receiver) => {
                receiver.nap(time);
                Ok(())
            }
        }
    }

    /// Receives a batch of at most [`MAX_BATCH`] bytes.
    pub fn recv(&self) -> Result<Vec<u8>, ReceiveError> {
        self.recv_watched(|| {})
    }
}

/// Sends events.
#[derive(Clone, Debug)]
pub struct EventSender {
    pub(super) sender: Sender,
    #[cfg(target_os = "linux")]
    pub(super) bulk: Option<Arc<Mutex<bulk::Sender>>>,
}

impl EventSender {
    /// Sends the bytes of an event.
    pub fn send(&self, event: &[u8]) -> Result<(), Gone> {
        self.sender.send(event)
    }

    /// Sends an event whose bytes are `start` and then `data`, which takes the shared ring where it has room.
    pub fn send_with_data(&self, start: &[u8], data: &[u8]) -> Result<(), Gone> {
        #[cfg(target_os = "linux")]
        if let Some(bulk) = &self.bulk
            && let Some(sent) = lock(bulk).send(|message| self.sender.send(message), start, data)
        {
            return sent;
        }
        self.sender.send(&[start, data].concat())
    }

    /// Closes the channel: its receiver sees that before this process exits. Without effect on platforms that cannot do it.
    pub fn close(&self) {
        self.sender.close();
    }
}

/// Receives events.
#[derive(Debug)]
pub struct EventReceiver {
    pub(super) receiver: EventEnd,
    #[cfg(target_os = "linux")]
    pub(super) bulk: Option<Mutex<bulk::Receiver>>,
}

impl EventReceiver {
    /// Receives an event of at most [`MAX_EVENT`] bytes.
    pub fn recv(&self) -> Result<Vec<u8>, ReceiveError> {
        let mut event = Vec::new();
        match self.recv_into(&mut event)? {
            Incoming::Data(piece) => self.fetch(&piece, &mut event)?,
            Incoming::Nothing | Incoming::Event => {}
        }
        Ok(event)
    }

    /// The same, in two steps where the data is in the ring.
    pub fn recv_into(&self, event: &mut Vec<u8>) -> Result<Incoming, ReceiveError> {
        *event = match &self.receiver {
            EventEnd::Process(end) => end.receiver().recv(MAX_EVENT, || {}),
            EventEnd::Local(receiver) => receiver.recv(MAX_EVENT, || {}),
        }?;
        incoming(event)
    }

    /// The same if an event has begun to arrive; otherwise [`Incoming::Nothing`], as always on platforms that cannot tell.
    pub fn try_recv_into(&self, event: &mut Vec<u8>) -> Result<Incoming, ReceiveError> {
        let received = match &self.receiver {
            EventEnd::Process(end) => end.receiver().try_recv(MAX_EVENT, || {}),
            EventEnd::Local(receiver) => receiver.try_recv(MAX_EVENT, || {}),
        };
        match received? {
            Some(message) => *event = message,
            None => return Ok(Incoming::Nothing),
        }
        incoming(event)
    }

    /// Appends an event's data: to the bytes before it, or to other data.
    pub fn fetch(&self, piece: &Piece, to: &mut Vec<u8>) -> Result<(), ReceiveError> {
        #[cfg(target_os = "linux")]
        return match &self.bulk {
            Some(bulk) => lock(bulk).fetch(piece, to),
            None => Err(ReceiveError::NoMessage("it refers to a ring that there is not")),
        };
        #[cfg(not(target_os = "linux"))]
        match *piece {}
    }

    /// Closes the channel, which interrupts a wait of another thread. Without effect on platforms that cannot do it.
    pub fn close(&self) {
        match &self.receiver {
            EventEnd::Process(end) => end.receiver().close(),
            EventEnd::Local(receiver) => receiver.close(),
        }
    }

    /// Waits until an event begins to arrive, which [`EventReceiver::try_recv_into`] then receives, or until another thread
    /// ends the wait.
    pub fn wait(&self) -> Result<Awaited, ReceiveError> {
        match &self.receiver {
            EventEnd::Process(end) => end.wait(),
            EventEnd::Local(receiver) => Ok(receiver.wait()),
        }
    }

    /// Says whether a thread receives by polling: while one does, the daemon's short events need no system call. A thread that
    /// stops polling must take this back, and see [`EventReceiver::is_ready`], before any thread relies on
    /// [`EventReceiver::wait`], which takes it back itself. Without effect on platforms that cannot do it.
    pub fn set_awake(&self, awake: bool) {
        match &self.receiver {
            EventEnd::Process(end) => end.receiver().set_awake(awake),
            EventEnd::Local(_) => {}
        }
    }

    /// True where [`EventReceiver::try_recv_into`] has an event without a look at the socket.
    pub fn is_ready(&self) -> bool {
        match &self.receiver {
            EventEnd::Process(end) => end.receiver().has_next(),
            EventEnd::Local(_) => false,
        }
    }

    /// Interrupts a wait of another thread, or the next one.
    pub fn interrupt(&self) {
        match &self.receiver {
            EventEnd::Process(end) => end.interrupt(),
            EventEnd::Local(receiver) => receiver.interrupt(),
        }
    }

    /// True on platforms where waits can poll for events and be interrupted.
    pub fn sees_arrivals(&self) -> bool {
        match &self.receiver {
            EventEnd::Process(end) => end.sees_arrivals(),
            EventEnd::Local(_) => true,
        }
    }
}

/// The result of receiving.
#[derive(Debug)]
pub enum Incoming {
    /// Nothing yet.
    Nothing,
    /// A whole event.
    Event,
    /// An event up to its data, which must be fetched before the next receive.
    Data(Piece),
}

#[cfg(target_os = "linux")]
pub use super::bulk::Piece;

/// Without shared memory, events carry their data inline.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub enum Piece {}

#[cfg(not(target_os = "linux"))]
impl Piece {
    /// Start of the piece in the ring.
    pub fn position(&self) -> u64 {
        match *self {}
    }

    /// Its length.
    pub fn bytes(&self) -> usize {
        match *self {}
    }
}

fn incoming(message: &mut Vec<u8>) -> Result<Incoming, ReceiveError> {
    #[cfg(target_os = "linux")]
    if let Some(piece) = bulk::refers(message)? {
        return Ok(Incoming::Data(piece));
    }
    let _ = message;
    Ok(Incoming::Event)
}
