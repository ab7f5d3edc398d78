//! `gpu-daemon serve` as clients and operators see it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use airlock_protocol::{Event, codec::decode_event, handshake::Hello, transport};

const PATIENCE: Duration = Duration::from_secs(30);

struct Server {
    process: Child,
    socket: PathBuf,
    folder: PathBuf,
}

impl Server {
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("airlock-serve-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn command(socket: &PathBuf, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-daemon"));
        command.arg("serve").arg("--socket").arg(socket).args(arguments).stdin(Stdio::null()).stderr(Stdio::piped());
        command
    }

    fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_in(Self::folder(name), arguments)
    }

    fn start_in(folder: PathBuf, arguments: &[&str]) -> Self {
        let socket = folder.join("socket");
        let mut process = Self::command(&socket, arguments).spawn().unwrap();
        let mut errors = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        assert_eq!(line, format!("gpu-daemon: serving on {}\n", socket.display()));
        // Keeps the pipe from filling up.
        thread::spawn(move || errors.read_to_end(&mut Vec::new()));
        Self { process, socket, folder }
    }

    /// Connects and reads the first line.
    fn connect(&self) -> (UnixStream, String) {
        let connection = UnixStream::connect(&self.socket).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut line = String::new();
        BufReader::new(&connection).read_line(&mut line).unwrap();
        (connection, line)
    }

    /// The processes that it started.
    fn workers(&self) -> Vec<u32> {
        let pid = self.process.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        children.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(signal).arg(self.process.id().to_string()).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_client_gets_a_worker_that_ends_with_its_connection() {
    let server = Server::start("session", &[]);
    let (connection, line) = server.connect();
    let channels = transport::connect(Hello::check(&line).unwrap()).unwrap();
    let welcome = channels.events.recv().unwrap();
    assert_eq!(decode_event(&welcome).unwrap(), Event::Welcome);
    assert_eq!(server.workers().len(), 1);
    drop(connection);
    until("the worker outlives its connection", || server.workers().is_empty());
}

#[test]
fn clients_beyond_the_bound_are_refused() {
    let server = Server::start("bound", &["--max-sessions", "1"]);
    let (first, line) = server.connect();
    assert!(Hello::check(&line).is_ok());
    let (_second, line) = server.connect();
    let refused = Hello::check(&line).unwrap_err().to_string();
    assert!(refused.contains("1 sessions are running already"), "{refused}");
    drop(first);
    until("the place is not free again", || Hello::check(&server.connect().1).is_ok());
}

#[test]
fn a_signal_ends_the_workers_and_removes_the_socket() {
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::start(signal, &[]);
        let _clients = [server.connect(), server.connect()];
        let workers = server.workers();
        assert_eq!(workers.len(), 2);
        let start = Instant::now();
        server.signal(signal);
        let status = server.process.wait().unwrap();
        assert_eq!(status.code(), Some(0));
        assert!(start.elapsed() < Duration::from_secs(1));
        assert!(!server.socket.exists());
        // Killed, though perhaps not yet reaped by whoever inherited them.
        let ended = |pid: &u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        until("a worker lives on", || workers.iter().all(ended));
    }
}

#[test]
fn a_live_socket_is_left_alone_and_a_stale_one_replaced() {
    let server = Server::start("live", &[]);
    let output = Server::command(&server.socket, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("is already served by another process") && said.lines().count() == 1, "{said}");
    assert!(Hello::check(&server.connect().1).is_ok());

    let folder = Server::folder("stale");
    drop(UnixListener::bind(folder.join("socket")).unwrap());
    let server = Server::start_in(folder, &[]);
    assert!(Hello::check(&server.connect().1).is_ok());

    let folder = Server::folder("file");
    let socket = folder.join("socket");
    fs::write(&socket, "mine").unwrap();
    let output = Server::command(&socket, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read_to_string(&socket).unwrap(), "mine");
    fs::remove_dir_all(folder).unwrap();
}
