//! `airlock trace recover`: the intact part of a damaged trace.

use std::path::PathBuf;

use clap::Args;

use super::{
    SAME, ToolError, busy, open, print, print_json,
    size::describe,
    terminal::{counted, one_line},
    tool_error, write_error,
};
use crate::edit::tools::{output::Output, recover};

const EXAMPLES: &str = "\
Examples:
  airlock trace recover cut.airtrace -o whole.airtrace
";

/// Save the whole part of a damaged trace
///
/// Writes the stream up to the first damage as a closed trace, and reports the losses. A trace without damage is copied
/// unchanged.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The damaged trace
    trace: PathBuf,
    /// The new trace
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<u8, ToolError> {
    let (trace, path) = (&arguments.trace, &arguments.output);
    let file = open(trace)?;
    let (output, sink) = Output::create(path).map_err(write_error(path))?;
    let bar = busy::spinner("recovering");
    let recovered = recover::recover(&file, sink);
    bar.finish_and_clear();
    let (_, report) = recovered.map_err(tool_error(trace, path))?;
    output.commit().map_err(write_error(path))?;
    if arguments.json {
        print_json(&report)?;
        return Ok(SAME);
    }
    let mut text = format!("saved {}, {}\n", counted(report.commands, "command"), counted(report.records, "record"));
    if report.promised > report.commands {
        text.push_str(&format!("the trace had {}\n", counted(report.promised, "command")));
    }
    if let Some(offset) = report.damaged_at {
        text.push_str(&format!("lost {} from byte {offset} on\n", describe(report.lost_bytes)));
    }
    if let Some(reason) = &report.reason {
        text.push_str(&format!("because {}\n", one_line(reason)));
    }
    if report.dropped_pieces > 0 {
        text.push_str(&format!(
            "left out data whose commands are missing: {}\n",
            counted(report.dropped_pieces, "piece")
        ));
    }
    if report.shortened_readbacks > 0 {
        text.push_str(&format!("only the digest is left of {}\n", counted(report.shortened_readbacks, "readback")));
    }
    if report.whole {
        text.push_str("nothing is missing\n");
    }
    print(&text)?;
    Ok(SAME)
}
