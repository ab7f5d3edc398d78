//! Stop of a server, and notifications to the service manager.

use std::{
    fs,
    io::Read,
    os::{
        fd::OwnedFd,
        unix::net::{UnixDatagram, UnixListener, UnixStream},
    },
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use airlock_protocol::handshake::Hello;
use rustix::process::Signal;

use crate::server::{PATIENCE, Server, ended, until};

/// A drain longer than any test's timeout.
const FOREVER: &str = "--drain=3000";

#[test]
fn a_signal_ends_the_workers_and_removes_the_sockets() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(&format!("signal-{}", signal.as_raw()), &["--drain=0"]);
        let _clients = [server.connect(), server.connect()];
        let workers = server.workers();
        assert_eq!(workers.len(), 2);
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0));
        server.logged(|line| line.contains("stopping") && line.contains("drain=0.0"));
        assert!(fs::read_dir(&server.folder).unwrap().next().is_none(), "a socket stays");
        assert!(workers.into_iter().all(ended), "a worker lives on");
        let ends = || server.log().iter().filter(|line| line.contains("reason=\"stopped\"")).count();
        until("an end is not in the log", || ends() == 2);
    }
}

#[test]
fn sessions_get_time_to_end() {
    let mut server = Server::start("drain", &[FOREVER]);
    let (short, long) = (server.session(), server.session());
    server.signal(Signal::TERM);
    until("the socket stays", || !server.socket.exists());
    assert!(UnixStream::connect(&server.socket).is_err());
    drop(short.0);
    until("the worker outlives its client", || ended(short.1));
    // The server has noticed it, and continues for the other one.
    server.logged(|line| line.contains("session ends"));
    assert_eq!(server.metric("airlock_sessions"), 1.0);
    assert!(!ended(long.1) && server.process.try_wait().unwrap().is_none(), "a session is ended before its time");
    // The server exits with the last session, long before the end of the drain.
    drop(long.0);
    assert_eq!(server.wait().code(), Some(0));
    assert!(!server.log().iter().any(|line| line.contains("stopped")), "{:?}", server.log());
}

#[test]
fn a_second_signal_and_the_end_of_the_time_end_what_is_left() {
    let mut server = Server::start("second", &[FOREVER]);
    let (mut client, worker) = server.session();
    server.signal(Signal::TERM);
    until("the socket stays", || !server.socket.exists());
    assert!(!ended(worker));
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(ended(worker));
    // The end line, if the server had time to send it.
    let mut last = String::new();
    client.read_to_string(&mut last).unwrap();
    assert!(["", "ENDED signal 9\n"].contains(&last.as_str()), "{last:?}");

    let mut server = Server::start("time", &["--drain=0.3"]);
    let (_client, worker) = server.session();
    let start = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    // The client holds its connection, and has not ended the session.
    assert!(start.elapsed() >= Duration::from_secs_f64(0.3) && ended(worker));
    server.logged(|line| line.contains("session ends") && line.contains("reason=\"stopped\""));
}

/// Reads one notification to the service manager.
fn told(manager: &UnixDatagram) -> String {
    let mut message = [0; 256];
    let length = manager.recv(&mut message).unwrap();
    String::from_utf8_lossy(&message[..length]).trim().to_owned()
}

#[test]
fn a_service_manager_hands_over_the_socket_and_is_told_the_state() {
    let folder = Server::folder("manager");
    let socket = folder.join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let manager = UnixDatagram::bind(folder.join("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    // Waits in the socket's queue for a server to start.
    let early = UnixStream::connect(&socket).unwrap();
    let mut command = Command::new("sh");
    // The socket becomes descriptor 3, as with systemd.
    command
        .args(["-c", "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"", "sh"])
        .args([env!("CARGO_BIN_EXE_gpu-daemon"), "serve"])
        .env("NOTIFY_SOCKET", folder.join("notify"))
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stderr(Stdio::piped());
    let mut server = Server::run(command, folder);
    assert_eq!(told(&manager), "READY=1");
    let mut hello = [0; 8];
    (&early).read_exact(&mut hello).unwrap();
    assert_eq!(&hello, b"AIRLOCK ");
    let (_connection, line) = server.connect();
    assert!(Hello::check(&line).is_ok());
    for worker in server.workers() {
        let environment = fs::read_to_string(format!("/proc/{worker}/environ")).unwrap();
        assert!(!environment.contains("NOTIFY_SOCKET") && !environment.contains("LISTEN_"), "{environment}");
    }
    server.signal(Signal::TERM);
    assert_eq!(told(&manager), "STOPPING=1");
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(server.socket.exists(), "another's socket is removed");
}

#[test]
fn a_server_needs_a_socket() {
    let output = Command::new(env!("CARGO_BIN_EXE_gpu-daemon")).arg("serve").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--socket PATH or --claims FOLDER is required"));
}
