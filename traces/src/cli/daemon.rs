//! Where workers come from, as the command line says it.

use std::path::PathBuf;

use airlock_protocol::connect::{ConnectError, Daemon};
use clap::Args;

/// The option that is the same for every command that needs a worker.
#[derive(Clone, Debug, Args)]
pub struct DaemonOption {
    /// Use a running `gpu-daemon serve`, by its Unix socket, instead of a worker of one's own
    #[arg(long, value_name = "SOCKET", env = "AIRLOCK_DAEMON", hide_env_values = true)]
    daemon: Option<PathBuf>,
}

impl DaemonOption {
    /// The socket that was named, else the worker's program, wherever it is found.
    pub fn daemon(&self) -> Result<Daemon, ConnectError> {
        match self.daemon.as_ref().filter(|path| !path.as_os_str().is_empty()) {
            Some(path) => Ok(Daemon::Socket(path.clone())),
            None => Daemon::find(),
        }
    }
}
