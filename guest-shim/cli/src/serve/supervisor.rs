//! The supervisor: prepares sockets and machine code, starts the other processes, restarts guest processes.

use std::{
    collections::{HashMap, HashSet},
    env,
    ffi::OsString,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{net::UnixStream, process::ExitStatusExt as _},
    },
    process::{ExitStatus, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use airlock_protocol::descriptors;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    sync::{Notify, mpsc},
    time::sleep,
};

use super::{
    channel::Notice,
    handler::Handler,
    limits::{FIRST_BACKOFF, LONGEST_BACKOFF},
    listener,
    options::Arguments,
};
use crate::{
    compiled::Compiled,
    component::ComponentFile,
    engine::{self, Settings},
    error::{CliError, WRONG_USE, plain},
    memory_file,
};

/// Exit code of a process that has printed its error; a successor would fail the same way.
const CANNOT_RUN: i32 = 2;

/// Limit of open descriptors that the server's processes raise theirs to.
const MAX_DESCRIPTORS: u64 = 1 << 17;

/// Capacity of the event queue; senders block when it is full.
const MAX_EVENTS: usize = 64;

/// Serves until a signal.
pub fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let file = ComponentFile::read(&arguments.file)?;
    Handler::check_exports(&file)?;
    // Options are checked here, so that an error is printed once and not by each process.
    arguments.wasi()?;
    if file.imports_webgpu() {
        arguments.daemon.daemon()?;
    }
    let listening = listener::bind(arguments.listen, arguments.max_connections)?;
    let admin = arguments.admin.map(|address| listener::bind(address, 0)).transpose()?;
    // Guest processes load it, each confined.
    let settings = Settings { cache: !arguments.no_cache, interruptible: false, jail: arguments.daemon.jail() };
    let compiled = Compiled::new(&file, &engine::engine(false)?, settings)?;
    let code = memory_file::sealed("component", compiled.bytes());
    let code = code.map_err(|cause| CliError::Part { part: "guest", cause })?;
    let imports_webgpu = file.imports_webgpu();
    drop((compiled, file));

    raise_descriptors();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| CliError::Runtime { cause })?;
    let outcome = runtime.block_on(async {
        let (front, channel) = start_front()?;
        for socket in [Some(listening), admin].into_iter().flatten() {
            descriptors::send(&channel, socket.as_fd()).map_err(|cause| unreachable_part(&cause))?;
        }
        Supervisor::new(channel, code, imports_webgpu)?.run(front, arguments.instances()).await
    });
    runtime.shutdown_background();
    outcome
}

fn unreachable_part(cause: &std::io::Error) -> CliError {
    CliError::Channel { cause: plain(cause) }
}

/// Raises the soft limit of open descriptors: each connection takes one, and the usual default is 1024.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = limit.maximum.map_or(MAX_DESCRIPTORS, |most| most.min(MAX_DESCRIPTORS));
    if limit.current.is_some_and(|current| current < raised) {
        // A failure is tolerable: clients wait longer.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit });
    }
}

/// Starts the front process with a stream as its standard input.
fn start_front() -> Result<(Child, UnixStream), CliError> {
    let failed = |cause| CliError::Part { part: "front", cause };
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    let child = part("front", theirs).stdout(Stdio::inherit()).spawn().map_err(failed)?;
    Ok((child, ours))
}

/// Command that runs this program again in another role.
fn part(part: &str, channel: UnixStream) -> Command {
    let mut arguments = env::args_os().skip(1);
    let subcommand = arguments.next().unwrap_or_else(|| OsString::from("serve"));
    // The running executable, even where its file has been replaced since.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("airlock").arg(subcommand).arg(format!("--part={part}")).args(arguments);
    command.stdin(Stdio::from(OwnedFd::from(channel))).stdout(Stdio::null()).kill_on_drop(true);
    // A terminal sends SIGINT to the foreground process group; only the supervisor handles it.
    command.process_group(0);
    command
}

/// Events of the main loop.
enum Event {
    /// A notice of the front.
    Notice(Notice),
    /// End of the front's stream.
    FrontClosed,
    /// Exit of a guest process.
    Ended(u64, std::io::Result<ExitStatus>),
    /// End of a backoff: start a guest process.
    Start,
}

/// State of the main loop.
struct Supervisor {
    channel: Arc<UnixStream>,
    code: OwnedFd,
    imports_webgpu: bool,
    events: mpsc::Receiver<Event>,
    sender: mpsc::Sender<Event>,
    /// Kill triggers, by process number.
    guests: HashMap<u64, Arc<Notify>>,
    next: u64,
    /// A guest process has been ready: later failures may be transient.
    any_ready: bool,
    /// Processes that have reported an instance.
    ready: HashSet<u64>,
    backoff: Duration,
}

