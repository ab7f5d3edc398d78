//! `wasi:webgpu` for wasmtime, with the GPU driver in another process.
//!
//! A guest's calls become commands of a stream that a GPU daemon executes; see the `airlock-protocol` crate for what
//! crosses. Everything that can be answered here is: only functions that are `async` in the interface wait for the
//! daemon, and other tasks of the guest go on meanwhile.
//!
//! - [`add_to_linker`] adds the interface, [`WasiWebGpuView`] connects it to a store's data (its documentation has a
//!   whole embedding).
//! - [`send_while_waiting`] goes around a call of the guest, so that each of its waits sends what it waits for.
//! - [`WasiWebGpuCtx`] holds the GPU of one store: where its worker comes from, which adapter it may use, what it did.
//! - `confine` (with the feature of that name) takes from this process what a guest does not need.
//!
//! A line of code belongs here when it is about wasmtime: a version's folder, such as `v0_3`, looks a guest's handles up,
//! converts its enumerations and names its error kinds, one file per WebGPU object. What the objects do is in
//! `guest-shim/client`, which knows nothing of wasmtime; the command line is `guest-shim/cli`.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

#[cfg(feature = "confine")]
pub mod confine;
mod ctx;
mod stats;
mod v0_3;
mod waits;

pub use airlock_client::{AdapterChoice, Blocked, EventTap, Tap};
pub use airlock_protocol::connect::{ConnectError, Connection, DAEMON_NAME, DAEMON_VARIABLE, Daemon};
pub use ctx::{WasiWebGpuCtx, WasiWebGpuCtxBuilder, WasiWebGpuCtxView, WasiWebGpuView};
pub use stats::{Count, MAY_WAIT, Stats, nanoseconds};
pub use v0_3::{CanvasContext, FUNCTIONS, WasiWebGpu, add_to_linker, add_to_linker_with};
pub use waits::send_while_waiting;
