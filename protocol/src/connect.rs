//! Finding and starting the GPU's process, for everyone who is a client of it: the Wasm host and the replayer.

use std::{
    env, fmt,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use thiserror::Error;

use crate::{
    handshake::{Hello, HelloError},
    limits::{HELLO_TIMEOUT, MAX_HELLO},
    platform,
    transport::{self, ClientChannels, TransportError},
};

/// The worker's program.
pub const DAEMON_NAME: &str = if cfg!(windows) { "gpu-daemon.exe" } else { "gpu-daemon" };

/// The variable that names the worker's program where it is neither beside the executable nor on `PATH`.
pub const DAEMON_VARIABLE: &str = "AIRLOCK_GPU_DAEMON";

/// Where a session's worker comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Daemon {
    /// A worker of one's own, spawned from this program.
    Spawn(PathBuf),
    /// A worker from `gpu-daemon serve`, behind this socket.
    Socket(PathBuf),
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
    /// The worker ended or fell silent before its first line.
    #[error("the GPU daemon {who} says nothing: {cause}")]
    Silent {
        /// Which one.
        who: String,
        /// What happened.
        cause: String,
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

/// Why a session is over that its client closed.
pub const CLOSED: &str = "the session is closed";

/// Holds the worker: its standard input ends with this value, and the worker with it.
#[derive(Debug)]
pub struct Lifeline(Life);

#[derive(Debug)]
enum Life {
    /// Our own child, whose end can be explained.
    Child(Child),
    /// A connection to `serve`.
    Socket(#[allow(dead_code)] platform::DaemonSocket),
    /// It is over.
    Cut,
}

impl Lifeline {
    /// Says how the worker ended, once its channels are closed.
    pub fn explain(&mut self) -> String {
        match &mut self.0 {
            Life::Child(child) => match wait_briefly(child) {
                Some(status) => format!("the GPU worker is gone: {}", platform::explain_exit(status)),
                None => "the GPU worker closed the connection".to_owned(),
            },
            Life::Socket(_) => "the GPU daemon closed the connection".to_owned(),
            Life::Cut => CLOSED.to_owned(),
        }
    }

    /// Why a session is over that its client has closed: [`CLOSED`], unless the worker broke on its last work.
    pub fn explain_close(&mut self) -> String {
        match &mut self.0 {
            Life::Child(child) => match wait_briefly(child) {
                Some(status) if !status.success() => {
                    format!("the GPU worker is gone: {}", platform::explain_exit(status))
                }
                _ => CLOSED.to_owned(),
            },
            Life::Socket(_) | Life::Cut => CLOSED.to_owned(),
        }
    }

    /// Ends the worker, if it has not ended.
    pub fn cut(&mut self) {
        if let Life::Child(mut child) = std::mem::replace(&mut self.0, Life::Cut) {
            let _ = child.kill();
            if wait_briefly(&mut child).is_none() {
                // A worker that hangs in its driver is not waited for here, only reaped when it ends.
                thread::spawn(move || child.wait());
            }
        }
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        self.cut();
    }
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
            .map(Daemon::Spawn)
            .ok_or(ConnectError::NoDaemon)
    }

    /// Starts a worker and opens a session with it. Waits for the worker's first line, at most [`HELLO_TIMEOUT`].
    pub fn connect(&self) -> Result<Connection, ConnectError> {
        match self {
            Daemon::Spawn(path) => spawn(path),
            Daemon::Socket(path) => {
                let who = format!("at {}", path.display());
                let socket = platform::DaemonSocket::connect(path)
                    .map_err(|error| ConnectError::Socket { path: path.display().to_string(), cause: plain(&error) })?;
                let reader = socket
                    .reader()
                    .map_err(|error| ConnectError::Socket { path: path.display().to_string(), cause: plain(&error) })?;
                let server = hello(reader, &who)?;
                Ok(Connection { channels: transport::connect(server)?, life: Lifeline(Life::Socket(socket)) })
            }
        }
    }
}

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Daemon::Spawn(path) | Daemon::Socket(path) => path.display().fmt(f),
        }
    }
}

fn spawn(path: &Path) -> Result<Connection, ConnectError> {
    let who = path.display().to_string();
    let mut child = Command::new(path)
        .arg("worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| ConnectError::Spawn { path: who.clone(), cause: plain(&error) })?;
    let outcome = match child.stdout.take() {
        Some(stdout) => hello(stdout, &who).and_then(|server| Ok(transport::connect(server)?)),
        None => Err(ConnectError::Silent { who, cause: "it has no output".to_owned() }),
    };
    match outcome {
        Ok(channels) => Ok(Connection { channels, life: Lifeline(Life::Child(child)) }),
        Err(ConnectError::Silent { who, cause }) => {
            // One that ended by itself has an exit status; the others are ended here, so that nothing is left running.
            let status = wait_briefly(&mut child);
            let _ = child.kill();
            let _ = child.wait();
            let cause = status.map_or(cause, platform::explain_exit);
            Err(ConnectError::Silent { who, cause })
        }
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

/// How long the exit status of a worker that is ending is waited for.
const EXIT_STATUS_WAIT: Duration = Duration::from_millis(500);

/// The exit status of a worker that has ended or is about to; `None` when it runs on.
fn wait_briefly(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + EXIT_STATUS_WAIT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
            _ => return None,
        }
    }
}

/// Reads the worker's first line, bounded in length and time, and gives its server's name.
fn hello(reader: impl Read + Send + 'static, who: &str) -> Result<String, ConnectError> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        // The receiver is gone when the time ran out.
        let _ = send.send(first_line(reader));
    });
    let line = receive
        .recv_timeout(HELLO_TIMEOUT)
        .map_err(|_| format!("no answer within {} seconds", HELLO_TIMEOUT.as_secs()))
        .and_then(|line| line.map_err(|error| plain(&error)))
        .map_err(|cause| ConnectError::Silent { who: who.to_owned(), cause })?;
    if line.is_empty() {
        return Err(ConnectError::Silent { who: who.to_owned(), cause: "it ended at once".to_owned() });
    }
    Hello::check(&line).map_err(|cause| ConnectError::Hello { who: who.to_owned(), cause })
}

/// Bytes up to a newline, one at a time: what follows the line belongs to nobody else's buffer.
fn first_line(mut reader: impl Read) -> io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < MAX_HELLO && reader.read(&mut byte)? == 1 && byte != *b"\n" {
        line.extend(byte);
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
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
