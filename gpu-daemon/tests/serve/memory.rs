//! Bounds on the memory of workers, and on sessions that do nothing.

use std::{
    fs,
    io::Read,
    time::{Duration, Instant},
};

use crate::server::{Server, ended, until};

#[test]
fn a_session_that_asks_for_nothing_is_ended_and_told() {
    let server = Server::start("idle", &["--idle-timeout=1"]);
    let (mut connection, worker) = server.session();
    let start = Instant::now();
    let mut said = String::new();
    connection.read_to_string(&mut said).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
    assert!(said.ends_with("ENDED idle\n"), "{said:?}");
    until("the worker lives on", || ended(worker));
    assert_eq!(server.metric("airlock_sessions_ended_total{end=\"idle\"}"), 1.0);
    // It does not count as a crash.
    assert!(!server.scrape().contains("airlock_worker_crashes_total{"));
}

#[test]
fn where_memory_is_short_the_largest_is_ended_and_clients_are_refused() {
    // Less than one worker needs.
    let server = Server::start("total", &["--max-total-memory=1K", "--crash-limit=1"]);
    let (mut connection, mut said) = server.connect();
    connection.read_to_string(&mut said).unwrap();
    // By the server's sampling, or by the kernel where there is a cgroup, possibly before its hello line.
    assert!(said.ends_with("ENDED memory\n") || said.ends_with("ENDED signal 9\n"), "{said:?}");
}

/// The kernel's view of a live worker.
#[test]
fn a_worker_is_the_first_to_go_and_has_a_group_of_its_own_where_there_are_any() {
    let server = Server::start("groups", &["--max-memory=1G"]);
    let (first, worker) = server.session();
    let (_second, other) = server.session();
    assert_eq!(fs::read_to_string(format!("/proc/{worker}/oom_score_adj")).unwrap().trim(), "1000");
    let limits = fs::read_to_string(format!("/proc/{worker}/limits")).unwrap();
    let file = limits.lines().find(|line| line.starts_with("Max file size")).unwrap();
    assert!(!file.contains("unlimited"), "{file}");
    if server.log().iter().any(|line| line.contains("no cgroups for workers")) {
        return;
    }
    let group = |pid: u32| {
        let list = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        let memory = |line: &&str| line.starts_with("0::") || line.contains(":memory:");
        list.lines().find(|line| memory(line) && line.contains("airlock-workers-")).map(str::to_owned)
    };
    let (of_worker, of_other) = (group(worker).expect("a group"), group(other).expect("a group"));
    assert_ne!(of_worker, of_other);
    assert_eq!(group(server.process.id()), None);
    let path = of_worker.rsplit(':').next().unwrap().to_owned();
    let folders = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"].map(|mount| format!("{mount}{path}"));
    let bound = folders.iter().find_map(|folder| {
        fs::read_to_string(format!("{folder}/memory.max"))
            .or_else(|_| fs::read_to_string(format!("{folder}/memory.limit_in_bytes")))
            .ok()
    });
    assert_eq!(bound.expect("a bound").trim().parse::<u64>().unwrap(), (1 << 30) + (512 << 20));
    drop(first);
    until("the group stays", || folders.iter().all(|folder| fs::metadata(folder).is_err()));
}
