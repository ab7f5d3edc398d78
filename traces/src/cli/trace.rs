//! `airlock trace`: the subcommands for one trace.

use clap::Subcommand;

use super::{ToolError, diff, dump, extract, info, minimize, recover, redact, trim, verify_file};

/// Inspect and edit traces
#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum Command {
    Info(info::Arguments),
    Dump(dump::Arguments),
    Load(dump::LoadArguments),
    Diff(diff::Arguments),
    Verify(verify_file::Arguments),
    Recover(recover::Arguments),
    Trim(trim::Arguments),
    Minimize(minimize::Arguments),
    Redact(redact::Arguments),
    Extract(extract::Arguments),
}

/// Runs the subcommand and returns its exit code.
pub fn run(command: Command) -> Result<u8, ToolError> {
    match command {
        Command::Info(arguments) => info::run(arguments),
        Command::Dump(arguments) => dump::run(arguments),
        Command::Load(arguments) => dump::load(arguments),
        Command::Diff(arguments) => diff::run(arguments),
        Command::Verify(arguments) => verify_file::run(arguments),
        Command::Recover(arguments) => recover::run(arguments),
        Command::Trim(arguments) => trim::run(arguments),
        Command::Minimize(arguments) => minimize::run(arguments),
        Command::Redact(arguments) => redact::run(arguments),
        Command::Extract(arguments) => extract::run(arguments),
    }
}
