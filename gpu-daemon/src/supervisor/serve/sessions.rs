//! Sessions: from an accepted connection to the exit of its worker.
//!
//! Each session has a thread, which logs its worker's output and handles its end. The lock must be held to signal a
//! worker in the list: a worker is reaped only with the lock held and its entry removed, so no process id in the list has
//! been reused. Counters change with the lock held too, so that the metrics are consistent at any moment.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    process::ChildStderr,
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
        launch::{self, Rest, WorkerProcess},
        process_memory,
        shader_cache::Lent,
    },
    worker::status::{End, Status},
};

/// Burst of refusals that are logged.
const REFUSALS_AT_ONCE: u32 = 100;
/// Interval of further logged refusals: a client can cause any number of refusals. All are counted.
const REFUSAL_EVERY: Duration = Duration::from_secs(1);
/// All sessions of the server.
#[derive(Debug)]
pub struct Sessions {
    launch: Launch,
    metrics: Metrics,
    max_memory: u64,
    claims: Vec<Arc<Claim>>,
    bounds: Bounds,
    state: Mutex<State>,
    /// Sessions that are running or whose end is being counted and logged.
    open: AtomicUsize,
}

#[derive(Debug)]
struct State {
    admission: Admission,
    running: HashMap<u64, Running>,
    next: u64,
    refusals: Throttle,
    /// Use at the last sample.
    used: Used,
}

/// State of a running session.
#[derive(Debug)]
struct Running {
    pid: Pid,
    uid: u32,
    claim: Option<Arc<Claim>>,
    since: Instant,
    status: OwnedFd,
    counters: Counters,
    /// Time of the sample that last saw new batches.
    active: Instant,
    /// Set once the server has ended it.
    ending: Option<Ending>,
}

/// Handles of a session's thread.
#[derive(Debug)]
struct Session {
    number: u64,
    peer: Peer,
    claim: Option<Arc<Claim>>,
    child: WorkerProcess,
    output: ChildStderr,
    exit: OwnedFd,
    rest: Rest,
    group: Option<Cgroup>,
    lent: Option<Lent>,
}

impl Sessions {
    /// Creates an empty list.
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

    /// Starts a standby worker if the pool is not full. Returns true if it still is not. A failure is logged, and not
    /// retried until the next client connects.
    pub fn add_standby(&self) -> bool {
        self.launch.add_standby().unwrap_or_else(|error| {
            tracing::warn!("cannot start a standby worker: {error}");
            false
        })
    }

    /// True while the pool of standby workers is not full.
    pub fn lacks_standby(&self) -> bool {
        self.launch.lacks_standby()
    }

    /// Kills the standby workers.
    pub fn end_standby(&self) {
        self.launch.end_standby();
    }

    /// Removes the workers' cgroups, when no worker is left.
    pub fn remove_groups(&self) {
        self.launch.remove_groups();
    }

    /// Number of sessions that are running or whose end is being handled.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Starts a session for a client, or refuses it with the reason. `claim` is that of the socket.
    pub fn start(self: &Arc<Self>, connection: UnixStream, claim: Option<&Arc<Claim>>) {
        match platform::peer(&connection) {
            Ok(peer) => {
                if let Err(refusal) = self.admit(&peer, &connection, claim) {
                    self.refuse(connection, Some(&peer), &refusal);
                }
            }
            Err(error) => {
                tracing::debug!("cannot read a client's credentials: {error}");
                self.refuse(connection, None, &Refusal::Unknown);
            }
        }
    }

