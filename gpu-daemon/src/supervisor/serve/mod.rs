//! `gpu-daemon serve`: accepts clients on a Unix socket and starts a worker for each.
//!
//! It reads nothing from a client. A connection becomes the worker's standard input and output: the worker's hello line
//! goes out on it, and its end, when the client goes, is the end of the worker's input. All that the client says is said
//! to the worker, which may have been started before ([`launch`]). What `serve` goes by is the kernel's word on who
//! connected ([`admission`]), how a worker's process ended ([`sessions`]), and numbers that workers write and that are
//! believed within reason only ([`counters`]).
//!
//! Threads: the first accepts, starts workers and stops; each session has one ([`sessions`]); the metrics have one, and
//! one for each of a few scrapes at a time ([`http`]).

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

/// How long no client must have come for a worker to spare to be started: those that have just come need the processor.
const SPARE_PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
/// How long workers that were killed are waited for, so that their ends are counted and logged.
const KILL_PATIENCE: Duration = Duration::from_secs(1);
/// How often it is looked whether the last session has ended.
const STOP_PAUSE: Duration = Duration::from_millis(10);

/// Serves until a SIGTERM or SIGINT ends the process.
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
            tracing::info!("no cgroups for workers, whose memory is looked at twice a second instead: {why}")
        })
        .ok();
    let launch = Launch::new(&arguments.worker, arguments.spare_workers, groups)?;
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
    sessions.end_spares();
    stop(&mut signals, &sessions, arguments.drain);
    if let Some(file) = metrics_file {
        let _ = std::fs::remove_file(file);
    }
    crate::supervisor::launch::remove_folders();
    sessions.remove_groups();
    // Threads of sessions whose workers are stuck in the kernel are left behind.
    platform::quit(0)
}

/// Says that clients may come.
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

/// Accepts clients until a signal comes.
///
/// Workers are started by this thread only: the kernel ends them with the thread that started them, and this one ends
/// with the process ([`platform::end_with_parent`]).
fn accept(listening: &Listening, signals: &mut Signals, sessions: &Arc<Sessions>) -> io::Result<()> {
    // A client may be gone again by the time it is accepted.
    listening.socket.set_nonblocking(true)?;
    let mut lacking = sessions.lacks_spares();
    while !signals.take() {
        let mut ready = [PollFd::new(&listening.socket, PollFlags::IN), PollFd::new(&*signals, PollFlags::IN)];
        match poll(&mut ready, lacking.then_some(&SPARE_PAUSE)) {
            Ok(0) => lacking = sessions.add_spare(),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        match listening.socket.accept() {
            Ok((connection, _)) => {
                sessions.start(connection);
                lacking = sessions.lacks_spares();
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

/// Waits for the sessions to end, then ends them. A second signal ends them at once.
fn stop(signals: &mut Signals, sessions: &Sessions, drain: Duration) {
    let wait = |deadline: Instant, signals: &mut Signals| {
        while sessions.open() > 0 && Instant::now() < deadline && !signals.take() {
            thread::sleep(STOP_PAUSE);
        }
    };
    wait(Instant::now() + drain, signals);
    sessions.kill();
    wait(Instant::now() + KILL_PATIENCE, signals);
}
