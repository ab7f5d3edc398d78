//! `airlock trace extract`: shaders and payloads as files.

use std::path::PathBuf;

use airlock_protocol::size::Size;
use clap::Args;
use serde_json::json;

use super::{
    SAME, ToolError, busy, open, print, print_json,
    terminal::{self, one_line},
    tool_error,
};
use crate::edit::tools::{
    extract::{self, Extracted, MAX_FILES, Wanted},
    output::Budget,
};

const EXAMPLES: &str = "\
Examples:
  airlock trace extract bug.airtrace out                everything
  airlock trace extract bug.airtrace out --shaders      only WGSL
  airlock trace extract --json bug.airtrace out > out/list.json

Files are named by command, label and digest; what occurs more than once is written once.
";

/// Write shaders and payloads to files
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace
    trace: PathBuf,
    /// The folder; it is created if it does not exist
    folder: PathBuf,
    /// Shaders; without either option, both
    #[arg(long)]
    shaders: bool,
    /// Data, and the contents of readbacks as far as they are in the trace
    #[arg(long)]
    payloads: bool,
    /// Bytes of all files together; further files are left out. Default: 64M, and 32 times the trace's length
    #[arg(long, value_name = "SIZE")]
    limit: Option<Size>,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<u8, ToolError> {
    let file = open(&arguments.trace)?;
    let both = arguments.shaders == arguments.payloads;
    let wanted = Wanted { shaders: both || arguments.shaders, payloads: both || arguments.payloads };
    let bar = busy::spinner("extracting");
    let budget = arguments.limit.map_or_else(|| Budget::of(file.len()), |Size(bytes)| Budget::new(bytes));
    let extracted = extract::extract(&file, &arguments.folder, wanted, budget);
    bar.finish_and_clear();
    let (list, full) = extracted.map_err(tool_error(&arguments.trace, &arguments.folder))?;
    if arguments.json {
        print_json(&json!({ "files": list, "left_out": full }))?;
    } else {
        let text: String = list.iter().map(line).collect();
        print(&text)?;
    }
    if full {
        terminal::note(&format!(
            "not all files were made: there are more than {MAX_FILES}, or more bytes than --limit allows"
        ));
    }
    Ok(SAME)
}

fn line(file: &Extracted) -> String {
    let times = if file.times > 1 { format!(", {} times", file.times) } else { String::new() };
    let object = file.object.as_deref().map_or_else(String::new, |object| format!(", {object}"));
    let label = file.label.as_deref().map_or_else(String::new, |label| format!(" {:?}", one_line(label)));
    format!("{}  {} bytes, command {}{object}{label}{times}\n", file.file, file.len, file.command)
}
