//! The commands of the `airlock` program for traces: one file each, with its arguments and its `run`, which returns the
//! exit code.

pub mod busy;
pub mod daemon;
pub mod diff;
pub mod dump;
pub mod extract;
pub mod info;
pub mod jail;
pub mod minimize;
pub mod recover;
pub mod redact;
pub mod replay;
mod replay_probes;
mod replay_text;
pub mod terminal;
pub mod trace;
pub mod trim;
pub mod verify;
pub mod verify_file;
pub mod verify_merge;

use std::{io, path::Path, sync::Arc};

pub use airlock_protocol::size;

use airlock_protocol::{connect::ConnectError, printing};
use serde::Serialize;
use thiserror::Error;

use crate::{
    edit::tools,
    file::reader::{ReadError, TraceFile},
};

/// The exit code of a success: no difference was found.
pub const SAME: u8 = 0;
/// The exit code of a difference: a replay diverges, or two traces differ.
pub const DIFFERENT: u8 = 1;

/// A failed command. The exit code is 2.
#[derive(Debug, Error)]
pub enum ToolError {
    /// The trace cannot be read.
    #[error("cannot read {file}: {cause}")]
    Read {
        /// The file.
        file: String,
        /// The cause.
        cause: ReadError,
    },
    /// A file cannot be written.
    #[error("cannot write {file}: {cause}")]
    Write {
        /// The file.
        file: String,
        /// The cause.
        cause: String,
    },
    /// No worker for the replay.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The request is invalid for this trace.
    #[error("{0}")]
    Refused(String),
}

/// Opens a trace.
pub fn open(path: &Path) -> Result<Arc<TraceFile>, ToolError> {
    TraceFile::open(path).map(Arc::new).map_err(|cause| ToolError::Read { file: path.display().to_string(), cause })
}

/// An error in a trace that was opened.
pub fn read_error(path: &Path) -> impl Fn(ReadError) -> ToolError {
    let file = path.display().to_string();
    move |cause| ToolError::Read { file: file.clone(), cause }
}

/// An error in a file that is written.
pub fn write_error(path: &Path) -> impl Fn(io::Error) -> ToolError {
    let file = path.display().to_string();
    move |cause| ToolError::Write { file: file.clone(), cause: cause.to_string() }
}

/// An error of a tool that reads one file and makes another.
pub fn tool_error(input: &Path, output: &Path) -> impl Fn(tools::Error) -> ToolError {
    let (read, write) = (read_error(input), write_error(output));
    let file = input.display().to_string();
    move |error| match error {
        tools::Error::Read(cause) => read(cause),
        tools::Error::Write(cause) => write(cause),
        error => ToolError::Refused(format!("{file}: {error}")),
    }
}

/// The result of writing to standard output. See [`printing`] for a closed pipe.
pub fn printed(result: Result<(), tools::Error>, input: &Path) -> Result<(), ToolError> {
    match result {
        Err(tools::Error::Write(error)) => printing::unless_closed(Err(error)).map_err(write_error(standard_output())),
        result => result.map_err(tool_error(input, standard_output())),
    }
}

/// The name of standard output in errors.
fn standard_output() -> &'static Path {
    Path::new("standard output")
}

/// Prints a text. See [`printing`] for a closed pipe.
pub fn print(text: &str) -> Result<(), ToolError> {
    printing::print(text).map_err(write_error(standard_output()))
}

/// Prints a value as JSON.
pub fn print_json(value: &impl Serialize) -> Result<(), ToolError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| ToolError::Refused(error.to_string()))?;
    print(&(text + "\n"))
}
