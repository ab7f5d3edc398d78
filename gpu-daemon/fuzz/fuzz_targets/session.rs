//! Fuzz target: a session of arbitrary commands on wgpu's noop backend, in this process.
//!
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run -s none session corpus seeds/session` in the folder above `fuzz`, with any
//! compiler; `scripts/fuzz` runs it. `seeds` contains the commands of the golden traces; `tests/fuzz` generates them, and
//! runs them too.
#![no_main]

#[path = "../../tests/fuzz/exercise.rs"]
mod exercise;
mod mutate;

use libfuzzer_sys::{fuzz_crossover, fuzz_mutator, fuzz_target};

fuzz_target!(|data: &[u8]| {
    exercise::session(data);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});

fuzz_crossover!(|first: &[u8], second: &[u8], out: &mut [u8], seed: u32| { mutate::cross(first, second, out, seed) });
