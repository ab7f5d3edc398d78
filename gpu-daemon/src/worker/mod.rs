//! `gpu-daemon worker`: one session, from the hello line to the client's disconnect.
//!
//! Threads: the executor runs commands in order; the poll thread ([`crate::pending::poll`]) drives asynchronous GPU
//! work; the watchdog ([`crate::worker::watchdog`]) enforces deadlines; the stdin thread waits for the end of standard
//! input, which the client holds open while it runs, and then exits the process at once, whatever the state of the GPU.

pub mod events;
mod intake;
pub mod shader_cache;
pub mod status;
pub mod vitals;
pub mod watchdog;
#[cfg(target_os = "linux")]
pub mod zygote;

use std::{
    any::Any,
    env,
    io::{ErrorKind, Read, Write},
    panic::{AssertUnwindSafe, catch_unwind, set_hook},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc, Mutex,
        atomic::Ordering,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Instant,
};

use airlock_jail::worker::{self as jail, Jail, JailError, Plan, Prepared};
use airlock_protocol::{
    Event,
    codec::{BatchReader, DecodeError},
    connect::FOLDER_PREFIX,
    handshake::{Ended, Hello, PANICKED},
    limits::{HELLO_TIMEOUT, MAX_MESSAGE, cut},
    transport::{DaemonChannels, HandedOver, Listener, ReceiveError, TransportError},
};
use thiserror::Error;

use crate::{
    execute::execute,
    gpu::{instances::Instances, violation::Violation},
    lock::lock,
    options::{Quotas, WorkerArguments, WorkerOptions},
    pending::{completions::Completions, poll},
    platform,
    session::Session,
    worker::{
        events::Events,
        intake::Intake,
        shader_cache::{ShaderCache, shared::Shared},
        status::End,
        vitals::{Phase, Vitals},
        watchdog::Watchdog,
    },
};

/// Stack size of the executor in bytes. Shader compilers recurse with the nesting of a source, which the guest chooses.
/// Pages are committed only as far as the stack grows.
pub const EXECUTOR_STACK: usize = 256 << 20;

