//! `gpu-daemon jail`: enters the jail as a worker does, and says which layers hold.

use std::{fmt::Write as _, io::Write as _, process::ExitCode};

use clap::Args;
use serde_json::json;

use super::{Jail, JailError, Plan, prepare};
use crate::{
    instances::Instances,
    options::{JailMode, WorkerOptions},
};

/// The exit code when a layer does not hold.
const INCOMPLETE: u8 = 1;

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
}

/// Enters the jail, starts the drivers in it, and reports. Nothing gets out of the process again, so it ends then.
pub fn run(arguments: &JailArguments) -> Result<ExitCode, JailError> {
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
    // With nobody to read it, the exit code still tells.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
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
