//! The trace file, its tools, and the replayer.
//!
//! A trace is the command stream of a run as it was sent to the GPU process, with the events that it returned. Where a
//! line of code belongs:
//!
//! - [`mod@file`]: bytes to records and back, the index, a whole trace in memory. It knows batches and events as bytes.
//! - [`schema`]: values of the stream as text ([`notation`]), as trees and JSON ([`node`]), and the ids in them
//!   ([`facts`]). They follow from the definitions in `airlock-protocol`.
//! - [`capture`]: recording a session, into a file or into the flight recorder's memory.
//! - [`edit`]: the dependences of commands ([`analysis`]), and the tools built on them: [`tools`] and [`minimize`].
//! - [`replay`]: a trace against a worker, the comparison of its events, and the [`probes`] that observe it.
//! - [`harness`]: traces as tests. [`cli`]: the commands of the program `airlock`.
//!
//! Nothing here matches on a command's name, or on commands with a catch-all: a command's description
//! ([`airlock_protocol::commands::Description`]) decides, and only the contents analysis and the probes know single
//! commands.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod capture;
#[cfg(feature = "cli")]
pub mod cli;
pub mod edit;
pub mod file;
pub mod harness;
pub mod replay;
pub mod schema;

pub use edit::{analysis, minimize, tools};
pub use file::{
    format, header, index, processor,
    reader::{self, ReadError, TraceFile},
    survey,
    trace::{self, Trace},
    writer::{self, TraceWriter},
};
pub use replay::probes;
pub use schema::{
    facts,
    lines::{CommandLines, LinesError},
    node, notation,
};
