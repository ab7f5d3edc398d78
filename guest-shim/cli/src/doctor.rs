//! `airlock doctor`: a report on this machine's adapters, jail and drivers, with remedies for missing parts.

#[cfg(target_os = "linux")]
#[path = "doctor/linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "doctor/other.rs"]
mod system;

mod jail;
mod report;
mod text;

use airlock::Daemon;
use airlock_protocol::{commands::adapter::Capabilities, printing};
use airlock_traces::cli::{daemon::DaemonOption, terminal::Paint};
use clap::Args;

use super::{
    error::{CliError, plain},
    gpu,
};
use report::{AdapterReport, DaemonReport, Finding, Report, Versions};

const EXAMPLES: &str = "\
Examples:
  airlock doctor
  airlock doctor --verbose                    every limit of every adapter
  airlock doctor --json | jq .adapters[].name

The exit code is 0 when a guest could run, 1 when something that it needs is missing.
";

/// Show what there is for guests, what is missing, and how to get it
///
/// Starts a worker, as `airlock run` does, and asks it for the adapters that it finds.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    daemon: DaemonOption,
    /// Write JSON, for scripts
    #[arg(long)]
    json: bool,
    /// Show every limit
    #[arg(long, short)]
    verbose: bool,
}

/// Exit code when no guest can run.
const NOT_READY: u8 = 1;

/// Writes the report to standard output.
pub async fn doctor(arguments: Arguments) -> Result<u8, CliError> {
    let report = examine(&arguments.daemon).await;
    let text = if arguments.json {
        let json =
            serde_json::to_string_pretty(&report).map_err(|error| CliError::Report { cause: error.to_string() })?;
        json + "\n"
    } else {
        text::render(&report, Paint::of(&std::io::stdout()), arguments.verbose)
    };
    printing::print(&text).map_err(|error| CliError::Report { cause: plain(&error) })?;
    Ok(if report.ready { 0 } else { NOT_READY })
}

async fn examine(option: &DaemonOption) -> Report {
    let (daemon, adapters) = look_for_adapters(option).await;
    let mut findings = Vec::new();
    if let Some(error) = &daemon.error {
        findings.push(Finding { problem: error.clone(), remedy: daemon.remedy.clone(), necessary: true });
    }
    findings.extend(system::graphics(adapters.as_deref()));
    let jail = option.daemon().ok().as_ref().and_then(jail::examine);
    Report {
        jail,
        ready: findings.iter().all(|finding| !finding.necessary),
        versions: Versions::default(),
        daemon,
        adapters: adapters.map(|adapters| adapters.iter().enumerate().map(AdapterReport::new).collect()),
        system: system::examine(),
        findings,
    }
}

/// Starts a worker and requests its adapters; without a worker the list is absent.
async fn look_for_adapters(option: &DaemonOption) -> (DaemonReport, Option<Vec<Capabilities>>) {
    let daemon = match option.daemon() {
        Ok(daemon) => daemon,
        Err(error) => return (DaemonReport::missing(&error.into()), None),
    };
    match ask(daemon.clone()).await {
        Ok(adapters) => (DaemonReport::found(&daemon, None), Some(adapters)),
        Err(error) => (DaemonReport::found(&daemon, Some(&error)), None),
    }
}

async fn ask(daemon: Daemon) -> Result<Vec<Capabilities>, CliError> {
    let mut ctx = gpu::context(Some(daemon), None, &gpu::Watch::default());
    // Blocks; no other task is waiting.
    ctx.connect()?;
    gpu::list_adapters(&mut ctx).await
}
