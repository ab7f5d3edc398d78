//! Connection of client and worker, with peers that fail at every step.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::channel,
    thread,
};

use airlock_protocol::{
    Event,
    codec::decode_event,
    connect::{Connection, Daemon, Folder, open},
    descriptors,
    handshake::Hello,
    limits::{MAX_BROKER_WORKERS, SHARED_SIZE},
};
use common::{PATIENCE, PROGRAM, Worker, exit, spawn, until};
use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create},
    net::{
        AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
        connect, sendmsg, socket_with, socketpair,
    },
    process::{Pid, Signal, kill_process},
};

const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// Starts a worker and reads its hello line; it waits for the ring.
struct Waiting {
    process: Child,
    connection: UnixStream,
    errors: thread::JoinHandle<String>,
    folder: Folder,
}

fn waiting() -> Waiting {
    let folder = Folder::new().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut command = Command::new(PROGRAM);
    folder.give_to(command.arg("worker"));
    let stdin = Stdio::from(OwnedFd::from(theirs.try_clone().unwrap()));
    let stdout = Stdio::from(OwnedFd::from(theirs));
    let mut process = command.stdin(stdin).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let mut stderr = process.stderr.take().unwrap();
    let errors = thread::spawn(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).unwrap();
        said
    });
    let mut line = String::new();
    BufReader::new(&ours).read_line(&mut line).unwrap();
    assert!(Hello::check(&line).is_ok(), "{line}");
    Waiting { process, connection: ours, errors, folder }
}

fn memory(size: u64, seals: SealFlags) -> OwnedFd {
    let file = memfd_create("ring", MemfdFlags::ALLOW_SEALING).unwrap();
    ftruncate(&file, size).unwrap();
    fcntl_add_seals(&file, seals).unwrap();
    file
}

fn send(to: &UnixStream, descriptors: &[BorrowedFd<'_>]) {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
    }
    sendmsg(to, &[std::io::IoSlice::new(b"+")], &mut control, SendFlags::empty()).unwrap();
}

