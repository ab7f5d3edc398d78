//! The zygote of `serve`: the process that forks its workers, with the drivers' libraries loaded ([`crate::worker::zygote`]).
//!
//! While none is ready, workers are started from the program's file.

use std::{
    io,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use airlock_protocol::connect::environment;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair},
    process::Pid,
};

use crate::{
    drivers,
    worker::zygote::{NAME, READY, Request},
};

/// Time limit for a reply: a fork takes a millisecond, and a loaded machine longer.
const REPLY_WAIT: Duration = Duration::from_secs(10);

/// The process, killed on drop.
#[derive(Debug)]
pub struct Zygote {
    process: Child,
    requests: OwnedFd,
    ready: bool,
    /// The files of the drivers when it was started.
    files: Vec<(PathBuf, [u64; 4])>,
}

impl Zygote {
    /// Starts the process; does not wait until it is ready. Its workers have its environment, without `hidden`.
    pub fn start(program: &Path, hidden: &[&str]) -> io::Result<Self> {
        let (requests, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let mut command = Command::new(program);
        command.arg(NAME).arg(format!("--server={}", std::process::id()));
        environment::restrict(&mut command);
        for variable in hidden {
            command.env_remove(variable);
        }
        let files = drivers::files();
        // A terminal's Ctrl-C is for the server.
        let process = command.stdin(theirs).stdout(Stdio::null()).process_group(0).spawn()?;
        Ok(Self { process, requests, ready: false, files })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// True when a driver was installed, replaced or removed since the start.
    pub fn is_outdated(&self) -> bool {
        drivers::files() != self.files
    }

    /// True once the libraries are loaded. Fails when the process has ended.
    pub fn is_ready(&mut self) -> io::Result<bool> {
        if !self.ready && self.has_reply(Duration::ZERO)? {
            self.ready = self.reply()? == READY;
        }
        Ok(self.ready)
    }

    /// Forks a worker, which becomes a child of this process. Call it when the zygote is ready.
    pub fn fork(&self, request: &Request<'_>) -> io::Result<Pid> {
        request.send(&self.requests)?;
        if !self.has_reply(REPLY_WAIT)? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let number = self.reply()?;
        Pid::from_raw(number.max(0)).ok_or_else(|| io::Error::from_raw_os_error(number.saturating_neg()))
    }

    fn has_reply(&self, wait: Duration) -> io::Result<bool> {
        let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
        let ready = rustix::io::retry_on_intr(|| poll(&mut [PollFd::new(&self.requests, PollFlags::IN)], Some(&wait)))?;
        Ok(ready > 0)
    }

    fn reply(&self) -> io::Result<i32> {
        let mut number = [0; size_of::<i32>()];
        let (length, _) = recv(&self.requests, &mut number, RecvFlags::DONTWAIT)?;
        if length == number.len() { Ok(i32::from_le_bytes(number)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        // It has ended already, or does now.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
