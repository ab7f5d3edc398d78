//! Worker options: jail mode, quotas of the session, deadlines.
//!
//! `serve` and `broker` take the same options and pass them on to each worker.

use std::{fmt::Display, path::PathBuf, time::Duration};

use airlock_jail::worker::Mode;
use airlock_protocol::{limits::MAX_STAGED, size::Size};
use clap::{Args, ValueEnum};

/// The command line of `worker`.
#[derive(Clone, Debug, Args)]
pub struct WorkerArguments {
    /// See [`WorkerOptions`].
    #[command(flatten)]
    pub options: WorkerOptions,
    /// Inherited descriptor of the status file, for the metrics of `serve`.
    #[arg(long, value_name = "N", hide = true)]
    pub status_fd: Option<i32>,
    /// Inherited descriptor of the memory that the shader cache is exchanged in.
    #[arg(long, value_name = "N", hide = true)]
    pub shader_cache_fd: Option<i32>,
    /// Standby worker: starts its drivers at once and receives the client's connection later, on standard input.
    #[arg(long, hide = true)]
    pub standby: bool,
    /// Parent process to exit with, where the client would outlive it.
    #[arg(long, value_name = "PID", hide = true)]
    pub server: Option<u32>,
}

/// The command line of `zygote`.
#[derive(Clone, Debug, Args)]
pub struct ZygoteArguments {
    /// The server, whose children the workers will be, and with which this process exits.
    #[arg(long, value_name = "PID")]
    pub server: u32,
}

/// The operator's settings.
#[derive(Clone, Debug, Args)]
pub struct WorkerOptions {
    /// If the kernel lacks a layer of the jail: refuse to start, continue without the layer, or use no jail at all
    #[arg(long, value_name = "MODE", default_value_t = JailMode::BestEffort)]
    pub jail: JailMode,
    /// Start the drivers at once instead of at the client's first adapter request
    #[arg(long)]
    pub start_drivers: bool,
    /// See [`Quotas`].
    #[command(flatten)]
    pub quotas: Quotas,
    /// See [`Deadlines`].
    #[command(flatten)]
    pub deadlines: Deadlines,
}

/// Shader cache of drivers, which the process that starts workers keeps.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Shader cache")]
pub struct ShaderCacheOptions {
    /// Disk space for compiled shaders, of all tenants together. The least recently used go first
    #[arg(long, value_name = "SIZE", default_value = "256M")]
    pub shader_cache_size: Size,
    /// Keep no compiled shaders, and use none
    #[arg(long)]
    pub no_shader_cache: bool,
}

/// Maximum size of one tenant's cache, in bytes. A worker has it in memory.
const MAX_TENANTS_SHADERS: u64 = 16 << 20;

impl ShaderCacheOptions {
    /// Size of one tenant's cache in bytes; `None` where caching is off.
    pub fn capacity(&self) -> Option<u64> {
        let Self { shader_cache_size: Size(size), no_shader_cache } = *self;
        (size > 0 && !no_shader_cache).then_some(size.min(MAX_TENANTS_SHADERS))
    }
}

/// The command line of `broker`.
#[derive(Clone, Debug, Args)]
pub struct BrokerArguments {
    /// Options of each worker.
    #[command(flatten)]
    pub options: WorkerOptions,
    /// See [`ShaderCacheOptions`].
    #[command(flatten)]
    pub shader_cache: ShaderCacheOptions,
    /// The guest's file, whose digest selects the shader cache. Without it there is no cache
    #[arg(long, value_name = "FILE")]
    pub guest: Option<PathBuf>,
}

/// Strictness of a worker's jail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum JailMode {
    /// Start only if every layer holds
    Strict,
    /// Use the layers that the kernel supports; the log names the others
    BestEffort,
    /// No jail, for debuggers and profilers
    Off,
}

impl From<JailMode> for Mode {
    fn from(mode: JailMode) -> Self {
        match mode {
            JailMode::Strict => Self::Strict,
            JailMode::BestEffort => Self::BestEffort,
            JailMode::Off => Self::Off,
        }
    }
}

