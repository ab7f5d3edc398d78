//! The host's side of `gpu-daemon broker`: workers for a process that can start no processes.

use std::{
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    ptr,
    sync::Arc,
    thread,
};

use super::{ConnectError, Connection, Lifeline, Link, environment, lifeline::wait_briefly, open, plain};
use crate::descriptors;

/// A broker that runs. It ends, with its workers, when this value and all connections that came from it are gone.
#[derive(Debug)]
pub struct Broker {
    program: PathBuf,
    /// `None` only while it is dropped.
    requests: Option<UnixStream>,
    child: Option<Child>,
}

impl Broker {
    /// Starts the broker, from the worker's program. The arguments are those of a worker, and every worker has them.
    pub fn start(program: PathBuf, arguments: &[String]) -> Result<Self, ConnectError> {
        let failed = |error| ConnectError::Spawn { path: program.display().to_string(), cause: plain(&error) };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let mut command = Command::new(&program);
        // It hands its environment on to its workers, and needs no more of it than they.
        environment::restrict(&mut command);
        command.arg("broker").args(arguments).stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null());
        let child = command.spawn().map_err(failed)?;
        Ok(Self { program, requests: Some(ours), child: Some(child) })
    }

    /// The worker's program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Has it start a worker, and opens a session with that. It makes no process and no file.
    pub(super) fn connect(self: &Arc<Self>) -> Result<Connection, ConnectError> {
        let who = self.program.display().to_string();
        let failed = |error| ConnectError::Broker { path: who.clone(), cause: plain(&error) };
        let (link, theirs) = Link::pair().map_err(failed)?;
        match &self.requests {
            Some(requests) => descriptors::send(requests, theirs.as_fd()).map_err(failed)?,
            None => return Err(failed(std::io::ErrorKind::NotConnected.into())),
        }
        // The worker's end is the broker's and the worker's alone: it is seen to end when they are gone.
        drop(theirs);
        let channels = open(&link, &who)?;
        Ok(Connection { channels, life: Lifeline::of_broker(link, Arc::clone(self)) })
    }
}

impl PartialEq for Broker {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }
}

impl Eq for Broker {}

impl Drop for Broker {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(mut child) = self.child.take()
            && wait_briefly(&mut child).is_none()
        {
            thread::spawn(move || child.wait());
        }
    }
}
