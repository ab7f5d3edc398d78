//! The `airlock-device-plugin` program. Its code is in the library beside it, where tests reach it.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    use airlock_device_plugin::{Command, Line};
    use airlock_protocol::{pages, printing};
    use clap::{CommandFactory as _, Parser as _};
    use std::io::IsTerminal as _;
    use tracing_subscriber::EnvFilter;

    let line = Line::parse();
    if let Some(Command::Pages(arguments)) = &line.command {
        return match pages::run(Line::command(), arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                printing::note(&format!("airlock-device-plugin: {error}"));
                ExitCode::from(2)
            }
        };
    }
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        // A failed write to standard error is not reported there: the attempt would panic.
        .log_internal_errors(false)
        .init();
    match airlock_device_plugin::run(&line.options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            printing::note(&format!("airlock-device-plugin: {error}"));
            ExitCode::from(2)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    ExitCode::from(2)
}
