//! The programs under test, and their runs.
#![allow(clippy::expect_used, clippy::panic)]

use std::{
    env,
    ffi::OsStr,
    fmt,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::processes::{PAUSE, wait_for, wait_until};

pub use crate::processes::LIMIT;

/// The path of a program that was built beside this test.
pub fn program(name: &str) -> PathBuf {
    let test = env::current_exe().expect("the test's own path");
    let folder = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "{} is not built: run `cargo build --profile checks --workspace` first, or test with the profile that was built",
        path.display()
    );
    path
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_owned()
}

/// A guest: from the folder in `AIRLOCK_GUESTS` (where CI puts those built from source), else the prebuilt one of the
/// repository.
pub fn guest(name: &str) -> PathBuf {
    let folder = env::var_os("AIRLOCK_GUESTS").map_or_else(|| root().join("tests/guests/prebuilt"), PathBuf::from);
    let path = folder.join(format!("{name}.wasm"));
    assert!(path.is_file(), "there is no guest at {}", path.display());
    path
}

/// The results of a finished run.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// Its duration.
    pub time: Duration,
}

impl Outcome {
    /// The exit code; `None` after a signal.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails the test, with all the output, unless the run succeeded.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.status.success(), "{self}");
        self
    }

    /// Fails the test unless the run ended with exit code 2 and one line that contains all of `parts`.
    #[track_caller]
    pub fn refused(self, parts: &[&str]) -> Self {
        assert_eq!(self.code(), Some(2), "{self}");
        assert_eq!(self.stderr.lines().count(), 1, "not one line: {self}");
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in: {self}");
        }
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, stdout, stderr, time } = self;
        write!(f, "{status} after {time:?}\n--- stdout\n{stdout}--- stderr\n{stderr}---")
    }
}

/// A command of a program under test, without the tester's environment.
pub fn command(name: &str) -> Command {
    let mut command = Command::new(program(name));
    command
        .env_remove("RUST_LOG")
        .env_remove("RUST_BACKTRACE")
        .env_remove("AIRLOCK_DAEMON")
        .env_remove("AIRLOCK_GPU_DAEMON")
        .env("XDG_RUNTIME_DIR", env::temp_dir())
        .stdin(Stdio::null());
    command
}

/// `airlock` with arguments.
pub fn airlock<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = command("airlock");
    command.args(arguments);
    command
}

/// Runs a command to its end, or kills it at [`LIMIT`] and fails.
#[track_caller]
pub fn run(mut command: Command) -> Outcome {
    let since = Instant::now();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    Running::new(child, since).finish()
}

/// A running program.
pub struct Running {
    child: Option<Child>,
    stdout: Output,
    stderr: Output,
    since: Instant,
}

impl Running {
    /// Starts a command.
    #[track_caller]
    pub fn start(mut command: Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        Self::new(child, Instant::now())
    }

