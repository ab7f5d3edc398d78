//! The channels of a session, over ipc-channel: batches one way, events the other, and the shared ring.
//!
//! ipc-channel's receivers trust their peer: bytes that no sender of its own would send can end the process that reads
//! them. That is why a worker serves one session only, why `gpu-daemon serve` never reads from a client, and why batches
//! and events cross on Linux in sockets of a pair, by code of our own. ipc-channel itself receives one message there, the
//! [`Bootstrap`] that completes the set-up.

#[cfg(target_os = "linux")]
mod bulk;
#[cfg_attr(target_os = "linux", path = "transport/sockets.rs")]
#[cfg_attr(not(target_os = "linux"), path = "transport/messages.rs")]
mod channel;
mod local;
#[cfg_attr(target_os = "linux", path = "transport/sealed.rs")]
#[cfg_attr(not(target_os = "linux"), path = "transport/unsealed.rs")]
mod memory;
#[cfg(target_os = "linux")]
mod packets;
mod ring;

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};
#[cfg(target_os = "linux")]
use std::{
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

#[cfg(not(target_os = "linux"))]
use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender, IpcSharedMemory};
use ipc_channel::ipc::{IpcOneShotServer, IpcSender};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    connect::Link,
    limits::{MAX_BATCH, MAX_EVENT},
};
#[cfg(target_os = "linux")]
use crate::{
    descriptors::{self, DescriptorError},
    limits::HELLO_TIMEOUT,
};

pub use memory::MemoryError;
pub use ring::{RingError, RingReader, RingWriter, place as ring_place};

/// The client's message to the worker's one-shot server. On Linux the ring and the channels have crossed before, as
/// descriptors on the connection of the hello line, and the message only completes the set-up. Elsewhere they are in it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bootstrap {
    #[cfg(not(target_os = "linux"))]
    commands: IpcBytesReceiver,
    #[cfg(not(target_os = "linux"))]
    events: IpcBytesSender,
    #[cfg(not(target_os = "linux"))]
    ring: IpcSharedMemory,
}

