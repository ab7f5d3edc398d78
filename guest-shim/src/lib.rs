//! `wasi:webgpu` for wasmtime, with the GPU driver in another process.
//!
//! A guest's calls become commands of a stream that a GPU daemon executes; see the `airlock-protocol` crate for what
//! crosses. Everything that can be answered here is: only functions that are `async` in the interface wait for the
//! daemon, and other tasks of the guest go on meanwhile.
//!
//! - [`add_to_linker`] adds the interface, [`WasiWebGpuView`] connects it to a store's data (its documentation has a
//!   whole embedding).
//! - [`WasiWebGpuCtx`] holds the GPU of one store: where its worker comes from, which adapter it may use, what it did.
//! - `session` is the core, which knows nothing of the generated bindings; `host` holds the functions, one file per
//!   WebGPU object.

mod bindings;
mod ctx;
mod functions;
mod host;
mod session;
mod shadow;
mod stats;

pub use airlock_protocol::connect::{ConnectError, Connection, DAEMON_NAME, DAEMON_VARIABLE, Daemon};
/// Recording of what crosses.
pub use airlock_traces::record;
pub use ctx::{AdapterChoice, WasiWebGpuCtx, WasiWebGpuCtxBuilder, WasiWebGpuCtxView, WasiWebGpuView};
pub use functions::FUNCTIONS;
pub use host::{WasiWebGpu, add_to_linker};
pub use session::{EventTap, Tap};
pub use shadow::CanvasContext;
pub use stats::{Count, MAY_WAIT, Stats, nanoseconds};
