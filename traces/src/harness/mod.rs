//! Traces as tests: replays a file, or a folder of them, and reports the differences.
//!
//! A trace contains its own expectations: the recorded events and digests. Optional files beside `NAME.airtrace`:
//!
//! - `NAME.<adapter>.json`: the results of another adapter, or of another version of its driver ([`Reference`]);
//!   `NAME.<adapter>-on-<processor>.json`: the same of a software adapter, which rounds as its processor does;
//! - `NAME.txt`: the trace as text, which shows changes in a review;
//! - `NAME.settings.json`: options of this trace's replay ([`Settings`]).
//!
//! `airlock verify --bless` writes the first two. In a test of your own:
//!
//! ```no_run
//! airlock_traces::harness::assert_replays("tests/traces/blur.airtrace");
//! ```

mod junit;
mod merge;
mod output;
mod pictures;
mod reference;
mod shard;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use airlock_protocol::connect::Daemon;
use serde::{Deserialize, Serialize};

use crate::{
    edit::tools::{
        dump::{self, Filter},
        input,
    },
    file::reader::TraceFile,
    replay::{self, Input, Likeness, NotCompared, Outcome, Report, Rounded, Subject, Tolerance, replay},
};

use output::{name, write};

pub use junit::junit;
pub use merge::{MergeError, Merged, Part, merge};
pub use reference::{Reference, ReferenceReadback};
pub use shard::Shard;

/// Maximum commands of a trace for which `--bless` creates a text: a longer one is of no use in a review. An existing
/// text is always renewed.
pub const TEXT_COMMANDS: u64 = 1000;

/// The ending of a trace's file name.
pub const ENDING: &str = "airtrace";

/// The options of a verification.
#[derive(Clone, Debug)]
pub struct Harness {
    /// The source of workers.
    pub daemon: Daemon,
    /// The adapter, if not the recorded one.
    pub adapter: Option<String>,
    /// The tolerance, for traces without a setting.
    pub tolerance: Option<Tolerance>,
    /// The timeout of replies, for traces without a setting.
    pub timeout: Duration,
    /// Write references and texts instead of comparing with them.
    pub bless: bool,
    /// The folder for pictures of differing readbacks; none by default.
    pub pictures: Option<PathBuf>,
}

/// The settings of one trace: `NAME.settings.json`. The command line decides the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// See [`Tolerance`]: `"2"` or `"f32:1e-5"`.
    pub tolerance: Option<String>,
    /// Seconds that a reply may take.
    pub timeout: Option<u64>,
    /// The adapter.
    pub adapter: Option<String>,
}

/// The result for one trace.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The trace.
    pub file: PathBuf,
    /// Its status.
    pub status: Status,
    /// Errors and remarks, a line each.
    pub lines: Vec<String>,
    /// The replay's own report, where there was one.
    pub report: Option<Report>,
    /// Wall time.
    pub time: Duration,
}

/// The status of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No difference.
    Passed,
    /// Pictures and floats differ by the rounding of another processor; there is no other difference.
    Rounded,
    /// Neither passed nor failed: readbacks with only a digest differ, on a processor that rounds otherwise, or the
    /// adapter lacks a feature of the recorded one.
    NotComparable,
    /// Replayed on an adapter without a reference, and its readbacks differ from the recorded ones.
    New,
    /// References were written.
    Blessed,
    /// A difference, or the worker broke.
    Failed,
    /// The replay was not possible.
    Error,
}

impl Status {
    /// True where a test run should fail.
    pub fn is_bad(self) -> bool {
        matches!(self, Status::Failed | Status::Error)
    }
}

impl Harness {
    /// The default options.
    pub fn new(daemon: Daemon) -> Self {
        Self { daemon, adapter: None, tolerance: None, timeout: replay::TIMEOUT, bless: false, pictures: None }
    }

    /// Replays one trace and compares the results.
    pub fn verify(&self, path: &Path) -> Verdict {
        let start = Instant::now();
        let outcome = self.judge(path);
        let (status, lines, report) = match outcome {
            Ok(judged) => judged,
            Err(message) => (Status::Error, vec![message], None),
        };
        Verdict { file: path.to_owned(), status, lines, report, time: start.elapsed() }
    }

