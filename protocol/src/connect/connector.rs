//! Connections to the socket of `gpu-daemon serve`, for a process that can create no socket and connect to none.
//!
//! A connector is a process that was started before and connects for it. Each request is a descriptor, one end of a socket pair;
//! the connection is sent back on it as a descriptor, or the number of the system's error as bytes. A late answer therefore
//! belongs to no other request.

use std::{
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    ptr,
};

use rustix::net::{SendFlags, send};

use super::{
    error::{ConnectError, plain},
    helper::Helper,
    open::{Connection, open},
    worker_handle::WorkerHandle,
};
use crate::{
    limits::HELLO_TIMEOUT,
    platform::{
        Link,
        descriptors::{self, DescriptorError},
    },
};

/// A running connector. It exits when this value is dropped.
#[derive(Debug)]
pub struct Connector {
    path: PathBuf,
    helper: Helper,
}

impl Connector {
    /// Starts a connector to the socket at `path`. The command must be of a program that calls [`connect_for`] with this path.
    pub fn start(path: PathBuf, mut command: Command) -> Result<Self, ConnectError> {
        let failed = |error| ConnectError::Socket { path: path.display().to_string(), cause: plain(&error) };
        command.stderr(Stdio::null());
        let helper = Helper::start(command).map_err(failed)?;
        Ok(Self { path, helper })
    }

    /// The server's socket.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a session.
    pub(super) fn connect(&self) -> Result<Connection, ConnectError> {
        let link = self.link().map_err(|error| {
            let cause = match error {
                DescriptorError::System(error) => plain(&error),
                DescriptorError::Ended => "the process that connects has ended".to_owned(),
                error => error.to_string(),
            };
            ConnectError::Socket { path: self.path.display().to_string(), cause }
        })?;
        let channels = open(&link, &format!("at {}", self.path.display()))?;
        Ok(Connection { channels, worker: WorkerHandle::of_link(link) })
    }

    fn link(&self) -> Result<Link, DescriptorError> {
        let (mut answer, theirs) = UnixStream::pair()?;
        self.helper.request(&theirs)?;
        // Otherwise the answer would not end with the connector.
        drop(theirs);
        match descriptors::receive(&answer, Some(HELLO_TIMEOUT)) {
            Ok(connection) => Ok(UnixStream::from(connection).into()),
            // A byte without a descriptor precedes an error.
            Err(DescriptorError::Count { .. }) => {
                let mut number = [0; 4];
                answer.set_read_timeout(Some(HELLO_TIMEOUT))?;
                answer.read_exact(&mut number)?;
                Err(io::Error::from_raw_os_error(i32::from_ne_bytes(number)).into())
            }
            Err(error) => Err(error),
        }
    }
}

impl PartialEq for Connector {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }
}

impl Eq for Connector {}

/// The connector's process: answers the requests on standard input until its end. It reads nothing of a request but the
/// descriptor, and answers without blocking: whoever makes requests may be hostile.
pub fn connect_for(path: &Path) -> io::Result<()> {
    connect_for_each(path, io::stdin())
}

fn connect_for_each(path: &Path, requests: impl AsFd) -> io::Result<()> {
    loop {
        match descriptors::receive(&requests, None) {
            // A requester that takes no answer has none.
            Ok(to) => drop(answer(path, &to)),
            Err(DescriptorError::Ended) => return Ok(()),
            // A malformed request is consumed whole.
            Err(DescriptorError::Count { .. }) => {}
            Err(error) => return Err(io::Error::other(error)),
        }
    }
}

fn answer(path: &Path, to: &OwnedFd) -> io::Result<()> {
    match UnixStream::connect(path) {
        Ok(connection) => descriptors::send(to, connection.as_fd()),
        Err(error) => {
            let number = error.raw_os_error().unwrap_or(0).to_ne_bytes();
            let bytes = [&b"-"[..], &number].concat();
            send(to, &bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{ErrorKind, Write},
        os::unix::net::UnixListener,
        thread,
    };

    use super::*;

    /// A connector on a thread instead of a process.
    fn start(path: &Path, ours: UnixStream, theirs: UnixStream) -> Connector {
        let to = path.to_owned();
        thread::spawn(move || connect_for_each(&to, theirs));
        Connector { path: path.to_owned(), helper: Helper::over(ours) }
    }

    #[test]
    fn connections_and_errors_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let (ours, theirs) = UnixStream::pair().unwrap();
        let connector = start(&path, ours, theirs);
        let number = |error| match error {
            DescriptorError::System(error) => error.kind(),
            error => panic!("{error}"),
        };
        assert_eq!(number(connector.link().unwrap_err()), ErrorKind::NotFound);
        let listener = UnixListener::bind(&path).unwrap();
        let link = connector.link().unwrap();
        let (mut there, _) = listener.accept().unwrap();
        there.write_all(b"line\n").unwrap();
        assert_eq!(link.line(HELLO_TIMEOUT).unwrap(), "line");
        drop(listener);
        assert_eq!(number(connector.link().unwrap_err()), ErrorKind::ConnectionRefused);
        let said = connector.connect().unwrap_err().to_string();
        assert!(said.contains(&path.display().to_string()) && said.contains("nobody serves it"), "{said}");
    }

    #[test]
    fn malformed_requests_stop_no_connector() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _listener = UnixListener::bind(&path).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut requests = ours.try_clone().unwrap();
        let connector = start(&path, ours, theirs);
        requests.write_all(b"connect to /run/docker.sock\n").unwrap();
        // It cannot be written to.
        descriptors::send(&requests, File::open("/dev/null").unwrap().as_fd()).unwrap();
        // Its other end is closed.
        descriptors::send(&requests, UnixStream::pair().unwrap().0.as_fd()).unwrap();
        connector.link().unwrap();
    }

    #[test]
    fn a_connector_that_is_gone_is_an_error() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let connector = Connector { path: PathBuf::from("/nowhere"), helper: Helper::over(ours) };
        let ends = thread::spawn(move || drop(descriptors::receive(&theirs, None)));
        let said = connector.connect().unwrap_err().to_string();
        assert!(said.contains("has ended"), "{said}");
        ends.join().unwrap();
    }
}
