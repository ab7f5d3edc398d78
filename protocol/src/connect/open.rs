//! Opens a session over a worker's connection.

use std::io;

use crate::{
    handshake::{Ended, Hello},
    limits::{HELLO_TIMEOUT, MAX_WAITS},
    platform::Link,
    transport::{self, ClientChannels, DaemonChannels, TransportError},
};

use super::{
    error::{ConnectError, plain},
    worker_handle::{EXIT_STATUS_WAIT, WorkerHandle},
};

/// A session's channels and its worker.
#[derive(Debug)]
pub struct Connection {
    /// The client's side of the channels.
    pub channels: ClientChannels,
    /// Kills the worker when it is dropped.
    pub worker: WorkerHandle,
}

impl Connection {
    /// A connection within this process, and its other side. See [`transport::in_memory`].
    pub fn in_memory(room: usize) -> Result<(Self, DaemonChannels), TransportError> {
        let (channels, daemon) = transport::in_memory(room)?;
        Ok((Self { channels, worker: WorkerHandle::of_memory() }, daemon))
    }
}

/// Opens a session over a connection: waits for the worker's hello line, and sends the ring and the channels. The wait lasts
/// at most [`HELLO_TIMEOUT`], and as long again after each of at most [`MAX_WAITS`] lines `WAIT`. `who` names the worker in errors.
pub fn open(link: &Link, who: &str) -> Result<ClientChannels, ConnectError> {
    let silent = |cause| ConnectError::Silent { who: who.to_owned(), cause };
    let line = first_line(link, who).map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => silent(format!("no answer within {} seconds", HELLO_TIMEOUT.as_secs())),
        _ => silent(plain(&error)),
    })?;
    if line.is_empty() {
        return Err(silent("it ended at once".to_owned()));
    }
    if let Some(ended) = Ended::parse(&line) {
        return Err(silent(ended.to_string()));
    }
    let server = Hello::check(&line).map_err(|cause| ConnectError::Hello { who: who.to_owned(), cause })?;
    transport::connect(server, link).map_err(|error| match link.ended(EXIT_STATUS_WAIT) {
        Some(ended) => ConnectError::Ended { who: who.to_owned(), how: ended.to_string() },
        None => error.into(),
    })
}

/// The first line that does not ask to wait. That it waits is logged once: a wait may take minutes.
fn first_line(link: &Link, who: &str) -> io::Result<String> {
    for waits in 0..=MAX_WAITS {
        let line = link.line(HELLO_TIMEOUT)?;
        if !Hello::is_wait(&line) {
            return Ok(line);
        }
        if waits == 0 {
            tracing::warn!("the GPU daemon {who} starts workers for others first; waiting");
        }
    }
    Err(io::Error::other(format!("it asked to wait {MAX_WAITS} times")))
}
