//! The programs under test, and how they are run.
#![allow(clippy::expect_used, clippy::panic)]

use std::{
    env,
    ffi::OsStr,
    fmt,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Longer than any run takes on a slow machine; a run that hangs ends here.
pub const LIMIT: Duration = Duration::from_secs(150);

/// A program that was built beside this test.
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

/// A guest: the one in the folder that `AIRLOCK_GUESTS` names (where CI puts those built from source), else the one that
/// the repository carries.
pub fn guest(name: &str) -> PathBuf {
    let folder = env::var_os("AIRLOCK_GUESTS").map_or_else(|| root().join("tests/guests/prebuilt"), PathBuf::from);
    let path = folder.join(format!("{name}.wasm"));
    assert!(path.is_file(), "there is no guest at {}", path.display());
    path
}

/// What a finished run left behind.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// How long it took.
    pub time: Duration,
}

impl Outcome {
    /// The exit code; a signal is none.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails the test, with all the output, unless the run ended well.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.status.success(), "{self}");
        self
    }

    /// Fails the test unless the run ended with exit code 2 and one line that has all of `parts` in it.
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

/// A command of a program under test, in an environment that holds nothing of the tester's.
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

/// A program that runs.
pub struct Running {
    child: Option<Child>,
    stdout: mpsc::Receiver<String>,
    stderr: mpsc::Receiver<String>,
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
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        Self { child: Some(child), stdout, stderr, since }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Waits for it to end.
    #[track_caller]
    pub fn finish(mut self) -> Outcome {
        let mut child = self.child.take().expect("it runs");
        loop {
            if let Some(status) = child.try_wait().expect("its status") {
                let time = self.since.elapsed();
                // A worker that was left behind would hold the pipes open; the limit of the test ends that too.
                let stdout = self.stdout.recv_timeout(LIMIT).expect("the end of its output");
                let stderr = self.stderr.recv_timeout(LIMIT).expect("the end of its errors");
                return Outcome { status, stdout, stderr, time };
            }
            if self.since.elapsed() > LIMIT {
                let _ = child.kill();
                let _ = child.wait();
                let text = self.stderr.recv_timeout(Duration::from_secs(5)).unwrap_or_default();
                panic!("still running after {LIMIT:?}; its errors:\n{text}");
            }
            thread::sleep(Duration::from_millis(2));
        }
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

fn collect(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = send.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receive
}

/// A `gpu-daemon serve` of a test's own.
pub struct Serve {
    child: Child,
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

impl Serve {
    /// Starts one with more arguments, and waits until it serves.
    #[track_caller]
    pub fn start(arguments: &[&str]) -> Self {
        Self::within(crate::scratch(), command("gpu-daemon"), arguments)
    }

    /// The same, with all that its workers need of files in its own folder, where [`Serve::files`] sees them.
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
        let mut lines = BufReader::new(child.stderr.take().expect("its errors")).lines();
        let ready = lines.next().and_then(Result::ok).unwrap_or_default();
        assert!(ready.contains("serving on"), "the daemon says {ready:?}");
        // Its log must go somewhere, or it would wait for a reader.
        thread::spawn(move || lines.for_each(drop));
        Self { child, socket, _folder: folder }
    }

    /// Where it serves.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// What lies in its folder for temporary files, its socket among it.
    pub fn files(&self) -> Vec<PathBuf> {
        let folder = self.socket.parent().expect("a folder");
        std::fs::read_dir(folder).expect("its folder").filter_map(|entry| Some(entry.ok()?.path())).collect()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, as a service manager does, and gives how it ended and how long it took.
    #[track_caller]
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        let since = Instant::now();
        signal(self.child.id(), Signal::TERM);
        while since.elapsed() < LIMIT {
            if let Some(status) = self.child.try_wait().expect("its status") {
                return (status, since.elapsed());
            }
            thread::sleep(Duration::from_millis(2));
        }
        panic!("the daemon does not stop");
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
