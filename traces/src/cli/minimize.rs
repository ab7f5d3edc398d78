//! `airlock trace minimize`: the smallest trace that still shows a fault.

mod command;
mod output;

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use airlock_protocol::printing;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::{
    edit::minimize::{
        Candidate, Failure, Ground, Stats, Watch,
        fault::{Fault, Kind},
        minimize,
    },
    file::trace::Trace,
    replay::Options,
};

use super::{
    DIFFERENT, SAME, ToolError,
    daemon::DaemonOption,
    open, print, read_error,
    terminal::{Paint, harmless, one_line},
};
use command::External;
use output::save;

const EXAMPLES: &str = "\
Examples:
  airlock trace minimize bug.airtrace -o small.airtrace --keep validation-error
  airlock trace minimize bug.airtrace -o small.airtrace --keep validation-error --nth 2
  airlock trace minimize bug.airtrace -o small.airtrace --keep divergence --adapter llvmpipe
  airlock trace minimize bug.airtrace -o small.airtrace -- ./still-broken.sh
  airlock trace minimize bug.airtrace -o small.airtrace -- grep -c '' {}

The output holds the smallest trace found so far at any time, so that Ctrl-C loses nothing. What maps returned is left
out where the fault does not depend on it.

The exit code is 0 when the output shows the fault, 1 when the input does not show it, 2 when it cannot be tried, 130
after Ctrl-C.
";

/// The exit code after Ctrl-C, as in shells.
const INTERRUPTED: u8 = 130;

/// The interval of progress lines, without a terminal for a bar.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Find the smallest trace that still shows a fault
///
/// Leaves out commands, with all that depend on them, as long as a replay still shows the fault.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace
    trace: PathBuf,
    /// The file for the smallest trace
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The fault that must stay
    #[arg(long, value_name = "FAULT", required_unless_present = "command", conflicts_with = "command")]
    keep: Option<Keep>,
    /// The recorded validation error, by its number from 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    nth: usize,
    /// Stop after this many replays
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    max_tests: u64,
    /// Seconds that a replay waits for a reply, or that the command may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    timeout: u64,
    /// The adapter to replay on: a part of its name, its number in `airlock doctor`, or `noop`
    #[arg(long, value_name = "ADAPTER")]
    adapter: Option<String>,
    #[command(flatten)]
    daemon: DaemonOption,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// A program that exits with 0 while a trace shows the fault; the trace's path replaces {}, or is the last argument
    #[arg(last = true, value_name = "CMD")]
    command: Vec<std::ffi::OsString>,
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Keep {
    /// The replay differs from the recording
    Divergence,
    /// A validation error that was recorded
    ValidationError,
    /// The GPU's process ends by itself
    Crash,
    /// The device is lost
    DeviceLost,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<u8, ToolError> {
    refuse_same_file(&arguments.trace, &arguments.output)?;
    let start = Instant::now();
    let trace = Trace::load(&open(&arguments.trace)?).map_err(read_error(&arguments.trace))?;
    let Some((goal, test)) = test(&arguments, &trace)? else { return Ok(not_shown(&arguments)) };
    let stop = Arc::new(AtomicBool::new(false));
    // The first Ctrl-C ends the search with its summary, the second the program.
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let _ = signal_hook::flag::register_conditional_shutdown(signal, INTERRUPTED.into(), Arc::clone(&stop));
        let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
    }
    let text = test.text();
    let mut watch = Run { test, output: &arguments.output, stop, shown: Shown::new(), what: text.clone() };
    let result = minimize(&trace, &goal, arguments.max_tests, &mut watch);
    watch.shown.finish();
    let (ground, stats) = result.map_err(|failure| match failure {
        Failure::Test(error) => error,
        other => ToolError::Refused(format!("{}: {other}", arguments.trace.display())),
    })?;
    if ground == Ground::NotShown {
        return Ok(not_shown(&arguments));
    }
    tell(&arguments, &Summary::new(ground, stats, start.elapsed(), text))?;
    Ok(if ground == Ground::Interrupted { INTERRUPTED } else { SAME })
}

/// Rejects the input as output: a trace that was minimised for the wrong fault would be lost.
fn refuse_same_file(input: &Path, output: &Path) -> Result<(), ToolError> {
    match (input.canonicalize(), output.canonicalize()) {
        (Ok(input), Ok(same)) if input == same => {
            Err(ToolError::Refused(format!("the output must be another file than the input {}", output.display())))
        }
        _ => Ok(()),
    }
}

fn not_shown(arguments: &Arguments) -> u8 {
    let what = match arguments.keep {
        Some(Keep::Divergence) => "its replay does not differ from the recording",
        Some(Keep::ValidationError) if arguments.nth > 1 => "it has not so many validation errors, or a replay not",
        Some(Keep::ValidationError) => "it has no validation error, or its replay shows it not (or another before it)",
        Some(Keep::Crash) => "its replay does not end the GPU's process",
        Some(Keep::DeviceLost) => "its replay does not lose the device",
        None => "the command does not exit with 0 for it",
    };
    super::terminal::error(&format!("{} does not show the fault: {what}", arguments.trace.display()));
    DIFFERENT
}

