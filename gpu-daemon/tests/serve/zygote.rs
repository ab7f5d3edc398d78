//! The zygote: workers that it forks are workers like others, with its libraries, and nothing depends on it.

use std::{fs, os::unix::net::UnixStream};

use airlock_protocol::{
    connect::{self, Link},
    handshake::Hello,
};
use rustix::process::Signal;

use crate::server::{File, Server, ended, files, first_line, kill, next_line, until};

/// Starts a session on a worker that the zygote forks, which it does once the libraries are loaded. Returns the zygote, too.
fn forked(server: &Server) -> (u32, UnixStream, u32) {
    let mut found = None;
    until("no worker is forked", || {
        let [zygote] = server.zygotes()[..] else { return false };
        let (connection, worker) = server.session();
        // The zygote may have been replaced for this worker.
        let expected = layout(zygote);
        let is_forked = !expected.is_empty() && layout(worker) == expected;
        found = Some((zygote, connection, worker));
        is_forked
    });
    found.unwrap()
}

/// Where the program and the C library begin in a process's memory; nothing of one that has ended.
fn layout(pid: u32) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let begins = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let file = words.get(5).filter(|file| file.ends_with("gpu-daemon") || file.contains("libc.so"))?;
        (words[2] == "00000000").then(|| format!("{} {file}", words[0].split('-').next().unwrap()))
    };
    maps.lines().filter_map(begins).collect()
}

/// A field of `/proc/PID/stat`.
fn stat(pid: u32, field: usize) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(field - 3).unwrap().parse().unwrap()
}

#[test]
fn workers_have_the_zygotes_memory_and_nothing_else_of_it() {
    let server = Server::start("zygote", &[]);
    let (zygote, _one, first) = forked(&server);
    let (_two, second) = server.session();
    let expected = layout(zygote);
    assert_eq!(expected.len(), 2, "{expected:?}");
    for worker in [first, second] {
        assert_eq!(layout(worker), expected);
        // Fields 4 and 5 (proc_pid_stat(5)): the parent, and the process group, which a terminal's signals go to.
        assert_eq!((stat(worker, 4), stat(worker, 5)), (server.process.id(), worker));
        let requests = files(zygote).into_iter().find(|file| file.descriptor == 0).unwrap();
        assert!(files(worker).iter().all(|file| file.id != requests.id), "a worker has the zygote's socket");
    }
    let others = files(second);
    let is_shared = |file: &File| file.name != "/dev/null" && others.iter().any(|other| other.id == file.id);
    let shared: Vec<_> = files(first).into_iter().filter(is_shared).collect();
    assert!(shared.is_empty(), "two workers share files: {shared:?}");
}

#[test]
fn a_worker_of_the_zygote_ends_as_others_do() {
    let server = Server::start("zygote-ends", &[]);
    let (_, connection, worker) = forked(&server);
    let line = |end: &str| server.logged(|line| line.contains(end) && line.contains(&format!("pid={worker} ")));
    kill(worker, Signal::KILL);
    let end = line("session ends");
    assert!(end.contains("signal: 9"), "{end}");
    until("the worker is not reaped", || server.workers().is_empty());
    drop(connection);
    let (connection, worker) = server.session();
    drop(connection);
    until("the worker outlives its client", || server.workers().is_empty());
    let end = server.logged(|line| line.contains("session ends") && line.contains(&format!("pid={worker} ")));
    assert!(end.contains("exit status: 0"), "{end}");
}

#[test]
fn a_dead_zygote_is_replaced_and_its_workers_live_on() {
    let server = Server::start("zygote-dies", &[]);
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let (zygote, connection, worker) = forked(&server);
        kill(zygote, Signal::KILL);
        until("the zygote does not die", || ended(zygote));
        assert!(!ended(worker), "a worker has died with the zygote");
        // Starts without one, and with it the next zygote.
        sessions.extend([(connection, worker), server.session()]);
    }
    // Three have failed.
    sessions.push(server.session());
    assert!(server.zygotes().is_empty());
    assert!(sessions.iter().all(|&(_, worker)| !ended(worker)));
    let warnings = server.log().iter().filter(|line| line.contains("the zygote cannot be used")).count();
    assert_eq!(warnings, 3);
}

#[test]
fn clients_whose_worker_cannot_start_yet_are_told_to_wait() {
    let server = Server::start("zygote-hangs", &[]);
    let (zygote, _connection, _) = forked(&server);
    // The server waits ten seconds for the zygote, with the first of these clients, and learns of all of them before.
    kill(zygote, Signal::STOP);
    server.signal(Signal::STOP);
    let clients = [(); 3].map(|()| UnixStream::connect(&server.socket).unwrap());
    server.signal(Signal::CONT);
    let [first, second, third] = clients;
    assert!(Hello::is_wait(&next_line(&second)));
    // A client goes on waiting.
    let third = Link::from(third);
    connect::open(&third, "of the test").unwrap();
    for client in [first, second] {
        assert!(Hello::check(&first_line(client).1).is_ok());
    }
    server.logged(|line| line.contains("the zygote cannot be used"));
}

#[test]
fn clients_that_wait_while_the_server_stops_are_refused() {
    let mut server = Server::start("stops-waiting", &[]);
    let (zygote, connection, _) = forked(&server);
    drop(connection);
    kill(zygote, Signal::STOP);
    server.signal(Signal::STOP);
    let clients = [(); 2].map(|()| UnixStream::connect(&server.socket).unwrap());
    server.signal(Signal::TERM);
    server.signal(Signal::CONT);
    let lines = clients.map(|client| first_line(client).1);
    assert!(lines.iter().any(|line| line == "REFUSED the server stops\n"), "{lines:?}");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_new_driver_gets_a_new_zygote() {
    let folder = Server::folder("zygote-driver");
    let manifests = folder.join("icd.d");
    fs::create_dir(&manifests).unwrap();
    let mut command = Server::command(&folder.join("socket"), &[]);
    command.env("VK_ADD_DRIVER_FILES", &manifests);
    let server = Server::run(command, folder);
    server.logged(|line| line.contains("serving"));
    let (first, _one, worker) = forked(&server);
    fs::write(manifests.join("new.json"), r#"{"ICD": {"library_path": "./libvulkan_new.so"}}"#).unwrap();
    fs::write(manifests.join("libvulkan_new.so"), "no library").unwrap();
    let (second, _two, _) = forked(&server);
    assert_ne!(first, second);
    assert!(ended(first) && !ended(worker));
    // A zygote that ends for this has not failed.
    for number in 0..4 {
        fs::write(manifests.join("libvulkan_new.so"), number.to_string()).unwrap();
        let (next, ..) = forked(&server);
        assert_ne!(second, next);
    }
}

#[test]
fn workers_start_without_a_zygote() {
    let server = Server::start("no-zygote", &["--no-zygote"]);
    let (_one, first) = server.session();
    let (_two, second) = server.session();
    assert!(server.zygotes().is_empty());
    assert_ne!(layout(first), layout(second));
}

#[test]
fn the_zygote_ends_with_its_server() {
    let mut server = Server::start("zygote-stops", &[]);
    let (first, connection, _) = forked(&server);
    drop(connection);
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(ended(first), "the zygote lives on");
    let mut server = Server::start("zygote-orphan", &[]);
    let (second, _connection, worker) = forked(&server);
    server.signal(Signal::KILL);
    server.wait();
    until("the zygote or its worker outlives the server", || ended(second) && ended(worker));
}
