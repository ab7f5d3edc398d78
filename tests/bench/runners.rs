//! The two programs that run a guest, and the results of a run.

use std::{
    env,
    ffi::OsString,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use airlock_tests::benchmarks::beside;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::{
    memory::{self, Peaks},
    options::{Adapter, Options},
    processor,
};

/// The interval between samples of memory. The kernel keeps peaks, so only the end of a process can be missed.
const LOOK: Duration = Duration::from_millis(10);
/// The time limit for a pipe to close after its program has ended.
const PIPES: Duration = Duration::from_secs(10);

/// A failed measurement.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no {what} at {path}: {hint}")]
    Missing { what: &'static str, path: PathBuf, hint: &'static str },
    #[error("cannot start {program}: {source}")]
    Start { program: PathBuf, source: io::Error },
    #[error("cannot follow {program}: {source}")]
    Follow { program: PathBuf, source: io::Error },
    #[error("{command} still runs after {limit:?}, and was killed; its errors:\n{stderr}")]
    TooLong { command: String, limit: Duration, stderr: String },
    #[error("{command} ends with {status}; its errors:\n{stderr}")]
    Failed { command: String, status: ExitStatus, stderr: String },
    #[error("{command} leaves a process behind that holds its output open")]
    Left { command: String },
    #[error("{command} prints {line:?}, which is no figure")]
    NoFigure { command: String, line: String },
    #[error("{command} has looked at no result, though the adapter computes")]
    Unchecked { command: String },
    #[error("{command} prints no figure")]
    Silent { command: String },
}

/// A program that runs guests: Airlock or the peer.
pub struct Runner {
    /// The name in tables.
    pub name: &'static str,
    program: PathBuf,
    options: Vec<OsString>,
    is_airlock: bool,
}

/// A run to make, and how to watch it.
pub struct Job<'a> {
    pub adapter: Adapter,
    pub guest: &'a Path,
    pub arguments: &'a [String],
    pub limit: Duration,
    /// Sample the memory of the program and its descendants, which takes time from the run.
    pub watch_memory: bool,
}

/// The results of a successful run.
pub struct Run {
    /// The command, for messages.
    pub command: String,
    /// The lines of standard output.
    pub lines: Vec<Line>,
    /// Standard error.
    pub stderr: String,
    /// The time from the start to the exit.
    pub time: Duration,
    pub peaks: Peaks,
}

/// A line of standard output.
pub struct Line {
    /// The time since the start.
    pub time: Duration,
    /// At the begin and the end of repetitions, the processor time so far of the program and its descendants.
    pub processor: Option<Duration>,
    pub text: String,
}

impl Runner {
    /// The `airlock` that the options select.
    pub fn airlock(options: &Options) -> Result<Self, Error> {
        let program = options.airlock.clone().unwrap_or_else(beside);
        let runner = Self {
            name: "Airlock",
            program,
            options: options.airlock_option.iter().map(OsString::from).collect(),
            is_airlock: true,
        };
        runner.found("build it with `cargo build --release`, or name another with --airlock")
    }

    /// The program to compare with, if the options name one.
    pub fn peer(options: &Options) -> Result<Option<Self>, Error> {
        let Some(program) = options.peer.clone() else { return Ok(None) };
        let runner = Self { name: "peer", program, options: Vec::new(), is_airlock: false };
        runner.found("tests/bench/README.md says how to build one").map(Some)
    }

    fn found(self, hint: &'static str) -> Result<Self, Error> {
        if self.program.is_file() {
            return Ok(self);
        }
        Err(Error::Missing { what: "program", path: self.program, hint })
    }

