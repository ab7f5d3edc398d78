//! The `airlock` command: runs components that use a GPU, and reports on this machine's support for them.
//!
//! Code about the command line belongs here: options, messages, exit codes, files of a run. The host functions that a guest calls
//! are in `guest-shim/host`, WebGPU's objects in `guest-shim/client`.
//!
//! One file per subcommand, and shared modules:
//!
//! - `component` checks a file before anything is started for it,
//! - `script` accepts a JavaScript file in place of a component,
//! - `compiled` has its machine code, from a cache or from `compiler`'s process; `engine` configures wasmtime; `guest` links and
//!   runs it, with the data of `store`,
//! - `limits` bounds its memory and time,
//! - `confine` confines the process, by the policy of `--jail`,
//! - `gpu` starts the worker and checks the choice of an adapter,
//! - `record` makes the recordings of a run,
//! - `serve` answers HTTP requests with a guest, in a folder of its own,
//! - `surface` has the options of surfaces, and writes frames,
//! - `view` shows them in a browser, by a process of its own,
//! - `new` writes a project of a guest,
//! - `error` has the messages of all errors.
//!
//! `replay`, `verify`, `verify-merge` and `trace` are in the `airlock-traces` crate, beside the code that they use.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod compiled;
#[cfg(target_os = "linux")]
mod compiler;
mod component;
mod confine;
mod connector;
mod doctor;
mod engine;
mod error;
mod gpu;
mod guest;
mod imports;
mod limits;
mod log;
#[cfg(target_os = "linux")]
mod memory_file;
mod new;
mod print;
mod record;
mod run;
mod script;
#[cfg(target_os = "linux")]
mod serve;
mod shader_cache;
mod store;
mod surface;
mod versions;
#[cfg(target_os = "linux")]
mod view;

use std::{process::ExitCode, sync::LazyLock};

use airlock_protocol::{
    allocator::BySize,
    handshake::{PROTOCOL_VERSION, SCHEMA_HASH},
    pages::{self, PagesArguments},
};
use airlock_traces::cli::{ToolError, replay, terminal, trace, verify, verify_merge};
use clap::{CommandFactory, Parser, Subcommand};

use error::{CliError, WRONG_USE};
use versions::WEBGPU_VERSION;

#[global_allocator]
static ALLOCATOR: BySize = BySize;

static VERSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} (protocol {PROTOCOL_VERSION}, schema {SCHEMA_HASH}, wasi:webgpu {WEBGPU_VERSION})",
        env!("CARGO_PKG_VERSION")
    )
});

const EXAMPLES: &str = "\
Examples:
  airlock doctor                                is there a GPU, and what is missing?
  airlock run app.wasm                          run a guest on the best adapter
  airlock run app.js                            run JavaScript or TypeScript with WebGPU in the same sandbox
  airlock run --dir . app.wasm out.png          with this folder, and an argument
  airlock run --adapter llvmpipe --stats app.wasm
  airlock run --record bug.airtrace app.wasm    keep what happens between guest and GPU
  airlock serve app.wasm                        answer HTTP requests with a guest
  airlock new app                               write a project of a guest on wgpu
  airlock run --frames 60 --save-frames out app.wasm    draw without a screen, and keep the frames
  airlock replay bug.airtrace                   do it again, without the guest, and compare
  airlock trace info bug.airtrace               what is in it?

Environment:
  AIRLOCK_DAEMON      socket of a running `gpu-daemon serve`, as --daemon
  AIRLOCK_GPU_DAEMON  the gpu-daemon program, when it is neither beside airlock nor on PATH
  RUST_LOG            which messages appear, for example `debug` (default: warn)
";

/// Run WebAssembly components and JavaScript on the GPU, with the GPU driver in another process.
#[derive(Debug, Parser)]
#[command(name = "airlock", version = VERSION.as_str(), after_help = EXAMPLES, arg_required_else_help = true)]
#[command(max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Arguments>),
    #[cfg(target_os = "linux")]
    Serve(Box<serve::Arguments>),
    Replay(replay::Arguments),
    Verify(verify::Arguments),
    VerifyMerge(verify_merge::Arguments),
    #[command(subcommand)]
    Trace(trace::Command),
    Doctor(doctor::Arguments),
    New(new::Arguments),
    /// Print a manual page or a shell's completions, for packages
    #[command(hide = true)]
    Pages(PagesArguments),
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    ViewFront(view::FrontArguments),
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Compile(compiler::Arguments),
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Connect(connector::Arguments),
}

/// Runs the subcommand of the command line.
fn main() -> ExitCode {
    airlock::confine::note_inherited();
    let arguments = Arguments::parse();
    log::start();
    let outcome = match arguments.command {
        Command::Run(arguments) => run::run(*arguments),
        #[cfg(target_os = "linux")]
        Command::Serve(arguments) => serve::serve(&arguments),
        Command::Doctor(arguments) => engine::runtime().and_then(|runtime| {
            let outcome = runtime.block_on(doctor::doctor(arguments));
            // A thread that waits for a silent daemon must not delay the exit.
            runtime.shutdown_background();
            outcome
        }),
        Command::New(arguments) => new::new(arguments),
        #[cfg(target_os = "linux")]
        Command::ViewFront(arguments) => view::run_front(arguments),
        #[cfg(target_os = "linux")]
        Command::Compile(arguments) => compiler::run(&arguments),
        #[cfg(target_os = "linux")]
        Command::Connect(arguments) => connector::run(&arguments),
        Command::Replay(arguments) => tool(replay::run(arguments)),
        Command::Verify(arguments) => tool(verify::run(arguments)),
        Command::VerifyMerge(arguments) => tool(verify_merge::run(arguments)),
        Command::Trace(command) => tool(trace::run(command)),
        Command::Pages(arguments) => {
            let printed = pages::run(Arguments::command(), &arguments);
            printed.map(|()| 0).map_err(|cause| CliError::Report { cause: error::plain(&cause) })
        }
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            terminal::error(&error.to_string());
            ExitCode::from(WRONG_USE)
        }
    }
}

/// A tool's exit code, or its error.
fn tool(outcome: Result<u8, ToolError>) -> Result<u8, CliError> {
    outcome.map_err(CliError::Tool)
}

#[cfg(test)]
mod tests {
    use super::{versions::WASMTIME_VERSION, *};

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn wasmtime_is_the_one_in_the_manifest() {
        let manifest = include_str!("../../../Cargo.toml");
        assert!(manifest.contains(&format!("\nwasmtime = {{ version = \"{WASMTIME_VERSION}\"")));
    }
}
