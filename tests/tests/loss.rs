//! The worker dies, or stops: the guest learns of it and decides, the host goes on.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use airlock_tests::{
    processes::worker_of,
    programs::{Outcome, Running, Serve, airlock, guest, signal},
};
use rustix::process::Signal;

/// The exit code by which `nbody` says that it noticed the loss.
const NOTICED: i32 = 3;
/// What `nbody` prints before its first step; a hundred thousand steps follow.
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
