//! The workloads, and the figures of their runs.

use std::{path::PathBuf, time::Duration};

use serde_json::Value;

use crate::{
    options::{Adapter, Options},
    processor::{self, Busy},
    runners::{Error, Job, Run, Runner},
};

/// The kind of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A case of the guest `bench`, which measures itself.
    Case,
    /// The case `draws` with lists of commands, by the guest `passes`, and as calls in the peer.
    Lists,
    /// The case `first-result`, timed from outside as well.
    FirstResult,
    /// The guest `triangle`, from start to exit.
    StartUp,
    /// Uploads of 16 MiB, measured for memory, not time.
    Memory,
    /// The guest `draws` written on wgpu, and the one on the bare interface, both under Airlock. The component is in this folder of
    /// wgpu's guests.
    Wgpu(&'static str),
    /// A case of `bench` as a script, and as the component, both under Airlock.
    Script(&'static str),
}

/// The run of a pair: the first column of the table, or the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    First,
    Second,
}

/// A workload, which fills one or more rows of the table.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub name: &'static str,
    kind: Kind,
}

const fn case(name: &'static str) -> Workload {
    Workload { name, kind: Kind::Case }
}

const fn script(name: &'static str, case: &'static str) -> Workload {
    Workload { name, kind: Kind::Script(case) }
}

/// The case whose line is timed from the start of the process.
const FIRST_RESULT: &str = "first-result";

/// All workloads, in the order of the table.
pub const WORKLOADS: [Workload; 27] = [
    case("draws"),
    Workload { name: "draws-lists", kind: Kind::Lists },
    case("dispatches"),
    case("create-drop"),
    case("create-drop-sampler"),
    case("create-drop-buffer"),
    case("write-buffer-64b"),
    case("write-buffer-4k"),
    case("write-buffer-64k"),
    case("write-buffer-1m"),
    case("write-buffer-16m"),
    case("write-texture-64"),
    case("write-texture-4096"),
    case("readback-4b"),
    case("readback-1m"),
    case("readback-16m"),
    case("submit-to-done"),
    Workload { name: "first-result", kind: Kind::FirstResult },
    Workload { name: "start-up", kind: Kind::StartUp },
    Workload { name: "memory", kind: Kind::Memory },
    Workload { name: "wgpu-draws", kind: Kind::Wgpu(".") },
    Workload { name: "wgpu-draws-lists", kind: Kind::Wgpu("lists") },
    script("js-dispatches", "dispatches"),
    script("js-create-drop", "create-drop"),
    script("js-create-drop-buffer", "create-drop-buffer"),
    script("js-write-buffer-64b", "write-buffer-64b"),
    script("js-start", FIRST_RESULT),
];

/// The guest's repetitions of its 4 uploads in the workload for memory.
const MEMORY_COUNT: &str = "5";

/// Passes and draws of the guests `draws`, whose draws are two calls each.
const DRAWS: [u32; 2] = [50, 2000];

/// A value's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Nanoseconds,
    Bytes,
}

/// One value of one run.
#[derive(Clone, Debug)]
pub struct Figure {
    pub name: String,
    pub unit: Unit,
    pub value: f64,
}

/// A run's figures, and its adapter if the guest reported it.
pub struct Figures {
    pub adapter: Option<String>,
    pub figures: Vec<Figure>,
}

impl Workload {
    /// False if the adapter cannot run the workload: `triangle` and `draws` check their pictures, and `noop` draws nothing.
    pub fn runs_on(self, adapter: Adapter) -> bool {
        !matches!(self.kind, Kind::StartUp | Kind::Wgpu(_)) || adapter == Adapter::Default
    }

    /// Whether Airlock runs both guests of a pair, in place of the peer the second one.
    pub fn compares_guests(self) -> bool {
        matches!(self.kind, Kind::Wgpu(_) | Kind::Script(_))
    }

    /// The heads of the two columns.
    pub fn columns(self) -> [&'static str; 2] {
        match self.kind {
            Kind::Wgpu(_) => ["through wgpu", "bare interface"],
            Kind::Script(_) => ["JavaScript", "Rust"],
            _ => ["Airlock", "peer"],
        }
    }

