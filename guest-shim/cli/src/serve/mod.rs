//! `airlock serve`: HTTP requests answered by a guest.
//!
//! ```text
//!  clients ==TCP==> front process ==Unix sockets==> guest processes ==> GPU workers
//!                        ^  requests and answers        ^
//!                        |  frames                      | starts, kills
//!                        +-------- supervisor ----------+
//! ```
//!
//! - The supervisor is the process of the command line. It has the component compiled, binds the sockets, starts the other processes
//!   and restarts guest processes that end. Its only input is frames of fixed length from the front.
//! - The front owns the sockets. It speaks HTTP/1.1, buffers each request, and forwards it to an idle guest process. It is
//!   confined and never runs guest code.
//! - A guest process handles one request at a time, in an instance created in advance. It is confined as `airlock run` is and
//!   has no network: each request arrives over a Unix socket that the front passes to it.
//!
//! Consequences: a slow client occupies no instance, a hung or trapped guest affects its own request only, and a guest that
//! escapes its sandbox reaches one request and one GPU worker.

mod access_log;
mod admin;
mod answer;
mod body;
mod channel;
mod front;
mod guest;
mod handler;
mod instance;
mod limits;
mod listener;
mod metrics;
mod options;
mod patient;
mod pool;
mod proxy;
mod supervisor;

pub use options::Arguments;
use options::Part;

use super::error::CliError;

/// Serves until SIGTERM or SIGINT and returns the exit code.
pub fn serve(arguments: &Arguments) -> Result<u8, CliError> {
    match arguments.part {
        None => supervisor::run(arguments),
        Some(Part::Front) => front::run(arguments),
        Some(Part::Guest) => guest::run(arguments),
    }
}
