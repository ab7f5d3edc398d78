//! The guest's GPU before the guest runs: a worker is connected and asked for its adapters, so that a set-up that
//! cannot work is one clear error instead of a guest without an adapter.

use airlock::{AdapterChoice, Daemon, WasiWebGpuCtx};
use airlock_protocol::commands::adapter::Capabilities;
use airlock_traces::replay::unmatched;
use tokio::task::JoinHandle;

use super::{error::CliError, print::PrintCommands, record::Recordings};

/// Observers of the commands between the guest and the GPU.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Prints every command.
    pub print_commands: bool,
    pub recordings: Recordings,
    /// The guest is the script runtime, which reads the uncaptured errors and leaves their report to the host.
    pub script: bool,
}

/// A context whose worker is being started.
#[derive(Debug)]
pub struct StartingGpu {
    choice: Option<String>,
    task: JoinHandle<Result<(WasiWebGpuCtx, Vec<Capabilities>), CliError>>,
}

/// Creates a context without a worker.
pub fn context(daemon: Option<Daemon>, choice: Option<&str>, watch: &Watch) -> WasiWebGpuCtx {
    let mut builder = WasiWebGpuCtx::builder();
    if let Some(daemon) = daemon {
        builder = builder.daemon(daemon);
    }
    if let Some(choice) = choice {
        builder = builder.adapter(AdapterChoice::parse(choice));
    }
    if watch.print_commands {
        builder = builder.tap(|_| Box::new(PrintCommands::default()));
    }
    if watch.script {
        builder = builder.warn_of_all_errors();
    }
    watch.recordings.attach(builder).build()
}

impl StartingGpu {
    /// Starts a worker and requests its adapters, in the background.
    pub fn start(daemon: Daemon, choice: Option<String>, watch: Watch) -> Self {
        let text = choice.clone();
        let task = tokio::spawn(async move {
            let mut ctx = context(Some(daemon.clone()), text.as_deref(), &watch);
            // Starting a process and waiting for its first line blocks.
            let connection = tokio::task::spawn_blocking(move || daemon.connect()).await;
            ctx.adopt(connection.map_err(|error| ended(error.to_string()))??);
            let adapters = match text.as_deref().map(AdapterChoice::parse) {
                // The noop adapter always exists, and a list would start the drivers needlessly.
                Some(AdapterChoice::Noop) => Vec::new(),
                _ => list_adapters(&mut ctx).await?,
            };
            Ok((ctx, adapters))
        });
        Self { choice, task }
    }

    /// Waits for the context, and checks that an adapter matches the choice.
    pub async fn ready(self) -> Result<WasiWebGpuCtx, CliError> {
        // The task neither panics nor is cancelled; either would mean that there is no worker.
        let (ctx, adapters) = self.task.await.map_err(|error| ended(error.to_string()))??;
        check_choice(self.choice.as_deref(), &adapters)?;
        Ok(ctx)
    }
}

/// Requests the worker's adapters.
pub async fn list_adapters(ctx: &mut WasiWebGpuCtx) -> Result<Vec<Capabilities>, CliError> {
    let adapters = ctx.list_adapters().await;
    adapters.ok_or_else(|| ended(ctx.ended().unwrap_or_else(|| "it does not answer".to_owned())))
}

fn ended(how: String) -> CliError {
    CliError::WorkerEnded { how }
}

/// Checks that an adapter matches the choice, as the daemon does when the guest requests one.
fn check_choice(choice: Option<&str>, adapters: &[Capabilities]) -> Result<(), CliError> {
    let chosen = choice.map_or(AdapterChoice::Any, AdapterChoice::parse);
    if chosen == AdapterChoice::Noop {
        return Ok(());
    }
    if adapters.is_empty() {
        return Err(CliError::NoAdapter);
    }
    let wanted = choice.unwrap_or_default().to_owned();
    match choice.and_then(|choice| unmatched(choice, adapters)) {
        Some(available) => Err(CliError::NoSuchAdapter { wanted, available }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use airlock_protocol::commands::adapter::AdapterInfo;

    use super::*;

    fn check(choice: Option<&str>, names: &[&str]) -> Option<String> {
        let adapters: Vec<_> = names
            .iter()
            .map(|name| Capabilities {
                info: AdapterInfo {
                    description: (*name).to_owned(),
                    backend: "vulkan".to_owned(),
                    ..AdapterInfo::default()
                },
                ..Capabilities::default()
            })
            .collect();
        check_choice(choice, &adapters).err().map(|error| error.to_string())
    }

    #[test]
    fn choices_that_fit() {
        for choice in [None, Some("0"), Some("1"), Some("PIPE"), Some("vulkan"), Some("noop")] {
            assert_eq!(check(choice, &["Big GPU", "llvmpipe"]), None, "{choice:?}");
        }
        assert_eq!(check(Some("noop"), &[]), None);
    }

    #[test]
    fn choices_that_do_not() {
        assert!(check(None, &[]).is_some_and(|error| error.contains("airlock doctor")));
        for choice in ["2", "radeon"] {
            assert_eq!(
                check(Some(choice), &["Big GPU", "llvmpipe"]),
                Some(format!(
                    "no adapter matches --adapter {choice}; there is 0: Big GPU (vulkan), 1: llvmpipe (vulkan)"
                ))
            );
        }
    }
}
