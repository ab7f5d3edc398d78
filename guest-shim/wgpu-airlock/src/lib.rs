//! Runs native programs written on [wgpu](wgpu) with the GPU's drivers in a separate, jailed process.
//!
//! wgpu lets another crate implement its API ([`wgpu::custom`]). This one implements it on Airlock's client library: the
//! program's calls become a stream of commands to a worker of `gpu-daemon`, which validates and executes them in a jail and
//! within quotas. A driver that crashes ends the worker and not the program, which sees its device lost and requests another. A
//! program changes one line:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let instance = wgpu_airlock::instance(Default::default())?; // in place of wgpu::Instance::new(..)
//! # Ok(())
//! # }
//! ```
//!
//! With [`Options`] it sets quotas, chooses its adapter, uses a worker of `gpu-daemon serve`, records itself for
//! `airlock replay`, or runs the flight recorder, whose traces `airlock trace minimize` reduces to the failing commands:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let instance = wgpu_airlock::instance(wgpu_airlock::Options {
//!     worker: vec!["max-gpu-memory=1G".to_owned(), "gpu-timeout=5".to_owned()],
//!     record: Some("session.airtrace".into()),
//!     flight_recorder: Some("traces".into()),
//!     ..Default::default()
//! })?;
//! # Ok(())
//! # }
//! ```
//!
//! # Threads
//!
//! Everything is `Send` and `Sync`. The objects of an instance share one lock, which is held while a call is encoded and never
//! during a wait.
//!
//! Callbacks run on the program's own threads, as with wgpu on a driver: those of `map_async` and
//! `on_submitted_work_done`, the handler of uncaptured errors and that of a lost device inside `Device::poll`,
//! `Queue::submit`, `Instance::poll_all`, and where the device is dropped. Futures that the API returns may be awaited on any
//! executor, and do not depend on a poll.
//!
//! # Differences from wgpu on a driver
//!
//! `test.sh --differential 10000` runs random programs on both and lists what differs; each difference that is right has its reason
//! in `tests/differential/main.rs`. `METHODS.md` of `wgpu-wasi` lists the methods of wgpu's traits that the stream cannot carry,
//! each with its answer and the reason.
//!
//! - An error that no scope catches reaches the handler, or panics, at the next call that polls or submits, not in the call
//!   that made it: errors come from the worker.
//! - Features of wgpu that WebGPU lacks (ray queries, mesh shaders, binding arrays, timestamps inside passes) are absent
//!   from `Adapter::features`. Requesting one fails, and using one is a validation error.
//! - A device's limits are at least WebGPU's defaults, where native wgpu keeps lower requested ones.
//! - The adapter's backend is `BrowserWebGpu`, whose rules hold. There is one adapter: the one of [`Options::adapter`].
//! - There are no surfaces: `Adapter::is_surface_supported` is false, and a surface is always `Lost`.
//! - When the worker dies, so do all devices of the instance; the next request for an adapter or a device starts another.

mod absent;
mod adapter;
mod binding;
mod block;
mod buffer;
mod command_encoder;
mod compute_pass;
mod context;
mod device;
mod error;
mod format;
mod instance;
mod limits;
mod options;
mod pipeline;
mod query_set;
mod queue;
mod render_bundle;
mod render_pass;
mod scope;
mod shader;
mod texture;
mod work;

pub use airlock_client::AdapterChoice;
pub use airlock_protocol::connect::{ConnectError, Daemon};
pub use options::Options;

/// Creates an instance whose GPU driver is in another process, in place of [`wgpu::Instance::new`]. Starts the first worker, so
/// that a missing or incompatible `gpu-daemon` is an error here.
///
/// # Errors
///
/// Fails if there is no program `gpu-daemon`, if it does not start, or if it is of another version.
pub fn instance(options: Options) -> Result<wgpu::Instance, ConnectError> {
    Ok(wgpu::Instance::from_custom(instance::Instance::start(options)?))
}
