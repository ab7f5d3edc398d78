//! Recording, replaying, minimizing and the flight recorder, of scripts.

use std::{fs, path::Path};

use airlock_tests::{
    processes::worker_of,
    programs::{Outcome, Running, airlock, run, signal},
    scratch,
};
use rustix::process::Signal;

use super::{run_in, script};

/// Runs a tool of `airlock` on a trace.
#[track_caller]
fn tool(words: &[&str], trace: &Path) -> Outcome {
    let mut command = airlock(words);
    command.arg(trace);
    run(command).succeeded()
}

/// A recording knows the script by its name, and replays without it.
#[test]
fn recordings_name_the_script_and_replay() {
    for (name, arguments) in [("compute.js", &["27"][..]), ("scene.js", &[]), ("heat.ts", &["9"])] {
        let folder = scratch();
        let trace = folder.path().join("script.airtrace");
        let source = folder.path().join(name);
        fs::copy(script(name), &source).expect("the script");
        fs::create_dir(folder.path().join("lib")).expect("a folder");
        fs::copy(script("lib/field.ts"), folder.path().join("lib/field.ts")).expect("its module");
        run_in(folder.path(), &["--record", trace.to_str().expect("a printable path")], &source, arguments).succeeded();
        let info = tool(&["trace", "info"], &trace);
        assert!(info.stdout.contains(&format!("{name}, blake3 ")), "{info}");
        // The trace is self-contained.
        fs::remove_file(&source).expect("the script is removed");
        tool(&["trace", "verify"], &trace);
        tool(&["replay"], &trace);
    }
}

/// An error among hundreds of calls of a script.
#[test]
fn a_script_s_mistake_is_minimized() {
    let folder = scratch();
    let text = "const adapter = await navigator.gpu.requestAdapter();
        const device = await adapter.requestDevice();
        for (let round = 0; round < 300; round++) {
            device.queue.writeBuffer(device.createBuffer({ size: 16, usage: 8 }), 0, new Uint32Array(4));
        }
        device.pushErrorScope('validation');
        device.createBuffer({ size: 16, usage: 0, label: 'wrong' });
        console.log((await device.popErrorScope()).constructor.name);";
    let source = folder.path().join("wrong.js");
    fs::write(&source, text).expect("the script");
    let (large, small) = (folder.path().join("large.airtrace"), folder.path().join("small.airtrace"));
    let outcome =
        run_in(folder.path(), &["--record", large.to_str().expect("a printable path")], &source, &[]).succeeded();
    assert_eq!(outcome.stdout, "GPUValidationError\n");
    let mut command = airlock(["trace", "minimize", "--keep", "validation-error"]);
    command.arg(&large).arg("-o").arg(&small);
    run(command).succeeded();
    let dump = tool(&["trace", "dump"], &small).stdout;
    assert!(dump.contains("wrong") && dump.contains("ScopePopped"), "{dump}");
    assert!(dump.lines().count() < 60, "{dump}");
    tool(&["replay"], &small);
    assert!(tool(&["trace", "info"], &small).stdout.contains("wrong.js"), "the small trace does not name the script");
}

/// Only a failing run leaves a trace, and that trace has the last submits before the failure.
#[test]
fn the_flight_recorder_keeps_the_end_of_a_script() {
    let folder = scratch();
    let flights = folder.path().join("flights");
    let options = ["--flight-recorder", flights.to_str().expect("a printable path")];
    run_in(folder.path(), &options, &script("compute.js"), &[]).succeeded();
    assert!(!flights.exists() || fs::read_dir(&flights).expect("a folder").next().is_none(), "nothing went wrong");

    let text = "const adapter = await navigator.gpu.requestAdapter();
        const device = await adapter.requestDevice();
        const lost = device.lost.then(() => { console.log('lost'); });
        console.log('begun');
        let over = false;
        lost.then(() => { over = true; });
        while (!over) { device.queue.submit([device.createCommandEncoder().finish()]); await device.queue.onSubmittedWorkDone(); }";
    let source = folder.path().join("endless.js");
    fs::write(&source, text).expect("the script");
    let mut command = airlock(["run"]);
    command.args(options).arg(&source);
    let running = Running::start(command);
    running.prints("begun");
    signal(worker_of(running.id()), Signal::KILL);
    let outcome = running.finish();
    assert!(outcome.stdout.ends_with("lost\n"), "{outcome}");
    let traces: Vec<_> = fs::read_dir(&flights).expect("a folder").map(|entry| entry.expect("a file").path()).collect();
    let [trace] = traces.as_slice() else { panic!("not one trace: {traces:?} {outcome}") };
    assert!(
        tool(&["trace", "info"], trace).stdout.contains("endless.js, blake3 "),
        "the trace does not name the script"
    );
    tool(&["replay"], trace);
}
