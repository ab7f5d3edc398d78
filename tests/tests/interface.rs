//! The interface: equal to the published one, documented, and every function of it called by a guest.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::{collections::BTreeSet, fs};

use airlock_tests::{
    interface::{functions, ours, structure, undocumented},
    programs::{airlock, guest, root, run},
};
use serde_json::Value;

/// `wit/structure.txt` holds the structure of the published package in this notation.
#[test]
fn the_structure_is_the_published_one() {
    let published = fs::read_to_string(root().join("wit/structure.txt")).expect("wit/structure.txt");
    let ours = structure(&ours());
    for (line, (expected, found)) in published.lines().zip(ours.lines()).enumerate() {
        assert_eq!(expected, found, "line {} of wit/structure.txt", line + 1);
    }
    assert_eq!(published.lines().count(), ours.lines().count());
}

#[test]
fn everything_is_documented() {
    assert_eq!(undocumented(&ours()), Vec::<String>::new());
}

/// The host counts calls by its own list of functions, which must be the interface's.
#[test]
fn the_hosts_list_is_the_interfaces() {
    let interface: BTreeSet<_> = functions(&ours()).into_iter().collect();
    let source = fs::read_to_string(root().join("guest-shim/host/src/v0_3/functions.rs")).expect("the list");
    let list: BTreeSet<_> = source
        .lines()
        .skip_while(|line| !line.starts_with("pub const FUNCTIONS"))
        .skip(1)
        .take_while(|line| line.starts_with("    \""))
        .map(|line| line.trim().trim_matches(['"', ',']).to_owned())
        .collect();
    assert_eq!(list, interface);
    assert_eq!(interface.len(), 229);
}

/// Functions of resources that the interface gives a guest no way to obtain.
const OUT_OF_REACH: [&str; 5] = [
    "gpu-canvas-context.configure",
    "gpu-canvas-context.get-configuration",
    "gpu-canvas-context.get-current-texture",
    "gpu-canvas-context.unconfigure",
    "gpu-uncaptured-error-event.error",
];

/// Every function is called by `api-tour`, which checks the results; exactly the asynchronous functions wait.
#[test]
fn every_function_is_called_and_only_those_wait_that_may() {
    let mut command = airlock(["run", "--stats=json"]);
    command.arg(guest("api-tour"));
    let outcome = run(command).succeeded();
    let json = outcome.stderr.lines().find(|line| line.starts_with('{')).expect("the statistics");
    let stats: Value = serde_json::from_str(json).expect("JSON");
    let named = |key: &str| -> BTreeSet<String> {
        let list = stats[key].as_array().expect("a list").iter();
        list.map(|entry| entry["function"].as_str().expect("a name").to_owned()).collect()
    };
    let called = named("calls");
    let expected: BTreeSet<_> =
        functions(&ours()).into_iter().filter(|name| !OUT_OF_REACH.contains(&name.as_str())).collect();
    let missing: Vec<_> = expected.difference(&called).collect();
    assert!(missing.is_empty(), "no guest calls {missing:?}");

    let may_wait = BTreeSet::from(
        [
            "gpu.request-adapter",
            "gpu-adapter.request-device",
            "gpu-buffer.map-async",
            "gpu-queue.on-submitted-work-done",
            "gpu-device.pop-error-scope",
            "gpu-device.create-compute-pipeline-async",
            "gpu-device.create-render-pipeline-async",
            "gpu-shader-module.get-compilation-info",
        ]
        .map(str::to_owned),
    );
    assert_eq!(named("waits"), may_wait);
    assert_eq!(stats["blocking_waits"], 0);
}
