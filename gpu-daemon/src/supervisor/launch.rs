//! Starting a worker for somebody else's client: what `serve` and `broker` have in common.
//!
//! A worker gets the client's connection as its standard input and output, and a private folder for its socket. Its
//! parent keeps a clone of the connection for one purpose: to say on it how the worker ended, which the client cannot
//! see for itself.

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

/// A worker that was started. Its process is the caller's to wait for, with what goes with it.
#[derive(Debug)]
pub struct Launched {
    /// The process.
    pub child: Child,
    /// What must be done beside waiting for it.
    pub rest: Rest,
}

/// The folder and the connection of a worker.
#[derive(Debug)]
pub struct Rest {
    connection: UnixStream,
    folder: PathBuf,
    watch: Option<FolderWatch>,
}

/// The folders that are there. Their owners remove them; who ends the whole process removes what is left.
static FOLDERS: Mutex<BTreeMap<PathBuf, Folder>> = Mutex::new(BTreeMap::new());

/// Removes the folders of all workers, when the process and they end at once.
pub fn remove_folders() {
    lock(&FOLDERS).clear();
}

/// A worker that was started, and whose client is not known here.
#[derive(Debug)]
pub struct Started {
    /// The process.
    pub child: Child,
    folder: PathBuf,
    watch: Option<FolderWatch>,
}

/// Starts a worker on a connection. What else `command` says stays: the program, its arguments, what it inherits. The
/// connection comes back where there is no worker. The command is used up, because it holds clones of the connection,
/// whose end the client must see.
///
/// A `foreign` client is another user, who must get to the worker's socket: see [`Folder::for_others`].
pub fn launch(command: Command, connection: UnixStream, foreign: bool) -> Result<Launched, (UnixStream, io::Error)> {
    let folder = if foreign { Folder::for_others() } else { Folder::new() };
    match folder.and_then(|folder| start(command, &connection, folder)) {
        Ok(started) => Ok(started.with_client(connection)),
        Err(error) => Err((connection, error)),
    }
}

/// Starts a worker with a connection as its standard input and output, and with this folder.
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
    /// The worker has this client.
    pub fn with_client(self, connection: UnixStream) -> Launched {
        let Self { child, folder, watch } = self;
        Launched { child, rest: Rest { connection, folder, watch } }
    }

    /// Lets other users to the worker's socket: see [`Folder::for_others`].
    #[cfg(target_os = "linux")]
    pub fn open_to_others(&self) -> io::Result<()> {
        lock(&FOLDERS).get(&self.folder).map_or(Ok(()), Folder::open_to_others)
    }

    /// False where the worker's socket is gone: somebody has tidied up where it lies. Nobody has connected to it yet.
    #[cfg(target_os = "linux")]
    pub fn can_be_reached(&self) -> bool {
        !self.watch.as_ref().is_some_and(|watch| watch.emptied(&self.folder) == Ok(true))
    }

    /// Ends the worker, with all that is its own; says how it ended.
    #[cfg(target_os = "linux")]
    pub fn end(mut self) -> io::Result<ExitStatus> {
        // One that has ended is not signalled.
        self.child.kill()?;
        let status = self.child.wait();
        lock(&FOLDERS).remove(&self.folder);
        status
    }
}

/// The command of a worker.
pub fn worker(program: &Path, arguments: &[String]) -> Command {
    let mut command = Command::new(program);
    command.arg("worker").args(arguments);
    environment::restrict(&mut command);
    command
}

/// Says to a client why there is no worker for it.
pub fn refuse(connection: UnixStream, reason: String) {
    say(connection, &Hello::Refused { reason }.to_line());
}

impl Rest {
    /// Removes the worker's folder as soon as its client is connected, or when the worker ends before that. It waits for
    /// either; the worker still has to be waited for. Where nobody can say when a client is connected, the folder stays
    /// until the worker's end.
    pub fn tidy(&mut self, child: &Child) {
        if self.watch.take().is_some_and(|watch| watch.wait(&self.folder, child)) {
            lock(&FOLDERS).remove(&self.folder);
        }
    }

    /// The connection, which hangs up when the client is gone. Nothing is read from it.
    #[cfg(target_os = "linux")]
    pub fn client(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }

    /// What becomes readable when it may be time for [`Self::tidy_now`].
    #[cfg(target_os = "linux")]
    pub fn watched(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(AsFd::as_fd)
    }

    /// Removes the worker's folder if its client is connected, for who waits for other things too. Where that cannot be
    /// said, the folder stays until the worker's end.
    #[cfg(target_os = "linux")]
    pub fn tidy_now(&mut self) {
        if self.watch.take_if(|watch| watch.emptied(&self.folder) != Ok(false)).is_some() {
            lock(&FOLDERS).remove(&self.folder);
        }
    }

    /// Says how the worker ended, and closes the connection.
    pub fn ended(self, ended: Ended) {
        lock(&FOLDERS).remove(&self.folder);
        say(self.connection, &ended.to_line());
    }
}

/// A line fits the socket's buffer, so a client that does not read holds nobody up, and misses only this.
fn say(mut connection: UnixStream, line: &str) {
    let _ = connection.set_nonblocking(true);
    let _ = connection.write_all(line.as_bytes());
}
