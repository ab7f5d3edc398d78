//! `airlock trace dump` and `airlock trace load`: a trace as text, and back.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, IsTerminal},
    ops::Range,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{SAME, ToolError, busy, open, printed, terminal, write_error};
use crate::edit::tools::{
    self,
    dump::{self, Filter},
    load::{self, LoadError},
    output::Output,
};

const EXAMPLES: &str = "\
Examples:
  airlock trace dump bug.airtrace | less
  airlock trace dump --range 1000..1100 bug.airtrace       some commands, with what follows each
  airlock trace dump --range 1000.. bug.airtrace           from a command on
  airlock trace dump --only Submit,Uncaptured bug.airtrace
  airlock trace dump --only 'Create*' --no-events bug.airtrace
  airlock trace dump --submits bug.airtrace                submits, debug groups and labels
  airlock trace dump --json bug.airtrace > bug.jsonl       everything, for `airlock trace load`

Each line is a command with its number in the trace. After a `;` it says what the objects are called, and the length and
BLAKE3 of the data. `<-` is an event, `--` a session's start or end.
";

/// Print a trace
///
/// One line for each command, and for each event at its place in the stream. The lines have no times, so that two runs
/// can be compared. With a range, only that part of the trace is read, and only labels in the index are known.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace
    trace: PathBuf,
    /// Only these commands, by their numbers, with the events after them: `A..B`, `A..`, `..B`; B is not included
    #[arg(long, value_name = "RANGE", value_parser = parse_range)]
    range: Option<Range<u64>>,
    /// Only commands and events of these names; a `*` at the end matches any rest
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Leave events and readbacks out
    #[arg(long)]
    no_events: bool,
    /// Only this session
    #[arg(long, value_name = "NUMBER")]
    session: Option<u32>,
    /// Only submits, debug groups, markers and labels, from the index
    #[arg(long, conflicts_with = "json")]
    submits: bool,
    /// Begin each line with the seconds since the recording began
    #[arg(long, conflicts_with_all = ["json", "submits"])]
    times: bool,
    /// Print JSON, one value per line, with the whole contents of the trace; `airlock trace load` reads it back, unless
    /// another option has left something out
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<u8, ToolError> {
    let trace = &arguments.trace;
    let file = open(trace)?;
    let filter = Filter {
        range: arguments.range.unwrap_or(0..u64::MAX),
        only: arguments.only,
        events: !arguments.no_events,
        session: arguments.session,
    };
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let result = if arguments.json {
        dump::json(&file, &filter, &mut out)
    } else if arguments.submits {
        dump::markers(&file, &filter, &mut out).map_err(tools::Error::Write)
    } else {
        dump::text(&file, &filter, arguments.times, &mut out)
    };
    // Buffered output is dropped: the error has the reason.
    drop(out.into_parts());
    printed(result, trace)?;
    if arguments.submits && file.index().totals.markers_left_out {
        terminal::note("the index has only the first markers; `dump --only Submit` has all");
    }
    if let Some(damage) = file.damage() {
        terminal::note(&terminal::one_line(&format!("{}: {damage}", trace.display())));
    }
    Ok(SAME)
}

fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let wrong = || "a range is A..B, A.. or ..B, with numbers of commands".to_owned();
    let (start, end) = text.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str, default| if text.is_empty() { Ok(default) } else { text.parse().map_err(|_| wrong()) };
    let range = number(start, 0)?..number(end, u64::MAX)?;
    if range.is_empty() { Err("the range is empty".to_owned()) } else { Ok(range) }
}

const LOAD_EXAMPLES: &str = "\
Examples:
  airlock trace dump --json a.airtrace > a.jsonl
  airlock trace load a.jsonl -o b.airtrace
  airlock trace dump --json a.airtrace | airlock trace load - -o b.airtrace

The dump must be whole: an option that leaves something out of it makes it unfit.
";

/// Make a trace from a JSON dump
#[derive(Debug, Args)]
#[command(after_help = LOAD_EXAMPLES)]
pub struct LoadArguments {
    /// The dump; `-` is standard input
    dump: PathBuf,
    /// The trace
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

/// Runs the command.
pub fn load(arguments: LoadArguments) -> Result<u8, ToolError> {
    let (dump, path) = (&arguments.dump, &arguments.output);
    let failed = |error: LoadError| match error {
        LoadError::Write(cause) => write_error(path)(cause),
        error => ToolError::Refused(format!("cannot load {}: {error}", dump.display())),
    };
    let input = |dump: &Path| File::open(dump).map_err(|error| failed(LoadError::Read(error)));
    let from_terminal = dump.as_os_str() == "-" && io::stdin().is_terminal();
    if from_terminal {
        terminal::note("reading a dump from the terminal");
    }
    let file = if dump.as_os_str() == "-" { None } else { Some(input(dump)?) };
    let (output, sink) = Output::create(path).map_err(write_error(path))?;
    let bar = busy::spinner("loading");
    let loaded = match file {
        Some(file) => load::load(BufReader::with_capacity(64 << 10, file), sink),
        None => load::load(io::stdin().lock(), sink),
    };
    bar.finish_and_clear();
    let (_, commands) = loaded.map_err(failed)?;
    output.commit().map_err(write_error(path))?;
    terminal::note(&format!("{} has {}", path.display(), terminal::counted(commands, "command")));
    Ok(SAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(parse_range("3..7"), Ok(3..7));
        assert_eq!(parse_range("3.."), Ok(3..u64::MAX));
        assert_eq!(parse_range("..7"), Ok(0..7));
        for text in ["", "3", "7..3", "3..3", "a..b", "-1..2", "1...2"] {
            assert!(parse_range(text).is_err(), "{text}");
        }
    }
}
