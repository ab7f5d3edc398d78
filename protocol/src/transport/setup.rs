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

/// The client's message to the worker's one-shot server. On Linux the ring and the channels have crossed before, as
/// descriptors on the connection of the hello line, and the message only completes the set-up. Elsewhere they are in it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bootstrap {
    /// [`MARKER`]: other messages are refused.
    #[cfg(target_os = "linux")]
    marker: [u8; 8],
    #[cfg(not(target_os = "linux"))]
    commands: IpcBytesReceiver,
    #[cfg(not(target_os = "linux"))]
    events: IpcBytesSender,
    #[cfg(not(target_os = "linux"))]
    ring: IpcSharedMemory,
}

/// The bytes of a [`Bootstrap`] on Linux, as ipc-channel writes it.
#[cfg(target_os = "linux")]
pub const MARKER: [u8; 8] = *b"complete";

/// A failure to connect client and worker.
#[derive(Debug, Error)]
pub enum TransportError {
    /// The system cannot make a channel.
    #[error("cannot make a channel: {0}")]
    Channel(#[source] io::Error),
    /// The worker's server cannot be reached.
    #[error("cannot connect to the worker: {0}")]
    Connect(#[source] io::Error),
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

/// Connects a client to the worker with this server name. On Linux the ring and the worker's ends of the channels cross on
/// `link`, the connection of the hello line.
pub fn connect(server: String, link: &Link) -> Result<ClientChannels, TransportError> {
    #[cfg(target_os = "linux")]
    let (batches, replies, memory, bulk, bootstrap) = {
        let (memory::Shared { commands, events, batch_queue, event_queue, ours, theirs }, file) =
            memory::Shared::create().map_err(TransportError::Channel)?;
        descriptors::send(link, file.as_fd()).map_err(TransportError::Connect)?;
        let batches = channel::pair(link).map_err(TransportError::Connect)?;
        let replies = channel::pair(link).map_err(TransportError::Connect)?;
        let batches = channel::Sender::new(batches, queue::Writer::new(batch_queue, ours.clone(), theirs.clone()));
        let reader = queue::Reader::new(event_queue, ours.clone(), theirs);
        let replies = channel::Receiver::new(replies, reader, ours.clone());
        let bulk = bulk::Receiver::new(RingReader::rewinding(events), ours);
        (batches, replies, commands, Some(Mutex::new(bulk)), Bootstrap { marker: MARKER })
    };
    #[cfg(not(target_os = "linux"))]
    let (batches, replies, memory, bootstrap) = {
        let _ = link;
        let (batches, commands) = ipc::bytes_channel().map_err(TransportError::Channel)?;
        let (events, replies) = ipc::bytes_channel().map_err(TransportError::Channel)?;
        let (memory, ring) = memory::WriteMemory::create();
        let (batches, replies) = (channel::Sender::new(batches), channel::Receiver::new(replies));
        (batches, replies, memory, Bootstrap { commands, events, ring })
    };
    let server = IpcSender::<Bootstrap>::connect(server).map_err(TransportError::Connect)?;
    server.send(bootstrap).map_err(|error| TransportError::Broken(error.to_string()))?;
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
            if bootstrap.marker != MARKER {
                return Err(TransportError::Broken("the client's last message is another one".to_owned()));
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
