//! HTTP endpoint of the metrics: one response per connection, bounded in clients and in time.
//!
//! A scraper needs no more. Small HTTP server libraries let an idle client occupy a thread without a limit.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use super::{
    error::ServeError,
    listener::{ACCEPT_PAUSE, Access, Listening},
    options::MetricsAddress,
    sessions::Sessions,
};
use crate::lock::lock;

/// Maximum number of concurrent clients. A further one evicts the oldest: a scraper receives its response long before, so
/// the oldest is most likely an idle connection.
const MAX_CLIENTS: usize = 8;
/// Time limit for receiving a request, and again for sending the response.
const PATIENCE: Duration = Duration::from_secs(2);
/// Maximum length of a request's head in bytes.
const MAX_REQUEST: usize = 4 << 10;
/// Maximum number of a request's headers.
const MAX_HEADERS: usize = 32;

/// The listening socket of the metrics.
#[derive(Debug)]
pub struct Endpoint {
    socket: Socket,
    file: Option<PathBuf>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection, over TCP or a Unix socket.
trait Client: Read + Write + Send {
    fn patience(&self, left: Duration) -> io::Result<()>;
    /// Returns a closure that shuts the connection down from another thread.
    fn ender(&self) -> io::Result<Ender>;
}

/// Closure that shuts a connection down.
type Ender = Box<dyn Fn() + Send>;

/// Open connections, oldest first.
#[derive(Default)]
struct Clients {
    next: u64,
    served: VecDeque<(u64, Ender)>,
}

impl Clients {
    /// Evicts the oldest client if necessary, adds this one and returns its number.
    fn admit(&mut self, ender: Ender) -> u64 {
        while self.served.len() >= MAX_CLIENTS {
            if let Some((_, end)) = self.served.pop_front() {
                end();
            }
        }
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.served.push_back((number, ender));
        number
    }

    fn leave(&mut self, number: u64) {
        self.served.retain(|(of, _)| *of != number);
    }
}

impl Client for TcpStream {
    fn patience(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left))?;
        self.set_write_timeout(Some(left))
    }

    fn ender(&self) -> io::Result<Ender> {
        let connection = self.try_clone()?;
        // Fails when it has ended by itself.
        Ok(Box::new(move || drop(connection.shutdown(Shutdown::Both))))
    }
}

impl Client for UnixStream {
    fn patience(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left))?;
        self.set_write_timeout(Some(left))
    }

    fn ender(&self) -> io::Result<Ender> {
        let connection = self.try_clone()?;
        // Fails when it has ended by itself.
        Ok(Box::new(move || drop(connection.shutdown(Shutdown::Both))))
    }
}

impl Endpoint {
    /// Binds the socket.
    pub fn bind(address: &MetricsAddress, access: Access) -> Result<Self, ServeError> {
        match address {
            MetricsAddress::Unix(path) => {
                let Listening { socket, file } = Listening::make(path, access)?;
                Ok(Self { socket: Socket::Unix(socket), file })
            }
            MetricsAddress::Tcp(address) => match TcpListener::bind(address.as_str()) {
                Ok(socket) => Ok(Self { socket: Socket::Tcp(socket), file: None }),
                Err(cause) => Err(ServeError::Metrics { address: address.clone(), cause }),
            },
        }
    }

    /// The socket's file, if it has one, and its address for the log.
    pub fn place(&self) -> (Option<PathBuf>, String) {
        let place = match (&self.socket, &self.file) {
            (Socket::Tcp(socket), _) => socket.local_addr().map(|address| format!("http://{address}/metrics")).ok(),
            (Socket::Unix(_), file) => file.as_ref().map(|file| format!("unix:{}", file.display())),
        };
        (self.file.clone(), place.unwrap_or_default())
    }

    /// Starts the accepting thread.
    pub fn serve(self, sessions: Arc<Sessions>) -> io::Result<()> {
        thread::Builder::new().name("metrics".to_owned()).spawn(move || self.accept(&sessions))?;
        Ok(())
    }

