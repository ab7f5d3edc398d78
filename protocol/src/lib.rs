//! The protocol between the Wasm host and the GPU daemon, and the contents of a trace: the one definition of commands,
//! events, ids, limits, their encoding, the handshake and the transport.
//!
//! Values are WebGPU's records and enums under WebGPU's names, with defaults resolved by the host. The daemon trusts
//! none of them. This crate opens no device and knows no runtime. Where a line of code belongs:
//!
//! - [`commands`]: a command's record and its description, in the file of its WebGPU object. [`events`]: the daemon's messages.
//! - [`ids`], [`payload`]: the types that they share. [`wire`]: the trait of every type of the stream.
//! - [`codec`]: how values become bytes. The attributes of types that it needs are in the package `derive/`.
//! - [`handshake`]: the lines before and after the stream. [`transport`]: channels and shared memory of a session.
//! - [`connect`]: finding and starting workers, for every client.
//! - [`limits`]: every bound on a peer. `platform`: the code that depends on the operating system.
//! - [`output`], [`processor`], [`throttle`], [`visible`], [`size`], [`spin`]: helpers of several packages, without knowledge of
//!   the stream.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

#[cfg(feature = "allocator")]
pub mod allocator;
mod bytes;
pub mod codec;
pub mod commands;
pub mod connect;
pub mod events;
pub mod frames;
pub mod handshake;
pub mod ids;
pub mod limits;
mod list;
pub mod output;
#[cfg(feature = "pages")]
pub mod pages;
pub mod payload;
mod platform;
pub mod printing;
pub mod processor;
pub mod size;
pub mod spin;
pub mod throttle;
pub mod transport;
pub mod visible;
pub mod wire;

pub use commands::{Command, Record};
pub use events::Event;
pub use payload::Payload;
#[cfg(target_os = "linux")]
pub use platform::descriptors;
