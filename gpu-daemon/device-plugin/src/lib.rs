//! A kubelet device plugin that offers the claims of `gpu-daemon serve` as devices, by default of the resource
//! `airlock.dev/session`. A container with such a device gets the claim's folder by CDI: no GPU node, no driver, and quotas that hold
//! in the daemon.
//!
//! A separate program, so that gRPC stays out of the daemon.
//!
//! | module | contents | depends on |
//! |---|---|---|
//! | `kubelet` | the plugin's socket, registration, the kubelet's restarts | `plugin`, `api` |
//! | `plugin` | answers to the kubelet's calls | `health`, `api` |
//! | `health` | health of each device, and the reason of a fault | `claims`, `metrics` |
//! | `claims` | the CDI file: the list of devices | |
//! | `metrics` | the daemon's metrics: the crashes of each claim | |
//! | `api` | messages and calls of the device plugin API | |
//! | `options`, `error` | the command line, and errors that end the program | |
//!
//! # Invariants
//!
//! - The plugin starts no session, opens no GPU and writes no file but its socket.
//! - All input of the kubelet, the daemon and the CDI file is bounded in size and checked.
#![cfg(target_os = "linux")]
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod api;
mod claims;
mod error;
mod health;
mod kubelet;
mod metrics;
mod options;
mod plugin;

use std::sync::Arc;

use tokio::sync::watch;

pub use error::PluginError;
pub use options::{Command, Line, Options};

/// Offers devices until SIGTERM or SIGINT.
pub fn run(options: &Options) -> Result<(), PluginError> {
    // The socket is for the kubelet, which is root, and for this user.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (sender, devices) = watch::channel(Arc::default());
        let mut kubelet = kubelet::Kubelet::new(options, devices)?;
        tokio::select! {
            () = health::watch(options, &sender) => {}
            () = kubelet.follow() => {}
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        kubelet.stop();
        tracing::info!("stopped");
        Ok(())
    })
}
