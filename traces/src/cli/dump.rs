//! TODO.

use std::path::PathBuf;

use clap::Args;

use super::ToolError;

/// Print a trace
#[derive(Debug, Args)]
pub struct Arguments {
    /// The trace
    trace: PathBuf,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<u8, ToolError> {
    Err(ToolError::Refused(format!("not there yet: {}", arguments.trace.display())))
}

/// Make a trace from a JSON dump
#[derive(Debug, Args)]
pub struct LoadArguments {
    /// The dump
    dump: PathBuf,
}

/// Runs the command.
pub fn load(arguments: LoadArguments) -> Result<u8, ToolError> {
    Err(ToolError::Refused(format!("not there yet: {}", arguments.dump.display())))
}
