//! The sessions: from an accepted connection to the end of its worker.
//!
//! Each session has a thread, which logs what its worker prints and sees to its end. Whoever holds the lock may signal
//! the workers in the list: a worker is only reaped with the lock held and its entry gone, so a process number in there is
//! never another's. What is counted is counted with the lock held too, so that the metrics fit each other at any moment.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
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

use airlock_protocol::{handshake::Ended, throttle::Throttle};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::low_level::signal_name;

use super::{
    admission::{Admission, Load, Refusal},
    bounds::{Bounds, Use, Used},
    claims::Claim,
    counters::Counters,
    ends::{Cause, Ending},
    error::ServeError,
    launch::{Launch, Process, Worker},
    metrics::Metrics,
    options::ServeArguments,
    output,
};
use crate::{
    lock::lock,
    platform::{self, Peer},
    supervisor::{
        cgroups::Cgroup,
        launch::{self, Rest},
        process_memory,
    },
    worker::status::{End, Status},
};

/// Refusals that are logged at once.
const REFUSALS_AT_ONCE: u32 = 100;
/// After those, one in this time: a client can be refused as often as it likes. All are counted.
const REFUSAL_EVERY: Duration = Duration::from_secs(1);
/// How Rust ends a process whose main thread panicked.
const PANIC_CODE: i32 = 101;

/// The signals of a process that breaks by itself.
const CRASHES: [Signal; 6] = [Signal::SEGV, Signal::BUS, Signal::ILL, Signal::FPE, Signal::ABORT, Signal::TRAP];

/// All sessions.
#[derive(Debug)]
pub struct Sessions {
    launch: Launch,
    metrics: Metrics,
    max_memory: u64,
    claims: Vec<Arc<Claim>>,
    bounds: Bounds,
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
    /// When they were last looked at.
    used: Used,
}

/// What there is to know about a running session.
#[derive(Debug)]
struct Running {
    pid: Pid,
    uid: u32,
    claim: Option<Arc<Claim>>,
    since: Instant,
    status: OwnedFd,
    counters: Counters,
    /// When its client last asked for anything, as far as has been seen.
    active: Instant,
    /// It was ended from here.
    ending: Option<Ending>,
}

/// What a session's thread holds.
#[derive(Debug)]
struct Session {
    number: u64,
    peer: Peer,
    claim: Option<Arc<Claim>>,
    child: Child,
    output: ChildStderr,
    exit: OwnedFd,
    rest: Rest,
    group: Option<Cgroup>,
}

