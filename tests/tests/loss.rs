//! The worker dies, or stops: the guest is notified and decides, the host continues.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, missing_docs)]

use airlock_tests::{
    processes::worker_of,
    programs::{Outcome, Running, Serve, airlock, guest, signal},
    scratch,
};
use rustix::process::Signal;

/// The exit code of `nbody` after it has noticed the loss.
const NOTICED: i32 = 3;
/// The output of `nbody` before its first step; a hundred thousand steps follow.
const STARTED: &str = "energy at the start";

fn nbody(options: &[&str]) -> Running {
    let mut command = airlock(["run"]);
    command.args(options).arg(guest("nbody")).args(["1024", "100000"]);
    Running::start(command)
}

fn noticed(outcome: &Outcome, why: &str) {
    assert_eq!(outcome.code(), Some(NOTICED), "{outcome}");
    assert!(outcome.stderr.contains("device lost"), "{outcome}");
    assert!(outcome.stderr.contains(why), "no {why:?} in: {outcome}");
    assert!(!outcome.stderr.contains("panicked"), "{outcome}");
}

#[test]
fn a_killed_worker_is_a_lost_device() {
    let running = nbody(&[]);
    running.prints(STARTED);
    let worker = worker_of(running.id());
    signal(worker, Signal::KILL);
    noticed(&running.finish(), "SIGKILL");
}

#[test]
fn an_aborted_worker_is_a_lost_device() {
    let running = nbody(&[]);
    running.prints(STARTED);
    let worker = worker_of(running.id());
    signal(worker, Signal::ABORT);
    noticed(&running.finish(), "SIGABRT");
}

#[test]
fn a_killed_worker_behind_serve_is_a_lost_device_for_its_own_session_only() {
    let serve = Serve::start(&[]);
    let socket = serve.socket().to_str().expect("a printable path").to_owned();
    let victim = nbody(&["--daemon", &socket]);
    victim.prints(STARTED);
    let worker = worker_of(serve.id());
    let mut command = airlock(["run", "--daemon", &socket]);
    command.arg(guest("nbody")).args(["256", "200"]);
    let bystander = Running::start(command);
    bystander.prints(STARTED);
    signal(worker, Signal::KILL);
    noticed(&victim.finish(), "SIGKILL");
    bystander.finish().succeeded();
}

#[test]
fn a_stopped_daemon_is_a_lost_device() {
    let mut serve = Serve::start(&["--drain=0"]);
    let socket = serve.socket().to_str().expect("a printable path").to_owned();
    let running = nbody(&["--daemon", &socket]);
    running.prints(STARTED);
    let status = serve.terminate();
    assert!(status.success(), "{status}");
    // The server has ended the session, and has not waited for it.
    let log = serve.log();
    let ends: Vec<_> = log.lines().filter(|line| line.contains("session ends")).collect();
    assert!(matches!(ends[..], [end] if end.contains("reason=\"stopped\"")), "{log}");
    assert!(!serve.socket().exists(), "the socket file is left behind");
    noticed(&running.finish(), "the GPU");
}

/// A request for an adapter to a dying worker is answered by the next one.
#[test]
fn a_request_that_a_dying_worker_gets_is_answered_by_another() {
    let folder = scratch();
    let script = folder.path().join("ask.js");
    // It makes requests all the time: nearly every worker dies with a pending one.
    let text = "for (let round = 0; round < 10; round++) {
            const device = await (await navigator.gpu.requestAdapter()).requestDevice();
            let lost = false;
            device.lost.then(() => { lost = true; });
            console.log(`round ${round};`);
            while (!lost) if (!await navigator.gpu.requestAdapter()) throw new Error('no adapter');
        }";
    std::fs::write(&script, text).expect("the script is written");
    let mut command = airlock(["run", "--adapter", "noop"]);
    command.arg(&script);
    let running = Running::start(command);
    for round in 0..10 {
        running.prints(&format!("round {round};"));
        signal(worker_of(running.id()), Signal::KILL);
    }
    running.finish().succeeded();
}
