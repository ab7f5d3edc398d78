//! Finding and starting the GPU's process, for everyone who is a client of it: the Wasm host and the replayer.

#[cfg(target_os = "linux")]
mod broker;
pub mod environment;
mod folder;
mod lifeline;

use std::{
    env, fmt, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

#[cfg(target_os = "linux")]
use std::sync::Arc;

use thiserror::Error;

use crate::{
    handshake::{Ended, Hello, HelloError},
    limits::HELLO_TIMEOUT,
    output::Relay,
    platform,
    transport::{self, ClientChannels, DaemonChannels, TransportError},
};

#[cfg(target_os = "linux")]
pub use broker::Broker;
pub use folder::{FOLDER_PREFIX, Folder};
use lifeline::EXIT_STATUS_WAIT;
pub use lifeline::Lifeline;
pub use platform::Link;

/// The worker's program.
pub const DAEMON_NAME: &str = if cfg!(windows) { "gpu-daemon.exe" } else { "gpu-daemon" };

/// The variable that names the worker's program where it is neither beside the executable nor on `PATH`.
pub const DAEMON_VARIABLE: &str = "AIRLOCK_GPU_DAEMON";

/// Where a session's worker comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Daemon {
    /// A worker of one's own.
    Spawn {
        /// Its program.
        program: PathBuf,
        /// What it is told beside that it is a worker.
        arguments: Vec<String>,
    },
    /// A worker from `gpu-daemon serve`, behind this socket.
    Socket(PathBuf),
    /// A worker from a broker that this process has started, for when it can start no processes any more.
    #[cfg(target_os = "linux")]
    Broker(Arc<Broker>),
}

/// Why there is no session.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// There is no worker's program.
    #[error(
        "no {DAEMON_NAME} beside this program or on PATH, and {DAEMON_VARIABLE} is not set: build it with `cargo build \
         --release -p gpu-daemon`, or use --daemon"
    )]
    NoDaemon,
    /// The worker's program does not start.
    #[error("cannot start {path}: {cause}")]
    Spawn {
        /// The program.
        path: String,
        /// What the system says, in plain words.
        cause: String,
    },
    /// The socket takes no connection.
    #[error("cannot connect to the GPU daemon at {path}: {cause}")]
    Socket {
        /// The socket.
        path: String,
        /// What the system says, in plain words.
        cause: String,
    },
    /// The broker takes no request.
    #[cfg(target_os = "linux")]
    #[error("the broker of {path} starts no worker: {cause}")]
    Broker {
        /// The worker's program.
        path: String,
        /// What the system says, in plain words.
        cause: String,
    },
    /// The worker ended or fell silent before its first line.
    #[error("the GPU daemon {who} says nothing: {cause}")]
    Silent {
        /// Which one.
        who: String,
        /// What happened.
        cause: String,
    },
    /// The worker ended after its first line. Its drivers start early, and may end it.
    #[error("the GPU daemon {who} ended while the session was set up: {how}")]
    Ended {
        /// Which one.
        who: String,
        /// How.
        how: String,
    },
    /// The two programs do not fit.
    #[error("cannot use the GPU daemon {who}: {cause}")]
    Hello {
        /// Which one.
        who: String,
        /// Why.
        cause: HelloError,
    },
    /// The channels could not be made.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// A worker, connected.
#[derive(Debug)]
pub struct Connection {
    /// What crosses.
    pub channels: ClientChannels,
    /// Ends the worker when it is dropped or cut.
    pub life: Lifeline,
}

impl Connection {
    /// A connection within this process, and its other side. See [`transport::in_memory`].
    pub fn in_memory(room: usize) -> Result<(Self, DaemonChannels), TransportError> {
        let (channels, daemon) = transport::in_memory(room)?;
        Ok((Self { channels, life: Lifeline::of_memory() }, daemon))
    }
}

/// Why a session is over that its client closed.
pub const CLOSED: &str = "the session is closed";

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

    /// The same workers, started by a broker that is started now: the caller may give up its right to start processes
    /// then. What needs no process of the caller's stays as it is, and so does everything where there is no broker.
    pub fn brokered(self) -> Result<Self, ConnectError> {
        match self {
            #[cfg(target_os = "linux")]
            Daemon::Spawn { program, arguments } => Ok(Daemon::Broker(Arc::new(Broker::start(program, &arguments)?))),
            other => Ok(other),
        }
    }

    /// Starts a worker and opens a session with it. Waits for the worker's first line, at most [`HELLO_TIMEOUT`].
    pub fn connect(&self) -> Result<Connection, ConnectError> {
        match self {
            Daemon::Spawn { program, arguments } => spawn(program, arguments),
            Daemon::Socket(path) => {
                let failed = |error| ConnectError::Socket { path: path.display().to_string(), cause: plain(&error) };
                let link = Link::connect(path).map_err(failed)?;
                let channels = open(&link, &format!("at {}", path.display()))?;
                Ok(Connection { channels, life: Lifeline::of_link(link) })
            }
            #[cfg(target_os = "linux")]
            Daemon::Broker(broker) => broker.connect(),
        }
    }
}

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Daemon::Spawn { program: path, .. } | Daemon::Socket(path) => path.display().fmt(f),
            #[cfg(target_os = "linux")]
            Daemon::Broker(broker) => broker.program().display().fmt(f),
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
    let mut life = Lifeline::of_child(child, link, output);
    match opened {
        // The worker's server has the client: its socket's file is of no more use, and the folder is removed here.
        Ok(channels) => Ok(Connection { channels, life }),
        Err(error) => {
            // One that ended by itself has an exit status; the others are ended here, before the folder is removed, so
            // that nothing is left running or made in it.
            let error = match error {
                ConnectError::Silent { who, cause } => {
                    let cause = life.exit().map_or(cause, |ended| ended.to_string());
                    ConnectError::Silent { who, cause }
                }
                ConnectError::Transport(error) => match life.exit() {
                    Some(ended) => ConnectError::Ended { who, how: ended.to_string() },
                    None => error.into(),
                },
                error => error,
            };
            life.cut();
            Err(error)
        }
    }
}

/// Opens a session over a connection: waits for the worker's hello line, at most [`HELLO_TIMEOUT`] long, and sends the
/// ring and the channels. `who` names the worker in errors.
pub fn open(link: &Link, who: &str) -> Result<ClientChannels, ConnectError> {
    let silent = |cause| ConnectError::Silent { who: who.to_owned(), cause };
    let line = link.line(HELLO_TIMEOUT).map_err(|error| match error.kind() {
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

/// An error without the number that Rust appends.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::ConnectionRefused => "nobody serves it".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or_default().to_owned()
        }
    }
}