/// Quotas of one session. The README's table says what happens above each.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Quotas of a session")]
pub struct Quotas {
    /// GPU memory of buffers and textures together
    #[arg(long, value_name = "SIZE", default_value = "4G")]
    pub max_gpu_memory: Size,
    /// GPU memory of textures
    #[arg(long, value_name = "SIZE", default_value = "2G")]
    pub max_texture_memory: Size,
    /// Live objects of each kind
    #[arg(long, value_name = "N", default_value_t = 256 << 10)]
    pub max_objects: u32,
    /// Data in flight to the GPU: staged for a command, or written and not yet copied
    #[arg(long, value_name = "SIZE", default_value_t = Size(MAX_STAGED))]
    pub max_in_flight: Size,
    /// Bytes of a shader's source
    #[arg(long, value_name = "SIZE", default_value = "4M")]
    pub max_shader_source: Size,
    /// Unfinished submits per device; a further one waits
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub max_queue_depth: u32,
    /// Memory of the GPU process, which is a software adapter's GPU memory too
    #[arg(long, value_name = "SIZE", default_value = "8G")]
    pub max_memory: Size,
}

/// Deadlines; the session ends when one passes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Deadlines, in seconds")]
pub struct Deadlines {
    /// A submit on the GPU
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub gpu_timeout: Duration,
    /// The compilation of a shader or a pipeline
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub compile_timeout: Duration,
    /// Any other command in the worker
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub command_timeout: Duration,
    /// A client that does not read its events or does not finish a batch
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub client_timeout: Duration,
}

impl WorkerOptions {
    /// Formats the options as command-line arguments for a worker.
    pub fn to_arguments(&self) -> Vec<String> {
        let Self { jail, start_drivers, quotas, deadlines } = self;
        let seconds = |duration: Duration| duration.as_secs_f64();
        let argument = |name: &str, value: &dyn Display| format!("--{name}={value}");
        let mut arguments = vec![
            argument("jail", jail),
            argument("max-gpu-memory", &quotas.max_gpu_memory),
            argument("max-texture-memory", &quotas.max_texture_memory),
            argument("max-objects", &quotas.max_objects),
            argument("max-in-flight", &quotas.max_in_flight),
            argument("max-shader-source", &quotas.max_shader_source),
            argument("max-queue-depth", &quotas.max_queue_depth),
            argument("max-memory", &quotas.max_memory),
            argument("gpu-timeout", &seconds(deadlines.gpu_timeout)),
            argument("compile-timeout", &seconds(deadlines.compile_timeout)),
            argument("command-timeout", &seconds(deadlines.command_timeout)),
            argument("client-timeout", &seconds(deadlines.client_timeout)),
        ];
        arguments.extend(start_drivers.then(|| "--start-drivers".to_owned()));
        arguments
    }
}

impl Display for JailMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            JailMode::Strict => "strict",
            JailMode::BestEffort => "best-effort",
            JailMode::Off => "off",
        })
    }
}

/// Parses seconds, with fractions; at most a day, so that no sum of durations overflows.
pub fn seconds(text: &str) -> Result<Duration, String> {
    const MAX_SECONDS: f64 = 86_400.0;
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value <= MAX_SECONDS => Ok(Duration::from_secs_f64(value)),
        _ => Err(format!("a number of seconds above 0 and up to {MAX_SECONDS}, for example 2.5")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: WorkerOptions,
    }

    #[test]
    fn options_are_passed_on_unchanged() {
        let given = [
            "gpu-daemon",
            "--jail=strict",
            "--max-gpu-memory=1M",
            "--max-texture-memory=2K",
            "--max-objects=3",
            "--max-in-flight=4",
            "--max-shader-source=5",
            "--max-queue-depth=6",
            "--max-memory=7",
            "--gpu-timeout=0.5",
            "--compile-timeout=1.25",
            "--command-timeout=7",
            "--client-timeout=8",
            "--start-drivers",
        ];
        let options = Line::try_parse_from(given).unwrap().options;
        let passed_on = [vec!["gpu-daemon".to_owned()], options.to_arguments()].concat();
        assert_eq!(passed_on.len(), given.len());
        let again = Line::try_parse_from(passed_on).unwrap().options;
        assert_eq!(format!("{again:?}"), format!("{options:?}"));
        assert_eq!(options.deadlines.gpu_timeout, Duration::from_millis(500));
        assert_eq!(options.quotas.max_gpu_memory, Size(1 << 20));
    }

    #[test]
    fn a_deadline_is_a_time() {
        for text in ["0", "-1", "NaN", "inf", "1e9", "soon", ""] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
