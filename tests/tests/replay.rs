//! `airlock replay` and `airlock verify`: replays equal the recording, and differences are named.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use airlock_protocol::{Command, codec, commands::shader::CreateShaderModule};
use airlock_tests::{
    processes::{mapped_files, wait_until, worker_of},
    programs::{LIMIT, Outcome, Running, airlock, guest, root, run},
    scratch,
};
use airlock_traces::{Trace, TraceFile, trace::Entry, trace::What};
use rustix::process::{Pid, Signal, kill_process};

/// Records a guest; returns the trace.
fn record(folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let path = folder.join(format!("{name}.airtrace"));
    let mut command = airlock(["run", "--record-readbacks", "--record"]);
    command.arg(&path).arg("--dir").arg(format!("{}::/out", folder.display())).arg(guest(name)).args(arguments);
    run(command).succeeded();
    path
}

fn replay(options: &[&str], path: &Path) -> Outcome {
    let mut command = airlock(["replay"]);
    command.args(options).arg(path);
    run(command)
}

fn report(options: &[&str], path: &Path) -> serde_json::Value {
    let outcome = replay(&[&["--json"], options].concat(), path);
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"))
}

fn load(path: &Path) -> Trace {
    Trace::load(&Arc::new(TraceFile::open(path).expect("a trace"))).expect("a whole trace")
}

/// Writes a changed trace beside the original.
fn save(trace: &Trace, path: &Path, name: &str) -> PathBuf {
    let changed = path.with_file_name(name);
    trace.write(File::create(&changed).expect("a file")).expect("the changed trace");
    changed
}

/// The pictures of a folder by name.
fn pictures(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("the folder was made").map(|entry| entry.expect("a file").path());
    entries
        .map(|path| (path.display().to_string(), fs::read(&path).expect("its bytes")))
        .map(|(path, bytes)| (path.rsplit('/').next().unwrap_or_default().to_owned(), bytes))
        .collect()
}

/// Every guest, twice, with all the pictures the same.
#[test]
fn every_guest_replays_twice_with_the_same_pictures() {
    let folder = scratch();
    fs::copy(root().join("tests/guests/plot/sample.csv"), folder.path().join("data.csv")).expect("the sample");
    let guests: [(&str, &[&str]); 10] = [
        // First, because it makes the input of image-filter.
        ("scene", &["/out/scene.png", "320", "200"]),
        ("image-filter", &["/out/scene.png", "/out/edges.png"]),
        ("collatz", &["27"]),
        ("matmul", &["67", "129", "31"]),
        ("mlp", &[]),
        ("nbody", &["128", "40"]),
        ("triangle", &["/out/t.png"]),
        ("plot", &["/out/data.csv", "/out/chart.png"]),
        ("draws", &["2", "300"]),
        ("api-tour", &[]),
    ];
    for (name, arguments) in guests {
        let path = record(folder.path(), name, arguments);
        let rounds = [1, 2].map(|round| {
            let images = folder.path().join(format!("{name}-{round}"));
            let outcome = replay(&["--save-images", images.to_str().expect("a printable path")], &path).succeeded();
            // Without probes too: nothing but the recorded commands.
            replay(&[], &path).succeeded();
            assert!(outcome.stdout.contains("as recorded"), "{outcome}");
            if images.is_dir() { pictures(&images) } else { BTreeMap::new() }
        });
        let [first, second] = &rounds;
        assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>(), "{name}");
        assert!(first == second, "{name}: the pictures of two replays differ");
        if ["scene", "triangle", "plot", "draws"].contains(&name) {
            assert!(!first.is_empty(), "{name}: there are no pictures");
        }
    }
}

/// The picture that the guest wrote is among those of the replay.
#[test]
fn a_saved_picture_is_what_the_guest_saw() {
    let folder = scratch();
    let path = record(folder.path(), "triangle", &["/out/t.png"]);
    let images = folder.path().join("images");
    replay(&["--save-images", images.to_str().expect("a printable path")], &path).succeeded();
    let decode = |path: &Path| {
        let mut reader = png::Decoder::new(std::io::BufReader::new(File::open(path).expect("a file")));
        reader.set_transformations(png::Transformations::ALPHA | png::Transformations::STRIP_16);
        let mut reader = reader.read_info().expect("a PNG");
        let mut bytes = vec![0; reader.output_buffer_size().expect("its size")];
        reader.next_frame(&mut bytes).expect("its pixels");
        bytes
    };
    let expected = decode(&folder.path().join("t.png"));
    let names: Vec<_> = pictures(&images).into_keys().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].contains("picture"), "it is not named by its label: {names:?}");
    assert!(decode(&images.join(&names[0])) == expected, "another picture than the guest's");
}