    fn command(&self, job: &Job<'_>) -> Command {
        let mut command = Command::new(&self.program);
        // Variables of the tester's environment are removed, so that tables remain comparable.
        for name in ["RUST_LOG", "RUST_BACKTRACE", "AIRLOCK_DAEMON", "AIRLOCK_GPU_DAEMON"] {
            command.env_remove(name);
        }
        if env::var_os("XDG_RUNTIME_DIR").is_none() {
            command.env("XDG_RUNTIME_DIR", env::temp_dir());
        }
        match (self.is_airlock, job.adapter) {
            (true, Adapter::Default) => command.arg("run"),
            (true, Adapter::Noop) => command.args(["run", "--adapter", "noop"]),
            (false, Adapter::Default) => &mut command,
            (false, Adapter::Noop) => command.arg("--noop"),
        };
        command.args(&self.options).arg(job.guest).args(job.arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a job to its end, or kills it at its limit.
    pub fn run(&self, job: &Job<'_>) -> Result<Run, Error> {
        let mut command = self.command(job);
        let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
        let text = words.join(" ".as_ref()).to_string_lossy().into_owned();

        let since = Instant::now();
        let start = command.spawn();
        let mut child = start.map_err(|source| Error::Start { program: self.program.clone(), source })?;
        let id = child.id();
        let lines = read(child.stdout.take(), move |pipe| stamp(pipe, since, id));
        let errors = read(child.stderr.take(), all);
        let follow = |source| Error::Follow { program: self.program.clone(), source };
        let watch = Watch::start(&child, since, job).map_err(|source| {
            let _ = child.kill();
            follow(source)
        })?;
        let status = child.wait();
        let time = since.elapsed();
        let (peaks, killed) = watch.end();
        let status = status.map_err(follow)?;

        let (Ok(lines), Ok(stderr)) = (lines.recv_timeout(PIPES), errors.recv_timeout(PIPES)) else {
            return Err(Error::Left { command: text });
        };
        if killed {
            return Err(Error::TooLong { command: text, limit: job.limit, stderr });
        }
        if !status.success() {
            return Err(Error::Failed { command: text, status, stderr });
        }
        Ok(Run { command: text, lines, stderr, time, peaks })
    }
}

/// Reads a pipe on its own thread.
fn read<R: Read + Send + 'static, T: Send + 'static>(
    pipe: Option<R>,
    reader: impl FnOnce(R) -> T + Send + 'static,
) -> mpsc::Receiver<T> {
    let (send, receive) = mpsc::channel();
    if let Some(pipe) = pipe {
        thread::spawn(move || send.send(reader(pipe)));
    }
    receive
}

fn stamp(pipe: impl Read, since: Instant, id: u32) -> Vec<Line> {
    let lines = BufReader::new(pipe).lines().map_while(Result::ok);
    let stamped = lines.map(|text| {
        let processor = processor::is_mark(&text).then(|| processor::of_all(id));
        Line { time: since.elapsed(), processor, text }
    });
    stamped.collect()
}

fn all(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    // Output before a failed read is kept.
    let _ = pipe.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A thread that kills a run at its limit, and samples its memory if wanted.
struct Watch {
    stop: mpsc::Sender<()>,
    thread: thread::JoinHandle<(Peaks, bool)>,
}

impl Watch {
    fn start(child: &Child, since: Instant, job: &Job<'_>) -> io::Result<Self> {
        let id = child.id();
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        // A pidfd, because the process id may be reused before the limit.
        let process = pidfd_open(pid, PidfdFlags::empty())?;
        let (limit, watch_memory) = (job.limit, job.watch_memory);
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut peaks = Peaks::default();
            loop {
                let left = limit.saturating_sub(since.elapsed());
                let pause = if watch_memory { LOOK.min(left) } else { left };
                match stopped.recv_timeout(pause) {
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => return (peaks, false),
                }
                if watch_memory {
                    memory::look(id, &mut peaks);
                }
                if since.elapsed() >= limit {
                    let killed = pidfd_send_signal(&process, Signal::KILL).is_ok();
                    return (peaks, killed);
                }
            }
        });
        Ok(Self { stop, thread })
    }

    /// The peaks, and whether the run was killed.
    fn end(self) -> (Peaks, bool) {
        // The thread may have ended by itself, at the limit.
        let _ = self.stop.send(());
        self.thread.join().unwrap_or_default()
    }
}
