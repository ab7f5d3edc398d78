//! Processor time of a runner and its descendants while a guest repeats its work.
//!
//! The guest prints a line before its repetitions and one after them. At both, the time that all processes' threads have run
//! is read from `/proc`. The guest repeats its work once more after the second line, so that no process ends before.

use std::{iter, time::Duration};

use airlock_tests::processes::{descendants, processor_time};
use serde_json::Value;

use crate::runners::Line;

/// The key of both lines; its value is `begin` or `end`.
const KEY: &str = "repetitions";

/// The end of the names of figures of processor time.
const SUFFIX: &str = " processor";

/// The name of the processor time of a figure.
pub fn figure(of: &str) -> String {
    format!("{of}{SUFFIX}")
}

/// True for the name of a figure of processor time.
pub fn is_figure(name: &str) -> bool {
    name.ends_with(SUFFIX)
}

/// True for a line that begins or ends the repetitions.
pub fn is_mark(line: &str) -> bool {
    line.contains(&format!("\"{KEY}\":"))
}

/// The processor time so far of a process and its descendants.
pub fn of_all(id: u32) -> Duration {
    iter::once(id).chain(descendants(id)).map(processor_time).sum()
}

/// The number of processors that were busy, on average, in the latest repetitions.
#[derive(Debug, Default)]
pub struct Busy {
    begin: Option<Duration>,
    processors: Option<f64>,
}

impl Busy {
    /// Reads a line that [`is_mark`] accepts, parsed as `value`.
    pub fn mark(&mut self, line: &Line, value: &Value) {
        let Some(now) = line.processor else { return };
        if value[KEY] == "begin" {
            self.begin = Some(now);
        } else if let (Some(begin), Some(wall)) = (self.begin.take(), value["ns"].as_f64()) {
            // Less than at the begin: a process has ended, and the figure is lost.
            self.processors = now.checked_sub(begin).map(|busy| busy.as_nanos() as f64 / wall);
        }
    }

    /// The number, once for each set of repetitions.
    pub fn take(&mut self) -> Option<f64> {
        self.processors.take()
    }
}