    fn accept(&self, sessions: &Arc<Sessions>) {
        let clients = Arc::new(Mutex::new(Clients::default()));
        loop {
            let client: io::Result<Box<dyn Client>> = match &self.socket {
                Socket::Tcp(socket) => socket.accept().map(|(client, _)| Box::new(client) as Box<dyn Client>),
                Socket::Unix(socket) => socket.accept().map(|(client, _)| Box::new(client) as Box<dyn Client>),
            };
            match client {
                Ok(client) => {
                    let Ok(ender) = client.ender() else { continue };
                    let number = lock(&clients).admit(ender);
                    let (sessions, served) = (Arc::clone(sessions), Arc::clone(&clients));
                    let answer = move || {
                        // Connection errors concern only this client.
                        let _ = answer(client, &sessions);
                        lock(&served).leave(number);
                    };
                    if thread::Builder::new().name("scrape".to_owned()).spawn(answer).is_err() {
                        lock(&clients).leave(number);
                    }
                }
                Err(error) => {
                    tracing::debug!("cannot accept a client of the metrics: {error}");
                    thread::sleep(ACCEPT_PAUSE);
                }
            }
        }
    }
}

/// Reads a request and sends the response.
fn answer(mut client: Box<dyn Client>, sessions: &Sessions) -> io::Result<()> {
    let (status, body) = match request(&mut *client)? {
        Some(Request::Metrics) => match sessions.metrics() {
            Ok(text) => ("200 OK", text),
            Err(error) => ("500 Internal Server Error", format!("{error}\n")),
        },
        Some(Request::Other) => ("404 Not Found", "The metrics are at /metrics.\n".to_owned()),
        Some(Request::Method) => ("405 Method Not Allowed", "The metrics support GET only.\n".to_owned()),
        None => ("400 Bad Request", "Invalid request.\n".to_owned()),
    };
    client.patience(PATIENCE)?;
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        prometheus::TEXT_FORMAT,
        body.len()
    );
    client.write_all((head + &body).as_bytes())
}

/// A parsed request.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Metrics,
    Other,
    Method,
}

/// Reads a request's head; `None` if it is invalid or too long.
fn request(client: &mut dyn Client) -> io::Result<Option<Request>> {
    let deadline = Instant::now() + PATIENCE;
    let mut head = [0; MAX_REQUEST];
    let mut length = 0;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        client.patience(left)?;
        let count = match head.get_mut(length..) {
            Some(rest) if !rest.is_empty() => client.read(rest)?,
            _ => return Ok(None),
        };
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        length += count;
        match parse(head.get(..length).unwrap_or_default()) {
            Ok(Some(request)) => return Ok(Some(request)),
            Ok(None) => {}
            Err(_) => return Ok(None),
        }
    }
}

/// Parses a request's head; `None` while it is incomplete.
fn parse(head: &[u8]) -> Result<Option<Request>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    if request.parse(head)?.is_partial() {
        return Ok(None);
    }
    Ok(Some(match (request.method, request.path) {
        (Some("GET"), Some(path)) if path.split('?').next() == Some("/metrics") => Request::Metrics,
        (Some("GET"), _) => Request::Other,
        _ => Request::Method,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_distinguished() {
        let metrics = b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n";
        for length in 0..metrics.len() {
            assert_eq!(parse(&metrics[..length]), Ok(None));
        }
        assert_eq!(parse(metrics), Ok(Some(Request::Metrics)));
        assert_eq!(parse(b"GET /metrics?x=y HTTP/1.0\r\n\r\n"), Ok(Some(Request::Metrics)));
        assert_eq!(parse(b"GET / HTTP/1.1\r\n\r\n"), Ok(Some(Request::Other)));
        assert_eq!(parse(b"POST /metrics HTTP/1.1\r\n\r\n"), Ok(Some(Request::Method)));
        assert!(parse(b"\xff\xfe\0").is_err());
        let many = [&b"GET / HTTP/1.1\r\n"[..], &b"a: b\r\n".repeat(MAX_HEADERS + 1), b"\r\n"].concat();
        assert!(parse(&many).is_err());
    }
}
