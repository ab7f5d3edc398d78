//! Operating system interface. All other modules are portable.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::*;

#[cfg(not(unix))]
mod other;
#[cfg(not(unix))]
pub use other::*;

#[cfg(target_os = "linux")]
mod fork;
#[cfg(target_os = "linux")]
pub use fork::*;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::*;
