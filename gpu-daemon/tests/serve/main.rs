//! `gpu-daemon serve` from the point of view of clients and operators.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod admission;
mod claims;
mod isolation;
mod leaks;
mod logs;
mod memory;
mod metrics;
mod server;
mod sessions;
mod standby;
mod stop;
mod zygote;
