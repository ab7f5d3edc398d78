//! How a worker is started, and how some are kept to spare.
//!
//! A worker to spare has put up its jail and started its drivers before a client comes, and waits for the one message that
//! its standard input ever brings it: a client's connection, which takes that place.

use std::{
    collections::VecDeque,
    fs,
    io::{self, Read},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    path::PathBuf,
    process::{Child, ChildStderr, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use airlock_protocol::{connect::Folder, descriptors, visible::is_obeyed};
use command_fds::CommandFdExt;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create},
    io::retry_on_intr,
    process::{Pid, PidfdFlags, geteuid, pidfd_open},
};

use super::claims::Claim;
use crate::{
    lock::lock,
    options::WorkerOptions,
    platform::Peer,
    supervisor::{
        cgroups::{Cgroup, Cgroups},
        launch::{self, Launched, Rest, Started},
        process_memory::BEYOND_QUOTA,
    },
    worker::status::STATUS_LEN,
};

/// What the service manager told this process and no other.
const MANAGER_VARIABLES: [&str; 6] =
    ["LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"];

/// How long a worker to spare that was killed is waited for.
const SPARE_PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
/// Bytes that are read of what it has printed.
const MAX_SAID: u64 = 64 << 10;

/// How a worker is started, and those that were started before they are needed.
#[derive(Debug)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<String>,
    spares: Mutex<VecDeque<Spare>>,
    /// How many there should be.
    wanted: usize,
    /// Where there are any.
    groups: Mutex<Option<Cgroups>>,
    /// What one worker may have, in its group.
    memory: u64,
    /// Groups that were made.
    made: AtomicU64,
}

/// A worker's process, and what is held of it.
#[derive(Debug)]
pub struct Worker {
    /// The process, to be reaped.
    pub child: Child,
    /// The same, as it is seen from here.
    pub process: Process,
    /// Its folder, and the connection on which its end is told.
    pub rest: Rest,
}

/// What is held of a process.
#[derive(Debug)]
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// Becomes readable when it ends.
    pub exit: OwnedFd,
    /// What it prints.
    pub output: ChildStderr,
    /// The counters that it writes.
    pub status: OwnedFd,
    /// What bounds it.
    pub group: Option<Cgroup>,
}

/// A worker that waits for a connection, its drivers started.
#[derive(Debug)]
struct Spare {
    started: Started,
    process: Process,
    /// Where the connection is handed over.
    handover: UnixStream,
}

impl Launch {
    /// Workers are this program; so many of them are kept to spare, and each has a group of its own.
    pub fn new(options: &WorkerOptions, spares: usize, groups: Option<Cgroups>) -> io::Result<Self> {
        Ok(Self {
            program: std::env::current_exe()?,
            arguments: options.to_arguments(),
            spares: Mutex::default(),
            wanted: spares,
            groups: Mutex::new(groups),
            memory: options.quotas.max_memory.0.saturating_add(BEYOND_QUOTA),
            made: AtomicU64::new(0),
        })
    }

    /// Gives a client a worker: one to spare, or one that starts now. The client's connection becomes its standard input
    /// and output. A claim's worker has the claim's options, and its folder in the claim's, which is what its client sees.
    pub fn start(&self, connection: UnixStream, peer: &Peer, claim: Option<&Claim>) -> io::Result<Worker> {
        if let Some(claim) = claim {
            let folder = Folder::in_folder(&claim.folder)?;
            let memory = claim.worker.quotas.max_memory.0.saturating_add(BEYOND_QUOTA);
            let arguments = claim.worker.to_arguments();
            let (started, process) = self.start_process(&connection, folder, true, &arguments, memory)?;
            return Ok(Worker::new(started.with_client(connection), process));
        }
        let foreign = peer.uid != geteuid().as_raw();
        match self.hand_over(connection, foreign) {
            Ok(worker) => Ok(worker),
            Err(connection) => {
                let folder = if foreign { Folder::for_others()? } else { Folder::new()? };
                let (started, process) =
                    self.start_process(&connection, folder, foreign, &self.arguments, self.memory)?;
                Ok(Worker::new(started.with_client(connection), process))
            }
        }
    }

    /// Hands a connection to a worker to spare; gives it back when there is none.
    fn hand_over(&self, connection: UnixStream, foreign: bool) -> Result<Worker, UnixStream> {
        loop {
            let Some(spare) = lock(&self.spares).pop_front() else { return Err(connection) };
            match spare.take(&connection, foreign) {
                Ok(()) => return Ok(Worker::new(spare.started.with_client(connection), spare.process)),
                Err(error) => {
                    let pid = spare.process.pid.as_raw_nonzero();
                    let (ended, said) = spare.end();
                    tracing::warn!(pid, ended, said, "a worker to spare is of no use: {error}");
                }
            }
        }
    }