/// The fault to search for and its test; `None` when the trace does not show it.
fn test(arguments: &Arguments, trace: &Trace) -> Result<Option<(crate::edit::minimize::Goal, Test)>, ToolError> {
    let timeout = Duration::from_secs(arguments.timeout);
    let kind = match arguments.keep {
        None => {
            let external = External::new(&arguments.command, &arguments.output, timeout);
            return Ok(Some((crate::edit::minimize::Goal::default(), Test::External(external))));
        }
        Some(Keep::Divergence) => Kind::Divergence,
        Some(Keep::ValidationError) => Kind::ValidationError(arguments.nth),
        Some(Keep::Crash) => Kind::Crash,
        Some(Keep::DeviceLost) => Kind::DeviceLost,
    };
    let daemon = arguments.daemon.daemon()?;
    let options = Options { adapter: arguments.adapter.clone(), timeout, ..Options::new(daemon) };
    let fault = Fault::find(kind, trace, &options).map_err(|error| refused(&error))?;
    Ok(fault.map(|fault| (fault.goal.clone(), Test::Replay(Box::new((fault, options))))))
}

fn refused(error: &impl std::fmt::Display) -> ToolError {
    ToolError::Refused(error.to_string())
}

enum Test {
    Replay(Box<(Fault, Options)>),
    External(External),
}

impl Test {
    fn text(&self) -> String {
        match self {
            Test::Replay(replay) => replay.0.text.clone(),
            Test::External(external) => format!("what {} looks for", external.name()),
        }
    }
}

/// A running search.
struct Run<'a> {
    test: Test,
    output: &'a Path,
    stop: Arc<AtomicBool>,
    shown: Shown,
    what: String,
}

impl Watch for Run<'_> {
    type Error = ToolError;

    fn test(&mut self, candidate: &Candidate) -> Result<bool, ToolError> {
        let shown = match &mut self.test {
            Test::Replay(replay) => replay.0.shows(candidate, &replay.1).map_err(|error| refused(&error)),
            Test::External(external) => external.shows(&candidate.trace, &self.stop),
        };
        // Ctrl-C ends the worker, too: its end is then not a fault.
        if self.stop.load(Ordering::Relaxed) { Ok(false) } else { shown }
    }

    fn improved(&mut self, candidate: &Candidate, stats: &Stats) -> Result<(), ToolError> {
        let mut trace = candidate.trace.clone();
        let note = format!("minimized: {} of {} commands still show {}", stats.after, stats.before, self.what);
        trace.header.history.push(one_line(&note));
        save(&trace, self.output)
    }

    fn progress(&mut self, stats: &Stats) {
        self.shown.progress(stats);
    }

    fn stop(&mut self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// The progress of the search: a bar on a terminal, else a line at intervals.
struct Shown {
    bar: Option<ProgressBar>,
    last: Instant,
}

impl Shown {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, last: Instant::now() }
    }

    fn progress(&mut self, stats: &Stats) {
        let text =
            format!("{} → {} commands, test {}", grouped(stats.before), grouped(stats.after), grouped_64(stats.tests));
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None if self.last.elapsed() >= LINE_EVERY => {
                self.last = Instant::now();
                printing::note(&text);
            }
            None => {}
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn grouped(number: usize) -> String {
    grouped_64(number as u64)
}

/// A number with commas between thousands.
fn grouped_64(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The result, as JSON.
#[derive(Debug, Serialize)]
struct Summary {
    commands_before: usize,
    commands_after: usize,
    tests: u64,
    seconds: f64,
    /// No single command can be left out.
    smallest: bool,
    shows: String,
    #[serde(skip)]
    ground: Ground,
}

impl Summary {
    fn new(ground: Ground, stats: Stats, time: Duration, shows: String) -> Self {
        let (commands_before, commands_after, tests) = (stats.before, stats.after, stats.tests);
        let smallest = ground == Ground::Smallest;
        Self { commands_before, commands_after, tests, seconds: time.as_secs_f64(), smallest, shows, ground }
    }
}

fn tell(arguments: &Arguments, summary: &Summary) -> Result<(), ToolError> {
    if arguments.json {
        // The record is plain data, which always has a text.
        return print(&(serde_json::to_string(summary).unwrap_or_default() + "\n"));
    }
    let paint = Paint::of(&std::io::stdout());
    let file = arguments.output.display().to_string();
    let mut text = format!(
        "{}: {} commands of {}, after {} tests in {:.1} s\n  still shows {}\n",
        paint.bold(&harmless(&file)),
        paint.good(&grouped(summary.commands_after)),
        grouped(summary.commands_before),
        grouped_64(summary.tests),
        summary.seconds,
        one_line(&summary.shows)
    );
    let early = match summary.ground {
        Ground::Interrupted => Some("stopped early: it may get smaller"),
        Ground::Tests => Some("all tests are used up: it may get smaller"),
        Ground::Smallest | Ground::NotShown => None,
    };
    if let Some(early) = early {
        text.push_str(&format!("  {}\n", paint.warn(early)));
    }
    print(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_have_commas() {
        assert_eq!([0, 999, 1000, 4812, 1_234_567].map(grouped), ["0", "999", "1,000", "4,812", "1,234,567"]);
    }
}
