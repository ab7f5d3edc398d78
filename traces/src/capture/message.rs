//! Options of a recording, and the messages to the recorder's thread.

use std::{path::PathBuf, time::Duration};

use airlock_protocol::ids::RequestId;

use crate::file::{format::Body, header::Header};

/// Maximum time for which messages stay in memory.
pub const WINDOW: Duration = Duration::from_millis(50);

/// The durability of a batch before it is sent to the daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Passed to the writing thread: survives a crash of the daemon, and one of the host except for the last window.
    #[default]
    Window,
    /// Written: survives a crash of the host.
    Batch,
    /// On the disk: survives a crash of the machine.
    Disk,
}

/// Options of a recording.
#[derive(Clone, Debug)]
pub struct Options {
    /// The trace.
    pub path: PathBuf,
    /// Its header.
    pub header: Header,
    /// Maximum length of the file in bytes; the recording stops when it is reached, and the run goes on.
    pub limit: Option<u64>,
    /// See [`WINDOW`].
    pub window: Duration,
    /// See [`Durability`].
    pub durability: Durability,
    /// Keep the bytes of every readback, not only of the short ones.
    pub readback_bytes: bool,
}

impl Options {
    /// The default options.
    pub fn new(path: PathBuf, header: Header) -> Self {
        Self { path, header, limit: None, window: WINDOW, durability: Durability::Window, readback_bytes: false }
    }
}

/// Reports problems of a recording to the user, an incomplete recording at most once.
pub type Notice = Box<dyn FnMut(&str) + Send>;

/// The consumer of recorded messages, on the recorder's thread.
pub(crate) trait Consumer: Send {
    /// Processes a message. False ends the recording; the run goes on.
    fn message(&mut self, message: Message) -> bool;
    /// Writes the messages that are older than the window, or all.
    fn settle(&mut self, everything: bool) -> bool;
    /// Ends the recording with the run.
    fn finish(self: Box<Self>);
}

/// A message to the recorder's thread.
#[derive(Debug)]
pub(crate) struct Message {
    pub session: u32,
    /// Nanoseconds since the recording began.
    pub time: u64,
    pub what: Said,
}

/// The contents of a [`Message`].
#[derive(Debug)]
pub(crate) enum Said {
    Body(Body),
    /// Bulk data, put into the ring at `start`.
    Piece {
        start: u64,
        bytes: Vec<u8>,
    },
    /// A piece of the contents that a map returns.
    MapData {
        request: RequestId,
        bytes: Vec<u8>,
    },
    /// A request for a trace of the last submits.
    Snapshot,
}

impl Said {
    /// Bytes that the message holds, itself included: a worker may send any number of events of two bytes.
    pub(super) fn weight(&self) -> usize {
        size_of::<Message>().saturating_add(self.payload())
    }

    /// Bytes of its payload.
    pub(super) fn payload(&self) -> usize {
        match self {
            Said::Body(Body::Batch(bytes) | Body::Event(bytes)) => bytes.len(),
            Said::Piece { bytes, .. } | Said::MapData { bytes, .. } => bytes.len(),
            Said::Body(_) | Said::Snapshot => 0,
        }
    }
}
