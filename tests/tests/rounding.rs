//! A trace on another processor: differences by rounding, and other results. llvmpipe compiles for the detected
//! processor, and behaves as on another one when told to use fewer instructions.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use airlock_tests::{
    programs::{Outcome, airlock, guest, root, run},
    scratch,
};
use airlock_traces::{Trace, TraceFile, format::Digest, format::Readback, trace::What};
use serde_json::Value;

/// A processor without fused multiply-add and without vectors of 256 bits.
const OLDER: (&str, &str) = ("GALLIUM_OVERRIDE_CPU_CAPS", "sse4.1");

/// The same instructions in vectors of 128 bits.
const NARROWER: (&str, &str) = ("LP_NATIVE_VECTOR_WIDTH", "128");

/// A command whose drivers have the machine's own width of vectors, whatever the suite runs with.
fn plain<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = airlock(arguments);
    command.env_remove(NARROWER.0);
    command
}

/// Records a guest as on that other processor.
fn record(folder: &Path, name: &str, arguments: &[&str], on: (&str, &str)) -> PathBuf {
    let path = folder.join(format!("{name}.airtrace"));
    let mut command = plain(["run", "--record-readbacks", "--record"]);
    command.arg(&path).arg("--dir").arg(format!("{}::/out", folder.display())).arg(guest(name)).args(arguments);
    run(on_processor(command, on)).succeeded();
    path
}

fn on_processor(mut command: Command, (variable, value): (&str, &str)) -> Command {
    command.env(variable, value);
    command
}

fn replay(path: &Path) -> Outcome {
    let mut command = plain(["replay"]);
    command.arg(path);
    run(command)
}

fn report(path: &Path) -> Value {
    let mut command = plain(["replay", "--json"]);
    command.arg(path);
    let outcome = run(command);
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"))
}

/// Changes the bytes of the nth readback, as if the recorded run had returned them.
fn change(path: &Path, nth: usize, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut trace = Trace::load(&Arc::new(TraceFile::open(path).expect("a trace"))).expect("a whole trace");
    let Trace { entries, blobs, .. } = &mut trace;
    let mut readbacks = entries.iter_mut().filter_map(|entry| match &mut entry.what {
        What::Readback(readback) => Some(readback),
        _ => None,
    });
    let readback: &mut Readback = readbacks.nth(nth).expect("so many readbacks");
    let mut bytes = blobs.readback(readback).expect("its payloads").expect("its bytes");
    change(&mut bytes);
    readback.digest = Some(Digest::of(&bytes));
    readback.pieces = bytes
        .chunks(1 << 20)
        .map(|piece| (u32::try_from(piece.len()).expect("a short piece"), blobs.add(piece.to_vec())))
        .collect();
    let changed = path.with_file_name(name);
    trace.write(File::create(&changed).expect("a file")).expect("the changed trace");
    changed
}

/// True where this machine's processor rounds otherwise than [`OLDER`]: with fused multiply-add.
fn fuses() -> bool {
    let processors = fs::read_to_string("/proc/cpuinfo").expect("the processors");
    processors.lines().filter(|line| line.starts_with("flags")).any(|line| line.split(' ').any(|flag| flag == "fma"))
}

#[test]
fn another_processor_rounds_pictures_and_the_report_says_so() {
    let folder = scratch();
    let path = record(folder.path(), "scene", &["/out/scene.png", "320", "200"], OLDER);
    let report = report(&path);
    assert_eq!(report["outcome"], "same", "{report}");
    assert_eq!(report["readbacks"], 3, "{report}");
    if fuses() {
        let rounded = report["rounded"].as_array().expect("a list");
        assert!(!rounded.is_empty(), "{report}");
        for rounded in rounded {
            let measure = &rounded["measure"];
            assert!(measure["what"].as_str().is_some_and(|what| what.contains("320 x 200 texels")), "{measure}");
            let (differing, values) = (measure["differing"].as_u64(), measure["values"].as_u64());
            assert!(differing > Some(0) && differing < values && values == Some(64_000), "{measure}");
            assert!(measure["flip"].as_f64().is_some_and(|flip| flip < 0.01), "{measure}");
        }
        let text = replay(&path).succeeded();
        assert!(text.stdout.starts_with("the same but for rounding"), "{text}");
        assert!(text.stdout.contains("FLIP"), "{text}");
    }
}

/// The trace names the processor, without which the adapter's name would promise the same bits.
#[test]
fn a_trace_names_the_processor_of_a_software_adapter() {
    let folder = scratch();
    let path = record(folder.path(), "collatz", &["27"], NARROWER);
    let mut command = plain(["trace", "info"]);
    command.arg(&path);
    let info = run(command).succeeded();
    let processors = fs::read_to_string("/proc/cpuinfo").expect("the processors");
    if let Some(model) = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")) {
        assert!(info.stdout.contains(&format!("compiled for {}", model.1.trim())), "{info}");
    }
    let noop = folder.path().join("noop.airtrace");
    let mut command = plain(["run", "--adapter", "noop", "--record"]);
    command.arg(&noop).arg(guest("draws")).args(["1", "1"]);
    run(command);
    let file = TraceFile::open(&noop).expect("a trace");
    assert!(!file.devices().is_empty());
}

