//! The client of `gpu-daemon broker`: workers for a process that can start no processes.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    ptr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use super::{
    environment,
    error::{ConnectError, plain},
    helper::Helper,
    open::{Connection, open},
    worker_handle::WorkerHandle,
};
use crate::{limits::HELLO_TIMEOUT, platform::Link};

/// Variables with the paths of a user's cache folders.
const CACHE_PLACES: &[&str] = &["HOME", "XDG_CACHE_HOME"];

/// A running broker. It exits, with its workers, when this value and all connections from it are dropped.
#[derive(Debug)]
pub struct Broker {
    program: PathBuf,
    helper: Helper,
    /// A worker that was requested in advance, and the time of the request.
    first: Mutex<Option<(Link, Instant)>>,
}

impl Broker {
    /// Starts the broker from the worker's program and requests a first worker in advance, which is ready sooner then.
    /// Every worker is started with the arguments.
    pub fn start(program: PathBuf, arguments: &[String]) -> Result<Self, ConnectError> {
        let failed = |error| ConnectError::Spawn { path: program.display().to_string(), cause: plain(&error) };
        let mut command = Command::new(&program);
        // Its workers inherit its environment without the places of caches, and it needs no other variables.
        environment::restrict(&mut command);
        command.envs(CACHE_PLACES.iter().filter_map(|&name| Some((name, env::var_os(name)?))));
        command.arg("broker").args(arguments);
        let helper = Helper::start(command).map_err(failed)?;
        let mut broker = Self { program, helper, first: Mutex::default() };
        // A failure is reported by the next connection.
        broker.first = Mutex::new(broker.order().ok().map(|link| (link, Instant::now())));
        Ok(broker)
    }

    /// The worker's program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Requests a worker, without making a process or a file here. Only broker and worker hold the other end of the
    /// connection, so that their exit closes it.
    fn order(&self) -> Result<Link, ConnectError> {
        let failed = |error| ConnectError::Broker { path: self.program.display().to_string(), cause: plain(&error) };
        let (link, theirs) = Link::pair().map_err(failed)?;
        self.helper.request(&theirs).map_err(failed)?;
        Ok(link)
    }

    /// Opens a session with the first worker, or with a new one.
    pub(super) fn connect(self: &Arc<Self>) -> Result<Connection, ConnectError> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let link = match first {
            // A worker's wait for its client times out.
            Some((link, since)) if since.elapsed() < HELLO_TIMEOUT / 2 => link,
            _ => self.order()?,
        };
        let channels = open(&link, &self.program.display().to_string())?;
        let broker: Arc<Self> = Arc::clone(self);
        Ok(Connection { channels, worker: WorkerHandle::of_broker(link, broker) })
    }
}

impl PartialEq for Broker {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }
}

impl Eq for Broker {}
