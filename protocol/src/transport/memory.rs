//! The memory that both processes see: sealed where the kernel has seals, else as ipc-channel shares it.

#[cfg(target_os = "linux")]
mod sealed;
#[cfg(not(target_os = "linux"))]
mod unsealed;

#[cfg(target_os = "linux")]
pub use sealed::MemoryError;
#[cfg(target_os = "linux")]
pub(super) use sealed::{CountReader, CountWriter, Shared, SharedPeer};
#[cfg(target_os = "linux")]
pub(super) use sealed::{ReadMemory, WriteMemory};
#[cfg(not(target_os = "linux"))]
pub use unsealed::MemoryError;
#[cfg(not(target_os = "linux"))]
pub(super) use unsealed::{ReadMemory, WriteMemory};