    fn judge(&self, path: &Path) -> Result<(Status, Vec<String>, Option<Report>), String> {
        let settings = settings(path)?;
        let file = TraceFile::open(path).map(Arc::new).map_err(|error| error.to_string())?;
        let mut lines = Vec::new();
        let mut status = self.compare_text(path, &file, &mut lines)?;

        let tolerance = settings.tolerance.as_deref().map(str::parse).transpose()?;
        let options = replay::Options {
            adapter: self.adapter.clone().or(settings.adapter),
            tolerance: tolerance.or(self.tolerance),
            timeout: settings.timeout.map_or(self.timeout, Duration::from_secs),
            ..replay::Options::new(self.daemon.clone())
        };
        let mut found = reference::Readbacks::default();
        let input = Input::File(Arc::clone(&file));
        let report = replay(&input, &options, &mut [&mut found]).map_err(|error| error.to_string())?;
        self.elsewhere(path, &report, &mut lines)?;
        if report.outcome != Outcome::Same {
            let is_unsupported = matches!(report.outcome, Outcome::Unsupported { .. });
            let status = if is_unsupported { Status::NotComparable } else { Status::Failed };
            lines.extend(report.outcome.to_string().lines().map(str::to_owned));
            return Ok((status, lines, Some(report)));
        }
        let found = found.reference(&report);
        status = status.max_by(self.compare_reference(path, &found, &report, tolerance.is_some(), &mut lines)?);
        Ok((status, lines, Some(report)))
    }

    /// Reports readbacks that another processor or adapter rounds otherwise.
    fn elsewhere(&self, path: &Path, report: &Report, lines: &mut Vec<String>) -> Result<(), String> {
        lines.extend(report.rounded.iter().map(|Rounded { command, buffer, measure }| {
            format!("the same but for rounding: command {command}, {buffer}: {measure}")
        }));
        lines.extend(report.incomparable.iter().map(|NotCompared { command, what, why }| {
            format!("not comparable on this processor: command {command}, {what}: {why}")
        }));
        if let Some(folder) = self.pictures.as_deref().filter(|_| !report.pictures.is_empty()) {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let written = pictures::write(folder, &stem, &report.pictures)
                .map_err(|error| format!("cannot write pictures to {}: {error}", folder.display()))?;
            lines.extend(written.iter().map(|path| format!("see {}", path.display())));
        }
        Ok(())
    }

