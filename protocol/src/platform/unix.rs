//! Unix: a connection is a stream socket, for a child process as for a worker of a server.

use std::{
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{handshake::Ended, limits::MAX_HELLO};

/// The client's end of a connection. The other end is the worker's standard input and output, and its end is the end of
/// the worker.
#[derive(Debug)]
pub struct Link(UnixStream);

impl Link {
    /// Both ends of a connection: the client's, and the one that becomes a worker's standard input and output. Neither
    /// is inherited by a process unless it is passed to it.
    pub fn pair() -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        Ok((Self(ours), theirs))
    }

    pub(crate) fn connect(path: &Path) -> io::Result<Self> {
        UnixStream::connect(path).map(Self)
    }

    /// Reads to the end of a line, at most [`MAX_HELLO`] bytes and for at most `wait`. It reads one byte at a time, so
    /// that the bytes after the line stay in the socket. The line is empty when the other end is closed.
    pub(crate) fn line(&self, wait: Duration) -> io::Result<String> {
        let deadline = Instant::now() + wait;
        let mut line = Vec::new();
        let mut byte = [0];
        while line.len() < MAX_HELLO && self.read(&mut byte, deadline)? == 1 && byte != *b"\n" {
            line.extend(byte);
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// Reads the last line of a connection; `None` when none arrives within `wait`. Other lines may precede it, because
    /// a worker can write to its connection until it ends. Both the time and the bytes are bounded.
    pub(crate) fn ended(&self, wait: Duration) -> Option<Ended> {
        let deadline = Instant::now() + wait;
        let mut said = Vec::new();
        let mut bytes = [0; 256];
        while said.len() < MAX_HELLO {
            match self.read(&mut bytes, deadline) {
                Ok(length @ 1..) => said.extend_from_slice(bytes.get(..length).unwrap_or_default()),
                _ => break,
            }
        }
        let said = String::from_utf8_lossy(&said);
        said.lines().next_back().and_then(Ended::parse)
    }

    fn read(&self, to: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.0.set_read_timeout(Some(left))?;
            match (&self.0).read(to) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl From<UnixStream> for Link {
    fn from(stream: UnixStream) -> Self {
        Self(stream)
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Starts a program with a connection as its standard input and output. It consumes the command, which holds the
/// program's end of the connection: otherwise the connection would not end with the program.
pub(crate) fn start(mut command: Command) -> io::Result<(Child, Link)> {
    let (ours, theirs) = Link::pair()?;
    let theirs = OwnedFd::from(theirs);
    let child = command.stdin(Stdio::from(theirs.try_clone()?)).stdout(Stdio::from(theirs)).spawn()?;
    Ok((child, ours))
}
