//! The watchdog: one thread that ends the session when anything takes longer than its deadline, whatever the other
//! threads are doing. It calls neither wgpu nor anything else that could wait for the GPU or the client.
//!
//! | what hangs | how it shows | deadline |
//! |---|---|---|
//! | a job on the GPU | the first submit of a queue is not done ([`Submits`](crate::pending::submits::Submits)) | `--gpu-timeout` |
//! | a compilation | the executor is in [`Phase::Compile`] and does not get further | `--compile-timeout` |
//! | any other command | the same in [`Phase::Command`] | `--command-timeout` |
//! | a poll, on the other thread that calls into wgpu | it does not return | `--command-timeout` |
//! | a client that does not read | an event's sending does not return | `--client-timeout` |
//! | a client that stops in a batch | the executor stays in [`Phase::Receiving`] | `--client-timeout` |
//!
//! It looks every [`TICK`], and takes the time during which something did not change for the time that it lasted. So
//! the others keep no clocks, and a deadline is kept to within a few ticks. While the client does not read, only that
//! deadline runs: the other threads may wait for nothing else. The process itself may be stopped and go on; that time
//! counts for nobody.
//!
//! To end the session, a thread of its own (the farewell) tells the client; if that is not done within [`FAREWELL`],
//! because the socket is full or a lock is held for ever, the process ends without. An idle session costs nothing: the
//! watchdog sleeps until the executor wakes it.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{
        Arc,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use airlock_protocol::{
    Event,
    limits::{MAX_MESSAGE, cut},
    size::{Size, describe},
};

use crate::{
    options::{Deadlines, Quotas},
    pending::completions::Completions,
    worker::{
        status::{End, Status},
        vitals::{Phase, Vitals},
    },
};

/// How often it looks.
const TICK: Duration = Duration::from_millis(50);
/// How often the counters are written, in ticks.
const STATUS_TICKS: u32 = 5;
/// How often devices are polled for submits that nobody waits for, in ticks.
const POLL_TICKS: u32 = 2;
/// How many idle ticks come before it sleeps.
const IDLE_TICKS: u32 = 20;
/// A tick this long is no tick: the process was stopped, or had no processor.
const STOPPED: Duration = Duration::from_secs(1);
/// How long the client may take to hear why its session ends.
const FAREWELL: Duration = Duration::from_millis(500);

/// What the watchdog watches, and what it knows it by.
#[derive(Debug)]
pub struct Watchdog {
    vitals: Arc<Vitals>,
    completions: Arc<Completions>,
    deadlines: Deadlines,
    max_memory: Size,
    written: Status,
    memory: Option<ProcessMemory>,
    farewell: SyncSender<String>,
    told: Receiver<()>,
}

/// How long a value has stood still.
#[derive(Debug)]
struct Clock<T> {
    value: T,
    since: Instant,
}

impl<T: PartialEq> Clock<T> {
    fn new(value: T, now: Instant) -> Self {
        Self { value, since: now }
    }

    /// Takes the value of this tick.
    fn see(&mut self, value: T, now: Instant) -> Duration {
        if self.value != value {
            (self.value, self.since) = (value, now);
        }
        now.saturating_duration_since(self.since)
    }
}

/// The clocks of everything but the GPU, which has its own.
#[derive(Debug)]
struct Clocks {
    sends: Clock<Option<u64>>,
    polls: Clock<Option<u64>>,
    executor: Clock<(Phase, u64, u64)>,
    /// The executor's, whatever is found to excuse it.
    work: Clock<(Phase, u64, u64)>,
}

/// Why the session ends.
#[derive(Debug)]
struct Verdict {
    end: End,
    message: String,
}

