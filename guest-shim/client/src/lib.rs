//! The guest's side of the command stream: what knows WebGPU's objects, for whatever offers them to a guest.
//!
//! A line of code belongs here when it is about WebGPU or about the stream, and not about who calls: sessions, ids, the
//! encoder, shadow state, waits. It is in the protocol's types, so that each version of the interface, and a client that is
//! no WebAssembly at all, uses the same. Resource tables, generated bindings and error kinds of one interface are in
//! `guest-shim/host`; options, messages and files of a command line in `guest-shim/cli`. Nothing here knows wasmtime.

mod reply;
pub mod session;
