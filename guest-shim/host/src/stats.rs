//! Statistics of a run, as `--stats` prints them.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use airlock_protocol::events::Report;
use serde::Serialize;

use crate::v0_3::FUNCTIONS;
use airlock_client::ClientStats;

/// The functions that may wait for the daemon. All are `async`, so that other tasks of the guest continue; every other
/// function returns from shadow state.
pub const MAY_WAIT: [&str; 8] = [
    "gpu.request-adapter",
    "gpu-adapter.request-device",
    "gpu-buffer.map-async",
    "gpu-queue.on-submitted-work-done",
    "gpu-device.pop-error-scope",
    "gpu-device.create-compute-pipeline-async",
    "gpu-device.create-render-pipeline-async",
    "gpu-shader-module.get-compilation-info",
];

/// Calls and requests of one context, by function.
#[derive(Debug)]
pub(crate) struct Counters {
    calls: Box<[u64; FUNCTIONS.len()]>,
    waits: Box<[u64; FUNCTIONS.len()]>,
}

impl Default for Counters {
    fn default() -> Self {
        Self { calls: Box::new([0; FUNCTIONS.len()]), waits: Box::new([0; FUNCTIONS.len()]) }
    }
}

impl Counters {
    #[inline]
    pub(crate) fn called(&mut self, function: usize) {
        if let Some(count) = self.calls.get_mut(function) {
            *count += 1;
        }
    }

    /// Counts requests that a function made of the daemon.
    pub(crate) fn waits(&mut self, function: usize, requests: u64) {
        if let Some(count) = self.waits.get_mut(function) {
            *count += requests;
        }
    }

    pub(crate) fn snapshot(&self, client: &ClientStats) -> Stats {
        let named = |counts: &[u64]| -> Vec<Count> {
            FUNCTIONS
                .iter()
                .zip(counts)
                .filter(|&(_, &count)| count > 0)
                .map(|(&function, &count)| Count { function, count })
                .collect()
        };
        let waits = named(&*self.waits);
        let allowed: u64 = waits.iter().filter(|wait| MAY_WAIT.contains(&wait.function)).map(|wait| wait.count).sum();
        let ClientStats { stream, sessions, requests, blocked } = *client;
        Stats {
            calls: named(&*self.calls),
            waits,
            // Includes requests that no function accounts for.
            blocking_waits: requests.saturating_sub(allowed),
            commands: stream.commands,
            batches: stream.batches,
            stream_bytes: stream.stream_bytes,
            data_bytes: stream.data_bytes,
            backpressure_waits: stream.ring_waits,
            backpressure_ns: nanoseconds(stream.ring_wait),
            blocks: blocked.count,
            blocked_ns: nanoseconds(blocked.time),
            sessions,
            guest_ns: None,
            daemon_ns: None,
            daemon_commands: None,
        }
    }
}

/// Nanoseconds of a duration, for the statistics.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Calls of one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// `resource.function`, as in [`FUNCTIONS`].
    pub function: &'static str,
    /// Number of calls.
    pub count: u64,
}

/// Statistics of a run. `Display` writes the text of `--stats`, `Serialize` the JSON of `--stats=json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Functions that the guest called, in WIT order.
    pub calls: Vec<Count>,
    /// Functions that waited for a reply of the daemon, while other tasks of the guest continued.
    pub waits: Vec<Count>,
    /// Requests to the daemon of functions that are not in [`MAY_WAIT`]. Tests hold it at zero.
    pub blocking_waits: u64,
    /// Commands sent.
    pub commands: u64,
    /// Batches sent.
    pub batches: u64,
    /// Bytes of batches.
    pub stream_bytes: u64,
    /// Bytes of buffer and texture data from the guest, in batches and through the ring.
    pub data_bytes: u64,
    /// Uploads that waited for room in the shared ring.
    pub backpressure_waits: u64,
    /// Nanoseconds of those waits.
    pub backpressure_ns: u64,
    /// Blocks of the guest's thread: for room in the ring, in the send queue or in a recording, or for the end of an earlier
    /// worker. No task of the guest continues meanwhile.
    pub blocks: u64,
    /// Nanoseconds of those blocks.
    pub blocked_ns: u64,
    /// Workers used.
    pub sessions: u32,
    /// Nanoseconds from the guest's start to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_ns: Option<u64>,
    /// Nanoseconds that the last worker spent executing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daemon_ns: Option<u64>,
    /// Commands that the last worker executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daemon_commands: Option<u64>,
}

impl Stats {
    /// Adds the worker's own report.
    pub fn with_report(mut self, report: Report) -> Self {
        self.daemon_ns = Some(report.busy_ns);
        self.daemon_commands = Some(report.commands);
        self
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u64 = self.calls.iter().map(|call| call.count).sum();
        writeln!(f, "{total} calls of {} functions", self.calls.len())?;
        let mut calls: Vec<_> = self.calls.iter().collect();
        calls.sort_by_key(|call| std::cmp::Reverse(call.count));
        for call in calls {
            writeln!(f, "{:>12}  {}", call.count, call.function)?;
        }
        let waits: u64 = self.waits.iter().map(|wait| wait.count).sum();
        let rows = [
            ("commands", self.commands.to_string()),
            ("batches", self.batches.to_string()),
            ("command bytes", bytes(self.stream_bytes)),
            ("data bytes", bytes(self.data_bytes)),
            ("asynchronous waits", waits.to_string()),
            ("blocking waits", self.blocking_waits.to_string()),
            ("waits for ring room", format!("{} ({})", self.backpressure_waits, time(self.backpressure_ns))),
            ("thread blocks", format!("{} ({})", self.blocks, time(self.blocked_ns))),
            ("workers", self.sessions.to_string()),
        ];
        for (name, value) in rows {
            writeln!(f, "{name:<20} {value}")?;
        }
        if let Some(ns) = self.guest_ns {
            writeln!(f, "{:<20} {}", "time of the guest", time(ns))?;
        }
        if let Some(ns) = self.daemon_ns {
            writeln!(f, "{:<20} {}", "time in the daemon", time(ns))?;
        }
        Ok(())
    }
}

fn bytes(count: u64) -> String {
    let mut text = count.to_string();
    if count >= 1 << 20 {
        let _ = write!(text, " ({:.1} MiB)", count as f64 / f64::from(1 << 20));
    }
    text
}

fn time(ns: u64) -> String {
    match ns {
        0..1_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => format!("{:.2} s", ns as f64 / 1e9),
    }
}
