//! Progress counters of the worker's threads, in atomics, for the watchdog: neither side ever blocks on the other. The
//! executor's hot loop pays one relaxed store per command.

use std::{
    os::fd::OwnedFd,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    thread::Thread,
};

use crate::{
    platform,
    worker::status::{End, Status},
};

/// State of the executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Waiting for a batch.
    Idle = 0,
    /// A batch has begun to arrive.
    Receiving = 1,
    /// Executing a command.
    Command = 2,
    /// Executing a command that compiles a shader or pipeline.
    Compile = 3,
    /// Executing a command that back-pressure makes wait for the GPU; only the GPU's deadline applies.
    Waiting = 4,
}

/// Progress counters.
#[derive(Debug, Default)]
pub struct Vitals {
    phase: AtomicU8,
    /// Number of started commands: the counter is constant during a slow one.
    pub commands: AtomicU64,
    /// See [`Status::batches`].
    pub batches: AtomicU64,
    /// See [`Status::bytes_in`].
    pub bytes_in: AtomicU64,
    /// See [`Status::bytes_out`].
    pub bytes_out: AtomicU64,
    /// See [`Status::submits`].
    pub submits: AtomicU64,
    /// See [`Status::gpu_memory`].
    pub gpu_memory: AtomicU64,
    /// See [`Status::quota_hits`].
    pub quota_hits: AtomicU64,
    /// See [`Status::throttled`].
    pub throttled: AtomicU64,
    /// Sends of events, which block while the client does not read.
    pub sends: Span,
    /// The poll thread's calls into wgpu.
    pub polls: Span,
    /// See [`Status::gpu`].
    gpu: AtomicU64,
    end: AtomicU64,
    asleep: AtomicBool,
    watchdog: OnceLock<Thread>,
    status: Option<OwnedFd>,
}

/// Counter of calls that may block, from any thread.
#[derive(Debug, Default)]
pub struct Span {
    begun: AtomicU64,
    done: AtomicU64,
}

impl Span {
    /// Runs the call and counts it.
    pub fn run<T>(&self, call: impl FnOnce() -> T) -> T {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let result = call();
        self.done.fetch_add(1, Ordering::Relaxed);
        result
    }

    /// Number of finished calls while others run; `None` when none runs.
    pub fn running(&self) -> Option<u64> {
        let done = self.done.load(Ordering::Relaxed);
        (self.begun.load(Ordering::Relaxed) != done).then_some(done)
    }
}

impl Vitals {
    /// Creates the counters of a new session; `status` is the file to write them to.
    pub fn new(status: Option<OwnedFd>) -> Self {
        Self { status, ..Self::default() }
    }

    /// The executor's current phase.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            1 => Phase::Receiving,
            2 => Phase::Command,
            3 => Phase::Compile,
            4 => Phase::Waiting,
            _ => Phase::Idle,
        }
    }

    /// Sets the executor's phase and wakes a sleeping watchdog.
    pub fn enter(&self, phase: Phase) {
        // Sequentially consistent with `sleep`: either this load sees that the watchdog sleeps, or the watchdog sees this store.
        self.phase.store(phase as u8, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        self.asleep.store(false, Ordering::SeqCst);
        if let Some(watchdog) = self.watchdog.get() {
            watchdog.unpark();
        }
    }

    /// Runs a call in another phase.
    pub fn during<T>(&self, phase: Phase, call: impl FnOnce() -> T) -> T {
        self.enter(phase);
        let result = call();
        self.enter(Phase::Command);
        result
    }

    /// Registers the watchdog's thread, for wake-ups.
    pub fn watched_by(&self, thread: Thread) {
        // Set once, by the only watchdog.
        let _ = self.watchdog.set(thread);
    }

    /// Blocks the watchdog until the executor leaves [`Phase::Idle`]; returns at once when `busy` does.
    pub fn sleep(&self, busy: impl Fn() -> bool) {
        self.asleep.store(true, Ordering::SeqCst);
        while self.asleep.load(Ordering::SeqCst) {
            if self.phase() != Phase::Idle || busy() {
                self.asleep.store(false, Ordering::SeqCst);
                return;
            }
            std::thread::park();
        }
    }

    /// Records the reason of the session's end. Returns false when one was recorded before.
    pub fn end(&self, why: End) -> bool {
        self.end.compare_exchange(0, why as u64, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Records that drivers start on a machine with a GPU. Writes the status at once, because a crash would prevent it later.
    pub fn gpu_is_opened(&self) {
        self.gpu.store(1, Ordering::Release);
        self.write_status();
    }

    /// Writes the counters to the status file, if there is one.
    pub fn write_status(&self) {
        if let Some(file) = &self.status {
            // Metrics only: a failed write has no other effect.
            let _ = self.status().write(file);
        }
    }

    /// Records the reason, writes the counters and exits the process.
    pub fn quit(&self, why: End, code: u8) -> ! {
        self.end(why);
        self.write_status();
        platform::quit(code)
    }

    /// Adds to a counter, with relaxed ordering.
    pub fn add(counter: &AtomicU64, value: u64) {
        counter.fetch_add(value, Ordering::Relaxed);
    }

    /// Snapshot of all counters.
    pub fn status(&self) -> Status {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Status {
            batches: read(&self.batches),
            commands: read(&self.commands),
            bytes_in: read(&self.bytes_in),
            bytes_out: read(&self.bytes_out),
            submits: read(&self.submits),
            gpu_memory: read(&self.gpu_memory),
            quota_hits: read(&self.quota_hits),
            end: self.end.load(Ordering::Acquire),
            throttled: read(&self.throttled),
            gpu: read(&self.gpu),
        }
    }
}
