//! Finding and starting the GPU's process, for every client of it: the Wasm host and the replayer.
//!
//! `daemon` finds the program and starts workers, by itself or through a `broker`, or connects to a server's, by itself or
//! through a `connector`; `helper` is the process of either; `open` opens a session over a worker's connection; `worker_handle` owns
//! the worker; `environment` and `folder` are all that a worker receives of its parent's.

#[cfg(target_os = "linux")]
mod broker;
#[cfg(target_os = "linux")]
mod connector;
mod daemon;
pub mod environment;
mod error;
mod folder;
#[cfg(target_os = "linux")]
mod helper;
mod open;
mod worker_handle;

#[cfg(target_os = "linux")]
pub use broker::Broker;
#[cfg(target_os = "linux")]
pub use connector::{Connector, connect_for};
pub use daemon::Daemon;
pub use error::{ConnectError, DAEMON_NAME, DAEMON_VARIABLE};
pub use folder::{FOLDER_PREFIX, Folder};
pub use open::{Connection, open};
pub use worker_handle::{CLOSED, WorkerHandle};

pub use crate::platform::Link;
