//! Usage errors print one line that names the cause, exit with 2, and leave nothing running.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    thread,
};

use airlock_protocol::handshake::PROTOCOL_VERSION;
use airlock_tests::{
    components::dummy,
    programs::{Outcome, airlock, guest, run},
    scratch,
};

fn run_file(path: &Path, options: &[&str]) -> Outcome {
    let mut command = airlock(["run"]);
    command.args(options).arg(path);
    run(command)
}

fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("the file");
    path
}

#[test]
fn a_missing_file() {
    run_file(Path::new("/nowhere/app.wasm"), &[]).refused(&["/nowhere/app.wasm"]);
}

#[test]
fn a_folder() {
    run_file(scratch().path(), &[]).refused(&["directory"]);
}

#[test]
fn a_core_module() {
    let folder = scratch();
    run_file(&file(folder.path(), "core.wasm", b"\0asm\x01\0\0\0"), &[]).refused(&["core module", "component"]);
}

#[test]
fn something_else() {
    let folder = scratch();
    run_file(&file(folder.path(), "notes.txt", b"shopping list"), &[]).refused(&["notes.txt"]);
    run_file(&file(folder.path(), "empty.wasm", b""), &[]).refused(&["empty"]);
}

#[test]
fn a_truncated_file() {
    let folder = scratch();
    let whole = fs::read(guest("collatz")).expect("a guest");
    let half = file(folder.path(), "half.wasm", &whole[..whole.len() / 2]);
    run_file(&half, &[]).refused(&["half.wasm"]);
}

const RUN: &str = "
    package wasi:cli@0.3.0 {
        interface run {
            run: async func() -> result;
        }
    }
";

#[test]
fn an_unknown_import() {
    let folder = scratch();
    let wit = format!(
        "package test:app;
        world app {{
            import acme:rockets/launch@1.2.0;
            export wasi:cli/run@0.3.0;
        }}
        package acme:rockets@1.2.0 {{
            interface launch {{ ignite: func(); }}
        }}
        {RUN}"
    );
    let path = file(folder.path(), "rockets.wasm", &dummy(&wit, "app"));
    run_file(&path, &[]).refused(&["acme:rockets/launch@1.2.0"]);
}

#[test]
fn another_version_of_webgpu() {
    let folder = scratch();
    let wit = format!(
        "package test:app;
        world app {{
            import wasi:webgpu/webgpu@0.0.2;
            export wasi:cli/run@0.3.0;
        }}
        package wasi:webgpu@0.0.2 {{
            interface webgpu {{ resource gpu {{}} get-gpu: func() -> gpu; }}
        }}
        {RUN}"
    );
    let path = file(folder.path(), "old.wasm", &dummy(&wit, "app"));
    run_file(&path, &[]).refused(&["wasi:webgpu", "0.0.2", "0.3.0-rc.2"]);
}

#[test]
fn a_component_that_is_no_command() {
    let folder = scratch();
    let wit = "package test:app; world app { export greet: func() -> string; }";
    run_file(&file(folder.path(), "library.wasm", &dummy(wit, "app")), &[]).refused(&["wasi:cli/run"]);
}

#[test]
fn no_adapter_at_all() {
    let folder = scratch();
    let mut command = airlock(["run"]);
    // The loader finds no Vulkan driver in this folder, and no GL library is usable.
    let empty = file(folder.path(), "none.json", b"{}");
    command
        .env("VK_DRIVER_FILES", &empty)
        .env("VK_ICD_FILENAMES", &empty)
        .env("__EGL_VENDOR_LIBRARY_FILENAMES", &empty)
        .env("LIBGL_DRIVERS_PATH", folder.path())
        .arg(guest("collatz"));
    run(command).refused(&["adapter", "airlock doctor"]);
}

#[test]
fn an_adapter_that_is_not_there() {
    run_file(&guest("collatz"), &["--adapter", "no such adapter"]).refused(&["no such adapter"]);
    run_file(&guest("collatz"), &["--adapter", "99"]).refused(&["99"]);
}

#[test]
fn a_daemon_socket_that_is_absent() {
    run_file(&guest("collatz"), &["--daemon", "/nowhere/gpu.sock"]).refused(&["/nowhere/gpu.sock"]);
}

