//! `gpu-daemon jail`: enters the jail as a worker does, and says which layers hold.

use std::{
    fmt::Write as _,
    io::{self, Read as _},
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use airlock_protocol::{output::Relay, printing, visible::visible};
use clap::Args;
use serde_json::json;
use thiserror::Error;

use super::{Jail, JailError, Plan, prepare};
use crate::{
    gpu::instances::Instances,
    options::{JailMode, WorkerOptions},
};

/// The exit code when a layer does not hold.
const INCOMPLETE: u8 = 1;
/// Bytes of a report: drivers print to the same pipe.
const MAX_REPORT: u64 = 1 << 20;
/// How long what the ended process has printed is waited for.
const OUTPUT_WAIT: Duration = Duration::from_millis(500);

/// The command line of `jail`.
#[derive(Clone, Debug, Args)]
pub struct JailArguments {
    /// What the operator sets for workers.
    #[command(flatten)]
    options: WorkerOptions,
    /// Write JSON, for scripts
    #[arg(long)]
    json: bool,
    /// Start no driver: the filter of system calls stays as wide as it is before
    #[arg(long)]
    no_drivers: bool,
    /// This is the process that enters: its streams are as a worker's
    #[arg(long, hide = true)]
    inner: bool,
}

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The jail is not to be entered.
    #[error(transparent)]
    Jail(#[from] JailError),
    /// The process that would enter it does not start.
    #[error("cannot start a process to enter the jail: {0}")]
    Start(#[from] io::Error),
}

/// Has a process enter the jail, start the drivers in it, and report. The process is one of its own because a worker's
/// streams are part of the jail, and those of whoever asks may be a terminal.
pub fn run(arguments: &JailArguments) -> Result<ExitCode, ReportError> {
    if arguments.inner {
        return Ok(enter(arguments)?);
    }
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).arg("--inner");
    let mut inner = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let output = inner.stderr.take().map(Relay::start);
    let mut report = String::new();
    if let Some(stdout) = inner.stdout.take() {
        stdout.take(MAX_REPORT).read_to_string(&mut report)?;
    }
    let status = inner.wait()?;
    if let Some(output) = output {
        output.finish(OUTPUT_WAIT);
    }
    printing::print(&visible(&report))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(INCOMPLETE)))
}

/// Enters the jail and reports. Nothing gets out of the process again, so it ends then.
fn enter(arguments: &JailArguments) -> Result<ExitCode, JailError> {
    let plan = Plan {
        prepared: prepare(arguments.options.jail, &[]),
        folder: None,
        memory: arguments.options.quotas.max_gpu_memory.0,
    };
    let mut instances = Instances::new(Jail::enter(arguments.options.jail, plan)?);
    if !arguments.no_drivers {
        instances.adapters()?;
    }
    let jail = instances.jail();
    let text = if arguments.json { as_json(jail) } else { as_text(jail) };
    // Without a reader, the exit code still tells.
    let _ = printing::print(&text);
    let complete = jail.mode != JailMode::Off && jail.layers().iter().all(|(_, state)| state.is_ok());
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::from(INCOMPLETE) })
}

fn families(jail: &Jail) -> Vec<&'static str> {
    jail.families().map(|family| family.name()).collect()
}

fn as_json(jail: &Jail) -> String {
    let layers: Vec<_> = jail
        .layers()
        .iter()
        .map(|(layer, state)| json!({ "layer": layer.name(), "holds": state.is_ok(), "why": state.as_ref().err() }))
        .collect();
    let report = json!({ "mode": jail.mode.to_string(), "layers": layers, "drivers": families(jail) });
    format!("{report}\n")
}

fn as_text(jail: &Jail) -> String {
    let mut text = String::new();
    for (layer, state) in jail.layers() {
        // Writing to a string does not fail.
        let _ = match state {
            Ok(()) => writeln!(text, "{:<18} holds", layer.name()),
            Err(why) => writeln!(text, "{:<18} missing: {why}", layer.name()),
        };
    }
    let families = families(jail);
    if !families.is_empty() {
        let _ = writeln!(text, "system calls are narrowed to drivers of: {}", families.join(", "));
    }
    text
}
