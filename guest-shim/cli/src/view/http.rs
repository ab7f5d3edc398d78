//! One connection of HTTP/1.1: requests are read whole, within limits and a time, and answered one after the other.
//!
//! A thread for each connection needs no runtime, and a slow viewer blocks only its own thread. `httparse` parses requests.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

/// Maximum bytes of a request's head; a browser's has one or two thousand.
const MAX_HEAD: usize = 16 << 10;

/// Maximum number of a request's headers.
const MAX_HEADERS: usize = 64;

/// Maximum bytes of a request's body; a burst of input has a few hundred.
pub const MAX_BODY: usize = 16 << 10;

/// Time limit of a request's arrival and of a write: an idle client must not occupy a connection indefinitely.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Headers of every response: the address has the token in it, and must not be passed on or stored.
const HEADERS: &str = "Referrer-Policy: no-referrer\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";

/// A request.
#[derive(Debug, PartialEq)]
pub struct Request {
    /// Method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Body.
    pub body: Vec<u8>,
    /// The connection is kept alive.
    keeps: bool,
}

/// A response.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The status, such as `200 OK`.
    pub status: &'static str,
    /// Content-Type.
    pub kind: &'static str,
    /// Additional headers, each with CRLF.
    pub headers: String,
    /// Body.
    pub body: std::borrow::Cow<'a, [u8]>,
}

impl Answer<'_> {
    /// A line of text.
    pub fn text(status: &'static str, text: &str) -> Self {
        let kind = "text/plain; charset=utf-8";
        Self { status, kind, headers: String::new(), body: text.as_bytes().to_vec().into() }
    }
}

/// A connection.
pub struct Connection {
    stream: TcpStream,
    /// Bytes of the next request.
    read: Vec<u8>,
}

/// The head of a request.
struct Head {
    method: String,
    path: String,
    length: usize,
    keeps: bool,
    /// The body has no length (`Transfer-Encoding`).
    chunked: bool,
    end: usize,
}

impl Connection {
    /// Takes over a socket.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(TIME_LIMIT))?;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Reads a request. `None` at the end of the connection; an inner error is the response after which it is closed.
    pub fn request(&mut self) -> io::Result<Option<Result<Request, Answer<'static>>>> {
        let deadline = Instant::now() + TIME_LIMIT;
        let head = loop {
            match head(&self.read) {
                Ok(Some(head)) => break head,
                Ok(None) if self.read.len() > MAX_HEAD => {
                    return Ok(Some(Err(Answer::text(
                        "431 Request Header Fields Too Large",
                        "the request is too long\n",
                    ))));
                }
                Ok(None) => {}
                Err(()) => return Ok(Some(Err(Answer::text("400 Bad Request", "this is no request of HTTP/1.1\n")))),
            }
            if !self.more(deadline)? {
                return Ok(None);
            }
        };
        let Head { method, path, length, keeps, chunked, end } = head;
        if chunked {
            return Ok(Some(Err(Answer::text("411 Length Required", "a request says how long its body is\n"))));
        }
        if length > MAX_BODY {
            return Ok(Some(Err(Answer::text("413 Content Too Large", "input of one moment has at most 16 KiB\n"))));
        }
        let whole = end.saturating_add(length);
        while self.read.len() < whole {
            if !self.more(deadline)? {
                return Ok(None);
            }
        }
        let body = self.read.get(end..whole).unwrap_or_default().to_vec();
        self.read.drain(..whole);
        Ok(Some(Ok(Request { method, path, body, keeps })))
    }

    /// Reads more bytes; false at the end of the stream.
    fn more(&mut self, deadline: Instant) -> io::Result<bool> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut piece = [0; 4096];
        let count = self.stream.read(&mut piece)?;
        self.read.extend_from_slice(piece.get(..count).unwrap_or_default());
        Ok(count > 0)
    }

    /// Sends a response; true if the connection is kept alive.
    pub fn answer(&mut self, answer: &Answer<'_>, keeps: bool) -> io::Result<bool> {
        let Answer { status, kind, headers, body } = answer;
        let after = if keeps { "keep-alive" } else { "close" };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: {after}\r\n{HEADERS}{headers}\r\n",
            body.len()
        );
        self.stream.write_all(&[head.as_bytes(), body].concat())?;
        if !keeps {
            // Closing with unread input resets the connection, and the client would lose the response.
            self.stream.shutdown(std::net::Shutdown::Write)?;
            self.drain()?;
        }
        Ok(keeps)
    }

    /// Reads and discards input until the peer ends, within limits of time and size.
    fn drain(&mut self) -> io::Result<()> {
        const MAX_DRAINED: usize = 1 << 20;
        let deadline = Instant::now() + Duration::from_secs(1);
        let mut total = 0;
        loop {
            self.read.clear();
            if total > MAX_DRAINED || !self.more(deadline)? {
                return Ok(());
            }
            total += self.read.len();
        }
    }

    /// Begins a multipart response, which ends with the connection.
    pub fn begin(&mut self, kind: &str) -> io::Result<()> {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n{HEADERS}\r\n");
        self.stream.write_all(head.as_bytes())
    }

    /// Writes a part; blocks while the socket's buffer is full.
    pub fn part(&mut self, part: &[u8]) -> io::Result<()> {
        self.stream.write_all(part)
    }

    /// False once the peer has closed the connection.
    pub fn is_open(&self) -> bool {
        if self.stream.set_read_timeout(Some(Duration::from_millis(1))).is_err() {
            return false;
        }
        match self.stream.peek(&mut [0]) {
            Ok(count) => count > 0,
            Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
        }
    }
}

impl Request {
    /// True if the connection is kept alive.
    pub fn keeps(&self) -> bool {
        self.keeps
    }
}

/// Parses the head of a request; `None` while it is incomplete.
fn head(bytes: &[u8]) -> Result<Option<Head>, ()> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let end = match request.parse(bytes) {
        Ok(httparse::Status::Complete(end)) => end,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(()),
    };
    let value = |name: &str| {
        request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    };
    let length = match value("content-length") {
        None => 0,
        Some(text) => std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok()).ok_or(())?,
    };
    let closes = value("connection").is_some_and(|text| text.eq_ignore_ascii_case(b"close"));
    Ok(Some(Head {
        method: request.method.unwrap_or_default().to_owned(),
        path: request.path.unwrap_or_default().to_owned(),
        length,
        keeps: request.version == Some(1) && !closes,
        chunked: value("transfer-encoding").is_some(),
        end,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_whole_or_not_at_all() {
        let text = b"POST /t/input HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\nbody";
        for end in 0..text.len() - 4 {
            assert!(matches!(head(&text[..end]), Ok(None)), "{end}");
        }
        let head = head(text).unwrap().unwrap();
        assert_eq!((head.method.as_str(), head.path.as_str(), head.length, head.keeps), ("POST", "/t/input", 12, true));
        assert_eq!(head.end, text.len() - 4);
    }

    #[test]
    fn malformed_heads_are_errors() {
        let wrong: [&[u8]; 5] = [
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"GET\r\n\r\n",
            b"GET / HTTP/9\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        ];
        for text in wrong {
            assert!(head(text).is_err(), "{text:?}");
        }
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MAX_HEADERS + 1));
        assert!(head(many.as_bytes()).is_err());
        let old = head(b"GET / HTTP/1.0\r\n\r\n").unwrap().unwrap();
        assert!(!old.keeps);
        let chunked = head(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap().unwrap();
        assert!(chunked.chunked);
    }
}
