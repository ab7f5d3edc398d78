//! Metrics of `serve`, in Prometheus's text format.

use std::{collections::BTreeMap, time::Duration};

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    core::Collector,
};

use super::{admission::Refusal, ends::Cause};
use crate::worker::status::{End, Status};

/// Upper bounds of the histogram of sessions' lengths, in seconds.
const SECONDS: [f64; 9] = [0.1, 1.0, 5.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0];

/// All metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    running: IntGauge,
    of_claims: IntGaugeVec,
    crashes_of_claims: IntCounterVec,
    started: IntCounter,
    refused: IntCounterVec,
    ended: IntCounterVec,
    seconds: Histogram,
    received: IntCounter,
    sent: IntCounter,
    batches: IntCounter,
    commands: IntCounter,
    submits: IntCounter,
    memory: IntGauge,
    own_memory: IntGauge,
    quota_hits: IntCounter,
    throttled: IntCounter,
    crashes: IntCounterVec,
    deadlines: IntCounterVec,
    lines_dropped: IntCounter,
}

impl Metrics {
    /// Registers all metrics at zero. Known label values exist from the start, so that a first event is an increase.
    pub fn new() -> prometheus::Result<Self> {
        let metrics = Self {
            registry: Registry::new(),
            running: IntGauge::new("airlock_sessions", "Sessions that are running.")?,
            of_claims: IntGaugeVec::new(
                Opts::new("airlock_claim_sessions", "Sessions that are running, by claim."),
                &["claim"],
            )?,
            crashes_of_claims: IntCounterVec::new(
                Opts::new("airlock_claim_crashes_total", "Workers that crashed, by claim."),
                &["claim"],
            )?,
            started: IntCounter::new("airlock_sessions_started_total", "Sessions that were started.")?,
            refused: IntCounterVec::new(
                Opts::new("airlock_sessions_refused_total", "Clients that got no session, by reason."),
                &["reason"],
            )?,
            ended: IntCounterVec::new(
                Opts::new("airlock_sessions_ended_total", "Sessions that ended, by what ended them."),
                &["end"],
            )?,
            seconds: Histogram::with_opts(
                HistogramOpts::new("airlock_session_seconds", "How long sessions lasted that ended.")
                    .buckets(SECONDS.to_vec()),
            )?,
            received: IntCounter::new("airlock_received_bytes_total", "Bytes of batches and data from clients.")?,
            sent: IntCounter::new("airlock_sent_bytes_total", "Bytes of events to clients.")?,
            batches: IntCounter::new("airlock_batches_total", "Batches that workers executed.")?,
            commands: IntCounter::new("airlock_commands_total", "Commands that workers executed.")?,
            submits: IntCounter::new("airlock_submits_total", "Submits to GPU queues.")?,
            memory: IntGauge::new("airlock_gpu_memory_bytes", "GPU memory of running sessions' buffers and textures.")?,
            own_memory: IntGauge::new("airlock_memory_bytes", "Memory of running workers, as it was last looked at.")?,
            quota_hits: IntCounter::new("airlock_quota_hits_total", "Creations and writes that a quota refused.")?,
            throttled: IntCounter::new(
                "airlock_throttled_total",
                "Submits and writes that waited for earlier ones because of a quota.",
            )?,
            crashes: IntCounterVec::new(
                Opts::new("airlock_worker_crashes_total", "Workers that crashed, by signal, or panic."),
                &["signal"],
            )?,
            deadlines: IntCounterVec::new(
                Opts::new("airlock_watchdog_kills_total", "Sessions that a deadline ended, by deadline."),
                &["deadline"],
            )?,
            lines_dropped: IntCounter::new(
                "airlock_worker_log_lines_dropped_total",
                "Lines that workers printed and that were too many for the log.",
            )?,
        };
        let all: [Box<dyn Collector>; 19] = [
            Box::new(metrics.running.clone()),
            Box::new(metrics.of_claims.clone()),
            Box::new(metrics.crashes_of_claims.clone()),
            Box::new(metrics.started.clone()),
            Box::new(metrics.refused.clone()),
            Box::new(metrics.ended.clone()),
            Box::new(metrics.seconds.clone()),
            Box::new(metrics.received.clone()),
            Box::new(metrics.sent.clone()),
            Box::new(metrics.batches.clone()),
            Box::new(metrics.commands.clone()),
            Box::new(metrics.submits.clone()),
            Box::new(metrics.memory.clone()),
            Box::new(metrics.own_memory.clone()),
            Box::new(metrics.quota_hits.clone()),
            Box::new(metrics.throttled.clone()),
            Box::new(metrics.crashes.clone()),
            Box::new(metrics.deadlines.clone()),
            Box::new(metrics.lines_dropped.clone()),
        ];
        for collector in all {
            metrics.registry.register(collector)?;
        }
        for reason in Refusal::REASONS {
            metrics.refused.with_label_values(&[reason]);
        }
        for end in Cause::LABELS {
            metrics.ended.with_label_values(&[end]);
        }
        for end in End::ALL {
            if let Some(deadline) = deadline(end) {
                metrics.deadlines.with_label_values(&[deadline]);
            }
        }
        Ok(metrics)
    }

