//! `airlock run --record`: the contents of the file, in spite of failures of the processes, the disk and the driver.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::{path::Path, process::Command, sync::Arc};

use airlock_protocol::{Event, codec, connect::CLOSED};
use airlock_tests::{
    processes::{runs, wait_until, worker_of},
    programs::{LIMIT, Outcome, Running, airlock, guest, run, signal},
    scratch,
};
use airlock_traces::{Trace, TraceFile, trace::What};
use rustix::process::{Pid, Signal, kill_process};

/// `airlock run` of a guest, recorded to `trace` with more options.
fn recording(trace: &Path, options: &[&str], name: &str, arguments: &[&str]) -> Command {
    let mut command = airlock(["run", "--record"]);
    command.arg(trace).args(options).arg(guest(name)).args(arguments);
    command
}

fn open(path: &Path) -> Arc<TraceFile> {
    Arc::new(TraceFile::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// Checks every byte of a trace.
fn verified(path: &Path) -> Outcome {
    let mut command = airlock(["trace", "verify"]);
    command.arg(path);
    run(command).succeeded()
}

fn replayed(path: &Path) -> Outcome {
    let mut command = airlock(["replay"]);
    command.arg(path);
    run(command).succeeded()
}

fn warnings(outcome: &Outcome) -> usize {
    outcome.stderr.lines().filter(|line| line.contains("warning:")).count()
}

fn kill(process: u32) {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::KILL).expect("it runs");
}

#[test]
fn a_recording_is_closed_and_whole() {
    let folder = scratch();
    let path = folder.path().join("collatz.airtrace");
    run(recording(&path, &[], "collatz", &["27"])).succeeded();
    let file = open(&path);
    assert!(file.is_closed());
    let header = file.header();
    assert_eq!(header.component.as_ref().map(|component| component.name.as_str()), Some("collatz.wasm"));
    let totals = &file.index().totals;
    assert_eq!((totals.sessions, totals.submits, totals.readbacks), (1, 2, 1), "{totals:?}");
    assert_eq!(file.devices().len(), 1);
    let last = file.entries().last().expect("entries").expect("a whole trace");
    assert_eq!(last.what, What::End(CLOSED.to_owned()));
    verified(&path);
}

/// Neither the folder passed to the guest, nor its path, nor a variable.
#[test]
fn a_trace_says_nothing_about_the_machine() {
    let folder = scratch();
    let path = folder.path().join("private-name.airtrace");
    let mut command = airlock(["run", "--env", "SECRET=hunter2", "--record"]);
    command.arg(&path).arg("--dir").arg(format!("{}::/out", folder.path().display()));
    command.arg(guest("triangle")).arg("/out/t.png");
    run(command).succeeded();
    let mut dump = airlock(["trace", "dump", "--json"]);
    dump.arg(&path);
    let text = run(dump).succeeded().stdout;
    assert!(text.contains("triangle.wasm"), "{text}");
    let guests = guest("triangle").parent().expect("a folder").display().to_string();
    for secret in ["hunter2", "private-name", guests.as_str(), &folder.path().display().to_string()] {
        assert!(!text.contains(secret), "{secret} is in the trace");
    }
}

/// The host is killed ten times, at moments spread over the run; each trace opens as it is and replays to its end.
#[test]
fn killed_hosts_leave_traces_that_replay() {
    let folder = scratch();
    let whole = folder.path().join("whole.airtrace");
    let picture = format!("{}::/out", folder.path().display());
    let start = |path: &Path| {
        let mut command = recording(path, &["--dir", &picture], "scene", &["/out/scene.png", "320", "200"]);
        command.env("XDG_CACHE_HOME", folder.path());
        Running::start(command)
    };
    // The first run also compiles the guest.
    start(&whole).finish().succeeded();
    let full = open(&whole).index().totals.commands;
    let length = |path: &Path| path.metadata().map_or(0, |file| file.len());
    let most = length(&whole);
    let mut lengths = Vec::new();
    for moment in 0..10 {
        let path = folder.path().join(format!("killed-{moment}.airtrace"));
        let running = start(&path);
        // From the first bytes in the file on, for the rest of the run.
        let least = (most * moment / 10).max(1);
        wait_until("trace of this length", LIMIT, || length(&path) >= least || !runs(running.id()));
        kill(running.id());
        running.finish();
        let file = open(&path);
        lengths.push(file.index().totals.commands);
        replayed(&path);
        let recovered = path.with_extension("recovered.airtrace");
        let mut recover = airlock(["trace", "recover"]);
        recover.arg(&path).arg("-o").arg(&recovered);
        run(recover).succeeded();
        assert!(open(&recovered).is_closed());
        replayed(&recovered);
    }
    println!("commands in the traces: {lengths:?} of {full}");
    assert!(
        lengths.iter().any(|&commands| commands > 0 && commands < full),
        "no run was killed in its midst: {lengths:?}"
    );
}

/// With `--record-sync`, the trace has every batch that the daemon received, though the host is killed.
#[test]
fn a_strict_recording_loses_nothing() {
    let folder = scratch();
    let path = folder.path().join("nbody.airtrace");
    let running = Running::start(recording(&path, &["--record-sync"], "nbody", &["256", "4000"]));
    // A readback of the result of 1000 steps, each of them a submit.
    running.prints("  step   1000: ");
    kill(running.id());
    running.finish();
    let totals = open(&path).index().totals.clone();
    assert!(totals.submits >= 1000, "{totals:?}");
    replayed(&path);
}

#[test]
fn the_command_that_kills_the_worker_is_in_the_trace() {
    let folder = scratch();
    let path = folder.path().join("nbody.airtrace");
    let running = Running::start(recording(&path, &[], "nbody", &["256", "100000"]));
    running.prints("energy at the start");
    let worker = worker_of(running.id());
    kill(worker);
    let outcome = running.finish();
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    let file = open(&path);
    assert!(file.is_closed());
    let end = file.entries().filter_map(Result::ok).find_map(|entry| match entry.what {
        What::End(reason) => Some(reason),
        _ => None,
    });
    assert!(end.as_deref().is_some_and(|reason| reason.contains("SIGKILL")), "{end:?}");
    // This replay's worker is not killed, which is reported and is no divergence.
    let outcome = replayed(&path);
    assert!(outcome.stdout.contains("SIGKILL"), "{outcome}");
}

#[test]
fn a_folder_that_cannot_be_written_costs_only_the_trace() {
    let outcome = run(recording(Path::new("/proc/no-such.airtrace"), &[], "collatz", &["5"])).succeeded();
    assert_eq!(warnings(&outcome), 1, "{outcome}");
    assert!(outcome.stderr.contains("cannot record to /proc/no-such.airtrace"), "{outcome}");
}

/// A disk that is really full: a small file system of the test's own, in a user namespace.
#[test]
fn a_full_disk_ends_the_trace_and_not_the_run() {
    let script = "mount -t tmpfs -o size=24k none \"$1\" && shift && \"$@\"; code=$?; cp \"$DISK/t.airtrace\" \"$KEPT\"; exit $code";
    // Written at once, there are commands on the disk before it is full of data; written later, it may be full with the first.
    for (options, has_commands) in
        [(&["--record-readbacks", "--record-sync"][..], true), (&["--record-readbacks"], false)]
    {
        let folder = scratch();
        let (disk, kept) = (folder.path().join("disk"), folder.path().join("kept.airtrace"));
        std::fs::create_dir(&disk).expect("a folder");
        let inner = recording(&disk.join("t.airtrace"), options, "mlp", &[]);
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(&disk);
        command.arg(inner.get_program()).args(inner.get_args()).env("DISK", &disk).env("KEPT", &kept);
        command.env("XDG_RUNTIME_DIR", std::env::temp_dir());
        let outcome = run(command).succeeded();
        assert_eq!(warnings(&outcome), 1, "{outcome}");
        assert!(outcome.stderr.contains("No space left"), "{outcome}");
        let file = open(&kept);
        assert!(!file.is_closed() && file.damage().is_none(), "{:?}", file.damage());
        assert!(!has_commands || file.index().totals.commands > 0);
        replayed(&kept);
    }
}

#[test]
fn a_limit_holds_and_the_trace_is_closed() {
    let folder = scratch();
    let path = folder.path().join("nbody.airtrace");
    let outcome = run(recording(&path, &["--record-limit", "32K"], "nbody", &["256", "600"])).succeeded();
    assert_eq!(warnings(&outcome), 1, "{outcome}");
    let length = path.metadata().expect("the trace").len();
    assert!(length <= 32 << 10, "{length} bytes");
    assert!(length > 20 << 10, "the limit is not made use of: {length} bytes");
    let file = open(&path);
    assert!(file.is_closed());
    assert!(file.entries().any(|entry| matches!(entry, Ok(entry) if matches!(entry.what, What::Stopped(_)))));
    replayed(&path);
}

/// Digests always, bytes on request.
#[test]
fn readbacks_have_their_bytes_on_request() {
    let folder = scratch();
    for (options, has_bytes) in [(&[][..], false), (&["--record-readbacks"], true)] {
        let path = folder.path().join("triangle.airtrace");
        run(recording(&path, options, "triangle", &[])).succeeded();
        let trace = Trace::load(&open(&path)).expect("a whole trace");
        let readback = trace.entries.iter().find_map(|entry| match &entry.what {
            What::Readback(readback) => Some(readback),
            _ => None,
        });
        let readback = readback.expect("the picture is read back");
        assert_eq!(readback.len, 256 * 256 * 4);
        let bytes = trace.blobs.readback(readback).expect("payloads");
        assert_eq!(bytes.is_some(), has_bytes);
        if let Some(bytes) = bytes {
            assert_eq!(Some(airlock_traces::format::Digest::of(&bytes)), readback.digest);
        }
    }
}

/// Calls that the guest made because of an event come after the event.
#[test]
fn answers_stand_between_their_causes_and_effects() {
    let folder = scratch();
    let path = folder.path().join("mlp.airtrace");
    run(recording(&path, &[], "mlp", &[])).succeeded();
    let mut granted = false;
    for entry in open(&path).entries() {
        let entry = entry.expect("a whole trace");
        match &entry.what {
            What::Event(bytes) => {
                granted |= matches!(codec::decode_event(bytes), Ok(Event::DeviceReply { result: Ok(_), .. }));
            }
            What::Command(bytes) => {
                let command = codec::decode_command(bytes).expect("a command");
                assert!(granted || !command.name().starts_with("Create"), "{} before the device", command.name());
            }
            _ => {}
        }
    }
    assert!(granted);
}

/// A second recording cannot take the file of a running one.
#[test]
fn two_recordings_to_one_file_leave_the_first_whole() {
    let folder = scratch();
    let trace = folder.path().join("one.airtrace");
    let mut first = airlock(["run", "--record-sync", "--record"]);
    first.arg(&trace).arg(guest("nbody")).args(["256", "100000"]);
    let first = Running::start(first);
    first.prints("energy at the start");
    let mut second = airlock(["run", "--record"]);
    second.arg(&trace).arg(guest("collatz")).arg("27");
    let second = run(second).succeeded();
    assert!(second.stderr.contains("another recording is writing it"), "{second}");
    signal(first.id(), Signal::KILL);
    first.finish();
    let mut info = airlock(["trace", "info"]);
    info.arg(&trace);
    let info = run(info).succeeded();
    assert!(info.stdout.contains("nbody.wasm") && !info.stdout.contains("collatz"), "{info}");
    assert!(info.stdout.contains("1 session,"), "{info}");
}
