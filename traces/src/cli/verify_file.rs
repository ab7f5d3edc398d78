//! `airlock trace verify`: checks the integrity of a trace.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use clap::Args;

use super::{
    DIFFERENT, SAME, ToolError, busy, print, print_json, read_error,
    terminal::{Paint, counted, one_line},
};
use crate::{
    edit::tools::{
        check::{self, Check},
        input,
    },
    file::reader::Source,
};

const EXAMPLES: &str = "\
Examples:
  airlock trace verify bug.airtrace
  airlock trace verify goldens/*.airtrace

The exit code is 0 when all is well, 1 when a trace has a problem, 2 when one cannot be read at all. A recording that was
not closed is only told. `airlock trace recover` saves what is whole.
";

/// Check every byte of a trace
///
/// Checksums of all chunks, digests of all payloads, every command and event, the index against the file, the presence
/// of all data, and that commands use only objects that exist.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The traces
    #[arg(value_name = "TRACE", required = true)]
    traces: Vec<PathBuf>,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<u8, ToolError> {
    let paint = Paint::of(&io::stdout());
    let (mut code, mut reports) = (SAME, serde_json::Map::new());
    for trace in &arguments.traces {
        let check = check_file(trace)?;
        if check.found > 0 {
            code = DIFFERENT;
        }
        let name = trace.display().to_string();
        if arguments.json {
            let value = serde_json::to_value(&check).map_err(|error| ToolError::Refused(error.to_string()))?;
            reports.insert(name, value);
        } else {
            print(&page(&one_line(&name), &check, paint))?;
        }
    }
    if arguments.json {
        print_json(&reports)?;
    }
    Ok(code)
}

fn check_file(trace: &Path) -> Result<Check, ToolError> {
    let failed = read_error(trace);
    let file = input::open(trace).map_err(|error| failed(error.into()))?;
    let metadata = file.metadata().map_err(|error| failed(error.into()))?;
    let bar = busy::bytes("checking", metadata.len());
    let source: Arc<dyn Source> = Arc::new(Mutex::new(file));
    let check = check::check(&source, |done| bar.set_position(done));
    bar.finish_and_clear();
    check.map_err(failed)
}

fn page(name: &str, check: &Check, paint: Paint) -> String {
    let mut text = String::new();
    for problem in &check.problems {
        text.push_str(&format!("{name}: {} {}\n", paint.bad("problem:"), one_line(problem)));
    }
    let more = check.found.saturating_sub(check.problems.len() as u64);
    if more > 0 {
        text.push_str(&format!("{name}: {more} more problems\n"));
    }
    for warning in &check.warnings {
        text.push_str(&format!("{name}: {} {}\n", paint.warn("warning:"), one_line(warning)));
    }
    if check.found == 0 {
        let Check { commands, payloads, .. } = check;
        let [commands, payloads] =
            [(*commands, "command"), (*payloads, "payload")].map(|(number, noun)| counted(number, noun));
        text.push_str(&format!("{name}: {}, {commands}, {payloads}\n", paint.good("all is well")));
    }
    text
}
