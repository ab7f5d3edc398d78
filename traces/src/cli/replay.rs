//! `airlock replay`: replays a trace against a fresh worker and compares every reply.

use std::{
    io::{IsTerminal, Write as _},
    num::NonZeroU32,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    DIFFERENT, SAME, ToolError,
    daemon::DaemonOption,
    open, read_error,
    replay_probes::{SaveOptions, Saving},
    replay_text, terminal,
};
use crate::{
    file::reader::TraceFile,
    replay::{self, Input, Options, Outcome, Probe, ReplayError, Report, Tolerance},
};

const EXAMPLES: &str = "\
Examples:
  airlock replay bug.airtrace                      the same commands again; is every answer the same?
  airlock replay bug.airtrace --until 4711         only up to that command
  airlock replay bug.airtrace --adapter noop       what the driver has no part in
  airlock replay bug.airtrace --adapter radeon --tolerance 2
                                                   another adapter, where bytes may differ by 2
  airlock replay bug.airtrace --save-images out    every picture
  airlock replay bug.airtrace --timing=times.json  how long passes and submits take
  airlock replay bug.airtrace --loop 100           until it goes wrong; how long it takes
  airlock replay bug.airtrace --json               the report for a script

The exit code is 0 when all answers are as recorded, 1 when one is not, 3 when the worker crashes, 4 when it hangs,
2 when the trace cannot be read or no worker starts.
";

/// The exit code where the worker ended by itself.
const CRASHED: u8 = 3;
/// The exit code where the adapter lacks a required capability, as for a trace that cannot be read.
const NOT_REPLAYABLE: u8 = 2;
/// The exit code of a missing reply.
const HUNG: u8 = 4;

/// Replay a trace and compare every reply with the recorded one
///
/// Each session of the trace gets a fresh worker, which receives the same commands with the same waits at the same
/// places. The replay stops at the first reply that differs from the recorded one and names the command. On the same
/// adapter with the same driver every readback must have the same bytes; elsewhere only the kinds of errors must be the
/// same, and values where a tolerance is given.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace
    #[arg(value_name = "FILE")]
    trace: PathBuf,
    #[command(flatten)]
    daemon: DaemonOption,
    /// Choose the adapter: a part of its name, its number in `airlock doctor`, or `noop`; by default the recorded one
    #[arg(long, value_name = "ADAPTER")]
    adapter: Option<String>,
    /// Stop after this command, by its number in the trace
    #[arg(long, value_name = "COMMAND")]
    until: Option<u64>,
    /// Replay this many times, with fresh workers each time, and stop at the first replay that differs
    #[arg(long = "loop", value_name = "TIMES")]
    times: Option<NonZeroU32>,
    /// Permitted difference of recorded bytes of readbacks: 2 for bytes, f32:1e-5 for floats (absolute or relative)
    #[arg(long, value_name = "TOLERANCE")]
    tolerance: Option<Tolerance>,
    /// Report a hang when a worker with pending replies shows no sign of life for this long
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    timeout: Duration,
    /// Compare nothing
    #[arg(long)]
    no_check: bool,
    #[command(flatten)]
    save: SaveOptions,
    /// Print the report as JSON; with --loop a list of them
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|&seconds: &f64| seconds > 0.0);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| "a time is a number of seconds above 0, for example 30 or 0.5".to_owned())
}

impl Arguments {
    fn options(&self) -> Result<Options, ToolError> {
        Ok(Options {
            adapter: self.adapter.clone(),
            until: self.until,
            check: !self.no_check,
            tolerance: self.tolerance,
            timeout: self.timeout,
            ..Options::new(self.daemon.daemon()?)
        })
    }
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<u8, ToolError> {
    let file = open(&arguments.trace)?;
    let options = arguments.options()?;
    let times = arguments.times.map_or(1, NonZeroU32::get);
    let progress = bar(&file, &options, times);
    let mut reports = Vec::new();
    for _ in 0..times {
        progress.set_position(0);
        let mut saving = arguments.save.start(&file, options.adapter.is_some())?;
        let report = once(&file, &options, &progress, &mut saving).map_err(|error| match error {
            ReplayError::Connect(error) => ToolError::Connect(error),
            ReplayError::Read(error) => read_error(&arguments.trace)(error),
            error @ ReplayError::NoSuchAdapter { .. } => ToolError::Refused(error.to_string()),
        })?;
        progress.suspend(|| arguments.save.finish(saving))?;
        let same = report.outcome == Outcome::Same;
        reports.push(report);
        if !same {
            break;
        }
    }
    progress.finish_and_clear();
    let code = reports.last().map_or(SAME, exit_code);
    print(&arguments, &file, &reports)?;
    Ok(code)
}

fn once(
    file: &Arc<TraceFile>,
    options: &Options,
    progress: &ProgressBar,
    saving: &mut Saving,
) -> Result<Report, ReplayError> {
    let mut progress = Progress(progress);
    let mut probes = saving.probes();
    if !progress.0.is_hidden() {
        probes.push(&mut progress);
    }
    replay::replay(&Input::File(Arc::clone(file)), options, &mut probes)
}

fn exit_code(report: &Report) -> u8 {
    match report.outcome {
        Outcome::Same => SAME,
        Outcome::Diverged(_) => DIFFERENT,
        Outcome::Crashed { .. } => CRASHED,
        Outcome::Hung { .. } => HUNG,
        Outcome::Unsupported { .. } => NOT_REPLAYABLE,
    }
}

fn print(arguments: &Arguments, file: &TraceFile, reports: &[Report]) -> Result<(), ToolError> {
    let mut stderr = std::io::stderr();
    if let Some(damage) = file.damage() {
        let cut = format!("the trace is cut: replayed up to its last whole chunk, byte {} ({damage})", file.whole());
        let paint = terminal::Paint::of(&stderr);
        // A failed write to standard error is ignored.
        let _ = writeln!(stderr, "airlock: {} {}", paint.warn("note:"), terminal::one_line(&cut));
    }
    let text = if arguments.json {
        let json = match (arguments.times, reports.last()) {
            (None, Some(report)) => serde_json::to_string_pretty(report),
            _ => serde_json::to_string_pretty(reports),
        };
        // Reports are plain data, which always has a text.
        json.unwrap_or_default() + "\n"
    } else {
        let name = arguments.trace.file_name().unwrap_or(arguments.trace.as_os_str()).to_string_lossy();
        replay_text::text(&name, file, reports, arguments.no_check, terminal::Paint::of(&std::io::stdout()))
    };
    if arguments.save.takes_stdout() {
        // Ignored likewise.
        let _ = stderr.write_all(text.as_bytes());
        return Ok(());
    }
    super::print(&text)
}

/// The progress bar, hidden where standard error is not a terminal.
fn bar(file: &TraceFile, options: &Options, times: u32) -> ProgressBar {
    let commands = file.index().totals.commands;
    let commands = options.until.map_or(commands, |until| commands.min(until.saturating_add(1)));
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(commands), target);
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {human_pos}/{human_len} commands, {eta} left") {
        bar.set_style(style);
    }
    bar.set_message(if times > 1 { "replaying in a loop" } else { "replaying" });
    bar
}

/// Moves the progress bar.
struct Progress<'b>(&'b ProgressBar);

impl Probe for Progress<'_> {
    fn progress(&mut self, commands: u64) {
        self.0.set_position(commands);
    }
}
