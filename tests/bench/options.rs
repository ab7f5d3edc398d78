//! The command line's options.

use std::{fmt, path::PathBuf};

use clap::{Parser, ValueEnum};

use crate::workloads::WORKLOADS;

/// Runs the guest `bench` under Airlock and, where there is one, under a runner that keeps the GPU in its own process,
/// in turns, and compares.
#[derive(Debug, Parser)]
#[command(name = "peer")]
pub struct Options {
    /// Only workloads of this name, or with this in their names
    pub workloads: Vec<String>,

    /// How often each workload is run under each program
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Only on this adapter; can be given twice
    #[arg(long = "adapter", value_name = "ADAPTER", default_values = ["default", "noop"])]
    pub adapters: Vec<Adapter>,

    /// The `airlock` to measure, with its `gpu-daemon` beside it [default: what `cargo build --release` made]
    #[arg(long, value_name = "PROGRAM")]
    pub airlock: Option<PathBuf>,

    /// The program to compare with, which is run as `PROGRAM [--noop] GUEST.wasm ARGS...`
    #[arg(long, value_name = "PROGRAM", env = "AIRLOCK_PEER")]
    pub peer: Option<PathBuf>,

    /// One more option for `airlock run`, such as `--airlock-option=--jail=off`
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub airlock_option: Vec<String>,

    /// How often the guest repeats its work in each run [default: as often as takes 0.6 s]
    #[arg(long, value_name = "N")]
    pub count: Option<u32>,

    /// How long one run may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub limit: u64,

    /// Print a JSON object per figure, with the value of each round
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,

    /// Print a Markdown table
    #[arg(long)]
    pub markdown: bool,

    /// Write this processor's column of the tables in FILE, such as README.md, beside what is printed
    #[arg(long, value_name = "FILE", requires = "peer")]
    pub update: Option<PathBuf>,

    /// `cargo bench` gives it to every benchmark
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    /// Whether the options select a workload. A full name selects only itself, even if other names contain it.
    pub fn wants(&self, workload: &str) -> bool {
        let is_name = |part: &str| WORKLOADS.iter().any(|workload| workload.name == part);
        let is_meant = |part: &String| workload == part || (!is_name(part) && workload.contains(part.as_str()));
        self.workloads.is_empty() || self.workloads.iter().any(is_meant)
    }
}

/// What executes the commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Adapter {
    /// The one that a guest gets who asks for nothing special
    Default,
    /// wgpu's backend that executes nothing
    Noop,
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Noop => "noop",
        })
    }
}