#[test]
fn a_ring_that_is_not_sealed_memory_of_the_right_size_is_refused_with_one_line() {
    let size = u64::from(SHARED_SIZE);
    let unsealed = memory(size, SealFlags::empty());
    let shrinks = memory(size, SEALS - SealFlags::SHRINK);
    let unfinished = memory(size, SEALS - SealFlags::SEAL);
    let (short, long) = (memory(size - 1, SEALS), memory(size * 2, SEALS));
    let good = memory(size, SEALS);
    let zero = File::open("/dev/zero").unwrap();
    let many = vec![good.as_fd(); 253];
    let cases: [(&[BorrowedFd<'_>], &str); 9] = [
        (&[unsealed.as_fd()], "not sealed"),
        (&[shrinks.as_fd()], "not sealed"),
        (&[unfinished.as_fd()], "not sealed"),
        (&[zero.as_fd()], "not sealed"),
        (&[short.as_fd()], "bytes, not"),
        (&[long.as_fd()], "bytes, not"),
        (&[], "no descriptors"),
        (&[good.as_fd(), good.as_fd()], "several descriptors"),
        (&many, "several descriptors"),
    ];
    for (descriptors, reason) in cases {
        let mut worker = waiting();
        send(&worker.connection, descriptors);
        assert_eq!(exit(&mut worker.process).code(), Some(2), "{reason}");
        let said = worker.errors.join().unwrap();
        assert!(said.contains(reason) && said.lines().count() == 1, "{said}");
        assert_eq!(fs::read_dir(worker.folder.path()).map_or(0, Iterator::count), 0, "something is left");
    }
}

/// Sends the ring and the channels as they should be; returns this side's ends of the channels.
fn hand_over(to: &UnixStream) -> [OwnedFd; 2] {
    let pair = || socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    let ((batches, commands), (events, replies)) = (pair(), pair());
    for descriptor in [memory(u64::from(SHARED_SIZE), SEALS), commands, replies] {
        send(to, &[descriptor.as_fd()]);
    }
    [batches, events]
}

#[test]
fn a_channel_of_another_kind_is_refused_with_one_line() {
    let (stream, _other) = UnixStream::pair().unwrap();
    let null = File::open("/dev/null").unwrap();
    let cases: [(&[BorrowedFd<'_>], &str); 4] = [
        (&[stream.as_fd()], "no sequenced packet socket"),
        (&[null.as_fd()], "sends no channel"),
        (&[], "no descriptors"),
        (&[stream.as_fd(), stream.as_fd()], "several descriptors"),
    ];
    for (descriptors, reason) in cases {
        let mut worker = waiting();
        send(&worker.connection, &[memory(u64::from(SHARED_SIZE), SEALS).as_fd()]);
        send(&worker.connection, descriptors);
        assert_eq!(exit(&mut worker.process).code(), Some(2), "{reason}");
        let said = worker.errors.join().unwrap();
        assert!(said.contains(reason) && said.lines().count() == 1, "{said}");
    }
}

/// Excess descriptors and data after the channels: the worker takes what it expects, and the rest never reaches it.
#[test]
fn data_after_the_channels_is_ignored() {
    let mut worker = waiting();
    let _channels = hand_over(&worker.connection);
    let good = memory(u64::from(SHARED_SIZE), SEALS);
    let table = format!("/proc/{}/fd", worker.process.id());
    let descriptors = || fs::read_dir(&table).unwrap().count();
    let many = vec![good.as_fd(); 253];
    for _ in 0..20 {
        send(&worker.connection, &many);
        worker.connection.write_all(&[7; 512]).unwrap();
    }
    assert!(descriptors() < 32, "{} descriptors", descriptors());
    assert!(worker.process.try_wait().unwrap().is_none());
    drop(worker.connection);
    assert_eq!(exit(&mut worker.process).code(), Some(0));
}

/// Another process of the user can connect to a worker's one-shot server, and is not heard.
#[test]
fn a_stranger_at_the_one_shot_server_changes_nothing() {
    let packet = |length: u64, message: &[u8]| {
        [&(16 + message.len() as u64).to_ne_bytes()[..], &length.to_ne_bytes(), message].concat()
    };
    // A short message, an empty one, noise, the right one, and an impossible length.
    for bytes in [
        packet(2, &[9, 9]),
        packet(0, &[]),
        packet(5, &[0xff; 5]),
        packet(8, b"complete"),
        packet(1 << 60, b"complete"),
    ] {
        let mut worker = waiting();
        let server = fs::read_dir(worker.folder.path()).unwrap().next().expect("the server's folder");
        let path = server.unwrap().path().join("socket");
        let client = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        connect(&client, &SocketAddrUnix::new(path).unwrap()).unwrap();
        rustix::io::write(&client, &bytes).unwrap();
        let _channels = hand_over(&worker.connection);
        until("the session does not begin", || fs::read_dir(worker.folder.path()).unwrap().next().is_none());
        drop(worker.connection);
        assert_eq!(exit(&mut worker.process).code(), Some(0), "{bytes:?}");
        let said = worker.errors.join().unwrap();
        assert_eq!(said, "", "{bytes:?}");
    }
}

#[test]
fn a_client_that_goes_at_any_step_leaves_nothing() {
    let base = tempfile::tempdir().unwrap();
    let client = |step: &str| {
        // A worker whose parent cannot remove its folder any more, as if the parent had been killed.
        let folder = base.path().join(format!("airlock-worker-{step}"));
        fs::create_dir(&folder).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("worker").env("TMPDIR", &folder).stdin(Stdio::from(OwnedFd::from(theirs.try_clone().unwrap())));
        let process = command.stdout(Stdio::from(OwnedFd::from(theirs))).spawn().unwrap();
        (process, ours)
    };
    let (mut process, connection) = client("at-once");
    drop(connection);
    exit(&mut process);
    let (mut process, connection) = client("after-hello");
    BufReader::new(&connection).read_line(&mut String::new()).unwrap();
    drop(connection);
    assert_eq!(exit(&mut process).code(), Some(0));
    let (mut process, connection) = client("after-ring");
    BufReader::new(&connection).read_line(&mut String::new()).unwrap();
    send(&connection, &[memory(u64::from(SHARED_SIZE), SEALS).as_fd()]);
    drop(connection);
    assert_eq!(exit(&mut process).code(), Some(0));
    let (mut process, connection) = client("after-channels");
    BufReader::new(&connection).read_line(&mut String::new()).unwrap();
    drop((hand_over(&connection), connection));
    assert_eq!(exit(&mut process).code(), Some(0));
    let left: Vec<_> = fs::read_dir(base.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    // In its jail a worker can remove its own files, and not the folder that its parent created for it.
    let full = left.iter().filter(|folder| fs::read_dir(folder).unwrap().next().is_some()).collect::<Vec<_>>();
    assert!(full.is_empty(), "{full:?}");
}

/// A supervisor process, in a folder of its own.
struct Parent {
    process: Child,
    folder: tempfile::TempDir,
}

impl Parent {
    fn serve() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("serve").arg("--socket").arg(folder.path().join("socket"));
        command.env("XDG_RUNTIME_DIR", Self::runtime(&folder)).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut errors = BufReader::new(process.stderr.take().unwrap());
        errors.read_line(&mut String::new()).unwrap();
        thread::spawn(move || errors.read_to_end(&mut Vec::new()));
        Self { process, folder }
    }

    fn runtime(folder: &tempfile::TempDir) -> PathBuf {
        let runtime = folder.path().join("run");
        fs::create_dir(&runtime).unwrap();
        runtime
    }

    fn daemon(&self) -> Daemon {
        Daemon::Socket(self.folder.path().join("socket"))
    }

    /// Parent of its workers' folders.
    fn left(&self) -> usize {
        fs::read_dir(self.folder.path().join("run")).unwrap().count()
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Child processes of a process, but for a zygote.
fn children(parent: u32) -> Vec<Pid> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    let is_zygote = |pid: &&str| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split('\0').nth(1) == Some("zygote")
    };
    let others = children.split_whitespace().filter(|pid| !is_zygote(pid));
    others.filter_map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
}

fn welcomed(daemon: &Daemon) -> Connection {
    let connection = daemon.connect().unwrap();
    let welcome = connection.channels.events.recv().unwrap();
    assert_eq!(decode_event(&welcome).unwrap(), Event::Welcome);
    connection
}

fn wait_for_the_end(connection: &Connection) {
    while connection.channels.events.recv().is_ok() {}
}

#[test]
fn a_client_behind_a_socket_is_told_how_its_worker_ended() {
    let serve = Parent::serve();
    for (signal, said) in [(Signal::KILL, "it was killed (signal 9, SIGKILL)"), (Signal::USR1, "signal 10")] {
        let mut connection = welcomed(&serve.daemon());
        let [worker] = children(serve.process.id())[..] else { panic!("one worker") };
        kill_process(worker, signal).unwrap();
        wait_for_the_end(&connection);
        let explained = connection.worker.explain();
        assert!(explained.contains(said), "{explained}");
        until("the worker is reaped", || children(serve.process.id()).is_empty());
    }
    // A malformed batch: the worker reports it and exits with 1.
    let mut connection = welcomed(&serve.daemon());
    connection.channels.commands.send(&[1, 2, 3]).unwrap();
    wait_for_the_end(&connection);
    assert_eq!(connection.worker.explain(), "the GPU worker is gone: it ended with exit code 1");
    assert_eq!(connection.worker.explain_close(), "the session is closed", "it is told once");
}

/// The worker itself reports its end: its parent is the test.
#[test]
fn a_worker_whose_client_has_left_says_that_it_is_done() {
    let folder = Folder::new().unwrap();
    let (mut worker, connection) = spawn(&folder, &[]);
    let link = connection.try_clone().unwrap().into();
    let channels = open(&link, "of the test").unwrap();
    assert_eq!(decode_event(&channels.events.recv().unwrap()).unwrap(), Event::Welcome);
    drop(channels.commands);
    while channels.events.recv().is_ok() {}
    let mut said = String::new();
    BufReader::new(connection).read_to_string(&mut said).unwrap();
    assert_eq!(said, "ENDED exit code 0\n");
    assert_eq!(exit(&mut worker).code(), Some(0));
}

#[test]
fn folders_are_gone_once_a_client_is_connected_or_its_worker_killed() {
    let serve = Parent::serve();
    let connection = welcomed(&serve.daemon());
    until("the folder stays while the session runs", || serve.left() == 0);
    // A worker that waits for its client.
    let silent = UnixStream::connect(serve.folder.path().join("socket")).unwrap();
    BufReader::new(&silent).read_line(&mut String::new()).unwrap();
    assert_eq!(serve.left(), 1);
    for worker in children(serve.process.id()) {
        kill_process(worker, Signal::KILL).unwrap();
    }
    until("the folder of a killed worker stays", || serve.left() == 0);
    wait_for_the_end(&connection);
    // A worker whose parent receives SIGTERM.
    let mut ended = Parent::serve();
    let silent = UnixStream::connect(ended.folder.path().join("socket")).unwrap();
    BufReader::new(&silent).read_line(&mut String::new()).unwrap();
    kill_process(Pid::from_child(&ended.process), Signal::TERM).unwrap();
    assert_eq!(exit(&mut ended.process).code(), Some(0));
    assert_eq!(ended.left(), 0);
}

/// A broker, and the connection for the test's requests.
fn broker() -> (Parent, UnixStream) {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut command = Command::new(PROGRAM);
    command.arg("broker").env("XDG_RUNTIME_DIR", Parent::runtime(&folder));
    let process = command.stdin(Stdio::from(OwnedFd::from(theirs))).stderr(Stdio::null()).spawn().unwrap();
    (Parent { process, folder }, ours)
}

fn ask(requests: &UnixStream) -> UnixStream {
    let (ours, theirs) = UnixStream::pair().unwrap();
    descriptors::send(requests, theirs.as_fd()).unwrap();
    ours
}

fn first_line(connection: &UnixStream) -> String {
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line).unwrap();
    line
}

#[test]
fn a_broker_starts_one_worker_after_the_other() {
    let daemon = Daemon::Spawn { program: PROGRAM.into(), arguments: vec!["--max-objects=77".to_owned()] };
    let daemon = daemon.brokered().unwrap();
    let Daemon::Broker(broker) = &daemon else { panic!("{daemon:?}") };
    // A process has its new name only after exec.
    until("there is no broker", || !children_named("broker").is_empty());
    let [broker_pid] = children_named("broker")[..] else { panic!("one broker") };
    // The first worker starts ahead of the first session, and serves it.
    until("there is no first worker", || !children(broker_pid).is_empty());
    let first = children(broker_pid);
    assert_eq!(daemon.to_string(), PROGRAM);
    for round in 0..3 {
        let mut connection = welcomed(&daemon);
        let [worker] = children(broker_pid)[..] else { panic!("one worker") };
        assert_eq!(first == [worker], round == 0);
        let line = fs::read_to_string(format!("/proc/{}/cmdline", worker.as_raw_nonzero())).unwrap();
        assert!(line.split('\0').any(|word| word == "--max-objects=77"), "the options are not handed on: {line}");
        kill_process(worker, if round == 0 { Signal::KILL } else { Signal::ABORT }).unwrap();
        wait_for_the_end(&connection);
        let said = if round == 0 { "it was killed (signal 9, SIGKILL)" } else { "it aborted (signal 6, SIGABRT)" };
        assert_eq!(connection.worker.explain(), format!("the GPU worker is gone: {said}"));
    }
    // A session outlives the `Daemon` that opened it, and ends with its worker handle.
    let mut connection = welcomed(&daemon);
    assert_eq!(std::sync::Arc::strong_count(broker), 2);
    drop(daemon);
    assert_eq!(children(broker_pid).len(), 1);
    connection.worker.kill();
    wait_for_the_end(&connection);
    until("the broker stays", || children_named("broker").is_empty());
}

#[test]
fn drivers_start_before_a_client_asks_where_that_is_wanted() {
    for options in [&[][..], &["--start-drivers"]] {
        let folder = Folder::new().unwrap();
        let (worker, connection) = spawn(&folder, options);
        let loaded = || {
            let maps = fs::read_to_string(format!("/proc/{}/maps", worker.id())).unwrap();
            maps.contains("libvulkan")
        };
        if !options.is_empty() {
            until("no driver starts", loaded);
        }
        // A client can still connect.
        let link = connection.into();
        let channels = open(&link, "of the test").unwrap();
        assert_eq!(decode_event(&channels.events.recv().unwrap()).unwrap(), Event::Welcome);
        assert_eq!(loaded(), !options.is_empty());
    }
}

/// Child processes of this one with the given argument.
fn children_named(argument: &str) -> Vec<u32> {
    let has = |pid: &u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split('\0').nth(1) == Some(argument) && line.contains("--max-objects=77")
    };
    let threads = fs::read_dir("/proc/self/task").unwrap().filter_map(|task| {
        let children = fs::read_to_string(task.ok()?.path().join("children")).ok()?;
        Some(children.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>())
    });
    threads.flatten().filter(has).collect()
}

#[test]
fn a_broker_has_a_bound_and_takes_nothing_but_connections() {
    let (mut broker, requests) = broker();
    // None of these ends the broker or starts a worker.
    (&requests).write_all(b"abc").unwrap();
    let file = File::open("/dev/null").unwrap();
    let (datagram, _) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for descriptor in [file.as_fd(), datagram.as_fd(), tcp.as_fd()] {
        send(&requests, &[descriptor]);
    }
    send(&requests, &[file.as_fd(), file.as_fd()]);
    let mut workers: Vec<_> = (0..MAX_BROKER_WORKERS).map(|_| ask(&requests)).collect();
    for worker in &workers {
        assert!(Hello::check(&first_line(worker)).is_ok());
    }
    let refused = Hello::check(&first_line(&ask(&requests))).unwrap_err().to_string();
    assert!(refused.contains("4 workers"), "{refused}");
    drop(workers.pop());
    until("the place is not free again", || Hello::check(&first_line(&ask(&requests))).is_ok());
    // Their folders exist, because no client has connected.
    assert!(broker.left() >= MAX_BROKER_WORKERS - 1);
    let started = children(broker.process.id());
    drop(requests);
    assert_eq!(exit(&mut broker.process).code(), Some(0));
    assert_eq!(broker.left(), 0);
    for worker in started {
        until("a worker outlives the broker", || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", worker.as_raw_nonzero())).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        });
    }
}

#[test]
fn a_brokers_folders_go_when_clients_are_connected() {
    let (broker, requests) = broker();
    let link = ask(&requests).into();
    let channels = open(&link, "of the test").unwrap();
    assert_eq!(decode_event(&channels.events.recv().unwrap()).unwrap(), Event::Welcome);
    until("the folder stays while the session runs", || broker.left() == 0);
    assert_eq!(children(broker.process.id()).len(), 1);
    // A terminal's Ctrl-C is for the host to handle.
    kill_process(Pid::from_child(&broker.process), Signal::INT).unwrap();
    assert!(Hello::check(&first_line(&ask(&requests))).is_ok());
}

#[test]
fn a_broker_that_is_gone_is_a_clear_error() {
    let daemon = Daemon::Spawn { program: "/bin/false".into(), arguments: vec![] }.brokered().unwrap();
    until("false does not end", || {
        let error = daemon.connect().map(drop).unwrap_err().to_string();
        error.contains("the broker of /bin/false starts no worker")
    });
    let output = Command::new(PROGRAM).arg("broker").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("airlock run"));
}

/// Open files of a process by name, without those of its own threads.
fn open_files(pid: Pid) -> Vec<PathBuf> {
    let table = PathBuf::from(format!("/proc/{}/fd", pid.as_raw_nonzero()));
    let entries = fs::read_dir(table).into_iter().flatten();
    entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).collect()
}

fn sockets(files: &[PathBuf]) -> Vec<&Path> {
    files.iter().map(PathBuf::as_path).filter(|file| file.to_string_lossy().starts_with("socket:")).collect()
}

#[test]
fn a_worker_inherits_no_other_sessions_connection() {
    let serve = Parent::serve();
    let _first = welcomed(&serve.daemon());
    let _second = welcomed(&serve.daemon());
    let [first, second] = children(serve.process.id())[..] else { panic!("two workers") };
    let (first, second) = (open_files(first), open_files(second));
    let (first, second) = (sockets(&first), sockets(&second));
    assert!(!first.is_empty() && !first.iter().any(|socket| second.contains(socket)), "{first:?} and {second:?}");
}

#[test]
fn a_worker_that_dies_in_the_middle_of_a_long_batch_is_noticed() {
    let mut worker = Worker::start(&["--jail=strict"]);
    let pid = Pid::from_child(&worker.process);
    kill_process(pid, Signal::STOP).unwrap();
    let (batches, (sender, sent)) = (worker.batches.clone(), channel());
    // Longer than any socket's buffer.
    let (tell, told) = channel();
    let send = thread::spawn(move || {
        tell.send(rustix::thread::gettid()).unwrap();
        sender.send(batches.send(&vec![0; 8 << 20]).is_err())
    });
    let task = PathBuf::from(format!("/proc/self/task/{}", told.recv().unwrap().as_raw_nonzero()));
    let waits = || fs::read_to_string(task.join("status")).is_ok_and(|status| status.contains("\nState:\tS"));
    until("the sender does not wait", waits);
    assert!(sent.try_recv().is_err(), "the worker has taken all of it");
    kill_process(pid, Signal::KILL).unwrap();
    assert!(!worker.exit().success());
    assert_eq!(sent.recv_timeout(PATIENCE), Ok(true));
    send.join().unwrap().unwrap();
}

/// A session on the noop adapter never asks for the drivers that were started ahead.
#[test]
fn the_jail_is_narrowed_when_drivers_run_whether_they_are_asked_for_or_not() {
    let filters = |worker: &Worker| {
        let status = fs::read_to_string(format!("/proc/{}/status", worker.process.id())).unwrap();
        let count = status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:")).expect("Linux 5.9 or later");
        count.trim().parse::<u32>().unwrap()
    };
    let wide = filters(&Worker::start(&["--jail=strict"]));
    let worker = Worker::start(&["--jail=strict", "--start-drivers"]);
    until("the jail stays as wide as at the start", || filters(&worker) > wide);
    // Its session has begun all the same.
    assert!(worker.events.recv_timeout(PATIENCE).is_ok_and(|event| decode_event(&event).unwrap() == Event::Welcome));
}