    /// Starts a session for a client, after the admission check.
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
        // Fallible steps come before the start of the worker, which would otherwise have to be killed again.
        let number = state.next;
        let connection = connection.try_clone().map_err(failed)?;
        let follower = self.follower(number).map_err(failed)?;
        let Worker { child, process, rest } =
            self.launch.start(connection, peer, claim.map(Arc::as_ref)).map_err(failed)?;
        let Process { pid, exit, output, status, group, lent } = process;
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
        // The session's thread waits for this.
        let _ = follower.send(Session { number, peer: peer.clone(), claim, child, output, exit, rest, group, lent });
        Ok(())
    }

    /// Starts the thread of a session, before the worker; it exits when the sender is dropped.
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

    /// Main function of a session's thread.
    fn follow(&self, session: Session) {
        let Session { number, peer, claim, child, output, exit, mut rest, group, lent } = session;
        let lines_dropped = output::follow(number, output, exit.as_fd(), &mut rest, || self.kill_one(number));
        // The end line comes last, so that a client that reads it finds its session counted and its place free.
        if let Some(ended) = self.end(number, &peer, claim.as_deref(), child, lines_dropped) {
            // Discards the cache of a failed worker.
            if let Some(lent) = lent.filter(|_| ended.is_success()) {
                self.launch.keep(&lent);
            }
            rest.ended(ended);
        }
        // The group has no process any more.
        drop(group);
        self.open.fetch_sub(1, Ordering::Release);
    }

    /// Ends a session whose worker's process has exited and is not reaped.
    fn end(
        &self,
        number: u64,
        peer: &Peer,
        claim: Option<&Claim>,
        child: WorkerProcess,
        lines_dropped: u64,
    ) -> Option<Ended> {
        let mut state = lock(&self.state);
        let mut running = state.running.remove(&number)?;
        let now = Instant::now();
        let length = now.saturating_duration_since(running.since);
        self.count(&mut running, now);
        let pid = child.id();
        let exit = child.wait();
        let status = exit.as_ref().ok().copied();
        let cause = Cause::of(status, running.counters.seen.end, running.ending);
        if cause.may_reset_a_gpu(running.counters.seen.gpu != 0) {
            state.admission.crashed(peer, claim, now);
        }
        self.metrics.ended(cause, claim.map(|claim| &*claim.name), length, lines_dropped);
        drop(state);
        let exit = exit.map_or_else(|error| error.to_string(), |status| status.to_string());
        let Status { batches, commands, bytes_in, bytes_out, submits, quota_hits, .. } = running.counters.seen;
        macro_rules! log {
            ($level:ident) => {
                tracing::$level!(
                    session = number,
                    pid,
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

    /// Adds the increase of a worker's counters since the last read.
    fn count(&self, running: &mut Running, now: Instant) {
        // Reading a memory file does not fail.
        if let Ok(reported) = Status::read(&running.status) {
            let age = now.saturating_duration_since(running.since);
            let max_memory =
                running.claim.as_ref().map_or(self.max_memory, |claim| claim.worker.quotas.max_gpu_memory.0);
            self.metrics.grown(&running.counters.advance(&reported, age, max_memory));
        }
    }

    /// The current metrics as text.
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

    /// Starts the thread that enforces the bounds on all sessions.
    pub fn watch(self: &Arc<Self>) -> io::Result<()> {
        let sessions = Arc::clone(self);
        let watch = move || {
            loop {
                thread::sleep(process_memory::TICK);
                sessions.sample();
            }
        };
        thread::Builder::new().name("bounds".to_owned()).spawn(watch).map(drop)
    }

    /// Samples the use of all sessions and ends those that the bounds name.
    fn sample(&self) {
        let pids: Vec<(u64, Pid)> =
            lock(&self.state).running.iter().map(|(&number, running)| (number, running.pid)).collect();
        // Without the lock, because sampling takes a while. A process id may have been reused, but is only read here.
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

    /// Kills a worker that does not exit with its client.
    fn kill_one(&self, number: u64) {
        if let Some(running) = lock(&self.state).running.get_mut(&number) {
            running.kill(number, Ending::Orphan);
        }
    }

    /// Kills all workers.
    pub fn kill(&self) {
        for (&number, running) in &mut lock(&self.state).running {
            running.kill(number, Ending::Stopped);
        }
    }
}

impl Running {
    /// True when the session counts against a client: of the same claim, or of the same user where neither has a claim.
    fn is_of(&self, peer: &Peer, claim: Option<&Arc<Claim>>) -> bool {
        match (&self.claim, claim) {
            (Some(own), Some(claim)) => own.name == claim.name,
            (None, None) => self.uid == peer.uid,
            _ => false,
        }
    }

    /// Kills the worker. Call it with the sessions' lock held.
    fn kill(&mut self, number: u64, why: Ending) {
        if self.ending.is_none() {
            self.ending = Some(why);
            match why {
                Ending::Stopped => {}
                Ending::Orphan => {
                    tracing::warn!(session = number, "the worker outlives its client and is killed");
                }
                Ending::Idle => tracing::info!(session = number, "the session exceeds the idle timeout and is ended"),
                Ending::Memory => tracing::warn!(session = number, "memory is short: the worker is killed"),
            }
        }
        // Fails if the worker has just exited by itself.
        let _ = kill_process(self.pid, Signal::KILL);
    }
}
