//! Start of a worker for a client of another process: common code of `serve` and `broker`.
//!
//! A worker receives the client's connection as its standard input and output, and a private folder for its socket. Its
//! parent keeps a clone of the connection for one purpose: to send the end line with the worker's exit status, which the
//! client cannot determine itself.

use std::{
    collections::BTreeMap,
    io,
    io::Write,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::Mutex,
};

use airlock_protocol::{
    connect::{Folder, environment},
    handshake::{Ended, Hello},
};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::{lock::lock, platform::FolderWatch};

/// A worker's process, a child of this one that is not reaped.
#[derive(Debug)]
pub struct WorkerProcess(Pid);

impl WorkerProcess {
    /// Takes a child by its process id. Nothing else may reap it.
    pub fn of(pid: Pid) -> Self {
        Self(pid)
    }

    /// The process id, which is not reused before [`Self::wait`].
    pub fn pid(&self) -> Pid {
        self.0
    }

    /// The process id as a number.
    pub fn id(&self) -> u32 {
        self.0.as_raw_nonzero().get().cast_unsigned()
    }

    /// Kills the process.
    pub fn kill(&self) -> io::Result<()> {
        Ok(kill_process(self.0, Signal::KILL)?)
    }

    /// Blocks until the process has exited, and reaps it.
    pub fn wait(self) -> io::Result<ExitStatus> {
        let ended = rustix::io::retry_on_intr(|| waitpid(Some(self.0), WaitOptions::empty()))?;
        let (_, status) = ended.ok_or_else(|| io::Error::other("the process still runs"))?;
        Ok(ExitStatus::from_raw(status.as_raw()))
    }
}

impl From<&Child> for WorkerProcess {
    /// The child must be waited for by this value only.
    fn from(child: &Child) -> Self {
        Self(Pid::from_child(child))
    }
}

/// A started worker. The caller waits for the process.
#[derive(Debug)]
pub struct Launched {
    pub child: WorkerProcess,
    /// Standard error, where it is a pipe.
    pub output: Option<ChildStderr>,
    /// The resources to release when the process has exited.
    pub rest: Rest,
}

/// The folder and the connection of a worker.
#[derive(Debug)]
pub struct Rest {
    connection: UnixStream,
    folder: PathBuf,
    watch: Option<FolderWatch>,
}

/// Existing folders. The owner of each removes it; [`remove_folders`] removes the rest.
static FOLDERS: Mutex<BTreeMap<PathBuf, Folder>> = Mutex::new(BTreeMap::new());

/// Removes the folders of all workers, before the whole process exits.
pub fn remove_folders() {
    lock(&FOLDERS).clear();
}

/// A started worker without a client.
#[derive(Debug)]
pub struct Started {
    pub child: WorkerProcess,
    /// Standard error, where it is a pipe.
    pub output: Option<ChildStderr>,
    folder: PathBuf,
    watch: Option<FolderWatch>,
}

/// A new worker's process and its standard error.
pub type Spawned = (WorkerProcess, Option<ChildStderr>);

/// Starts a worker on a connection, with the program, arguments and inherited descriptors of `command`. The error
/// returns the connection. The command is consumed because it holds clones of the connection, whose end the client must
/// see.
pub fn launch(command: Command, connection: UnixStream) -> Result<Launched, (UnixStream, io::Error)> {
    match start(|folder| spawn(command, &connection, folder)) {
        Ok(started) => Ok(started.with_client(connection)),
        Err(error) => Err((connection, error)),
    }
}

/// Starts a worker with a folder of its own.
pub fn start(spawn: impl FnOnce(&Folder) -> io::Result<Spawned>) -> io::Result<Started> {
    let folder = Folder::new()?;
    let watch = FolderWatch::new(folder.path());
    let (child, output) = spawn(&folder)?;
    let path = folder.path().to_owned();
    lock(&FOLDERS).insert(path.clone(), folder);
    Ok(Started { child, output, folder: path, watch })
}

/// Starts the process of a command with a connection as its standard input and output, and the given folder.
pub fn spawn(mut command: Command, connection: &UnixStream, folder: &Folder) -> io::Result<Spawned> {
    let end = || connection.try_clone().map(OwnedFd::from).map(Stdio::from);
    folder.give_to(&mut command);
    let mut child = command.stdin(end()?).stdout(end()?).spawn()?;
    Ok((WorkerProcess::from(&child), child.stderr.take()))
}

impl Started {
    /// Adds the client's connection.
    pub fn with_client(self, connection: UnixStream) -> Launched {
        let Self { child, output, folder, watch } = self;
        Launched { child, output, rest: Rest { connection, folder, watch } }
    }

    /// Kills and reaps the worker and removes its folder; returns its exit status.
    #[cfg(target_os = "linux")]
    pub fn end(self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        let status = self.child.wait();
        lock(&FOLDERS).remove(&self.folder);
        status
    }
}

/// The command line and environment of a worker.
pub fn worker(program: &Path, arguments: &[String]) -> Command {
    let mut command = Command::new(program);
    command.arg("worker").args(arguments);
    environment::restrict(&mut command);
    command
}

/// Sends a refusal to a client.
pub fn refuse(connection: UnixStream, reason: String) {
    say(connection, &Hello::Refused { reason }.to_line());
}

impl Rest {
    /// Blocks until the worker's client is connected or the worker has exited, then removes the folder. Where that
    /// cannot be determined, the folder stays until the worker's end. Does not reap the worker.
    pub fn tidy(&mut self, child: &WorkerProcess) {
        if self.watch.take().is_some_and(|watch| watch.wait(&self.folder, child.pid())) {
            lock(&FOLDERS).remove(&self.folder);
        }
    }

    /// The connection, for polling its hang-up. Nothing is read from it.
    #[cfg(target_os = "linux")]
    pub fn client(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }

    /// Descriptor that becomes readable when [`Self::tidy_now`] may be due.
    #[cfg(target_os = "linux")]
    pub fn watched(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(AsFd::as_fd)
    }

    /// Removes the folder if the worker's client is connected; does not block. Where that cannot be determined, the
    /// folder stays until the worker's end.
    #[cfg(target_os = "linux")]
    pub fn tidy_now(&mut self) {
        if self.watch.take_if(|watch| watch.emptied(&self.folder) != Ok(false)).is_some() {
            lock(&FOLDERS).remove(&self.folder);
        }
    }

    /// Sends the end line and closes the connection.
    pub fn ended(self, ended: Ended) {
        lock(&FOLDERS).remove(&self.folder);
        say(self.connection, &ended.to_line());
    }
}

/// Sends a line without blocking. A line fits the socket's buffer; a client that does not read misses only this.
fn say(mut connection: UnixStream, line: &str) {
    let _ = connection.set_nonblocking(true);
    let _ = connection.write_all(line.as_bytes());
}
