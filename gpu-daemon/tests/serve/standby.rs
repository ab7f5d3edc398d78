//! Standby workers: started before a client connects.

use std::{fs, os::unix::net::UnixStream};

use airlock_protocol::{
    Event,
    codec::decode_event,
    connect::{self, Link},
    handshake::Hello,
};
use rustix::process::Signal;

use crate::server::{Server, as_user, ended, is_root, kill, until};

/// The server's one worker, once its drivers are loaded.
fn ready(server: &Server) -> u32 {
    let mut standby = 0;
    until("no worker is ready", || {
        let [worker] = server.workers()[..] else { return false };
        standby = worker;
        has_drivers(worker)
    });
    standby
}

fn has_drivers(worker: u32) -> bool {
    fs::read_to_string(format!("/proc/{worker}/maps")).is_ok_and(|maps| maps.contains("libvulkan"))
}

/// True when a session has started on the worker.
fn started(server: &Server, worker: u32) -> bool {
    server.log().iter().any(|line| line.contains("session starts") && line.contains(&format!("pid={worker} ")))
}

#[test]
fn a_client_takes_the_standby_worker_and_another_one_starts() {
    let server = Server::start("standby", &["--standby-workers=1", "--max-sessions=1", "--start-drivers"]);
    let standby = ready(&server);
    assert_eq!(server.metric("airlock_sessions"), 0.0);
    let link = Link::from(UnixStream::connect(&server.socket).unwrap());
    let channels = connect::open(&link, "of the test").unwrap();
    assert_eq!(decode_event(&channels.events.recv().unwrap()).unwrap(), Event::Welcome);
    until("the session is another worker's", || started(&server, standby));
    assert_eq!(server.metric("airlock_sessions"), 1.0);
    until("no other worker starts", || server.workers().len() == 2);
    // A standby worker is not a session, but the next client exceeds --max-sessions.
    let (_refused, line) = server.connect();
    assert!(line.starts_with("REFUSED "), "{line}");
    drop((link, channels));
    until("the worker outlives its client", || !server.workers().contains(&standby));
    let next = ready(&server);
    let (_connection, line) = server.connect();
    assert!(Hello::check(&line).is_ok(), "{line}");
    until("the session is another worker's", || started(&server, next));
}

#[test]
fn a_dead_standby_worker_is_replaced_unnoticed() {
    let server = Server::start("standby-dies", &["--standby-workers=1", "--crash-limit=1"]);
    let standby = ready(&server);
    kill(standby, Signal::KILL);
    until("the worker does not die", || ended(standby));
    let (_connection, line) = server.connect();
    assert!(Hello::check(&line).is_ok(), "{line}");
    let said = server.logged(|line| line.contains("cannot be used"));
    assert!(said.contains(&format!("pid={standby}")) && said.contains("signal: 9"), "{said}");
    until("no session starts", || server.log().iter().any(|line| line.contains("session starts")));
    assert!(!started(&server, standby));
    until("no other worker starts", || server.workers().len() == 2);
}

#[test]
fn a_standby_worker_whose_socket_was_tidied_away_serves_all_the_same() {
    // By the option's former name, which stays an alias.
    // A worker of a zygote does not show its folder in its environment.
    let server = Server::start("standby-tidied", &["--spare-workers=1", "--no-zygote"]);
    let standby = ready(&server);
    let environment = fs::read_to_string(format!("/proc/{standby}/environ")).unwrap();
    let folder = environment.split('\0').find_map(|variable| variable.strip_prefix("TMPDIR=")).unwrap();
    for inner in fs::read_dir(folder).unwrap() {
        fs::remove_dir_all(inner.unwrap().path()).unwrap();
    }
    let link = Link::from(UnixStream::connect(&server.socket).unwrap());
    let channels = connect::open(&link, "of the test").unwrap();
    assert_eq!(decode_event(&channels.events.recv().unwrap()).unwrap(), Event::Welcome);
    until("the session is another worker's", || started(&server, standby));
}

#[test]
fn a_standby_worker_serves_another_user() {
    if !is_root() {
        return;
    }
    let (uid, gid) = (4711, 4712);
    let allowed = format!("--allow-uid={uid}");
    let server = Server::start("standby-foreign", &["--standby-workers=1", "--socket-mode=0666", &allowed]);
    let standby = ready(&server);
    let socket = server.socket.clone();
    let welcomed = as_user(uid, gid, &[], move || {
        let link = Link::from(UnixStream::connect(socket).unwrap());
        let channels = connect::open(&link, "of the test").unwrap();
        decode_event(&channels.events.recv().unwrap()).unwrap() == Event::Welcome
    });
    assert!(welcomed);
    until("the session is another worker's", || started(&server, standby));
}

#[test]
fn a_server_that_stops_leaves_no_standby_worker() {
    let mut server = Server::start("standby-stops", &["--standby-workers=2", "--drain=20"]);
    // Never more than two, until both have loaded their drivers.
    let mut standby = Vec::new();
    until("two workers are not ready", || {
        standby = server.workers();
        assert!(standby.len() <= 2, "{standby:?}");
        standby.len() == 2 && standby.iter().all(|&worker| has_drivers(worker))
    });
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(standby.into_iter().all(ended), "a worker lives on");
    assert!(!server.log().iter().any(|line| line.contains("session starts")), "{:?}", server.log());
}
