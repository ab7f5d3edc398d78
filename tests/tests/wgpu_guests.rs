//! Programs written on wgpu, as components. Their output and pictures equal those of the same programs on wgpu's own
//! Vulkan backend with the same software adapter, kept in `guests/wgpu/expected` by `guests/wgpu/compare.sh --renew`.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use airlock_tests::{
    programs::{Outcome, airlock, root, run},
    recordings::commands,
    scratch,
};

/// Maximum difference of a channel from the kept picture: software adapters compile for the detected processor, and
/// round differently with and without fused multiply-add. `compare.sh` requires equal bytes on one machine.
const TOLERANCE: u8 = 3;
/// Channels per thousand that may differ by more: edges that such a difference moves by a pixel.
const OUTLIERS: usize = 2;

/// A file of `guests/wgpu`.
fn file(name: &str) -> PathBuf {
    root().join("tests/guests/wgpu").join(name)
}

/// The component of a program: in the folder `AIRLOCK_WGPU_GUESTS` if that is set, otherwise the prebuilt one.
fn component(name: &str) -> PathBuf {
    let folder = std::env::var_os("AIRLOCK_WGPU_GUESTS").map_or_else(|| file("prebuilt"), PathBuf::from);
    folder.join(format!("{name}.wasm"))
}

/// A worker's deadlines, all ten minutes: a software adapter on a busy machine needs longer for `vello`'s one submit, and for
/// the commands around it, than the defaults allow.
const PATIENT: [&str; 8] = [
    "--worker",
    "gpu-timeout=600",
    "--worker",
    "compile-timeout=600",
    "--worker",
    "command-timeout=600",
    "--worker",
    "client-timeout=600",
];

/// Runs a program in `folder`, its working directory.
fn runs(folder: &Path, name: &str, arguments: &[&str]) -> Outcome {
    let mut command = airlock(["run"]);
    command.args(PATIENT).arg("--dir").arg(format!("{}::.", folder.display())).arg(component(name)).args(arguments);
    run(command)
}

/// Runs a program whose output is the same on every machine.
fn prints(name: &str) {
    prints_as(name, name);
}

/// The same for a component of another name than its program.
fn prints_as(component: &str, program: &str) {
    let outcome = runs(scratch().path(), component, &[]).succeeded();
    let expected =
        std::fs::read_to_string(file(&format!("expected/{program}.txt"))).expect("the output of the native program");
    assert_eq!(outcome.stdout, expected, "{outcome}");
}

/// Runs a program that draws, and compares its picture with the kept one.
fn draws(name: &str) {
    let folder = scratch();
    let outcome = runs(folder.path(), name, &["picture.png"]).succeeded();
    let (size, drawn) = picture(&folder.path().join("picture.png"));
    let (expected_size, expected) = picture(&file(&format!("expected/{name}.png")));
    assert_eq!(size, expected_size, "{outcome}");
    let further = drawn.iter().zip(&expected).filter(|(a, b)| a.abs_diff(**b) > TOLERANCE).count();
    assert!(further * 1000 <= drawn.len() * OUTLIERS, "{further} of {} channels differ: {outcome}", drawn.len());
}

fn picture(path: &Path) -> ((u32, u32), Vec<u8>) {
    let decoder = png::Decoder::new(BufReader::new(File::open(path).expect("the picture was written")));
    let mut reader = decoder.read_info().expect("the picture is a PNG");
    let mut bytes = vec![0; reader.output_buffer_size().expect("its size")];
    let info = reader.next_frame(&mut bytes).expect("its pixels");
    bytes.truncate(info.buffer_size());
    ((info.width, info.height), bytes)
}

#[test]
fn compute() {
    prints("compute");
    let outcome = runs(scratch().path(), "compute", &["27"]).succeeded();
    assert!(outcome.stdout.trim_end().ends_with(", 111]"), "27 takes 111 steps: {outcome}");
}

/// An error that `main` returns is printed to standard error, and the program fails.
#[test]
fn an_error_of_main() {
    let outcome = runs(scratch().path(), "compute", &["many"]);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(outcome.stderr.contains("ParseIntError"), "{outcome}");
}

#[test]
fn render() {
    draws("render");
}

/// Records a run in `folder`, and returns the path of the recording.
fn records(folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let trace = folder.join(name.replace('/', "-") + ".airtrace");
    let mut command = airlock(["run", "--record"]);
    command.arg(&trace).args(PATIENT).arg("--dir").arg(format!("{}::.", folder.display()));
    command.arg(component(name)).args(arguments);
    run(command).succeeded();
    trace
}

