//! Standard output that is closed, or full: every command ends quietly on the first, and with an error on the second.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    fs::OpenOptions,
    io::pipe,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use airlock_tests::{
    programs::{airlock, command, guest, run},
    scratch,
};

/// The exit code and the standard error of a program with this standard output.
fn ends(mut command: Command, stdout: impl Into<Stdio>) -> (Option<i32>, String) {
    let child = command.stdout(stdout).stderr(Stdio::piped()).spawn().expect("the program starts");
    let output = child.wait_with_output().expect("its end");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The writing end of a pipe without a reader.
fn closed() -> Stdio {
    let (_, writer) = pipe().expect("a pipe");
    writer.into()
}

/// A full device.
fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").expect("/dev/full").into()
}

fn record(folder: &Path) -> PathBuf {
    let trace = folder.join("collatz.airtrace");
    let mut command = airlock(["run", "--record"]);
    command.arg(&trace).arg(guest("collatz")).arg("27");
    run(command).succeeded();
    trace
}

/// Commands that print. `TRACE` stands for a trace, `OTHER` for another, and `DIR` for a folder.
const PRINTING: &[&[&str]] = &[
    &["airlock", "trace", "info", "TRACE"],
    &["airlock", "trace", "info", "--json", "TRACE"],
    &["airlock", "trace", "dump", "TRACE"],
    &["airlock", "trace", "dump", "--json", "TRACE"],
    &["airlock", "trace", "dump", "--submits", "TRACE"],
    &["airlock", "trace", "verify", "TRACE"],
    &["airlock", "trace", "verify", "--json", "TRACE"],
    &["airlock", "trace", "diff", "TRACE", "OTHER"],
    &["airlock", "trace", "trim", "TRACE", "-o", "DIR/trimmed", "--last", "1"],
    &["airlock", "trace", "redact", "TRACE", "-o", "DIR/redacted"],
    &["airlock", "trace", "recover", "TRACE", "-o", "DIR/recovered"],
    &["airlock", "trace", "extract", "TRACE", "DIR/extracted"],
    &["airlock", "replay", "--adapter=noop", "--no-check", "TRACE"],
    &["airlock", "replay", "--adapter=noop", "--no-check", "--json", "TRACE"],
    &["airlock", "verify", "TRACE"],
    &["airlock", "verify", "--json", "TRACE"],
    &["airlock", "doctor"],
    &["airlock", "doctor", "--json"],
    &["gpu-daemon", "jail", "--no-drivers"],
];

fn each_ends(stdout: fn() -> Stdio, check: impl Fn(&str, Option<i32>, &str)) {
    let folder = scratch();
    let trace = record(folder.path());
    let other = folder.path().join("other.airtrace");
    std::fs::copy(&trace, &other).expect("a copy");
    for words in PRINTING {
        let out = scratch();
        let (program, arguments) = words.split_first().expect("a program");
        let mut command = command(program);
        for argument in arguments {
            let argument = match *argument {
                "TRACE" => trace.clone(),
                "OTHER" => other.clone(),
                argument => argument.strip_prefix("DIR/").map_or_else(|| argument.into(), |name| out.path().join(name)),
            };
            command.arg(argument);
        }
        let (code, stderr) = ends(command, stdout());
        check(&words.join(" "), code, &stderr);
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    each_ends(closed, |words, code, stderr| {
        assert!(matches!(code, Some(0 | 1)), "{words}: {code:?} {stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("error:"), "{words}: {stderr}");
    });
}

#[test]
fn a_failed_write_is_an_error() {
    each_ends(full, |words, code, stderr| {
        assert_eq!(code, Some(2), "{words}: {stderr}");
        assert!(stderr.contains("No space left") || stderr.contains("no space left"), "{words}: {stderr}");
    });
}

/// A guest that goes on writing has not trapped.
#[test]
fn a_guest_whose_output_is_closed_ends_quietly() {
    let mut command = airlock(["run"]);
    command.arg(guest("collatz")).arg("2000");
    let (code, stderr) = ends(command, closed());
    assert!(matches!(code, Some(0 | 141)), "{code:?} {stderr}");
    assert_eq!(stderr, "");
}

/// Standard error may be closed as well, for messages of every kind.
#[test]
fn a_closed_standard_error_ends_no_command() {
    for words in [
        &["airlock", "replay", "/nowhere"][..],
        &["airlock", "run", "/nowhere"],
        &["gpu-daemon", "serve", "--socket", "/"],
    ] {
        let (program, arguments) = words.split_first().expect("a program");
        let mut command = command(program);
        let status = command.args(arguments).stdout(Stdio::null()).stderr(closed()).status().expect("its end");
        assert_eq!(status.code(), Some(2), "{words:?}");
    }
}

/// A missing adapter is reported as by `run`.
#[test]
fn a_replay_on_no_such_adapter_says_so() {
    let folder = scratch();
    let trace = record(folder.path());
    let mut command = airlock(["replay", "--adapter", "nosuch"]);
    command.arg(trace);
    run(command).refused(&["no adapter matches --adapter nosuch", "0: "]);
}
