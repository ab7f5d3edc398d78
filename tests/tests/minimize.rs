//! `airlock trace minimize` and `trim`: small traces that still show the faults and results of the large ones.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use airlock_protocol::{Command, codec};
use airlock_tests::{
    programs::{airlock, guest, run},
    scratch,
};
use airlock_traces::{Trace, TraceFile, format::Digest, trace::What};

/// Records a guest, which may fail; returns the trace.
fn record(folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let path = folder.join(format!("{name}.airtrace"));
    let mut command = airlock(["run", "--record-readbacks", "--record"]);
    command.arg(&path).arg(guest(name)).args(arguments);
    run(command);
    path
}

fn load(path: &Path) -> Trace {
    Trace::load(&Arc::new(TraceFile::open(path).expect("a trace"))).expect("a whole trace")
}

fn commands(path: &Path) -> u64 {
    TraceFile::open(path).expect("a trace").index().totals.commands
}

fn verify(path: &Path) {
    let mut command = airlock(["trace", "verify"]);
    command.arg(path);
    run(command).succeeded();
}

/// One draw in six thousand commands has a bind group that does not fit.
#[test]
fn a_hidden_validation_error_needs_at_most_twenty_commands() {
    let folder = scratch();
    let path = record(folder.path(), "draws", &["3", "1000", "500"]);
    assert!(commands(&path) > 5000);
    let small = folder.path().join("small.airtrace");
    let mut command = airlock(["trace", "minimize", "--keep", "validation-error"]);
    command.arg(&path).arg("-o").arg(&small);
    let outcome = run(command).succeeded();
    println!("{}{}", outcome.stdout, outcome.stderr);
    assert!(commands(&small) <= 20, "{} commands: {outcome}", commands(&small));
    verify(&small);
    // The error is still there, and unchanged.
    let mut replay = airlock(["replay"]);
    replay.arg(&small);
    run(replay).succeeded();
    let mut dump = airlock(["trace", "dump"]);
    dump.arg(&small);
    let text = run(dump).succeeded().stdout;
    assert!(text.contains("odd") && text.contains("ScopePopped"), "{text}");
}

/// A readback that diverges from the recording does so in the small trace too, with the value of the large one.
#[test]
fn a_diverging_readback_stays_diverging() {
    let folder = scratch();
    let path = record(folder.path(), "matmul", &["33", "17", "9"]);
    let mut trace = load(&path);
    let place = trace.entries.iter().rposition(|entry| matches!(entry.what, What::Readback(_))).expect("a readback");
    let What::Readback(mut readback) = trace.entries[place].what.clone() else { panic!("it is one") };
    let mut bytes = trace.blobs.readback(&readback).expect("payloads").expect("bytes were asked for");
    bytes[3] ^= 0x40;
    readback.digest = Some(Digest::of(&bytes));
    let len = u32::try_from(bytes.len()).expect("a short one");
    readback.pieces = vec![(len, trace.blobs.add(bytes))];
    trace.entries[place].what = What::Readback(readback);
    let wrong = folder.path().join("wrong.airtrace");
    trace.write(File::create(&wrong).expect("a file")).expect("the changed trace");

    let found = |path: &Path| {
        let mut command = airlock(["replay", "--json"]);
        command.arg(path);
        let outcome = run(command);
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        let report: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
        let diverged = &report["outcome"]["diverged"];
        assert_eq!(diverged["name"], "MapBuffer", "{report}");
        diverged["digest"].as_str().expect("a digest").to_owned()
    };
    let before = found(&wrong);
    let small = folder.path().join("small.airtrace");
    let mut command = airlock(["trace", "minimize", "--keep", "divergence"]);
    command.arg(&wrong).arg("-o").arg(&small);
    let outcome = run(command).succeeded();
    println!("{}{}", outcome.stdout, outcome.stderr);
    verify(&small);
    assert_eq!(found(&small), before, "another divergence");
    assert!(commands(&small) < commands(&wrong), "{outcome}");
}

/// Any program can decide: here one that searches for a word in the dump.
#[test]
fn a_command_of_ones_own_decides() {
    let folder = scratch();
    let path = record(folder.path(), "draws", &["1", "50"]);
    let small = folder.path().join("small.airtrace");
    let airlock_program = airlock(["trace"]).get_program().to_owned();
    let mut command = airlock(["trace", "minimize"]);
    command.arg(&path).arg("-o").arg(&small).args(["--", "sh", "-c"]);
    command.arg(r#"test "$("$0" trace dump "$1" | grep -c RenderPassDraw)" -ge 7"#).arg(airlock_program);
    let outcome = run(command).succeeded();
    let trace = load(&small);
    let draws = trace
        .commands()
        .filter(|(_, _, bytes)| matches!(codec::decode_command(bytes), Ok(Command::RenderPassDraw(_))))
        .count();
    assert_eq!(draws, 7, "{outcome}");
    verify(&small);
}

#[test]
fn what_is_not_there_is_not_minimized() {
    let folder = scratch();
    let path = record(folder.path(), "draws", &["1", "5"]);
    let small = folder.path().join("small.airtrace");
    for keep in ["validation-error", "divergence", "crash", "device-lost"] {
        let mut command = airlock(["trace", "minimize", "--keep", keep]);
        command.arg(&path).arg("-o").arg(&small);
        let outcome = run(command);
        assert_eq!(outcome.code(), Some(1), "{keep}: {outcome}");
        assert!(!small.exists(), "{keep}");
    }
}

/// The last submits of a run, with the state that they need, end in the same bytes.
#[test]
fn a_trimmed_trace_ends_in_the_same_bytes() {
    let folder = scratch();
    for (name, arguments) in [("nbody", &["128", "60"][..]), ("draws", &["6", "200"]), ("triangle", &[])] {
        let path = record(folder.path(), name, arguments);
        let trimmed = folder.path().join(format!("{name}-trimmed.airtrace"));
        let mut command = airlock(["trace", "trim", "--last", "2"]);
        command.arg(&path).arg("-o").arg(&trimmed);
        let outcome = run(command).succeeded();
        println!("{name}: {} -> {} commands; {}", commands(&path), commands(&trimmed), outcome.stdout);
        assert!(commands(&trimmed) <= commands(&path), "{outcome}");
        verify(&trimmed);
        let mut replay = airlock(["replay", "--json"]);
        replay.arg(&trimmed);
        let outcome = run(replay).succeeded();
        let report: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
        let last = |path: &Path| {
            load(path).entries.into_iter().rev().find_map(|entry| match entry.what {
                What::Readback(readback) => readback.digest,
                _ => None,
            })
        };
        if let Some(digest) = last(&path) {
            assert_eq!(last(&trimmed), Some(digest), "{name}");
            assert!(report["readbacks"].as_u64() > Some(0), "{report}");
        }
    }
}
