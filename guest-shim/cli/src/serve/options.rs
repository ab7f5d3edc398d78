//! The command line of `airlock serve`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use airlock_traces::cli::{daemon::DaemonOption, size::Size};
use clap::{Args, ValueEnum, builder::RangedU64ValueParser};
use wasmtime_wasi::WasiCtx;

use super::limits::MAX_INSTANCES;
use crate::{error::CliError, limits::seconds, run};

const EXAMPLES: &str = "\
Examples:
  airlock serve thumbnails.wasm                        on 127.0.0.1:8080, a new instance for each request
  airlock serve --reuse 1000 app.wasm                  an instance answers up to 1000 requests
  airlock serve --gpu-session shared app.wasm          requests of one process share a GPU session
  airlock serve --listen 0.0.0.0:80 --admin 127.0.0.1:9100 --access-log json app.wasm
  airlock serve --instances 8 --request-timeout 5 --max-body 4M app.wasm
  airlock serve --daemon /run/airlock/gpu.sock app.wasm

Answers that are not the guest's: 408 the body took longer than --client-timeout, 413 it is longer than --max-body, 431 the
head is too long, 502 the guest trapped or its process ended, 503 no instance became free in time or the queue is full, 504
the guest took longer than --request-timeout. SIGTERM and SIGINT stop the server: it takes no more connections, finishes
what it has begun, and exits with code 0.
";

/// Answer HTTP requests with a component
///
/// A component must export wasi:http/handler (0.3.0) or wasi:http/incoming-handler (0.2). Each instance runs in a process
/// of its own, confined and without network, that answers one request at a time; another process owns the socket. The
/// GPU is driven by further processes, as with `airlock run`. HTTP/1.1 is spoken, without TLS.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Where clients connect
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where /metrics (Prometheus), /healthz and /readyz are. Default: nowhere
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub admin: Option<SocketAddr>,
    /// Guest processes, and so requests that are answered at a time. Default: one for each processor
    #[arg(long, value_name = "COUNT", value_parser = RangedU64ValueParser::<u32>::new().range(1..=u64::from(MAX_INSTANCES)))]
    instances: Option<u32>,
    /// Requests that an instance answers before a new one takes its place. With 1, no request finds what an earlier one left
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    pub reuse: u64,
    /// Scope of a GPU session
    #[arg(long, value_name = "SCOPE", default_value = "instance")]
    pub gpu_session: GpuSession,
    /// End a request that is not answered after so many seconds, and its guest process with it
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub request_timeout: Duration,
    /// Linear memory of an instance
    #[arg(long, value_name = "SIZE", default_value = "1G")]
    pub max_guest_memory: Size,
    /// The longest body of a request
    #[arg(long, value_name = "SIZE", default_value = "16M")]
    pub max_body: Size,
    /// Bodies of requests that are in memory, all together
    #[arg(long, value_name = "SIZE", default_value = "256M")]
    pub max_buffered: Size,
    /// Connections at a time; further ones wait in the kernel
    #[arg(long, value_name = "COUNT", default_value_t = 1024, value_parser = RangedU64ValueParser::<u32>::new().range(1..=100_000))]
    pub max_connections: u32,
    /// Requests that wait for an instance; further ones are refused
    #[arg(long, value_name = "COUNT", default_value_t = 256)]
    pub queue: u32,
    /// How long a request waits for an instance, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub queue_timeout: Duration,
    /// How long a client may take for a request's head, for its body, and without taking any of the answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub client_timeout: Duration,
    /// How long requests are finished after a signal to stop, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub grace: Duration,
    /// A line on standard output for each request
    #[arg(long, value_name = "FORMAT", default_value = "off")]
    pub access_log: AccessLog,
    /// Give the guest a variable; without a value, the one of this process
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Give the guest a folder to read and write, under another name if you like. All instances share it
    #[arg(long, value_name = "HOST[::GUEST]")]
    dir: Vec<String>,
    /// Choose the adapter, as for `airlock run`
    #[arg(long, value_name = "ADAPTER")]
    pub adapter: Option<String>,
    #[command(flatten)]
    pub daemon: DaemonOption,
    /// Compile the component anew instead of using wasmtime's cache
    #[arg(long)]
    pub no_cache: bool,
    /// Role of this process
    #[arg(long, hide = true)]
    pub part: Option<Part>,
    /// The component imports `wasi:webgpu`, as the supervisor has seen
    #[arg(long, hide = true)]
    pub imports_webgpu: bool,
    /// The component
    #[arg(value_name = "APP.WASM")]
    pub file: PathBuf,
}

/// Scope of a GPU session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GpuSession {
    /// One session for each instance: a GPU process starts and ends with it, so no data of one instance is in the memory of
    /// another's driver
    Instance,
    /// One session for all instances of a guest process, in turn. An instance's objects are dropped with it; the driver's
    /// process, memory and caches stay
    Shared,
}

/// Format of the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AccessLog {
    /// Not at all
    Off,
    /// For a person
    Text,
    /// One object each, for a program
    Json,
}

/// Role of a process that the supervisor starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Owns the sockets
    Front,
    /// Runs the guest
    Guest,
}

impl Arguments {
    /// Number of guest processes.
    pub fn instances(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        self.instances.map_or_else(processors, |count| usize::try_from(count).unwrap_or(1))
    }

    /// The folders of `--dir` on this machine.
    pub fn folders(&self) -> Vec<PathBuf> {
        run::folders(&self.dir)
    }

    /// WASI context of an instance. Its output goes to standard error; standard output is the access log.
    pub fn wasi(&self) -> Result<WasiCtx, CliError> {
        let mut wasi = WasiCtx::builder();
        wasi.stdout(wasmtime_wasi::cli::stderr()).inherit_stderr();
        wasi.arg(self.file.file_name().unwrap_or_default().to_string_lossy());
        run::give(&mut wasi, &self.env, &self.dir)?;
        Ok(wasi.build())
    }
}
