//! The jail of workers on this machine: the daemon's program tests each layer and reports which hold.

use std::process::{Command, Stdio};

use airlock::Daemon;
use airlock_protocol::connect::environment;
use airlock_traces::cli::jail::JailMode;
use serde::{Deserialize, Serialize};

/// Report of the daemon's program.
#[derive(Debug, Serialize, Deserialize)]
pub struct JailReport {
    /// Layers, in the order in which they are applied.
    pub layers: Vec<LayerReport>,
    /// Kinds of drivers that the jail is restricted to.
    pub drivers: Vec<String>,
    /// The way of data to each adapter.
    #[serde(default)]
    pub uploads: Vec<UploadReport>,
}

/// The way of data to an adapter.
#[derive(Debug, Serialize, Deserialize)]
pub struct UploadReport {
    /// The adapter's name and backend.
    pub adapter: String,
    /// True when the GPU copies data out of the memory that the host shares with the worker; otherwise the worker copies it first.
    pub imported: bool,
    /// Reason why it does not.
    pub why: Option<String>,
}

/// One layer.
#[derive(Debug, Serialize, Deserialize)]
pub struct LayerReport {
    pub layer: String,
    /// True when the layer holds.
    pub holds: bool,
    /// Reason for a layer that does not hold.
    pub why: Option<String>,
}

/// Runs the daemon's program to test its jail. `None` for a daemon behind a socket: its jail is its operator's, and is not
/// reported to clients.
pub fn examine(daemon: &Daemon) -> Option<JailReport> {
    let Daemon::Spawn { program, .. } = daemon else { return None };
    let mut command = Command::new(program);
    environment::restrict(&mut command);
    let mode = format!("--jail={}", JailMode::BestEffort);
    let output = command.args(["jail", "--json", &mode]).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    serde_json::from_slice(&output.stdout).ok()
}
