//! A helper process that takes descriptors as requests.

use std::{
    io::{self, ErrorKind},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    process::{Child, Command, Stdio},
};

use super::worker_handle::reap;
use crate::platform::descriptors;

/// A helper process, with the socket of its requests as its standard input. It exits when this value is dropped.
#[derive(Debug)]
pub(super) struct Helper {
    /// `None` only during the drop.
    requests: Option<UnixStream>,
    child: Option<Child>,
}

impl Helper {
    /// Starts the process. The command is consumed because it holds a clone of the socket.
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let child = command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).spawn()?;
        Ok(Self { requests: Some(ours), child: Some(child) })
    }

    /// Sends a request.
    pub(super) fn request(&self, descriptor: impl AsFd) -> io::Result<()> {
        match &self.requests {
            Some(requests) => descriptors::send(requests, descriptor.as_fd()),
            None => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// A helper on a thread of a test.
    #[cfg(test)]
    pub(super) fn over(requests: UnixStream) -> Self {
        Self { requests: Some(requests), child: None }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(child) = self.child.take() {
            reap(child);
        }
    }
}
