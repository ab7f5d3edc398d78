//! Errors of connecting to a worker.

use std::io;

use thiserror::Error;

use crate::{handshake::HelloError, transport::TransportError};

/// The worker's program.
pub const DAEMON_NAME: &str = if cfg!(windows) { "gpu-daemon.exe" } else { "gpu-daemon" };

/// The variable that names the worker's program where it is neither beside the executable nor on `PATH`.
pub const DAEMON_VARIABLE: &str = "AIRLOCK_GPU_DAEMON";

/// A session that could not be opened.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The worker's program was not found.
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
        /// The system's error.
        cause: String,
    },
    /// The socket refuses the connection.
    #[error("cannot connect to the GPU daemon at {path}: {cause}")]
    Socket {
        /// The socket.
        path: String,
        /// The system's error.
        cause: String,
    },
    /// The broker refuses the request.
    #[cfg(target_os = "linux")]
    #[error("the broker of {path} starts no worker: {cause}")]
    Broker {
        /// The worker's program.
        path: String,
        /// The system's error.
        cause: String,
    },
    /// The worker exited, or sent no hello line in time.
    #[error("the GPU daemon {who} says nothing: {cause}")]
    Silent {
        /// Its program or socket.
        who: String,
        /// The cause.
        cause: String,
    },
    /// The worker ended after its hello line. Its drivers start early, and may end it.
    #[error("the GPU daemon {who} ended while the session was set up: {how}")]
    Ended {
        /// Its program or socket.
        who: String,
        /// Its exit status.
        how: String,
    },
    /// The handshake failed.
    #[error("cannot use the GPU daemon {who}: {cause}")]
    Hello {
        /// Its program or socket.
        who: String,
        /// The cause.
        cause: HelloError,
    },
    /// The channels could not be made.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// The text of an error, without the number that Rust appends.
pub(super) fn plain(error: &io::Error) -> String {
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
