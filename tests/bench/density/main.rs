//! Many sessions against one server: memory of each, starts per second, work of all together, and how fairly it is shared.
//!
//!     cargo bench -p airlock-tests --bench density
//!     cargo bench -p airlock-tests --bench density -- --sessions 64 --standby 8 --rounds 5 --json
//!
//! Each session is an `airlock run` of the guest `nbody`, which reports its steps. `../README.md` describes the figures.

mod crowd;
mod figures;
mod server;

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use airlock_tests::benchmarks::{beside, progress};
use clap::Parser;

use figures::{Figures, Table};
use server::Server;

/// A failed measurement.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("there is no program at {0}: build it with `cargo build --release`, or name another with --airlock")]
    Missing(PathBuf),
    #[error("cannot start {program}: {source}")]
    Start { program: PathBuf, source: io::Error },
    #[error("the server ends: {0}")]
    Server(String),
    #[error("session {number} ends early; its errors:\n{stderr}")]
    Ended { number: usize, stderr: String },
    #[error("{ready} of {wanted} sessions are ready after {limit:?}")]
    Slow { ready: usize, wanted: usize, limit: Duration },
}

/// Runs many sessions against one `gpu-daemon serve` and measures what each costs.
#[derive(Debug, Parser)]
#[command(name = "density")]
struct Options {
    /// Numbers of concurrent sessions, separated by commas
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,8,64,256",
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    sessions: Vec<u16>,

    /// Standby workers of the server
    #[arg(long, value_name = "N", default_value_t = 4)]
    standby: u16,

    /// Measurements for each number of sessions, each with a server of its own
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,

    /// Seconds for which the steps of all sessions are counted
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=3600))]
    seconds: u16,

    /// Bodies of each simulation
    #[arg(long, value_name = "N", default_value_t = 256)]
    bodies: u16,

    /// Seconds for all sessions to be ready
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    limit: u16,

    /// The `airlock` to measure, with its `gpu-daemon` beside it [default: the one of this build]
    #[arg(long, value_name = "PROGRAM")]
    airlock: Option<PathBuf>,

    /// Print a JSON object per number of sessions, with the values of each round
    #[arg(long)]
    json: bool,

    /// `cargo bench` gives it to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match measure(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress("");
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<(), Error> {
    let airlock = options.airlock.clone().unwrap_or_else(beside);
    if !airlock.is_file() {
        return Err(Error::Missing(airlock));
    }
    let table = Table::new(options.json);
    for &sessions in &options.sessions {
        let mut rounds = Vec::new();
        for round in 1..=options.rounds {
            progress(&format!("{sessions} sessions, round {round} of {}", options.rounds));
            rounds.push(round_of(options, &airlock, usize::from(sessions))?);
        }
        progress("");
        table.print(sessions, &rounds);
    }
    Ok(())
}

fn round_of(options: &Options, airlock: &Path, sessions: usize) -> Result<Figures, Error> {
    let server = Server::start(&airlock.with_file_name("gpu-daemon"), options.standby, sessions)?;
    let mut crowd = crowd::Crowd::start(airlock, server.socket(), options.bodies, sessions)?;
    let ready = crowd.wait(Duration::from_secs(options.limit.into()))?;
    let memory = crowd.memory(server.id());
    let steps = crowd.steps(Duration::from_secs(options.seconds.into()))?;
    Ok(Figures { sessions, ready, memory, steps, window: Duration::from_secs(options.seconds.into()) })
}
