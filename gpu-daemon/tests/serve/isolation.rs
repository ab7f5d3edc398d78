//! Isolation of workers, the server and other sessions: descriptors, data, lifetime.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Command, Stdio},
};

use airlock_protocol::connect::{self, Link};
use rustix::{
    fs::{SealFlags, fcntl_get_seals, ftruncate},
    process::Signal,
};

use crate::server::{File, Server, ended, files, kill, until};

/// True for a descriptor with an inode of its own: all descriptors of anonymous kinds share one.
fn own_file(file: &File) -> bool {
    !file.name.starts_with("anon_inode:")
}

#[test]
fn a_worker_inherits_nothing_of_the_server_and_of_other_sessions() {
    let server = Server::start("descriptors", &[]);
    let sessions: Vec<_> = (0..3).map(|_| server.session()).collect();
    let servers: Vec<File> = files(server.process.id()).into_iter().filter(own_file).collect();
    let mut own = Vec::new();
    for &(_, worker) in &sessions {
        let workers: Vec<File> = files(worker).into_iter().filter(own_file).collect();
        let shared: Vec<&File> =
            workers.iter().filter(|file| servers.iter().any(|other| other.id == file.id)).collect();
        let of = |descriptor| workers.iter().find(|file| file.descriptor == descriptor).unwrap();
        assert!(of(0).name.starts_with("socket:"), "{workers:?}");
        // After the hello line, standard output goes to the log. The worker has sent its hello line, or is about to
        // continue after it.
        assert!(of(2).name.starts_with("pipe:") && [of(0).id, of(2).id].contains(&of(1).id), "{workers:?}");
        // The connection and standard error, one of them twice; the status file; the shader cache.
        assert_eq!(shared.len(), 5, "{shared:?}");
        for name in ["airlock-status", "airlock-shaders"] {
            let file = shared.iter().find(|file| file.name.contains(name)).unwrap();
            own.push(file.id);
        }
    }
    own.sort_unstable();
    own.dedup();
    assert_eq!(own.len(), 6, "files are shared");
}

#[test]
fn the_status_file_and_the_shader_cache_have_a_sealed_length() {
    let server = Server::start("sealed", &["--shader-cache-size=1M"]);
    let (_connection, _) = server.session();
    for (name, length) in
        [("airlock-status", gpu_daemon::status::STATUS_LEN as u64), ("airlock-shaders", (1 << 20) - 32 + 4096)]
    {
        let found = files(server.process.id()).into_iter().find(|file| file.name.contains(name)).unwrap();
        let file = fs::OpenOptions::new().read(true).write(true).open(found.path).unwrap();
        assert_eq!(file.metadata().unwrap().len(), length);
        assert!(ftruncate(&file, 0).is_err() && ftruncate(&file, 1 << 30).is_err());
        assert!(fcntl_get_seals(&file).unwrap().contains(SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL));
    }
}

/// Stops all threads of a process.
fn stop(pid: u32) {
    kill(pid, Signal::STOP);
    let stopped = |thread: PathBuf| fs::read_to_string(thread.join("stat")).is_ok_and(|stat| stat.contains(") T "));
    let threads = || fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(|thread| thread.unwrap().path());
    until("a thread goes on", || threads().all(stopped));
}

/// Bytes read by the process and by its reaped workers, as the kernel counts them.
fn bytes_read(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

#[test]
fn the_server_reads_nothing_from_a_client() {
    const MUCH: usize = 100 << 10;
    // The server reads a tenant's shader cache itself, so it is off.
    let server = Server::start("reads", &["--max-sessions=1", "--no-shader-cache"]);
    let before = bytes_read(server.process.id());
    let (mut connection, worker) = server.session();
    // From now on the worker reads nothing.
    stop(worker);
    connection.write_all(&vec![b'x'; MUCH]).unwrap();
    // A refused client that has written before it was accepted.
    stop(server.process.id());
    let mut refused = UnixStream::connect(&server.socket).unwrap();
    refused.write_all(&vec![b'x'; MUCH]).unwrap();
    server.signal(Signal::CONT);
    let mut said = Vec::new();
    // Closed with unread bytes in it, as intended.
    assert_eq!(refused.read_to_end(&mut said).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(said.starts_with(b"REFUSED "));
    // Any read from the other client happens before or during this reply, or when the worker is gone.
    assert_eq!(server.metric("airlock_sessions"), 1.0);
    kill(worker, Signal::KILL);
    assert_eq!(connection.read_to_end(&mut said).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let read = bytes_read(server.process.id()) - before;
    assert!(read < MUCH as u64 / 2, "the server has read {read} bytes");
}

#[test]
fn workers_do_not_outlive_a_killed_server() {
    let mut server = Server::start("orphans", &[]);
    let silent = server.session();
    // Workers whose clients have sent data and hold their connections exit for no other reason.
    let open = |_| {
        let link = Link::from(UnixStream::connect(&server.socket).unwrap());
        let channels = connect::open(&link, "of the test").unwrap();
        channels.events.recv().unwrap();
        (link, channels)
    };
    let sessions: Vec<_> = (0..2).map(open).collect();
    let workers = server.workers();
    assert_eq!(workers.len(), 3);
    server.signal(Signal::KILL);
    server.process.wait().unwrap();
    for worker in workers {
        until("a worker lives on", || ended(worker));
    }
    drop((silent, sessions));
}

#[test]
fn a_servers_inherited_descriptors_are_not_passed_on() {
    let folder = Server::folder("inherited");
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec 9<\"$1\"; shift; exec \"$@\"", "sh", file!()])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args([env!("CARGO_BIN_EXE_gpu-daemon"), "serve", "--socket"])
        .arg(folder.join("socket"))
        .stderr(Stdio::piped());
    let server = Server::run(command, folder);
    server.logged(|line| line.contains("serving"));
    let (_connection, worker) = server.session();
    let has = |pid| files(pid).iter().any(|open| open.name.ends_with(file!()));
    assert!(has(server.process.id()) && !has(worker));
}
