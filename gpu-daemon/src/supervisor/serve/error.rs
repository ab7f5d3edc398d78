//! Reasons for `serve` not to start.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why `serve` cannot start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// There is no socket.
    #[error("--socket PATH or --claims FOLDER is needed: nobody hands a socket over")]
    NoSocket,
    /// What is handed over cannot be used.
    #[error("cannot use the socket that was handed over: {0}")]
    Handed(String),
    /// Another daemon answers on the socket.
    #[error("{} is already served by another process", .0.display())]
    Served(PathBuf),
    /// Something else is in the socket's place.
    #[error("{} exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// The socket cannot be made.
    #[error("cannot serve on {}: {cause}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A claim cannot be served.
    #[error("cannot serve the claim {0}")]
    Claim(String),
    /// The metrics' address cannot be used.
    #[error("cannot serve metrics on {address}: {cause}")]
    Metrics {
        /// Where.
        address: String,
        /// Why.
        cause: io::Error,
    },
    /// The metrics do not fit together.
    #[error(transparent)]
    Registry(#[from] prometheus::Error),
    /// Signals or threads cannot be had.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}