    /// Whether a run before the first round must fill the caches.
    pub fn wants_warm_caches(self) -> bool {
        matches!(self.kind, Kind::StartUp | Kind::FirstResult | Kind::Script(_))
    }

    /// Runs the workload once, for one column of the table.
    pub fn run(self, side: Side, runner: &Runner, adapter: Adapter, options: &Options) -> Result<Figures, Error> {
        let (guest_name, arguments) = self.guest(side, options);
        let guest = match (self.kind, side) {
            (Kind::Wgpu(folder), Side::First) => wgpu_guest(folder, guest_name)?,
            (Kind::Script(_), Side::First) => in_repository("guests/js/bench.js")?,
            _ => guest(guest_name)?,
        };
        let run = runner.run(&Job {
            adapter,
            guest: &guest,
            arguments: &arguments,
            limit: Duration::from_secs(options.limit),
            watch_memory: self.kind == Kind::Memory,
        })?;
        let said = match self.kind {
            Kind::StartUp => Figures { adapter: None, figures: Vec::new() },
            Kind::Case | Kind::Lists | Kind::FirstResult | Kind::Memory | Kind::Script(_) => said(&run, adapter)?,
            Kind::Wgpu(_) => of_draws(&run)?,
        };
        let figures = match self.kind {
            Kind::FirstResult | Kind::Script(FIRST_RESULT) => {
                let arrived = run.lines.first().map(|line| nanoseconds("spawn-to-line", line.time));
                said.figures.into_iter().chain(arrived).collect()
            }
            Kind::Case | Kind::Lists | Kind::Script(_) => {
                said.figures.into_iter().filter(|figure| figure.unit == Unit::Nanoseconds).collect()
            }
            Kind::StartUp => vec![nanoseconds("spawn-to-exit", run.time)],
            Kind::Memory => of_memory(&run, &said.figures),
            Kind::Wgpu(_) => said.figures,
        };
        Ok(Figures { adapter: said.adapter, figures })
    }

    /// The guest's name and its arguments.
    fn guest(self, side: Side, options: &Options) -> (&'static str, Vec<String>) {
        let count = options.count.map(|count| count.to_string());
        let (guest, case, count) = match (self.kind, side) {
            (Kind::Case | Kind::FirstResult, _) => ("bench", Some(self.name), count),
            (Kind::Lists, Side::First) => ("passes", Some("measure"), count),
            (Kind::Lists, Side::Second) => ("bench", Some("draws"), count),
            (Kind::Script(case), _) => ("bench", Some(case), count),
            (Kind::StartUp, _) => ("triangle", None, None),
            (Kind::Memory, _) => ("bench", Some("write-buffer-16m"), Some(MEMORY_COUNT.to_owned())),
            (Kind::Wgpu(_), _) => return ("draws", DRAWS.map(|number| number.to_string()).to_vec()),
        };
        (guest, case.map(str::to_owned).into_iter().chain(count).collect())
    }
}

/// The path of a guest: in the folder that `AIRLOCK_GUESTS` names, else in the repository.
fn guest(name: &str) -> Result<PathBuf, Error> {
    in_folder("AIRLOCK_GUESTS", "guests/prebuilt", name, "tests/guests/build.sh builds them")
}

/// The same for a guest that is written on wgpu.
fn wgpu_guest(folder: &str, name: &str) -> Result<PathBuf, Error> {
    let name = format!("{folder}/{name}");
    in_folder("AIRLOCK_WGPU_GUESTS", "guests/wgpu/prebuilt", &name, "tests/guests/wgpu/build.sh builds them")
}

/// The path of a script, which the repository has as it is run.
fn in_repository(path: &str) -> Result<PathBuf, Error> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::Missing { what: "guest", path, hint: "it belongs to the repository" })
}

fn in_folder(variable: &str, default: &str, name: &str, hint: &'static str) -> Result<PathBuf, Error> {
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(default);
    let path = std::env::var_os(variable).map_or_else(own, PathBuf::from).join(format!("{name}.wasm"));
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::Missing { what: "guest", path, hint })
}

