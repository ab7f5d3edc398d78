//! The GPU daemon executes command streams on wgpu in separate processes, so that a GPU driver and the code that calls
//! it never share memory with an untrusted guest or its host.
//!
//! `gpu-daemon worker` serves one client and exits with it. `serve` accepts clients on a socket and starts a worker for
//! each, which its `zygote` forks; `broker` starts workers for one host. `jail` reports which layers of a worker's jail hold
//! on this machine.
//!
//! # Where a line of code belongs
//!
//! | module | contents | depends on |
//! |---|---|---|
//! | `supervisor` | `serve`, `broker`, start and end of worker processes, tenants' shader caches; no GPU, no bytes of a client | `platform`, `drivers`, `worker::status`, `worker::shader_cache::shared`, `worker::zygote` |
//! | `worker` | the process of one session: intake of batches, events, watchdog, the status that `serve` reads, the drivers' shader cache | all below |
//! | `execute` | the arm of each command, one file per WebGPU object; quotas and back-pressure | all below |
//! | `session` | the state that commands work on: a slab per kind of object | `gpu`, `pending` |
//! | `pending` | unfinished GPU work: maps, submits, losses, the poll thread | `gpu` |
//! | `gpu` | wgpu's objects with their owners, devices, error scopes, memory, bulk data | `convert`, `shaders` |
//! | `shaders` | rules of WGSL and WebGPU that naga and wgpu-core do not check | |
//! | `convert` | conversion of the protocol's enums and descriptors to wgpu's, same file names as `execute` | |
//! | `drivers` | the manifests and libraries of the installed Vulkan drivers | |
//! | `report`, `platform`, `lock` | `gpu-daemon jail`, the operating system, mutexes | |
//!
//! # The life of one command
//!
//! `worker::intake` receives a batch and decodes it; `execute` matches the command and calls its arm (`draw`:
//! `execute/render_pass.rs`), which looks the objects up in `session`, checks what wgpu-core does not, and calls
//! wgpu-core. Errors go to the device's innermost error scope (`gpu::errors`) or to the client as an event
//! (`worker::events`). Work that takes GPU time opens a ticket in `pending`; the poll thread sends its event.
//!
//! # Invariants
//!
//! - `supervisor` never reads a byte that a client sends and never opens a GPU.
//! - No arm panics on a command: ids, lists, ranges and sizes are checked before wgpu-core sees them.
//! - wgpu-core is called by the executor and the poll thread only; the lock over `pending`'s tables is never held
//!   across a call that ends a mapping or waits.
//! - The jail, the package `airlock-jail`, is up before the first byte of the client is read.
//!
//! Exit codes: 0 when the client disconnected, 1 when the session was ended for cause, 2 for a usage or set-up error.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod convert;
#[cfg(target_os = "linux")]
mod drivers;
mod execute;
#[cfg(target_os = "linux")]
#[doc(hidden)]
pub mod fuzzing;
mod gpu;
mod lock;
mod logs;
mod options;
mod pending;
mod platform;
mod report;
mod session;
mod shaders;
#[cfg(unix)]
mod supervisor;
mod worker;

pub use worker::status;

use std::process::ExitCode;

use airlock_protocol::{
    pages::{self, PagesArguments},
    printing,
};
use clap::{CommandFactory, Parser, Subcommand};

use logs::LogFormat;
use options::WorkerArguments;
use report::JailArguments;

/// Executes Airlock command streams on the GPU.
///
/// Log messages go to standard error; RUST_LOG filters them (default: info in `serve`, warn in a worker).
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve one client and exit with it. Started by `airlock run` or by `serve`, not by hand.
    Worker(WorkerArguments),
    /// Enter the jail of a worker, test each of its layers, and report which of them hold.
    ///
    /// The exit code is 0 when all hold, 1 when one is missing, 2 when strict mode refuses to continue.
    Jail(JailArguments),
    /// Start workers for one host that may not start processes itself. Started by `airlock run`, not by hand.
    #[cfg(target_os = "linux")]
    Broker(options::BrokerArguments),
    /// Fork workers for `serve`, with the drivers' libraries loaded. Started by `serve`, not by hand.
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Zygote(options::ZygoteArguments),
    /// Accept clients on a Unix socket and start a worker for each.
    ///
    /// SIGTERM and SIGINT stop it: it accepts no further clients and ends the sessions that are left after --drain. A
    /// second signal ends them at once.
    #[cfg(target_os = "linux")]
    Serve(Box<supervisor::serve::ServeArguments>),
    /// Write a CDI file, with which container engines mount claims of `serve` into containers.
    #[cfg(target_os = "linux")]
    Cdi(supervisor::cdi::CdiArguments),
    /// Print a manual page or a shell's completions, for packages.
    #[command(hide = true)]
    Pages(PagesArguments),
}

/// Parses the command line and runs the subcommand. Usage and set-up errors print one line to stderr and exit with 2.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Worker(arguments) => {
            logs::start(LogFormat::Text, "warn");
            worker::run(&arguments).map_err(|error| error.to_string())
        }
        // It logs nothing itself, and each worker that it forks starts its own log.
        #[cfg(target_os = "linux")]
        Command::Zygote(arguments) => worker::zygote::run(&arguments).map_err(|error| error.to_string()),
        Command::Jail(arguments) => {
            logs::start(LogFormat::Text, "warn");
            report::run(&arguments).map_err(|error| error.to_string())
        }
        #[cfg(target_os = "linux")]
        Command::Broker(arguments) => {
            logs::start(LogFormat::Text, "warn");
            supervisor::broker::run(&arguments).map_err(|error| error.to_string())
        }
        #[cfg(target_os = "linux")]
        Command::Serve(arguments) => {
            logs::start(arguments.log_format, "info");
            supervisor::serve::run(*arguments).map_err(|error| error.to_string())
        }
        #[cfg(target_os = "linux")]
        Command::Cdi(arguments) => {
            supervisor::cdi::run(&arguments).map(|()| ExitCode::SUCCESS).map_err(|error| error.to_string())
        }
        Command::Pages(arguments) => {
            let printed = pages::run(Arguments::command(), &arguments);
            printed.map(|()| ExitCode::SUCCESS).map_err(|error| error.to_string())
        }
    };
    match result {
        Ok(code) => code,
        Err(message) => {
            printing::note(&format!("gpu-daemon: {message}"));
            ExitCode::from(2)
        }
    }
}
