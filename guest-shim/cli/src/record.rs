//! `--record` and `--flight-recorder`: the recordings of a run.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Weak},
};

use airlock::{WasiWebGpuCtxBuilder, confine::Reach};
use airlock_traces::{
    capture::{
        Durability, Notice, Options, Recorder,
        flight::{self, FlightOptions},
    },
    cli::size::Size,
    header::{ComponentName, Header},
    processor::Processor,
    tools::output::Output,
};
use clap::{Args, ValueEnum};

use super::{component::ComponentFile, versions::WEBGPU_VERSION};

/// What is recorded, and how.
#[derive(Debug, Args)]
pub struct RecordOptions {
    /// Record what happens between the guest and the GPU, for `airlock replay` and `airlock trace`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Stop recording when the file has this size; the run goes on
    #[arg(long, value_name = "SIZE", requires = "record")]
    record_limit: Option<Size>,
    /// Write each batch before it is sent, so that nothing is lost when this process is killed
    #[arg(long, value_name = "HOW", requires = "record", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "batch")]
    record_sync: Option<Sync>,
    /// Keep the bytes of everything that the guest reads back, not only digests and what is up to 4 KiB long
    #[arg(long, requires = "record")]
    record_readbacks: bool,
    /// Keep the last submits in memory, and write them to this folder as a trace when the worker dies, the device is
    /// lost, or an error is not caught
    #[arg(long, value_name = "DIR")]
    flight_recorder: Option<PathBuf>,
    /// How many submits the flight recorder keeps
    #[arg(long, value_name = "N", requires = "flight_recorder", default_value_t = flight::KEEP)]
    keep: usize,
    /// How much memory the flight recorder takes; what no longer fits is not compared in a replay
    #[arg(long, value_name = "SIZE", requires = "flight_recorder", default_value = "64M")]
    flight_recorder_memory: Size,
}

/// Durability of `--record-sync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sync {
    /// It is written: it survives the end of this process
    Batch,
    /// It is on the disk: it survives the end of the machine
    Disk,
}

/// The recordings in progress.
#[derive(Clone, Debug, Default)]
pub struct Recordings {
    recorders: Vec<Arc<Recorder>>,
    flight: Option<Arc<Recorder>>,
}

impl RecordOptions {
    /// Creates the files and folders that recordings write, so that they stay accessible to the confined process. A file that
    /// cannot be created is reported when the recording begins.
    pub fn reach(&self, mut reach: Reach) -> Reach {
        // Read now: traces name the processor, which a confined process cannot read.
        Processor::here();
        if let Some(file) = &self.record {
            let _ = Output::touch(file);
            reach.files.push(file.clone());
        }
        if let Some(folder) = &self.flight_recorder {
            let _ = fs::create_dir_all(folder);
            reach.folders.push(folder.clone());
        }
        reach
    }

    /// Starts the configured recordings.
    pub fn start(&self, file: &ComponentFile) -> Recordings {
        let (mut recorders, mut flight) = (Vec::new(), None);
        if self.record.is_none() && self.flight_recorder.is_none() {
            return Recordings::default();
        }
        let component = ComponentName::new(&file.name(), file.identity());
        // Without the import nothing is recorded, and the header names what a guest can have.
        let version = file.webgpu_version().unwrap_or(WEBGPU_VERSION);
        let header = Header::of_this_program(Some(component), version);
        if let Some(path) = &self.record {
            let options = Options {
                limit: self.record_limit.map(|Size(bytes)| bytes),
                durability: match self.record_sync {
                    None => Durability::Window,
                    Some(Sync::Batch) => Durability::Batch,
                    Some(Sync::Disk) => Durability::Disk,
                },
                readback_bytes: self.record_readbacks,
                ..Options::new(path.clone(), header.clone())
            };
            recorders.push(Arc::new(Recorder::start(options, notice())));
        }
        if let Some(folder) = &self.flight_recorder {
            let memory = usize::try_from(self.flight_recorder_memory.0).unwrap_or(usize::MAX);
            let options = FlightOptions { folder: folder.clone(), header, keep: self.keep, memory };
            flight = Some(Arc::new(flight::start(options, notice())));
        }
        recorders.extend(flight.clone());
        Recordings { recorders, flight }
    }

    /// True when a flight recorder is configured.
    pub fn has_flight_recorder(&self) -> bool {
        self.flight_recorder.is_some()
    }
}

fn notice() -> Notice {
    Box::new(|message| tracing::warn!("{message}"))
}

impl Recordings {
    /// Adds the recordings to a context.
    pub fn attach(&self, builder: WasiWebGpuCtxBuilder) -> WasiWebGpuCtxBuilder {
        self.recorders.iter().fold(builder, |builder, recorder| {
            let recorder = Arc::clone(recorder);
            builder.tap(move |_| Box::new(recorder.session()))
        })
    }

    /// Returns a function that makes the flight recorder write a trace of its contents. The function keeps no recording open.
    pub fn snapshot(&self) -> impl Fn() + Send + 'static {
        let flight = self.flight.as_ref().map(Arc::downgrade);
        move || {
            if let Some(recorder) = flight.as_ref().and_then(Weak::upgrade) {
                recorder.snapshot();
            }
        }
    }

    /// Closes the recordings.
    pub fn finish(self) {}
}
