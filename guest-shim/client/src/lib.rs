//! The client library: WebGPU's objects on the guest's side of the command stream, independent of the front end.
//!
//! A line of code belongs here when it is about WebGPU or about the stream, and not about the caller: sessions, ids,
//! the encoder, shadow state, map states, scopes, defaults of descriptors, waits. It uses the protocol's types, so that
//! every version of `wasi:webgpu`, and clients without WebAssembly, share it. Resource tables, generated bindings and
//! error kinds of one interface are in `guest-shim/host`; options, messages and files of a command line in
//! `guest-shim/cli`. Nothing here knows wasmtime or an asynchronous runtime.
//!
//! - A [`Client`] is one program's connection to the GPU: the source of workers, and the session with the current one.
//! - One module per WebGPU object holds the object, its descriptors and its functions. Every function takes the client, and
//!   returns at once where shadow state has the result.
//! - A function that needs the daemon's reply returns a [`Wait`], and a value that builds the result from the reply.
//!
//! ```no_run
//! use airlock_client::{
//!     Client,
//!     buffer::BufferDescriptor,
//!     object::DeviceObject,
//! };
//! use airlock_protocol::commands::buffer::{BufferUsage, MapMode};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = Client::builder().build();
//! client.connect()?;
//! let (reply, adapter) = client.request_adapter(Default::default()).ok_or("no session")?;
//! let mut adapter = adapter.finish(&mut client, reply.wait()).ok_or("no adapter")?;
//! let (reply, device) = adapter.request_device(&mut client, Default::default()).map_err(|error| error.message)?;
//! let device = device.finish(&mut client, Some(&mut adapter), reply.wait()).map_err(|error| error.message)?;
//!
//! let usage = BufferUsage::MAP_READ | BufferUsage::COPY_DST;
//! let mut buffer = device.create_buffer(&mut client, BufferDescriptor { size: 16, usage, ..Default::default() });
//! let (reply, map) = buffer.map_async(&mut client, Some(MapMode::Read), None, None).map_err(|error| error.message)?;
//! map.finish(&mut client, Some(&mut buffer), reply.wait()).map_err(|error| error.message)?;
//! assert_eq!(*buffer.mapped_range(None, None)?, [0; 16]);
//! buffer.release(&mut client);
//! # Ok(())
//! # }
//! ```

pub mod adapter;
pub mod binding;
pub mod buffer;
pub mod canvas;
mod client;
pub mod command_encoder;
pub mod compute_pass;
pub mod device;
pub mod error;
pub mod instance;
pub mod mapping;
pub mod object;
pub mod pipeline;
pub mod query_set;
pub mod queue;
pub mod render_bundle;
pub mod render_pass;
mod session;
pub mod shader;
pub mod texture;

pub use client::{AdapterChoice, Client, ClientBuilder, ClientStats, Lifted};
pub use session::{Blocked, ErrorStream, EventTap, Gone, Lost, Spinning, StreamStats, Tap, TooLong, Wait};
