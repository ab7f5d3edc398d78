//! Shared parts of all guests: bindings, printing, files, exit codes, a GPU device, and transfers of numbers and pictures.
//!
//! A guest is a library with one `async fn` passed to [`main!`]. The target has no operating system below the standard
//! library, so that `std::println!`, `std::fs` and `std::env` do nothing: use [`outln!`], [`files`] and [`env::args`], which
//! call WASI 0.3.

pub mod bindings;
pub mod buffers;
pub mod device;
pub mod env;
pub mod errors;
pub mod files;
pub mod passes;
pub mod pictures;
pub mod print;
pub mod start;
pub mod tasks;
pub mod textures;

/// The generated `wasi:webgpu` interface.
pub use bindings::wasi::webgpu::webgpu as gpu;
/// Conversions between slices of numbers and bytes.
pub use bytemuck;
pub use device::Gpu;
pub use errors::ErrorScopes;
pub use start::{Failure, Outcome};