    fn new(mut child: Child, since: Instant) -> Self {
        let stdout = Output::of(child.stdout.take());
        let stderr = Output::of(child.stderr.take());
        Self { child: Some(child), stdout, stderr, since }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Waits until its standard output has a line that contains `part`, by which a guest reports its progress. Fails
    /// when the output ends without it.
    #[track_caller]
    pub fn prints(&self, part: &str) {
        wait_until(&format!("line with {part:?}"), LIMIT, || {
            let ended = self.stdout.ended();
            let text = self.stdout.text();
            let (lines, _) = text.rsplit_once('\n').unwrap_or_default();
            let found = lines.contains(part);
            assert!(found || !ended, "no {part:?} in:\n{text}--- stderr\n{}---", self.stderr.text());
            found
        });
    }

    /// Waits until its standard error has a line with `part` in it, and returns the line.
    #[track_caller]
    pub fn complains(&self, part: &str) -> String {
        wait_for(&format!("line of errors with {part:?}"), LIMIT, || {
            let ended = self.stderr.ended();
            let text = self.stderr.text();
            let (lines, _) = text.rsplit_once('\n').unwrap_or_default();
            let found = lines.lines().find(|line| line.contains(part)).map(str::to_owned);
            assert!(found.is_some() || !ended, "no {part:?} in:\n{text}");
            found
        })
    }

    /// Its standard output so far.
    pub fn output(&self) -> String {
        self.stdout.text()
    }

    /// Waits for its exit.
    #[track_caller]
    pub fn finish(mut self) -> Outcome {
        let mut child = self.child.take().expect("it runs");
        let ended = |child: &mut Child| child.try_wait().expect("its status");
        while ended(&mut child).is_none() {
            if self.since.elapsed() > LIMIT {
                let _ = child.kill();
                let _ = child.wait();
                panic!("still running after {LIMIT:?}; its errors:\n{}", self.stderr.text());
            }
            thread::sleep(PAUSE);
        }
        let (status, time) = (child.wait().expect("its status"), self.since.elapsed());
        // A worker that was left behind would hold the pipes open; the test's limit ends that too.
        wait_until("end of its output", LIMIT, || self.stdout.ended() && self.stderr.ended());
        Outcome { status, stdout: self.stdout.text(), stderr: self.stderr.text(), time }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The output from a pipe so far, which a thread reads.
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&bytes);
        thread::spawn(move || {
            let Some(mut pipe) = pipe else { return };
            let mut piece = [0; 16 << 10];
            while let Ok(length) = pipe.read(&mut piece)
                && length > 0
            {
                all.lock().expect("the output").extend_from_slice(&piece[..length]);
            }
        });
        Self(bytes)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("the output")).into_owned()
    }

    /// True when the pipe and the thread have ended.
    fn ended(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// A `gpu-daemon serve` of a test's own.
pub struct Serve {
    child: Child,
    socket: PathBuf,
    log: Output,
    _folder: tempfile::TempDir,
}

impl Serve {
    /// Starts a server with additional arguments, and waits until it serves.
    #[track_caller]
    pub fn start(arguments: &[&str]) -> Self {
        Self::within(crate::scratch(), command("gpu-daemon"), arguments)
    }

    /// As [`Serve::start`], after `more` has changed the command.
    #[track_caller]
    pub fn with(more: impl FnOnce(&mut Command), arguments: &[&str]) -> Self {
        let mut command = command("gpu-daemon");
        more(&mut command);
        Self::within(crate::scratch(), command, arguments)
    }

    /// As [`Serve::start`], with all files of its workers in its own folder, where [`Serve::files`] sees them.
    #[track_caller]
    pub fn tidy(arguments: &[&str]) -> Self {
        let folder = crate::scratch();
        let mut command = command("gpu-daemon");
        command.env("XDG_RUNTIME_DIR", folder.path());
        Self::within(folder, command, arguments)
    }

    #[track_caller]
    fn within(folder: tempfile::TempDir, mut command: Command, arguments: &[&str]) -> Self {
        let socket = folder.path().join("gpu.sock");
        command.env("TMPDIR", folder.path());
        command.arg("serve").arg("--socket").arg(&socket).args(arguments);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the daemon starts");
        // The whole log is read, or the server would block on a full pipe.
        let log = Output::of(child.stderr.take());
        wait_until("daemon that serves", LIMIT, || {
            let ended = log.ended();
            let serves = log.text().contains("serving on");
            assert!(serves || !ended, "the daemon says {:?}", log.text());
            serves
        });
        Self { child, socket, log, _folder: folder }
    }

    /// The path of its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The entries of its folder for temporary files, its socket among them.
    pub fn files(&self) -> Vec<PathBuf> {
        let folder = self.socket.parent().expect("a folder");
        std::fs::read_dir(folder).expect("its folder").filter_map(|entry| Some(entry.ok()?.path())).collect()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its log so far, which is complete once it has ended.
    pub fn log(&mut self) -> String {
        if self.child.try_wait().expect("its status").is_some() {
            wait_until("end of the log", LIMIT, || self.log.ended());
        }
        self.log.text()
    }

    /// The lines of its log so far.
    pub fn lines(&self) -> Vec<String> {
        self.log.text().lines().map(str::to_owned).collect()
    }

    /// Sends SIGTERM, as a service manager does, and returns the exit status.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        signal(self.child.id(), Signal::TERM);
        wait_for("end of the daemon", LIMIT, || self.child.try_wait().expect("its status"))
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
#[track_caller]
pub fn signal(id: u32, signal: Signal) {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, signal).expect("the process is there");
}
