//! `airlock verify`: a folder of traces as a test suite.

use std::{
    collections::VecDeque,
    env,
    io::IsTerminal as _,
    num::NonZero,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    DIFFERENT, SAME, ToolError,
    daemon::DaemonOption,
    print,
    terminal::{Paint, counted, harmless},
    write_error,
};
use crate::{
    edit::tools::output::Output,
    harness::{Harness, Part, Shard, Status, Verdict, find, junit},
    replay::{TIMEOUT, Tolerance},
};

const EXAMPLES: &str = "\
Examples:
  airlock verify tests/traces
  airlock verify --jobs 4 --junit report.xml tests/traces
  airlock verify --shard 3/16 --report 3.json tests/traces     a part of them; see verify-merge
  airlock verify --bless tests/traces          write what this adapter answers, as a reference
  airlock verify --tolerance 2 one.airtrace    bytes may differ by 2

Beside NAME.airtrace may lie NAME.<adapter>.json (what that adapter answers), NAME.txt (the trace as text) and
NAME.settings.json ({\"tolerance\": \"f32:1e-5\", \"timeout\": 60, \"adapter\": \"llvmpipe\"}).

A software adapter rounds as its processor does. Elsewhere than on the recording's processor, pictures and floats are
compared with a tolerance where the trace has their bytes (--record-readbacks), and integers exactly. What is the same but
for rounding passes; where there is only a digest, a trace is not comparable, and neither passes nor fails.

The exit code is 0 when no trace replays otherwise, 1 when one does, 2 when there is nothing to replay.
";

/// Replay every trace of a folder and report the differences
///
/// Each trace is replayed with a worker of its own and compared with its recording; on another adapter with the
/// reference beside the trace, if there is one.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Folders with traces, or single traces
    #[arg(value_name = "DIR", required = true)]
    paths: Vec<PathBuf>,
    /// Write references for this adapter, and texts, instead of comparing with them
    #[arg(long)]
    bless: bool,
    /// Replay this many at a time; by default one per processor
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// Replay a part of the traces: the third of sixteen. All parts together are all traces
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Write a report in JUnit's format, and pictures that differ into a folder beside it: report-pictures
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the verdicts as JSON to a file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write the verdicts as JSON to standard output
    #[arg(long)]
    json: bool,
    /// Choose the adapter: a part of its name, its number in `airlock doctor`, or `noop`
    #[arg(long, value_name = "ADAPTER")]
    adapter: Option<String>,
    /// Let readbacks differ: by a number for each byte (2), or for each float (f32:1e-5)
    #[arg(long, value_name = "TOLERANCE")]
    tolerance: Option<Tolerance>,
    /// Seconds that a reply of the GPU may take
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT.as_secs())]
    timeout: u64,
    #[command(flatten)]
    daemon: DaemonOption,
}

