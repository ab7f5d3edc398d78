//! Connects client and worker of a session.

use std::io;
#[cfg(target_os = "linux")]
use std::{
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex},
};

#[cfg(not(target_os = "linux"))]
use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender, IpcSharedMemory};
use ipc_channel::ipc::{IpcOneShotServer, IpcSender};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::platform::Link;
#[cfg(target_os = "linux")]
use crate::{
    limits::HELLO_TIMEOUT,
    platform::descriptors::{self, DescriptorError},
};

#[cfg(target_os = "linux")]
use super::{bulk, queue};
use super::{
    channel,
    ends::{BatchReceiver, BatchSender, EventEnd, EventReceiver, EventSender, Receiver, Sender},
    local,
    memory::{self, MemoryError},
    ring::{RingReader, RingWriter},
};

/// The message to the worker's one-shot server. Elsewhere than on Linux the client sends it, with the ring and the channels.
///
/// On Linux these cross as descriptors on the connection of the hello line, and the worker sends the message to itself when it has
/// them: a client then needs neither `socket` nor `connect`, which the host's jail denies. The worker sends a client no descriptor
/// in return: descriptors in flight count for the user who sends them, and clients that do not receive theirs would
/// exhaust the count (`ETOOMANYREFS`) for all workers of a server.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bootstrap {
    /// `complete`: other messages are refused.
    #[cfg(target_os = "linux")]
    marker: [u8; 8],
    #[cfg(not(target_os = "linux"))]
    commands: IpcBytesReceiver,
    #[cfg(not(target_os = "linux"))]
    events: IpcBytesSender,
    #[cfg(not(target_os = "linux"))]
    ring: IpcSharedMemory,
}

/// The bytes of a [`Bootstrap`], as ipc-channel writes it.
#[cfg(target_os = "linux")]
const MARKER: [u8; 8] = *b"complete";

