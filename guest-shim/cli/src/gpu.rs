//! The guest's GPU, made ready while its component is compiled: a worker is started and asked for its adapters, so that
//! a set-up that cannot work is one clear message instead of a guest without an adapter.

use airlock::{AdapterChoice, Daemon, WasiWebGpuCtx};
use airlock_protocol::commands::adapter::Capabilities;
use airlock_traces::replay::unmatched;
use tokio::task::JoinHandle;

use super::{error::CliError, print::PrintCommands, record::Recordings};

/// Who looks on while the guest and the GPU talk.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Every command is printed.
    pub print_commands: bool,
    /// The recordings.
    pub recordings: Recordings,
    /// The runtime of a script reads the uncaptured errors, and leaves it to the host to tell them.
    pub script: bool,
}

/// A context whose worker is on its way.
#[derive(Debug)]
pub struct StartingGpu {
    choice: Option<String>,
    task: JoinHandle<Result<(WasiWebGpuCtx, Vec<Capabilities>), CliError>>,
}

/// Makes a context without a worker.
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
    /// Starts a worker and asks for its adapters, in the background.
    pub fn start(daemon: Daemon, choice: Option<String>, watch: Watch) -> Self {
        let text = choice.clone();
        let task = tokio::spawn(async move {
            let mut ctx = context(Some(daemon.clone()), text.as_deref(), &watch);
            // Starting a process and waiting for its first line blocks.
            let connection = tokio::task::spawn_blocking(move || daemon.connect()).await;
            ctx.adopt(connection.map_err(|error| ended(error.to_string()))??);
            let adapters = match text.as_deref().map(AdapterChoice::parse) {
                // The noop adapter is always there, and a list would start the drivers for nothing.
                Some(AdapterChoice::Noop) => Vec::new(),
                _ => list_adapters(&mut ctx).await?,
            };
            Ok((ctx, adapters))
        });
        Self { choice, task }
    }

    /// The context, once there is an adapter that the guest may have.
    pub async fn ready(self) -> Result<WasiWebGpuCtx, CliError> {
        // The task neither panics nor is it cancelled; if it were, there would be no worker.
        let (ctx, adapters) = self.task.await.map_err(|error| ended(error.to_string()))??;
        check_choice(self.choice.as_deref(), &adapters)?;
        Ok(ctx)
    }
}

/// The adapters that the worker finds.
pub async fn list_adapters(ctx: &mut WasiWebGpuCtx) -> Result<Vec<Capabilities>, CliError> {
    let adapters = ctx.list_adapters().await;
    adapters.ok_or_else(|| ended(ctx.ended().unwrap_or_else(|| "it does not answer".to_owned())))
}

fn ended(how: String) -> CliError {
    CliError::WorkerEnded { how }
}

/// Finds out whether an adapter is there, as the daemon will when the guest asks.
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
