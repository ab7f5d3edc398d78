//! `gpu-daemon serve` from the operator's point of view.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::{fs, io::Write as _, os::unix::net::UnixListener};

use airlock_protocol::handshake::Hello;
use airlock_tests::{
    processes::{served_by, wait_for, wait_until},
    programs::{LIMIT, Running, Serve, airlock, command, guest, run},
    scratch,
};

#[test]
fn sessions_above_the_maximum_are_refused_until_one_ends() {
    let serve = Serve::start(&["--max-sessions", "1"]);
    let socket = serve.socket().to_str().expect("a printable path").to_owned();
    let mut long = airlock(["run", "--daemon", &socket]);
    long.arg(guest("nbody")).args(["512", "100000"]);
    let first = Running::start(long);
    wait_until("worker", LIMIT, || !served_by(serve.id()).is_empty());
    let second = || {
        let mut command = airlock(["run", "--daemon", &socket]);
        command.arg(guest("collatz"));
        run(command)
    };
    second().refused(&["refuses the session", &socket]);
    drop(first);
    wait_until("end of the worker", LIMIT, || served_by(serve.id()).is_empty());
    second().succeeded();
}

#[test]
fn a_live_socket_is_not_taken_over_and_a_dead_one_is() {
    let serve = Serve::start(&[]);
    let mut another = command("gpu-daemon");
    another.arg("serve").arg("--socket").arg(serve.socket());
    let outcome = run(another);
    assert_eq!(outcome.code(), Some(2), "{outcome}");
    assert!(outcome.stderr.contains("already"), "{outcome}");
    let mut guest_run = airlock(["run", "--daemon"]);
    guest_run.arg(serve.socket()).arg(guest("collatz"));
    run(guest_run).succeeded();

    let folder = scratch();
    let stale = folder.path().join("gpu.sock");
    drop(UnixListener::bind(&stale).expect("a socket that nobody serves"));
    assert!(stale.exists());
    let mut taker = command("gpu-daemon");
    taker.arg("serve").arg("--socket").arg(&stale);
    let taker = Running::start(taker);
    wait_until("daemon on the stale socket", LIMIT, || {
        let mut command = airlock(["run", "--daemon"]);
        command.arg(&stale).arg(guest("collatz"));
        run(command).status.success()
    });
    drop(taker);
}

/// A wait may take minutes: the user sees what it is, once.
#[test]
fn a_client_says_that_it_waits() {
    let folder = scratch();
    let socket = folder.path().join("gpu.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    listener.set_nonblocking(true).expect("a listener that is asked");
    let mut command = airlock(["run", "--daemon"]);
    command.arg(&socket).arg(guest("collatz"));
    let client = Running::start(command);
    let (mut server, _) = wait_for("client", LIMIT, || listener.accept().ok());
    let refused = Hello::Refused { reason: "it is a test's".to_owned() };
    for line in [Hello::Wait, Hello::Wait, refused] {
        server.write_all(line.to_line().as_bytes()).expect("a client that reads");
    }
    let outcome = client.finish();
    assert_eq!(outcome.code(), Some(2), "{outcome}");
    let [waits, ends] = outcome.stderr.lines().collect::<Vec<_>>()[..] else { panic!("not two lines: {outcome}") };
    assert!(waits.contains("warning") && waits.ends_with("waiting"), "{outcome}");
    assert!(ends.contains("error") && ends.contains("it is a test's"), "{outcome}");
}

/// A client that sends nothing, or an invalid message, takes a session and nothing else.
#[test]
fn silent_and_babbling_clients_do_not_disturb() {
    use std::os::unix::net::UnixStream;
    let serve = Serve::start(&[]);
    let silent = UnixStream::connect(serve.socket()).expect("a connection");
    let mut babbling = UnixStream::connect(serve.socket()).expect("a connection");
    babbling.write_all(&[0xff; 4096]).expect("the daemon's side buffers it");
    let mut command = airlock(["run", "--daemon"]);
    command.arg(serve.socket()).arg(guest("collatz"));
    run(command).succeeded();
    drop((silent, babbling));
    wait_until("end of all workers", LIMIT, || served_by(serve.id()).is_empty());
    assert_eq!(serve.files(), [serve.socket()], "the workers left something behind");
}

#[test]
fn nothing_stays_in_the_temporary_folder() {
    let folder = scratch();
    let mut command = airlock(["run"]);
    command.arg(guest("collatz")).env("TMPDIR", folder.path());
    run(command).succeeded();
    // The broker removes its folder when it sees that the host is gone.
    wait_until("empty folder", LIMIT, || fs::read_dir(folder.path()).expect("the folder").next().is_none());
}