impl Sessions {
    /// None yet.
    pub fn new(launch: Launch, claims: Vec<Arc<Claim>>, arguments: &ServeArguments) -> Result<Self, ServeError> {
        let state = State {
            admission: Admission::new(arguments),
            running: HashMap::new(),
            next: 0,
            refusals: Throttle::new(REFUSALS_AT_ONCE, REFUSAL_EVERY, Instant::now()),
            used: Used::default(),
        };
        let max_memory = arguments.worker.quotas.max_gpu_memory.0;
        let (bounds, metrics) = (Bounds::of(arguments), Metrics::new()?);
        Ok(Self { launch, metrics, max_memory, claims, bounds, state: Mutex::new(state), open: AtomicUsize::new(0) })
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

    /// Removes the workers' cgroups, when no worker is left.
    pub fn remove_groups(&self) {
        self.launch.remove_groups();
    }

    /// How many have not ended, with all that follows from it.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Starts a session for a client, or tells the client why there is none. The claim is that whose socket it came to.
    pub fn start(self: &Arc<Self>, connection: UnixStream, claim: Option<&Arc<Claim>>) {
        match platform::peer(&connection) {
            Ok(peer) => {
                if let Err(refusal) = self.admit(&peer, &connection, claim) {
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
    fn admit(
        self: &Arc<Self>,
        peer: &Peer,
        connection: &UnixStream,
        claim: Option<&Arc<Claim>>,
    ) -> Result<(), Refusal> {
        let failed = |error: io::Error| Refusal::Start { cause: error.to_string() };
        let mut state = lock(&self.state);
        let since = Instant::now();
        let of_user = state.running.values().filter(|running| running.is_of(peer, claim)).count();
        let lacking = state.used.exceeds(&self.bounds);
        let load = Load { running: state.running.len(), of_user, lacking };
        match claim {
            Some(claim) => state.admission.check_claim(claim, load, since)?,
            None => state.admission.check(peer, load, since)?,
        }
        // All that can fail comes before the worker, which would otherwise have to be ended again.
        let number = state.next;
        let connection = connection.try_clone().map_err(failed)?;
        let follower = self.follower(number).map_err(failed)?;
        let Worker { child, process, rest } =
            self.launch.start(connection, peer, claim.map(Arc::as_ref)).map_err(failed)?;
        let Process { pid, exit, output, status, group } = process;
        state.next += 1;
        let counters = Counters::default();
        let (active, ending) = (since, None);
        let claim = claim.cloned();
        let running = Running { pid, uid: peer.uid, claim: claim.clone(), since, status, counters, active, ending };
        state.running.insert(number, running);
        self.open.fetch_add(1, Ordering::Relaxed);
        self.metrics.started();
        tracing::info!(
            session = number,
            pid = child.id(),
            client = peer.pid,
            uid = peer.uid,
            gid = peer.gid,
            claim = claim.as_ref().map(|claim| &*claim.name),
            "session starts"
        );
        // The thread waits for this.
        let _ = follower.send(Session { number, peer: peer.clone(), claim, child, output, exit, rest, group });
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
        let Session { number, peer, claim, child, output, exit, mut rest, group } = session;
        let lines_dropped = output::follow(number, output, exit.as_fd(), &mut rest, || self.kill_one(number));
        // Last, so that a client that reads it finds its session counted and its place free.
        if let Some(ended) = self.end(number, &peer, claim.as_deref(), child, lines_dropped) {
            rest.ended(ended);
        }
        // Empty now.
        drop(group);
        self.open.fetch_sub(1, Ordering::Release);
    }

    /// The end of a session whose worker's process has ended and is not reaped.
    fn end(
        &self,
        number: u64,
        peer: &Peer,
        claim: Option<&Claim>,
        mut child: Child,
        lines_dropped: u64,
    ) -> Option<Ended> {
        let mut state = lock(&self.state);
        let mut running = state.running.remove(&number)?;
        let now = Instant::now();
        let length = now.saturating_duration_since(running.since);
        self.count(&mut running, now);
        let exit = child.wait();
        let status = exit.as_ref().ok().copied();
        let cause = Cause::of(status, running.counters.seen.end, running.ending);
        if cause.may_reset_a_gpu(running.counters.seen.gpu != 0) {
            state.admission.crashed(peer, claim, now);
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
                    claim = claim.map(|claim| &*claim.name),
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
            Cause::End(End::Client) | Cause::Ended(Ending::Stopped | Ending::Idle) => log!(info),
            _ => log!(warn),
        }
        match cause {
            Cause::Ended(Ending::Idle) => Some(Ended::Idle),
            Cause::Ended(Ending::Memory) => Some(Ended::Memory),
            _ => status.map(Ended::of),
        }
    }

    /// Counts what a worker has done since it was last asked.
    fn count(&self, running: &mut Running, now: Instant) {
        // A file in memory can be read; if not, nothing is added.
        if let Ok(says) = Status::read(&running.status) {
            let age = now.saturating_duration_since(running.since);
            let max_memory =
                running.claim.as_ref().map_or(self.max_memory, |claim| claim.worker.quotas.max_gpu_memory.0);
            self.metrics.grown(&running.counters.advance(&says, age, max_memory));
        }
    }

    /// The metrics as they are now.
    pub fn metrics(&self) -> prometheus::Result<String> {
        let mut state = lock(&self.state);
        let now = Instant::now();
        let mut gpu_memory = 0_u64;
        for running in state.running.values_mut() {
            self.count(running, now);
            gpu_memory = gpu_memory.saturating_add(running.counters.seen.gpu_memory);
        }
        let mut of_claims: BTreeMap<&str, usize> = self.claims.iter().map(|claim| (&*claim.name, 0)).collect();
        for claim in state.running.values().filter_map(|running| running.claim.as_ref()) {
            *of_claims.entry(&claim.name).or_default() += 1;
        }
        self.metrics.claims(&of_claims);
        self.metrics.text(state.running.len(), gpu_memory, state.used.memory)
    }

    /// Looks after the bounds that hold for all sessions together, for as long as the process runs.
    pub fn watch(self: &Arc<Self>) -> io::Result<()> {
        let sessions = Arc::clone(self);
        let watch = move || {
            loop {
                thread::sleep(process_memory::TICK);
                sessions.look();
            }
        };
        thread::Builder::new().name("bounds".to_owned()).spawn(watch).map(drop)
    }

    /// Ends sessions that are idle for too long, and those that have the most of what there is too little of.
    fn look(&self) {
        let pids: Vec<(u64, Pid)> =
            lock(&self.state).running.iter().map(|(&number, running)| (number, running.pid)).collect();
        // Without the lock, because it takes a while. A number may be another process's by now, which is only looked at.
        let memory: HashMap<u64, u64> = pids
            .into_iter()
            .filter_map(|(number, pid)| {
                Some((number, process_memory::of(u32::try_from(pid.as_raw_nonzero().get()).ok()?)?))
            })
            .collect();
        let mut state = lock(&self.state);
        let now = Instant::now();
        let mut uses = Vec::new();
        for (&number, running) in &mut state.running {
            let before = running.counters.seen.batches;
            self.count(running, now);
            if running.counters.seen.batches != before {
                running.active = now;
            }
            let memory = memory.get(&number).copied().unwrap_or_default();
            let idle = now.saturating_duration_since(running.active);
            uses.push(Use { number, memory, gpu_memory: running.counters.seen.gpu_memory, idle });
        }
        let (used, ends) = self.bounds.judge(&uses);
        state.used = used;
        for (number, ending) in ends {
            if let Some(running) = state.running.get_mut(&number) {
                running.kill(number, ending);
            }
        }
    }

    /// Ends a worker that does not end with its client.
    fn kill_one(&self, number: u64) {
        if let Some(running) = lock(&self.state).running.get_mut(&number) {
            running.kill(number, Ending::Orphan);
        }
    }

    /// Ends all workers.
    pub fn kill(&self) {
        for (&number, running) in &mut lock(&self.state).running {
            running.kill(number, Ending::Stopped);
        }
    }
}

impl Running {
    /// Whether it counts against a client: one of the same claim, or of the same user where there is none.
    fn is_of(&self, peer: &Peer, claim: Option<&Arc<Claim>>) -> bool {
        match (&self.claim, claim) {
            (Some(own), Some(claim)) => own.name == claim.name,
            (None, None) => self.uid == peer.uid,
            _ => false,
        }
    }

    /// Ends the worker. Whoever calls it holds the sessions' lock.
    fn kill(&mut self, number: u64, why: Ending) {
        if self.ending.is_none() {
            self.ending = Some(why);
            match why {
                Ending::Stopped => {}
                Ending::Orphan => {
                    tracing::warn!(session = number, "the worker goes on without its client and is ended");
                }
                Ending::Idle => tracing::info!(session = number, "the session is idle for too long and is ended"),
                Ending::Memory => tracing::warn!(session = number, "memory is short, and the worker is ended"),
            }
        }
        // One that has just ended by itself is no longer there.
        let _ = kill_process(self.pid, Signal::KILL);
    }
}

impl Cause {
    /// The `end`s in metrics and the log.
    pub const LABELS: [&str; 14] = [
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
        "orphan",
        "idle",
        "memory",
        "failed",
    ];

    /// From how the process ended, and what the worker wrote about it.
    fn of(exit: Option<ExitStatus>, end: u64, ending: Option<Ending>) -> Self {
        let Some(exit) = exit else { return Cause::Failed };
        match (exit.signal(), exit.code(), End::of(end)) {
            (Some(signal), ..) => match ending {
                Some(ending) if signal == Signal::KILL.as_raw() => Cause::Ended(ending),
                _ => Cause::Signal(signal),
            },
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
            Cause::Ended(Ending::Stopped) => "stopped",
            Cause::Ended(Ending::Orphan) => "orphan",
            Cause::Ended(Ending::Idle) => "idle",
            Cause::Ended(Ending::Memory) => "memory",
            Cause::Failed => "failed",
        }
    }

    /// The name of the signal, or `panic`, if the worker crashed.
    pub fn crash(self) -> Option<Cow<'static, str>> {
        match self {
            Cause::Signal(signal) => Some(signal_name(signal).map_or_else(|| signal.to_string().into(), Cow::Borrowed)),
            Cause::End(End::Panic) => Some("panic".into()),
            Cause::End(_) | Cause::Ended(_) | Cause::Failed => None,
        }
    }

    /// Whether this end may have reset a GPU under all others, where the worker had opened one (`gpu`): a driver that
    /// crashed, or a submit that did not end. A panic is a check of this program's or of wgpu's, on the CPU, and SIGKILL is
    /// sent by somebody; both leave the GPU as any client does that goes away. SIGSYS is an attack, whatever there is.
    fn may_reset_a_gpu(self, gpu: bool) -> bool {
        match self {
            Cause::Signal(signal) if signal == Signal::SYS.as_raw() => true,
            Cause::Signal(signal) => gpu && CRASHES.iter().any(|crash| crash.as_raw() == signal),
            Cause::End(end) => gpu && end == End::GpuDeadline,
            Cause::Ended(_) | Cause::Failed => false,
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
        for (exit, end, ending, cause) in [
            (code(0), 0, None, Cause::End(End::Client)),
            (code(0), End::Client as u64, None, Cause::End(End::Client)),
            (code(1), End::Violation as u64, None, Cause::End(End::Violation)),
            (code(1), End::Panic as u64, None, Cause::End(End::Panic)),
            (code(101), End::Client as u64, None, Cause::End(End::Panic)),
            (code(1), 0, None, Cause::Failed),
            (code(2), u64::MAX, None, Cause::Failed),
            (signal(11), End::Client as u64, None, Cause::Signal(11)),
            (signal(9), 0, None, Cause::Signal(9)),
            (signal(9), 0, Some(Ending::Stopped), Cause::Ended(Ending::Stopped)),
            (signal(9), 0, Some(Ending::Orphan), Cause::Ended(Ending::Orphan)),
            (signal(11), 0, Some(Ending::Orphan), Cause::Signal(11)),
            (code(0), End::Client as u64, Some(Ending::Stopped), Cause::End(End::Client)),
            (None, 0, None, Cause::Failed),
        ] {
            assert_eq!(Cause::of(exit, end, ending), cause, "{exit:?} {end} {ending:?}");
            assert!(Cause::LABELS.contains(&cause.label()));
        }
        assert_eq!(Cause::Signal(6).crash().as_deref(), Some("SIGABRT"));
        assert_eq!(Cause::Signal(64).crash().as_deref(), Some("64"));
        assert_eq!(Cause::Ended(Ending::Stopped).crash(), None);
    }

    #[test]
    fn only_what_may_have_reset_a_gpu_counts_against_a_client() {
        for (cause, with_gpu, without) in [
            (Cause::Signal(11), true, false),
            (Cause::Signal(6), true, false),
            (Cause::Signal(31), true, true),
            (Cause::Signal(9), false, false),
            (Cause::Signal(15), false, false),
            (Cause::End(End::GpuDeadline), true, false),
            (Cause::End(End::CompileDeadline), false, false),
            (Cause::End(End::Panic), false, false),
            (Cause::End(End::Client), false, false),
            (Cause::Ended(Ending::Orphan), false, false),
            (Cause::Ended(Ending::Memory), false, false),
            (Cause::Failed, false, false),
        ] {
            assert_eq!((cause.may_reset_a_gpu(true), cause.may_reset_a_gpu(false)), (with_gpu, without), "{cause:?}");
        }
    }
}
