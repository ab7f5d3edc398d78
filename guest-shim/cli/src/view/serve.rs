//! The page, the stream of pictures, input and buttons. Every address begins with the token.

use std::{
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    http::{Answer, Connection, Request},
    latest::{Latest, Next, Picture},
    link::{FromFront, Link, ViewerEvent},
};

/// Maximum number of connections (a browser opens up to six). Others are closed at once.
const MAX_CONNECTIONS: usize = 64;

/// Maximum number of events of a request.
const MAX_EVENTS: usize = 128;

/// Interval at which a stream without new pictures checks that its viewer is connected.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Time limit for viewers to receive the end of the stream.
const END_LIMIT: Duration = Duration::from_millis(500);

/// Boundary of the multipart response.
const BOUNDARY: &str = "airlock-frame";

/// The one page.
const PAGE: &str = include_str!("page.html");

/// The page loads from and sends to this server only, and no other page may frame it.
const POLICY: &str = "Content-Security-Policy: default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; \
                      style-src 'unsafe-inline'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; \
                      form-action 'none'\r\n";

/// The server.
#[derive(Debug)]
pub struct Server {
    link: Link,
    token: String,
    latest: Arc<Latest>,
    records: bool,
    connections: AtomicUsize,
    watchers: AtomicU32,
    inputs: AtomicU64,
}

impl Server {
    /// A server that answers requests with the token.
    pub fn new(link: Link, token: String, latest: Arc<Latest>, records: bool) -> Arc<Self> {
        let (connections, watchers, inputs) = Default::default();
        Arc::new(Self { link, token, latest, records, connections, watchers, inputs })
    }

    /// Accepts connections in an endless loop.
    pub fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept() else {
                // For example, too many descriptors are open; connections that end free some.
                thread::sleep(Duration::from_millis(50));
                continue;
            };
            if self.connections.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
                self.connections.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let server = Arc::clone(self);
            let serve = move || {
                server.serve(stream);
                server.connections.fetch_sub(1, Ordering::Relaxed);
            };
            if thread::Builder::new().name("viewer".to_owned()).spawn(serve).is_err() {
                self.connections.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits until viewers have received the end of the stream.
    pub fn finish(&self) {
        let deadline = Instant::now() + END_LIMIT;
        while self.watchers.load(Ordering::Relaxed) > 0 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// One connection. A malformed request ends it, and affects no other.
    fn serve(&self, stream: TcpStream) {
        let served = Connection::new(stream).and_then(|mut connection| {
            loop {
                let more = match connection.request()? {
                    None => return Ok(()),
                    Some(Err(answer)) => connection.answer(&answer, false)?,
                    Some(Ok(request)) => match self.page_of(&request) {
                        Ok("stream") if request.method == "GET" => return self.stream(&mut connection),
                        Ok(page) => connection.answer(&self.answer(&request, page), request.keeps())?,
                        Err(answer) => connection.answer(&answer, false)?,
                    },
                };
                if !more {
                    return Ok(());
                }
            }
        });
        if let Err(error) = served {
            tracing::debug!("a viewer's connection: {error}");
        }
    }

    /// The part of a request's path after the token.
    fn page_of<'r>(&self, request: &'r Request) -> Result<&'r str, Answer<'static>> {
        let refused = |text| Answer::text("403 Forbidden", text);
        let path = request.path.strip_prefix('/').and_then(|path| path.split_once('/'));
        match path {
            None => Err(refused("open the address that airlock has printed, with its last slash\n")),
            Some((token, _)) if !same(token, &self.token) => {
                Err(refused("wrong token: open the address that airlock has printed\n"))
            }
            Some((_, page)) => Ok(page),
        }
    }

    fn answer(&self, request: &Request, page: &str) -> Answer<'_> {
        let ok = |text: &str| Answer::text("200 OK", text);
        let tell = |message: FromFront| drop(self.link.send(&message));
        match (request.method.as_str(), page) {
            ("GET", "") => Answer {
                status: "200 OK",
                kind: "text/html; charset=utf-8",
                headers: POLICY.to_owned(),
                body: PAGE.as_bytes().into(),
            },
            ("POST", "input") => self.input(&request.body),
            ("POST", "pause") => {
                tell(FromFront::Pause { paused: true });
                ok("paused")
            }
            ("POST", "resume") => {
                tell(FromFront::Pause { paused: false });
                ok("")
            }
            ("POST", "step") => {
                tell(FromFront::Pause { paused: true });
                tell(FromFront::Step);
                ok("paused")
            }
            ("POST", "trace") if self.records => {
                tell(FromFront::Trace);
                ok("the flight recorder writes its trace")
            }
            ("POST", "trace") => Answer::text("409 Conflict", "no flight recorder: run with --flight-recorder DIR"),
            _ => Answer::text("404 Not Found", "there is no such page\n"),
        }
    }

    /// Events of a browser; the response is the number of the last one.
    fn input(&self, body: &[u8]) -> Answer<'static> {
        let events = match serde_json::from_slice::<Vec<ViewerEvent>>(body) {
            Ok(events) if events.len() <= MAX_EVENTS && events.iter().all(ViewerEvent::is_valid) => events,
            _ => return Answer::text("400 Bad Request", "this is no list of events\n"),
        };
        let mut last = self.inputs.load(Ordering::Relaxed);
        for event in events {
            last = self.inputs.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            let _ = self.link.send(&FromFront::Input { number: last, event });
        }
        Answer::text("200 OK", &last.to_string())
    }

    /// Streams pictures (multipart/x-mixed-replace): each is the latest at the time when the previous one has been
    /// sent.
    fn stream(&self, connection: &mut Connection) -> std::io::Result<()> {
        connection.begin(&format!("multipart/x-mixed-replace; boundary={BOUNDARY}"))?;
        let _watcher = Watcher::new(self);
        let mut seen = 0;
        loop {
            match self.latest.after(seen, CHECK_INTERVAL) {
                Next::Picture(picture, version) => {
                    seen = version;
                    connection.part(&part(&picture))?;
                }
                Next::Nothing if connection.is_open() => {}
                Next::Nothing | Next::Over => return Ok(()),
            }
        }
    }
}

/// Guard that counts a viewer of the stream.
struct Watcher<'a>(&'a Server);

impl<'a> Watcher<'a> {
    fn new(server: &'a Server) -> Self {
        let count = server.watchers.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let _ = server.link.send(&FromFront::Watchers { count });
        Self(server)
    }
}

impl Drop for Watcher<'_> {
    fn drop(&mut self) {
        let count = self.0.watchers.fetch_sub(1, Ordering::Relaxed).saturating_sub(1);
        let _ = self.0.link.send(&FromFront::Watchers { count });
    }
}

/// Compares in constant time.
fn same(given: &str, token: &str) -> bool {
    given.len() == token.len() && given.bytes().zip(token.bytes()).fold(0, |rest, (a, b)| rest | (a ^ b)) == 0
}

fn part(picture: &Picture) -> Vec<u8> {
    let Picture { shown, jpeg } = picture;
    let head = format!(
        "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\nX-Frame: {}\r\nX-Input: {}\r\nX-Size: {}x{}\r\n\r\n",
        jpeg.len(),
        shown.number,
        shown.input,
        shown.width,
        shown.height
    );
    [head.as_bytes(), jpeg, b"\r\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_compared_whole() {
        assert!(same("abc", "abc"));
        for wrong in ["", "ab", "abd", "abcd", "Abc"] {
            assert!(!same(wrong, "abc"), "{wrong}");
        }
    }
}
