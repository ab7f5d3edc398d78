//! The Unix side of `serve`.

use std::{
    collections::HashMap,
    fs, io,
    io::Write,
    os::{
        fd::OwnedFd,
        unix::{
            fs::FileTypeExt,
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use airlock_protocol::handshake::Hello;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};
use thiserror::Error;

use crate::{platform, watch::lock};

/// How long to wait after an accept that failed, for example because there are no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why `serve` cannot start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Another daemon answers on the socket.
    #[error("{} is already served by another process", .0.display())]
    Served(PathBuf),
    /// Something else is in the socket's place.
    #[error("{} exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// The socket cannot be made.
    #[error("cannot serve on {}: {cause}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Signals or threads cannot be had.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// The workers that run, by session number. Whoever holds the lock may signal them: a worker's process is only reaped
/// with the lock held and its entry gone, so a number in here is never another process's.
type Workers = Arc<Mutex<HashMap<u64, Pid>>>;

/// Serves until a SIGTERM or SIGINT ends the process.
pub fn run(path: &Path, max_sessions: usize) -> Result<ExitCode, ServeError> {
    let worker = std::env::current_exe()?;
    let listener = listen(path)?;
    let workers = Workers::default();
    let signals = Signals::new([SIGTERM, SIGINT])?;
    let (socket, running) = (path.to_owned(), Arc::clone(&workers));
    thread::Builder::new().name("signals".to_owned()).spawn(move || end_with_signal(signals, &socket, &running))?;
    eprintln!("gpu-daemon: serving on {}", path.display());
    for session in 0.. {
        match listener.accept() {
            Ok((connection, _)) => start(&worker, &workers, max_sessions, session, connection),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                tracing::error!("cannot accept a client: {error}");
                thread::sleep(ACCEPT_PAUSE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the socket. One that a dead process left behind is replaced; one that answers is not.
fn listen(path: &Path) -> Result<UnixListener, ServeError> {
    let failed = |cause| ServeError::Socket { path: path.to_owned(), cause };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => return Err(ServeError::NotASocket(path.to_owned())),
        Ok(_) => match UnixStream::connect(path) {
            Ok(_) => return Err(ServeError::Served(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed)?,
            Err(error) => return Err(failed(error)),
        },
    }
    UnixListener::bind(path).map_err(failed)
}

/// Waits for a signal, then ends everything: no further client, no socket, no worker, no process. The lock stays held,
/// so that no worker starts behind its back.
fn end_with_signal(mut signals: Signals, socket: &Path, workers: &Workers) {
    let Some(signal) = signals.forever().next() else { return };
    let workers = lock(workers);
    if let Err(error) = fs::remove_file(socket) {
        tracing::warn!("cannot remove {}: {error}", socket.display());
    }
    tracing::info!("signal {signal}: ending {} sessions", workers.len());
    for &pid in workers.values() {
        let _ = kill_process(pid, Signal::KILL);
    }
    platform::quit(0)
}

/// Starts a worker for a client, or tells the client why there is none.
fn start(worker: &Path, workers: &Workers, max_sessions: usize, session: u64, connection: UnixStream) {
    let peer = platform::peer(&connection);
    let mut running = lock(workers);
    if running.len() >= max_sessions {
        drop(running);
        tracing::warn!("session {session} of {peer} is refused: {max_sessions} sessions are running");
        refuse(connection, format!("{max_sessions} sessions are running already; try again later"));
        return;
    }
    match spawn(worker, &connection) {
        Ok(child) => {
            let pid = Pid::from_child(&child);
            tracing::info!("session {session} of {peer} starts as process {}", child.id());
            running.insert(session, pid);
            drop(running);
            let workers = Arc::clone(workers);
            let wait = move || wait(child, pid, session, &workers);
            if let Err(error) = thread::Builder::new().name(format!("session {session}")).spawn(wait) {
                // The worker runs and its place stays taken: the lesser evil, and it is said.
                tracing::error!("session {session} is not waited for: {error}");
            }
        }
        Err(error) => {
            drop(running);
            tracing::error!("session {session} of {peer}: cannot start a worker: {error}");
            refuse(connection, format!("the worker cannot be started: {error}"));
        }
    }
}

fn spawn(worker: &Path, connection: &UnixStream) -> io::Result<Child> {
    let end = || connection.try_clone().map(OwnedFd::from).map(Stdio::from);
    Command::new(worker).arg("worker").stdin(end()?).stdout(end()?).spawn()
}

fn refuse(mut connection: UnixStream, reason: String) {
    // A line fits the socket's buffer, so a client that does not read holds nobody up.
    let _ = connection.set_nonblocking(true);
    let _ = connection.write_all(Hello::Refused { reason }.to_line().as_bytes());
}

/// Waits for a worker's end without reaping it, takes it off the list, then reaps it.
fn wait(mut child: Child, pid: Pid, session: u64, workers: &Workers) {
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {}
    let mut running = lock(workers);
    running.remove(&session);
    let ended = child.wait();
    drop(running);
    match ended {
        Ok(status) if status.success() => tracing::info!("session {session} ends"),
        Ok(status) => tracing::warn!("session {session} ends with {status}"),
        Err(error) => tracing::error!("session {session}: {error}"),
    }
}
