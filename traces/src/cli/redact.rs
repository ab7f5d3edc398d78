//! `airlock trace redact`: a trace that may be shown to others.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{
    SAME, ToolError, busy, open, print, print_json, size::describe, terminal::one_line, tool_error, write_error,
};
use crate::edit::tools::{
    output::Output,
    redact::{self, Keep, Redacted},
};

const EXAMPLES: &str = "\
Examples:
  airlock trace redact bug.airtrace -o for-others.airtrace
  airlock trace redact --keep shaders bug.airtrace -o for-others.airtrace
  airlock trace redact --keep shaders,labels bug.airtrace -o for-others.airtrace

The trace still replays, with other contents: zeros in index and indirect buffers draw less, and what depended on the
data may not fail any more. A shader whose constants must fit each other may become invalid; keep the shaders then.
Look at the result with `airlock trace dump` before you hand it on.
";

/// Maximum identifiers that are printed; JSON has all.
const SHOWN: usize = 100;

/// Remove information about the user from a trace
///
/// Data becomes zeros of the same length, labels become pseudonyms, shaders lose their comments and their float
/// literals. Messages, digests of readbacks, times and the component's name are removed. The report lists the
/// information that is left.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace
    trace: PathBuf,
    /// The new trace
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Keep these as they are
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    keep: Vec<Class>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Classes of information that can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Class {
    /// Sources of shaders
    Shaders,
    /// Labels, debug groups and markers
    Labels,
    /// Bulk data and readbacks
    Payloads,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<u8, ToolError> {
    let (trace, path) = (&arguments.trace, &arguments.output);
    let file = open(trace)?;
    let kept = |class| arguments.keep.contains(&class);
    let keep = Keep { shaders: kept(Class::Shaders), labels: kept(Class::Labels), payloads: kept(Class::Payloads) };
    let (output, sink) = Output::create(path).map_err(write_error(path))?;
    let bar = busy::spinner("redacting");
    let redacted = redact::redact(&file, keep, sink);
    bar.finish_and_clear();
    let (_, report) = redacted.map_err(tool_error(trace, path))?;
    output.commit().map_err(write_error(path))?;
    if arguments.json {
        print_json(&report)?
    } else {
        print(&page(&report, keep))?
    }
    Ok(SAME)
}

fn page(report: &Redacted, keep: Keep) -> String {
    let mut text = String::from("replaced:\n");
    let mut line = |line: String| text.push_str(&format!("  {line}\n"));
    if !keep.payloads {
        line(format!("{} pieces of data, {}", report.payloads, describe(report.payload_bytes)));
        line(format!("{} readbacks", report.readbacks));
    }
    if !keep.labels {
        line(format!("{} labels, groups and markers, {} different", report.labels, report.different_labels));
    }
    if !keep.shaders {
        let Redacted { comments, literals, shaders, .. } = report;
        line(format!("{comments} comments and {literals} float literals in {shaders} shaders"));
    }
    line(format!("{} messages", report.messages));
    line("the component's name and hash, and all times".to_owned());
    text.push_str("left as they are:\n");
    let mut line = |line: &str| text.push_str(&format!("  {line}\n"));
    for (kept, what) in
        [(keep.payloads, "data and readbacks"), (keep.labels, "labels"), (keep.shaders, "sources of shaders")]
    {
        if kept {
            line(what);
        }
    }
    line("which calls, in which order; sizes, offsets, formats, flags, integers and zeros of shaders");
    line("the adapter, its driver, features and limits; the platform; why sessions ended");
    line("names of entry points and of overridable constants, and their values");
    if !report.identifiers.is_empty() {
        let shown: Vec<_> = report.identifiers.iter().take(SHOWN).map(|name| one_line(name)).collect();
        let more = report.identifiers.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        line(&format!("{} identifiers of shaders: {}{more}", report.identifiers.len(), shown.join(" ")));
    }
    text
}
