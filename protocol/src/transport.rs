//! The channels of a session, over ipc-channel: batches one way, events the other, and the shared ring.
//!
//! ipc-channel's receivers trust their peer: bytes that no sender of its own would send can end the process that reads
//! them. That is why a worker serves one session only, and why `gpu-daemon serve` never reads from a client.

mod ring;

use std::io;

use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcSender, IpcSharedMemory};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits::RING_SIZE;

pub use ring::{RingError, RingReader, RingWriter, place as ring_place};

/// What a client sends first: its ends of the channels, and the ring.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bootstrap {
    commands: IpcBytesReceiver,
    events: IpcBytesSender,
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
    /// The ring is not the size that this version uses.
    #[error("the shared ring has {found} bytes, not {RING_SIZE}")]
    RingSize {
        /// Its size.
        found: usize,
    },
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

/// Connects a client to the worker whose server has this name.
pub fn connect(server: String) -> Result<ClientChannels, TransportError> {
    let (batches, commands) = ipc::bytes_channel().map_err(TransportError::Channel)?;
    let (events, replies) = ipc::bytes_channel().map_err(TransportError::Channel)?;
    let ring = IpcSharedMemory::from_byte(0, RING_SIZE as usize);
    let server = IpcSender::<Bootstrap>::connect(server).map_err(TransportError::Connect)?;
    server
        .send(Bootstrap { commands, events, ring: ring.clone() })
        .map_err(|error| TransportError::Broken(error.to_string()))?;
    Ok(ClientChannels { commands: BatchSender(batches), events: EventReceiver(replies), ring: RingWriter::new(ring) })
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
    pub fn accept(self) -> Result<DaemonChannels, TransportError> {
        let (_, bootstrap) = self.server.accept().map_err(|error| TransportError::Broken(error.to_string()))?;
        if bootstrap.ring.len() != RING_SIZE as usize {
            return Err(TransportError::RingSize { found: bootstrap.ring.len() });
        }
        Ok(DaemonChannels {
            commands: BatchReceiver(bootstrap.commands),
            events: EventSender(bootstrap.events),
            ring: RingReader::new(bootstrap.ring),
        })
    }
}

/// The other process is gone.
#[derive(Debug, Error)]
#[error("the other process closed the connection")]
pub struct Gone;

/// Sends batches. A full socket makes it wait: that is the stream's back-pressure.
#[derive(Debug)]
pub struct BatchSender(IpcBytesSender);

impl BatchSender {
    /// Sends the bytes of a batch.
    pub fn send(&self, batch: &[u8]) -> Result<(), Gone> {
        self.0.send(batch).map_err(|_| Gone)
    }
}

/// Receives batches.
#[derive(Debug)]
pub struct BatchReceiver(IpcBytesReceiver);

impl BatchReceiver {
    /// Waits for the bytes of a batch.
    pub fn recv(&self) -> Result<Vec<u8>, Gone> {
        self.0.recv().map_err(|_| Gone)
    }
}

/// Sends events.
#[derive(Clone, Debug)]
pub struct EventSender(IpcBytesSender);

impl EventSender {
    /// Sends the bytes of an event.
    pub fn send(&self, event: &[u8]) -> Result<(), Gone> {
        self.0.send(event).map_err(|_| Gone)
    }
}

/// Receives events.
#[derive(Debug)]
pub struct EventReceiver(IpcBytesReceiver);

impl EventReceiver {
    /// Waits for the bytes of an event.
    pub fn recv(&self) -> Result<Vec<u8>, Gone> {
        self.0.recv().map_err(|_| Gone)
    }
}
