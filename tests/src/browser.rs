//! Scripts in Chromium, without a window, on its software adapter: a second WebGPU to compare with.
//!
//! A server of the test's own serves a page with the script to the browser, and the page sends the script's output and
//! files back to it. No driver of browsers is needed.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use crate::{programs::LIMIT, scratch};

/// Without a window, with WebGPU on the software adapter, and with canvases that can be read back without a GPU.
const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--enable-unsafe-webgpu",
    "--enable-unsafe-swiftshader",
    "--use-webgpu-adapter=swiftshader",
    "--use-angle=swiftshader",
    "--enable-features=Vulkan",
    "--use-vulkan=swiftshader",
    "--disable-vulkan-surface",
];
/// Maximum bytes of a body that the page sends.
const MAX_BODY: usize = 64 << 20;
const PAGE: &str = include_str!("browser.html");

/// The browser: the program in `AIRLOCK_CHROMIUM`, else `chromium` from the path.
pub fn chromium() -> Option<PathBuf> {
    if let Some(path) = env::var_os("AIRLOCK_CHROMIUM") {
        return Some(path.into());
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join("chromium")).find(|program| program.is_file())
}

/// The results of a script in the browser.
#[derive(Debug, Default)]
pub struct Visit {
    /// Its `console.log` output, as lines.
    pub stdout: String,
    /// The files that it wrote, by their names.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The value of `globalThis.conformance`.
    pub conformance: Value,
}

/// Runs a script, `script` below `folder`, in the browser. Fails the test when the script throws, or does not end.
#[track_caller]
pub fn visit(browser: &Path, folder: &Path, script: &str) -> Visit {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let (sender, receiver) = channel();
    let files = Arc::default();
    let site = Site { folder: folder.to_owned(), files: Arc::clone(&files), results: sender };
    thread::spawn(move || site.serve(&listener));

    let profile = scratch();
    let log = profile.path().join("log");
    let mut command = Command::new(browser);
    command.args(FLAGS).arg(format!("--user-data-dir={}", profile.path().display()));
    command.arg(format!("http://{address}/?script=/{script}"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&log).expect("its log"));
    let mut browser = Browser(command.process_group(0).spawn().expect("the browser starts"));
    let result = browser.result(&receiver, &log);
    drop(browser);

    let result: Value = serde_json::from_slice(&result).expect("JSON");
    assert_eq!(result["error"], Value::Null, "{script} failed in the browser");
    let lines = result["stdout"].as_array().expect("lines").iter();
    let stdout = lines.map(|line| format!("{}\n", line.as_str().expect("a line"))).collect();
    let files = std::mem::take(&mut *files.lock().expect("the files"));
    Visit { stdout, files, conformance: result["conformance"].clone() }
}

/// A browser with all of its processes.
struct Browser(Child);

impl Browser {
    #[track_caller]
    fn result(&mut self, results: &Receiver<Vec<u8>>, log: &Path) -> Vec<u8> {
        let since = Instant::now();
        loop {
            if let Ok(result) = results.recv_timeout(Duration::from_millis(100)) {
                return result;
            }
            let ended = self.0.try_wait().expect("its status");
            if ended.is_some() || since.elapsed() > LIMIT {
                let log = fs::read(log).unwrap_or_default();
                panic!(
                    "no result after {:?}; the browser: {ended:?}\n{}",
                    since.elapsed(),
                    String::from_utf8_lossy(&log)
                );
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

/// The files for the browser, and the receiver of its results.
#[derive(Clone)]
struct Site {
    folder: PathBuf,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    results: Sender<Vec<u8>>,
}

impl Site {
    fn serve(self, listener: &TcpListener) {
        for stream in listener.incoming().map_while(Result::ok) {
            let site = self.clone();
            thread::spawn(move || site.answer(stream));
        }
    }

    /// Answers one request, then ends the connection. An invalid request gets no answer.
    fn answer(&self, mut stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut lines = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let request = lines.next()?;
        let length = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
        });
        let length = length.last().unwrap_or(0);
        if length > MAX_BODY {
            return None;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let mut words = request.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let path = target.split('?').next()?;
        let (status, kind, bytes) = match (method, path) {
            ("GET", "/") => ("200 OK", "text/html", PAGE.as_bytes().to_vec()),
            ("GET", _) => match fs::read(self.folder.join(path.trim_start_matches('/'))) {
                Ok(bytes) if path.ends_with(".json") => ("200 OK", "application/json", bytes),
                Ok(bytes) => ("200 OK", "text/javascript", bytes),
                Err(_) => ("404 Not Found", "text/plain", Vec::new()),
            },
            ("POST", "/result") => {
                self.results.send(body).ok()?;
                ("200 OK", "text/plain", Vec::new())
            }
            ("POST", _) => {
                let name = path.rsplit('/').next()?.to_owned();
                self.files.lock().ok()?.insert(name, body);
                ("200 OK", "text/plain", Vec::new())
            }
            _ => ("405 Method Not Allowed", "text/plain", Vec::new()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            bytes.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(&bytes).ok()
    }
}