/// Replays all traces and returns the exit code.
pub fn run(arguments: Arguments) -> Result<u8, ToolError> {
    let mut files = Vec::new();
    for path in &arguments.paths {
        let found = find(path).map_err(|cause| {
            let file = path.display().to_string();
            ToolError::Read { file, cause: cause.into() }
        })?;
        files.extend(found);
    }
    if files.is_empty() {
        let names: Vec<_> = arguments.paths.iter().map(|path| path.display().to_string()).collect();
        return Err(ToolError::Refused(format!("there is no *.airtrace in {}", names.join(", "))));
    }
    // A shard may be empty: there may be more machines than traces.
    let files = match arguments.shard {
        Some(shard) => shard.select(files),
        None => files,
    };
    let harness = Harness {
        adapter: arguments.adapter.clone(),
        tolerance: arguments.tolerance,
        timeout: Duration::from_secs(arguments.timeout),
        bless: arguments.bless,
        pictures: arguments.junit.as_deref().map(pictures_beside),
        ..Harness::new(arguments.daemon.daemon()?)
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let start = Instant::now();
    let verdicts = verify_all(&harness, files, arguments.jobs.map_or(cores, NonZero::get), !arguments.json)?;
    if let Some(path) = &arguments.junit {
        let xml = junit(&verdicts).map_err(ToolError::Refused)?;
        Output::write(path, xml.as_bytes()).map_err(write_error(path))?;
    }
    if let Some(path) = &arguments.report {
        Output::write(path, json(&verdicts, arguments.shard)?.as_bytes()).map_err(write_error(path))?;
    }
    if arguments.json {
        print(&(json(&verdicts, arguments.shard)? + "\n"))?;
    } else {
        print(&(summary(&verdicts, start.elapsed()) + "\n"))?;
    }
    Ok(if verdicts.iter().any(|verdict| verdict.status.is_bad()) { DIFFERENT } else { SAME })
}

/// The verdicts as JSON, with the shard if there is one.
fn json(verdicts: &[Verdict], shard: Option<Shard>) -> Result<String, ToolError> {
    let json = match shard {
        Some(shard) => serde_json::to_string_pretty(&Part { shard, verdicts }),
        None => serde_json::to_string_pretty(verdicts),
    };
    json.map_err(|error| ToolError::Refused(error.to_string()))
}

/// The folder for pictures beside a report: `report-pictures` beside `report.xml`.
fn pictures_beside(report: &Path) -> PathBuf {
    let stem = report.file_stem().unwrap_or_default().to_string_lossy();
    report.with_file_name(format!("{stem}-pictures"))
}

/// Replays files in parallel, and prints the verdicts in the files' order.
fn verify_all(harness: &Harness, files: Vec<PathBuf>, jobs: usize, show: bool) -> Result<Vec<Verdict>, ToolError> {
    let bar = progress(files.len());
    let jobs = jobs.clamp(1, files.len().max(1));
    let count = files.len();
    let queue = Mutex::new(files.into_iter().enumerate().collect::<VecDeque<_>>());
    let (send, receive) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..jobs {
            let (send, queue) = (send.clone(), &queue);
            scope.spawn(move || {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some((number, file)) = next else { break };
                    // The receiver lives as long as this scope.
                    let _ = send.send((number, harness.verify(&file)));
                }
            });
        }
        drop(send);
        let paint = Paint::of(&std::io::stdout());
        let mut verdicts: Vec<Option<Verdict>> = (0..count).map(|_| None).collect();
        let (mut printed, mut shown) = (0, Ok(()));
        for (number, verdict) in receive {
            bar.inc(1);
            if let Some(place) = verdicts.get_mut(number) {
                *place = Some(verdict);
            }
            // In the files' order, as soon as all earlier ones have arrived.
            while let Some(Some(verdict)) = verdicts.get(printed) {
                if show && shown.is_ok() {
                    shown = bar.suspend(|| print(&(describe(verdict, paint) + "\n")));
                }
                printed += 1;
            }
        }
        bar.finish_and_clear();
        // After all of them: a report in a file is useful even where the verdicts cannot be printed.
        shown.map(|()| verdicts.into_iter().flatten().collect())
    })
}

fn progress(files: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() || env::var_os("TERM").is_some_and(|term| term == "dumb") {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} traces, {elapsed}");
    ProgressBar::new(files as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A verdict as text.
pub(super) fn describe(verdict: &Verdict, paint: Paint) -> String {
    let word = match verdict.status {
        Status::Passed => paint.good("ok     "),
        Status::Rounded => paint.good("rounded"),
        Status::NotComparable => paint.warn("skipped"),
        Status::Blessed => paint.good("blessed"),
        Status::New => paint.warn("new    "),
        Status::Failed => paint.bad("FAILED "),
        Status::Error => paint.bad("ERROR  "),
    };
    let counts = verdict.report.as_ref().map_or_else(String::new, |report| {
        let not = report.not_compared.len();
        let not = if not == 0 { String::new() } else { format!(", {not} not compared") };
        let [commands, events, readbacks] =
            [(report.commands, "command"), (report.events, "event"), (report.readbacks, "readback")]
                .map(|(number, noun)| counted(number, noun));
        format!(" ({commands}, {events}, {readbacks}{not})")
    });
    let mut text = format!("{word} {} {:.2?}{}", verdict.file.display(), verdict.time, paint.dim(&counts));
    for line in &verdict.lines {
        text.push_str("\n        ");
        text.push_str(&harmless(line));
    }
    text
}

/// All verdicts in one line.
pub(super) fn summary(verdicts: &[Verdict], time: Duration) -> String {
    let count = |statuses: &[Status]| verdicts.iter().filter(|verdict| statuses.contains(&verdict.status)).count();
    let mut parts = vec![format!("{} of {} as recorded", count(&[Status::Passed]), verdicts.len())];
    for (number, what) in [
        (count(&[Status::Rounded]), "the same but for rounding"),
        (count(&[Status::NotComparable]), "not comparable on this processor"),
        (count(&[Status::Blessed]), "blessed"),
        (count(&[Status::New]), "new on this adapter"),
        (count(&[Status::Failed]), "not as they were"),
        (count(&[Status::Error]), "not replayed"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    format!("{} in {time:.1?}", parts.join(", "))
}
