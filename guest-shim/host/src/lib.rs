//! `wasi:webgpu` for wasmtime, with the GPU driver in another process.
//!
//! A guest's calls become commands of a stream that a GPU daemon executes; the `airlock-protocol` crate defines the stream.
//! Synchronous functions return from shadow state. Only functions that are `async` in the interface wait for the daemon,
//! and other tasks of the guest continue meanwhile.
//!
//! - [`add_to_linker`] adds the interface, [`WasiWebGpuView`] connects it to a store's data (its documentation has a
//!   whole embedding).
//! - [`send_while_waiting`] wraps a call of the guest, so that each wait of the guest first sends the gathered commands.
//! - [`WasiWebGpuCtx`] holds the GPU of one store: source of workers, choice of adapter, statistics.
//! - [`passes`] records a whole list of a pass's commands in one call of the guest.
//! - [`surface`] adds surfaces without a screen.
//! - [`v0_0_1`] adds the version of the interface, and of surfaces, that deployed components import.
//! - `confine` (with the feature of that name) confines the process that runs the guest.
//!
//! # Where a line of code belongs
//!
//! Code about wasmtime belongs here. The folder of an interface version, such as `v0_3`, looks up handles, converts enums and
//! names error kinds, one file per WebGPU object. The behaviour of the objects is in `guest-shim/client`, which does not
//! depend on wasmtime; the command line is `guest-shim/cli`.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

#[cfg(feature = "confine")]
pub mod confine;
mod ctx;
pub mod passes;
mod stats;
pub mod surface;
pub mod v0_0_1;
mod v0_3;
mod waits;

pub use airlock_client::{AdapterChoice, Blocked, EventTap, Tap};
pub use airlock_protocol::connect::{ConnectError, Connection, DAEMON_NAME, DAEMON_VARIABLE, Daemon};
pub use ctx::{WasiWebGpuCtx, WasiWebGpuCtxBuilder, WasiWebGpuCtxView, WasiWebGpuView};
pub use stats::{Count, MAY_WAIT, Stats, nanoseconds};
pub use v0_3::{CanvasContext, FUNCTIONS, WasiWebGpu, add_to_linker, add_to_linker_with};
pub use waits::send_while_waiting;
