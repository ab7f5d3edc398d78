//! Workers that are there before their clients.

use std::{fs, os::unix::net::UnixStream};

use airlock_protocol::{
    Event,
    codec::decode_event,
    connect::{self, Link},
    handshake::Hello,
};
use rustix::process::Signal;

use crate::server::{Server, as_user, ended, is_root, kill, until};

/// The one worker that a server has, once its drivers are there.
fn ready(server: &Server) -> u32 {
    let mut spare = 0;
    until("no worker is ready", || {
        let [worker] = server.workers()[..] else { return false };
        spare = worker;
        has_drivers(worker)
    });
    spare
}

fn has_drivers(worker: u32) -> bool {
    fs::read_to_string(format!("/proc/{worker}/maps")).is_ok_and(|maps| maps.contains("libvulkan"))
}

/// Whose session has started.
fn started(server: &Server, worker: u32) -> bool {
    server.log().iter().any(|line| line.contains("session starts") && line.contains(&format!("pid={worker} ")))
}

#[test]
fn a_client_gets_the_worker_that_is_ready_and_another_one_starts() {
    let server = Server::start("spare", &["--spare-workers=1", "--max-sessions=1", "--start-drivers"]);
    let spare = ready(&server);
    assert_eq!(server.metric("airlock_sessions"), 0.0);
    let link = Link::from(UnixStream::connect(&server.socket).unwrap());
    let channels = connect::open(&link, "of the test").unwrap();
    assert_eq!(decode_event(&channels.events.recv().unwrap()).unwrap(), Event::Welcome);
    until("the session is another worker's", || started(&server, spare));
    assert_eq!(server.metric("airlock_sessions"), 1.0);
    until("no other worker starts", || server.workers().len() == 2);
    // It is no session: the next client is one too many.
    let (_refused, line) = server.connect();
    assert!(line.starts_with("REFUSED "), "{line}");
    drop((link, channels));
    until("the worker outlives its client", || !server.workers().contains(&spare));
    let next = ready(&server);
    let (_connection, line) = server.connect();
    assert!(Hello::check(&line).is_ok(), "{line}");
    until("the session is another worker's", || started(&server, next));
}

#[test]
fn a_spare_worker_that_died_costs_no_client_anything() {
    let server = Server::start("spare-dies", &["--spare-workers=1", "--crash-limit=1"]);
    let spare = ready(&server);
    kill(spare, Signal::KILL);
    until("the worker does not die", || ended(spare));
    let (_connection, line) = server.connect();
    assert!(Hello::check(&line).is_ok(), "{line}");
    let said = server.logged(|line| line.contains("is of no use"));
    assert!(said.contains(&format!("pid={spare}")) && said.contains("signal: 9"), "{said}");
    until("no session starts", || server.log().iter().any(|line| line.contains("session starts")));
    assert!(!started(&server, spare));
    until("no other worker starts", || server.workers().len() == 2);
}

#[test]
fn a_spare_worker_whose_socket_was_tidied_away_is_not_handed_out() {
    let server = Server::start("spare-tidied", &["--spare-workers=1"]);
    let spare = ready(&server);
    let environment = fs::read_to_string(format!("/proc/{spare}/environ")).unwrap();
    let folder = environment.split('\0').find_map(|variable| variable.strip_prefix("TMPDIR=")).unwrap();
    for inner in fs::read_dir(folder).unwrap() {
        fs::remove_dir_all(inner.unwrap().path()).unwrap();
    }
    let link = Link::from(UnixStream::connect(&server.socket).unwrap());
    let channels = connect::open(&link, "of the test").unwrap();
    assert_eq!(decode_event(&channels.events.recv().unwrap()).unwrap(), Event::Welcome);
    server.logged(|line| line.contains("its socket was removed"));
}

#[test]
fn a_spare_worker_serves_another_user() {
    if !is_root() {
        return;
    }
    let (uid, gid) = (4711, 4712);
    let allowed = format!("--allow-uid={uid}");
    let server = Server::start("spare-foreign", &["--spare-workers=1", "--socket-mode=0666", &allowed]);
    let spare = ready(&server);
    let socket = server.socket.clone();
    let welcomed = as_user(uid, gid, &[], move || {
        let link = Link::from(UnixStream::connect(socket).unwrap());
        let channels = connect::open(&link, "of the test").unwrap();
        decode_event(&channels.events.recv().unwrap()).unwrap() == Event::Welcome
    });
    assert!(welcomed);
    until("the session is another worker's", || started(&server, spare));
}

#[test]
fn a_server_that_stops_leaves_no_spare_worker() {
    let mut server = Server::start("spare-stops", &["--spare-workers=2", "--drain=20"]);
    // No more than two, for as long as it takes them to load their drivers.
    let mut spares = Vec::new();
    until("two workers are not ready", || {
        spares = server.workers();
        assert!(spares.len() <= 2, "{spares:?}");
        spares.len() == 2 && spares.iter().all(|&worker| has_drivers(worker))
    });
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(spares.into_iter().all(ended), "a worker lives on");
    assert!(!server.log().iter().any(|line| line.contains("session starts")), "{:?}", server.log());
}
