//! Metrics endpoint, with scrapers and with other clients.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    net::TcpStream,
    os::unix::{fs::FileExt, net::UnixStream},
};

use crate::server::{File as Open, PATIENCE, Server, files, until, value};

/// Counters of a worker, in the order of their declaration.
const BYTES_IN: usize = 2;
const SUBMITS: usize = 4;
const GPU_MEMORY: usize = 5;
const QUOTA_HITS: usize = 6;

/// Opens a worker's status file, as the worker itself could.
fn counters(server: &Server, worker: u32) -> File {
    let find = |pid, is_it: &dyn Fn(&Open) -> bool| files(pid).into_iter().find(is_it).unwrap();
    let own = find(worker, &|file| file.name.contains("airlock-status"));
    let servers = find(server.process.id(), &|file| file.id == own.id);
    OpenOptions::new().write(true).open(servers.path).unwrap()
}

fn write(counters: &File, field: usize, number: u64) {
    counters.write_all_at(&number.to_le_bytes(), field as u64 * 8).unwrap();
}

#[test]
fn counters_of_running_and_ended_sessions_add_up_and_never_fall() {
    let server = Server::start("counters", &["--max-gpu-memory=1M"]);
    let submits = || server.metric("airlock_submits_total");
    let (first, worker) = server.session();
    let of_first = counters(&server, worker);
    write(&of_first, SUBMITS, 100);
    write(&of_first, BYTES_IN, 1 << 20);
    write(&of_first, GPU_MEMORY, 4096);
    write(&of_first, QUOTA_HITS, 2);
    let text = server.scrape();
    assert_eq!(value(&text, "airlock_submits_total"), 100.0);
    assert_eq!(value(&text, "airlock_received_bytes_total"), 1_048_576.0);
    assert_eq!(value(&text, "airlock_gpu_memory_bytes"), 4096.0);
    assert_eq!(value(&text, "airlock_quota_hits_total"), 2.0);
    let (second, worker) = server.session();
    let of_second = counters(&server, worker);
    write(&of_second, SUBMITS, 10);
    assert_eq!(submits(), 110.0);
    write(&of_second, SUBMITS, 1);
    assert_eq!(submits(), 110.0, "a counter fell with what a worker says");
    write(&of_second, SUBMITS, 10);
    assert_eq!(submits(), 110.0, "what was counted is counted again");
    write(&of_first, SUBMITS, 150);
    drop(first);
    until("the session goes on", || server.metric("airlock_sessions") == 1.0);
    let text = server.scrape();
    assert_eq!(value(&text, "airlock_submits_total"), 160.0, "what was counted last is lost");
    assert_eq!(value(&text, "airlock_gpu_memory_bytes"), 0.0);
    server.logged(|line| line.contains("session ends") && line.contains("submits=150"));

    // Absurd values: they are bounded, and do not fall either.
    for field in 0..8 {
        write(&of_second, field, u64::MAX);
    }
    let most = submits();
    assert!((1e9..1e12).contains(&most), "{most}");
    assert_eq!(server.metric("airlock_gpu_memory_bytes"), 1_048_576.0);
    write(&of_second, SUBMITS, 0);
    assert_eq!(submits(), most);
    drop(second);
    until("the session goes on", || server.metric("airlock_sessions") == 0.0);
    assert_eq!(submits(), most);
    let text = server.scrape();
    assert_eq!(value(&text, "airlock_sessions_started_total"), 2.0);
    assert_eq!(value(&text, "airlock_sessions_ended_total{end=\"client\"}"), 2.0);
}

#[test]
fn only_the_metrics_are_there() {
    let server = Server::start("http", &[]);
    assert!(server.ask("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(server.ask("POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    assert!(server.ask("\0\0\0\0\r\n\r\n").starts_with("HTTP/1.1 400 "));
    let endless = format!("GET /metrics HTTP/1.1\r\nA: {}", "a".repeat(4 << 10));
    assert!(server.ask(&endless[..4 << 10]).starts_with("HTTP/1.1 400 "));
    let answer = server.ask("GET /metrics HTTP/1.0\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Type: text/plain; version=0.0.4"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    assert!(body.contains("# TYPE airlock_session_seconds histogram\n"), "{body}");
}

#[test]
fn clients_that_say_nothing_keep_no_scraper_out() {
    let server = Server::start("slow", &[]);
    let connect = || UnixStream::connect(server.folder.join("metrics")).unwrap();
    // More than the endpoint's places.
    let idle: Vec<UnixStream> = (0..20).map(|_| connect()).collect();
    for _ in 0..20 {
        assert_eq!(server.metric("airlock_sessions"), 0.0);
    }
    // The first was evicted, and sending single bytes does not extend the others' time.
    let mut first = idle.first().unwrap();
    first.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(matches!(first.read(&mut [0]), Ok(0) | Err(_)), "it still holds a place");
    let (mut drip, mut drips) = (connect(), 0);
    until("a client drips on", || {
        drips += 1;
        drip.write_all(b"G").is_err()
    });
    // Ended by the time limit: so few bytes do not exceed the request's length.
    assert!(drips < 4 << 10, "{drips} drips");
}

#[test]
fn metrics_are_on_a_port_too() {
    let folder = Server::folder("port");
    let mut command = Server::command(&folder.join("socket"), &["--metrics=127.0.0.1:0"]);
    command.env("RUST_LOG", "info");
    let server = Server::run(command, folder);
    let line = server.logged(|line| line.contains("http://127.0.0.1:"));
    let (_, address) = line.split_once("http://").unwrap();
    let (address, _) = address.split_once('/').unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert_eq!(value(&answer, "airlock_sessions"), 0.0);

    // An address that cannot be bound is reported, and leaves no socket behind.
    let folder = Server::folder("taken");
    let output = Server::command(&folder.join("socket"), &["--metrics", address]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("cannot serve metrics on {address}")), "{said}");
    assert!(fs::read_dir(&folder).unwrap().next().is_none());
    fs::remove_dir_all(folder).unwrap();
}
