//! `--flight-recorder`: the last submits of a run, written only after an error.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::{fs, path::Path, path::PathBuf, process::Command};

use airlock_protocol::{Event, codec};
use airlock_tests::{
    processes::worker_of,
    programs::{Outcome, Running, airlock, guest, run},
    scratch,
};
use airlock_traces::{TraceFile, trace::What};
use rustix::process::{Pid, Signal, kill_process};

/// Steps of `nbody`, each a submit. It reports its progress after a quarter of them, with the other steps still to
/// come.
const STEPS: &str = "20000";
const MIDST: &str = "  step   5000: ";

fn flying(folder: &Path, options: &[&str], name: &str, arguments: &[&str]) -> Command {
    let mut command = airlock(["run", "--flight-recorder"]);
    command.arg(folder).args(options).arg(guest(name)).args(arguments);
    command
}

fn traces(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.expect("a file").path()).collect()
}

fn replayed(path: &Path) -> Outcome {
    for tool in [&["trace", "verify"][..], &["replay"]] {
        let mut command = airlock(tool);
        command.arg(path);
        let outcome = run(command).succeeded();
        if tool == ["replay"] {
            return outcome;
        }
    }
    unreachable!("the last tool is replay")
}

#[test]
fn nothing_is_written_when_nothing_goes_wrong() {
    let folder = scratch();
    let flights = folder.path().join("flights");
    run(flying(&flights, &[], "nbody", &["128", "40"])).succeeded();
    assert_eq!(traces(&flights), Vec::<PathBuf>::new());
}

#[test]
fn a_killed_worker_leaves_the_last_submits() {
    let folder = scratch();
    let flights = folder.path().join("flights");
    let running = Running::start(flying(&flights, &["--keep", "5"], "nbody", &["256", STEPS]));
    running.prints(MIDST);
    let worker = worker_of(running.id());
    let pid = i32::try_from(worker).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::KILL).expect("it runs");
    let outcome = running.finish();
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    let traces = traces(&flights);
    let [path] = traces.as_slice() else { panic!("not one trace: {traces:?} {outcome}") };
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(outcome.stderr.contains(&name), "the person is not told: {outcome}");
    assert!(path.extension().is_some_and(|ending| ending == "airtrace"));
    let file = TraceFile::open(path).expect("a trace");
    assert!(file.is_closed());
    assert!(file.index().totals.submits >= 5, "{:?}", file.index().totals);
    replayed(path);
}

#[test]
fn an_uncaptured_error_leaves_a_trace_with_it() {
    let folder = scratch();
    let flights = folder.path().join("flights");
    run(flying(&flights, &[], "api-tour", &["error"])).succeeded();
    let traces = traces(&flights);
    assert!(!traces.is_empty());
    for path in &traces {
        replayed(path);
        let file = TraceFile::open(path).expect("a trace");
        let uncaptured = file.entries().filter_map(Result::ok).any(|entry| match &entry.what {
            What::Event(bytes) => matches!(codec::decode_event(bytes), Ok(Event::Uncaptured { .. })),
            _ => false,
        });
        assert!(uncaptured, "{} does not hold the error", path.display());
    }
}

/// A long run stays within its memory limit, and its trace still replays.
#[test]
fn memory_is_bounded_and_the_trace_still_replays() {
    let folder = scratch();
    let flights = folder.path().join("flights");
    let options = ["--flight-recorder-memory", "256K", "--keep", "3"];
    let running = Running::start(flying(&flights, &options, "nbody", &["256", STEPS]));
    running.prints(MIDST);
    let worker = worker_of(running.id());
    let pid = i32::try_from(worker).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::KILL).expect("it runs");
    running.finish();
    let traces = traces(&flights);
    let [path] = traces.as_slice() else { panic!("not one trace: {traces:?}") };
    let length = path.metadata().expect("the trace").len();
    assert!(length < 512 << 10, "{length} bytes");
    replayed(path);
}