/// The figures that the guest printed.
fn said(run: &Run, adapter: Adapter) -> Result<Figures, Error> {
    let mut figures = Vec::new();
    let mut name = None;
    let mut busy = Busy::default();
    for line in &run.lines {
        let no_figure = || Error::NoFigure { command: run.command.clone(), line: line.text.clone() };
        let value: Value = serde_json::from_str(&line.text).map_err(|_| no_figure())?;
        if processor::is_mark(&line.text) {
            busy.mark(line, &value);
            continue;
        }
        if adapter == Adapter::Default && value["checked"] != true {
            return Err(Error::Unchecked { command: run.command.clone() });
        }
        let unit = match value["unit"].as_str() {
            Some("ns") => Unit::Nanoseconds,
            Some("bytes") => Unit::Bytes,
            _ => return Err(no_figure()),
        };
        let figure = value["figure"].as_str().ok_or_else(no_figure)?.to_owned();
        let time = value["value"].as_f64().ok_or_else(no_figure)?;
        // All figures of the same repetitions share their processor time; it stands with the first one.
        let processor = (unit == Unit::Nanoseconds).then(|| busy.take()).flatten().map(|processors| Figure {
            name: processor::figure(&figure),
            unit,
            value: time * processors,
        });
        figures.push(Figure { name: figure, unit, value: time });
        figures.extend(processor);
        name = value["adapter"].as_str().map(str::to_owned);
    }
    if figures.is_empty() {
        return Err(Error::Silent { command: run.command.clone() });
    }
    Ok(Figures { adapter: name, figures })
}

/// The figures of a guest `draws`, for each call: the time of all, and until the last submit returned. The one on wgpu prints them
/// to standard error. Both fail for a wrong pixel.
fn of_draws(run: &Run) -> Result<Figures, Error> {
    let lines = run.lines.iter().map(|line| line.text.as_str()).chain(run.stderr.lines());
    let (mut adapter, mut figures) = (None, Vec::new());
    for line in lines {
        adapter = adapter.or_else(|| line.strip_prefix("adapter: ").map(str::to_owned));
        let Some((what, time)) = line.split_once(" ms, ").and_then(|(before, _)| before.rsplit_once(": ")) else {
            continue;
        };
        let no_figure = || Error::NoFigure { command: run.command.clone(), line: line.to_owned() };
        let milliseconds: f64 = time.parse().map_err(|_| no_figure())?;
        let name = if what.contains("last submit") { "held" } else { "whole" };
        let calls = DRAWS.map(f64::from).iter().product::<f64>() * 2.0;
        figures.push(Figure { name: name.to_owned(), unit: Unit::Nanoseconds, value: milliseconds * 1e6 / calls });
    }
    // In one order, whichever guest it is.
    figures.sort_by(|a, b| b.name.cmp(&a.name));
    if figures.is_empty() {
        return Err(Error::Silent { command: run.command.clone() });
    }
    Ok(Figures { adapter, figures })
}

fn of_memory(run: &Run, said: &[Figure]) -> Vec<Figure> {
    let bytes = |name: &str, value: f64| Figure { name: name.to_owned(), unit: Unit::Bytes, value };
    let host = run.peaks.host().map(|bytes| bytes as f64);
    let of_guest = said.iter().find(|figure| figure.name == "guest-memory").map(|figure| figure.value);
    let above = host.zip(of_guest).map(|(host, guest)| bytes("host-above-guest", host - guest));
    let host = host.map(|value| bytes("host", value));
    let worker = run.peaks.worker().map(|value| bytes("worker", value as f64));
    let all = bytes("all-processes", run.peaks.total() as f64);
    host.into_iter().chain(above).chain(worker).chain([all]).collect()
}

fn nanoseconds(name: &str, time: Duration) -> Figure {
    Figure { name: name.to_owned(), unit: Unit::Nanoseconds, value: time.as_nanos() as f64 }
}
