//! The operator's view: health, metrics, the log, the shutdown, and the confinement of the processes.

use std::{
    io::{BufReader, Write as _},
    net::TcpStream,
};

use airlock_tests::{
    http::{Server, connect, receive, request},
    processes::{of_threads, wait_until},
    programs::{LIMIT, guest},
};

#[test]
fn health_and_metrics_are_on_an_address_of_their_own() {
    let server = Server::start(&guest("hello"), &["--instances", "2"]);
    assert_eq!(server.admin("/healthz").status, 200);
    assert_eq!(server.admin("/readyz").status, 200);
    assert_eq!(server.admin("/other").status, 404);
    assert_eq!(server.ask("GET", "/metrics", b"").text(), "hello from /metrics\n");
    assert_eq!(server.ask("POST", "/", b"12345").status, 200);
    wait_until("both requests in the metrics", LIMIT, || {
        server.metric("airlock_http_requests_total{status=\"2xx\"}") == 2.0
    });
    assert_eq!(server.metric("airlock_http_received_bytes_total"), 5.0);
    assert_eq!(server.metric("airlock_http_request_seconds_count"), 2.0);
    assert_eq!(server.metric("airlock_http_requests"), 0.0);
    // The component imports no GPU.
    assert_eq!(server.metric("airlock_gpu_sessions_total"), 0.0);
}

#[test]
fn each_request_is_a_line_of_the_log() {
    let server = Server::start(&guest("hello"), &["--instances", "1", "--access-log", "json"]);
    server.ask("POST", "/path?q=%1b", b"12345");
    server.ask("GET", "/trap", b"");
    wait_until("two lines", LIMIT, || server.stdout().lines().count() == 2);
    let lines: Vec<serde_json::Value> =
        server.stdout().lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!((&lines[0]["path"], &lines[0]["method"]), (&"/path?q=%1b".into(), &"POST".into()));
    assert_eq!((&lines[0]["status"], &lines[0]["received"], &lines[0]["sent"]), (&200.into(), &5.into(), &23.into()));
    assert_eq!((&lines[0]["client"], &lines[0]["complete"]), (&"127.0.0.1".into(), &true.into()));
    assert_eq!((&lines[1]["status"], &lines[1]["guest"]), (&502.into(), &0.into()));
    let text = Server::start(&guest("hello"), &["--instances", "1", "--access-log", "text"]);
    text.ask("GET", "/x", b"");
    wait_until("a line", LIMIT, || text.stdout().contains(" 127.0.0.1 GET /x 200 in=0 out=14 "));
}

#[test]
fn a_signal_to_stop_lets_requests_finish() {
    let mut server = Server::start(&guest("hello"), &["--instances", "1"]);
    // A request that has begun: its body is still on its way.
    let mut begun = BufReader::new(connect(server.address()).expect("a connection"));
    begun.get_mut().write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1").expect("half a request");
    wait_until("request", LIMIT, || server.metric("airlock_http_requests") == 1.0);
    let mut idle = BufReader::new(connect(server.address()).expect("a connection"));
    idle.get_mut().write_all(&request("GET", "/idle", b"")).expect("a request");
    assert_eq!(receive(&mut idle).expect("an answer").status, 200);
    server.terminate();
    wait_until("closed port", LIMIT, || TcpStream::connect(server.address()).is_err());
    assert_eq!(server.admin("/readyz").status, 503);
    assert!(receive(&mut idle).is_err(), "a connection without a request goes on");
    begun.get_mut().write_all(b"2").expect("the rest");
    let answer = receive(&mut begun).expect("an answer");
    assert_eq!((answer.status, answer.text()), (200, "hello from /\n".to_owned()));
    assert_eq!(server.ended().code(), Some(0), "{}", server.stderr());
}

#[test]
fn the_end_is_not_waited_for_for_longer_than_the_grace() {
    let mut server = Server::start(&guest("hello"), &["--instances", "1", "--grace", "1"]);
    let mut busy = connect(server.address()).expect("a connection");
    busy.write_all(&request("POST", "/loop", b"")).expect("a request");
    wait_until("busy guest process", LIMIT, || server.metric("airlock_http_wait_seconds_count") == 1.0);
    let guests = server.part("guest");
    server.terminate();
    assert_eq!(server.ended().code(), Some(0));
    wait_until("end of the guest", LIMIT, || !guests.iter().any(|&id| airlock_tests::processes::runs(id)));
}

/// The process with the clients' connections and the processes of guests give up their unneeded rights.
#[test]
fn every_process_that_meets_strangers_is_confined() {
    let server = Server::start(&guest("hello"), &["--instances", "2"]);
    wait_until("second guest process", LIMIT, || server.metric("airlock_guest_processes") == 2.0);
    let (front, guests) = (server.part("front"), server.part("guest"));
    assert_eq!((front.len(), guests.len()), (1, 2));
    for id in front.iter().chain(&guests) {
        for (key, held) in [("Seccomp", "2"), ("NoNewPrivs", "1"), ("CapEff", "0000000000000000")] {
            let values = of_threads(*id, key);
            assert!(!values.is_empty() && values.iter().all(|value| value == held), "{key} of {id}: {values:?}");
        }
    }
    // Only the front has the clients' sockets.
    let sockets = |id: u32| std::fs::read_to_string(format!("/proc/{id}/net/tcp")).expect("the table");
    let inodes: Vec<String> = sockets(server.id())
        .lines()
        .filter(|line| line.contains(&format!(":{:04X} ", server.address().port())))
        .filter_map(|line| line.split_whitespace().nth(9).map(|inode| format!("socket:[{inode}]")))
        .collect();
    assert!(!inodes.is_empty());
    let holds = |id: u32| airlock_tests::processes::open_files(id).iter().any(|file| inodes.contains(file));
    assert!(holds(front[0]));
    assert!(!guests.iter().any(|&id| holds(id)), "a guest process holds the listening socket");
}
