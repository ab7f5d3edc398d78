//! The host's side of `gpu-daemon broker`: workers for a process that can start no processes.

use std::{
    env,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    ptr,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

use super::{ConnectError, Connection, Lifeline, Link, environment, lifeline::wait_briefly, open, plain};
use crate::{descriptors, limits::HELLO_TIMEOUT};

/// Variables that say where a user's caches are.
const CACHE_PLACES: &[&str] = &["HOME", "XDG_CACHE_HOME"];

/// A broker that runs. It ends, with its workers, when this value and all connections that came from it are gone.
#[derive(Debug)]
pub struct Broker {
    program: PathBuf,
    /// `None` only while it is dropped.
    requests: Option<UnixStream>,
    child: Option<Child>,
    /// The first worker, which is on its way before anybody asks for one, and since when.
    first: Mutex<Option<(Link, Instant)>>,
}

impl Broker {
    /// Starts the broker, from the worker's program, and has it start a first worker, which is ready sooner then. The
    /// arguments are those of a worker, and every worker has them.
    pub fn start(program: PathBuf, arguments: &[String]) -> Result<Self, ConnectError> {
        let failed = |error| ConnectError::Spawn { path: program.display().to_string(), cause: plain(&error) };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let mut command = Command::new(&program);
        // It hands its environment on to its workers, and needs no more of it than they, but for where caches are kept, which
        // they are not told.
        environment::restrict(&mut command);
        command.envs(CACHE_PLACES.iter().filter_map(|&name| Some((name, env::var_os(name)?))));
        command.arg("broker").args(arguments).stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null());
        let child = command.spawn().map_err(failed)?;
        let mut broker = Self { program, requests: Some(ours), child: Some(child), first: Mutex::default() };
        // Where it cannot be had, whoever connects is told.
        broker.first = Mutex::new(broker.order().ok().map(|link| (link, Instant::now())));
        Ok(broker)
    }

    /// The worker's program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Has it start a worker. It makes no process and no file. The worker's end of the connection is the broker's and the
    /// worker's alone: it is seen to end when they are gone.
    fn order(&self) -> Result<Link, ConnectError> {
        let failed = |error| ConnectError::Broker { path: self.program.display().to_string(), cause: plain(&error) };
        let (link, theirs) = Link::pair().map_err(failed)?;
        match &self.requests {
            Some(requests) => descriptors::send(requests, theirs.as_fd()).map_err(failed)?,
            None => return Err(failed(std::io::ErrorKind::NotConnected.into())),
        }
        Ok(link)
    }

    /// Opens a session with the first worker, or has another one started for it.
    pub(super) fn connect(self: &Arc<Self>) -> Result<Connection, ConnectError> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let link = match first {
            // It does not wait for a client for ever.
            Some((link, since)) if since.elapsed() < HELLO_TIMEOUT / 2 => link,
            _ => self.order()?,
        };
        let channels = open(&link, &self.program.display().to_string())?;
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
