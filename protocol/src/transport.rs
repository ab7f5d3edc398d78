//! The channels of a session, over ipc-channel: batches one way, events the other, and the shared ring.
//!
//! ipc-channel's receivers trust their peer: bytes that no sender of its own would send can end the process that reads
//! them. That is why a worker serves one session only, why `gpu-daemon serve` never reads from a client, and why batches
//! and events are sent and received by code of our own on Linux. What ipc-channel itself still receives there is the one message
//! by which a worker gets its channels.

#[cfg_attr(target_os = "linux", path = "transport/sealed.rs")]
#[cfg_attr(not(target_os = "linux"), path = "transport/unsealed.rs")]
mod memory;
#[cfg(target_os = "linux")]
mod packets;
mod ring;
#[cfg(target_os = "linux")]
mod waiting;

use std::io;
#[cfg(target_os = "linux")]
use std::{
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

#[cfg(not(target_os = "linux"))]
use ipc_channel::ipc::IpcSharedMemory;
use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcSender};
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

/// What a client sends to the worker's server: its ends of the channels. Where memory cannot be sealed, the ring too.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bootstrap {
    commands: IpcBytesReceiver,
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

/// Connects a client to the worker whose server has this name. The ring goes over the connection on which the worker
/// said the name.
pub fn connect(server: String, link: &Link) -> Result<ClientChannels, TransportError> {
    let (batches, commands) = ipc::bytes_channel().map_err(TransportError::Channel)?;
    let (events, replies) = ipc::bytes_channel().map_err(TransportError::Channel)?;
    #[cfg(target_os = "linux")]
    let (memory, bootstrap) = {
        let (memory, file) = memory::WriteMemory::create().map_err(TransportError::Channel)?;
        descriptors::send(link, file.as_fd()).map_err(TransportError::Connect)?;
        (memory, Bootstrap { commands, events })
    };
    #[cfg(not(target_os = "linux"))]
    let (memory, bootstrap) = {
        let _ = link;
        let (memory, ring) = memory::WriteMemory::create();
        (memory, Bootstrap { commands, events, ring })
    };
    let server = IpcSender::<Bootstrap>::connect(server).map_err(TransportError::Connect)?;
    server.send(bootstrap).map_err(|error| TransportError::Broken(error.to_string()))?;
    let (commands, events) = (BatchSender(Sender::new(batches)), EventReceiver(Receiver::new(replies)));
    Ok(ClientChannels { commands, events, ring: RingWriter::new(memory) })
}

/// The ring as the worker got it over its connection. Where memory cannot be sealed it comes with the [`Bootstrap`], and
/// there is nothing in here.
#[derive(Debug)]
pub struct ReceivedRing {
    #[cfg(target_os = "linux")]
    memory: memory::ReadMemory,
}

impl ReceivedRing {
    /// Receives the ring over standard input, which is the worker's connection, and checks it. It must be the first that
    /// reads there after the hello line was written: another reader would take the message and lose what comes with it.
    #[cfg(target_os = "linux")]
    pub fn from_stdin() -> Result<Self, TransportError> {
        Self::receive(io::stdin())
    }

    /// The same, over any connection.
    #[cfg(target_os = "linux")]
    pub fn receive(connection: impl AsFd) -> Result<Self, TransportError> {
        let file = descriptors::receive(connection, Some(HELLO_TIMEOUT)).map_err(|error| match error {
            DescriptorError::Ended => TransportError::NoClient,
            error => TransportError::NoRing(error),
        })?;
        Ok(Self { memory: memory::ReadMemory::open(file)? })
    }

    /// See [`ReceivedRing`].
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