/// One byte of one readback is changed in the trace: exactly that command is reported.
#[test]
fn a_changed_readback_is_reported_at_its_command() {
    let folder = scratch();
    let path = record(folder.path(), "nbody", &["128", "40"]);
    let mut trace = load(&path);
    let maps: Vec<_> = trace
        .commands()
        .filter_map(|(number, _, bytes)| match codec::decode_command(bytes) {
            Ok(Command::MapBuffer(map)) => Some((number, map.request)),
            _ => None,
        })
        .collect();
    let &(number, request) = maps.last().expect("nbody maps");
    let entry = trace.entries.iter().position(|entry| matches!(&entry.what, What::Readback(r) if r.request == request));
    let entry = entry.expect("its readback");
    let What::Readback(mut readback) = trace.entries[entry].what.clone() else { panic!("it is a readback") };
    let mut bytes = trace.blobs.readback(&readback).expect("payloads").expect("bytes were asked for");
    bytes[5] ^= 1;
    readback.digest = Some(airlock_traces::format::Digest::of(&bytes));
    let len = u32::try_from(bytes.len()).expect("a short one");
    readback.pieces = vec![(len, trace.blobs.add(bytes))];
    trace.entries[entry].what = What::Readback(readback);
    let changed = save(&trace, &path, "changed.airtrace");

    let outcome = replay(&[], &changed);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(outcome.stdout.contains("MapBuffer"), "{outcome}");
    let report = report(&[], &changed);
    assert_eq!(report["outcome"]["diverged"]["command"], number, "{report}");
    replay(&["--no-check"], &changed).succeeded();
    replay(&["--tolerance", "1"], &changed).succeeded();
}

/// Puts a command before the first error scope.
fn insert(trace: &mut Trace, command: &Command<'_>) -> u64 {
    let mut bytes = Vec::new();
    codec::encode_command(command, &mut bytes).expect("every command has bytes");
    let is_scope = |bytes: &[u8]| matches!(codec::decode_command(bytes), Ok(Command::PushErrorScope(_)));
    let (number, place, _) = trace.commands().find(|(_, _, bytes)| is_scope(bytes)).expect("there is a scope");
    let (session, time) = (trace.entries[place].session, trace.entries[place].time);
    trace.entries.insert(place, Entry { session, time, what: What::Command(bytes.into()) });
    number
}

/// An error that was not recorded is located at exactly its command, though errors arrive without a request.
#[test]
fn an_error_that_was_not_recorded_is_located() {
    let folder = scratch();
    let path = record(folder.path(), "nbody", &["128", "40"]);
    let mut trace = load(&path);
    let module = airlock_protocol::ids::ShaderModuleId(99);
    let mistake =
        CreateShaderModule { device: airlock_protocol::ids::DeviceId(0), module, label: "broken", code: "fn" };
    let number = insert(&mut trace, &mistake.into());
    let changed = save(&trace, &path, "mistake.airtrace");
    let outcome = replay(&[], &changed);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    let report = report(&[], &changed);
    let found = &report["outcome"]["diverged"];
    assert_eq!(found["command"], number, "{report}");
    assert_eq!(found["name"], "CreateShaderModule", "{report}");
    assert!(found["objects"].to_string().contains("broken"), "{report}");
}

/// Timestamps are never the same twice; that is reported and is no divergence.
#[test]
fn timestamps_are_not_compared_and_it_is_said() {
    let folder = scratch();
    let path = record(folder.path(), "api-tour", &["query_set"]);
    for _ in 0..3 {
        let report = report(&[], &path);
        assert_eq!(report["outcome"], "same", "{report}");
        let not = report["not_compared"].to_string();
        assert!(not.contains("timestamp"), "{report}");
        assert!(report["readbacks"].as_u64() > Some(0), "{report}");
    }
    let text = replay(&[], &path).succeeded().stdout;
    assert!(text.contains("timestamp"), "{text}");
}

#[test]
fn a_dead_worker_is_a_result() {
    let folder = scratch();
    let path = record(folder.path(), "nbody", &["1024", "400"]);
    let mut command = airlock(["replay", "--json", "--loop", "50"]);
    command.arg(&path);
    let running = Running::start(command);
    let worker = worker_of(running.id());
    // The replay has requested its adapter.
    wait_until("driver in the worker", LIMIT, || mapped_files(worker).iter().any(|file| file.contains("vulkan")));
    let pid = i32::try_from(worker).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::KILL).expect("it runs");
    let outcome = running.finish();
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    assert!(outcome.stdout.contains("SIGKILL"), "{outcome}");
}

