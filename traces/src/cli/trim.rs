//! `airlock trace trim`: a self-contained part of a trace.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    edit::tools::{
        output::Output,
        trim::{TrimError, Trimmed, Window, trim},
    },
    file::reader::ReadError,
};

use super::{SAME, ToolError, open, print, read_error, size, terminal, write_error};

/// Resources that are named; further ones are counted.
const NAMED: usize = 8;

const EXAMPLES: &str = "\
EXAMPLES:
  airlock trace trim run.airtrace -o bug.airtrace --last 1
      the last submit, with all that it needs from before
  airlock trace trim run.airtrace -o few.airtrace --submit 100..110
      ten submits, counted from 0 over the whole trace
  airlock trace trim run.airtrace -o start.airtrace --submit ..5
      the first five

The window begins after what belongs to the submit before it (its maps, its drops) and ends likewise. Commands
before the window are kept where the window needs the objects or the contents that they made. No GPU is used.";

/// Cut a trace down to some of its submits and their dependences
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace
    trace: PathBuf,
    /// The new trace
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The submits to keep: FROM..TO, counted from 0, TO not included; either may be left out
    #[arg(long, value_name = "FROM..TO", required_unless_present = "last", conflicts_with = "last")]
    submit: Option<Window>,
    /// Keep the last N submits
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    last: Option<u64>,
    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<u8, ToolError> {
    let file = open(&arguments.trace)?;
    let window = match (arguments.submit, arguments.last) {
        (Some(window), _) => window,
        (None, last) => Window::Last(last.unwrap_or(1)),
    };
    let bar = bar(file.index().totals.commands, arguments.quiet);
    let trimmed = trim(&file, window, &mut |number| {
        if number.is_multiple_of(1 << 12) {
            bar.set_position(number);
        }
    });
    bar.finish_and_clear();
    let trimmed = trimmed.map_err(|error| match error {
        TrimError::Read(cause) => read_error(&arguments.trace)(cause),
        error @ TrimError::Beyond { .. } => ToolError::Refused(error.to_string()),
    })?;
    let len = write(&trimmed, &arguments.output, &arguments.trace)?;
    if !arguments.quiet {
        print(&terminal::harmless(&describe(&trimmed, (file.len(), len), &arguments.output)))?;
    }
    Ok(SAME)
}

fn bar(commands: u64, quiet: bool) -> ProgressBar {
    if quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("reading {bar:40} {percent}% of {human_len} commands");
    ProgressBar::new(commands).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Writes the trace; returns its length.
fn write(trimmed: &Trimmed, path: &Path, from: &Path) -> Result<u64, ToolError> {
    let (output, file) = Output::create(path).map_err(write_error(path))?;
    let file = trimmed.trace.write(file).map_err(|error| match error {
        ReadError::Io(error) => write_error(path)(error),
        cause => read_error(from)(cause),
    })?;
    let len = file.metadata().map_err(write_error(path))?.len();
    output.commit().map_err(write_error(path))?;
    Ok(len)
}

fn describe(trimmed: &Trimmed, (before, after): (u64, u64), output: &Path) -> String {
    let count = |count: u64| if count == 1 { "1 submit".to_owned() } else { format!("{count} submits") };
    let mut text = String::new();
    for from in trimmed.from_before.iter().take(NAMED) {
        let submits = count(from.submits);
        text += &format!("contents of {} come from {submits} before the window: kept\n", from.resource);
    }
    if let Some(more @ 1..) = trimmed.from_before.len().checked_sub(NAMED) {
        text += &format!("and so do those of {more} more\n");
    }
    let range = &trimmed.submits;
    text + &format!(
        "{}: submits {}..{} of {}, {} before them; {}, was {}; no GPU was used\n",
        output.display(),
        range.start,
        range.end,
        trimmed.of,
        trimmed.before,
        size::describe(after),
        size::describe(before),
    )
}