/// A failure to connect client and worker.
#[derive(Debug, Error)]
pub enum TransportError {
    /// The system cannot make a channel.
    #[error("cannot make a channel: {0}")]
    Channel(#[source] io::Error),
    /// The worker cannot be reached.
    #[error("cannot connect to the worker: {0}")]
    Connect(#[source] io::Error),
    /// The worker names no server to connect to.
    #[cfg(not(target_os = "linux"))]
    #[error("the worker names no server")]
    NoServer,
    /// The other side went away during the exchange.
    #[error("the connection broke while the session was set up: {0}")]
    Broken(String),
    /// The client went away before it sent the ring and the channels.
    #[error("the client is gone")]
    NoClient,
    /// The ring did not arrive.
    #[cfg(target_os = "linux")]
    #[error("the client sends no ring: {0}")]
    NoRing(#[source] DescriptorError),
    /// A channel did not arrive.
    #[cfg(target_os = "linux")]
    #[error("the client sends no channel: {0}")]
    NoChannel(#[source] DescriptorError),
    /// A descriptor that arrived as a channel is another one.
    #[cfg(target_os = "linux")]
    #[error("the client sends no channel: {0}")]
    WrongChannel(#[source] io::Error),
    /// The ring is invalid.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// The client's side of a session.
#[derive(Debug)]
pub struct ClientChannels {
    /// Sends batches.
    pub commands: BatchSender,
    /// Receives events.
    pub events: EventReceiver,
    /// Sends bulk data.
    pub ring: RingWriter,
}

/// The daemon's side of a session.
#[derive(Debug)]
pub struct DaemonChannels {
    /// Receives batches.
    pub commands: BatchReceiver,
    /// Sends events.
    pub events: EventSender,
    /// Receives bulk data.
    pub ring: RingReader,
}

/// Connects a client to a worker. On Linux the ring and the worker's ends of the channels cross on `link`, the connection of the
/// hello line, and no `server` is connected to.
pub fn connect(server: Option<String>, link: &Link) -> Result<ClientChannels, TransportError> {
    #[cfg(target_os = "linux")]
    let (batches, replies, memory, bulk) = {
        let _ = server;
        let (memory::Shared { commands, events, batch_queue, event_queue, ours, theirs }, file) =
            memory::Shared::create().map_err(TransportError::Channel)?;
        descriptors::send(link, file.as_fd()).map_err(TransportError::Connect)?;
        let batches = channel::pair(link).map_err(TransportError::Connect)?;
        let replies = channel::pair(link).map_err(TransportError::Connect)?;
        let batches = channel::Sender::new(batches, queue::Writer::new(batch_queue, ours.clone(), theirs.clone()));
        let reader = queue::Reader::new(event_queue, ours.clone(), theirs);
        let replies = channel::Receiver::new(replies, reader, ours.clone());
        let bulk = bulk::Receiver::new(RingReader::rewinding(events), ours);
        (batches, replies, commands, Some(Mutex::new(bulk)))
    };
    #[cfg(not(target_os = "linux"))]
    let (batches, replies, memory) = {
        let _ = link;
        let (batches, commands) = ipc::bytes_channel().map_err(TransportError::Channel)?;
        let (events, replies) = ipc::bytes_channel().map_err(TransportError::Channel)?;
        let (memory, ring) = memory::WriteMemory::create();
        let server = server.ok_or(TransportError::NoServer)?;
        let server = IpcSender::<Bootstrap>::connect(server).map_err(TransportError::Connect)?;
        let bootstrap = Bootstrap { commands, events, ring };
        server.send(bootstrap).map_err(|error| TransportError::Broken(error.to_string()))?;
        (channel::Sender::new(batches), channel::Receiver::new(replies), memory)
    };
    let receiver = channel::Interruptible::new(replies).map_err(TransportError::Channel)?;
    let events = EventReceiver {
        receiver: EventEnd::Process(receiver),
        #[cfg(target_os = "linux")]
        bulk,
    };
    let commands = BatchSender(Sender::Process(batches));
    Ok(ClientChannels { commands, events, ring: RingWriter::new(memory) })
}

/// Both sides of a session within one process: no worker, no socket. `room` bounds the bytes of batches that wait for the
/// daemon's side, and of events for the client's; long data takes a ring as between processes.
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
        let next = |refusal: fn(DescriptorError) -> TransportError| {
            descriptors::receive(&connection, Some(HELLO_TIMEOUT)).map_err(|error| match error {
                DescriptorError::Ended => TransportError::NoClient,
                error => refusal(error),
            })
        };
        let memory = memory::SharedPeer::open(next(TransportError::NoRing)?)?;
        let channel = || channel::check(next(TransportError::NoChannel)?).map_err(TransportError::WrongChannel);
        Ok(Self { memory, commands: channel()?, events: channel()? })
    }

    /// See [`HandedOver`].
    #[cfg(not(target_os = "linux"))]
    pub fn from_stdin() -> Result<Self, TransportError> {
        Ok(Self {})
    }
}

/// A worker's listener for its one client.
pub struct Listener {
    server: IpcOneShotServer<Bootstrap>,
    name: String,
    /// The server's only connection.
    #[cfg(target_os = "linux")]
    own: IpcSender<Bootstrap>,
}

impl Listener {
    /// Opens it. On Linux it is connected to here, before a jail denies that.
    pub fn new() -> Result<Self, TransportError> {
        let (server, name) = IpcOneShotServer::new().map_err(TransportError::Channel)?;
        Ok(Self {
            #[cfg(target_os = "linux")]
            own: IpcSender::connect(name.clone()).map_err(TransportError::Connect)?,
            server,
            name,
        })
    }

    /// The path of its socket where there is one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name to put into the hello line.
    pub fn told(&self) -> Option<String> {
        cfg!(not(target_os = "linux")).then(|| self.name.clone())
    }

    /// Waits for the [`Bootstrap`], which is this process's own on Linux.
    pub fn accept(self, handed_over: HandedOver) -> Result<DaemonChannels, TransportError> {
        #[cfg(target_os = "linux")]
        self.own.send(Bootstrap { marker: MARKER }).map_err(|error| TransportError::Broken(error.to_string()))?;
        let (_, bootstrap) = self.server.accept().map_err(|error| TransportError::Broken(error.to_string()))?;
        #[cfg(target_os = "linux")]
        let (memory, commands, events, bulk) = {
            if bootstrap.marker != MARKER {
                return Err(TransportError::Broken("the one-shot server's message is another one".to_owned()));
            }
            let HandedOver { memory: shared, commands, events } = handed_over;
            let memory::SharedPeer { commands: memory, events: ring, batch_queue, event_queue, ours, theirs } = shared;
            let reader = queue::Reader::new(batch_queue, ours.clone(), theirs.clone());
            let commands = channel::Receiver::new(commands, reader, ours.clone());
            let events = channel::Sender::new(events, queue::Writer::new(event_queue, ours, theirs.clone()));
            let bulk = bulk::Sender::new(RingWriter::new(ring), theirs);
            (memory, commands, events, Some(Arc::new(Mutex::new(bulk))))
        };
        #[cfg(not(target_os = "linux"))]
        let (memory, commands, events) = {
            let HandedOver {} = handed_over;
            let (commands, events) =
                (channel::Receiver::new(bootstrap.commands), channel::Sender::new(bootstrap.events));
            (memory::ReadMemory::open(bootstrap.ring)?, commands, events)
        };
        Ok(DaemonChannels {
            commands: BatchReceiver(Receiver::Process(commands)),
            events: EventSender {
                sender: Sender::Process(events),
                #[cfg(target_os = "linux")]
                bulk,
            },
            ring: RingReader::new(memory),
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::net::UnixStream;

    use rustix::net::{AddressFamily, RecvFlags, SocketAddrUnix, SocketFlags, SocketType, recv, send, socket_with};

    use super::*;

    /// Another process of the user can connect to a worker's server. It gets no answer, and what it sends is not read.
    #[test]
    fn a_one_shot_server_hears_its_own_process_only() {
        let listener = Listener::new().unwrap();
        assert_eq!(listener.told(), None);
        let intruder = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        rustix::net::connect(&intruder, &SocketAddrUnix::new(listener.name()).unwrap()).unwrap();
        send(&intruder, b"hello worker", rustix::net::SendFlags::empty()).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let client = connect(None, &Link::from(ours)).unwrap();
        let daemon = listener.accept(HandedOver::receive(theirs).unwrap()).unwrap();
        daemon.events.send(b"welcome").unwrap();
        assert_eq!(client.events.recv().unwrap(), b"welcome");
        let end = recv(&intruder, [0_u8; 8].as_mut_slice(), RecvFlags::empty());
        assert!(matches!(end, Err(_) | Ok((_, 0))), "{end:?}");
    }
}
