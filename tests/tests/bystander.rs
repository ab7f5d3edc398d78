//! A client of the same user, beside one whose workers break in many ways: it is never refused, and its results are the
//! same as alone. `AIRLOCK_SECONDS=300` makes it last longer than the usual time, and then its rate is checked too, which only
//! an otherwise idle machine can keep: what it did in that time, in proportion to the rate of its runs alone.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    env,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use airlock_tests::{
    processes::{descendants, runs, wait_for, wait_until},
    programs::{LIMIT, Running, Serve, airlock, guest, run},
};
use rustix::process::{Pid, Signal, kill_process};

/// Ends of the neighbour's workers: a crashing driver, an overflowing stack, an operator's kill. After each round of them it
/// compiles.
const ENDS: [Signal; 6] = [Signal::ABORT, Signal::SEGV, Signal::BUS, Signal::ILL, Signal::KILL, Signal::TRAP];

fn nbody(socket: &str, steps: &str) -> std::process::Command {
    let mut command = airlock(["run", "--daemon", socket]);
    command.arg(guest("nbody")).args(["256", steps]);
    command
}

/// Runs alone, of which the median is the rate to compare with. The first compiles the shaders and is not among them.
const SOLO_RUNS: usize = 7;
/// Seconds from which the rate is checked.
const LONG: u64 = 300;
/// Pause between two looks for a worker.
const PAUSE: Duration = Duration::from_millis(10);
/// The part of its rate that it keeps.
const KEPT: f64 = 0.4;

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).expect("a run").as_secs_f64()
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
    let (alone, _) = computed(&socket);
    assert!(!alone.is_empty());
    let solo = median((0..SOLO_RUNS).map(|_| computed(&socket).1).collect());
    let over = AtomicBool::new(false);
    let (rounds, times) = thread::scope(|scope| {
        let neighbour = scope.spawn(|| {
            for (round, end) in ENDS.iter().map(Some).chain([None]).cycle().enumerate() {
                if over.load(Ordering::Relaxed) {
                    return round;
                }
                let Some(&end) = end else {
                    // Shaders that naga panics on, that nest too deeply, or that take long to compile.
                    let mut command = airlock(["run", "--daemon", &socket]);
                    command.arg(guest("hostile")).arg("bombs");
                    let compiling = Running::start(command);
                    wait_until("end of the shaders", LIMIT, || over.load(Ordering::Relaxed) || !runs(compiling.id()));
                    continue;
                };
                // Process numbers come again within minutes: an older session may have been of the same.
                let before = serve.lines().len();
                let running = Running::start(nbody(&socket, "100000"));
                let own = || {
                    // Each look reads the whole log; without a pause the test itself would take a processor.
                    thread::sleep(PAUSE);
                    worker_for(&serve, before, running.id())
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
        let (start, mut times) = (Instant::now(), Vec::new());
        while start.elapsed() < Duration::from_secs(seconds) {
            let (with, time) = computed(&socket);
            assert_eq!(with, alone, "it computes something else");
            times.push(time);
        }
        over.store(true, Ordering::Relaxed);
        (neighbour.join().expect("the neighbour"), times)
    });
    assert!(rounds >= 5, "only {rounds} workers were broken");
    assert!(!serve.lines().iter().any(|line| line.contains("session refused")), "somebody was refused");
    let all: Duration = times.iter().sum();
    let mean = solo * times.len() as f64 / all.as_secs_f64();
    let slowest = solo / times.iter().max().expect("a run").as_secs_f64();
    let below = times.iter().filter(|time| solo / time.as_secs_f64() < KEPT).count();
    println!(
        "{rounds} workers were broken; {} runs had {mean:.2} of the rate alone ({:.0} ms a run), by the median {:.2}, the \
         slowest {slowest:.2}; {below} were below {KEPT}",
        times.len(),
        solo * 1e3,
        solo / median(times.clone()),
    );
    assert!(seconds < LONG || mean >= KEPT, "it had {mean:.2} of its rate alone");
}

/// The worker that serves a host, by the server's log after these lines. The server's client is the host's child that connects for
/// it.
fn worker_for(serve: &Serve, before: usize, host: u32) -> Option<u32> {
    let clients: Vec<_> = descendants(host).iter().map(u32::to_string).collect();
    let value = |line: &str, key: &str| Some(line.split_once(key)?.1.split(' ').next()?.to_owned());
    let is_ours = |line: &str| value(line, "client=").is_some_and(|client| clients.contains(&client));
    let starts = |line: &&String| line.contains("session starts") && is_ours(line);
    value(serve.lines().iter().skip(before).find(starts)?, "pid=")?.parse().ok()
}
