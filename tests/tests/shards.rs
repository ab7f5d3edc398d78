//! A folder of traces on several machines: `airlock verify --shard`, and the merge of their reports.
#![allow(clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

use std::{fs, path::Path};

use airlock_tests::{
    programs::{Outcome, airlock, root, run},
    scratch,
};
use serde_json::Value;

/// Small traces, of which one replays otherwise.
const GOOD: [&str; 4] = ["compute", "copies", "error-scopes", "device-loss"];

fn folder(at: &Path) {
    for name in GOOD {
        let from = root().join(format!("traces/golden/{name}.airtrace"));
        fs::copy(from, at.join(format!("{name}.airtrace"))).expect("a copy of a golden trace");
    }
    fs::write(at.join("nonsense.airtrace"), "no trace").expect("a file");
}

fn verify(arguments: &[&str], folder: &Path) -> Outcome {
    let mut command = airlock(["verify", "--jobs", "2"]);
    command.args(arguments).arg(folder);
    run(command)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a report")).expect("JSON")
}

/// Trace and status of each verdict.
fn statuses(verdicts: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let all = verdicts.as_array().expect("verdicts").iter();
    all.map(|verdict| (text(&verdict["file"]), text(&verdict["status"]))).collect()
}

#[test]
fn the_parts_together_are_one_run() {
    let traces = scratch();
    folder(traces.path());
    let out = scratch();
    let at = |name: &str| out.path().join(name);
    let path = |name: &str| at(name).to_str().expect("a printable path").to_owned();

    let whole = verify(&["--report", &path("whole.json")], traces.path());
    assert_eq!(whole.code(), Some(1), "{whole}");
    let mut parts = Vec::new();
    // More shards than traces: one is empty.
    for number in 1..=6 {
        let report = path(&format!("{number}.json"));
        let outcome = verify(&["--shard", &format!("{number}/6"), "--report", &report], traces.path());
        let expected = if json(Path::new(&report))["verdicts"].to_string().contains("nonsense") { 1 } else { 0 };
        assert_eq!(outcome.code(), Some(expected), "{outcome}");
        parts.push(report);
    }
    let mut merge = airlock(["verify-merge", "--junit", &path("all.xml"), "--report", &path("all.json")]);
    merge.args(&parts);
    let merged = run(merge);
    assert_eq!(merged.code(), Some(1), "{merged}");
    assert!(merged.stdout.contains("nonsense.airtrace") && merged.stdout.contains("1 not replayed"), "{merged}");
    assert_eq!(statuses(&json(&at("all.json"))), statuses(&json(&at("whole.json"))));
    let xml = fs::read_to_string(at("all.xml")).expect("a report");
    assert_eq!(xml.matches("<testcase ").count(), 5, "{xml}");
    assert!(xml.contains("tests=\"5\"") && xml.contains("errors=\"1\""), "{xml}");

    // Without one shard, the merge is incomplete.
    let good: Vec<_> = parts.iter().filter(|part| !json(Path::new(part)).to_string().contains("nonsense")).collect();
    let mut merge = airlock(["verify-merge"]);
    merge.args(&good);
    let merged = run(merge);
    assert_eq!(merged.code(), Some(1), "{merged}");
    assert!(merged.stdout.contains("missing: ") && merged.stdout.contains("/6"), "{merged}");
    let mut twice = airlock(["verify-merge"]);
    twice.args([&parts[0], &parts[0]]);
    run(twice).refused(&["1.json is of part 1/6, and so is another one"]);
}

#[test]
fn wrong_parts_and_reports_are_refused() {
    let outcome = verify(&["--shard", "5/4"], &root().join("traces/golden"));
    assert_eq!(outcome.code(), Some(2), "{outcome}");
    assert!(outcome.stderr.contains("for example 3/16"), "{outcome}");
    let mut merge = airlock(["verify-merge"]);
    merge.arg(root().join("Cargo.toml"));
    run(merge).refused(&["Cargo.toml is no report of `airlock verify`"]);
}