    /// Compares with `NAME.txt`, if it exists, or writes it.
    fn compare_text(&self, path: &Path, file: &TraceFile, lines: &mut Vec<String>) -> Result<Status, String> {
        let beside = path.with_extension("txt");
        let is_short = file.index().totals.commands <= TEXT_COMMANDS;
        if !(beside.exists() || self.bless && is_short) {
            return Ok(Status::Passed);
        }
        let mut text = Vec::new();
        dump::text(file, &Filter::default(), false, &mut text).map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&text).into_owned();
        if self.bless {
            write(&beside, text.as_bytes())?;
            return Ok(Status::Blessed);
        }
        match input::read_beside(&beside).and_then(|text| String::from_utf8(text).map_err(std::io::Error::other)) {
            Ok(expected) if expected == text => Ok(Status::Passed),
            Ok(expected) => {
                let line = expected.lines().zip(text.lines()).take_while(|(expected, found)| expected == found).count();
                lines.push(format!("its text differs from {} from line {} on", name(&beside), line + 1));
                lines.push(format!("  expected: {}", expected.lines().nth(line).unwrap_or("(the end)")));
                lines.push(format!("  found:    {}", text.lines().nth(line).unwrap_or("(the end)")));
                Ok(Status::Failed)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Status::Passed),
            Err(error) => Err(format!("cannot read {}: {error}", name(&beside))),
        }
    }

    /// Compares with the reference of the replay's adapter, or writes it.
    fn compare_reference(
        &self,
        path: &Path,
        found: &Reference,
        report: &Report,
        tolerant: bool,
        lines: &mut Vec<String>,
    ) -> Result<Status, String> {
        let Some(adapter) = &report.adapter else { return Ok(Status::Passed) };
        if self.bless {
            let json = serde_json::to_vec_pretty(found).map_err(|error| error.to_string())?;
            write(&found.path(path), &json)?;
            return Ok(Status::Blessed);
        }
        let likeness = match report.likeness() {
            Likeness::Exact => Status::Passed,
            Likeness::Rounded => Status::Rounded,
            Likeness::Incomparable => Status::NotComparable,
        };
        let Some((beside, reference)) = Reference::read(path, found)? else {
            let differing = report.differing.iter().filter(|differing| differing.subject == Subject::Readback).count();
            if differing == 0 {
                return Ok(likeness);
            }
            lines.push(format!(
                "{differing} readbacks differ from those of {}, and there is no reference for {}: --bless writes one",
                report.recorded_adapter.as_ref().map_or_else(String::new, |adapter| adapter.describe()),
                adapter.describe()
            ));
            return Ok(Status::New);
        };
        // On another processor, only exact comparisons hold.
        let is_exact = reference.processor == found.processor && reference.processor.is_some();
        let elsewhere = |command: u64| {
            report.rounded.iter().any(|rounded| rounded.command == command)
                || report.incomparable.iter().any(|not| not.command == command)
        };
        let differences = if tolerant { Vec::new() } else { reference.differences(found) };
        let differences: Vec<_> =
            differences.into_iter().filter(|(command, _)| is_exact || !elsewhere(*command)).collect();
        if differences.is_empty() {
            return Ok(if is_exact { Status::Passed } else { likeness });
        }
        lines.push(format!("it differs from {}", name(&beside)));
        lines.extend(differences.into_iter().map(|(_, line)| line));
        Ok(Status::Failed)
    }
}

impl Status {
    /// The more severe of two.
    fn max_by(self, other: Self) -> Self {
        let grave = |status: Self| match status {
            Status::Passed => 0,
            Status::Rounded => 1,
            Status::Blessed => 2,
            Status::NotComparable => 3,
            Status::New => 4,
            Status::Failed => 5,
            Status::Error => 6,
        };
        if grave(other) > grave(self) { other } else { self }
    }
}

fn settings(path: &Path) -> Result<Settings, String> {
    let beside = path.with_extension("settings.json");
    match input::read_beside(&beside) {
        Ok(json) => serde_json::from_slice(&json).map_err(|error| format!("{}: {error}", name(&beside))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Settings::default()),
        Err(error) => Err(format!("cannot read {}: {error}", name(&beside))),
    }
}

/// The traces of a folder and of its subfolders, by name. A file is returned as it is.
pub fn find(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    /// Maximum nesting of folders.
    const MAX_DEPTH: usize = 16;
    fn gather(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            // The entry's own type: a link to a folder is not followed, and only a regular file is a trace.
            if entry.file_type()?.is_dir() {
                if depth < MAX_DEPTH {
                    gather(&path, depth + 1, found)?;
                }
            } else if path.extension().is_some_and(|ending| ending == ENDING) && path.is_file() {
                found.push(path);
            }
        }
        Ok(())
    }
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    gather(path, 0, &mut found)?;
    found.sort();
    Ok(found)
}

/// Fails the calling test unless a trace replays as recorded, or as in its reference for this machine's adapter. The
/// worker's program is found as by `airlock`: beside the test, on `PATH`, or by `AIRLOCK_GPU_DAEMON`.
#[track_caller]
#[allow(clippy::panic)]
pub fn assert_replays(path: impl AsRef<Path>) {
    let path = path.as_ref();
    let daemon = match Daemon::find() {
        Ok(daemon) => daemon,
        Err(error) => panic!("{error}"),
    };
    let verdict = Harness::new(daemon).verify(path);
    if verdict.status.is_bad() {
        panic!("{} does not replay as it was:\n{}", path.display(), verdict.lines.join("\n"));
    }
}
