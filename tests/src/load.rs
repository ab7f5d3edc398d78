//! Load: clients that send requests in a loop, and the results of these.
#![allow(clippy::expect_used)]

use std::{
    collections::BTreeMap,
    io::{self, BufReader, Write as _},
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::http::{connect, receive, request};

/// A load.
#[derive(Clone, Debug)]
pub struct Load {
    /// The server.
    pub address: SocketAddr,
    /// `GET` or `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The body of each request.
    pub body: Vec<u8>,
    /// Concurrent clients. Each has a connection, and sends its next request after a response.
    pub clients: usize,
    /// Duration of the load.
    pub time: Duration,
}

/// The results of a load.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Responses by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Truncated responses, and connections that ended before a response.
    pub broken: u64,
    /// Requests whose response timed out.
    pub hung: u64,
    /// Times of responses with status 200, sorted.
    pub seconds: Vec<f64>,
    /// Times of all responses, sorted.
    pub all_seconds: Vec<f64>,
}

impl Report {
    /// Number of responses with a status.
    pub fn count(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or_default()
    }

    /// A percentile of the times of responses with status 200, in seconds.
    pub fn percentile(&self, part: f64) -> f64 {
        let index = (self.seconds.len().saturating_sub(1) as f64 * part).round() as usize;
        self.seconds.get(index).copied().unwrap_or(f64::NAN)
    }

    /// As one JSON object.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "statuses": self.statuses,
            "broken": self.broken,
            "hung": self.hung,
            "p50_ms": (self.percentile(0.5) * 1e4).round() / 10.0,
            "p99_ms": (self.percentile(0.99) * 1e4).round() / 10.0,
            "longest_ms": (self.all_seconds.last().copied().unwrap_or(f64::NAN) * 1e4).round() / 10.0,
        })
    }
}

/// Runs the load to its end.
pub fn run(load: &Load) -> Report {
    let report = Mutex::new(Report::default());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..load.clients {
            scope.spawn(|| {
                let mine = client(load, &over);
                let mut all = report.lock().expect("the report");
                for (status, count) in mine.statuses {
                    *all.statuses.entry(status).or_default() += count;
                }
                all.broken += mine.broken;
                all.hung += mine.hung;
                all.seconds.extend(mine.seconds);
                all.all_seconds.extend(mine.all_seconds);
            });
        }
        // The duration of the load itself, not a wait for an event.
        thread::sleep(load.time);
        over.store(true, Ordering::Relaxed);
    });
    let mut report = report.into_inner().expect("the report");
    report.seconds.sort_by(f64::total_cmp);
    report.all_seconds.sort_by(f64::total_cmp);
    report
}

fn client(load: &Load, over: &AtomicBool) -> Report {
    let mut report = Report::default();
    let request = request(&load.method, &load.path, &load.body);
    let mut connection = None;
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        let outcome = exchange(load.address, &mut connection, &request);
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Ok(answer) => {
                *report.statuses.entry(answer.status).or_default() += 1;
                report.broken += u64::from(!answer.complete);
                report.all_seconds.push(seconds);
                if answer.status == 200 && answer.complete {
                    report.seconds.push(seconds);
                }
                if !answer.complete || answer.header("connection") == Some("close") {
                    connection = None;
                }
            }
            Err(error) => {
                connection = None;
                match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => report.hung += 1,
                    _ => report.broken += 1,
                }
            }
        }
    }
    report
}

fn exchange(
    address: SocketAddr,
    connection: &mut Option<BufReader<std::net::TcpStream>>,
    request: &[u8],
) -> io::Result<crate::http::Answer> {
    let stream = match connection {
        Some(stream) => stream,
        None => connection.insert(BufReader::new(connect(address)?)),
    };
    stream.get_mut().write_all(request)?;
    receive(stream)
}
