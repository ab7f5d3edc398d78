//! Runs programs written on [wgpu](wgpu) as components that import `wasi:webgpu@0.3.0-rc.2`.
//!
//! wgpu lets another crate implement its API ([`wgpu::custom`]); this crate implements it with calls of the interface, so
//! that a program keeps its `fn main` and changes one line:
//!
//! ```ignore
//! let instance = wgpu_wasi::instance(); // in place of wgpu::Instance::new(..)
//! ```
//!
//! Any host of the interface works if it runs the export `wasi:cli/run@0.3.0`: only a task whose type is `async` may block, and
//! wgpu's API waits for the GPU in `Device::poll`. A host may even examine its devices in `map-async` alone: a wait without a map of
//! the program's maps a buffer of 4 bytes, which the device has from the first such wait on.
//!
//! With the feature `passes`, the commands of passes and bundles cross to the host as lists (`airlock:passes`), which takes less
//! time for each. Such a component runs on Airlock only.
//!
//! # Targets
//!
//! On `wasm32-wasip2`, std has output, arguments, the environment, files, clocks and random numbers. On
//! `wasm32-unknown-unknown` it has none of them, and the program still runs, by the export of this crate:
//!
//! - `println!` and the messages of panics and of errors that `main` returns go nowhere: the host sees exit code 1, or a trap.
//! - `std::env::args` is empty, and `std::fs` returns errors.
//! - `Instant::now` and `SystemTime::now` panic; [`wgpu::PollType::Wait`] with a timeout works, on the host's clock.
//! - A `HashMap` has the same seeds in each run.
//!
//! The linker has to make the module a component: `RUSTFLAGS=-Clinker=wasm-component-ld`, of the Rust toolchain.
//!
//! # Differences from wgpu on native drivers
//!
//! `METHODS.md` beside this crate's manifest lists the methods of wgpu's traits that the interface cannot carry, each with its
//! answer and the reason.
//!
//! - An error that no scope catches reaches the handler, or panics, at the next call that waits or submits, not in the
//!   call that made it: the host reports errors as events.
//! - Callbacks run inside `Device::poll`, `Queue::submit` and calls that wait, on the only thread.
//! - Futures that the API returns never yield to an executor: the first poll blocks until they are ready.
//! - Features of wgpu that WebGPU lacks (ray queries, mesh shaders, binding arrays, timestamps inside passes) are absent
//!   from `Adapter::features`. Requesting one fails, and using one is a validation error.
//! - A device's limits are at least WebGPU's defaults, where native wgpu keeps lower requested ones.
//! - Surfaces need the feature `surface`, and a window of this crate (the module `window`) in place of winit's. Without it
//!   `Adapter::is_surface_supported` is false, and a surface is always `Lost`.
//! - A mapped range is a copy of the buffer's contents. Writing ends when the view is dropped.
#![expect(
    clippy::arc_with_non_send_sync,
    reason = "a component has one thread; what wgpu hands over is Send only with its feature `fragile-send-sync-non-atomic-wasm`"
)]

mod absent;
mod adapter;
mod binding;
mod bindings;
mod buffer;
mod command_encoder;
mod compute_pass;
mod device;
mod encoder;
#[cfg(feature = "main")]
mod entry;
mod error;
mod executor;
mod format;
mod instance;
mod limits;
#[cfg(feature = "old-wasi-libc")]
mod old_wasi_libc;
mod pipeline;
mod progress;
mod query_set;
mod queue;
mod render_bundle;
mod render_pass;
mod shader;
mod texture;
#[cfg(feature = "surface")]
pub mod window;

/// Creates the instance of this host, in place of [`wgpu::Instance::new`].
pub fn instance() -> wgpu::Instance {
    #[cfg(feature = "main")]
    entry::link();
    wgpu::Instance::from_custom(instance::Instance::default())
}
