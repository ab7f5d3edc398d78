//! Compares Airlock with a runner that keeps the GPU in its own process: both run the same guest in turns.
//!
//!     cargo bench -p airlock-tests --bench peer -- --peer PROGRAM
//!
//! `README.md` beside this file describes the measurements and how to read them.

mod distance;
mod memory;
mod options;
mod processor;
mod runners;
mod table;
mod targets;
mod workloads;

use std::{cell::RefCell, env, fs, process::ExitCode};

use airlock_tests::{
    benchmarks::progress,
    published::{self, Column, NoTable},
    statistics::Spread,
};
use clap::Parser;

use distance::Distance;
use options::{Adapter, Options};
use runners::{Error, Runner};
use table::Row;
use targets::Device;
use workloads::{Figures, Side, Unit, WORKLOADS, Workload};

fn main() -> ExitCode {
    let options = Options::parse();
    if !WORKLOADS.iter().any(|workload| options.wants(workload.name)) {
        let names = WORKLOADS.map(|workload| workload.name).join(", ");
        eprintln!("error: there is no such workload; there are {names}");
        return ExitCode::FAILURE;
    }
    let runners = Runner::airlock(&options).and_then(|airlock| Ok((airlock, Runner::peer(&options)?)));
    let (airlock, peer) = match runners {
        Ok(runners) => runners,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut session = Session {
        options,
        airlock,
        peer,
        distances: RefCell::default(),
        published: Vec::new(),
        failed: false,
        met: 0,
        judged: 0,
    };
    session.say_what();
    for adapter in session.options.adapters.clone() {
        session.on(adapter);
    }
    session.conclude()
}

/// Published tables that were not updated.
#[derive(Debug, thiserror::Error)]
enum UpdateError {
    #[error(transparent)]
    File(#[from] std::io::Error),
    #[error(transparent)]
    Table(#[from] NoTable),
}

/// One run of the benchmark.
struct Session {
    options: Options,
    airlock: Runner,
    peer: Option<Runner>,
    /// The distance between processors before each of Airlock's runs.
    distances: RefCell<Vec<Distance>>,
    /// The tables to publish, by the adapter's kind.
    published: Vec<(Adapter, Vec<(String, String)>)>,
    failed: bool,
    met: u32,
    judged: u32,
}

impl Session {
    /// Prints the machine and the options, without which a table cannot be compared.
    fn say_what(&self) {
        if self.options.json {
            return;
        }
        let rounds = self.options.rounds;
        println!("{}. Medians of {rounds} rounds, with quartiles.", machine());
        println!("{}", self.shader_caches());
        if self.peer.is_none() {
            println!("No --peer PROGRAM: Airlock's figures alone.");
        }
    }

    /// The state of both shader caches.
    fn shader_caches(&self) -> String {
        let says = |kept| if kept { "warm after a workload's first run" } else { "off" };
        let ours = !self.options.airlock_option.iter().any(|option| option == "--no-shader-cache");
        let theirs = env::var_os("MESA_SHADER_CACHE_DISABLE").is_none_or(|value| value != "true" && value != "1");
        let peers = if self.peer.is_some() { format!(", Mesa's in the peer {}", says(theirs)) } else { String::new() };
        format!("Shader caches: Airlock's {}{peers}.", says(ours))
    }

    fn on(&mut self, adapter: Adapter) {
        let wanted = |workload: &&Workload| self.options.wants(workload.name) && workload.runs_on(adapter);
        let workloads: Vec<_> = WORKLOADS.iter().filter(wanted).copied().collect();
        // Until a guest reports its adapter, the option decides.
        let mut device = if adapter == Adapter::Noop { Device::Noop } else { Device::Llvmpipe };
        let mut head_of = None;
        for (index, workload) in workloads.iter().enumerate() {
            let place = format!("{adapter} {}/{} {}", index + 1, workloads.len(), workload.name);
            let rows = self.rounds(*workload, adapter, &place, &mut device);
            clear_progress();
            match rows {
                Ok((name, rows)) => {
                    let columns = workload.columns();
                    if head_of != Some(columns) && !self.options.json {
                        let title = format!("Adapter {adapter}{}", name.map(|n| format!(": {n}")).unwrap_or_default());
                        let head = if self.options.markdown { table::markdown_head } else { table::text_head };
                        println!("{}", head(&title, columns));
                        head_of = Some(columns);
                    }
                    rows.iter().for_each(|row| self.print(row));
                    self.publish(adapter, &rows);
                }
                Err(error) => {
                    eprintln!("error: {} on {adapter}: {error}", workload.name);
                    self.failed = true;
                }
            }
        }
    }

    /// All rounds of a workload: Airlock, peer, Airlock, peer, so that other load on the machine affects both. Where guests are
    /// compared, Airlock takes the peer's place.
    fn rounds(
        &self,
        workload: Workload,
        adapter: Adapter,
        place: &str,
        device: &mut Device,
    ) -> Result<(Option<String>, Vec<Row>), Error> {
        let run = |side: Side, runner: &Runner, round: u32| {
            progress(&format!("{place}, round {round} of {}: {}", self.options.rounds, runner.name));
            workload.run(side, runner, adapter, &self.options)
        };
        let second = if workload.compares_guests() { Some(&self.airlock) } else { self.peer.as_ref() };
        if workload.wants_warm_caches() {
            run(Side::First, &self.airlock, 0)?;
            second.map(|runner| run(Side::Second, runner, 0)).transpose()?;
        }
        let (mut name, mut rows) = (None, Vec::new());
        for round in 1..=self.options.rounds {
            self.distances.borrow_mut().extend(distance::measure());
            let ours = run(Side::First, &self.airlock, round)?;
            let theirs = second.map(|runner| run(Side::Second, runner, round)).transpose()?;
            // The peer's name of the adapter is another one.
            let compared = theirs.as_ref().filter(|_| workload.compares_guests());
            if let Some(adapter) = ours.adapter.as_ref().or(compared.and_then(|theirs| theirs.adapter.as_ref())) {
                *device = Device::of(adapter);
                name = Some(adapter.clone());
            }
            add(&mut rows, (workload, adapter, *device), ours, |row| &mut row.ours);
            if let Some(theirs) = theirs {
                add(&mut rows, (workload, adapter, *device), theirs, |row| &mut row.theirs);
            }
        }
        Ok((name, rows))
    }

    fn print(&mut self, row: &Row) {
        for met in row.targets().filter_map(|(_, met)| met) {
            self.judged += 1;
            self.met += u32::from(met);
        }
        let line = match (self.options.json, self.options.markdown) {
            (true, _) => row.json(),
            (_, true) => row.markdown(),
            _ => row.text(),
        };
        println!("{line}");
    }

    /// Keeps the cells of a workload for its published table.
    fn publish(&mut self, adapter: Adapter, rows: &[Row]) {
        let busy_of = |row: &Row| rows.iter().find(|other| other.figure == processor::figure(&row.figure));
        let times = rows.iter().filter(|row| !processor::is_figure(&row.figure));
        let cells = times.filter_map(|row| row.published(busy_of(row)));
        match self.published.iter_mut().find(|(of, _)| *of == adapter) {
            Some((_, all)) => all.extend(cells),
            None => self.published.push((adapter, cells.collect())),
        }
    }

    /// Writes the columns of this processor to the file that the options name.
    fn update(&self) -> Result<(), UpdateError> {
        let Some(file) = &self.options.update else { return Ok(()) };
        let mut text = fs::read_to_string(file)?;
        for (adapter, cells) in &self.published {
            let date = chrono::Utc::now().date_naive().to_string();
            let column = Column { processor: processor_name(), date, cells: cells.clone() };
            text = published::update(&text, &format!("peer on {adapter}"), &column)?;
        }
        // A file of the one who measures, at a path of theirs.
        #[allow(clippy::disallowed_methods)]
        fs::write(file, text)?;
        Ok(())
    }

    fn conclude(&self) -> ExitCode {
        if !self.options.json {
            let distances = self.distances.take();
            let line = Spread::of(distances.iter().map(|distance| distance.line));
            let mebibyte = Spread::of(distances.iter().map(|distance| distance.mebibyte));
            if let Some((line, mebibyte)) = line.zip(mebibyte) {
                let [line, mebibyte] = [line, mebibyte].map(|spread| table::with_unit(spread, Unit::Nanoseconds));
                println!("\nFrom one processor to another, a cache line took {line}, and 1 MiB {mebibyte}.");
            }
            if self.judged > 0 {
                println!("\n{} of {} targets are met.", self.met, self.judged);
            }
        }
        if let Err(error) = self.update() {
            eprintln!("error: cannot update the tables: {error}");
            return ExitCode::FAILURE;
        }
        if self.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// Adds a run's figures to their rows, and makes missing rows.
fn add(
    rows: &mut Vec<Row>,
    (workload, adapter, device): (Workload, Adapter, Device),
    run: Figures,
    values: impl Fn(&mut Row) -> &mut Vec<f64>,
) {
    for figure in run.figures {
        let index = rows.iter().position(|row| row.figure == figure.name).unwrap_or_else(|| {
            rows.push(Row {
                workload,
                figure: figure.name.clone(),
                unit: figure.unit,
                adapter,
                device,
                columns: workload.columns(),
                ours: Vec::new(),
                theirs: Vec::new(),
            });
            rows.len() - 1
        });
        if let Some(row) = rows.get_mut(index) {
            values(row).push(figure.value);
        }
    }
}

/// The processor's model and the number of cores.
fn processor_name() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{}, {cores} cores", model.unwrap_or(env::consts::ARCH))
}

/// The machine: the processor, the kernel, and the load at the start.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("unknown");
    format!("{}, Linux {}, load {load} before", processor_name(), kernel.trim())
}

fn clear_progress() {
    progress("");
}
