//! What the benchmarks share: the program to measure, and progress on a terminal.

use std::{
    env,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

/// The `airlock` of this build: a benchmark is `target/release/deps/<name>`.
pub fn beside() -> PathBuf {
    let own = env::current_exe().unwrap_or_default();
    own.ancestors().nth(2).unwrap_or(Path::new("")).join("airlock")
}

/// A progress line, overwritten by the next one; printed to a terminal only. An empty one clears the line.
pub fn progress(text: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K{text}");
        // A failure to print progress is ignored.
        let _ = io::stderr().flush();
    }
}
