//! `gpu-daemon serve` as clients and operators see it.
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
