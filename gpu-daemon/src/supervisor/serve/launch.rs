//! Start of workers, by the zygote or from the program's file, and standby workers.
//!
//! A standby worker has entered its jail and started its drivers before a client connects. It waits for one message on
//! standard input: a client's connection, which then replaces standard input and output.

use std::{
    collections::VecDeque,
    fs,
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{ChildStderr, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use airlock_protocol::{descriptors, visible::is_obeyed};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create},
    io::retry_on_intr,
    process::{Pid, PidfdFlags, pidfd_open},
};

use super::claims::Claim;
use crate::{
    lock::lock,
    platform::Peer,
    supervisor::{
        cgroups::{Cgroup, Cgroups},
        launch::{self, Launched, Rest, Spawned, Started, WorkerProcess},
        process_memory::BEYOND_QUOTA,
        serve::ServeArguments,
        shader_cache::{self, Lent, ShaderCaches, Tenant},
        zygote::Zygote,
    },
    worker::{status::STATUS_LEN, zygote::Request},
};

/// Variables from the service manager that are for this process only.
const MANAGER_VARIABLES: [&str; 6] =
    ["LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"];

/// Zygotes that may fail before workers are started without one.
const MAX_ZYGOTES: u32 = 3;
/// Time limit for the exit of a killed standby worker.
const STANDBY_EXIT_WAIT: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
/// Upper bound of the bytes read of its output.
const MAX_OUTPUT: u64 = 64 << 10;

/// Starts workers, and keeps the pool of standby workers.
#[derive(Debug)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<String>,
    /// The zygote, and how many more may be started.
    zygote: Mutex<(Option<Zygote>, u32)>,
    standby: Mutex<VecDeque<Standby>>,
    /// Target size of the pool.
    max_standby: usize,
    /// `None` where cgroups are not available.
    groups: Mutex<Option<Cgroups>>,
    /// Memory bound of one worker's cgroup, in bytes.
    memory: u64,
    /// Groups created so far: the number in the next one's name.
    made: AtomicU64,
    /// The shader caches; `None` where they are off or unavailable.
    caches: Option<ShaderCaches>,
}

/// A worker with its client.
#[derive(Debug)]
pub struct Worker {
    /// The process, which the caller reaps.
    pub child: WorkerProcess,
    pub process: Process,
    /// The worker's folder, and the connection for the end line.
    pub rest: Rest,
}

/// Handles of a worker's process.
#[derive(Debug)]
pub struct Process {
    pub pid: Pid,
    /// The pidfd, readable when the process exits.
    pub exit: OwnedFd,
    /// Standard error.
    pub output: ChildStderr,
    /// The status file.
    pub status: OwnedFd,
    pub group: Option<Cgroup>,
    /// The worker's shader cache.
    pub lent: Option<Lent>,
}

/// A standby worker: has started its drivers, and waits for a connection.
#[derive(Debug)]
struct Standby {
    started: Started,
    process: Process,
    /// The socket over which the connection is sent.
    handover: UnixStream,
}

impl Launch {
    /// Creates a launcher of this program, with the standby workers, cgroups and shader caches of `serve`.
    pub fn new(arguments: &ServeArguments, groups: Option<Cgroups>) -> io::Result<Self> {
        let options = &arguments.worker;
        Ok(Self {
            program: std::env::current_exe()?,
            arguments: options.to_arguments(),
            zygote: Mutex::new((None, if arguments.no_zygote { 0 } else { MAX_ZYGOTES })),
            standby: Mutex::default(),
            max_standby: arguments.standby_workers,
            groups: Mutex::new(groups),
            memory: options.quotas.max_memory.0.saturating_add(BEYOND_QUOTA),
            made: AtomicU64::new(0),
            caches: ShaderCaches::open(&arguments.shader_cache, options.jail),
        })
    }

    /// Stores the shader cache of an ended worker.
    pub fn keep(&self, lent: &Lent) {
        if let Some(caches) = &self.caches {
            caches.keep(lent);
        }
    }

    /// Takes a standby worker or starts one. The client's connection becomes its standard input and output. A claim's worker has
    /// the claim's options.
    pub fn start(&self, connection: UnixStream, peer: &Peer, claim: Option<&Claim>) -> io::Result<Worker> {
        if let Some(claim) = claim {
            let memory = claim.worker.quotas.max_memory.0.saturating_add(BEYOND_QUOTA);
            let (arguments, tenant) = (claim.worker.to_arguments(), Tenant::Claim(Arc::clone(&claim.name)));
            let (started, process) = self.start_process(&connection, Some(&tenant), &arguments, memory)?;
            return Ok(Worker::new(started.with_client(connection), process));
        }
        let tenant = Tenant::User(peer.uid);
        match self.hand_over(connection, &tenant) {
            Ok(worker) => Ok(worker),
            Err(connection) => {
                let (started, process) =
                    self.start_process(&connection, Some(&tenant), &self.arguments, self.memory)?;
                Ok(Worker::new(started.with_client(connection), process))
            }
        }
    }

