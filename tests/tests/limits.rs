//! Limits on a guest's use of its host.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::time::{Duration, Instant};

use airlock_tests::programs::{Outcome, airlock, guest, run};

fn limited(options: &[&str], name: &str, arguments: &[&str]) -> Outcome {
    let mut command = airlock(["run"]);
    command.args(options).arg(guest(name)).args(arguments);
    run(command)
}

#[test]
fn a_guest_is_ended_when_its_time_is_over() {
    for options in [&["--timeout=2"][..], &["--timeout=2", "--jail=strict"]] {
        let start = Instant::now();
        let outcome = limited(options, "nbody", &["512", "1000000"]);
        assert_eq!(outcome.code(), Some(124), "{outcome}");
        assert!(outcome.stderr.contains("longer than --timeout"), "{outcome}");
        assert!(start.elapsed() >= Duration::from_secs(2));
    }
    // A generous timeout changes nothing.
    limited(&["--timeout=600"], "collatz", &["27"]).succeeded();
}

#[test]
fn a_guest_has_no_more_memory_than_it_may() {
    let outcome = limited(&["--max-guest-memory=64K"], "collatz", &["27"]);
    assert_ne!(outcome.code(), Some(0), "{outcome}");
    limited(&["--max-guest-memory=64M"], "collatz", &["27"]).succeeded();
}
