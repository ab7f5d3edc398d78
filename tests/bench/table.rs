//! The figures of all rounds as a text table, as Markdown and as JSON.

use airlock_tests::statistics::Spread;
use serde_json::json;

use crate::{
    options::Adapter,
    targets::{self, Bound, Device},
    workloads::{Unit, Workload},
};

/// A row: one figure of a workload on one adapter, with its value in each round.
pub struct Row {
    pub workload: Workload,
    pub figure: String,
    pub unit: Unit,
    pub adapter: Adapter,
    pub device: Device,
    /// The heads of the columns `airlock` and `peer`.
    pub columns: [&'static str; 2],
    /// Airlock's values, by round.
    pub ours: Vec<f64>,
    /// The peer's values of the same rounds, or those of the guest that is compared; empty without a peer.
    pub theirs: Vec<f64>,
}

impl Row {
    /// The spread of Airlock's values.
    pub fn airlock(&self) -> Option<Spread> {
        Spread::of(self.ours.iter().copied())
    }

    /// The spread of the peer's values.
    pub fn peer(&self) -> Option<Spread> {
        Spread::of(self.theirs.iter().copied())
    }

    /// The spread of Airlock's value divided by the peer's of the same round.
    pub fn ratio(&self) -> Option<Spread> {
        Spread::of(self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours / theirs))
    }

    /// The spread of Airlock's value minus the peer's of the same round.
    pub fn difference(&self) -> Option<Spread> {
        Spread::of(self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours - theirs))
    }

    /// The figure's targets, and whether each is met.
    pub fn targets(&self) -> impl Iterator<Item = (Bound, Option<bool>)> {
        targets::of(self.workload, &self.figure, self.device).map(|bound| (bound, bound.is_met(self)))
    }

    fn name(&self) -> String {
        format!("{} {}", self.workload.name, self.figure)
    }

    /// The columns of a table; an empty one is `-`.
    fn cells(&self) -> [String; 5] {
        let values = |spread: Option<Spread>| or_dash(spread.map(|spread| with_unit(spread, self.unit)));
        let targets: Vec<_> = self.targets().map(|(bound, met)| verdict(bound, met, self)).collect();
        [
            self.name(),
            values(self.airlock()),
            values(self.peer()),
            or_dash(self.ratio().map(|r| format!("{:.2} ({:.2} to {:.2})", r.median, r.low, r.high))),
            or_dash((!targets.is_empty()).then(|| targets.join("; "))),
        ]
    }

    /// The row of the text table.
    pub fn text(&self) -> String {
        let [name, ours, theirs, ratio, target] = self.cells();
        format!("  {name:<37}{ours:<31}{theirs:<31}{ratio:<23}{target}")
    }

    /// The row of the Markdown table.
    pub fn markdown(&self) -> String {
        format!("| {} |", self.cells().join(" | "))
    }

    /// The row's name and cell in a published table: the ratio, the processor time's ratio, and Airlock's own value. `None` without a
    /// peer.
    pub fn published(&self, processor: Option<&Row>) -> Option<(String, String)> {
        let (ratio, own) = (self.ratio()?, self.airlock()?);
        let busy = processor.and_then(Row::ratio).map(|ratio| format!(", processor {:.2}", ratio.median));
        let cell = format!(
            "{:.2} ({:.2} to {:.2}){}; {}",
            ratio.median,
            ratio.low,
            ratio.high,
            busy.unwrap_or_default(),
            one(own.median, self.unit)
        );
        Some((format!("`{}` {}", self.workload.name, self.figure), cell))
    }

    /// The row as a JSON object.
    pub fn json(&self) -> String {
        let targets: Vec<_> = self
            .targets()
            .map(|(bound, met)| match bound {
                Bound::Ratio(ratio) => json!({ "ratio": ratio, "met": met }),
                Bound::Beyond(value) => json!({ "beyond": value, "met": met }),
                Bound::AtMost(value) => json!({ "at-most": value, "met": met }),
            })
            .collect();
        let line = json!({
            "workload": self.workload.name,
            "figure": self.figure,
            "columns": self.columns,
            "adapter": self.adapter.to_string(),
            "unit": match self.unit { Unit::Nanoseconds => "ns", Unit::Bytes => "bytes" },
            "airlock": self.ours,
            "peer": self.theirs,
            "airlock-median": self.airlock().map(|spread| spread.median),
            "peer-median": self.peer().map(|spread| spread.median),
            "ratio": self.ratio().map(|spread| spread.median),
            "targets": targets,
        });
        line.to_string()
    }
}

/// The head of the text table.
pub fn text_head(title: &str, [ours, theirs]: [&str; 2]) -> String {
    let (name, ratio) = ("", "ratio");
    format!("{title}\n  {name:<37}{ours:<31}{theirs:<31}{ratio:<23}target")
}

/// The head of the Markdown table.
pub fn markdown_head(title: &str, [ours, theirs]: [&str; 2]) -> String {
    format!("\n{title}\n\n| workload | {ours} | {theirs} | ratio | target |\n|---|---|---|---|---|")
}

fn verdict(bound: Bound, met: Option<bool>, row: &Row) -> String {
    let what = match bound {
        Bound::Ratio(ratio) => format!("<= {ratio}"),
        Bound::Beyond(value) => {
            let found = row.difference().map(|spread| format!(" (is {})", signed(spread.median, row.unit)));
            format!("<= peer {}{}", signed(value, row.unit), found.unwrap_or_default())
        }
        Bound::AtMost(value) => format!("<= {}", one(value, row.unit)),
    };
    let mark = match met {
        Some(true) => " met",
        Some(false) => " MISSED",
        None => "",
    };
    what + mark
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn signed(value: f64, unit: Unit) -> String {
    let sign = if value < 0.0 { '-' } else { '+' };
    format!("{sign} {}", one(value.abs(), unit))
}

fn one(value: f64, unit: Unit) -> String {
    let (name, scale) = scale(value, unit);
    format!("{} {name}", digits(value / scale))
}

/// A spread in the unit of its median, which is named once.
pub fn with_unit(spread: Spread, unit: Unit) -> String {
    let (name, scale) = scale(spread.median, unit);
    let [low, median, high] = [spread.low, spread.median, spread.high].map(|value| digits(value / scale));
    format!("{median} {name} ({low} to {high})")
}

fn scale(value: f64, unit: Unit) -> (&'static str, f64) {
    match unit {
        Unit::Nanoseconds if value < 1e3 => ("ns", 1.0),
        Unit::Nanoseconds if value < 1e6 => ("us", 1e3),
        Unit::Nanoseconds if value < 1e9 => ("ms", 1e6),
        Unit::Nanoseconds => ("s", 1e9),
        Unit::Bytes => ("MiB", f64::from(1 << 20)),
    }
}

/// A value with three significant digits, which is a measurement's precision.
fn digits(value: f64) -> String {
    let places = match value.abs() {
        v if v < 10.0 => 2,
        v if v < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.places$}")
}