    /// Starts a worker to spare, if one is wanted; says whether another is.
    pub fn add_spare(&self) -> io::Result<bool> {
        if self.lacks_spares() {
            let (handover, theirs) = UnixStream::pair()?;
            // Its client may be another user, to whom its folder is opened then.
            let arguments = [self.arguments.as_slice(), &["--spare".to_owned()]].concat();
            let folder = Folder::for_anybody()?;
            let (started, process) = self.start_process(&theirs, folder, true, &arguments, self.memory)?;
            lock(&self.spares).push_back(Spare { started, process, handover });
        }
        Ok(self.lacks_spares())
    }

    /// Whether there are fewer workers to spare than there should be.
    pub fn lacks_spares(&self) -> bool {
        lock(&self.spares).len() < self.wanted
    }

    /// Ends the workers to spare.
    pub fn end_spares(&self) {
        let mut spares = lock(&self.spares);
        // All at once, so that they are waited for together.
        for spare in spares.iter_mut() {
            let _ = spare.started.child.kill();
        }
        for spare in spares.drain(..) {
            // It has done nothing, and how it ends is of no interest.
            spare.end();
        }
    }

    /// A group for a worker, if groups can be had.
    fn group(&self, memory: u64) -> Option<Cgroup> {
        let groups = lock(&self.groups);
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        kept(groups.as_ref()?.group(&number.to_string(), memory))
    }

    /// Removes the groups' parent, when no worker is left.
    pub fn remove_groups(&self) {
        *lock(&self.groups) = None;
    }

    /// Starts a worker's process.
    ///
    /// It inherits the connection, its standard error and its counters, and no other descriptor: all others are closed on
    /// exec, as the standard library makes them, and that of the counters is opened to the child between fork and exec,
    /// where a worker that is being started at the same time does not see it.
    fn start_process(
        &self,
        connection: &UnixStream,
        folder: Folder,
        foreign: bool,
        arguments: &[String],
        memory: u64,
    ) -> io::Result<(Started, Process)> {
        let status = counters()?;
        let inherited = status.try_clone()?;
        let mut command = launch::worker(&self.program, arguments);
        command
            .arg(format!("--status-fd={}", inherited.as_raw_fd()))
            .arg(format!("--server={}", std::process::id()))
            .stderr(Stdio::piped())
            // A terminal's Ctrl-C is for the server, which gives workers time to end.
            .process_group(0)
            .preserved_fds(vec![inherited]);
        if foreign {
            command.arg("--foreign-client");
        }
        for variable in MANAGER_VARIABLES {
            command.env_remove(variable);
        }
        // The group is there before the process, which has time to get in before its client is heard.
        let group = self.group(memory);
        let mut started = launch::start(command, connection, folder)?;
        let pid = Pid::from_child(&started.child);
        let group = group.and_then(|group| kept(group.add(started.child.id()).map(|()| group)));
        match (pidfd_open(pid, PidfdFlags::empty()), started.child.stderr.take()) {
            (Ok(exit), Some(output)) => Ok((started, Process { pid, exit, output, status, group })),
            (exit, _) => {
                let _ = started.end();
                Err(exit.err().map_or_else(|| io::Error::other("it has no output"), io::Error::from))
            }
        }
    }
}

impl Spare {
    /// Gives it a client.
    fn take(&self, connection: &UnixStream, foreign: bool) -> io::Result<()> {
        if has_ended(self.process.pid) {
            return Err(io::Error::other("it has ended"));
        }
        if !self.started.can_be_reached() {
            return Err(io::Error::other("its socket was removed"));
        }
        if foreign {
            self.started.open_to_others()?;
        }
        descriptors::send(&self.handover, connection.as_fd())
    }

    /// Ends it; gives how it ended, and the last line that it printed. One that is stuck in the kernel is left behind.
    fn end(mut self) -> (String, String) {
        let _ = self.started.child.kill();
        let ended =
            retry_on_intr(|| poll(&mut [PollFd::new(&self.process.exit, PollFlags::IN)], Some(&SPARE_PATIENCE)));
        if ended != Ok(1) {
            return ("not yet".to_owned(), String::new());
        }
        let ended = self.started.end().map_or_else(|error| error.to_string(), |status| status.to_string());
        let mut said = Vec::new();
        // It has ended, and nobody else has this pipe.
        let _ = self.process.output.take(MAX_SAID).read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said).lines().next_back().unwrap_or_default().replace(is_obeyed, "?");
        (ended, said)
    }
}

impl Worker {
    fn new(launched: Launched, process: Process) -> Self {
        let Launched { child, rest } = launched;
        Self { child, process, rest }
    }
}

/// Whether a process that is not reaped has ended. Its descriptors may be open for a while longer, until the kernel has taken
/// its namespaces apart, so that a connection can still be sent to it.
fn has_ended(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    // The name in parentheses may hold anything.
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// A group, or a warning that there is none: the worker's memory is looked at in another way too.
fn kept(group: Result<Cgroup, String>) -> Option<Cgroup> {
    group.inspect_err(|why| tracing::warn!("a worker has no cgroup: {why}")).ok()
}

/// A file in memory for a worker's counters. Its length is sealed, so that a read is never beyond its end and a worker
/// fills no memory with it.
fn counters() -> io::Result<OwnedFd> {
    let file = memfd_create("airlock-status", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&file, STATUS_LEN as u64)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}
