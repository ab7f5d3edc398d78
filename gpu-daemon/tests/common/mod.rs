//! A worker started as a client does, with its process under the test's control.
#![allow(dead_code)]

pub mod client;

use std::{
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use airlock_protocol::{
    connect::{self, Folder, Link},
    transport::{BatchSender, RingWriter},
};

/// Timeout of all waits: longer than any operation takes on a slow and loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// The daemon's program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_gpu-daemon");

/// A worker's process, and the client's side of its session.
pub struct Worker {
    pub process: Child,
    /// The worker exits when this is dropped.
    pub link: Option<Link>,
    pub batches: BatchSender,
    pub ring: RingWriter,
    pub events: Receiver<Vec<u8>>,
}

impl Worker {
    /// Starts a worker with these options and opens a session.
    pub fn start(options: &[&str]) -> Self {
        let folder = Folder::new().unwrap();
        let (process, connection) = spawn(&folder, options);
        let link = Link::from(connection);
        let channels = connect::open(&link, "of the test").expect("a session");
        let (sender, events) = channel();
        let receiver = channels.events;
        // The thread ends with the worker.
        thread::spawn(move || while receiver.recv().is_ok_and(|event| sender.send(event).is_ok()) {});
        Self { process, link: Some(link), batches: channels.commands, ring: channels.ring, events }
    }

    pub fn exit(&mut self) -> ExitStatus {
        exit(&mut self.process)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts a worker; returns its process and the client's end of its connection.
pub fn spawn(folder: &Folder, options: &[&str]) -> (Child, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let theirs = OwnedFd::from(theirs);
    let mut command = Command::new(PROGRAM);
    command.arg("worker").args(options).env("XDG_RUNTIME_DIR", std::env::temp_dir());
    folder.give_to(&mut command);
    let stdin = Stdio::from(theirs.try_clone().unwrap());
    (command.stdin(stdin).stdout(Stdio::from(theirs)).spawn().expect("the worker starts"), ours)
}

/// Waits for the exit of a process.
pub fn exit(process: &mut Child) -> ExitStatus {
    until("the process does not end", || process.try_wait().unwrap().is_some());
    process.wait().unwrap()
}

/// Waits until a condition holds; fails after [`PATIENCE`] with the given text.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}
