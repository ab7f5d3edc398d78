//! TODO.

use std::path::PathBuf;

use clap::Args;

use super::ToolError;

/// Replay a folder of traces
#[derive(Debug, Args)]
pub struct Arguments {
    /// The trace
    trace: PathBuf,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<u8, ToolError> {
    Err(ToolError::Refused(format!("not there yet: {}", arguments.trace.display())))
}
