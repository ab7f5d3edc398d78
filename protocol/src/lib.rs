//! What crosses between the Wasm host and the GPU daemon, and what a trace holds: the one definition of commands,
//! events, ids, limits, their bytes, the handshake and the transport.
//!
//! Values are WebGPU's records and enums under WebGPU's names, with defaults resolved by the host. The daemon trusts
//! none of them. This crate opens no device and knows no runtime.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

#[cfg(feature = "allocator")]
pub mod allocator;
mod bytes;
pub mod codec;
pub mod commands;
pub mod connect;
pub mod eager;
pub mod events;
pub mod handshake;
pub mod ids;
pub mod limits;
mod list;
pub mod output;
pub mod payload;
mod platform;
pub mod printing;
pub mod size;
pub mod throttle;
pub mod transport;
pub mod visible;

pub use commands::{Command, Record};
pub use events::Event;
pub use payload::Payload;
#[cfg(target_os = "linux")]
pub use platform::descriptors;
