//! The GPU daemon: executes command streams on wgpu, in processes of its own, so that a GPU driver and the code that
//! drives it never share memory with an untrusted guest or its host.
//!
//! `worker` serves one client and ends with it. `serve` accepts clients on a socket and starts a worker for each.
//! Exit codes: 0 when the client went away, 1 when the session was ended for cause, 2 for a wrong use or set-up.

mod completions;
mod convert;
mod device;
mod errors;
mod events;
mod execute;
mod instances;
mod mapped;
mod objects;
mod payloads;
mod platform;
mod serve;
mod session;
mod slab;
mod violation;
mod watch;
mod worker;

use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Executes Airlock command streams on the GPU.
///
/// Messages go to standard error; RUST_LOG filters them (default: warn).
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve one client and end with it. Started by `airlock run` or by `serve`, not by hand.
    Worker,
    /// Accept clients on a Unix socket and start a worker for each.
    Serve {
        /// Where the socket is made. Who may write to it may use the GPU.
        #[arg(long, value_name = "PATH")]
        socket: PathBuf,
        /// How many sessions may run at a time; further clients are refused.
        #[arg(long, value_name = "N", default_value_t = 64)]
        max_sessions: usize,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    let result = match arguments.command {
        Command::Worker => worker::run().map_err(|error| error.to_string()),
        Command::Serve { socket, max_sessions } => serve::run(&socket, max_sessions).map_err(|error| error.to_string()),
    };
    match result {
        Ok(code) => code,
        Err(message) => {
            eprintln!("gpu-daemon: {message}");
            ExitCode::from(2)
        }
    }
}