/// Why two processes cannot be connected.
#[derive(Debug, Error)]
pub enum TransportError {
    /// The operating system gives no channel.
    #[error("cannot make a channel: {0}")]
    Channel(#[source] io::Error),
    /// The worker's server is not there.
    #[error("cannot connect to the worker: {0}")]
    Connect(#[source] io::Error),
    /// The other side went away during the exchange.
    #[error("the connection broke while the session was set up: {0}")]
    Broken(String),
    /// The client went away before it sent the ring.
    #[error("the client is gone")]
    NoClient,
    /// There is no ring.
    #[cfg(target_os = "linux")]
    #[error("the client sends no ring: {0}")]
    NoRing(#[source] DescriptorError),
    /// There is no channel.
    #[cfg(target_os = "linux")]
    #[error("the client sends no channel: {0}")]
    NoChannel(#[source] DescriptorError),
    /// The ring is not used.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// The client's side of a session.
#[derive(Debug)]
pub struct ClientChannels {
    /// Batches go out here.
    pub commands: BatchSender,
    /// Events come in here.
    pub events: EventReceiver,
    /// Bulk data goes out here.
    pub ring: RingWriter,
}

/// The daemon's side of a session.
#[derive(Debug)]
pub struct DaemonChannels {
    /// Batches come in here.
    pub commands: BatchReceiver,
    /// Events go out here.
    pub events: EventSender,
    /// Bulk data comes in here.
    pub ring: RingReader,
}

/// Connects a client to the worker with this server name. On Linux the ring and the worker's ends of the channels cross on
/// `link`, the connection of the hello line.
pub fn connect(server: String, link: &Link) -> Result<ClientChannels, TransportError> {
    #[cfg(target_os = "linux")]
    let (batches, replies, memory, bulk, bootstrap) = {
        let (memory::Shared { commands, events, count }, file) =
            memory::Shared::create().map_err(TransportError::Channel)?;
        descriptors::send(link, file.as_fd()).map_err(TransportError::Connect)?;
        let batches = channel::pair(link).map_err(TransportError::Connect)?;
        let replies = channel::pair(link).map_err(TransportError::Connect)?;
        let bulk = bulk::Receiver::new(RingReader::rewinding(events), count);
        (batches, replies, commands, Some(Mutex::new(bulk)), Bootstrap {})
    };
    #[cfg(not(target_os = "linux"))]
    let (batches, replies, memory, bootstrap) = {
        let _ = link;
        let (batches, commands) = ipc::bytes_channel().map_err(TransportError::Channel)?;
        let (events, replies) = ipc::bytes_channel().map_err(TransportError::Channel)?;
        let (memory, ring) = memory::WriteMemory::create();
        (batches, replies, memory, Bootstrap { commands, events, ring })
    };
    let server = IpcSender::<Bootstrap>::connect(server).map_err(TransportError::Connect)?;
    server.send(bootstrap).map_err(|error| TransportError::Broken(error.to_string()))?;
    let receiver = channel::Interruptible::new(channel::Receiver::new(replies)).map_err(TransportError::Channel)?;
    let events = EventReceiver {
        receiver: EventEnd::Process(receiver),
        #[cfg(target_os = "linux")]
        bulk,
    };
    let commands = BatchSender(Sender::Process(channel::Sender::new(batches)));
    Ok(ClientChannels { commands, events, ring: RingWriter::new(memory) })
}

/// Both sides of a session within one process: no worker, no socket. So many bytes of batches may wait for the daemon's side,
/// and of events for the client's; data longer than a command carries takes a ring as between processes.
pub fn in_memory(room: usize) -> Result<(ClientChannels, DaemonChannels), TransportError> {
    #[cfg(target_os = "linux")]
    let (ours, theirs) = {
        let (ours, file) = memory::Shared::create().map_err(TransportError::Channel)?;
        (ours.commands, memory::SharedPeer::open(file)?.commands)
    };
    #[cfg(not(target_os = "linux"))]
    let (ours, theirs) = {
        let (ours, ring) = memory::WriteMemory::create();
        (ours, memory::ReadMemory::open(ring)?)
    };
    let (batches, commands) = local::channel(room);
    let (events, replies) = local::channel(room);
    let client = ClientChannels {
        commands: BatchSender(Sender::Local(batches)),
        events: EventReceiver {
            receiver: EventEnd::Local(replies),
            #[cfg(target_os = "linux")]
            bulk: None,
        },
        ring: RingWriter::new(ours),
    };
    let daemon = DaemonChannels {
        commands: BatchReceiver(Receiver::Local(commands)),
        events: EventSender {
            sender: Sender::Local(events),
            #[cfg(target_os = "linux")]
            bulk: None,
        },
        ring: RingReader::new(theirs),
    };
    Ok((client, daemon))
}

/// The ring and the channels as the worker received them on its connection. Elsewhere than on Linux they come with the
/// [`Bootstrap`], and this is empty.
#[derive(Debug)]
pub struct HandedOver {
    #[cfg(target_os = "linux")]
    memory: memory::SharedPeer,
    #[cfg(target_os = "linux")]
    commands: OwnedFd,
    #[cfg(target_os = "linux")]
    events: OwnedFd,
}

impl HandedOver {
    /// Receives the ring and the channels over standard input, the worker's connection, and checks them. It must be the first
    /// reader there after the hello line: another would take the messages and lose their descriptors.
    #[cfg(target_os = "linux")]
    pub fn from_stdin() -> Result<Self, TransportError> {
        Self::receive(io::stdin())
    }

    /// The same, over any connection.
    #[cfg(target_os = "linux")]
    pub fn receive(connection: impl AsFd) -> Result<Self, TransportError> {
        let file = descriptors::receive(&connection, Some(HELLO_TIMEOUT)).map_err(|error| match error {
            DescriptorError::Ended => TransportError::NoClient,
            error => TransportError::NoRing(error),
        })?;
        let memory = memory::SharedPeer::open(file)?;
        let socket = || {
            let received = descriptors::receive(&connection, Some(HELLO_TIMEOUT));
            received.and_then(|socket| Ok(channel::check(socket)?)).map_err(TransportError::NoChannel)
        };
        Ok(Self { memory, commands: socket()?, events: socket()? })
    }

    /// See [`HandedOver`].
    #[cfg(not(target_os = "linux"))]
    pub fn from_stdin() -> Result<Self, TransportError> {
        Ok(Self {})
    }
}

/// The place where a worker waits for its one client.
pub struct Listener {
    server: IpcOneShotServer<Bootstrap>,
    name: String,
}

impl Listener {
    /// Opens it.
    pub fn new() -> Result<Self, TransportError> {
        let (server, name) = IpcOneShotServer::new().map_err(TransportError::Channel)?;
        Ok(Self { server, name })
    }

    /// The name to put into the hello line.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits for the client's [`Bootstrap`].
    pub fn accept(self, handed_over: HandedOver) -> Result<DaemonChannels, TransportError> {
        let (_, bootstrap) = self.server.accept().map_err(|error| TransportError::Broken(error.to_string()))?;
        #[cfg(target_os = "linux")]
        let (memory, commands, events, bulk) = {
            let Bootstrap {} = bootstrap;
            let HandedOver { memory: shared, commands, events } = handed_over;
            let bulk = bulk::Sender::new(RingWriter::new(shared.events), shared.count);
            (shared.commands, commands, events, Some(Arc::new(Mutex::new(bulk))))
        };
        #[cfg(not(target_os = "linux"))]
        let (memory, commands, events) = {
            let HandedOver {} = handed_over;
            (memory::ReadMemory::open(bootstrap.ring)?, bootstrap.commands, bootstrap.events)
        };
        Ok(DaemonChannels {
            commands: BatchReceiver(Receiver::Process(channel::Receiver::new(commands))),
            events: EventSender {
                sender: Sender::Process(channel::Sender::new(events)),
                #[cfg(target_os = "linux")]
                bulk,
            },
            ring: RingReader::new(memory),
        })
    }
}

/// The other process is gone.
#[derive(Debug, Error)]
#[error("the other process closed the connection")]
pub struct Gone;

/// Why nothing is received.
#[derive(Debug, Error)]
pub enum ReceiveError {
    /// The other process is gone.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// The other process sends what no sender of ours would send.
    #[error("what the other process sends is no message: {0}")]
    NoMessage(&'static str),
    /// It sends more than it may.
    #[error("a message of {found} bytes is longer than the {most} bytes allowed")]
    TooLong {
        /// How much.
        found: u64,
        /// How much it may.
        most: usize,
    },
    /// The operating system refuses.
    #[error("cannot receive: {0}")]
    System(#[source] io::Error),
}

/// The sending end of a channel: to another process, or to another thread.
#[derive(Clone, Debug)]
enum Sender {
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
enum Receiver {
    Process(channel::Receiver),
    Local(local::Receiver),
}

/// The same, whose waits can be interrupted.
#[derive(Debug)]
enum EventEnd {
    Process(channel::Interruptible),
    Local(local::Receiver),
}

/// Sends batches. A full socket makes [`BatchSender::send`] wait.
#[derive(Clone, Debug)]
pub struct BatchSender(Sender);

impl BatchSender {
    /// Sends the bytes of a batch.
    pub fn send(&self, batch: &[u8]) -> Result<(), Gone> {
        self.0.send(batch)
    }

    /// The same, if the socket has room for it; says whether it had. Where that cannot be known, it waits.
    pub fn try_send(&self, batch: &[u8]) -> Result<bool, Gone> {
        self.0.try_send(batch)
    }
}

/// Receives batches.
#[derive(Debug)]
pub struct BatchReceiver(Receiver);

impl BatchReceiver {
    /// As [`BatchReceiver::recv`], and says when a batch has begun to arrive, where the platform lets that be known: from
    /// then on it is the client that is waited for.
    pub fn recv_watched(&self, begun: impl FnOnce()) -> Result<Vec<u8>, ReceiveError> {
        match &self.0 {
            Receiver::Process(receiver) => receiver.recv(MAX_BATCH, begun),
            Receiver::Local(receiver) => receiver.recv(MAX_BATCH, begun),
        }
    }

    /// As [`BatchReceiver::recv_watched`], where a batch has begun to arrive. `None` where none has, and where the platform
    /// does not let that be known.
    pub fn try_recv_watched(&self, begun: impl FnOnce()) -> Result<Option<Vec<u8>>, ReceiveError> {
        match &self.0 {
            Receiver::Process(receiver) => receiver.try_recv(MAX_BATCH, begun),
            Receiver::Local(receiver) => receiver.try_recv(MAX_BATCH, begun),
        }
    }

    /// Waits for the bytes of a batch, of which there are at most [`MAX_BATCH`].
    pub fn recv(&self) -> Result<Vec<u8>, ReceiveError> {
        self.recv_watched(|| {})
    }
}

/// Sends events.
#[derive(Clone, Debug)]
pub struct EventSender {
    sender: Sender,
    #[cfg(target_os = "linux")]
    bulk: Option<Arc<Mutex<bulk::Sender>>>,
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

    /// Ends the channel: its receiver sees that before this process has ended. Nothing where the platform does not let that
    /// be done.
    pub fn close(&self) {
        self.sender.close();
    }
}

/// Receives events.
#[derive(Debug)]
pub struct EventReceiver {
    receiver: EventEnd,
    #[cfg(target_os = "linux")]
    bulk: Option<Mutex<bulk::Receiver>>,
}

impl EventReceiver {
    /// Waits for the bytes of an event, of which there are at most [`MAX_EVENT`].
    pub fn recv(&self) -> Result<Vec<u8>, ReceiveError> {
        let mut event = Vec::new();
        match self.recv_into(&mut event)? {
            Incoming::Data(piece) => self.fetch(&piece, &mut event)?,
            Incoming::Nothing | Incoming::Event => {}
        }
        Ok(event)
    }

    /// The same, in two steps where data is apart.
    pub fn recv_into(&self, event: &mut Vec<u8>) -> Result<Incoming, ReceiveError> {
        *event = match &self.receiver {
            EventEnd::Process(end) => end.receiver().recv(MAX_EVENT, || {}),
            EventEnd::Local(receiver) => receiver.recv(MAX_EVENT, || {}),
        }?;
        incoming(event)
    }

    /// The same where an event has begun to arrive: nothing, where none has or where the platform does not let that be known.
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

    /// Ends the channel, which ends a wait of another thread's. Nothing where the platform does not let that be done.
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

    /// Ends a wait of another thread's, or the next one.
    pub fn interrupt(&self) {
        match &self.receiver {
            EventEnd::Process(end) => end.interrupt(),
            EventEnd::Local(receiver) => receiver.interrupt(),
        }
    }

    /// Whether waits see events arrive and can be interrupted, which the platform must let them.
    pub fn sees_arrivals(&self) -> bool {
        match &self.receiver {
            EventEnd::Process(end) => end.sees_arrivals(),
            EventEnd::Local(_) => true,
        }
    }
}

/// What ends a wait for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// An event begins to arrive, or the channel has ended.
    Event,
    /// [`EventReceiver::interrupt`], and no event.
    Interrupted,
    /// Nothing: the platform does not let arrivals be seen. [`EventReceiver::recv_into`] waits.
    Unknown,
}

/// What has come in place of an event.
#[derive(Debug)]
pub enum Incoming {
    /// Nothing yet.
    Nothing,
    /// A whole event.
    Event,
    /// An event up to its data, which is to be fetched before anything else is received.
    Data(Piece),
}

#[cfg(target_os = "linux")]
pub use bulk::Piece;

/// Without shared memory for it, no event has its data apart.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub enum Piece {}

#[cfg(not(target_os = "linux"))]
impl Piece {
    /// Where it starts in the ring.
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

/// The state is whole between any two statements, whatever its last holder was doing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
