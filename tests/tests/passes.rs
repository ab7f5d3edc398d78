//! `airlock:passes`: lists of commands are the same as calls, in results, errors and recordings.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;

use airlock_tests::{
    programs::{airlock, guest, root, run},
    recordings::commands,
    scratch,
};

/// Runs the guest with a recording; its commands as JSON, in order.
fn recorded(way: &str, path: &Path) -> Vec<String> {
    let mut command = airlock(["run", "--jail=strict", "--record"]);
    command.arg(path).arg(guest("passes")).args([way, "3", "200"]);
    let outcome = run(command).succeeded();
    assert!(outcome.stdout.contains("ok: all pixels agree with the CPU"), "{outcome}");
    let mut replay = airlock(["replay"]);
    replay.arg(path);
    run(replay).succeeded();
    commands(path)
}

#[test]
fn lists_and_calls_record_the_same_commands() {
    let folder = scratch();
    let (lists, calls) = (
        recorded("lists", &folder.path().join("lists.airtrace")),
        recorded("calls", &folder.path().join("calls.airtrace")),
    );
    assert!(lists.len() > 3 * 200 * 2, "{} commands", lists.len());
    for (at, (list, call)) in lists.iter().zip(&calls).enumerate() {
        assert_eq!(list, call, "command {at}");
    }
    assert_eq!(lists.len(), calls.len());
    // Each command that a list can have is among them.
    let table = std::fs::read_to_string(root().join("guest-shim/passes/src/command.rs")).expect("the table");
    let names: Vec<_> = table
        .lines()
        .filter_map(|line| line.trim().split_once(' ').filter(|(number, _)| number.parse::<u8>().is_ok()))
        .filter_map(|(_, rest)| rest.split(' ').next())
        .collect();
    assert_eq!(names.len(), 21, "{names:?}");
    // `maxImmediateSize` is 0 without the feature of that name, and the guest has no feature.
    for name in names.into_iter().filter(|name| *name != "SetImmediates") {
        assert!(lists.iter().any(|command| command.contains(name)), "no {name}");
    }
}

#[test]
fn malformed_lists_are_validation_errors() {
    let mut command = airlock(["run", "--jail=strict"]);
    command.arg(guest("passes")).arg("errors");
    let outcome = run(command).succeeded();
    assert!(outcome.stdout.contains("9 malformed lists are 9 validation errors"), "{outcome}");
}
