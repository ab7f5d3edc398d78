//! `gpu-daemon serve`: accepts clients on a Unix socket and starts a worker for each.
//!
//! `serve` reads nothing from a client. A connection becomes the standard input and output of a worker, which may have been
//! started before ([`launch`]): the worker sends its hello line on it, and the client's disconnect is the end of the
//! worker's input. `serve` relies on the kernel for the peer's identity ([`admission`]) and for the exit status of a
//! worker ([`sessions`]), and sanitizes the numbers that workers report ([`counters`]).
//!
//! Threads: the main thread accepts clients, starts workers and stops the server; one sends `WAIT` to queued clients
//! ([`waiting`]); each session has one ([`sessions`]); the metrics have one, and one for each of a few scrapes at a time
//! ([`http`]).

mod admission;
mod bounds;
mod claim_argument;
mod claims;
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
mod waiting;

pub use claim_argument::claim_name;
pub use claims::{MAX_CLAIMS, SOCKET};
pub use options::ServeArguments;

use std::{
    io,
    os::unix::net::UnixListener,
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
    claims::Claim,
    error::ServeError,
    http::Endpoint,
    launch::Launch,
    listener::{ACCEPT_PAUSE, Access, Listening},
    sessions::Sessions,
    signals::Signals,
    waiting::Waiting,
};

/// Quiet time after a client before a standby worker starts: the sessions that have just started need the processor.
const STANDBY_DELAY: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
/// Timeout of the poll while clients are queued.
const NO_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
/// Time limit for the exit of killed workers, so that their ends are counted and logged.
const KILL_WAIT: Duration = Duration::from_secs(1);
/// Interval of checks for the end of the last session.
const STOP_PAUSE: Duration = Duration::from_millis(10);

/// Serves until SIGTERM or SIGINT.
pub fn run(arguments: ServeArguments) -> Result<ExitCode, ServeError> {
    platform::close_on_exec()?;
    let descriptors = platform::raise_descriptors();
    let access = Access { mode: arguments.socket_mode, group: arguments.socket_group };
    // The sockets come before the first thread, see `Listening::make`.
    let mut doors = Doors::default();
    match (Listening::handed_over()?, &arguments.socket) {
        (Some(listening), _) => doors.0.push((listening, None)),
        (None, Some(path)) => doors.0.push((Listening::make(path, access)?, None)),
        (None, None) if arguments.claims.is_none() => return Err(ServeError::NoSocket),
        (None, None) => {}
    }
    let claims = arguments.claims.as_ref().map_or(Ok(Vec::new()), |folder| {
        Claim::serve_all(folder, &arguments.claim, &arguments.worker, arguments.max_sessions_per_user)
    });
    match claims {
        Ok(claims) => doors.0.extend(claims.into_iter().map(|(listening, claim)| (listening, Some(claim)))),
        Err(error) => {
            doors.close();
            return Err(error);
        }
    }
    let endpoint = match arguments.metrics.as_ref().map(|address| Endpoint::bind(address, access)).transpose() {
        Ok(endpoint) => endpoint,
        Err(error) => {
            doors.close();
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
    launch.prepare();
    let sessions = Arc::new(Sessions::new(launch, doors.claims(), &arguments)?);
    sessions.watch()?;
    let mut metrics_file = None;
    announce(&doors, arguments.log_format);
    if let Some(endpoint) = endpoint {
        let (file, place) = endpoint.place();
        metrics_file = file;
        endpoint.serve(Arc::clone(&sessions))?;
        tracing::info!(address = place, "metrics");
    }
    accept(&doors, &mut signals, &sessions, descriptors)?;
    tracing::info!(sessions = sessions.open(), drain = arguments.drain.as_secs_f64(), "stopping");
    doors.close();
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

/// The listening sockets: the common one, and one for each claim.
#[derive(Debug, Default)]
struct Doors(Vec<(Listening, Option<Arc<Claim>>)>);

impl Doors {
    fn claims(&self) -> Vec<Arc<Claim>> {
        self.0.iter().filter_map(|(_, claim)| claim.clone()).collect()
    }

    fn close(self) {
        self.0.into_iter().for_each(|(listening, _)| listening.close());
    }
}

/// Announces readiness, in the log and to the service manager.
fn announce(doors: &Doors, format: LogFormat) {
    for (listening, claim) in &doors.0 {
        let handed_over = || "the socket that was handed over".to_owned();
        let place = listening.file.as_ref().map_or_else(handed_over, |file| file.display().to_string());
        let claim = claim.as_ref().map(|claim| &*claim.name);
        match format {
            LogFormat::Text => printing::note(&format!("gpu-daemon: serving on {place}")),
            LogFormat::Json => tracing::info!(socket = place, claim, "serving"),
        }
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
/// Only this thread starts workers: the kernel kills them when the thread that started them exits, and this thread exits
/// with the process ([`platform::end_with_parent`]).
fn accept(doors: &Doors, signals: &mut Signals, sessions: &Arc<Sessions>, descriptors: u64) -> io::Result<()> {
    for (listening, _) in &doors.0 {
        // A client may have disconnected before it is accepted.
        listening.socket.set_nonblocking(true)?;
    }
    let waiting = Waiting::new(doors.0.len(), descriptors);
    waiting.start_thread()?;
    let mut lacking = sessions.lacks_standby();
    while !signals.take() {
        let mut ready: Vec<_> = doors.0.iter().map(|(door, _)| PollFd::new(&door.socket, PollFlags::IN)).collect();
        ready.push(PollFd::new(&*signals, PollFlags::IN));
        let idle = waiting.is_empty();
        let timeout = if idle { lacking.then_some(&STANDBY_DELAY) } else { Some(&NO_TIME) };
        match poll(&mut ready, timeout) {
            Ok(0) if idle => lacking = sessions.add_standby(),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let came: Vec<bool> = ready.iter().map(|door| !door.revents().is_empty()).collect();
        for (number, ((listening, _), _)) in doors.0.iter().zip(came).enumerate().filter(|(_, (_, came))| *came) {
            accept_all(&listening.socket, number, &waiting);
        }
        // One client, then a look at the signals and at who has come meanwhile.
        if let Some((number, connection)) = waiting.next() {
            let claim = doors.0.get(number).and_then(|(_, claim)| claim.as_ref());
            sessions.start(connection, claim);
            lacking = sessions.lacks_standby();
        }
    }
    // The backlog of a socket from the service manager is for the next server.
    for (number, (listening, _)) in doors.0.iter().enumerate().filter(|(_, (door, _))| door.file.is_some()) {
        accept_all(&listening.socket, number, &waiting);
    }
    waiting.refuse();
    Ok(())
}

/// Accepts the clients that have connected to a socket.
fn accept_all(socket: &UnixListener, number: usize, waiting: &Waiting) {
    while !waiting.is_full(number) {
        match socket.accept() {
            Ok((connection, _)) => waiting.add(number, connection),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => {
                tracing::error!("cannot accept a client: {error}");
                // Starts of queued clients may free what is lacking.
                if waiting.is_empty() {
                    thread::sleep(ACCEPT_PAUSE);
                }
                return;
            }
        }
    }
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