    /// Sends a connection to a standby worker. The error returns the connection when there is none.
    fn hand_over(&self, connection: UnixStream, tenant: &Tenant) -> Result<Worker, UnixStream> {
        loop {
            let Some(mut standby) = lock(&self.standby).pop_front() else { return Err(connection) };
            if let (Some(caches), Some(lent)) = (&self.caches, &mut standby.process.lent) {
                caches.fill(lent, tenant);
            }
            match standby.take(&connection) {
                Ok(()) => return Ok(Worker::new(standby.started.with_client(connection), standby.process)),
                Err(error) => {
                    let pid = standby.process.pid.as_raw_nonzero();
                    let (ended, said) = standby.end();
                    tracing::warn!(pid, ended, said, "a standby worker cannot be used: {error}");
                }
            }
        }
    }

    /// Starts the zygote, before the first client.
    pub fn prepare(&self) {
        self.add_zygote(&mut lock(&self.zygote));
    }

    /// Starts a standby worker if the pool is not full. Returns true if it still is not.
    pub fn add_standby(&self) -> io::Result<bool> {
        if self.lacks_standby() {
            let (handover, theirs) = UnixStream::pair()?;
            let (started, process) = self.start_process(&theirs, None, &self.arguments, self.memory)?;
            lock(&self.standby).push_back(Standby { started, process, handover });
        }
        Ok(self.lacks_standby())
    }

    /// True while the pool of standby workers is not full.
    pub fn lacks_standby(&self) -> bool {
        lock(&self.standby).len() < self.max_standby
    }

    /// Kills the standby workers, and the zygote.
    pub fn end_standby(&self) {
        lock(&self.zygote).0 = None;
        let mut pool = lock(&self.standby);
        // All of them before the first wait, so that they exit in parallel.
        for standby in pool.iter() {
            let _ = standby.started.child.kill();
        }
        for standby in pool.drain(..) {
            // Without a session, its exit status has no meaning.
            standby.end();
        }
    }

    /// Creates a cgroup for a worker, where cgroups are available.
    fn group(&self, memory: u64) -> Option<Cgroup> {
        let groups = lock(&self.groups);
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        kept(groups.as_ref()?.group(&number.to_string(), memory))
    }

    /// Removes the workers' parent group. Call it when no worker is left.
    pub fn remove_groups(&self) {
        *lock(&self.groups) = None;
    }

    /// Starts a worker's process; a standby worker where there is no tenant yet.
    ///
    /// The worker has the connection, its standard error, its status file and its shader cache, and no other descriptor. The zygote
    /// receives them for one worker. From the program's file, all others are close-on-exec, as the standard library creates them;
    /// the flag of the two files is cleared in the child between fork and exec, so that a worker that starts at the same time does
    /// not inherit them.
    fn start_process(
        &self,
        connection: &UnixStream,
        tenant: Option<&Tenant>,
        arguments: &[String],
        memory: u64,
    ) -> io::Result<(Started, Process)> {
        let status = counters()?;
        let lent = self.caches.as_ref().and_then(|caches| caches.lend(tenant));
        let cache = lent.as_ref().map(Lent::descriptor).transpose()?;
        let mut arguments = arguments.to_vec();
        arguments.push(format!("--server={}", std::process::id()));
        arguments.extend(tenant.is_none().then(|| "--standby".to_owned()));
        // The group exists before the process, which is moved into it before the client's first byte is read.
        let group = self.group(memory);
        let mut started = launch::start(|folder| {
            if let Some(forked) = self.fork(connection, folder.path(), &arguments, &status, cache.as_ref())? {
                return Ok(forked);
            }
            let mut inherited = vec![("status-fd", status.try_clone()?)];
            inherited.extend(cache.map(|cache| (shader_cache::OPTION, cache)));
            let mut command = launch::worker(&self.program, &arguments);
            // A terminal's Ctrl-C is for the server, which leaves workers time to end.
            command.stderr(Stdio::piped()).process_group(0);
            shader_cache::give_to(&mut command, inherited);
            for variable in MANAGER_VARIABLES {
                command.env_remove(variable);
            }
            launch::spawn(command, connection, folder)
        })?;
        let pid = started.child.pid();
        let group = group.and_then(|group| kept(group.add(started.child.id()).map(|()| group)));
        match (pidfd_open(pid, PidfdFlags::empty()), started.output.take()) {
            (Ok(exit), Some(output)) => Ok((started, Process { pid, exit, output, status, group, lent })),
            (exit, _) => {
                let _ = started.end();
                Err(exit.err().map_or_else(|| io::Error::other("it has no output"), io::Error::from))
            }
        }
    }