/// Built for `wasm32-unknown-unknown`, where std prints nothing: the program makes the calls of the usual build, and reads the same
/// numbers.
#[test]
fn a_program_without_wasi_in_std() {
    let folder = scratch();
    let traces = ["unknown/compute", "compute"].map(|name| records(folder.path(), name, &[]));
    let mut diff = airlock(["trace", "diff"]);
    diff.args(&traces);
    let outcome = run(diff).succeeded();
    assert!(outcome.stdout.contains("the same: "), "{outcome}");
}

/// With the feature `passes`, the same commands cross as lists: the recording and the picture are those of the calls.
#[test]
fn passes_as_lists() {
    let folder = scratch();
    let record = |name: &str| commands(&records(folder.path(), name, &["picture.png"]));
    let (lists, calls) = (record("lists/render"), record("render"));
    assert!(lists.iter().any(|command| command.contains("ExecuteBundles")), "no bundle in {lists:?}");
    assert_eq!(lists, calls);
    prints_as("lists/draws", "draws");
}

#[test]
fn the_api_part_by_part() {
    prints("api");
}

/// A host may examine its devices in `map-async` alone, and resolve `on-submitted-work-done` no earlier. A wait ends there, too, if a
/// map follows the request before the wait begins. The program's buffers are labelled by the waits that they come after.
#[test]
fn each_wait_has_a_map_after_its_request() {
    let folder = scratch();
    let commands = commands(&records(folder.path(), "api", &[]));
    let (mut unanswered, mut requests, mut waits, mut hidden) = (0, 0, 0, 0);
    for command in &commands {
        if command.starts_with(r#"{"OnSubmittedWorkDone""#) {
            unanswered += 1;
            requests += 1;
        } else if command.starts_with(r#"{"MapBuffer""#) {
            unanswered = 0;
        } else if command.contains(r#""label":"waited for"#) || command.contains(r#""label":"polled for"#) {
            assert_eq!(unanswered, 0, "before {command} in {commands:#?}");
            waits += 1;
        } else if command.contains(r#""label":"progress of wgpu-wasi""#) {
            hidden += 1;
        }
    }
    assert_eq!((unanswered, waits, hidden), (0, 4, 1), "of {requests} requests, in {commands:#?}");
}

/// The buffer whose maps follow these requests is refused where the device has no room for it. The program's error scopes do not
/// catch that, and its waits end.
#[test]
fn waits_without_room_for_a_buffer() {
    let folder = scratch();
    let trace = folder.path().join("crowded.airtrace");
    let mut command = airlock(["run", "--worker", "max-objects=1", "--record"]);
    command.arg(&trace).arg(component("api")).arg("crowded");
    let outcome = run(command).succeeded();
    assert_eq!(outcome.stdout, "waited: no error\nwaited: no error\n", "{outcome}");
    let commands = commands(&trace);
    let refused = commands.iter().filter(|command| command.contains("progress of wgpu-wasi")).count();
    let maps = commands.iter().filter(|command| command.starts_with(r#"{"MapBuffer""#)).count();
    assert_eq!((refused, maps), (1, 0), "{commands:#?}");
}

/// wgpu panics for an uncaught error, also when the program never waits for the GPU.
#[test]
fn an_error_that_nothing_catches() {
    for case in ["uncaught", "uncaught-and-waiting", "uncaught-absent"] {
        let outcome = runs(scratch().path(), "api", &[case]);
        assert_ne!(outcome.code(), Some(0), "{case}: {outcome}");
        assert!(outcome.stderr.contains("wgpu error: Validation Error"), "{case}: {outcome}");
        assert_eq!(outcome.stdout.contains("went on"), case == "uncaught", "{case}: {outcome}");
    }
}

#[test]
fn the_exit_code_of_the_program() {
    let outcome = runs(scratch().path(), "api", &["exit"]);
    assert_eq!(outcome.code(), Some(1), "WASI has two exit codes, and 1 is failure: {outcome}");
}

/// A network that is trained on the adapter, and the picture that it draws then. A difference in rounding is in every step.
#[test]
fn learn() {
    draws("learn");
}

/// `wgpu-profiler`, a published crate.
#[test]
fn profiler() {
    prints("profiler");
}

/// `glyphon`, a published crate.
#[test]
fn text() {
    draws("text");
}

/// `vello`, a published crate.
#[test]
fn vector() {
    draws("vector");
}

/// `egui-wgpu`, a published crate.
#[test]
fn gui() {
    draws("gui");
}

#[test]
fn draws_as_many_as_the_bare_interface() {
    prints("draws");
}
