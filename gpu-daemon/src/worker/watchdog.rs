//! Watchdog: one thread that ends the session when an operation exceeds its deadline, independent of the other threads. It
//! makes no call that could block on the GPU or the client.
//!
//! | hang | detected by | deadline |
//! |---|---|---|
//! | GPU job | the first submit of a queue stays unfinished ([`Submits`](crate::pending::submits::Submits)) | `--gpu-timeout` |
//! | compilation | the executor stays at one command in [`Phase::Compile`] | `--compile-timeout` |
//! | other command | the executor stays at one command in [`Phase::Command`] | `--command-timeout` |
//! | poll, on the other thread that calls wgpu | the call does not return | `--command-timeout` |
//! | client that does not read | sending an event does not return | `--client-timeout` |
//! | client that stops within a batch | the executor stays in [`Phase::Receiving`] | `--client-timeout` |
//!
//! It samples the counters every [`TICK`] and measures the time since each value has changed. So the other threads keep no
//! clocks, and a deadline is precise to a few ticks. While the client does not read, only that deadline runs: the other
//! threads may be waiting for the client. Time during which the process was stopped is not counted.
//!
//! To end the session, the farewell thread sends the client the reason; if that takes longer than [`FAREWELL`], because the
//! socket is full or a lock is never released, the process exits without. In an idle session the watchdog sleeps until the
//! executor wakes it.

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

/// Sampling interval.
const TICK: Duration = Duration::from_millis(50);
/// Interval of writes to the status file, in ticks.
const STATUS_TICKS: u32 = 5;
/// Interval of polls for unfinished submits that have no ticket, in ticks.
const POLL_TICKS: u32 = 2;
/// Idle ticks before the watchdog sleeps.
const IDLE_TICKS: u32 = 20;
/// A tick of this length means that the process was stopped or had no processor.
const STOPPED: Duration = Duration::from_secs(1);
/// Time limit for sending the client the reason of the session's end.
const FAREWELL: Duration = Duration::from_millis(500);

/// The watchdog's deadlines and state.
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

/// Age of a value.
#[derive(Debug)]
struct Clock<T> {
    value: T,
    since: Instant,
}

impl<T: PartialEq> Clock<T> {
    fn new(value: T, now: Instant) -> Self {
        Self { value, since: now }
    }

    /// Records this tick's value; returns the time since its last change.
    fn see(&mut self, value: T, now: Instant) -> Duration {
        if self.value != value {
            (self.value, self.since) = (value, now);
        }
        now.saturating_duration_since(self.since)
    }
}

/// Clocks of all but the GPU, whose clocks are in `Submits`.
#[derive(Debug)]
struct Clocks {
    sends: Clock<Option<u64>>,
    polls: Clock<Option<u64>>,
    executor: Clock<(Phase, u64, u64)>,
    /// As `executor`, but never restarted by a client that does not read.
    work: Clock<(Phase, u64, u64)>,
}

/// An exceeded deadline or quota.
#[derive(Debug)]
struct Verdict {
    end: End,
    message: String,
}

impl Watchdog {
    /// Starts the watchdog and farewell threads.
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
            tracing::warn!("/proc/self/status cannot be read: --max-memory is not enforced");
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
            if let Some(verdict) = self.check(&mut clocks, now) {
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

    /// True while work is pending outside the executor.
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

    /// Checks all deadlines and the memory quota.
    fn check(&self, clocks: &mut Clocks, now: Instant) -> Option<Verdict> {
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
        // A slow client suspends the other deadlines, and could do so indefinitely: these two are never suspended.
        let max_gpu = deadlines.client_timeout.saturating_add(deadlines.gpu_timeout);
        if self.completions.submits.eldest().is_some_and(|age| age > max_gpu) {
            let what = "a submit was not done, and the client did not read its events, for";
            return Some(verdict(End::GpuDeadline, what, max_gpu, "--gpu-timeout and --client-timeout"));
        }
        let executor = self.executor();
        let max_command =
            deadlines.client_timeout.saturating_add(deadlines.compile_timeout.max(deadlines.command_timeout));
        if clocks.work.see(executor, now) > max_command && matches!(executor.0, Phase::Compile | Phase::Command) {
            let what = "a command was not done, and the client did not read its events, for";
            return Some(verdict(End::CommandDeadline, what, max_command, "--command-timeout and --client-timeout"));
        }
        if let Some(verdict) = self.memory() {
            return Some(verdict);
        }
        if sending.is_some() && !blocked.is_zero() {
            // The other threads may be waiting for the client.
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
        let used = self.memory.as_ref()?.resident()?;
        (used > self.max_memory.0).then(|| Verdict {
            end: End::Quota,
            message: format!(
                "the GPU process has {} of memory, more than the {} of --max-memory",
                describe(used),
                describe(self.max_memory.0)
            ),
        })
    }

    /// Ends the session. Where another thread is ending it already and hangs, only the process exits.
    fn end(&mut self, verdict: &Verdict) -> ! {
        if self.vitals.end(verdict.end) {
            if verdict.end == End::Quota {
                Vitals::add(&self.vitals.quota_hits, 1);
            }
            if self.farewell.try_send(verdict.message.clone()).is_ok() {
                // On timeout the farewell is abandoned.
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

/// Memory use of this process, from a file opened before the jail closes the path to it.
#[derive(Debug)]
struct ProcessMemory(File);

impl ProcessMemory {
    fn open() -> Option<Self> {
        File::open("/proc/self/status").ok().map(Self)
    }

    /// Resident set size in bytes, from the line `VmRSS:   1234 kB`.
    fn resident(&self) -> Option<u64> {
        let mut bytes = [0; 4096];
        let length = self.0.read_at(&mut bytes, 0).ok()?;
        let text = std::str::from_utf8(bytes.get(..length)?).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kibibytes.checked_mul(1024)
    }
}
