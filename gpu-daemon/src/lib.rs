//! The GPU daemon: executes command streams on wgpu, in processes of its own, so that a GPU driver and the code that
//! drives it never share memory with an untrusted guest or its host.
//!
//! `worker` serves one client and ends with it. `serve` accepts clients on a socket and starts a worker for each; `broker`
//! starts workers for one host. `jail` says which layers of a worker's jail hold on this machine.
//! Exit codes: 0 when the client went away, 1 when the session was ended for cause, 2 for a wrong use or set-up.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

#[cfg(target_os = "linux")]
mod broker;
#[cfg(target_os = "linux")]
mod cgroups;
mod completions;
mod convert;
mod device;
mod discards;
mod errors;
mod events;
mod execute;
#[cfg(target_os = "linux")]
#[doc(hidden)]
pub mod fuzzing;
mod immediates;
mod instances;
mod intake;
mod jail;
#[cfg(unix)]
mod launch;
mod logs;
mod mapped;
#[cfg(target_os = "linux")]
mod memory;
mod objects;
mod options;
mod payloads;
mod platform;
mod quotas;
#[cfg(target_os = "linux")]
mod serve;
mod session;
mod shaders;
mod slab;
pub mod status;
mod submits;
mod violation;
mod vitals;
mod watch;
mod watchdog;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use jail::report::JailArguments;
use logs::LogFormat;
use options::{WorkerArguments, WorkerOptions};

/// Executes Airlock command streams on the GPU.
///
/// Messages go to standard error; RUST_LOG filters them (default: info in `serve`, warn in a worker).
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve one client and end with it. Started by `airlock run` or by `serve`, not by hand.
    Worker(WorkerArguments),
    /// Enter the jail of a worker, try what each of its layers forbids, and say which of them hold.
    ///
    /// The exit code is 0 when all do, 1 when one is missing, 2 when strict mode refuses to go on.
    Jail(JailArguments),
    /// Start workers for one host that may start none itself. Started by `airlock run`, not by hand.
    #[cfg(target_os = "linux")]
    Broker(WorkerOptions),
    /// Accept clients on a Unix socket and start a worker for each.
    ///
    /// SIGTERM and SIGINT stop it: no further clients, then the end of the sessions that --drain leaves. A second signal
    /// does not wait.
    #[cfg(target_os = "linux")]
    Serve(Box<serve::ServeArguments>),
}

/// The program: reads its command line and does what it says.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Worker(arguments) => {
            logs::start(LogFormat::Text, "warn");
            worker::run(&arguments).map_err(|error| error.to_string())
        }
        Command::Jail(arguments) => {
            logs::start(LogFormat::Text, "warn");
            jail::report::run(&arguments).map_err(|error| error.to_string())
        }
        #[cfg(target_os = "linux")]
        Command::Broker(options) => {
            logs::start(LogFormat::Text, "warn");
            broker::run(&options).map_err(|error| error.to_string())
        }
        #[cfg(target_os = "linux")]
        Command::Serve(arguments) => {
            logs::start(arguments.log_format, "info");
            serve::run(*arguments).map_err(|error| error.to_string())
        }
    };
    match result {
        Ok(code) => code,
        Err(message) => {
            eprintln!("gpu-daemon: {message}");
            ExitCode::from(2)
        }
    }
}
