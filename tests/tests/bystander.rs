//! A client of the same user, beside one whose workers break in many ways: it is never refused, and its results are the
//! same as alone. `AIRLOCK_SECONDS=300` makes it last longer than the usual time.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    env,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use airlock_tests::{
    processes::{runs, wait_for, workers_of},
    programs::{LIMIT, Running, Serve, airlock, guest, run},
};
use rustix::process::{Pid, Signal, kill_process};

/// Ends of the neighbour's workers: a crashing driver, an overflowing stack, an operator's kill.
const ENDS: [Signal; 6] = [Signal::ABORT, Signal::SEGV, Signal::BUS, Signal::ILL, Signal::KILL, Signal::TRAP];

fn nbody(socket: &str, steps: &str) -> std::process::Command {
    let mut command = airlock(["run", "--daemon", socket]);
    command.arg(guest("nbody")).args(["256", steps]);
    command
}

/// Its results, and the time for them.
fn computed(socket: &str) -> (Vec<String>, Duration) {
    let start = Instant::now();
    let outcome = run(nbody(socket, "200")).succeeded();
    let energies = outcome.stdout.lines().filter(|line| line.contains("energy")).map(str::to_owned);
    (energies.collect(), start.elapsed())
}

#[test]
fn a_client_of_the_same_user_is_never_refused_and_never_changed() {
    let seconds = env::var("AIRLOCK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(15);
    // The defaults: five crashes in a minute are too many of those that may reset a GPU.
    let serve = Serve::start(&[]);
    let socket = serve.socket().to_str().expect("a printable path").to_owned();
    let (alone, solo) = computed(&socket);
    assert!(!alone.is_empty());
    let over = AtomicBool::new(false);
    let (rounds, slowest) = thread::scope(|scope| {
        let neighbour = scope.spawn(|| {
            for (round, &end) in ENDS.iter().cycle().enumerate() {
                if over.load(Ordering::Relaxed) {
                    return round;
                }
                let running = Running::start(nbody(&socket, "100000"));
                let own = || {
                    // The bystander's worker exists only briefly; the youngest worker may be that one, and then the
                    // next poll finds the other.
                    let found = workers_of(serve.id());
                    found.into_iter().find(|&worker| client_of(&serve, worker) == Some(running.id()))
                };
                let worker = wait_for("worker of the neighbour", Duration::from_secs(60), own);
                let pid = i32::try_from(worker).ok().and_then(Pid::from_raw).expect("a process id");
                wait_for("end of the worker", LIMIT, || {
                    // The first SIGSEGV only removes Rust's handler, which expects a fault that occurs again.
                    let _ = kill_process(pid, end);
                    (!runs(worker)).then_some(())
                });
                // The guest would continue with another worker.
                drop(running);
            }
            0
        });
        let (start, mut slowest) = (Instant::now(), Duration::ZERO);
        while start.elapsed() < Duration::from_secs(seconds) {
            let (with, time) = computed(&socket);
            assert_eq!(with, alone, "it computes something else");
            slowest = slowest.max(time);
        }
        over.store(true, Ordering::Relaxed);
        (neighbour.join().expect("the neighbour"), slowest)
    });
    assert!(rounds >= 5, "only {rounds} workers were broken");
    assert!(!serve.lines().iter().any(|line| line.contains("session refused")), "somebody was refused");
    let rate = solo.as_secs_f64() / slowest.as_secs_f64();
    println!("{rounds} workers were broken; the slowest run had {rate:.2} of its rate alone");
}

/// The process that a worker serves, from the server's log by the worker's number.
fn client_of(serve: &Serve, worker: u32) -> Option<u32> {
    let line = serve
        .lines()
        .into_iter()
        .find(|line| line.contains("session starts") && line.contains(&format!("pid={worker} ")))?;
    line.split_once("client=")?.1.split(' ').next()?.parse().ok()
}