/// A worker cannot start.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// Standard input is not a connection.
    #[error(
        "worker is started by `airlock run` or `gpu-daemon serve`, which hold its standard input open for as long as \
         the session lasts; it cannot be started by hand"
    )]
    ByHand,
    /// The socket for the client cannot be created or accepted on.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The hello line cannot be written.
    #[error("cannot write the hello line to standard output: {0}")]
    Hello(#[source] std::io::Error),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),
    /// A required layer of the jail does not hold.
    #[error(transparent)]
    Jail(#[from] JailError),
    /// The parent-death signal cannot be set.
    #[error("cannot set the parent-death signal: {0}")]
    Server(#[source] std::io::Error),
    /// A standby worker received no connection.
    #[error("cannot receive a connection: {0}")]
    Handover(#[source] std::io::Error),
    /// The client did not connect in time.
    #[error("no client connected within {} seconds", HELLO_TIMEOUT.as_secs())]
    NoClient,
}

/// A session ends before its client disconnects.
#[derive(Debug, Error)]
enum SessionError {
    #[error(transparent)]
    Unreceived(#[from] ReceiveError),
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    #[error("command {command} ({name}): {violation}")]
    Violation { offset: usize, command: u64, name: &'static str, violation: Violation },
}

/// Runs a worker. Returns only when no session starts: the end of a session exits the process.
pub fn run(arguments: &WorkerArguments) -> Result<ExitCode, WorkerError> {
    if let Some(server) = arguments.server
        && !platform::end_with_parent(server).map_err(WorkerError::Server)?
    {
        platform::quit(0);
    }
    if !platform::stdin_is_connection() {
        return Err(WorkerError::ByHand);
    }
    set_hook(Box::new(|info| tracing::error!("{}", one_line(&info.to_string()))));
    if let Err(error) = platform::sleep_precisely() {
        tracing::debug!("naps between batches may be longer: {error}");
    }
    // Before this process opens a descriptor of its own.
    let vitals = Arc::new(Vitals::new(arguments.status_fd.and_then(platform::inherited)));
    let cache = arguments.shader_cache_fd.and_then(platform::inherited).map(Shared::new);
    // The jail is up before the first byte of the client is read, and before any thread starts.
    let keep: Vec<_> = arguments.status_fd.into_iter().chain(arguments.shader_cache_fd).collect();
    let prepared = jail::prepare(arguments.options.jail.into(), &keep);
    let listener = Listener::new()?;
    let has_gpu = jail::has_gpu();
    let mut plan = plan(arguments, prepared, listener.name());
    plan.cache = cache.as_ref().map(|cache| jail::cache_space(cache.capacity()));
    let jail = Jail::enter(arguments.options.jail.into(), plan)?;
    let cache = cache.zip(jail.cache_folder()).map(|(cache, folder)| Arc::new(ShaderCache::new(cache, folder)));
    if let Some(cache) = &cache {
        // No thread has been started yet.
        cache.tell_drivers();
    }
    let mut instances = Instances::new(jail, cache.clone());
    if has_gpu {
        instances = instances.on_a_gpu(Arc::clone(&vitals));
    }
    let early = arguments.options.start_drivers || arguments.standby;
    let accepting = early.then(|| instances.start_drivers()).transpose().map_err(WorkerError::Thread)?;
    let hello = Hello::ready(listener.told()).to_line();
    let waiting = Waiting::new(listener.name());
    if arguments.standby && !platform::take_connection().map_err(WorkerError::Handover)? {
        waiting.clean_up();
        platform::quit(0)
    }
    if let Some(cache) = cache.as_ref().filter(|_| arguments.standby) {
        // The parent fills the cache only after it has accepted a client.
        cache.load();
    }
    let ring = match meet(&hello) {
        Err(WorkerError::Transport(TransportError::NoClient)) => {
            waiting.clean_up();
            platform::quit(0)
        }
        ring => ring.inspect_err(|_| waiting.clean_up())?,
    };
    // From here on only the end of standard input is significant.
    let watched = Arc::clone(&waiting);
    let alive = Arc::clone(&vitals);
    let kept = cache.clone();
    let watch_stdin = move || end_with_stdin(&watched, &alive, kept.as_deref());
    thread::Builder::new().name("stdin".to_owned()).spawn(watch_stdin).map_err(WorkerError::Thread)?;
    let channels = accept(listener, ring).inspect_err(|_| waiting.clean_up())?;
    waiting.over();
    drop(accepting);
    let completions = Arc::new(Completions::new(Events::new(channels.events.clone(), Arc::clone(&vitals))));
    let WorkerOptions { quotas, deadlines, .. } = arguments.options.clone();
    Watchdog::start(Arc::clone(&vitals), Arc::clone(&completions), deadlines, &quotas).map_err(WorkerError::Thread)?;
    let (polled, alive) = (Arc::clone(&completions), Arc::clone(&vitals));
    let poll = move || {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| poll::run(&polled, &alive))) {
            broken(&polled, &alive, &*panic);
        }
    };
    thread::Builder::new().name("poll".to_owned()).spawn(poll).map_err(WorkerError::Thread)?;
    completions.events.send(&Event::Welcome);
    // A server counts a session's end before it sends the client the end line.
    let counted = arguments.server.is_some();
    let execute = move || serve(channels, &completions, &vitals, &quotas, instances, cache.as_deref(), counted);
    let executor = thread::Builder::new().name("execute".to_owned()).stack_size(EXECUTOR_STACK).spawn(execute);
    match executor.map_err(WorkerError::Thread)?.join() {
        Ok(never) => never,
        // Panics are caught and reported inside; one outside only exits the process.
        Err(_) => platform::quit(1),
    }
}

/// The jail's plan for this worker.
fn plan(arguments: &WorkerArguments, prepared: Prepared, socket: &str) -> Plan {
    let own = Path::new(socket).parent();
    // The parent sets TMPDIR to a folder for this worker. Without one, only the folder of this socket is certainly the
    // worker's own.
    let given = env::var_os("TMPDIR").map(PathBuf::from);
    let given = given.filter(|folder| own.and_then(Path::parent) == Some(folder) && is_private(folder));
    Plan {
        prepared,
        folder: given.or_else(|| own.map(Path::to_owned)),
        memory: arguments.options.quotas.max_gpu_memory.0,
        cache: None,
    }
}

/// True for a folder that a parent created for its worker alone.
fn is_private(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(FOLDER_PREFIX))
}

/// The folder of the listening socket, until a client connects. ipc-channel removes it then; a process that exits earlier
/// removes it here, and the private folder around it, in case its creator has exited.
#[derive(Debug)]
struct Waiting(Mutex<Option<PathBuf>>);

impl Waiting {
    fn new(socket: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Path::new(socket).parent().map(Path::to_owned))))
    }

    /// The client has connected.
    fn over(&self) {
        *lock(&self.0) = None;
    }

    fn clean_up(&self) {
        if let Some(folder) = lock(&self.0).take() {
            // On failure only the folder stays.
            let _ = std::fs::remove_dir_all(&folder);
            if let Some(around) = folder.parent().filter(|around| is_private(around)) {
                let _ = std::fs::remove_dir(around);
            }
        }
    }
}