impl Watchdog {
    /// Starts the thread, and the one for the farewell.
    pub fn start(
        vitals: Arc<Vitals>,
        completions: Arc<Completions>,
        deadlines: Deadlines,
        quotas: &Quotas,
    ) -> io::Result<()> {
        let (farewell, messages) = mpsc::sync_channel::<String>(1);
        let (done, told) = mpsc::channel();
        let teller = Arc::clone(&completions);
        let tell = move || {
            if let Ok(message) = messages.recv() {
                tell(&teller, &message);
                let _ = done.send(());
            }
        };
        thread::Builder::new().name("farewell".to_owned()).spawn(tell)?;
        let memory = ProcessMemory::open();
        if memory.is_none() {
            tracing::warn!("the kernel does not say how much memory the worker has, so --max-memory does not hold");
        }
        let max_memory = quotas.max_memory;
        let mut watchdog = Self {
            vitals: Arc::clone(&vitals),
            completions,
            deadlines,
            max_memory,
            written: Status::default(),
            memory,
            farewell,
            told,
        };
        let thread = thread::Builder::new().name("watchdog".to_owned()).spawn(move || watchdog.run())?;
        vitals.watched_by(thread.thread().clone());
        Ok(())
    }

    fn run(&mut self) {
        let mut now = Instant::now();
        let mut clocks = self.clocks(now);
        let (mut ticks, mut idle) = (0_u32, 0_u32);
        loop {
            if idle >= IDLE_TICKS {
                self.write_status();
                self.vitals.sleep(|| self.busy());
                now = Instant::now();
                clocks = self.clocks(now);
                idle = 0;
            }
            thread::sleep(TICK);
            let before = std::mem::replace(&mut now, Instant::now());
            if now.saturating_duration_since(before) > STOPPED {
                clocks = self.clocks(now);
                self.completions.submits.restart();
            }
            if let Some(verdict) = self.look(&mut clocks, now) {
                self.end(&verdict);
            }
            ticks = ticks.wrapping_add(1);
            if ticks.is_multiple_of(POLL_TICKS) && !self.completions.submits.is_empty() {
                self.completions.watch.nudge();
            }
            if ticks.is_multiple_of(STATUS_TICKS) {
                self.write_status();
            }
            idle = if self.vitals.phase() == Phase::Idle && !self.busy() { idle.saturating_add(1) } else { 0 };
        }
    }

    /// Something goes on beside the executor.
    fn busy(&self) -> bool {
        !self.completions.submits.is_empty()
            || !self.completions.watch.is_empty()
            || self.vitals.sends.running().is_some()
            || self.vitals.polls.running().is_some()
    }

    fn clocks(&self, now: Instant) -> Clocks {
        Clocks {
            sends: Clock::new(self.vitals.sends.running(), now),
            polls: Clock::new(self.vitals.polls.running(), now),
            executor: Clock::new(self.executor(), now),
            work: Clock::new(self.executor(), now),
        }
    }

    fn executor(&self) -> (Phase, u64, u64) {
        let status = self.vitals.status();
        (self.vitals.phase(), status.batches, status.commands)
    }

