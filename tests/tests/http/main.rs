//! `airlock serve` from the point of view of its clients and its operator.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod bad_input;
mod clients;
mod gpu;
mod guests;
mod operation;
