//! Failing guests, and the lifetime of instances.

use std::{
    io::{BufReader, Write as _},
    thread,
};

use airlock_tests::{
    http::{Server, ask, connect, receive, request},
    processes::wait_until,
    programs::{LIMIT, guest, signal},
};
use rustix::process::Signal;

/// Number of responses that a guest begins and does not end.
const BROKEN_ANSWERS: usize = 200;

#[test]
fn a_guest_that_breaks_concerns_its_own_request() {
    let server = Server::start(&guest("hello"), &["--instances", "1", "--reuse", "100"]);
    for (path, why) in [("/trap", "The guest trapped."), ("/none", "The guest returned without an answer.")] {
        let answer = server.ask("GET", path, b"");
        assert_eq!((answer.status, answer.text()), (502, format!("{why}\n")), "{path}");
        assert_eq!(server.ask("GET", "/", b"").status, 200);
    }
    // It comes through another pipe than the response.
    wait_until("line about the trap", LIMIT, || server.stderr().contains("the guest trapped"));
    // Once the guest has begun a response, a client receives a truncated response, or a 502 if nothing of it was sent. Many
    // times, because one in a hundred was complete when the end of the store overtook the end of the connection.
    for _ in 0..BROKEN_ANSWERS {
        if let Ok(answer) = ask(server.address(), "POST", "/broken", b"") {
            assert!(answer.status == 502 || answer.status == 200 && !answer.complete, "{answer:?}");
        }
    }
    assert_eq!(server.ask("GET", "/", b"").status, 200);
}

#[test]
fn a_guest_that_takes_too_long_is_ended() {
    let server = Server::start(&guest("hello"), &["--instances", "1", "--request-timeout", "1"]);
    let before = server.part("guest");
    let answer = server.ask("GET", "/loop", b"");
    assert_eq!((answer.status, answer.text()), (504, "The guest did not answer in time.\n".to_owned()));
    assert_eq!(server.ask("GET", "/", b"").status, 200);
    assert_ne!(server.part("guest"), before, "it still runs");
    let answer = server.ask("GET", "/late", b"");
    assert!(answer.status == 200 && !answer.complete, "{answer:?}");
    assert_eq!(server.ask("GET", "/", b"").status, 200);
    assert_eq!(server.metric("airlock_http_own_answers_total{status=\"504\"}"), 1.0);
}

#[test]
fn a_killed_process_costs_the_requests_that_it_had() {
    let server = Server::start(&guest("hello"), &["--instances", "2"]);
    wait_until("second guest process", LIMIT, || server.metric("airlock_guest_processes") == 2.0);
    let mut connection = BufReader::new(connect(server.address()).expect("a connection"));
    // A POST is not retried on a second instance, because the first one may have had effects.
    connection.get_mut().write_all(&request("POST", "/loop", b"")).expect("a request");
    wait_until("busy guest process", LIMIT, || server.metric("airlock_http_wait_seconds_count") == 1.0);
    for id in server.part("guest") {
        signal(id, Signal::KILL);
    }
    let answer = receive(&mut connection).expect("an answer");
    assert_eq!((answer.status, answer.text()), (502, "The guest ended before it answered.\n".to_owned()));
    // The successors answer.
    assert_eq!(server.ask("GET", "/", b"").status, 200);
    wait_until("two guest processes", LIMIT, || server.metric("airlock_guest_processes") == 2.0);
    assert_eq!(server.metric("airlock_guest_processes_ended_total"), 2.0);
}

/// A GET is retried on a second instance when the first one's process ends, and not on a third.
#[test]
fn a_get_is_tried_twice() {
    let server = Server::start(&guest("hello"), &["--instances", "1"]);
    let mut connection = BufReader::new(connect(server.address()).expect("a connection"));
    connection.get_mut().write_all(&request("GET", "/loop", b"")).expect("a request");
    for attempt in [1.0, 2.0] {
        wait_until("busy guest process", LIMIT, || server.metric("airlock_http_wait_seconds_count") == attempt);
        server.part("guest").into_iter().for_each(|id| signal(id, Signal::KILL));
    }
    assert_eq!(receive(&mut connection).expect("an answer").status, 502);
    assert_eq!(server.metric("airlock_http_retries_total"), 1.0);
}

#[test]
fn instances_are_new_or_reused_as_told() {
    let count = |server: &Server| server.ask("GET", "/count", b"").text();
    let fresh = Server::start(&guest("hello"), &["--instances", "1"]);
    assert_eq!([count(&fresh), count(&fresh)], ["0\n", "0\n"]);
    let reused = Server::start(&guest("hello"), &["--instances", "1", "--reuse", "3"]);
    let counts: Vec<_> = (0..5).map(|_| count(&reused)).collect();
    assert_eq!(counts, ["0\n", "1\n", "2\n", "0\n", "1\n"]);
    // The process is the same: an instance is not a process.
    assert_eq!(reused.metric("airlock_guest_processes_ended_total"), 0.0);
}

#[test]
fn an_instance_has_the_memory_that_it_may_have() {
    let server = Server::start(&guest("hello"), &["--instances", "1", "--max-guest-memory", "100M"]);
    for _ in 0..2 {
        let text = server.ask("GET", "/memory", b"").text();
        let taken: u32 = text.trim_end_matches(" MiB\n").parse().expect("a number");
        assert!((48..=96).contains(&taken), "{text}");
    }
}

#[test]
fn requests_wait_for_an_instance_and_not_for_ever() {
    let options = ["--instances", "1", "--queue", "1", "--queue-timeout", "1", "--request-timeout", "60"];
    let server = Server::start(&guest("hello"), &options);
    let mut busy = connect(server.address()).expect("a connection");
    busy.write_all(&request("POST", "/loop", b"")).expect("a request");
    wait_until("busy guest process", LIMIT, || server.metric("airlock_http_wait_seconds_count") == 1.0);
    thread::scope(|scope| {
        let first = scope.spawn(|| server.ask("GET", "/", b""));
        wait_until("waiting request", LIMIT, || {
            // The request may have timed out already.
            server.metric("airlock_http_requests_waiting") == 1.0
                || server.metric("airlock_http_own_answers_total{status=\"503\"}") > 0.0
        });
        let second = server.ask("GET", "/", b"");
        assert_eq!(second.status, 503);
        let first = first.join().expect("an answer");
        assert_eq!((first.status, first.text()), (503, "No instance became free in time.\n".to_owned()));
    });
    // A client that disconnects frees the instance: the process that computes for it is killed.
    drop(busy);
    wait_until("free instance", LIMIT, || server.ask("GET", "/", b"").status == 200);
}
