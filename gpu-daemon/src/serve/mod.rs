//! `gpu-daemon serve`: accepts clients on a Unix socket and starts a worker for each.
//!
//! It reads nothing from a client. A connection becomes the worker's standard input and output: the worker's hello line
//! goes out on it, and its end, when the client goes, is the end of the worker's input. All that the client says is said
//! to the worker.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::run;

/// Why `serve` cannot start.
#[cfg(not(unix))]
#[derive(Debug, thiserror::Error)]
#[error("serve is not available on this platform")]
pub struct ServeError;

/// There are no Unix sockets here.
#[cfg(not(unix))]
pub fn run(_socket: &std::path::Path, _max_sessions: usize) -> Result<std::process::ExitCode, ServeError> {
    Err(ServeError)
}
