//! Hostile guests harm only themselves. `README.md` in the folder above lists their actions.
//!
//! The guest `hostile` checks the results of its calls; the tests check the host and the GPU process from outside.
//! `AIRLOCK_SEEDS` sets the number of seeds of random calls, `AIRLOCK_SEED` a single seed.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    process::Command,
};

use airlock_tests::{
    interface::{ours, parameter_classes},
    processes::{wait_until_idle, while_running, worker_of, workers_of},
    programs::{LIMIT, Outcome, Running, airlock, guest, run, signal},
};
use rustix::process::Signal;

/// An adapter that executes, and one that only validates.
const ADAPTERS: [&str; 2] = ["llvmpipe", "noop"];

fn hostile(adapter: &str, arguments: &[&str]) -> Command {
    let mut command = airlock(["run", "--adapter", adapter]);
    command.arg(guest("hostile")).args(arguments);
    command
}

/// Checks that the host ended as the guest wanted, and without a failure on the way.
#[track_caller]
fn unharmed(outcome: Outcome) -> Outcome {
    let outcome = outcome.succeeded();
    nothing_broke(&outcome);
    outcome
}

#[track_caller]
fn nothing_broke(outcome: &Outcome) {
    assert!(outcome.code().is_some(), "ended by a signal: {outcome}");
    for trace in ["panicked", "overflowed its stack", "worker is gone", "ended the session", "malformed"] {
        assert!(!outcome.stderr.contains(trace), "{trace}: {}", tail(&outcome.stderr));
    }
}

/// The end of a long log.
fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().rev().take(20).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

macro_rules! sections {
    ($($name:ident)+) => {
        $(
            #[test]
            fn $name() {
                for adapter in ADAPTERS {
                    unharmed(run(hostile(adapter, &[stringify!($name)])));
                }
            }
        )+
        const SECTIONS: &[&str] = &[$(stringify!($name)),+];
    };
}

sections! {
    ended destroyed dropped foreign lost attachments
    ranges floats names
    objects descriptors texts lists pipelines
    scopes maps questions errors adapters
    bombs
}

/// A guest that has lost its GPU process gets one new process, not one for each of its requests.
#[test]
fn many_requests_after_a_loss_start_one_worker() {
    let running = Running::start(hostile("noop", &["reconnect"]));
    let host = running.id();
    let first = worker_of(host);
    // The guest opens its device and waits.
    wait_until_idle(&[host, first], LIMIT);
    signal(first, Signal::KILL);
    let mut workers = BTreeSet::new();
    while_running(host, || workers.extend(workers_of(host).into_iter().filter(|&id| id != first)));
    unharmed_but_for_the_loss(running.finish());
    assert_eq!(workers.len(), 1, "{workers:?}");
}

#[track_caller]
fn unharmed_but_for_the_loss(outcome: Outcome) {
    let outcome = outcome.succeeded();
    assert!(!outcome.stderr.contains("panicked"), "{}", tail(&outcome.stderr));
}

/// Traps, each with its message from the Canonical ABI, or from a limit of the engine.
const TRAPS: [(&str, &str); 14] = [
    ("no-such-case", "unexpected discriminant"),
    ("no-such-option", "invalid option discriminant"),
    ("no-such-handle", "unknown handle index"),
    ("dropped-handle", "unknown handle index"),
    ("handle-of-another-type", "used with the wrong type"),
    ("second-drop", "unknown handle index"),
    ("lent-handle", "cannot remove owned resource while borrowed"),
    ("text-beyond-memory", "out of bounds of memory"),
    ("text-not-utf8", "invalid utf-8"),
    ("list-beyond-memory", "out of bounds of memory"),
    ("list-not-aligned", "not aligned"),
    ("too-many-handles", "handle limit exceeded"),
    ("too-many-lent", "handle limit exceeded"),
    ("too-much-data", "too much data"),
];

#[test]
fn what_the_types_do_not_allow_traps_and_nothing_else() {
    for (name, words) in TRAPS {
        let outcome = run(hostile("noop", &["trap", name]));
        assert_eq!(outcome.code(), Some(134), "{name}: {outcome}");
        assert!(outcome.stderr.contains(words), "{name}: {outcome}");
        nothing_broke(&outcome);
    }
}

