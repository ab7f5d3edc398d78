//! Clients of `gpu-daemon serve` that send invalid commands over the wire, and arbitrary bytes below it; and daemons
//! that do the same to `airlock run`.
//!
//! Each case is a function, with its description and the expected outcome. Meanwhile the results of a bystander must be
//! the same as alone, and afterwards the servers must hold the same resources as before. The cases are the table in
//! `README.md`.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod batches;
mod daemons;
mod floods;
mod ids;
mod queue;
mod ring;
mod setup;
mod wire;

use std::{
    any::Any,
    fs::{self, File},
    os::{linux::fs::MetadataExt, unix::net::UnixStream},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use airlock_tests::{
    processes::{descriptors, memory, of_threads, served_by, wait_for, wait_until, workers_of},
    programs::{LIMIT, Serve, airlock, guest, root, run},
};

/// Cases that run at a time.
const LANES: usize = 3;
/// Maximum growth of a server's memory.
const GROWTH: u64 = 4 << 20;
/// The two halves run one after the other: each keeps a small machine busy.
static TURN: Mutex<()> = Mutex::new(());

/// One action of a hostile client or daemon, with its expected outcome.
pub struct Case {
    name: &'static str,
    does: &'static str,
    must: &'static str,
    run: fn(&World),
}

const fn case(name: &'static str, does: &'static str, must: &'static str, run: fn(&World)) -> Case {
    Case { name, does, must, run }
}

/// The servers and connections that cases share.
pub struct World {
    serve: Serve,
    /// Its `--client-timeout` is a second.
    impatient: Serve,
    /// Connections that stay open until all cases are over.
    kept: Mutex<Vec<UnixStream>>,
}

impl World {
    fn new() -> Self {
        // Workers that crash must not keep the next ones from starting.
        let most = ["--crash-limit=0", "--max-sessions=1000", "--max-sessions-per-user=1000"];
        let impatient = [&most[..], &["--client-timeout=1"]].concat();
        Self { serve: Serve::tidy(&most), impatient: Serve::tidy(&impatient), kept: Mutex::default() }
    }

    /// The worker that maps this ring.
    fn worker_of(&self, ring: &File) -> u32 {
        let inode = ring.metadata().expect("the ring's inode").st_ino().to_string();
        let maps = |id: &u32| {
            let maps = fs::read_to_string(format!("/proc/{id}/maps")).unwrap_or_default();
            maps.lines().any(|line| line.contains("airlock-ring") && line.split_whitespace().nth(4) == Some(&inode))
        };
        wait_for("worker", LIMIT, || workers_of(self.serve.id()).into_iter().find(|id| maps(id)))
    }

    /// Waits until a server's holdings are as before.
    fn settle(&self, before: &[Holdings]) {
        for (serve, before) in [&self.serve, &self.impatient].into_iter().zip(before) {
            wait_until("end of all workers", LIMIT, || served_by(serve.id()).is_empty());
            wait_until("return of what the server had", LIMIT, || {
                let now = Holdings::of(serve);
                let same = now.descriptors <= before.descriptors && now.threads <= before.threads;
                same && serve.files() == [serve.socket()]
            });
            let grown = Holdings::of(serve).memory.saturating_sub(before.memory);
            println!("the server has {} KiB more than before", grown >> 10);
            assert!(grown <= GROWTH, "the server has {grown} bytes more than before");
        }
    }
}

/// The resources that a server holds.
struct Holdings {
    descriptors: usize,
    threads: usize,
    memory: u64,
}

impl Holdings {
    fn of(serve: &Serve) -> Self {
        let id = serve.id();
        Self {
            descriptors: descriptors(id),
            threads: of_threads(id, "Pid").len(),
            memory: memory(id).expect("it runs"),
        }
    }
}

/// The result of a simulation, without the line with its speed.
fn simulation(serve: &Serve) -> String {
    let mut command = airlock(["run", "--daemon"]);
    command.arg(serve.socket()).arg(guest("nbody")).args(["128", "120"]);
    let outcome = run(command).succeeded();
    assert!(!outcome.stderr.contains("lost"), "{outcome}");
    outcome.stdout.lines().filter(|line| !line.contains("steps/s")).collect::<Vec<_>>().join("\n")
}

fn client_cases() -> Vec<&'static Case> {
    [setup::CASES, batches::CASES, ids::CASES, ring::CASES, queue::CASES, floods::CASES].into_iter().flatten().collect()
}

/// Runs cases, a few at a time, and returns those that failed with their messages.
fn run_all(world: &World, cases: &[&Case]) -> Vec<String> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let since = Instant::now();
                    let result = catch_unwind(AssertUnwindSafe(|| (case.run)(world)));
                    println!("{:>7.1?} {}", since.elapsed(), case.name);
                    if let Err(panic) = result {
                        failed.lock().expect("the list").push(format!("{}: {}", case.name, message(&*panic)));
                    }
                }
            });
        }
    });
    failed.into_inner().expect("the list")
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[test]
fn hostile_clients_harm_nobody_but_themselves() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let world = World::new();
    let cases = client_cases();
    println!("{} cases", cases.len());
    let expected = simulation(&world.serve);
    // A session of each server before the count, because the first one leaves some memory in use.
    drop(wire::Client::noop(world.impatient.socket()));
    for serve in [&world.serve, &world.impatient] {
        wait_until("end of the worker", LIMIT, || served_by(serve.id()).is_empty());
        wait_until("a tidy folder", LIMIT, || serve.files() == [serve.socket()]);
    }
    let before = [Holdings::of(&world.serve), Holdings::of(&world.impatient)];
    let over = AtomicBool::new(false);
    let failed = thread::scope(|scope| {
        // One session after the other, so that there is always one, and each begins during the cases.
        let bystander = scope.spawn(|| {
            let mut sessions = 0;
            while !over.load(Ordering::Relaxed) || sessions == 0 {
                assert_eq!(simulation(&world.serve), expected, "the bystander's result");
                sessions += 1;
            }
            sessions
        });
        let failed = run_all(&world, &cases);
        over.store(true, Ordering::Relaxed);
        println!("{} sessions of the bystander", bystander.join().expect("the bystander"));
        failed
    });
    assert!(failed.is_empty(), "{failed:#?}");
    world.kept.lock().expect("the list").clear();
    world.settle(&before);
}

#[test]
fn hostile_daemons_end_no_host() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let world = World::new();
    let cases: Vec<_> = daemons::CASES.iter().collect();
    println!("{} cases", cases.len());
    let failed = run_all(&world, &cases);
    assert!(failed.is_empty(), "{failed:#?}");
}

fn table(who: &str, cases: &[&Case]) -> String {
    let row = |case: &&Case| format!("| `{}` | {} | {} |\n", case.name, case.does, case.must);
    let head = format!("| case | what the {who} does | what must happen, and does |\n|---|---|---|\n");
    head + &cases.iter().map(row).collect::<String>()
}

#[test]
fn the_readme_has_every_case() {
    let readme = fs::read_to_string(root().join("tests/README.md")).expect("the page");
    for (who, cases) in [("client", client_cases()), ("daemon", daemons::CASES.iter().collect())] {
        let table = table(who, &cases);
        assert!(readme.contains(&table), "tests/README.md does not have this table:\n\n{table}");
    }
}