#[test]
fn until_stops_where_it_is_told() {
    let folder = scratch();
    let path = record(folder.path(), "nbody", &["128", "40"]);
    for until in [0, 1, 17, 60] {
        let report = report(&["--until", &until.to_string()], &path);
        assert_eq!(report["outcome"], "same", "{report}");
        assert_eq!(report["commands"], until + 1, "{report}");
    }
}

#[test]
fn buffers_and_times_are_saved() {
    let folder = scratch();
    let path = record(folder.path(), "collatz", &["27"]);
    let buffers = folder.path().join("buffers");
    replay(&["--save-buffers", buffers.to_str().expect("a printable path")], &path).succeeded();
    let files = pictures(&buffers);
    let bytes = files.values().next().expect("one readback");
    let last = bytes.last_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
    assert_eq!((files.len(), bytes.len(), last), (1, 27 * 4, Some(111)), "27 takes 111 steps");

    let times = folder.path().join("times.json");
    replay(&[&format!("--timing={}", times.display())], &path).succeeded();
    let json: serde_json::Value = serde_json::from_slice(&fs::read(&times).expect("the file")).expect("JSON");
    assert_eq!(json["submits"].as_array().map(Vec::len), Some(2), "{json}");
    assert!(json["passes"].as_array().is_some_and(|passes| !passes.is_empty()), "{json}");
    assert!(json["submits"][0]["wall_ns"].as_u64() > Some(0), "{json}");
}

/// On an adapter that executes nothing, replies and errors are the same and readbacks are not; that is reported.
#[test]
fn another_adapter_is_compared_as_far_as_it_makes_sense() {
    let folder = scratch();
    let path = record(folder.path(), "collatz", &["27"]);
    let report = report(&["--adapter", "noop"], &path);
    assert_eq!(report["outcome"], "same", "{report}");
    assert!(report["differing"].to_string().contains("readback"), "{report}");
}

/// The folder of golden traces, as CI replays it.
#[test]
fn the_golden_traces_replay() {
    let folder = scratch();
    let junit = folder.path().join("report.xml");
    let mut command = airlock(["verify", "--junit"]);
    command.arg(&junit).arg(root().join("traces/golden"));
    let outcome = run(command).succeeded();
    let xml = fs::read_to_string(junit).expect("the report");
    let traces = xml.matches("<testcase").count();
    assert!(traces >= 12, "{traces} traces: {outcome}");
    assert!(xml.contains("failures=\"0\"") && xml.contains("errors=\"0\""), "{xml}");
}

/// A reference beside a trace is compared, and `--bless` renews it.
#[test]
fn references_are_compared_and_blessed() {
    let folder = scratch();
    let path = record(folder.path(), "collatz", &["27"]);
    let verify = |options: &[&str]| {
        let mut command = airlock(["verify"]);
        command.args(options).arg(folder.path());
        run(command)
    };
    verify(&[]).succeeded();
    verify(&["--bless"]).succeeded();
    let reference = fs::read_dir(folder.path())
        .expect("the folder")
        .map(|entry| entry.expect("a file").path())
        .find(|path| path.extension().is_some_and(|ending| ending == "json"))
        .expect("a reference");
    verify(&[]).succeeded();
    let json = fs::read_to_string(&reference).expect("the reference");
    let at = json.find("\"digest\": \"").expect("a digest") + 11;
    let other = if &json[at..=at] == "0" { "1" } else { "0" };
    fs::write(&reference, format!("{}{other}{}", &json[..at], &json[at + 1..])).expect("a wrong reference");
    let outcome = verify(&[]);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(outcome.stdout.contains("MapBuffer"), "{outcome}");
    verify(&["--bless"]).succeeded();
    verify(&[]).succeeded();
    assert!(path.is_file());
}

#[test]
fn foreign_files_are_one_clear_error() {
    let folder = scratch();
    let text = folder.path().join("text.airtrace");
    fs::write(&text, "hello").expect("a file");
    for command in [&["replay"][..], &["trace", "info"], &["trace", "dump"], &["trace", "verify"]] {
        let mut command = airlock(command);
        command.arg(&text);
        run(command).refused(&["not a trace"]);
    }
    let mut command = airlock(["replay"]);
    command.arg(folder.path().join("missing.airtrace"));
    run(command).refused(&["missing.airtrace", "No such file"]);
}
