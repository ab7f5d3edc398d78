//! wgpu's side of a session: devices and objects with their owners, error scopes, memory, bulk data.
//!
//! What a command does with them is [`crate::execute`]'s; what ends on its own time is [`crate::pending`]'s.

pub mod device;
pub mod discards;
pub mod errors;
pub mod held;
pub mod immediates;
pub mod instances;
pub mod mapped;
pub mod memory;
pub mod objects;
pub mod passes;
pub mod payloads;
pub mod refusal;
pub mod sizes;
pub mod slab;
pub mod violation;