/// The lines of `nbody` with its results.
fn energies(outcome: &Outcome) -> Vec<String> {
    outcome.stdout.lines().filter(|line| line.contains("energy")).map(str::to_owned).collect()
}

#[test]
fn a_bystander_is_unchanged() {
    let nbody = || {
        let mut command = airlock(["run"]);
        command.arg(guest("nbody")).args(["256", "150"]);
        command
    };
    let alone = energies(&run(nbody()).succeeded());
    assert!(!alone.is_empty());
    let bystander = Running::start(nbody());
    for arguments in [&["pipelines"][..], &["errors"], &["adapters"], &["random", "1", "800"]] {
        unharmed(run(hostile("llvmpipe", arguments)));
    }
    assert_eq!(energies(&bystander.finish().succeeded()), alone);
}

/// Calls of each function: their number, and the kinds of arguments.
type Met = BTreeMap<String, (u64, BTreeSet<String>)>;

fn note(met: &mut Met, outcome: &Outcome) {
    for line in outcome.stdout.lines() {
        let mut words = line.strip_prefix("call ").unwrap_or_default().split(' ');
        let (Some(name), Some(calls)) = (words.next(), words.next()) else { continue };
        let entry = met.entry(name.to_owned()).or_default();
        entry.0 += calls.parse::<u64>().expect("a number of calls");
        entry.1.extend(words.next().unwrap_or_default().split(',').filter(|kind| !kind.is_empty()).map(str::to_owned));
    }
}

/// For each class of parameters of a signature, this many of these kinds must occur.
const EXPECTED: [(&str, usize, &[&str]); 7] = [
    ("number", 2, &["zero", "huge", "odd"]),
    ("float", 2, &["nan", "infinite", "negative"]),
    ("text", 2, &["empty-text", "nul-text", "long-text", "strange-text"]),
    ("list", 1, &["empty-list", "long-list"]),
    ("flags", 2, &["no-flags", "unknown-flags"]),
    ("option", 1, &["absent"]),
    ("object", 2, &["invalid-object", "ended-object", "destroyed-object", "foreign-object", "lost-object"]),
];

#[test]
fn random_calls_of_every_function_with_every_kind_of_mistake() {
    const CALLS: &str = "5000";
    let number = |name| env::var(name).ok().and_then(|text: String| text.parse::<u64>().ok());
    let seeds = match number("AIRLOCK_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("AIRLOCK_SEEDS").unwrap_or(3),
    };
    let all = number("AIRLOCK_SEED").is_none();
    let mut met = Met::new();
    for seed in seeds {
        let seed = seed.to_string();
        note(&mut met, &unharmed(run(hostile("llvmpipe", &["random", &seed, CALLS]))));
        note(&mut met, &unharmed(run(hostile("noop", &["random", &seed, CALLS, "idle"]))));
    }
    let mut missing = Vec::new();
    for (name, classes) in parameter_classes(&ours()) {
        // No function returns one of these.
        if name.starts_with("gpu-canvas-context.") || name.starts_with("gpu-uncaptured-error-event.") {
            continue;
        }
        let (calls, kinds) = met.remove(&name).unwrap_or_default();
        if calls == 0 {
            missing.push(format!("{name} is never called"));
        }
        for (class, least, expected) in EXPECTED {
            let found = expected.iter().filter(|kind| kinds.contains(**kind)).count();
            if classes.contains(class) && found < least {
                missing.push(format!("{name} has a {class}, and met {kinds:?}"));
            }
        }
    }
    assert!(!all || missing.is_empty(), "{missing:#?}");
    assert!(met.is_empty(), "not in the interface: {met:?}");
}

/// The table in the README has a line for each section and each trap.
#[test]
fn the_table_is_complete() {
    let table = include_str!("../README.md");
    for name in SECTIONS.iter().copied().chain(["reconnect"]).chain(TRAPS.map(|(name, _)| name)) {
        assert!(table.contains(&format!("| `{name}`")), "no line for {name}");
    }
}
