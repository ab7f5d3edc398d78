//! Notes of a replay, for its report.

use std::collections::HashSet;

use airlock_protocol::commands::adapter::AdapterInfo;

use super::{Differing, NotCompared, Subject, Tolerance, pictures::Elsewhere};
use crate::file::header::Adapter;

/// Maximum notes of one kind in a report. A run of a million frames with timestamps must not fill the memory.
const MAX_NOTES: usize = 10_000;

/// Notes and counts of a replay.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Events are compared.
    pub check: bool,
    /// The tolerance for readbacks.
    pub tolerance: Option<Tolerance>,
    /// Commands that were sent.
    pub commands: u64,
    /// Events that were compared.
    pub events: u64,
    /// Readbacks that were compared.
    pub readbacks: u64,
    /// The adapter of the recorded run.
    pub recorded_adapter: Option<Adapter>,
    /// The adapter of this replay.
    pub adapter: Option<Adapter>,
    /// It is a software adapter.
    pub is_software: bool,
    /// Differences by the rounding of another processor or adapter.
    pub elsewhere: Elsewhere,
    not_compared: Vec<NotCompared>,
    differing: Vec<Differing>,
    /// The noted differences, so that each is noted once and not for every device.
    said: HashSet<(String, &'static str)>,
    left_out: u64,
    statistics: u64,
    last: u64,
}

impl Notes {
    /// Nothing noted so far.
    pub fn new(check: bool, tolerance: Option<Tolerance>) -> Self {
        Self { check, tolerance, ..Self::default() }
    }

    /// Records a part that was not compared.
    pub fn not_compared(&mut self, command: u64, what: String, why: String) {
        self.last = command;
        if self.not_compared.len() < MAX_NOTES {
            self.not_compared.push(NotCompared { command, what, why });
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// Records a permitted difference.
    pub fn differing(&mut self, command: Option<u64>, subject: Subject, what: String, why: &'static str) {
        if self.differing.len() < MAX_NOTES && self.said.insert((what.clone(), why)) {
            self.differing.push(Differing { command, subject, what, why: why.to_owned() });
        }
    }

    /// Records the guest's own statistics, which differ in every run.
    pub fn statistics(&mut self, command: u64) {
        self.last = command;
        self.statistics = self.statistics.saturating_add(1);
    }

    /// Records the adapters of both runs. The first ones are reported.
    pub fn adapters(&mut self, recorded: Option<&AdapterInfo>, found: Option<&AdapterInfo>) {
        let adapter = |info: Option<&AdapterInfo>| info.map(Adapter::from);
        self.recorded_adapter = self.recorded_adapter.take().or_else(|| adapter(recorded));
        if self.adapter.is_none() {
            self.is_software = found.is_some_and(|found| found.is_fallback_adapter && found.backend != "noop");
        }
        self.adapter = self.adapter.take().or_else(|| adapter(found));
    }

    /// All parts that were not compared, and all permitted differences.
    pub fn finish(&mut self) -> (Vec<NotCompared>, Vec<Differing>) {
        let command = self.last;
        if self.statistics > 0 {
            let what = format!("{} answers to ReportStats", self.statistics);
            let why = "statistics are different in every run".to_owned();
            self.not_compared.push(NotCompared { command, what, why });
        }
        if self.left_out > 0 {
            let what = format!("{} further parts of readbacks", self.left_out);
            let why = format!("as with those above, of which a report has at most {MAX_NOTES}");
            self.not_compared.push(NotCompared { command, what, why });
        }
        (std::mem::take(&mut self.not_compared), std::mem::take(&mut self.differing))
    }
}