impl Supervisor {
    fn new(channel: UnixStream, code: OwnedFd, imports_webgpu: bool) -> Result<Self, CliError> {
        let channel = Arc::new(channel);
        let (sender, events) = mpsc::channel(MAX_EVENTS);
        let (notices, from) = (sender.clone(), Arc::clone(&channel));
        let listen = move || {
            while let Ok(Some(notice)) = Notice::receive(&from) {
                if notices.blocking_send(Event::Notice(notice)).is_err() {
                    return;
                }
            }
            let _ = notices.blocking_send(Event::FrontClosed);
        };
        thread::Builder::new().name("notices".to_owned()).spawn(listen).map_err(|cause| CliError::Runtime { cause })?;
        Ok(Self {
            channel,
            code,
            imports_webgpu,
            events,
            sender,
            guests: HashMap::new(),
            next: 0,
            any_ready: false,
            ready: HashSet::new(),
            backoff: FIRST_BACKOFF,
        })
    }

    async fn run(mut self, mut front: Child, instances: usize) -> Result<u8, CliError> {
        let failed = |cause| CliError::Runtime { cause };
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut stopping = false;
        // The first starts alone, so that an error is printed once.
        self.start()?;
        loop {
            tokio::select! {
                _ = terminate.recv() => stopping = self.stop(),
                _ = interrupt.recv() => stopping = self.stop(),
                status = front.wait() => return ended(status, stopping),
                Some(event) = self.events.recv() => match event {
                    Event::FrontClosed => return ended(front.wait().await, stopping),
                    Event::Notice(Notice::Ready(number)) if self.guests.contains_key(&number) => {
                        self.ready.insert(number);
                        self.backoff = FIRST_BACKOFF;
                        if !std::mem::replace(&mut self.any_ready, true) {
                            for _ in 1..instances {
                                self.start()?;
                            }
                        }
                    }
                    Event::Notice(Notice::Kill(number)) => {
                        if let Some(kill) = self.guests.get(&number) {
                            kill.notify_one();
                        }
                    }
                    Event::Notice(Notice::Ready(_)) => {}
                    Event::Ended(number, status) => {
                        self.guests.remove(&number);
                        let was_ready = self.ready.remove(&number);
                        if stopping {
                            continue;
                        }
                        let status = status.map_err(failed)?;
                        if !self.any_ready && status.code() == Some(CANNOT_RUN) {
                            // The process has printed its error.
                            return Ok(WRONG_USE);
                        }
                        tracing::info!("guest process {number} ended: {}", how(status));
                        self.restart(was_ready);
                    }
                    Event::Start if !stopping => self.start()?,
                    Event::Start => {}
                },
            }
        }
    }

    /// Signals the front to stop, by the end of the stream.
    fn stop(&self) -> bool {
        // Fails only when the front has exited.
        let _ = self.channel.shutdown(std::net::Shutdown::Write);
        true
    }

    /// Starts a guest process and passes its stream to the front.
    fn start(&mut self) -> Result<(), CliError> {
        let failed = |cause| CliError::Part { part: "guest", cause };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let mut command = part("guest", theirs);
        command.args(self.imports_webgpu.then_some("--imports-webgpu"));
        let mut child = command.spawn().map_err(failed)?;
        descriptors::send(&ours, self.code.as_fd()).map_err(failed)?;
        if let Err(error) = descriptors::send(&*self.channel, ours.as_fd()) {
            // The front receives at once; a failure means that it has exited, which the main loop sees next.
            tracing::debug!("the front takes no guest process: {error}");
        }
        let (number, kill) = (self.next, Arc::new(Notify::new()));
        self.next = self.next.wrapping_add(1);
        self.guests.insert(number, Arc::clone(&kill));
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let status = tokio::select! {
                status = child.wait() => status,
                () = kill.notified() => match child.start_kill() {
                    Ok(()) => child.wait().await,
                    Err(error) => Err(error),
                },
            };
            let _ = sender.send(Event::Ended(number, status)).await;
        });
        Ok(())
    }

    /// Schedules a restart: at once after a process that was ready, with exponential backoff otherwise.
    fn restart(&mut self, was_ready: bool) {
        let wait = if was_ready { Duration::ZERO } else { self.backoff };
        if !was_ready {
            self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
        }
        let sender = self.sender.clone();
        tokio::spawn(async move {
            sleep(wait).await;
            let _ = sender.send(Event::Start).await;
        });
    }
}

/// Exit code after the end of the front.
fn ended(status: std::io::Result<ExitStatus>, stopping: bool) -> Result<u8, CliError> {
    let status = status.map_err(|cause| CliError::Runtime { cause })?;
    match status.code() {
        Some(0) if stopping => Ok(0),
        // The process has printed its error.
        Some(CANNOT_RUN) => Ok(WRONG_USE),
        _ => Err(CliError::FrontEnded { how: how(status) }),
    }
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "in an unknown way".to_owned(),
    }
}
