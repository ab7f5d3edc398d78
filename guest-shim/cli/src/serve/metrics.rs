//! Counters of the front, in Prometheus's text format.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder, core::Collector,
};

use super::channel::Ready;

/// Upper bounds of the latency buckets, in seconds.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Classes of status codes.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// All metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    refused: IntCounterVec,
    in_flight: IntGauge,
    waiting: IntGauge,
    connections: IntGauge,
    seconds: Histogram,
    wait_seconds: Histogram,
    received: IntCounter,
    sent: IntCounter,
    alive: IntGauge,
    guest_ends: IntCounter,
    instances: IntCounter,
    retries: IntCounter,
    sessions: IntCounter,
    gpu_seconds: prometheus::Counter,
    lines_dropped: IntCounter,
}

impl Metrics {
    /// Registers all metrics at zero.
    pub fn new() -> prometheus::Result<Self> {
        let histogram =
            |name: &str, help: &str| Histogram::with_opts(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()));
        let metrics = Self {
            registry: Registry::new(),
            requests: IntCounterVec::new(
                Opts::new("airlock_http_requests_total", "Requests that were answered, by class of status."),
                &["status"],
            )?,
            refused: IntCounterVec::new(
                Opts::new("airlock_http_own_answers_total", "Answers of the front process itself, by status."),
                &["status"],
            )?,
            in_flight: IntGauge::new(
                "airlock_http_requests",
                "Requests that are being received, answered or waiting.",
            )?,
            waiting: IntGauge::new("airlock_http_requests_waiting", "Requests that wait for an instance.")?,
            connections: IntGauge::new("airlock_http_connections", "Connections of clients.")?,
            seconds: histogram("airlock_http_request_seconds", "From a request's head to the end of its answer.")?,
            wait_seconds: histogram("airlock_http_wait_seconds", "How long requests waited for an instance.")?,
            received: IntCounter::new("airlock_http_received_bytes_total", "Bytes of requests' bodies.")?,
            sent: IntCounter::new("airlock_http_sent_bytes_total", "Bytes of answers' bodies.")?,
            alive: IntGauge::new("airlock_guest_processes", "Guest processes that can answer or are answering.")?,
            guest_ends: IntCounter::new("airlock_guest_processes_ended_total", "Guest processes that ended.")?,
            instances: IntCounter::new("airlock_instances_total", "Instances of the component that were made.")?,
            retries: IntCounter::new("airlock_http_retries_total", "Requests that were handed to a second instance.")?,
            sessions: IntCounter::new("airlock_gpu_sessions_total", "GPU sessions that guests had.")?,
            gpu_seconds: prometheus::Counter::new(
                "airlock_gpu_busy_seconds_total",
                "Time that GPU processes spent on guests' commands, as they count it.",
            )?,
            lines_dropped: IntCounter::new(
                "airlock_http_log_lines_dropped_total",
                "Lines of the access log that its reader was too slow for.",
            )?,
        };
        let all: [Box<dyn Collector>; 16] = [
            Box::new(metrics.requests.clone()),
            Box::new(metrics.refused.clone()),
            Box::new(metrics.in_flight.clone()),
            Box::new(metrics.waiting.clone()),
            Box::new(metrics.connections.clone()),
            Box::new(metrics.seconds.clone()),
            Box::new(metrics.wait_seconds.clone()),
            Box::new(metrics.received.clone()),
            Box::new(metrics.sent.clone()),
            Box::new(metrics.alive.clone()),
            Box::new(metrics.guest_ends.clone()),
            Box::new(metrics.instances.clone()),
            Box::new(metrics.retries.clone()),
            Box::new(metrics.sessions.clone()),
            Box::new(metrics.gpu_seconds.clone()),
            Box::new(metrics.lines_dropped.clone()),
        ];
        for collector in all {
            metrics.registry.register(collector)?;
        }
        // Present from the start, so that the first event is an increase.
        for class in CLASSES {
            metrics.requests.with_label_values(&[class]);
        }
        for status in ["408", "413", "502", "503", "504"] {
            metrics.refused.with_label_values(&[status]);
        }
        Ok(metrics)
    }

    /// Counts a request in flight, or its end with `-1`.
    pub fn in_flight(&self, by: i64) {
        self.in_flight.add(by);
    }

    /// Counts a waiting request, or its end with `-1`.
    pub fn waiting(&self, by: i64) {
        self.waiting.add(by);
    }

    /// Counts a connection, or its end with `-1`.
    pub fn connections(&self, by: i64) {
        self.connections.add(by);
    }

    /// Records the wait of a request for its instance.
    pub fn waited(&self, time: Duration) {
        self.wait_seconds.observe(time.as_secs_f64());
    }

    /// Counts a retry.
    pub fn retried(&self) {
        self.retries.inc();
    }

    /// Records a completed request. `own`: the response was the front's.
    pub fn answered(&self, status: u16, own: bool, time: Duration, received: u64, sent: u64) {
        let class = usize::from(status / 100).checked_sub(2).and_then(|class| CLASSES.get(class));
        self.requests.with_label_values(&[class.unwrap_or(&"other")]).inc();
        if own {
            self.refused.with_label_values(&[&*status.to_string()]).inc();
        }
        self.seconds.observe(time.as_secs_f64());
        self.received.inc_by(received);
        self.sent.inc_by(sent);
    }

    /// Adds the report of a guest process.
    pub fn guest_used(&self, used: Ready) {
        self.instances.inc_by(used.instances);
        self.sessions.inc_by(used.sessions);
        self.gpu_seconds.inc_by(Duration::from_nanos(used.gpu_ns).as_secs_f64());
    }

    /// Counts the end of a guest process.
    pub fn guest_ended(&self) {
        self.guest_ends.inc();
    }

    /// Counts a dropped line of the access log.
    pub fn line_dropped(&self) {
        self.lines_dropped.inc();
    }

    /// Renders all metrics, with the number of live guest processes.
    pub fn text(&self, alive: usize) -> prometheus::Result<String> {
        self.alive.set(i64::try_from(alive).unwrap_or(i64::MAX));
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_in_the_text() {
        let metrics = Metrics::new().unwrap();
        metrics.answered(200, false, Duration::from_millis(3), 10, 20);
        metrics.answered(503, true, Duration::from_secs(60), 0, 9);
        metrics.answered(101, false, Duration::ZERO, 0, 0);
        metrics.guest_used(Ready { sessions: 2, gpu_ns: 1_500_000_000, instances: 3 });
        let text = metrics.text(4).unwrap();
        for line in [
            "airlock_http_requests_total{status=\"2xx\"} 1",
            "airlock_http_requests_total{status=\"5xx\"} 1",
            "airlock_http_requests_total{status=\"other\"} 1",
            "airlock_http_own_answers_total{status=\"503\"} 1",
            "airlock_http_own_answers_total{status=\"413\"} 0",
            "airlock_http_request_seconds_bucket{le=\"0.005\"} 2",
            "airlock_http_request_seconds_count 3",
            "airlock_gpu_busy_seconds_total 1.5",
            "airlock_gpu_sessions_total 2",
            "airlock_instances_total 3",
            "airlock_guest_processes 4",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
        }
    }
}
