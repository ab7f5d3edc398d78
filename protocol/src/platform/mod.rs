//! Code that depends on the operating system. Everything else compiles everywhere.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::Link;
#[cfg(unix)]
pub(crate) use unix::start;

#[cfg(not(unix))]
mod other;
#[cfg(not(unix))]
pub use other::Link;
#[cfg(not(unix))]
pub(crate) use other::start;

#[cfg(target_os = "linux")]
pub mod descriptors;
