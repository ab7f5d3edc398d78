//! Fuzz target: any bytes as commands, as a batch and as an event.
//!
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run decode corpus seeds/decode` in the folder above `fuzz`, with any compiler; the new
//! inputs go to `corpus`. `seeds` contains batches and events of the golden traces (`examples/seeds.rs` generates them).
#![no_main]

#[path = "../../tests/common/exercise.rs"]
mod exercise;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| exercise::decode(data));
