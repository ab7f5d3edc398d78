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
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Mutex,
};

use airlock_protocol::{
    connect::{Folder, environment},
    handshake::{Ended, Hello},
};

use crate::{lock::lock, platform::FolderWatch};

/// A started worker. The caller waits for the process.
#[derive(Debug)]
pub struct Launched {
    pub child: Child,
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
    pub child: Child,
    folder: PathBuf,
    watch: Option<FolderWatch>,
}

/// Starts a worker on a connection, with the program, arguments and inherited descriptors of `command`. The error
/// returns the connection. The command is consumed because it holds clones of the connection, whose end the client must
/// see.
pub fn launch(command: Command, connection: UnixStream) -> Result<Launched, (UnixStream, io::Error)> {
    match Folder::new().and_then(|folder| start(command, &connection, folder)) {
        Ok(started) => Ok(started.with_client(connection)),
        Err(error) => Err((connection, error)),
    }
}

/// Starts a worker with a connection as its standard input and output, and the given folder.
pub fn start(mut command: Command, connection: &UnixStream, folder: Folder) -> io::Result<Started> {
    let end = || connection.try_clone().map(OwnedFd::from).map(Stdio::from);
    folder.give_to(&mut command);
    let watch = FolderWatch::new(folder.path());
    let child = command.stdin(end()?).stdout(end()?).spawn()?;
    let path = folder.path().to_owned();
    lock(&FOLDERS).insert(path.clone(), folder);
    Ok(Started { child, folder: path, watch })
}

impl Started {
    /// Adds the client's connection.
    pub fn with_client(self, connection: UnixStream) -> Launched {
        let Self { child, folder, watch } = self;
        Launched { child, rest: Rest { connection, folder, watch } }
    }

    /// Kills and reaps the worker and removes its folder; returns its exit status.
    #[cfg(target_os = "linux")]
    pub fn end(mut self) -> io::Result<ExitStatus> {
        // `Child::kill` does not signal a process that was reaped.
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
    pub fn tidy(&mut self, child: &Child) {
        if self.watch.take().is_some_and(|watch| watch.wait(&self.folder, child)) {
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
