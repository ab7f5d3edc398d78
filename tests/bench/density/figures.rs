//! The figures of the rounds, as a table and as JSON.

use std::time::Duration;

use airlock_tests::statistics::Spread;
use serde_json::json;

use crate::crowd::Memory;

/// The figures of one round.
pub struct Figures {
    pub sessions: usize,
    /// The time from the start of the first guest until all of them simulate.
    pub ready: Duration,
    pub memory: Memory,
    /// Steps of each guest in the window.
    pub steps: Vec<u64>,
    pub window: Duration,
}

impl Figures {
    /// Sessions that become ready in a second.
    fn starts(&self) -> f64 {
        self.sessions as f64 / self.ready.as_secs_f64()
    }

    /// Steps of all guests in a second.
    fn steps(&self) -> f64 {
        self.steps.iter().sum::<u64>() as f64 / self.window.as_secs_f64()
    }

    /// Steps of the slowest guest over those of the fastest one.
    fn fairness(&self) -> Option<f64> {
        let (least, most) = (self.steps.iter().min()?, self.steps.iter().max()?);
        (*most > 0).then(|| *least as f64 / *most as f64)
    }
}

/// Prints a line for each number of sessions.
pub struct Table {
    json: bool,
}

impl Table {
    /// A table, with its head unless it is JSON.
    pub fn new(json: bool) -> Self {
        if !json {
            println!(
                "{:>8}  {:>22}  {:>22}  {:>18}  {:>22}  {:>18}",
                "sessions", "worker MiB", "host MiB", "starts/s", "steps/s", "fairness"
            );
        }
        Self { json }
    }

    /// Prints the medians of some rounds with their quartiles, or all values as a JSON object.
    pub fn print(&self, sessions: u16, rounds: &[Figures]) {
        let all = |value: &dyn Fn(&Figures) -> Option<f64>| rounds.iter().filter_map(value).collect::<Vec<_>>();
        let worker = all(&|figures| figures.memory.worker.map(mebibytes));
        let host = all(&|figures| figures.memory.host.map(mebibytes));
        let starts = all(&|figures| Some(figures.starts()));
        let steps = all(&|figures| Some(figures.steps()));
        let fairness = all(&Figures::fairness);
        if self.json {
            let line = json!({
                "sessions": sessions, "worker_mib": worker, "host_mib": host, "starts_per_second": starts,
                "steps_per_second": steps, "fairness": fairness,
            });
            println!("{line}");
            return;
        }
        println!(
            "{sessions:>8}  {:>22}  {:>22}  {:>18}  {:>22}  {:>18}",
            text(worker, 1),
            text(host, 1),
            text(starts, 1),
            text(steps, 0),
            text(fairness, 2)
        );
    }
}

fn mebibytes(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}

/// Median and quartiles; `-` without values.
fn text(values: Vec<f64>, digits: usize) -> String {
    Spread::of(values).map_or_else(
        || "-".to_owned(),
        |Spread { low, median, high }| format!("{median:.digits$} ({low:.digits$}..{high:.digits$})"),
    )
}
