//! The source of workers: finds the program, starts workers, connects to them.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

#[cfg(target_os = "linux")]
use std::sync::Arc;

use crate::{
    output::Relay,
    platform::{self, Link},
};

#[cfg(target_os = "linux")]
use super::{broker::Broker, connector::Connector};
use super::{
    environment,
    error::{ConnectError, DAEMON_NAME, DAEMON_VARIABLE, plain},
    folder::Folder,
    open::{Connection, open},
    worker_handle::WorkerHandle,
};

/// A source of workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Daemon {
    /// Starts a worker as a child process.
    Spawn {
        /// Its program.
        program: PathBuf,
        /// Its arguments after `worker`.
        arguments: Vec<String>,
    },
    /// A worker from `gpu-daemon serve`, behind this socket.
    Socket(PathBuf),
    /// A worker from a broker that this process has started before it gave up its right to start processes.
    #[cfg(target_os = "linux")]
    Broker(Arc<Broker>),
    /// A worker from `gpu-daemon serve`, through a process that connects for one that cannot.
    #[cfg(target_os = "linux")]
    Connector(Arc<Connector>),
}

impl Daemon {
    /// The worker's program: beside the running executable, else on `PATH`, else from the variable.
    pub fn find() -> Result<Self, ConnectError> {
        let beside = env::current_exe().ok().and_then(|exe| exe.parent().map(|folder| folder.join(DAEMON_NAME)));
        let on_path = env::var_os("PATH")
            .into_iter()
            .flat_map(|path| env::split_paths(&path).map(|folder| folder.join(DAEMON_NAME)).collect::<Vec<_>>());
        beside
            .into_iter()
            .chain(on_path)
            .find(|candidate| candidate.is_file())
            .or_else(|| env::var_os(DAEMON_VARIABLE).map(PathBuf::from))
            .map(|program| Daemon::Spawn { program, arguments: Vec::new() })
            .ok_or(ConnectError::NoDaemon)
    }

    /// Starts a broker and returns it as the source of the same workers: the caller may then give up its right to start
    /// processes. Sources that start no process here are returned unchanged, as is every source on platforms without a
    /// broker.
    pub fn brokered(self) -> Result<Self, ConnectError> {
        match self {
            #[cfg(target_os = "linux")]
            Daemon::Spawn { program, arguments } => Ok(Daemon::Broker(Arc::new(Broker::start(program, &arguments)?))),
            other => Ok(other),
        }
    }

    /// Starts a worker and opens a session with it. Blocks until the worker's first line as [`open`](super::open()) does.
    pub fn connect(&self) -> Result<Connection, ConnectError> {
        match self {
            Daemon::Spawn { program, arguments } => spawn(program, arguments),
            Daemon::Socket(path) => {
                let failed = |error| ConnectError::Socket { path: path.display().to_string(), cause: plain(&error) };
                let link = Link::connect(path).map_err(failed)?;
                let channels = open(&link, &format!("at {}", path.display()))?;
                Ok(Connection { channels, worker: WorkerHandle::of_link(link) })
            }
            #[cfg(target_os = "linux")]
            Daemon::Broker(broker) => broker.connect(),
            #[cfg(target_os = "linux")]
            Daemon::Connector(connector) => connector.connect(),
        }
    }
}

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Daemon::Spawn { program: path, .. } | Daemon::Socket(path) => path.display().fmt(f),
            #[cfg(target_os = "linux")]
            Daemon::Broker(broker) => broker.program().display().fmt(f),
            #[cfg(target_os = "linux")]
            Daemon::Connector(connector) => connector.path().display().fmt(f),
        }
    }
}

fn spawn(program: &Path, arguments: &[String]) -> Result<Connection, ConnectError> {
    let who = program.display().to_string();
    let mut command = Command::new(program);
    command.arg("worker").args(arguments);
    environment::restrict(&mut command);
    let failed = |error| ConnectError::Spawn { path: who.clone(), cause: plain(&error) };
    let folder = Folder::new().map_err(failed)?;
    folder.give_to(&mut command);
    command.stderr(Stdio::piped());
    let (mut child, link) = platform::start(command).map_err(failed)?;
    let output = child.stderr.take().map(Relay::start);
    let opened = open(&link, &who);
    let mut worker = WorkerHandle::of_child(child, link, output);
    match opened {
        // The worker has accepted its client: the socket's file is not needed any more, and the folder is removed here.
        Ok(channels) => Ok(Connection { channels, worker }),
        Err(error) => {
            // A worker that has exited has a status; any other is killed here, before the folder is removed, so that it
            // cannot make files in it later.
            let error = match error {
                ConnectError::Silent { who, cause } => {
                    let cause = worker.exit().map_or(cause, |ended| ended.to_string());
                    ConnectError::Silent { who, cause }
                }
                ConnectError::Transport(error) => match worker.exit() {
                    Some(ended) => ConnectError::Ended { who, how: ended.to_string() },
                    None => error.into(),
                },
                error => error,
            };
            worker.kill();
            Err(error)
        }
    }
}
