//! `gpu-daemon broker`: starts workers for one host that can start no processes itself.
//!
//! `airlock run` confines itself before the guest's code runs, and yet a guest whose worker has died may ask for an
//! adapter again. So the host starts a broker before that. Standard input is one end of a socket pair; each message on it
//! is one byte with one descriptor, a connection that becomes the standard input and output of a new worker, exactly as
//! with a connection that `serve` accepts. Nothing else is read from the host, nothing but refusals and last lines is
//! said to it, and what it can make the broker do is start a worker of the kind that the command line says, a few at a
//! time. The broker ends when its input ends, and its workers with it.
//!
//! It is started before the guest runs, and knows the guest by its file: whose shader cache a worker gets is settled then, and
//! the host has no say in it.

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

/// How long what an ended worker has printed is waited for.
const OUTPUT_WAIT: Duration = Duration::from_millis(500);

/// Why a broker cannot start, or goes on no longer.
#[derive(Debug, Error)]
pub enum BrokerError {
    /// Nobody is at the other end of standard input.
    #[error(
        "broker is started by `airlock run`, which holds the other end of its input; there is nothing to be done by hand"
    )]
    ByHand,
    /// Signals or threads cannot be had.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// The workers that run, by number. Whoever holds the lock may signal them: a worker's process is only reaped with the
/// lock held and its entry gone, so a number in here is never another process's.
type Workers = Arc<Mutex<HashMap<u64, Worker>>>;

/// A worker that runs, and what passes on what it prints.
#[derive(Clone, Debug)]
struct Worker {
    pid: Pid,
    output: Option<Arc<Relay>>,
    lent: Option<Arc<Lent>>,
}

/// What workers are started with.
#[derive(Debug)]
struct Starter {
    program: PathBuf,
    arguments: Vec<String>,
    workers: Workers,
    caches: Option<Caches>,
}

/// The shader caches, and whose workers these are.
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

/// Starts workers until the host is gone.
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
    // A terminal's signals go to the host as well, whose end is then the end of everything here.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let (running, caches) = (Arc::clone(&workers), starter.caches.clone());
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || end_with_signal(signals, &running, caches.as_ref()))?;
    let (running, most) =
        (Arc::clone(&workers), options.quotas.max_memory.0.saturating_add(process_memory::BEYOND_QUOTA));
    thread::Builder::new().name("memory".to_owned()).spawn(move || bound_memory(&running, most))?;
    for number in 0.. {
        match descriptors::receive(io::stdin(), None) {
            Ok(descriptor) => match connection(descriptor) {
                Some(connection) => starter.start(number, connection),
                None => tracing::warn!("what the host sends is no connection"),
            },
            Err(DescriptorError::Ended) => break,
            // The message is over, whatever it was.
            Err(error @ DescriptorError::Count { .. }) => tracing::warn!("the host sends what is no request: {error}"),
            Err(error) => {
                tracing::error!("cannot hear the host: {error}");
                break;
            }
        }
    }
    end(&workers, starter.caches.as_ref())
}

/// Ends workers that have more memory than they may, and that do not end their sessions for it by themselves.
fn bound_memory(workers: &Workers, most: u64) {
    loop {
        thread::sleep(process_memory::TICK);
        for (number, worker) in &*lock(workers) {
            let has = u32::try_from(worker.pid.as_raw_nonzero().get()).ok().and_then(process_memory::of);
            if has.is_some_and(|has| has > most) {
                tracing::warn!("worker {number} has more memory than it may, and is ended");
                let _ = kill_process(worker.pid, Signal::KILL);
            }
        }
    }
}

/// Only what a worker can use as its connection.
fn connection(descriptor: OwnedFd) -> Option<UnixStream> {
    let unix = sockopt::socket_domain(&descriptor) == Ok(AddressFamily::UNIX);
    let stream = sockopt::socket_type(&descriptor) == Ok(SocketType::STREAM);
    (unix && stream).then(|| UnixStream::from(descriptor))
}

impl Starter {
    /// Starts a worker, or says why there is none.
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
        // Without it the drivers start cold.
        let descriptor = lent.as_ref().and_then(|lent| lent.descriptor().ok());
        let given = descriptor.map(|descriptor| vec![(shader_cache::OPTION, descriptor)]);
        shader_cache::give_to(&mut command, given.unwrap_or_default());
        match launch::launch(command, connection, false) {
            Ok(mut launched) => {
                let output = launched.child.stderr.take().map(Relay::start).map(Arc::new);
                let worker = Worker { pid: Pid::from_child(&launched.child), output, lent: lent.map(Arc::new) };
                tracing::debug!("worker {number} starts as process {}", launched.child.id());
                running.insert(number, worker.clone());
                drop(running);
                let (workers, caches) = (Arc::clone(&self.workers), self.caches.clone());
                let wait = move || wait(launched, &worker, number, &workers, caches.as_ref());
                if let Err(error) = thread::Builder::new().name(format!("worker {number}")).spawn(wait) {
                    // The worker runs and its place stays taken: the lesser evil, and it is said.
                    tracing::error!("worker {number} is not waited for: {error}");
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
    /// Keeps what it has left in its shader cache.
    fn keep(&self, caches: Option<&Caches>) {
        if let (Some(Caches(caches, _)), Some(lent)) = (caches, &self.lent) {
            caches.keep(lent);
        }
    }
}

/// Waits for a worker's end without reaping it, takes it off the list, reaps it, and tells its client.
fn wait(launched: Launched, worker: &Worker, number: u64, workers: &Workers, caches: Option<&Caches>) {
    let Launched { mut child, mut rest } = launched;
    rest.tidy(&child);
    while let Err(rustix::io::Errno::INTR) =
        waitid(WaitId::Pid(worker.pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
    {}
    // Its last words come before those about its end.
    if let Some(output) = &worker.output {
        output.finish(OUTPUT_WAIT);
    }
    let mut running = lock(workers);
    running.remove(&number);
    let ended = child.wait();
    // What one leaves that broke is not for the next one. With the lock held, which the end of this process waits for.
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

/// Ends everything: no worker, no folder, no process. The lock stays held, so that no worker starts behind its back.
fn end(workers: &Workers, caches: Option<&Caches>) -> ! {
    let workers = lock(workers);
    for worker in workers.values() {
        let _ = kill_process(worker.pid, Signal::KILL);
    }
    // The host may have gone as soon as its worker said that all is done.
    for worker in workers.values() {
        worker.keep(caches);
    }
    for output in workers.values().filter_map(|worker| worker.output.as_ref()) {
        output.drain(OUTPUT_WAIT);
    }
    launch::remove_folders();
    platform::quit(0)
}
