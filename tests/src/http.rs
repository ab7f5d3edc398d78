//! `airlock serve` under test, and a client that sends arbitrary bytes.
#![allow(clippy::expect_used, clippy::panic)]

use std::{
    io::{self, BufRead as _, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    processes::{arguments, children, wait_for, wait_until},
    programs::{LIMIT, airlock, signal},
};

/// An `airlock serve` of a test's own, on ports of the kernel's choice.
pub struct Server {
    child: Child,
    stderr: Arc<Mutex<String>>,
    stdout: Arc<Mutex<String>>,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Server {
    /// Starts a server for a component, and waits until it serves.
    #[track_caller]
    pub fn start(component: &Path, options: &[&str]) -> Self {
        let mut command = airlock(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        command.args(options).arg(component).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let stderr = follow(child.stderr.take().expect("its errors"));
        let stdout = follow(child.stdout.take().expect("its output"));
        let mut told = |what: &str| {
            let start = format!("airlock: {what} on http://");
            wait_for("address", LIMIT, || {
                let text = stderr.lock().expect("its errors").clone();
                let ended = child.try_wait().expect("its status").is_some();
                let address = text.lines().find_map(|line| line.strip_prefix(&start)).map(str::to_owned);
                assert!(address.is_some() || !ended, "the server says {text:?}");
                address
            })
        };
        let (admin, address) = (told("metrics, health and readiness"), told("serving"));
        let [address, admin] = [address, admin].map(|address| address.parse().expect("an address"));
        Self { child, stderr, stdout, address, admin }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id, which is the supervisor's.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("its errors").clone()
    }

    /// Its standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.lock().expect("its output").clone()
    }

    /// The processes of one part, `front` or `guest`.
    pub fn part(&self, part: &str) -> Vec<u32> {
        let flag = format!("--part={part}");
        children(self.id()).into_iter().filter(|&id| arguments(id).contains(&flag)).collect()
    }

    /// Sends a request on a connection of its own.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        ask(self.address, method, path, body).expect("an answer")
    }

    /// Sends a request to the admin address.
    #[track_caller]
    pub fn admin(&self, path: &str) -> Answer {
        ask(self.admin, "GET", path, b"").expect("an answer of the admin address")
    }

    /// One value of the metrics, by its name and labels.
    #[track_caller]
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.admin("/metrics").text();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().expect("a number")
    }

    /// Sends SIGTERM, as a service manager does.
    pub fn terminate(&self) {
        signal(self.id(), Signal::TERM);
    }

    /// Waits for its exit.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        wait_for("end of the server", LIMIT, || self.child.try_wait().expect("its status"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let (parts, _) = (children(self.id()), self.child.kill());
        let _ = self.child.wait();
        // The parts see that it is gone, and end by themselves.
        if !thread::panicking() {
            wait_until("end of its processes", LIMIT, || !parts.iter().any(|&id| crate::processes::runs(id)));
        }
    }
}

fn follow(pipe: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let all = Arc::clone(&text);
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            all.lock().expect("the text").push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
    text
}

/// An HTTP response.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// False when the connection ended before the body did.
    pub complete: bool,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| &**value)
    }
}

/// Timeout of a client for the next byte of a response. A server that is silent for longer hangs.
const SILENCE: Duration = Duration::from_secs(120);

/// Connects, with a timeout for reads.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, SILENCE)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a request on a connection of its own.
pub fn ask(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
    let mut stream = connect(address)?;
    stream.write_all(&request(method, path, body))?;
    receive(&mut BufReader::new(stream))
}

/// A request's bytes.
pub fn request(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: airlock.test\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// Receives a response: its head, and as much of the body as arrives.
pub fn receive(from: &mut BufReader<impl Read>) -> io::Result<Answer> {
    let mut answer = Answer::default();
    let status = line(from)?;
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let code = status.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    answer.status = code.and_then(|code| code.parse().ok()).ok_or_else(|| bad(&status))?;
    loop {
        let header = line(from)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').ok_or_else(|| bad(&header))?;
        answer.headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let outcome = match answer.header("content-length").and_then(|length| length.parse().ok()) {
        Some(length) => take(from, length, &mut answer.body),
        None if answer.header("transfer-encoding") == Some("chunked") => chunks(from, &mut answer.body),
        None => Ok(()),
    };
    answer.complete = outcome.is_ok();
    match outcome {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Err(error),
        _ => Ok(answer),
    }
}

fn line(from: &mut BufReader<impl Read>) -> io::Result<String> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

fn take(from: &mut BufReader<impl Read>, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    let taken = from.take(length).read_to_end(body)?;
    if taken as u64 == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn chunks(from: &mut BufReader<impl Read>, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let length = u64::from_str_radix(&line(from)?, 16).map_err(io::Error::other)?;
        take(from, length, body)?;
        line(from)?;
        if length == 0 {
            return Ok(());
        }
    }
}
