//! Start-up errors of `serve`.

use std::{io, path::PathBuf};

use thiserror::Error;

/// `serve` cannot start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Neither `--socket`, nor `--claims`, nor a socket from the service manager.
    #[error("--socket PATH or --claims FOLDER is required: no socket was passed by the service manager")]
    NoSocket,
    /// The service manager's socket cannot be used.
    #[error("cannot use the socket that was handed over: {0}")]
    Handed(String),
    /// Another daemon answers on the socket.
    #[error("{} is already served by another process", .0.display())]
    Served(PathBuf),
    /// The path exists and is not a socket.
    #[error("{} exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// The socket cannot be created.
    #[error("cannot serve on {}: {cause}", path.display())]
    Socket { path: PathBuf, cause: io::Error },
    /// A claim cannot be served.
    #[error("cannot serve the claim {0}")]
    Claim(String),
    /// The metrics address cannot be bound.
    #[error("cannot serve metrics on {address}: {cause}")]
    Metrics { address: String, cause: io::Error },
    /// A metric cannot be registered.
    #[error(transparent)]
    Registry(#[from] prometheus::Error),
    /// A signal handler or thread cannot be created.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}
