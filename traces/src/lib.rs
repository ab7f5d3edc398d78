//! The trace file, its tools, and the replayer.
//!
//! A trace is the command stream of a run as it crossed to the GPU's process, with the events that came back.
//! [`notation`] says how values are written as text, [`CommandLines`] turns batches into lines. Nothing here names a
//! command where it need not: a new one has its text, its JSON and its place in every tool as soon as
//! `airlock-protocol` defines it.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod analysis;
#[cfg(feature = "cli")]
pub mod cli;
pub mod facts;
mod flip;
pub mod format;
pub mod harness;
pub mod header;
pub mod index;
mod lines;
pub mod minimize;
pub mod node;
pub mod notation;
pub mod probes;
pub mod processor;
pub mod reader;
pub mod record;
pub mod replay;
pub mod survey;
mod texels;
pub mod tools;
pub mod trace;
mod wgsl;
pub mod writer;

pub use lines::{CommandLines, LinesError};
pub use reader::{ReadError, TraceFile};
pub use trace::Trace;
pub use writer::TraceWriter;
