//! A server for one test.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{fs::MetadataExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use airlock_protocol::handshake::Hello;
use rustix::{
    process::{Gid, Pid, Signal, Uid, kill_process},
    thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};

/// Timeout of all waits: longer than any operation takes on a slow and loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(300);

pub struct Server {
    pub process: Child,
    pub socket: PathBuf,
    pub folder: PathBuf,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// An empty folder with search permission for all users.
    pub fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("airlock-serve-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    pub fn command(socket: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-daemon"));
        command.arg("serve").arg("--socket").arg(socket).args(arguments).stdin(Stdio::null()).stderr(Stdio::piped());
        command
    }

    pub fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_in(Self::folder(name), arguments)
    }

    pub fn start_in(folder: PathBuf, arguments: &[&str]) -> Self {
        let socket = folder.join("socket");
        let mut command = Self::command(&socket, arguments);
        command.arg(format!("--metrics=unix:{}", folder.join("metrics").display()));
        let server = Self::run(command, folder);
        server.logged(|line| line.contains("serving"));
        server
    }

    /// Starts a server command with its socket in this folder, and collects its log.
    pub fn run(mut command: Command, folder: PathBuf) -> Self {
        let mut process = command.spawn().unwrap();
        let errors = BufReader::new(process.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        thread::spawn(move || errors.lines().map_while(Result::ok).for_each(|line| lines.lock().unwrap().push(line)));
        Self { process, socket: folder.join("socket"), folder, log }
    }

    /// The log so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Waits for a line of the log.
    pub fn logged(&self, is_it: impl Fn(&str) -> bool) -> String {
        let mut found = None;
        until("the line is not in the log", || {
            found = self.log().into_iter().find(|line| is_it(line));
            found.is_some()
        });
        found.unwrap()
    }

    /// Connects and reads the first line.
    pub fn connect(&self) -> (UnixStream, String) {
        first_line(UnixStream::connect(&self.socket).unwrap())
    }

    /// Connects as another user with these groups, which requires root, and reads the first line.
    pub fn connect_as(&self, uid: u32, gid: u32, groups: &[u32]) -> (UnixStream, String) {
        let socket = self.socket.clone();
        first_line(as_user(uid, gid, groups, move || UnixStream::connect(socket).unwrap()))
    }

    /// Starts a session; returns it with its worker.
    pub fn session(&self) -> (UnixStream, u32) {
        let before = self.workers();
        let (connection, line) = self.connect();
        assert!(line.starts_with("AIRLOCK "), "{line}");
        let mut new = None;
        // The kernel's list may omit a process for a moment while another one exits.
        until("there is no worker", || {
            new = self.workers().into_iter().find(|worker| !before.contains(worker));
            new.is_some()
        });
        (connection, new.unwrap())
    }

    /// Its workers, with those that have exited and are not reaped.
    pub fn workers(&self) -> Vec<u32> {
        self.children().into_iter().filter(|&pid| argument(pid) != "zygote").collect()
    }

    /// Its zygote, in a list.
    pub fn zygotes(&self) -> Vec<u32> {
        self.children().into_iter().filter(|&pid| argument(pid) == "zygote").collect()
    }

    fn children(&self) -> Vec<u32> {
        let pid = self.process.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        children.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.process.id(), signal);
    }

    /// Waits for its exit.
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        until("the server does not end", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// The metrics' text.
    pub fn scrape(&self) -> String {
        let answer = self.ask("GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        body.to_owned()
    }

    /// Sends a request to the metrics' socket; returns the whole response.
    pub fn ask(&self, request: &str) -> String {
        let mut connection = UnixStream::connect(self.folder.join("metrics")).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }

    /// One metric.
    pub fn metric(&self, name: &str) -> f64 {
        value(&self.scrape(), name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A metric in a text.
pub fn value(text: &str, name: &str) -> f64 {
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("{name} is not in\n{text}")).parse().unwrap()
}

/// The first line of a connection that does not ask to wait.
pub fn first_line(connection: UnixStream) -> (UnixStream, String) {
    loop {
        let line = next_line(&connection);
        if !Hello::is_wait(&line) {
            return (connection, line);
        }
    }
}

/// The next line of a connection.
pub fn next_line(connection: &UnixStream) -> String {
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut line = String::new();
    // Byte by byte, so that what follows stays in the socket.
    BufReader::with_capacity(1, connection).read_line(&mut line).unwrap();
    line
}

/// Waits until a condition holds; fails after [`PATIENCE`] with the given text.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

pub fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

/// True for a process that has exited, reaped or not. A killed process has not exited while another of its threads
/// still holds its descriptors.
pub fn ended(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let threads = || fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    stat.is_empty() || stat.contains(") Z ") && threads() <= 1
}

/// The first argument of a process; none of one that has exited.
fn argument(pid: u32) -> String {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split('\0').nth(1).unwrap_or_default().to_owned()
}

/// An open file of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub descriptor: u32,
    /// The kernel's name.
    pub name: String,
    /// Identity: device and inode.
    pub id: (u64, u64),
    /// Path in /proc to open it again.
    pub path: PathBuf,
}

/// The open files of a process.
pub fn files(pid: u32) -> Vec<File> {
    let folder = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let file = |path: PathBuf| {
        // A descriptor may have been closed by now.
        let (name, data) = (fs::read_link(&path).ok()?, fs::metadata(&path).ok()?);
        let descriptor = path.file_name()?.to_str()?.parse().ok()?;
        Some(File { descriptor, name: name.to_string_lossy().into_owned(), id: (data.dev(), data.ino()), path })
    };
    folder.filter_map(|entry| file(entry.ok()?.path())).collect()
}

/// Number of a process's threads.
pub fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).unwrap().count()
}

/// True when tests may act as other users.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs a closure as another user, which requires root. The kernel keeps credentials per thread.
pub fn as_user<T: Send + 'static>(uid: u32, gid: u32, groups: &[u32], what: impl FnOnce() -> T + Send + 'static) -> T {
    let groups: Vec<Gid> = groups.iter().map(|&gid| Gid::from_raw(gid)).collect();
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let become_it = move || {
        set_thread_groups(&groups).unwrap();
        set_thread_res_gid(gid, gid, gid).unwrap();
        set_thread_res_uid(uid, uid, uid).unwrap();
        what()
    };
    thread::spawn(become_it).join().unwrap()
}
