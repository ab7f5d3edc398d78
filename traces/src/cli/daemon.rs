//! The options for the source of workers.

use std::path::PathBuf;

use airlock_protocol::connect::{ConnectError, Daemon};
use clap::Args;

use super::jail::JailMode;

/// The options of every command that needs a worker.
#[derive(Clone, Debug, Args)]
pub struct DaemonOption {
    /// Use a running `gpu-daemon serve`, by its Unix socket, instead of a worker of one's own
    #[arg(long, value_name = "SOCKET", env = "AIRLOCK_DAEMON", hide_env_values = true)]
    daemon: Option<PathBuf>,
    /// The strictness of the jail, of the worker and of `airlock run` itself; `gpu-daemon serve` decides for its workers
    #[arg(long, value_name = "MODE", default_value_t = JailMode::BestEffort)]
    jail: JailMode,
    /// Set a quota or a deadline of the worker, as `gpu-daemon worker --help` names them: `--worker gpu-timeout=5`
    #[arg(long = "worker", value_name = "OPTION=VALUE", conflicts_with = "daemon", value_parser = worker_option)]
    worker: Vec<String>,
}

impl DaemonOption {
    /// The socket option, else the worker's program.
    pub fn daemon(&self) -> Result<Daemon, ConnectError> {
        if let Some(path) = self.daemon.as_ref().filter(|path| !path.as_os_str().is_empty()) {
            return Ok(Daemon::Socket(path.clone()));
        }
        match Daemon::find()? {
            Daemon::Spawn { program, mut arguments } => {
                arguments.push(format!("--jail={}", self.jail));
                arguments.extend(self.worker.iter().map(|option| format!("--{option}")));
                Ok(Daemon::Spawn { program, arguments })
            }
            other => Ok(other),
        }
    }

    /// The strictness of the jail.
    pub fn jail(&self) -> JailMode {
        self.jail
    }
}

/// Parses one option with its value. The worker itself rejects unknown ones.
fn worker_option(text: &str) -> Result<String, String> {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    match text.split_once('=') {
        Some((name, _)) if !name.is_empty() && !name.starts_with('-') && is_name(name) => Ok(text.to_owned()),
        _ => Err("an option and its value, for example max-gpu-memory=1G".to_owned()),
    }
}
