//! Supervisors: processes that start workers, `serve` for a machine's clients, `broker` for one host. Neither opens a GPU or
//! reads a client's data.

#[cfg(target_os = "linux")]
pub mod broker;
#[cfg(target_os = "linux")]
pub mod cdi;
#[cfg(target_os = "linux")]
pub mod cgroups;
pub mod launch;
#[cfg(target_os = "linux")]
pub mod process_memory;
#[cfg(target_os = "linux")]
pub mod serve;
#[cfg(target_os = "linux")]
pub mod shader_cache;
#[cfg(target_os = "linux")]
pub mod zygote;
