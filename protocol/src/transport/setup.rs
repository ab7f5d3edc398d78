//! Connects client and worker of a session.

use std::io;
#[cfg(target_os = "linux")]
use std::{
    os::fd::AsFd,
    sync::{Arc, Mutex},
};

#[cfg(not(target_os = "linux"))]
use ipc_channel::ipc::IpcSharedMemory;
use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcSender};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::platform::Link;
#[cfg(target_os = "linux")]
use crate::{
    limits::HELLO_TIMEOUT,
    platform::descriptors::{self, DescriptorError},
};

#[cfg(target_os = "linux")]
use super::bulk;
use super::{
    channel,
    ends::{BatchReceiver, BatchSender, EventEnd, EventReceiver, EventSender, Receiver, Sender},
    local,
    memory::{self, MemoryError},
    ring::{RingReader, RingWriter},
};

/// The message of a client to the worker's server: the worker's ends of the channels, and the ring where memory cannot be
/// sealed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bootstrap {
    commands: IpcBytesReceiver,
    events: IpcBytesSender,
    #[cfg(not(target_os = "linux"))]
    ring: IpcSharedMemory,
}

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
    /// The client went away before it sent the ring.
    #[error("the client is gone")]
    NoClient,
    /// The ring did not arrive.
    #[cfg(target_os = "linux")]
    #[error("the client sends no ring: {0}")]
    NoRing(#[source] DescriptorError),
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

/// Connects a client to the worker whose server has this name. The ring is sent over the connection on which the
/// worker announced the name.
pub fn connect(server: String, link: &Link) -> Result<ClientChannels, TransportError> {
    let (batches, commands) = ipc::bytes_channel().map_err(TransportError::Channel)?;
    let (events, replies) = ipc::bytes_channel().map_err(TransportError::Channel)?;
    #[cfg(target_os = "linux")]
    let (memory::Shared { commands: memory, events: event_ring, count }, bootstrap) = {
        let (memory, file) = memory::Shared::create().map_err(TransportError::Channel)?;
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
    let receiver = channel::Interruptible::new(channel::Receiver::new(replies)).map_err(TransportError::Channel)?;
    let events = EventReceiver {
        receiver: EventEnd::Process(receiver),
        #[cfg(target_os = "linux")]
        bulk: Some(Mutex::new(bulk::Receiver::new(RingReader::rewinding(event_ring), count))),
    };
    let commands = BatchSender(Sender::Process(channel::Sender::new(batches)));
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

/// The ring as the worker got it over its connection. Where memory cannot be sealed it comes with the [`Bootstrap`], and
/// this is empty.
#[derive(Debug)]
pub struct ReceivedRing {
    #[cfg(target_os = "linux")]
    memory: memory::SharedPeer,
}

impl ReceivedRing {
    /// Receives the ring over standard input, which is the worker's connection, and checks it. It must be the
    /// first read there after the hello line was written: another reader would lose the descriptor.
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
        Ok(Self { memory: memory::SharedPeer::open(file)? })
    }

    /// See [`ReceivedRing`].
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

    /// Waits for the client.
    pub fn accept(self, ring: ReceivedRing) -> Result<DaemonChannels, TransportError> {
        let (_, bootstrap) = self.server.accept().map_err(|error| TransportError::Broken(error.to_string()))?;
        #[cfg(target_os = "linux")]
        let memory::SharedPeer { commands: memory, events: event_ring, count } = ring.memory;
        #[cfg(not(target_os = "linux"))]
        let memory = {
            let ReceivedRing {} = ring;
            memory::ReadMemory::open(bootstrap.ring)?
        };
        Ok(DaemonChannels {
            commands: BatchReceiver(Receiver::Process(channel::Receiver::new(bootstrap.commands))),
            events: EventSender {
                sender: Sender::Process(channel::Sender::new(bootstrap.events)),
                #[cfg(target_os = "linux")]
                bulk: Some(Arc::new(Mutex::new(bulk::Sender::new(RingWriter::new(event_ring), count)))),
            },
            ring: RingReader::new(memory),
        })
    }
}
