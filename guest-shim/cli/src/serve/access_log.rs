//! Access log on standard output, written by a thread of its own: a slow reader loses lines and delays no requests.

use std::{
    io::Write as _,
    net::IpAddr,
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use airlock_traces::cli::terminal::harmless;
use serde::Serialize;

use super::{
    limits::{MAX_LOG_LINES, MAX_LOGGED_PATH},
    metrics::Metrics,
    options::AccessLog as Format,
};

/// Handle of the log, which may be off.
#[derive(Clone, Debug)]
pub struct AccessLog {
    format: Format,
    lines: Option<SyncSender<String>>,
    metrics: Arc<Metrics>,
}

/// Entry of a request.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// Time of the request's head, in seconds since 1970.
    pub unix_seconds: f64,
    /// Address of the client.
    pub client: IpAddr,
    /// Method.
    pub method: String,
    /// The path and the query, cut after [`MAX_LOGGED_PATH`] bytes.
    pub path: String,
    /// Status code.
    pub status: u16,
    /// Bytes of the request's body.
    pub received: u64,
    /// Bytes of the answer's body.
    pub sent: u64,
    /// Seconds from the request's head to the end of the response.
    pub seconds: f64,
    /// Part of these spent waiting for an instance.
    pub wait_seconds: f64,
    /// Number of the guest process, if one was assigned.
    pub guest: Option<u64>,
    /// False for a truncated response.
    pub complete: bool,
}

/// Truncates a path for the log.
pub fn logged(path: &str) -> String {
    let mut end = path.len().min(MAX_LOGGED_PATH);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    path.get(..end).unwrap_or_default().to_owned()
}

/// Seconds since 1970.
pub fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}

impl AccessLog {
    /// Starts the writing thread, unless the log is off.
    pub fn start(format: Format, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        if format == Format::Off {
            return Ok(Self { format, lines: None, metrics });
        }
        let (lines, from) = sync_channel::<String>(MAX_LOG_LINES);
        let write = move || {
            let mut out = std::io::stdout().lock();
            for line in from {
                if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
                    // A closed standard output ends the log, not the server.
                    return;
                }
            }
        };
        thread::Builder::new().name("access-log".to_owned()).spawn(write)?;
        Ok(Self { format, lines: Some(lines), metrics })
    }

    /// Queues an entry, or drops it when the queue is full.
    pub fn write(&self, entry: &Entry) {
        let Some(lines) = &self.lines else { return };
        if lines.try_send(line(self.format, entry)).is_err() {
            self.metrics.line_dropped();
        }
    }
}

fn line(format: Format, entry: &Entry) -> String {
    let mut line = match format {
        // Numbers and strings always serialize.
        Format::Json => serde_json::to_string(entry).unwrap_or_default(),
        Format::Text | Format::Off => text(entry),
    };
    line.push('\n');
    line
}

fn text(entry: &Entry) -> String {
    let Entry { unix_seconds, client, method, path, status, received, sent, seconds, wait_seconds, guest, complete } =
        entry;
    let guest = guest.map_or_else(|| "-".to_owned(), |guest| guest.to_string());
    let end = if *complete { "" } else { " broken" };
    let line = format!(
        "{unix_seconds:.3} {client} {method} {path} {status} in={received} out={sent} time={seconds:.4} \
         wait={wait_seconds:.4} guest={guest}{end}"
    );
    harmless(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> Entry {
        Entry {
            unix_seconds: 12.5,
            client: "127.0.0.1".parse().unwrap(),
            method: "GET".to_owned(),
            path: logged(path),
            status: 200,
            received: 0,
            sent: 5,
            seconds: 0.25,
            wait_seconds: 0.0,
            guest: Some(3),
            complete: false,
        }
    }

    #[test]
    fn lines_hold_what_a_person_or_a_program_wants() {
        let text = line(Format::Text, &entry("/a?b"));
        assert_eq!(text, "12.500 127.0.0.1 GET /a?b 200 in=0 out=5 time=0.2500 wait=0.0000 guest=3 broken\n");
        let json: serde_json::Value = serde_json::from_str(&line(Format::Json, &entry("/\"\u{1b}"))).unwrap();
        assert_eq!(json["path"], "/\"\u{1b}");
        assert_eq!(json["guest"], 3);
    }

    #[test]
    fn paths_are_cut_and_made_harmless() {
        assert_eq!(logged(&"ä".repeat(MAX_LOGGED_PATH)).len(), MAX_LOGGED_PATH);
        assert_eq!(logged(&format!("x{}", "ä".repeat(MAX_LOGGED_PATH))).len(), MAX_LOGGED_PATH - 1);
        assert!(!line(Format::Text, &entry("/\u{1b}[2J")).contains('\u{1b}'));
    }
}
