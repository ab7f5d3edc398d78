//! `gpu-daemon worker`: one session, from the hello line to the client's end.
//!
//! Three threads: this one executes commands in order; one drives what ends on its own time ([`crate::watch`]); one
//! waits for the end of standard input, which the client holds open for as long as it lives, and ends the process at
//! once, whatever the GPU is doing.

use std::{
    any::Any,
    io::{IsTerminal, Read, Write},
    panic::{AssertUnwindSafe, catch_unwind, set_hook},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Instant,
};

use airlock_protocol::{
    Event,
    codec::{BatchReader, DecodeError},
    handshake::Hello,
    limits::{HELLO_TIMEOUT, MAX_MESSAGE, cut},
    transport::{DaemonChannels, Listener, TransportError},
};
use thiserror::Error;

use crate::{
    completions::Completions, events::Events, execute::execute, platform, session::Session, violation::Violation, watch,
};

/// Why a worker cannot start.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// Nobody holds standard input.
    #[error(
        "worker is started by `airlock run` or `gpu-daemon serve`, which hold its standard input open for as long as \
         the session lasts; there is nothing to be done by hand"
    )]
    ByHand,
    /// No client can reach it.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The hello line cannot be written.
    #[error("cannot write the hello line to standard output: {0}")]
    Hello(#[source] std::io::Error),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),
    /// The client did not come.
    #[error("no client connected within {} seconds", HELLO_TIMEOUT.as_secs())]
    NoClient,
}

/// Why a session ends before its client does.
#[derive(Debug, Error)]
enum SessionError {
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    #[error("command {command} ({name}): {violation}")]
    Violation { offset: usize, command: u64, name: &'static str, violation: Violation },
}

/// Runs a worker. It returns only when there is no session: the end of a session ends the process.
pub fn run() -> Result<ExitCode, WorkerError> {
    if std::io::stdin().is_terminal() || platform::stdin_is_null() {
        return Err(WorkerError::ByHand);
    }
    let listener = Listener::new()?;
    let hello = Hello::ready(listener.name().to_owned()).to_line();
    let waiting = Waiting::new(listener.name());
    let watched = Arc::clone(&waiting);
    let watch_stdin = move || end_with_stdin(&watched);
    thread::Builder::new().name("stdin".to_owned()).spawn(watch_stdin).map_err(WorkerError::Thread)?;
    let mut stdout = std::io::stdout();
    stdout.write_all(hello.as_bytes()).and_then(|()| stdout.flush()).map_err(WorkerError::Hello)?;
    let channels = accept(listener).inspect_err(|_| waiting.clean_up())?;
    waiting.over();
    let completions = Arc::new(Completions::new(Events::new(channels.events.clone())));
    set_hook(Box::new(|info| tracing::error!("{}", one_line(&info.to_string()))));
    let polled = Arc::clone(&completions);
    let poll = move || {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| watch::run(&polled))) {
            broken(&polled, &*panic);
        }
    };
    thread::Builder::new().name("poll".to_owned()).spawn(poll).map_err(WorkerError::Thread)?;
    completions.events.send(&Event::Welcome);
    serve(channels, &completions)
}

/// The folder with the socket on which a client is waited for. ipc-channel removes it when the client has come; a process
/// that ends before removes it here.
#[derive(Debug)]
struct Waiting(Mutex<Option<PathBuf>>);

impl Waiting {
    fn new(socket: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Path::new(socket).parent().map(Path::to_owned))))
    }

    /// The client has come.
    fn over(&self) {
        *watch::lock(&self.0) = None;
    }

    fn clean_up(&self) {
        if let Some(folder) = watch::lock(&self.0).take() {
            // Nothing depends on it; at worst an empty folder stays.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// Reads standard input to its end, then ends the process: the client is gone.
fn end_with_stdin(waiting: &Waiting) {
    let mut stdin = std::io::stdin().lock();
    let mut ignored = [0; 256];
    loop {
        match stdin.read(&mut ignored) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    waiting.clean_up();
    platform::quit(0)
}

/// Waits for the client, but not for ever. The accepting thread is left behind when it takes too long; the process ends
/// then.
fn accept(listener: Listener) -> Result<DaemonChannels, WorkerError> {
    let (sender, receiver) = mpsc::channel();
    let wait = move || {
        let _ = sender.send(listener.accept());
    };
    thread::Builder::new().name("accept".to_owned()).spawn(wait).map_err(WorkerError::Thread)?;
    Ok(receiver.recv_timeout(HELLO_TIMEOUT).map_err(|_| WorkerError::NoClient)??)
}

/// Executes batches until the session ends.
fn serve(channels: DaemonChannels, completions: &Arc<Completions>) -> ! {
    let mut session = Session::new(Arc::clone(completions), channels.ring);
    let mut consumed = 0;
    loop {
        let Ok(batch) = channels.commands.recv() else {
            tracing::debug!("the client is gone");
            platform::quit(0)
        };
        session.batch_start = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| run_batch(&mut session, &batch))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => close(completions, &error),
            Err(panic) => broken(completions, &*panic),
        }
        completions.settle_losses();
        if session.payloads.consumed() != consumed {
            consumed = session.payloads.consumed();
            completions.events.send(&Event::Credit { consumed });
        }
        session.report.busy_ns = session.busy_ns();
    }
}

fn run_batch(session: &mut Session, batch: &[u8]) -> Result<(), SessionError> {
    let mut reader = BatchReader::new(batch, session.report.batches)?;
    session.report.batches = session.report.batches.saturating_add(1);
    loop {
        let offset = reader.offset();
        let Some(command) = reader.next()? else { return Ok(()) };
        let (name, number) = (command.name(), session.report.commands);
        session.report.commands = number.saturating_add(1);
        execute(session, command).map_err(|violation| SessionError::Violation {
            offset,
            command: number,
            name,
            violation,
        })?;
    }
}

/// Ends the session for what the client did.
fn close(completions: &Completions, error: &SessionError) -> ! {
    match error {
        // The decoder names offset and command itself.
        SessionError::Malformed(error) => tracing::error!("malformed stream: {error}"),
        SessionError::Violation { offset, .. } => {
            tracing::error!("byte {offset} of the batch, {error}");
        }
    }
    completions.events.send(&Event::Closed { reason: cut(&error.to_string(), MAX_MESSAGE).to_owned() });
    platform::quit(1)
}

/// Ends the session for what wgpu or the driver did: after a panic, none of their state can be relied on.
fn broken(completions: &Completions, panic: &(dyn Any + Send)) -> ! {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = format!("the GPU process panicked: {}", one_line(said.unwrap_or("no message")));
    completions.lose_all(&message);
    completions.events.send(&Event::Closed { reason: cut(&message, MAX_MESSAGE).to_owned() });
    platform::quit(1)
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}
