//! Errors that end the program.

use thiserror::Error;

/// Errors that end the plugin. All others are logged, and the operation is repeated.
#[derive(Debug, Error)]
pub enum PluginError {
    /// The runtime or the signal handlers cannot be set up.
    #[error("cannot start: {0}")]
    Start(#[from] std::io::Error),
    /// The socket's path is longer than socket addresses are.
    #[error("{path} is {length} bytes, longer than a socket's path may be (107)")]
    Path {
        /// The path.
        path: String,
        /// Its length.
        length: usize,
    },
}