#[test]
fn one_texel_moved_by_two_rows_is_another_result() {
    let folder = scratch();
    let path = record(folder.path(), "triangle", &["/out/triangle.png"], OLDER);
    let row = 256 * 4;
    let moved = change(&path, 0, "moved.airtrace", |bytes| {
        assert_eq!(bytes.len(), 256 * row, "a picture of 256 x 256 texels");
        // A texel of the background gets a color that does not occur nearby; in the second trace it lies two rows
        // below.
        bytes[10 * row + 40..10 * row + 44].copy_from_slice(&[1, 254, 3, 255]);
    });
    let by_two = change(&moved, 0, "by-two.airtrace", |bytes| {
        bytes.copy_within(30 * row + 40..30 * row + 44, 10 * row + 40);
        bytes[12 * row + 40..12 * row + 44].copy_from_slice(&[1, 254, 3, 255]);
    });
    for path in [&moved, &by_two] {
        let outcome = replay(path);
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        assert!(outcome.stdout.contains("another result") && outcome.stdout.contains("texel (10, "), "{outcome}");
    }
    assert_eq!(report(&path)["outcome"], "same");

    // `verify` shows it.
    let junit = folder.path().join("report.xml");
    let mut command = plain(["verify", "--junit"]);
    command.arg(&junit).arg(&by_two);
    let outcome = run(command);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    for side in ["expected", "found", "difference"] {
        let pictures = fs::read_dir(folder.path().join("report-pictures")).expect("the pictures");
        let names = pictures.map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned());
        let picture = names.into_iter().find(|name| name.ends_with(&format!("-{side}.png"))).expect(side);
        let file = File::open(folder.path().join("report-pictures").join(&picture)).expect("a picture");
        let reader = png::Decoder::new(std::io::BufReader::new(file)).read_info().expect("a PNG");
        assert_eq!((reader.info().width, reader.info().height), (256, 256), "{picture}");
    }
}

#[test]
fn integers_stay_exact_and_floats_may_be_rounded() {
    let folder = scratch();
    let integers = record(folder.path(), "collatz", &["27"], OLDER);
    assert_eq!(report(&integers)["outcome"], "same");
    let other = change(&integers, 0, "other.airtrace", |bytes| bytes[0] = bytes[0].wrapping_add(1));
    let outcome = replay(&other);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(outcome.stdout.contains("another result") && outcome.stdout.contains("at byte 0 "), "{outcome}");

    // The last bit of a float is rounding; a difference that is far larger is not.
    let floats = record(folder.path(), "matmul", &["33", "17", "9"], OLDER);
    let of = |name: &str, by: u32| {
        change(&floats, 0, name, |bytes| {
            let word = bytes.first_chunk_mut().expect("a float");
            *word = (u32::from_le_bytes(*word) ^ by).to_le_bytes();
        })
    };
    let rounded = report(&of("rounded.airtrace", 1));
    assert_eq!(rounded["outcome"], "same", "{rounded}");
    assert_eq!(rounded["rounded"][0]["measure"]["what"], "floats", "{rounded}");
    let outcome = replay(&of("wrong.airtrace", 1 << 17));
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(outcome.stdout.contains("another result"), "{outcome}");
}

/// On the machine of the recording, every bit is compared.
#[test]
fn the_same_processor_is_compared_bit_by_bit() {
    let folder = scratch();
    let path = record(folder.path(), "matmul", &["33", "17", "9"], ("UNUSED", ""));
    assert_eq!(report(&path)["rounded"], Value::Array(Vec::new()));
    let other = change(&path, 0, "other.airtrace", |bytes| bytes[0] ^= 1);
    let outcome = replay(&other);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(!outcome.stdout.contains("another result"), "{outcome}");
}

/// A digest alone cannot be compared on another processor: neither passed nor failed.
#[test]
fn a_digest_alone_is_not_comparable_on_another_processor() {
    let folder = scratch();
    let path = record(folder.path(), "triangle", &["/out/triangle.png"], OLDER);
    let mut trace = Trace::load(&Arc::new(TraceFile::open(&path).expect("a trace"))).expect("a whole trace");
    for entry in &mut trace.entries {
        if let What::Readback(readback) = &mut entry.what {
            readback.pieces.clear();
            readback.digest = Some(Digest::of(b"another picture"));
        }
    }
    let digest = folder.path().join("digest.airtrace");
    trace.write(File::create(&digest).expect("a file")).expect("the changed trace");
    let outcome = replay(&digest).succeeded();
    assert!(outcome.stdout.starts_with("not comparable on this processor"), "{outcome}");
    let junit = folder.path().join("report.xml");
    let mut command = plain(["verify", "--junit"]);
    command.arg(&junit).arg(&digest);
    let outcome = run(command).succeeded();
    assert!(outcome.stdout.contains("1 not comparable on this processor"), "{outcome}");
    let xml = fs::read_to_string(junit).expect("the report");
    assert!(xml.contains("<skipped") && xml.contains("failures=\"0\""), "{xml}");
}

/// Golden traces are portable: on two other processors none fails, and each with only digests has a twin with bytes.
#[test]
fn the_golden_traces_replay_on_other_processors() {
    for on in [NARROWER, OLDER] {
        let mut command = plain(["verify", "--json"]);
        command.arg(root().join("traces/golden"));
        let outcome = run(on_processor(command, on)).succeeded();
        let verdicts: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
        let status = |name: &str| {
            let file = |verdict: &&Value| {
                verdict["file"].as_str().is_some_and(|file| file.ends_with(&format!("/{name}.airtrace")))
            };
            verdicts.as_array().expect("a list").iter().find(file).map(|verdict| verdict["status"].clone())
        };
        for twin in ["chart", "copies", "draws", "filter", "scene", "triangle"] {
            let status = status(&format!("{twin}-bytes")).unwrap_or_else(|| panic!("{twin} has no twin"));
            assert!(status == "passed" || status == "rounded", "{twin} on {on:?}: {status}");
        }
    }
}
