//! wgpu's side of a session: devices and objects with their owners, error scopes, memory, bulk data.
//!
//! Commands are in [`crate::execute`], asynchronous work is in [`crate::pending`].

pub mod aliases;
pub mod credit;
pub mod device;
pub mod discards;
pub mod errors;
pub mod held;
pub mod immediates;
#[cfg(target_os = "linux")]
pub mod imported;
pub mod instances;
pub mod made;
pub mod mapped;
pub mod memory;
pub mod objects;
pub mod passes;
pub mod payloads;
pub mod refusal;
pub mod sizes;
pub mod slab;
pub mod uploads;
pub mod violation;
