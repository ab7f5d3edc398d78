//! The conformance tests in `tests/conformance`, and their coverage.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use airlock_tests::{
    interface::{functions, ours},
    programs::{airlock, root, run},
};
use serde_json::Value;

/// Functions that the suite tests through the web's class, because guests of this host have no object for them.
const EMULATED: [&str; 4] = [
    "gpu-canvas-context.configure",
    "gpu-canvas-context.get-configuration",
    "gpu-canvas-context.get-current-texture",
    "gpu-canvas-context.unconfigure",
];

/// The suite checks itself. Each function of the interface has tests of valid and invalid arguments and of bounds, or a
/// reason for not having them; and each function was really called.
#[test]
fn every_function_is_tested_and_does_what_the_specification_says() {
    let folder = root().join("tests/conformance");
    let mut command = airlock(["run", "--stats=json", "--dir"]);
    command.arg(format!("{}::/tests", folder.display())).arg(folder.join("run.js")).arg("--json");
    let outcome = run(command);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"));
    let results = report["results"].as_array().expect("results");
    let failed: Vec<_> = results.iter().filter(|result| result["outcome"] == "fail").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let outcome = outcome.succeeded();
    assert!(report["passed"].as_u64().is_some_and(|passed| passed >= 700), "{outcome}");

    let mut kinds: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for result in results {
        if let (Some(function), Some(kind)) = (result["of"].as_str(), result["kind"].as_str()) {
            kinds.entry(function).or_default().insert(kind);
        }
    }
    let out_of_reach = report["outOfReach"].as_object().expect("reasons by names");
    let interface = functions(&ours());
    for function in &interface {
        let found = kinds.get(function.as_str()).map_or(0, BTreeSet::len);
        assert_ne!(
            found == 3,
            out_of_reach.contains_key(function),
            "{function} has {found} kinds of tests in tests/conformance"
        );
    }
    let known: BTreeSet<_> = interface.iter().map(String::as_str).collect();
    let named = kinds.keys().copied().chain(out_of_reach.keys().map(String::as_str));
    assert_eq!(
        named.filter(|name| !known.contains(name)).collect::<Vec<_>>(),
        Vec::<&str>::new(),
        "not in the interface"
    );

    let json = outcome.stderr.lines().find(|line| line.starts_with('{')).expect("the statistics");
    let stats: Value = serde_json::from_str(json).expect("JSON");
    let called: BTreeSet<_> =
        stats["calls"].as_array().expect("a list").iter().filter_map(|call| call["function"].as_str()).collect();
    let silent: Vec<_> = kinds.keys().filter(|name| !called.contains(**name) && !EMULATED.contains(name)).collect();
    assert!(silent.is_empty(), "tested without a call: {silent:?}");
}

/// Each expected failure has its reason in the data, and names an existing test.
#[test]
fn expected_failures_have_reasons() {
    let text = fs::read_to_string(root().join("tests/conformance/expected.json")).expect("expected.json");
    let expected: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_str(&text).expect("reasons by names by hosts");
    for (host, reasons) in &expected {
        for (name, reason) in reasons {
            assert!(reason.split(' ').count() >= 4, "{host}: {name}: {reason:?} is no reason");
        }
    }
}
