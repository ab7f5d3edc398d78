//! What every guest needs and none should repeat: bindings, printing, files, exit codes, a GPU device, and the ways
//! numbers and pictures reach and leave it.
//!
//! A guest is a library with one `async fn` handed to [`main!`]. WebAssembly here has no operating system below the
//! standard library, so `std::println!`, `std::fs` and `std::env` do nothing: use [`outln!`], [`files`] and
//! [`env::args`], which speak WASI 0.3.

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
/// Slices of numbers as bytes and back.
pub use bytemuck;
pub use device::Gpu;
pub use errors::ErrorScopes;
pub use start::{Failure, Outcome};