/// Reads standard input to its end, which is the client's disconnect, then exits the process.
fn end_with_stdin(waiting: &Waiting, vitals: &Vitals, cache: Option<&ShaderCache>) {
    let mut stdin = std::io::stdin().lock();
    let mut ignored = [0; 256];
    loop {
        match stdin.read(&mut ignored) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    waiting.clean_up();
    if let Some(cache) = cache {
        cache.leave();
    }
    vitals.quit(End::Client, 0)
}

/// Sends the hello line on the connection and receives the ring and the channels from it.
fn meet(hello: &str) -> Result<HandedOver, WorkerError> {
    let mut stdout = std::io::stdout();
    match stdout.write_all(hello.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Err(TransportError::NoClient.into()),
        result => result.map_err(WorkerError::Hello)?,
    }
    platform::leave_stdout().map_err(WorkerError::Hello)?;
    Ok(HandedOver::from_stdin()?)
}

/// Accepts the client within [`HELLO_TIMEOUT`]. On timeout the accepting thread continues until the process exits.
fn accept(listener: Listener, ring: HandedOver) -> Result<DaemonChannels, WorkerError> {
    let (sender, receiver) = mpsc::channel();
    let wait = move || {
        let _ = sender.send(listener.accept(ring));
    };
    thread::Builder::new().name("accept".to_owned()).spawn(wait).map_err(WorkerError::Thread)?;
    Ok(receiver.recv_timeout(HELLO_TIMEOUT).map_err(|error| match error {
        RecvTimeoutError::Timeout => WorkerError::NoClient,
        // ipc-channel panics on malformed messages.
        RecvTimeoutError::Disconnected => {
            TransportError::Broken("what the client sends cannot be received".to_owned()).into()
        }
    })??)
}

/// Executes batches until the session ends.
fn serve(
    channels: DaemonChannels,
    completions: &Arc<Completions>,
    vitals: &Arc<Vitals>,
    quotas: &Quotas,
    instances: Instances,
    cache: Option<&ShaderCache>,
    counted: bool,
) -> ! {
    let mut session = Session::new(Arc::clone(completions), Arc::clone(vitals), channels.ring, quotas, instances);
    let mut intake = Intake::new(channels.commands);
    loop {
        vitals.enter(Phase::Idle);
        let next = catch_unwind(AssertUnwindSafe(|| intake.next(&mut session)));
        let next = next.unwrap_or_else(|panic| broken(completions, vitals, &*panic));
        let batch = match next {
            Ok(batch) => batch,
            Err(ReceiveError::Gone(_)) => {
                tracing::debug!("the client is gone");
                if let Some(cache) = cache {
                    // Before the client learns of the end: it may end its broker, and the broker this process.
                    cache.leave();
                }
                if !counted {
                    done(completions);
                }
                vitals.quit(End::Client, 0)
            }
            Err(error) => close(completions, vitals, &error.into()),
        };
        vitals.enter(Phase::Command);
        session.batch_start = Instant::now();
        let before = session.payloads.consumed();
        match catch_unwind(AssertUnwindSafe(|| run_batch(&mut session, &batch))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => close(completions, vitals, &error),
            Err(panic) => broken(completions, vitals, &*panic),
        }
        completions.settle_losses();
        completions.credit.read(session.payloads.consumed());
        let data = session.payloads.consumed().saturating_sub(before);
        Vitals::add(&vitals.bytes_in, (batch.len() as u64).saturating_add(data));
        Vitals::add(&vitals.batches, 1);
        session.report.busy_ns = session.busy_ns();
    }
}

fn run_batch(session: &mut Session, batch: &[u8]) -> Result<(), SessionError> {
    let mut reader = BatchReader::new(batch, session.report.batches)?;
    session.report.batches = session.report.batches.saturating_add(1);
    let vitals = Arc::clone(&session.vitals);
    loop {
        let offset = reader.offset();
        let outcome = reader.next_to(|command| {
            if std::mem::take(&mut session.waiting) {
                // This command may take long.
                session.completions.watch.wake();
            }
            let (name, number) = (command.name(), vitals.commands.load(Ordering::Relaxed));
            vitals.commands.store(number.wrapping_add(1), Ordering::Relaxed);
            let violation = |violation| SessionError::Violation { offset, command: number, name, violation };
            execute(session, command).map_err(violation)
        })?;
        match outcome {
            Some(outcome) => outcome?,
            None => return Ok(()),
        }
    }
}

/// Ends the connection after the client has closed the session and all its commands are executed. The client learns of
/// it before the kernel has torn down this process, which may take longer than a short session.
fn done(completions: &Completions) {
    platform::say_last(&Ended::Code(0).to_line());
    completions.events.close();
}

/// Ends the session for an error of the client's.
fn close(completions: &Completions, vitals: &Vitals, error: &SessionError) -> ! {
    let end = match error {
        SessionError::Unreceived(error) => {
            tracing::error!("{error}");
            End::Violation
        }
        // The decoder's message has offset and command.
        SessionError::Malformed(error) => {
            tracing::error!("malformed stream: {error}");
            End::Violation
        }
        SessionError::Violation { offset, violation, .. } => {
            tracing::error!("byte {offset} of the batch, {error}");
            if violation.is_quota() { End::Quota } else { End::Violation }
        }
    };
    let reason = error.to_string();
    if end == End::Quota {
        // An error of the guest, not of the client: its devices are lost, with the reason.
        Vitals::add(&vitals.quota_hits, 1);
        completions.lose_all(&reason);
    }
    completions.events.send(&Event::Closed { reason: cut(&reason, MAX_MESSAGE).to_owned() });
    vitals.quit(end, 1)
}

/// Ends the session after a panic of wgpu or the driver, whose state may be inconsistent.
fn broken(completions: &Completions, vitals: &Vitals, panic: &(dyn Any + Send)) -> ! {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = format!("{PANICKED}: {}", one_line(said.unwrap_or("no message")));
    completions.lose_all(&message);
    completions.events.send(&Event::Closed { reason: cut(&message, MAX_MESSAGE).to_owned() });
    vitals.quit(End::Panic, 1)
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}
