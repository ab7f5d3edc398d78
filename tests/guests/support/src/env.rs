//! Arguments, environment and clock.

use std::fmt::Display;
use std::str::FromStr;

use crate::bindings::wasi::cli::environment;
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::start::{Failure, Outcome};

/// The arguments after the program's name.
pub fn args() -> Vec<String> {
    environment::get_arguments().into_iter().skip(1).collect()
}

/// The value of an environment variable.
pub fn var(name: &str) -> Option<String> {
    environment::get_environment().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// The argument at `index` as a number, or `default` if there are fewer arguments.
pub fn number_or<T>(args: &[String], index: usize, name: &str, default: T, usage: &str) -> Outcome<T>
where
    T: FromStr,
    T::Err: Display,
{
    match args.get(index) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|error| Failure::usage(format!("{name} is {text:?}: {error}"), usage)),
    }
}

/// A stopwatch.
pub struct Stopwatch(u64);

impl Stopwatch {
    pub fn start() -> Stopwatch {
        Stopwatch(monotonic_clock::now())
    }

    /// Milliseconds since the start.
    pub fn ms(&self) -> f64 {
        (monotonic_clock::now() - self.0) as f64 / 1e6
    }
}
