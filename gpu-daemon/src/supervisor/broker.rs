//! `gpu-daemon broker`: starts workers for one host that cannot start processes itself.
//!
//! `airlock run` confines itself before the guest's code runs, but a guest whose worker has died may request an adapter
//! again. So the host starts a broker before it confines itself. Standard input is one end of a socket pair; each
//! message on it is one byte with one descriptor, a connection that becomes the standard input and output of a new
//! worker, like a connection that `serve` accepts. The broker reads nothing else from the host and writes only refusals
//! and end lines, so that a host can only start a bounded number of workers with the options of the command line. The
//! broker exits with its workers when its input ends.
//!
//! The broker starts before the guest runs, and computes the digest of the guest's file, which selects the workers' shader
//! cache; the host cannot change it later.

use std::{
    collections::HashMap,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::PathBuf,
    process::{ExitCode, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use airlock_protocol::{
    descriptors::{self, DescriptorError},
    handshake::Ended,
    limits::MAX_BROKER_WORKERS,
    output::Relay,
};
use rustix::{
    net::{AddressFamily, SocketType, sockopt},
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid},
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use thiserror::Error;

use crate::{
    lock::lock,
    options::BrokerArguments,
    platform,
    supervisor::{
        launch::{self, Launched},
        process_memory,
        shader_cache::{self, Lent, ShaderCaches, Tenant},
    },
};

/// Time limit for relaying the output of a worker that has exited.
const OUTPUT_WAIT: Duration = Duration::from_millis(500);

/// A broker cannot start or continue.
#[derive(Debug, Error)]
pub enum BrokerError {
    /// Standard input is not a connection.
    #[error("broker is started by `airlock run`, which holds the other end of its input; it cannot be started by hand")]
    ByHand,
    /// A signal handler or thread cannot be created.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// Running workers by number. The lock must be held to signal one: a worker is reaped only with the lock held and its
/// entry removed, so no process id in here has been reused.
type Workers = Arc<Mutex<HashMap<u64, Worker>>>;

/// A running worker and the relay of its output.
#[derive(Clone, Debug)]
struct Worker {
    pid: Pid,
    output: Option<Arc<Relay>>,
    lent: Option<Arc<Lent>>,
}

/// Parameters of new workers.
#[derive(Debug)]
struct Starter {
    program: PathBuf,
    arguments: Vec<String>,
    workers: Workers,
    caches: Option<Caches>,
}

/// The shader caches, and the workers' tenant.
#[derive(Clone, Debug)]
struct Caches(Arc<ShaderCaches>, Tenant);

impl Caches {
    fn open(arguments: &BrokerArguments) -> Option<Self> {
        let guest = arguments.guest.as_ref()?;
        let caches = ShaderCaches::open(&arguments.shader_cache, arguments.options.jail)?;
        let tenant = Tenant::of_file(guest)
            .inspect_err(|error| tracing::debug!("there is no shader cache for {}: {error}", guest.display()));
        Some(Self(Arc::new(caches), tenant.ok()?))
    }

    fn lend(&self) -> Option<Lent> {
        self.0.lend(Some(&self.1))
    }
}

/// Starts workers until the host disconnects.
pub fn run(arguments: &BrokerArguments) -> Result<ExitCode, BrokerError> {
    let options = &arguments.options;
    if !platform::stdin_is_connection() {
        return Err(BrokerError::ByHand);
    }
    let workers = Workers::default();
    let starter = Starter {
        program: std::env::current_exe()?,
        arguments: options.to_arguments(),
        workers: Arc::clone(&workers),
        caches: Caches::open(arguments),
    };
    // A terminal's signals reach the host as well; its exit then ends the broker and its workers.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let (running, caches) = (Arc::clone(&workers), starter.caches.clone());
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || end_with_signal(signals, &running, caches.as_ref()))?;
    let (running, max_memory) =
        (Arc::clone(&workers), options.quotas.max_memory.0.saturating_add(process_memory::BEYOND_QUOTA));
    thread::Builder::new().name("memory".to_owned()).spawn(move || bound_memory(&running, max_memory))?;
    for number in 0.. {
        match descriptors::receive(io::stdin(), None) {
            Ok(descriptor) => match connection(descriptor) {
                Some(connection) => starter.start(number, connection),
                None => tracing::warn!("invalid request of the host: the descriptor is not a Unix stream socket"),
            },
            Err(DescriptorError::Ended) => break,
            // A malformed message is consumed whole; the next one is read as usual.
            Err(error @ DescriptorError::Count { .. }) => tracing::warn!("invalid request of the host: {error}"),
            Err(error) => {
                tracing::error!("cannot receive from the host: {error}");
                break;
            }
        }
    }
    end(&workers, starter.caches.as_ref())
}

/// Kills workers above the memory bound, which an intact worker never reaches: it ends its own session first.
fn bound_memory(workers: &Workers, max_memory: u64) {
    loop {
        thread::sleep(process_memory::TICK);
        for (number, worker) in &*lock(workers) {
            let used = u32::try_from(worker.pid.as_raw_nonzero().get()).ok().and_then(process_memory::of);
            if used.is_some_and(|used| used > max_memory) {
                tracing::warn!("worker {number} exceeds its memory bound of {max_memory} bytes and is killed");
                let _ = kill_process(worker.pid, Signal::KILL);
            }
        }
    }
}

/// Checks that a descriptor can be a worker's connection: a Unix stream socket.
fn connection(descriptor: OwnedFd) -> Option<UnixStream> {
    let unix = sockopt::socket_domain(&descriptor) == Ok(AddressFamily::UNIX);
    let stream = sockopt::socket_type(&descriptor) == Ok(SocketType::STREAM);
    (unix && stream).then(|| UnixStream::from(descriptor))
}

impl Starter {
    /// Starts a worker, or sends a refusal with the reason.
    fn start(&self, number: u64, connection: UnixStream) {
        let mut running = lock(&self.workers);
        if running.len() >= MAX_BROKER_WORKERS {
            drop(running);
            tracing::warn!("worker {number} is refused: {MAX_BROKER_WORKERS} are running");
            launch::refuse(connection, format!("{MAX_BROKER_WORKERS} workers of this host are running already"));
            return;
        }
        let mut command = launch::worker(&self.program, &self.arguments);
        command.stderr(Stdio::piped());
        let lent = self.caches.as_ref().and_then(Caches::lend);
        // Without the cache the drivers start cold.
        let descriptor = lent.as_ref().and_then(|lent| lent.descriptor().ok());
        let given = descriptor.map(|descriptor| vec![(shader_cache::OPTION, descriptor)]);
        shader_cache::give_to(&mut command, given.unwrap_or_default());
        match launch::launch(command, connection) {
            Ok(mut launched) => {
                let output = launched.output.take().map(Relay::start).map(Arc::new);
                let worker = Worker { pid: launched.child.pid(), output, lent: lent.map(Arc::new) };
                tracing::debug!("worker {number} starts as process {}", launched.child.id());
                running.insert(number, worker.clone());
                drop(running);
                let (workers, caches) = (Arc::clone(&self.workers), self.caches.clone());
                let wait = move || wait(launched, &worker, number, &workers, caches.as_ref());
                if let Err(error) = thread::Builder::new().name(format!("worker {number}")).spawn(wait) {
                    // The worker runs, and its entry remains.
                    tracing::error!("worker {number} has no thread to wait for it: {error}");
                }
            }
            Err((connection, error)) => {
                drop(running);
                tracing::error!("cannot start worker {number}: {error}");
                launch::refuse(connection, format!("the worker cannot be started: {error}"));
            }
        }
    }
}

impl Worker {
    /// Stores the shader cache that the worker has left.
    fn keep(&self, caches: Option<&Caches>) {
        if let (Some(Caches(caches, _)), Some(lent)) = (caches, &self.lent) {
            caches.keep(lent);
        }
    }
}

/// Waits for a worker's exit without reaping it, removes its entry, reaps it, and sends its client the end line.
fn wait(launched: Launched, worker: &Worker, number: u64, workers: &Workers, caches: Option<&Caches>) {
    let Launched { child, mut rest, .. } = launched;
    rest.tidy(&child);
    while let Err(rustix::io::Errno::INTR) =
        waitid(WaitId::Pid(worker.pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
    {}
    // Relays its last output before the report of its end.
    if let Some(output) = &worker.output {
        output.finish(OUTPUT_WAIT);
    }
    let mut running = lock(workers);
    running.remove(&number);
    let ended = child.wait();
    // Discards the cache of a failed worker. The lock is held, because the end of this process waits for it.
    if ended.as_ref().is_ok_and(ExitStatus::success) {
        worker.keep(caches);
    }
    drop(running);
    match ended {
        Ok(status) => {
            tracing::debug!("worker {number} ends with {status}");
            rest.ended(Ended::of(status));
        }
        Err(error) => tracing::error!("worker {number}: {error}"),
    }
}

fn end_with_signal(mut signals: Signals, workers: &Workers, caches: Option<&Caches>) {
    if signals.forever().any(|signal| signal == SIGTERM) {
        end(workers, caches)
    }
}

/// Kills the workers, removes their folders and exits. The lock stays held, so that no worker starts meanwhile.
fn end(workers: &Workers, caches: Option<&Caches>) -> ! {
    let workers = lock(workers);
    for worker in workers.values() {
        let _ = kill_process(worker.pid, Signal::KILL);
    }
    // The host may exit as soon as its worker has sent its end line, before the worker is reaped.
    for worker in workers.values() {
        worker.keep(caches);
    }
    for output in workers.values().filter_map(|worker| worker.output.as_ref()) {
        output.drain(OUTPUT_WAIT);
    }
    launch::remove_folders();
    platform::quit(0)
}
