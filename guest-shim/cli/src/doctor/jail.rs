//! The jail of workers on this machine: the daemon's program tests each layer and reports which hold.

use std::process::{Command, Stdio};

use airlock::Daemon;
use airlock_protocol::connect::environment;
use airlock_traces::cli::jail::JailMode;
use serde::{Deserialize, Serialize};

/// Report of the daemon's program.
#[derive(Debug, Serialize, Deserialize)]
pub struct JailReport {
    /// Its layers, in the order in which they go up.
    pub layers: Vec<LayerReport>,
    /// The kinds of drivers that the jail was narrowed to.
    pub drivers: Vec<String>,
}

/// One layer.
#[derive(Debug, Serialize, Deserialize)]
pub struct LayerReport {
    /// Its name.
    pub layer: String,
    /// It holds.
    pub holds: bool,
    /// Why it does not.
    pub why: Option<String>,
}

/// Asks the program that workers are started from. A daemon behind a socket has a jail of its operator's, of which nothing is
/// said to clients.
pub fn examine(daemon: &Daemon) -> Option<JailReport> {
    let Daemon::Spawn { program, .. } = daemon else { return None };
    let mut command = Command::new(program);
    environment::restrict(&mut command);
    let mode = format!("--jail={}", JailMode::BestEffort);
    let output = command.args(["jail", "--json", &mode]).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    serde_json::from_slice(&output.stdout).ok()
}
