//! A kubelet device plugin that offers the claims of `gpu-daemon serve` as devices, by default of the resource
//! `airlock.dev/session`. A container with such a device gets the claim's folder by CDI: no GPU node, no driver, and quotas that hold
//! in the daemon.
//!
//! A program of its own, so that gRPC stays out of the daemon.
//!
//! | module | contents | depends on |
//! |---|---|---|
//! | `kubelet` | the plugin's socket, registration, the kubelet's restarts | `plugin`, `api` |
//! | `plugin` | answers to the kubelet's calls | `health`, `api` |
//! | `health` | which device may be allocated, and why not | `claims`, `metrics` |
//! | `claims` | the CDI file: which devices there are | |
//! | `metrics` | the daemon's metrics: whether it answers, and the crashes of each claim | |
//! | `api` | messages and calls of the device plugin API | |
//! | `options`, `error` | the command line, and errors that end the program | |
//!
//! # Invariants
//!
//! - The plugin starts no session, opens no GPU and writes no file but its socket.
//! - All that the kubelet, the daemon and the CDI file send is bounded in size and checked.
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
