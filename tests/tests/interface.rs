//! The interface: equal to the published one, documented, and every function of it called by a guest.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::{collections::BTreeSet, fs};

use airlock_tests::{
    components::with_webgpu,
    interface::{BESIDE, DEPLOYED, functions, ours, packages, structure, undocumented},
    programs::{airlock, guest, root, run},
    scratch,
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

/// The same for the packages beside it: `structure.txt` is in the folder of each.
#[test]
fn the_structure_of_surfaces_and_earlier_versions_is_the_published_one() {
    for (name, folders) in BESIDE.into_iter().chain(DEPLOYED) {
        let file = root().join(folders.last().expect("a folder")).join("structure.txt");
        let published = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let ours = structure(&packages(folders));
        let start = ours.find(&format!("package {name}\n")).unwrap_or_else(|| panic!("no {name} in {folders:?}"));
        let rest = &ours[start..];
        let end = rest[1..].find("\npackage ").map_or(rest.len(), |end| end + 2);
        assert_eq!(rest[..end], published, "{name}");
    }
}

#[test]
fn everything_is_documented() {
    assert_eq!(undocumented(&ours()), Vec::<String>::new());
    for (_, folders) in BESIDE {
        assert_eq!(undocumented(&packages(folders)), Vec::<String>::new());
    }
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

/// `wasi:webgpu@0.2.0-rc.2` is the same interface under another name: a component that imports it calls every function with the
/// same results.
#[test]
fn the_earlier_version_is_an_alias() {
    let folder = scratch();
    for name in ["collatz", "api-tour"] {
        let path = folder.path().join(format!("{name}.wasm"));
        let component = fs::read(guest(name)).expect("the guest");
        fs::write(&path, with_webgpu(&component, "wasi:webgpu/webgpu@0.2.0-rc.2")).expect("a file");
        let trace = folder.path().join(format!("{name}.airtrace"));
        let mut command = airlock(["run", "--record"]);
        command.arg(&trace).arg(&path);
        run(command).succeeded();
        let mut command = airlock(["trace", "info"]);
        command.arg(&trace);
        let outcome = run(command).succeeded();
        assert!(outcome.stdout.contains("wasi:webgpu 0.2.0-rc.2\n"), "{outcome}");
    }
    // Any other version is refused.
    let path = folder.path().join("other.wasm");
    let component = fs::read(guest("collatz")).expect("the guest");
    fs::write(&path, with_webgpu(&component, "wasi:webgpu/webgpu@0.2.0-rc.1")).expect("a file");
    let mut command = airlock(["run"]);
    command.arg(&path);
    run(command).refused(&["0.2.0-rc.1", "0.3.0-rc.2, 0.2.0-rc.2 and 0.0.1 only"]);
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
