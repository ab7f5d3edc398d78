//! The shared memory: sealed where the kernel has seals, else ipc-channel's.

#[cfg(target_os = "linux")]
mod sealed;
#[cfg(not(target_os = "linux"))]
mod unsealed;

#[cfg(target_os = "linux")]
pub use sealed::{MemoryError, RingMemory};
#[cfg(target_os = "linux")]
pub(super) use sealed::{Number, NumbersReader, NumbersWriter, Shared, SharedPeer};
#[cfg(target_os = "linux")]
pub(super) use sealed::{ReadMemory, WriteMemory};
#[cfg(not(target_os = "linux"))]
pub use unsealed::MemoryError;
#[cfg(not(target_os = "linux"))]
pub(super) use unsealed::{ReadMemory, WriteMemory};
