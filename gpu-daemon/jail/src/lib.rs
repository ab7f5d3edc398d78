//! Confinement of Airlock's processes on Linux: [`worker`] is the jail of a process that runs GPU drivers, [`host`] that of a
//! process that runs a guest, and of the front processes that own sockets.
//!
//! # Where a line of code belongs
//!
//! | module | contents |
//! |---|---|
//! | `worker`, `host` | the layers, their order, the access that they leave, and their self-tests |
//! | `../policy` | the system calls of each, as data: one rule a call, with the reason in its comment |
//! | `filter` | seccomp: rules to filters, the ABIs and the calls that no rule can judge |
//! | `ruleset` | Landlock: everything is denied but the rules that a caller adds |
//! | `capabilities`, `descriptors` | drops capabilities; lists open descriptors |
//! | `trial` | results of layers and of self-tests |
//!
//! # Invariants
//!
//! - A layer that is reported as held was tried by an operation that it forbids, and the operation failed for want of
//!   permission.
//! - The caller decides on a missing layer, not this crate.
//! - Layers are added and narrowed, never widened.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

#[cfg(target_os = "linux")]
mod capabilities;
#[cfg(target_os = "linux")]
mod descriptors;
#[cfg(target_os = "linux")]
mod filter;
#[cfg(target_os = "linux")]
mod ruleset;
#[cfg(target_os = "linux")]
mod trial;

pub mod host;
pub mod worker;