    /// Waits for the client.
    pub fn accept(self, ring: ReceivedRing) -> Result<DaemonChannels, TransportError> {
        let (_, bootstrap) = self.server.accept().map_err(|error| TransportError::Broken(error.to_string()))?;
        #[cfg(target_os = "linux")]
        let memory = ring.memory;
        #[cfg(not(target_os = "linux"))]
        let memory = {
            let ReceivedRing {} = ring;
            memory::ReadMemory::open(bootstrap.ring)?
        };
        Ok(DaemonChannels {
            commands: BatchReceiver(Receiver::new(bootstrap.commands)),
            events: EventSender(Sender::new(bootstrap.events)),
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

/// The sending end of a channel.
#[derive(Clone, Debug)]
struct Sender {
    sender: IpcBytesSender,
    /// With the longest packet that it takes.
    #[cfg(target_os = "linux")]
    socket: Option<(Arc<OwnedFd>, usize)>,
}

impl Sender {
    fn new(sender: IpcBytesSender) -> Self {
        Self {
            #[cfg(target_os = "linux")]
            socket: waiting::socket_of(&format!("{sender:?}")).map(|socket| {
                let longest = packets::longest(&socket);
                (Arc::new(socket), longest)
            }),
            sender,
        }
    }

    fn send(&self, message: &[u8]) -> Result<(), Gone> {
        #[cfg(target_os = "linux")]
        if let Some((socket, longest)) = &self.socket {
            return packets::send(socket, *longest, message);
        }
        self.sender.send(message).map_err(|_| Gone)
    }
}

/// Sends batches. A full socket makes it wait: that is the stream's back-pressure.
#[derive(Clone, Debug)]
pub struct BatchSender(Sender);

impl BatchSender {
    /// Sends the bytes of a batch.
    pub fn send(&self, batch: &[u8]) -> Result<(), Gone> {
        self.0.send(batch)
    }
}

/// The receiving end of a channel.
#[derive(Debug)]
struct Receiver {
    receiver: IpcBytesReceiver,
    #[cfg(target_os = "linux")]
    socket: Option<OwnedFd>,
}

impl Receiver {
    fn new(receiver: IpcBytesReceiver) -> Self {
        Self {
            #[cfg(target_os = "linux")]
            socket: waiting::socket_of(&format!("{receiver:?}")),
            receiver,
        }
    }

    /// Receives a message of at most `most` bytes. Says when it has begun to arrive, where the platform lets that be known.
    fn recv(&self, most: usize, begun: impl FnOnce()) -> Result<Vec<u8>, ReceiveError> {
        #[cfg(target_os = "linux")]
        if let Some(socket) = &self.socket {
            let packet = packets::wait(socket)?;
            begun();
            return packets::receive(socket, packet, most);
        }
        let _ = begun;
        let message = self.receiver.recv().map_err(|_| Gone)?;
        if message.len() > most {
            return Err(ReceiveError::TooLong { found: message.len() as u64, most });
        }
        Ok(message)
    }
}

/// Receives batches.
#[derive(Debug)]
pub struct BatchReceiver(Receiver);

impl BatchReceiver {
    /// As [`BatchReceiver::recv`], and says when a batch has begun to arrive, where the platform lets that be known: from
    /// then on it is the client that is waited for.
    pub fn recv_watched(&self, begun: impl FnOnce()) -> Result<Vec<u8>, ReceiveError> {
        self.0.recv(MAX_BATCH, begun)
    }

    /// Waits for the bytes of a batch, of which there are at most [`MAX_BATCH`].
    pub fn recv(&self) -> Result<Vec<u8>, ReceiveError> {
        self.recv_watched(|| {})
    }
}

/// Sends events.
#[derive(Clone, Debug)]
pub struct EventSender(Sender);

impl EventSender {
    /// Sends the bytes of an event.
    pub fn send(&self, event: &[u8]) -> Result<(), Gone> {
        self.0.send(event)
    }
}

/// Receives events.
#[derive(Debug)]
pub struct EventReceiver(Receiver);

impl EventReceiver {
    /// Waits for the bytes of an event, of which there are at most [`MAX_EVENT`].
    pub fn recv(&self) -> Result<Vec<u8>, ReceiveError> {
        self.0.recv(MAX_EVENT, || {})
    }
}
