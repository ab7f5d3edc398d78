//! Workers for a process that is to confine itself: they come through a process that is started before, and that never runs guest
//! code. It is the broker for workers of its own, and `airlock connect` for those of a server.

#[cfg(not(target_os = "linux"))]
use airlock::Daemon;

#[cfg(not(target_os = "linux"))]
use super::error::CliError;

/// The same source of workers, through a broker where there is one.
#[cfg(not(target_os = "linux"))]
pub fn prepared(daemon: Daemon) -> Result<Daemon, CliError> {
    Ok(daemon.brokered()?)
}

#[cfg(target_os = "linux")]
pub use linux::{Arguments, prepared, run};

#[cfg(target_os = "linux")]
mod linux {
    use std::{os::unix::process::CommandExt as _, path::PathBuf, process::Command, sync::Arc};

    use airlock::Daemon;
    use airlock_protocol::connect::{Connector, connect_for};
    use clap::Args;

    use crate::error::CliError;

    /// Connect to a socket for the process that holds the other end of standard input
    #[derive(Debug, Args)]
    pub struct Arguments {
        /// The socket
        socket: PathBuf,
    }

    /// The same source of workers, which then needs neither new processes nor new sockets here.
    pub fn prepared(daemon: Daemon) -> Result<Daemon, CliError> {
        let Daemon::Socket(path) = daemon else { return Ok(daemon.brokered()?) };
        // The running executable, even where its file has been replaced since.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("airlock").arg("connect").arg(&path).env_clear();
        // Where the program's own libraries are, if anywhere else than usual.
        command.envs(std::env::var_os("LD_LIBRARY_PATH").map(|folders| ("LD_LIBRARY_PATH", folders)));
        // A terminal's Ctrl-C is for the guest's process, which may need a worker after it.
        command.process_group(0);
        Ok(Daemon::Connector(Arc::new(Connector::start(path, command)?)))
    }

    /// Runs the connector's process.
    pub fn run(arguments: &Arguments) -> Result<u8, CliError> {
        connect_for(&arguments.socket).map_err(|cause| CliError::Runtime { cause })?;
        Ok(0)
    }
}
