//! How a worker is started.

use std::{
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    path::PathBuf,
    process::{Child, ChildStderr, Stdio},
};

use command_fds::CommandFdExt;
use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create},
    process::{Pid, PidfdFlags, geteuid, pidfd_open},
};

use crate::{
    launch::{self, Launched, Rest},
    options::WorkerOptions,
    platform::Peer,
    status::STATUS_LEN,
};

/// What the service manager told this process and no other.
const MANAGER_VARIABLES: [&str; 6] =
    ["LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"];

/// How a worker is started.
#[derive(Debug)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<String>,
}

/// A worker's process, and what is held of it.
#[derive(Debug)]
pub struct Worker {
    /// The process, to be reaped.
    pub child: Child,
    /// Its number.
    pub pid: Pid,
    /// Becomes readable when the process ends.
    pub exit: OwnedFd,
    /// What it prints.
    pub output: ChildStderr,
    /// The counters that it writes.
    pub status: OwnedFd,
    /// Its folder, and the connection on which its end is told.
    pub rest: Rest,
}

impl Launch {
    /// Workers are this program.
    pub fn new(options: &WorkerOptions) -> io::Result<Self> {
        Ok(Self { program: std::env::current_exe()?, arguments: options.to_arguments() })
    }

    /// Starts a worker for a client, whose connection becomes its standard input and output.
    ///
    /// It inherits these, its standard error and its counters, and no other descriptor: all others are closed on exec,
    /// as the standard library makes them, and that of the counters is opened to the child between fork and exec, where
    /// a worker that is being started at the same time does not see it.
    pub fn start(&self, connection: UnixStream, peer: &Peer) -> io::Result<Worker> {
        let status = counters()?;
        let inherited = status.try_clone()?;
        let mut command = launch::worker(&self.program, &self.arguments);
        command
            .arg(format!("--status-fd={}", inherited.as_raw_fd()))
            .arg(format!("--server={}", std::process::id()))
            .stderr(Stdio::piped())
            // A terminal's Ctrl-C is for the server, which gives workers time to end.
            .process_group(0)
            .preserved_fds(vec![inherited]);
        let foreign = peer.uid != geteuid().as_raw();
        if foreign {
            command.arg("--foreign-client");
        }
        for variable in MANAGER_VARIABLES {
            command.env_remove(variable);
        }
        let Launched { mut child, rest } = launch::launch(command, connection, foreign).map_err(|(_, error)| error)?;
        let pid = Pid::from_child(&child);
        match (pidfd_open(pid, PidfdFlags::empty()), child.stderr.take()) {
            (Ok(exit), Some(output)) => Ok(Worker { child, pid, exit, output, status, rest }),
            (exit, _) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(exit.err().map_or_else(|| io::Error::other("it has no output"), io::Error::from))
            }
        }
    }
}

/// A file in memory for a worker's counters. Its length is sealed, so that a read is never beyond its end and a worker
/// fills no memory with it.
fn counters() -> io::Result<OwnedFd> {
    let file = memfd_create("airlock-status", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&file, STATUS_LEN as u64)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}