    /// One look at everything.
    fn look(&self, clocks: &mut Clocks, now: Instant) -> Option<Verdict> {
        let deadlines = &self.deadlines;
        let sending = self.vitals.sends.running();
        let blocked = clocks.sends.see(sending, now);
        if sending.is_some() && blocked > deadlines.client_timeout {
            return Some(verdict(
                End::ClientDeadline,
                "the client did not read its events for",
                deadlines.client_timeout,
                "--client-timeout",
            ));
        }
        // A client that reads slowly is an excuse for the others, and one that a client can go on giving: it counts once.
        let most = deadlines.client_timeout.saturating_add(deadlines.gpu_timeout);
        if self.completions.submits.eldest().is_some_and(|age| age > most) {
            let what = "a submit was not done, and the client did not read its events, for";
            return Some(verdict(End::GpuDeadline, what, most, "--gpu-timeout and --client-timeout"));
        }
        let executor = self.executor();
        let longest = deadlines.compile_timeout.max(deadlines.command_timeout);
        let most = deadlines.client_timeout.saturating_add(longest);
        if clocks.work.see(executor, now) > most && matches!(executor.0, Phase::Compile | Phase::Command) {
            let what = "a command was not done, and the client did not read its events, for";
            return Some(verdict(End::CommandDeadline, what, most, "--command-timeout and --client-timeout"));
        }
        if let Some(verdict) = self.memory() {
            return Some(verdict);
        }
        if sending.is_some() && !blocked.is_zero() {
            // What the others wait for is the client.
            clocks.polls = Clock::new(self.vitals.polls.running(), now);
            clocks.executor = Clock::new(executor, now);
            self.completions.submits.restart();
            return None;
        }
        if self.completions.submits.oldest().is_some_and(|age| age > deadlines.gpu_timeout) {
            let what = "a submit was not done on the GPU within";
            return Some(verdict(End::GpuDeadline, what, deadlines.gpu_timeout, "--gpu-timeout"));
        }
        let polling = self.vitals.polls.running();
        let polled = clocks.polls.see(polling, now);
        if polling.is_some() && polled > deadlines.command_timeout {
            let what = "the driver did not return from a poll within";
            return Some(verdict(End::CommandDeadline, what, deadlines.command_timeout, "--command-timeout"));
        }
        let stood = clocks.executor.see(executor, now);
        let (phase, _, begun) = executor;
        let command = begun.saturating_sub(1);
        match phase {
            Phase::Receiving if stood > deadlines.client_timeout => Some(verdict(
                End::ClientDeadline,
                "the client did not finish a batch within",
                deadlines.client_timeout,
                "--client-timeout",
            )),
            Phase::Compile if stood > deadlines.compile_timeout => Some(verdict(
                End::CompileDeadline,
                &format!("command {command}, a compilation, was not done within"),
                deadlines.compile_timeout,
                "--compile-timeout",
            )),
            Phase::Command if stood > deadlines.command_timeout => Some(verdict(
                End::CommandDeadline,
                &format!("command {command} was not done within"),
                deadlines.command_timeout,
                "--command-timeout",
            )),
            Phase::Idle | Phase::Waiting | Phase::Receiving | Phase::Compile | Phase::Command => None,
        }
    }

    fn memory(&self) -> Option<Verdict> {
        let has = self.memory.as_ref()?.resident()?;
        (has > self.max_memory.0).then(|| Verdict {
            end: End::Quota,
            message: format!(
                "the GPU process has {} of memory, more than the {} of --max-memory",
                describe(has),
                describe(self.max_memory.0)
            ),
        })
    }

    /// Ends the session. Another thread may be at it already, and hang: then there is no more to tell.
    fn end(&mut self, verdict: &Verdict) -> ! {
        if self.vitals.end(verdict.end) {
            if verdict.end == End::Quota {
                Vitals::add(&self.vitals.quota_hits, 1);
            }
            if self.farewell.try_send(verdict.message.clone()).is_ok() {
                // A farewell that is not over by then is given up.
                let _ = self.told.recv_timeout(FAREWELL);
            }
        }
        self.vitals.quit(verdict.end, 1)
    }

    fn write_status(&mut self) {
        let status = self.vitals.status();
        if status != self.written {
            self.vitals.write_status();
            self.written = status;
        }
    }
}

fn verdict(end: End, what: &str, limit: Duration, flag: &str) -> Verdict {
    Verdict { end, message: format!("{what} {} s ({flag})", limit.as_secs_f64()) }
}

fn tell(completions: &Completions, message: &str) {
    completions.lose_all(message);
    completions.events.send(&Event::Closed { reason: cut(message, MAX_MESSAGE).to_owned() });
    tracing::error!("{message}");
}

/// The memory of this process, from a file that is opened before the jail closes the way to it.
#[derive(Debug)]
struct ProcessMemory(File);

impl ProcessMemory {
    fn open() -> Option<Self> {
        File::open("/proc/self/status").ok().map(Self)
    }

    /// Bytes in physical memory: the line `VmRSS:   1234 kB`.
    fn resident(&self) -> Option<u64> {
        let mut bytes = [0; 4096];
        let length = self.0.read_at(&mut bytes, 0).ok()?;
        let text = std::str::from_utf8(bytes.get(..length)?).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kibibytes.checked_mul(1024)
    }
}
