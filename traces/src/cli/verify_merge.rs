//! `airlock verify-merge`: merges the reports of several shards.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use super::{DIFFERENT, SAME, ToolError, verify::summary, write_error};
use crate::{
    harness::{Shard, junit, merge},
    tools::{input, output::Output},
};

const EXAMPLES: &str = "\
Examples:
  airlock verify --shard 1/2 --report 1.json traces      on one machine
  airlock verify --shard 2/2 --report 2.json traces      on another one
  airlock verify-merge --junit all.xml 1.json 2.json

The exit code is that of one run over all traces: 0 when none replays otherwise, 1 when one does or when a part is missing,
2 when the reports do not belong together.
";

/// Maximum bytes of one report, enough for some 100 000 traces.
const MAX_REPORT: u64 = 1 << 30;

/// Maximum number of missing shards that are named.
const NAMED: usize = 10;

/// Merge the reports of `airlock verify --shard`
///
/// Each part of a folder has one report, written with --report or --json.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The reports
    #[arg(value_name = "REPORT", required = true)]
    reports: Vec<PathBuf>,
    /// Write all verdicts in JUnit's format
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write all verdicts as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Merges the reports and returns the exit code.
pub fn run(arguments: Arguments) -> Result<u8, ToolError> {
    let mut reports = Vec::new();
    for path in &arguments.reports {
        let read = || {
            let file = input::open(path)?;
            let length = file.metadata()?.len();
            if length > MAX_REPORT {
                return Err(std::io::Error::other(format!("it has {length} bytes; a report has {MAX_REPORT} at most")));
            }
            let mut json = Vec::new();
            std::io::Read::read_to_end(&mut std::io::Read::take(file, MAX_REPORT), &mut json)?;
            Ok(json)
        };
        let file = path.display().to_string();
        let json = read().map_err(|cause| ToolError::Read { file: file.clone(), cause: cause.into() })?;
        reports.push((file, json));
    }
    let merged = merge(&reports).map_err(|error| ToolError::Refused(error.to_string()))?;
    if let Some(path) = &arguments.junit {
        write(path, junit(&merged.verdicts).map_err(ToolError::Refused)?.as_bytes())?;
    }
    if let Some(path) = &arguments.report {
        let json = serde_json::to_vec_pretty(&merged.full).map_err(|error| ToolError::Refused(error.to_string()))?;
        write(path, &json)?;
    }
    for verdict in merged.verdicts.iter().filter(|verdict| verdict.status.is_bad()) {
        println!("{}", super::verify::describe(verdict, super::terminal::Paint::of(&std::io::stdout())));
    }
    // Sum over all machines.
    let time = merged.verdicts.iter().fold(Duration::ZERO, |sum, verdict| sum.saturating_add(verdict.time));
    println!("{}", summary(&merged.verdicts, time));
    if let Some(text) = missing(&merged.missing) {
        println!("{text}");
    }
    let bad = !merged.missing.is_empty() || merged.verdicts.iter().any(|verdict| verdict.status.is_bad());
    Ok(if bad { DIFFERENT } else { SAME })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ToolError> {
    Output::write(path, bytes).map_err(write_error(path))
}

/// Names the missing shards.
fn missing(parts: &[Shard]) -> Option<String> {
    let names: Vec<_> = parts.iter().take(NAMED).map(Shard::to_string).collect();
    let more = parts.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| format!("missing: {}{more}", names.join(", ")))
}