    /// Has the zygote fork a worker; `None` where there is no zygote that is ready.
    fn fork(
        &self,
        connection: &UnixStream,
        folder: &Path,
        arguments: &[String],
        status: &OwnedFd,
        cache: Option<&OwnedFd>,
    ) -> io::Result<Option<Spawned>> {
        let mut zygote = lock(&self.zygote);
        if zygote.0.as_ref().is_some_and(Zygote::is_outdated) {
            tracing::info!("the installed drivers have changed: new workers use the new ones");
            *zygote = (None, MAX_ZYGOTES);
        }
        let Some(ready) = zygote.0.as_mut() else {
            self.add_zygote(&mut zygote);
            return Ok(None);
        };
        let (output, errors) = io::pipe()?;
        let (status, cache) = (status.as_fd(), cache.map(AsFd::as_fd));
        let request =
            Request { folder, arguments, connection: connection.as_fd(), errors: errors.as_fd(), status, cache };
        match ready.is_ready().and_then(|is_ready| is_ready.then(|| ready.fork(&request)).transpose()) {
            Ok(pid) => Ok(pid.map(|pid| (WorkerProcess::of(pid), Some(OwnedFd::from(output).into())))),
            Err(error) => {
                tracing::warn!("the zygote cannot be used: {error}");
                zygote.0 = None;
                self.add_zygote(&mut zygote);
                Ok(None)
            }
        }
    }

    /// Starts a zygote where one may be started. A failure is logged, and workers are started without it.
    fn add_zygote(&self, (zygote, left): &mut (Option<Zygote>, u32)) {
        let Some(fewer) = left.checked_sub(1) else { return };
        *left = fewer;
        match Zygote::start(&self.program, &MANAGER_VARIABLES) {
            Ok(started) => {
                tracing::debug!(pid = started.id(), "the zygote starts");
                *zygote = Some(started);
            }
            Err(error) => tracing::warn!("cannot start the zygote: {error}"),
        }
    }
}

impl Standby {
    /// Sends the worker its client's connection.
    fn take(&self, connection: &UnixStream) -> io::Result<()> {
        if has_ended(self.process.pid) {
            return Err(io::Error::other("it has ended"));
        }
        descriptors::send(&self.handover, connection.as_fd())
    }

    /// Kills and reaps the worker; returns its exit status and the last line of its output. A worker that is stuck in
    /// the kernel is left behind.
    fn end(self) -> (String, String) {
        let _ = self.started.child.kill();
        let ended =
            retry_on_intr(|| poll(&mut [PollFd::new(&self.process.exit, PollFlags::IN)], Some(&STANDBY_EXIT_WAIT)));
        if ended != Ok(1) {
            return ("not yet".to_owned(), String::new());
        }
        let ended = self.started.end().map_or_else(|error| error.to_string(), |status| status.to_string());
        let mut said = Vec::new();
        // The worker has exited, and no other process holds this pipe, so the read ends.
        let _ = self.process.output.take(MAX_OUTPUT).read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said).lines().next_back().unwrap_or_default().replace(is_obeyed, "?");
        (ended, said)
    }
}

impl Worker {
    fn new(launched: Launched, process: Process) -> Self {
        let Launched { child, rest, .. } = launched;
        Self { child, process, rest }
    }
}

/// True when a process that is not reaped has exited. Its descriptors may stay open for a while, until the kernel has
/// torn down its namespaces, so that a connection can still be sent to it.
fn has_ended(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    // The name in parentheses may contain any characters.
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// Logs a missing group. The worker's memory is then bounded by sampling alone.
fn kept(group: Result<Cgroup, String>) -> Option<Cgroup> {
    group.inspect_err(|why| tracing::warn!("a worker has no cgroup: {why}")).ok()
}

/// Creates the memory file of a worker's counters. Its length is sealed, so that a read never goes beyond its end and a
/// worker cannot fill memory with it.
fn counters() -> io::Result<OwnedFd> {
    let file = memfd_create("airlock-status", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&file, STATUS_LEN as u64)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}
