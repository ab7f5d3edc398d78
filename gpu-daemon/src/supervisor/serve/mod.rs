//! `gpu-daemon serve`: accepts clients on a Unix socket and starts a worker for each.
//!
//! It reads nothing from a client. A connection becomes the standard input and output of a worker, which may have been
//! started before ([`launch`]): the worker sends its hello line on it, and the client's disconnect is the end of the
//! worker's input. `serve` relies on the kernel for the peer's identity ([`admission`]) and for the exit status of a
//! worker ([`sessions`]), and sanitizes the numbers that workers report ([`counters`]).
//!
//! Threads: the main thread accepts clients, starts workers and stops the server; each session has one ([`sessions`]);
//! the metrics have one, and one for each of a few scrapes at a time ([`http`]).

mod admission;
mod bounds;
mod counters;
mod crashes;
mod ends;
mod error;
mod http;
mod launch;
mod listener;
mod metrics;
mod options;
mod output;
mod sessions;
mod signals;

pub use options::ServeArguments;

use std::{
    io,
    process::ExitCode,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use airlock_protocol::printing;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use sd_notify::NotifyState;

use crate::{logs::LogFormat, platform, supervisor::cgroups::Cgroups};
use {
    bounds::Bounds,
    error::ServeError,
    http::Endpoint,
    launch::Launch,
    listener::{ACCEPT_PAUSE, Access, Listening},
    sessions::Sessions,
    signals::Signals,
};

/// Quiet time after a client before a standby worker starts: the sessions that have just started need the processor.
const STANDBY_DELAY: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
/// Time limit for the exit of killed workers, so that their ends are counted and logged.
const KILL_WAIT: Duration = Duration::from_secs(1);
/// Interval of checks for the end of the last session.
const STOP_PAUSE: Duration = Duration::from_millis(10);

/// Serves until SIGTERM or SIGINT.
pub fn run(arguments: ServeArguments) -> Result<ExitCode, ServeError> {
    platform::close_on_exec()?;
    let access = Access { mode: arguments.socket_mode, group: arguments.socket_group };
    // The sockets come before the first thread, see `Listening::make`.
    let listening = match (Listening::handed_over()?, &arguments.socket) {
        (Some(listening), _) => listening,
        (None, Some(path)) => Listening::make(path, access)?,
        (None, None) => return Err(ServeError::NoSocket),
    };
    let endpoint = match arguments.metrics.as_ref().map(|address| Endpoint::bind(address, access)).transpose() {
        Ok(endpoint) => endpoint,
        Err(error) => {
            listening.close();
            return Err(error);
        }
    };
    let mut signals = Signals::new()?;
    let groups = Cgroups::new(Bounds::of(&arguments).memory)
        .inspect_err(|why| {
            tracing::info!("no cgroups for workers; their memory is sampled twice a second instead: {why}")
        })
        .ok();
    let launch = Launch::new(&arguments, groups)?;
    let sessions = Arc::new(Sessions::new(launch, &arguments)?);
    sessions.watch()?;
    let mut metrics_file = None;
    announce(&listening, arguments.log_format);
    if let Some(endpoint) = endpoint {
        let (file, place) = endpoint.place();
        metrics_file = file;
        endpoint.serve(Arc::clone(&sessions))?;
        tracing::info!(address = place, "metrics");
    }
    accept(&listening, &mut signals, &sessions)?;
    tracing::info!(sessions = sessions.open(), drain = arguments.drain.as_secs_f64(), "stopping");
    listening.close();
    tell_manager(NotifyState::Stopping);
    sessions.end_standby();
    stop(&mut signals, &sessions, arguments.drain);
    if let Some(file) = metrics_file {
        let _ = std::fs::remove_file(file);
    }
    crate::supervisor::launch::remove_folders();
    sessions.remove_groups();
    // Threads of sessions whose workers are stuck in the kernel are left behind.
    platform::quit(0)
}

/// Announces readiness, in the log and to the service manager.
fn announce(listening: &Listening, format: LogFormat) {
    let place =
        listening.file.as_ref().map_or("the socket that was handed over".to_owned(), |file| file.display().to_string());
    match format {
        LogFormat::Text => printing::note(&format!("gpu-daemon: serving on {place}")),
        LogFormat::Json => tracing::info!(socket = place, "serving"),
    }
    tell_manager(NotifyState::Ready);
}

fn tell_manager(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!("cannot tell the service manager: {error}");
    }
}

/// Accepts clients until a signal arrives.
///
/// Only this thread starts workers: the kernel kills them when the thread that started them exits, and this one exits
/// with the process ([`platform::end_with_parent`]).
fn accept(listening: &Listening, signals: &mut Signals, sessions: &Arc<Sessions>) -> io::Result<()> {
    // A client may have disconnected before it is accepted.
    listening.socket.set_nonblocking(true)?;
    let mut lacking = sessions.lacks_standby();
    while !signals.take() {
        let mut ready = [PollFd::new(&listening.socket, PollFlags::IN), PollFd::new(&*signals, PollFlags::IN)];
        match poll(&mut ready, lacking.then_some(&STANDBY_DELAY)) {
            Ok(0) => lacking = sessions.add_standby(),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        match listening.socket.accept() {
            Ok((connection, _)) => {
                sessions.start(connection);
                lacking = sessions.lacks_standby();
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            Err(error) => {
                tracing::error!("cannot accept a client: {error}");
                thread::sleep(ACCEPT_PAUSE);
            }
        }
    }
    Ok(())
}

/// Waits for the sessions to end, then kills them. A second signal kills them at once.
fn stop(signals: &mut Signals, sessions: &Sessions, drain: Duration) {
    let wait = |deadline: Instant, signals: &mut Signals| {
        while sessions.open() > 0 && Instant::now() < deadline && !signals.take() {
            thread::sleep(STOP_PAUSE);
        }
    };
    wait(Instant::now() + drain, signals);
    sessions.kill();
    wait(Instant::now() + KILL_WAIT, signals);
}
