//! Fuzz target: the handshake, which is the hello line, the last line, and the message with the ring.
//!
//! The bootstrap message is not included: ipc-channel reads it, and is known to panic on messages that are not from its own
//! sender. Such a panic ends the sender's own worker (`gpu-daemon/tests/connection.rs`).
//!
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run handshake corpus seeds/handshake` in the folder above `fuzz`, as for `decode`.
#![no_main]

#[path = "../../tests/common/exercise.rs"]
mod exercise;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| exercise::handshake(data));
