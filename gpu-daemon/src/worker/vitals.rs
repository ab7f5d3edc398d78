//! What the threads of a worker tell about themselves while they work, in atomics: the watchdog reads them, and nobody
//! ever waits for anybody. The executor's hot loop pays one relaxed store per command.

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

/// What the executor is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// It waits for a batch.
    Idle = 0,
    /// A batch has begun to arrive.
    Receiving = 1,
    /// It executes a command.
    Command = 2,
    /// The command compiles.
    Compile = 3,
    /// The command waits for the GPU because of a quota; the GPU's deadline holds.
    Waiting = 4,
}

/// See the module's header.
#[derive(Debug, Default)]
pub struct Vitals {
    phase: AtomicU8,
    /// Counts commands as they begin, so that one that takes long is one at which this stands still.
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
    /// Calls that may block on the client: sent events.
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

/// Calls of one kind that may take long, from any thread.
#[derive(Debug, Default)]
pub struct Span {
    begun: AtomicU64,
    done: AtomicU64,
}

impl Span {
    /// Makes the call.
    pub fn run<T>(&self, call: impl FnOnce() -> T) -> T {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let result = call();
        self.done.fetch_add(1, Ordering::Relaxed);
        result
    }

    /// How many calls are done, while others are not; `None` when all are.
    pub fn running(&self) -> Option<u64> {
        let done = self.done.load(Ordering::Relaxed);
        (self.begun.load(Ordering::Relaxed) != done).then_some(done)
    }
}

impl Vitals {
    /// Those of a session that begins; the counters go to the file, if there is one.
    pub fn new(status: Option<OwnedFd>) -> Self {
        Self { status, ..Self::default() }
    }

    /// What the executor is doing.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            1 => Phase::Receiving,
            2 => Phase::Command,
            3 => Phase::Compile,
            4 => Phase::Waiting,
            _ => Phase::Idle,
        }
    }

    /// The executor turns to something else. It wakes the watchdog if that sleeps.
    pub fn enter(&self, phase: Phase) {
        // In one order with `sleep`'s accesses: either this sees that the watchdog sleeps, or the watchdog sees this.
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

    /// Turns to something else for the time of a call.
    pub fn during<T>(&self, phase: Phase, call: impl FnOnce() -> T) -> T {
        self.enter(phase);
        let result = call();
        self.enter(Phase::Command);
        result
    }

    /// The watchdog's thread, to be woken.
    pub fn watched_by(&self, thread: Thread) {
        // Set once, by the one watchdog.
        let _ = self.watchdog.set(thread);
    }

    /// Sleeps until the executor has something to do, unless `busy` finds that there is something to watch.
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

    /// Notes why the session ends; false when that has been noted before.
    pub fn end(&self, why: End) -> bool {
        self.end.compare_exchange(0, why as u64, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Drivers start, on a machine that has a GPU: written at once, because a crash leaves no time for it.
    pub fn gpu_is_opened(&self) {
        self.gpu.store(1, Ordering::Release);
        self.write_status();
    }

    /// Writes the counters for whoever reads them.
    pub fn write_status(&self) {
        if let Some(file) = &self.status {
            // Nothing depends on it.
            let _ = self.status().write(file);
        }
    }

    /// Ends the process, with a last word in the counters.
    pub fn quit(&self, why: End, code: u8) -> ! {
        self.end(why);
        self.write_status();
        platform::quit(code)
    }

    /// Adds to a counter that only one thread changes, or whose last digit does not matter.
    pub fn add(counter: &AtomicU64, value: u64) {
        counter.fetch_add(value, Ordering::Relaxed);
    }

    /// All counters.
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