    /// Counts a started session.
    pub fn started(&self) {
        self.started.inc();
    }

    /// Counts a refused client.
    pub fn refused(&self, refusal: &Refusal) {
        self.refused.with_label_values(&[refusal.reason()]).inc();
    }

    /// Adds the increase of a running session's counters.
    pub fn grown(&self, by: &Status) {
        add(&self.received, by.bytes_in);
        add(&self.sent, by.bytes_out);
        add(&self.batches, by.batches);
        add(&self.commands, by.commands);
        add(&self.submits, by.submits);
        add(&self.quota_hits, by.quota_hits);
        add(&self.throttled, by.throttled);
    }

    /// Counts an ended session, of a claim or not.
    pub fn ended(&self, cause: Cause, claim: Option<&str>, length: Duration, lines_dropped: u64) {
        self.ended.with_label_values(&[cause.label()]).inc();
        self.seconds.observe(length.as_secs_f64());
        if let Some(signal) = cause.crash() {
            self.crashes.with_label_values(&[&*signal]).inc();
            if let Some(claim) = claim {
                self.crashes_of_claims.with_label_values(&[claim]).inc();
            }
        }
        if let Cause::End(end) = cause
            && let Some(deadline) = deadline(end)
        {
            self.deadlines.with_label_values(&[deadline]).inc();
        }
        add(&self.lines_dropped, lines_dropped);
    }

    /// Sets the running sessions of each claim. All claims have counters from the first scrape on.
    pub fn claims(&self, sessions: &BTreeMap<&str, usize>) {
        for (claim, &count) in sessions {
            self.of_claims.with_label_values(&[*claim]).set(i64::try_from(count).unwrap_or(i64::MAX));
            self.crashes_of_claims.with_label_values(&[*claim]);
        }
    }

    /// Formats all metrics, with the current number of sessions, their GPU memory and their workers' memory.
    pub fn text(&self, running: usize, memory: u64, own_memory: u64) -> prometheus::Result<String> {
        self.own_memory.set(i64::try_from(own_memory).unwrap_or(i64::MAX));
        self.running.set(i64::try_from(running).unwrap_or(i64::MAX));
        self.memory.set(i64::try_from(memory).unwrap_or(i64::MAX));
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// Adds without wrapping around. Callers hold the sessions' lock, so that no addition comes between.
fn add(counter: &IntCounter, by: u64) {
    counter.inc_by(by.min(u64::MAX - counter.get()));
}

/// Label of the deadline that ended a session.
fn deadline(end: End) -> Option<&'static str> {
    match end {
        End::GpuDeadline => Some("gpu"),
        End::CompileDeadline => Some("compile"),
        End::CommandDeadline => Some("command"),
        End::ClientDeadline => Some("client"),
        End::Client | End::Violation | End::Panic | End::Quota => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::ends::Ending, *};

    #[test]
    fn totals_do_not_wrap_around() {
        let metrics = Metrics::new().unwrap();
        let max = Status { submits: u64::MAX, ..Status::default() };
        metrics.grown(&max);
        metrics.grown(&max);
        assert_eq!(metrics.submits.get(), u64::MAX);
    }

    #[test]
    fn a_crash_has_its_signal_and_a_deadline_its_name() {
        let metrics = Metrics::new().unwrap();
        metrics.ended(Cause::Signal(11), Some("a"), Duration::from_secs(2), 3);
        metrics.ended(Cause::End(End::Panic), None, Duration::ZERO, 0);
        metrics.ended(Cause::End(End::GpuDeadline), None, Duration::ZERO, 0);
        metrics.ended(Cause::Ended(Ending::Stopped), None, Duration::ZERO, 0);
        let text = metrics.text(7, 1 << 40, 0).unwrap();
        for line in [
            "airlock_sessions 7",
            "airlock_gpu_memory_bytes 1099511627776",
            "airlock_worker_crashes_total{signal=\"SIGSEGV\"} 1",
            "airlock_worker_crashes_total{signal=\"panic\"} 1",
            "airlock_claim_crashes_total{claim=\"a\"} 1",
            "airlock_watchdog_kills_total{deadline=\"gpu\"} 1",
            "airlock_watchdog_kills_total{deadline=\"client\"} 0",
            "airlock_sessions_ended_total{end=\"stopped\"} 1",
            "airlock_sessions_ended_total{end=\"signal\"} 1",
            "airlock_session_seconds_count 4",
            "airlock_worker_log_lines_dropped_total 3",
            "airlock_sessions_refused_total{reason=\"user\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
