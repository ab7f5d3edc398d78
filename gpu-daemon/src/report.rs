//! `gpu-daemon jail`: enters the jail as a worker does, and reports which layers hold.

use std::{
    fmt::Write as _,
    io::{self, Read as _},
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use airlock_jail::worker::{Jail, JailError, Mode, Plan, cache_space, prepare};
use airlock_protocol::{
    output::Relay,
    printing,
    transport::{DaemonChannels, in_memory},
    visible::visible,
};
use clap::Args;
use serde_json::json;
use thiserror::Error;

#[cfg(target_os = "linux")]
use crate::gpu::imported;
use crate::{
    gpu::instances::{Found, Instances},
    options::{ShaderCacheOptions, WorkerOptions},
};

/// Exit code when a layer does not hold.
const INCOMPLETE: u8 = 1;
/// Upper bound of a report in bytes: drivers print to the same pipe.
const MAX_REPORT: u64 = 1 << 20;
/// Time limit for relaying the output of the exited process.
const OUTPUT_WAIT: Duration = Duration::from_millis(500);

/// Command line of `jail`.
#[derive(Clone, Debug, Args)]
pub struct JailArguments {
    /// Options of workers.
    #[command(flatten)]
    options: WorkerOptions,
    /// See [`ShaderCacheOptions`].
    #[command(flatten)]
    shader_cache: ShaderCacheOptions,
    /// Write JSON, for scripts
    #[arg(long)]
    json: bool,
    /// Start no drivers: the system call filter stays as wide as before their start
    #[arg(long)]
    no_drivers: bool,
    /// This is the process that enters the jail: its streams are like a worker's.
    #[arg(long, hide = true)]
    inner: bool,
}

/// Reasons for a missing report.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The jail cannot be entered.
    #[error(transparent)]
    Jail(#[from] JailError),
    /// There is no ring to try imports with.
    #[error("cannot make a ring: {0}")]
    Ring(String),
    /// The process to enter the jail cannot be started.
    #[error("cannot start a process to enter the jail: {0}")]
    Start(#[from] io::Error),
}

/// Starts a process that enters the jail, starts the drivers in it, and reports. It is a separate process because a
/// worker's streams are part of the jail, and the caller's may be a terminal.
pub fn run(arguments: &JailArguments) -> Result<ExitCode, ReportError> {
    if arguments.inner {
        return enter(arguments);
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

/// Enters the jail and reports. A process cannot leave its jail, so it exits then.
fn enter(arguments: &JailArguments) -> Result<ExitCode, ReportError> {
    let mode = Mode::from(arguments.options.jail);
    let plan = Plan {
        prepared: prepare(mode, &[]),
        folder: None,
        memory: arguments.options.quotas.max_gpu_memory.0,
        cache: arguments.shader_cache.capacity().map(cache_space),
    };
    // Made before the jail, which forbids that; a worker's ring comes from its client.
    let (_, ring) = in_memory(0).map_err(|error| ReportError::Ring(error.to_string()))?;
    let mut instances = Instances::new(Jail::enter(mode, plan)?, None);
    let adapters = if arguments.no_drivers { Vec::new() } else { instances.adapters()? };
    let uploads: Vec<_> = adapters.iter().map(|found| Upload::examine(found, &ring)).collect();
    let jail = instances.jail();
    let text = if arguments.json { as_json(arguments, jail, &uploads) } else { as_text(jail, &uploads) };
    // Without a reader, the exit code still has the result.
    let _ = printing::print(&text);
    let complete = mode != Mode::Off && jail.layers().iter().all(|(_, state)| state.is_ok());
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::from(INCOMPLETE) })
}

/// How an adapter gets the data of writes.
struct Upload {
    adapter: String,
    /// The reason why its driver does not read the client's ring.
    why: Option<String>,
}

impl Upload {
    /// Imports a ring, in the jail, as a session's device does.
    fn examine(found: &Found, channels: &DaemonChannels) -> Self {
        #[cfg(target_os = "linux")]
        let why = imported::examine(&found.adapter, channels.ring.mapping()).err().map(|why| why.to_string());
        #[cfg(not(target_os = "linux"))]
        let _ = channels;
        #[cfg(not(target_os = "linux"))]
        let why = Some("the system has no sealed memory".to_owned());
        Self { adapter: found.name(), why }
    }
}

fn families(jail: &Jail) -> Vec<&'static str> {
    jail.families().map(|family| family.name()).collect()
}

fn as_json(arguments: &JailArguments, jail: &Jail, uploads: &[Upload]) -> String {
    let layers: Vec<_> = jail
        .layers()
        .iter()
        .map(|(layer, state)| json!({ "layer": layer.name(), "holds": state.is_ok(), "why": state.as_ref().err() }))
        .collect();
    let cache = jail.cache().map(|cache| json!({ "holds": cache.is_ok(), "why": cache.err() }));
    let upload = |of: &Upload| json!({ "adapter": of.adapter, "imported": of.why.is_none(), "why": of.why });
    let uploads: Vec<_> = uploads.iter().map(upload).collect();
    let report = json!({
        "mode": arguments.options.jail.to_string(), "layers": layers, "drivers": families(jail), "shader-cache": cache,
        "uploads": uploads,
    });
    format!("{report}\n")
}

fn as_text(jail: &Jail, uploads: &[Upload]) -> String {
    let mut text = String::new();
    for (layer, state) in jail.layers() {
        // Writing to a string does not fail.
        let _ = match state {
            Ok(()) => writeln!(text, "{:<18} holds", layer.name()),
            Err(why) => writeln!(text, "{:<18} missing: {why}", layer.name()),
        };
    }
    let families = families(jail);
    match jail.cache() {
        Some(Ok(())) => text.push_str("shader cache: in memory, of bounded size, the one place to make files in\n"),
        Some(Err(why)) => drop(writeln!(text, "shader cache: none: {why}")),
        None => {}
    }
    if !families.is_empty() {
        let _ = writeln!(text, "system calls are narrowed to drivers of: {}", families.join(", "));
    }
    for Upload { adapter, why } in uploads {
        let _ = match why {
            None => writeln!(text, "uploads to {adapter}: copied by the GPU, out of shared memory"),
            Some(why) => writeln!(text, "uploads to {adapter}: copied by the worker first: {why}"),
        };
    }
    text
}
