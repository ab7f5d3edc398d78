//! The sessions: from an accepted connection to the end of its worker.
//!
//! Each session has a thread, which logs what its worker prints and sees to its end. Whoever holds the lock may signal
//! the workers in the list: a worker is only reaped with the lock held and its entry gone, so a process number in there is
//! never another's. What is counted is counted with the lock held too, so that the metrics fit each other at any moment.

use std::{
    borrow::Cow,
    collections::HashMap,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    process::{Child, ChildStderr, ExitStatus},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::low_level::signal_name;

use super::{
    ServeError,
    admission::{Admission, Refusal},
    counters::Counters,
    launch::{Launch, Process, Worker},
    metrics::Metrics,
    options::ServeArguments,
    output,
    throttle::Throttle,
};
use crate::{
    launch::{self, Rest},
    platform::{self, Peer},
    status::{End, Status},
    watch::lock,
};

/// Refusals that are logged at once.
const REFUSALS_AT_ONCE: u32 = 100;
/// After those, one in this time: a client can be refused as often as it likes. All are counted.
const REFUSAL_EVERY: Duration = Duration::from_secs(1);
/// How Rust ends a process whose main thread panicked.
const PANIC_CODE: i32 = 101;

/// All sessions.
#[derive(Debug)]
pub struct Sessions {
    launch: Launch,
    metrics: Metrics,
    max_memory: u64,
    state: Mutex<State>,
    /// Sessions whose end is not yet seen to: those running, and those being counted and logged.
    open: AtomicUsize,
}

#[derive(Debug)]
struct State {
    admission: Admission,
    running: HashMap<u64, Running>,
    next: u64,
    refusals: Throttle,
}

/// What there is to know about a running session.
#[derive(Debug)]
struct Running {
    pid: Pid,
    uid: u32,
    since: Instant,
    status: OwnedFd,
    counters: Counters,
    /// It was ended from here.
    stopped: bool,
}

/// What a session's thread holds.
#[derive(Debug)]
struct Session {
    number: u64,
    peer: Peer,
    child: Child,
    output: ChildStderr,
    exit: OwnedFd,
    rest: Rest,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// What the worker says.
    End(End),
    /// A signal ended the worker.
    Signal(i32),
    /// The server was told to stop.
    Stopped,
    /// The worker failed and does not say why; it may not have started.
    Failed,
}

impl Sessions {
    /// None yet.
    pub fn new(launch: Launch, arguments: &ServeArguments) -> Result<Self, ServeError> {
        let state = State {
            admission: Admission::new(arguments),
            running: HashMap::new(),
            next: 0,
            refusals: Throttle::new(REFUSALS_AT_ONCE, REFUSAL_EVERY, Instant::now()),
        };
        let max_memory = arguments.worker.quotas.max_gpu_memory.0;
        Ok(Self { launch, metrics: Metrics::new()?, max_memory, state: Mutex::new(state), open: AtomicUsize::new(0) })
    }

    /// Starts a worker to spare, if one is wanted; says whether another is. What fails is logged, and not tried again until
    /// the next client comes.
    pub fn add_spare(&self) -> bool {
        self.launch.add_spare().unwrap_or_else(|error| {
            tracing::warn!("cannot start a worker to spare: {error}");
            false
        })
    }

    /// Whether there are fewer workers to spare than there should be.
    pub fn lacks_spares(&self) -> bool {
        self.launch.lacks_spares()
    }

    /// Ends the workers to spare.
    pub fn end_spares(&self) {
        self.launch.end_spares();
    }

    /// How many have not ended, with all that follows from it.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Starts a session for a client, or tells the client why there is none.
    pub fn start(self: &Arc<Self>, connection: UnixStream) {
        match platform::peer(&connection) {
            Ok(peer) => {
                if let Err(refusal) = self.admit(&peer, &connection) {
                    self.refuse(connection, Some(&peer), &refusal);
                }
            }
            Err(error) => {
                tracing::debug!("nothing is known about a client: {error}");
                self.refuse(connection, None, &Refusal::Unknown);
            }
        }
    }

    /// Starts a session for a client that may have one.
    fn admit(self: &Arc<Self>, peer: &Peer, connection: &UnixStream) -> Result<(), Refusal> {
        let failed = |error: io::Error| Refusal::Start { cause: error.to_string() };
        let mut state = lock(&self.state);
        let since = Instant::now();
        let of_user = state.running.values().filter(|running| running.uid == peer.uid).count();
        let total = state.running.len();
        state.admission.check(peer, total, of_user, since)?;
        // All that can fail comes before the worker, which would otherwise have to be ended again.
        let number = state.next;
        let connection = connection.try_clone().map_err(failed)?;
        let follower = self.follower(number).map_err(failed)?;
        let Worker { child, process, rest } = self.launch.start(connection, peer).map_err(failed)?;
        let Process { pid, exit, output, status } = process;
        state.next += 1;
        let counters = Counters::default();
        state.running.insert(number, Running { pid, uid: peer.uid, since, status, counters, stopped: false });
        self.open.fetch_add(1, Ordering::Relaxed);
        self.metrics.started();
        tracing::info!(
            session = number,
            pid = child.id(),
            client = peer.pid,
            uid = peer.uid,
            gid = peer.gid,
            "session starts"
        );
        // The thread waits for this.
        let _ = follower.send(Session { number, peer: peer.clone(), child, output, exit, rest });
        Ok(())
    }

    /// Makes the thread for a session that is about to start; it ends when nothing is sent.
    fn follower(self: &Arc<Self>, number: u64) -> io::Result<SyncSender<Session>> {
        let (sender, receiver) = mpsc::sync_channel::<Session>(1);
        let sessions = Arc::clone(self);
        thread::Builder::new().name(format!("session {number}")).spawn(move || {
            if let Ok(session) = receiver.recv() {
                sessions.follow(session);
            }
        })?;
        Ok(sender)
    }

    fn refuse(&self, connection: UnixStream, peer: Option<&Peer>, refusal: &Refusal) {
        self.metrics.refused(refusal);
        if let Some(missing) = lock(&self.state).refusals.pass(Instant::now()) {
            tracing::warn!(
                reason = refusal.reason(),
                client = peer.map(|peer| peer.pid),
                uid = peer.map(|peer| peer.uid),
                gid = peer.map(|peer| peer.gid),
                missing = (missing > 0).then_some(missing),
                "session refused: {refusal}"
            );
        }
        launch::refuse(connection, refusal.to_string());
    }

    /// A session's thread: its worker runs, and ends.
    fn follow(&self, session: Session) {
        let Session { number, peer, child, output, exit, mut rest } = session;
        let lines_dropped = output::follow(number, output, exit.as_fd(), &mut rest, || self.kill_one(number));
        // Last, so that a client that reads it finds its session counted and its place free.
        if let Some(status) = self.end(number, &peer, child, lines_dropped) {
            rest.ended(status);
        }
        self.open.fetch_sub(1, Ordering::Release);
    }

    /// The end of a session whose worker's process has ended and is not reaped.
    fn end(&self, number: u64, peer: &Peer, mut child: Child, lines_dropped: u64) -> Option<ExitStatus> {
        let mut state = lock(&self.state);
        let mut running = state.running.remove(&number)?;
        let now = Instant::now();
        let length = now.saturating_duration_since(running.since);
        self.count(&mut running, now);
        let exit = child.wait();
        let status = exit.as_ref().ok().copied();
        let cause = Cause::of(status, running.counters.seen.end, running.stopped);
        if cause.crash().is_some() {
            state.admission.crashed(peer.uid, now);
        }
        self.metrics.ended(cause, length, lines_dropped);
        drop(state);
        let exit = exit.map_or_else(|error| error.to_string(), |status| status.to_string());
        let Status { batches, commands, bytes_in, bytes_out, submits, quota_hits, .. } = running.counters.seen;
        macro_rules! log {
            ($level:ident) => {
                tracing::$level!(
                    session = number,
                    pid = child.id(),
                    client = peer.pid,
                    uid = peer.uid,
                    gid = peer.gid,
                    reason = cause.label(),
                    exit,
                    seconds = length.as_secs_f64(),
                    batches,
                    commands,
                    submits,
                    bytes_in,
                    bytes_out,
                    quota_hits,
                    lines_dropped,
                    "session ends"
                )
            };
        }
        match cause {
            Cause::End(End::Client) | Cause::Stopped => log!(info),
            _ => log!(warn),
        }
        status
    }

    /// Counts what a worker has done since it was last asked.
    fn count(&self, running: &mut Running, now: Instant) {
        // A file in memory can be read; if not, nothing is added.
        if let Ok(says) = Status::read(&running.status) {
            let age = now.saturating_duration_since(running.since);
            self.metrics.grown(&running.counters.advance(&says, age, self.max_memory));
        }
    }

    /// The metrics as they are now.
    pub fn metrics(&self) -> prometheus::Result<String> {
        let mut state = lock(&self.state);
        let now = Instant::now();
        let mut memory = 0_u64;
        for running in state.running.values_mut() {
            self.count(running, now);
            memory = memory.saturating_add(running.counters.seen.gpu_memory);
        }
        self.metrics.text(state.running.len(), memory)
    }

    /// Ends a worker that does not end with its client.
    fn kill_one(&self, number: u64) {
        if let Some(running) = lock(&self.state).running.get(&number) {
            tracing::warn!(session = number, "the worker goes on without its client and is ended");
            let _ = kill_process(running.pid, Signal::KILL);
        }
    }

    /// Ends all workers.
    pub fn kill(&self) {
        for running in lock(&self.state).running.values_mut() {
            running.stopped = true;
            // One that has just ended by itself is no longer there.
            let _ = kill_process(running.pid, Signal::KILL);
        }
    }
}

impl Cause {
    /// The `end`s in metrics and the log.
    pub const LABELS: [&str; 11] = [
        "client",
        "violation",
        "panic",
        "quota",
        "gpu_deadline",
        "compile_deadline",
        "command_deadline",
        "client_deadline",
        "signal",
        "stopped",
        "failed",
    ];

    /// From how the process ended, and what the worker wrote about it.
    fn of(exit: Option<ExitStatus>, end: u64, stopped: bool) -> Self {
        let Some(exit) = exit else { return Cause::Failed };
        match (exit.signal(), exit.code(), End::of(end)) {
            (Some(_), ..) if stopped => Cause::Stopped,
            (Some(signal), ..) => Cause::Signal(signal),
            (None, Some(0), None) => Cause::End(End::Client),
            (None, Some(PANIC_CODE), _) => Cause::End(End::Panic),
            (None, _, Some(end)) => Cause::End(end),
            (None, _, None) => Cause::Failed,
        }
    }

    /// One of [`Self::LABELS`].
    pub fn label(self) -> &'static str {
        match self {
            Cause::End(End::Client) => "client",
            Cause::End(End::Violation) => "violation",
            Cause::End(End::Panic) => "panic",
            Cause::End(End::Quota) => "quota",
            Cause::End(End::GpuDeadline) => "gpu_deadline",
            Cause::End(End::CompileDeadline) => "compile_deadline",
            Cause::End(End::CommandDeadline) => "command_deadline",
            Cause::End(End::ClientDeadline) => "client_deadline",
            Cause::Signal(_) => "signal",
            Cause::Stopped => "stopped",
            Cause::Failed => "failed",
        }
    }

    /// The name of the signal, or `panic`, if the worker crashed.
    pub fn crash(self) -> Option<Cow<'static, str>> {
        match self {
            Cause::Signal(signal) => Some(signal_name(signal).map_or_else(|| signal.to_string().into(), Cow::Borrowed)),
            Cause::End(End::Panic) => Some("panic".into()),
            Cause::End(_) | Cause::Stopped | Cause::Failed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_s_end_goes_before_what_it_says() {
        let code = |code: i32| Some(ExitStatus::from_raw(code << 8));
        let signal = |signal: i32| Some(ExitStatus::from_raw(signal));
        for (exit, end, stopped, cause) in [
            (code(0), 0, false, Cause::End(End::Client)),
            (code(0), End::Client as u64, false, Cause::End(End::Client)),
            (code(1), End::Violation as u64, false, Cause::End(End::Violation)),
            (code(1), End::Panic as u64, false, Cause::End(End::Panic)),
            (code(101), End::Client as u64, false, Cause::End(End::Panic)),
            (code(1), 0, false, Cause::Failed),
            (code(2), u64::MAX, false, Cause::Failed),
            (signal(11), End::Client as u64, false, Cause::Signal(11)),
            (signal(9), 0, true, Cause::Stopped),
            (code(0), End::Client as u64, true, Cause::End(End::Client)),
            (None, 0, false, Cause::Failed),
        ] {
            assert_eq!(Cause::of(exit, end, stopped), cause, "{exit:?} {end} {stopped}");
            assert!(Cause::LABELS.contains(&cause.label()));
        }
        assert_eq!(Cause::Signal(6).crash().as_deref(), Some("SIGABRT"));
        assert_eq!(Cause::Signal(64).crash().as_deref(), Some("64"));
        assert_eq!(Cause::Stopped.crash(), None);
    }
}
