//! The client's objects, encoder, send queue, waits and losses over the transport in memory: the daemon's side is the test's
//! own, which reads the commands and writes the events. No process, no socket, no GPU.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod buffers;
mod daemon;
mod errors;
mod loss;
mod objects;
mod stream;
#[cfg(target_os = "linux")]
mod threads;
mod waits;
mod writes;