#[test]
fn a_daemon_socket_that_refuses() {
    let folder = scratch();
    let path = folder.path().join("gpu.sock");
    drop(UnixListener::bind(&path).expect("a socket that nobody serves"));
    run_file(&guest("collatz"), &["--daemon", path.to_str().expect("printable")]).refused(&["gpu.sock"]);
}

/// A daemon that answers with the given line.
fn impostor(line: &str) -> Outcome {
    let line = line.to_owned();
    let folder = scratch();
    let path = folder.path().join("gpu.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    thread::spawn(move || {
        if let Ok((mut client, _)) = listener.accept() {
            let _ = client.write_all(line.as_bytes());
            // Held open until the other side goes: the line alone must end the attempt.
            let _ = client.read_to_end(&mut Vec::new());
        }
    });
    run_file(&guest("collatz"), &["--daemon", path.to_str().expect("printable")])
}

#[test]
fn a_daemon_of_another_protocol_version() {
    let ours = format!("version {PROTOCOL_VERSION}");
    impostor("AIRLOCK 99 0123456789abcdef /tmp/x\n").refused(&["version 99", &ours]);
}

#[test]
fn a_daemon_with_another_schema() {
    impostor(&format!("AIRLOCK {PROTOCOL_VERSION} 0123456789abcdef /tmp/x\n")).refused(&["0123456789abcdef", "schema"]);
}

#[test]
fn something_that_is_no_daemon() {
    impostor("220 mail.example.org ESMTP\n").refused(&["does not speak Airlock's protocol"]);
}

/// Copies a program, in a process of its own: a file cannot be executed while any process has it open for writing, and
/// a file that is open in this process is open for a moment in every child that another test's thread starts, too.
fn install(program: &Path, at: &Path) {
    let copied = std::process::Command::new("cp").arg("-p").args([program, at]).status();
    assert!(copied.expect("cp starts").success());
}

#[test]
fn a_daemon_program_that_does_not_speak() {
    let folder = scratch();
    let program = folder.path().join("airlock");
    install(&airlock_tests::programs::program("airlock"), &program);
    let fake = file(folder.path(), "script", b"#!/bin/sh\nexit 7\n");
    fs::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("executable");
    install(&fake, &folder.path().join("gpu-daemon"));
    let mut command = std::process::Command::new(program);
    command.arg("run").arg(guest("collatz")).stdin(std::process::Stdio::null());
    run(command).refused(&["gpu-daemon"]);
}

#[test]
fn no_daemon_program() {
    let folder = scratch();
    let program = folder.path().join("airlock");
    install(&airlock_tests::programs::program("airlock"), &program);
    let mut command = std::process::Command::new(program);
    command
        .arg("run")
        .arg(guest("collatz"))
        .env("PATH", folder.path())
        .env_remove("AIRLOCK_GPU_DAEMON")
        .stdin(std::process::Stdio::null());
    run(command).refused(&["gpu-daemon", "AIRLOCK_GPU_DAEMON"]);
}

#[test]
fn an_unknown_flag() {
    let outcome = run(airlock(["run", "--frobnicate", "app.wasm"]));
    assert_eq!(outcome.code(), Some(2), "{outcome}");
    assert!(outcome.stderr.contains("--frobnicate"), "{outcome}");
}

#[test]
fn a_folder_to_share_that_is_not_there() {
    run_file(&guest("collatz"), &["--dir", "/nowhere/pictures"]).refused(&["/nowhere/pictures"]);
}

#[test]
fn a_trap_shows_where() {
    let folder = scratch();
    let wit = format!("package test:app; world app {{ export wasi:cli/run@0.3.0; }} {RUN}");
    let outcome = run_file(&file(folder.path(), "trap.wasm", &dummy(&wit, "app")), &[]);
    assert_eq!(outcome.code(), Some(134), "{outcome}");
    assert!(outcome.stderr.contains("unreachable"), "{outcome}");
    assert!(outcome.stderr.contains("wasm backtrace"), "{outcome}");
    assert!(!outcome.stderr.contains("panicked"), "{outcome}");
}
