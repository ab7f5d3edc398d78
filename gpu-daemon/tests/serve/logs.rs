//! The log of a server and of its workers.

use std::{fs::OpenOptions, io::Write, time::Instant};

use rustix::process::{Signal, getegid, geteuid};
use serde_json::Value;

use crate::server::{Server, files, kill, until};

#[test]
fn each_session_is_in_the_log_as_json() {
    let server = Server::start("json", &["--log-format=json", "--max-sessions=1"]);
    let (_connection, worker) = server.session();
    server.connect();
    kill(worker, Signal::ABORT);
    server.logged(|line| line.contains("session ends"));
    let log: Vec<Value> = server.log().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let find = |message: &str| {
        let found = log.iter().find(|event| event["message"].as_str().unwrap().contains(message));
        found.unwrap_or_else(|| panic!("{message} is not in {log:#?}"))
    };
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let start = find("session starts");
    assert_eq!((&start["session"], &start["pid"]), (&Value::from(0), &Value::from(worker)));
    assert_eq!((&start["uid"], &start["gid"]), (&Value::from(uid), &Value::from(gid)));
    assert_eq!(start["client"], Value::from(std::process::id()));
    let refusal = find("session refused");
    assert_eq!((&refusal["reason"], &refusal["uid"]), (&Value::from("sessions"), &Value::from(uid)));
    let end = find("session ends");
    assert_eq!((&end["session"], &end["reason"]), (&Value::from(0), &Value::from("signal")));
    assert!(end["exit"].as_str().unwrap().contains("SIGABRT"), "{end}");
    assert_eq!(end["level"], "WARN");
    for number in ["submits", "commands", "batches", "bytes_in", "bytes_out", "seconds", "quota_hits"] {
        assert!(end[number].is_number(), "{number} of {end}");
    }
    assert_eq!(find("serving")["socket"], Value::from(server.socket.to_str().unwrap()));
}

#[test]
fn a_worker_that_prints_without_end_fills_no_log() {
    let server = Server::start("prints", &[]);
    let (connection, worker) = server.session();
    let pipe = files(worker).into_iter().find(|file| file.descriptor == 2).unwrap();
    let servers = files(server.process.id()).into_iter().find(|file| file.id == pipe.id).unwrap();
    // The pipe that a driver in the worker writes to.
    let mut output = OpenOptions::new().write(true).open(servers.path).unwrap();
    output.write_all(b"a \x1b[31mdriver\x1b[0m speaks\n").unwrap();
    let line = server.logged(|line| line.contains("driver"));
    assert!(line.contains("session=0") && !line.contains('\x1b'), "{line}");
    let long = [b'y'; 64 << 10];
    output.write_all(&long).unwrap();
    output.write_all(b"\n").unwrap();
    let line = server.logged(|line| line.contains("yyyy"));
    assert!(line.contains("cut=true") && line.len() < 2 << 10, "{} bytes", line.len());
    let start = Instant::now();
    for _ in 0..64 {
        output.write_all(&b"warning: it is warm\n".repeat(1 << 10)).unwrap();
    }
    // A burst of a hundred, and one more per second until now.
    let lines = server.log().len();
    let most = 100 + start.elapsed().as_secs() as usize + 10;
    assert!(lines < most, "{lines} lines");
    // The end of the session does not wait for the end of the pipe, which this test holds open.
    drop(connection);
    until("the session goes on", || server.metric("airlock_sessions") == 0.0);
    assert!(server.metric("airlock_worker_log_lines_dropped_total") > 60_000.0);
}
