//! What crosses before the first batch: the hello line, the last line, and the message with the ring.
//!
//! The bootstrap message is not among it: ipc-channel reads that, and is known to panic on what no sender of its own would
//! send. It ends the worker of whoever sent it, which is what `gpu-daemon/tests/connection.rs` shows.
//!
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run handshake corpus seeds/handshake` in the folder above `fuzz`, as for `decode`.
#![no_main]

#[path = "../../tests/common/exercise.rs"]
mod exercise;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| exercise::handshake(data));
