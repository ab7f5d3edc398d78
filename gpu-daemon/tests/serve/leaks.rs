//! Leaks: many sessions leave nothing behind.

use std::os::unix::net::UnixStream;

use airlock_protocol::handshake::Hello;
use rustix::process::Signal;

use crate::server::{Server, files, kill, threads, until, value};

#[test]
fn short_sessions_leave_nothing_in_the_server() {
    let server = Server::start("short", &[]);
    let pid = server.process.id();
    // The first session and scrape allocate memory and descriptors that stay.
    drop(server.session());
    until("the session goes on", || server.metric("airlock_sessions") == 0.0);
    // The scrape may not have ended yet, and be counted.
    let before = (files(pid).len(), threads(pid));
    for number in 0..50 {
        match number % 3 {
            // Disconnects before it is accepted, at once, and after the worker is ready.
            0 => drop(UnixStream::connect(&server.socket).unwrap()),
            1 => drop(server.connect()),
            _ => drop(server.session()),
        }
    }
    // The last client to be accepted.
    drop(server.connect());
    until("a session goes on", || server.metric("airlock_sessions") == 0.0 && server.workers().is_empty());
    until("threads or descriptors stay", || files(pid).len() <= before.0 && threads(pid) <= before.1);
    let text = server.scrape();
    assert_eq!(value(&text, "airlock_sessions_started_total"), 52.0, "{text}");
    assert_eq!(value(&text, "airlock_sessions_ended_total{end=\"client\"}"), 52.0);
    assert_eq!(value(&text, "airlock_session_seconds_count"), 52.0);
}

#[test]
fn a_storm_of_kills_does_not_affect_other_sessions() {
    let server = Server::start("storm", &["--crash-limit=0"]);
    let pid = server.process.id();
    let (_bystander, survivor) = server.session();
    let before = files(pid).len();
    for round in 0..5 {
        let sessions: Vec<_> = (0..6).map(|_| server.session()).collect();
        // Every second one at once, the rest in reverse.
        let (first, second): (Vec<_>, Vec<_>) =
            sessions.iter().enumerate().partition(|(index, _)| index % 2 == round % 2);
        for (_, (_, worker)) in first.into_iter().chain(second.into_iter().rev()) {
            kill(*worker, Signal::KILL);
        }
    }
    until("a killed worker is not noticed", || server.metric("airlock_sessions") == 1.0);
    until("descriptors stay", || files(pid).len() <= before);
    assert_eq!(server.workers(), [survivor]);
    let text = server.scrape();
    assert_eq!(value(&text, "airlock_sessions_started_total"), 31.0);
    assert_eq!(value(&text, "airlock_sessions_ended_total{end=\"signal\"}"), 30.0);
    assert_eq!(value(&text, "airlock_worker_crashes_total{signal=\"SIGKILL\"}"), 30.0);
    assert!(Hello::check(&server.connect().1).is_ok());
}
