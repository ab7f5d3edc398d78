//! `airlock run`: one guest, from its file to its exit code.

use std::{
    env,
    ffi::OsString,
    future::{Future as _, poll_fn},
    io::Write as _,
    path::{Path, PathBuf},
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use airlock::{AdapterChoice, Daemon, Stats, WasiWebGpuCtx, confine::Reach, nanoseconds, surface::SurfaceCtx};
use airlock_protocol::printing;
use airlock_traces::cli::daemon::DaemonOption;
use clap::{Args, ValueEnum};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

use super::{
    compiled::Compiled,
    component::ComponentFile,
    confine::{confine_to_load, end_loading},
    connector::prepared,
    engine::{self, Settings},
    error::{CliError, plain},
    gpu::{self, StartingGpu, Watch},
    guest::Guest,
    limits::{self, LimitOptions},
    record::RecordOptions,
    script::Script,
    shader_cache::ShaderCacheOptions,
    store::State,
    surface::{Showing, SurfaceOptions},
};

const EXAMPLES: &str = "\
Examples:
  airlock run app.wasm
  airlock run app.wasm --size 512              everything after the file goes to the guest
  airlock run --dir . app.wasm out.png         the guest may read and write this folder
  airlock run --dir /data::/in app.wasm        it sees /data as /in
  airlock run app.js                           a script: JavaScript with WebGPU
  airlock run --adapter 1 app.wasm             the second adapter of `airlock doctor`
  airlock run --stats=json app.wasm 2>stats    calls, commands, bytes and waits
  airlock run --print-commands app.wasm        what the guest asks of the GPU, as it asks
  airlock run --surface 640x360@30 --save-video run.y4m app.wasm
                                               frames of a guest that draws to a window
  airlock run --view app.wasm                  watch it in a browser, and use it there
  airlock run --record bug.airtrace app.wasm   the same in a file, for `airlock replay`

The exit code is the guest's; 134 after a trap, 124 after --timeout, 2 when it could not be started.
";

/// Run a component or a script on the GPU
///
/// A component may import WASI 0.2, WASI 0.3, wasi:webgpu and surfaces, and must export wasi:cli/run. A script is a
/// file that ends in .js or .mjs, or in .ts or .mts (TypeScript, of which the types are left out), with WebGPU as browsers
/// have it. The GPU is driven by a process of its own, which ends with the guest. A guest has standard streams, and no
/// folder, variable or network that it is not given.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = "airlock run [OPTIONS] <APP.WASM|APP.JS> [ARGS]...")]
pub struct Arguments {
    /// Give the guest a variable; without a value, the one of this process
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Give the guest a folder to read and write, under another name if you like
    #[arg(long, value_name = "HOST[::GUEST]")]
    dir: Vec<String>,
    /// Choose the adapter: a part of its name, its number in `airlock doctor`, or `noop`, which executes nothing
    #[arg(long, value_name = "ADAPTER")]
    adapter: Option<String>,
    #[command(flatten)]
    daemon: DaemonOption,
    /// At the end, write what the run did to standard error
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    stats: Option<StatsFormat>,
    /// Write every command for the GPU to standard error, one line each
    #[arg(long)]
    print_commands: bool,
    #[command(flatten)]
    record: RecordOptions,
    #[command(flatten)]
    surface: SurfaceOptions,
    #[command(flatten)]
    limits: LimitOptions,
    /// Compile the component anew instead of using wasmtime's cache
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    shader_cache: ShaderCacheOptions,
    /// The component or script; everything after it goes to the guest
    // One list, so that an option after the file is the guest's even where this program has one of that name.
    #[arg(value_name = "APP", required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
}

impl Arguments {
    fn file(&self) -> &Path {
        Path::new(self.command.first().map_or_else(Default::default, OsString::as_os_str))
    }

    /// Source of workers. A worker of this process's own starts now, with its drivers unless the adapter is `noop`.
    fn starting_daemon(&self) -> Result<Daemon, CliError> {
        let mut daemon = self.daemon.daemon()?;
        let noop = self.adapter.as_deref().map(AdapterChoice::parse) == Some(AdapterChoice::Noop);
        if let Daemon::Spawn { arguments, .. } = &mut daemon {
            // `noop` has no drivers to start, and no shaders to keep.
            if !noop {
                arguments.push("--start-drivers".to_owned());
                if cfg!(target_os = "linux") {
                    // Other systems have no broker.
                    arguments.extend(self.shader_cache.to_arguments(self.file()));
                }
            }
        }
        prepared(daemon)
    }
}

/// Format of `--stats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StatsFormat {
    /// For a person
    Text,
    /// One line for a program
    Json,
}

/// Runs a guest and returns its exit code.
///
/// Work that needs unrestricted access comes first, on this thread alone. Then the process confines itself, and with it all
/// later threads: the runtime's, the recorders', the guest's. The component's machine code is loaded after that, because it may be
/// hostile.
pub fn run(arguments: Arguments) -> Result<u8, CliError> {
    let script = Script::read(arguments.file(), arguments.dir.iter().map(|folder| host_and_guest(folder)))?;
    let file = script.as_ref().map_or_else(|| ComponentFile::read(arguments.file()), Script::component)?;
    let wasi = wasi(&arguments, script.as_ref())?;
    let daemon = if file.imports_webgpu() { Some(arguments.starting_daemon()?) } else { None };
    // A script's own runtime enforces the timeout, and reports the pending operations.
    let timeout = arguments.limits.timeout.filter(|_| script.is_none());
    let interruptible = timeout.is_some();
    let engine = engine::engine(interruptible)?;
    let jail = arguments.daemon.jail();
    let compiled = Compiled::new(&file, &engine, Settings { cache: !arguments.no_cache, interruptible, jail })?;
    Guest::check_exports(&file)?;

    let records = arguments.record.has_flight_recorder();
    let shown = arguments.surface.prepare(&file, jail, records)?;
    let reach = Reach { folders: folders(&arguments.dir), ..Reach::default() };
    confine_to_load(jail, &shown.reach(arguments.record.reach(reach)))?;

    // SAFETY: this process is confined by now, as far as `--jail` says.
    #[allow(unsafe_code)]
    let component = unsafe { compiled.load(&engine, &file.file) }?;
    let guest = Guest::link(&engine, &component, &file)?;
    end_loading(jail)?;

    let runtime = super::engine::runtime()?;
    let watch = Watch {
        print_commands: arguments.print_commands,
        recordings: arguments.record.start(&file),
        script: script.is_some(),
    };
    // Compiled code does not need the file, and a guest may run for a long time.
    drop(file);
    let shown = shown.start(watch.recordings.snapshot())?;
    let code = runtime.block_on(run_guest(&arguments, &engine, &guest, wasi, daemon, (watch, timeout, shown)));
    // A thread that waits for a silent daemon, or for input, must not delay the exit.
    runtime.shutdown_background();
    code
}

async fn run_guest(
    arguments: &Arguments,
    engine: &Engine,
    guest: &Guest,
    wasi: WasiCtx,
    daemon: Option<Daemon>,
    (watch, timeout, (surfaces, showing)): (Watch, Option<Duration>, (SurfaceCtx, Showing)),
) -> Result<u8, CliError> {
    let gpu = match daemon {
        Some(daemon) => StartingGpu::start(daemon, arguments.adapter.clone(), watch.clone()).ready().await?,
        None => gpu::context(None, None, &watch),
    };
    let memory = arguments.limits.memory();
    let mut store = Store::new(engine, State::new(wasi, gpu, surfaces, memory));
    store.limiter(|state| &mut state.memory);
    let start = Instant::now();
    let code = match timeout {
        None => guest.run(&mut store).await,
        Some(timeout) => {
            store.set_epoch_deadline(1);
            let over = limits::expire(engine, timeout).map_err(|cause| CliError::Runtime { cause })?;
            // While the guest waits, it runs no code that could be interrupted.
            let (mut run, mut over) = (pin!(guest.run(&mut store)), pin!(over.notified()));
            poll_fn(|context| match run.as_mut().poll(context) {
                Poll::Ready(code) => Poll::Ready(code),
                Poll::Pending => over.as_mut().poll(context).map(|()| limits::timed_out()),
            })
            .await
        }
    };
    let guest_ns = nanoseconds(start.elapsed());
    let State { gpu, surfaces, .. } = store.data_mut();
    surfaces.finish(gpu).await;
    if let Some(format) = arguments.stats {
        let stats = Stats { guest_ns: Some(guest_ns), ..stats(&mut store.data_mut().gpu).await };
        print(&stats, format)?;
    }
    // The session ends first: its last events belong in the recordings.
    drop(store);
    watch.recordings.finish();
    showing.finish();
    Ok(code)
}

/// Host folders of `--dir`.
pub fn folders(dir: &[String]) -> Vec<PathBuf> {
    dir.iter().map(|folder| PathBuf::from(host_and_guest(folder).0)).collect()
}

/// Names of a `--dir` folder on the host and in the guest.
fn host_and_guest(folder: &str) -> (&str, &str) {
    folder.split_once("::").unwrap_or((folder, folder))
}

/// WASI context of the guest: streams, folders, variables, arguments.
fn wasi(arguments: &Arguments, script: Option<&Script>) -> Result<WasiCtx, CliError> {
    let mut wasi = WasiCtx::builder();
    wasi.inherit_stdio();
    match script {
        Some(script) => script.arguments(&mut wasi, arguments.limits.timeout),
        // Only the name: the file's location is not disclosed to the guest.
        None => {
            wasi.arg(arguments.file().file_name().unwrap_or_default().to_string_lossy());
        }
    }
    for argument in arguments.command.iter().skip(1) {
        // WASI's arguments are Unicode.
        wasi.arg(argument.to_string_lossy());
    }
    give(&mut wasi, &arguments.env, &arguments.dir)?;
    Ok(wasi.build())
}

/// Adds the variables of `--env` and the folders of `--dir`.
pub fn give(wasi: &mut WasiCtxBuilder, variables: &[String], folders: &[String]) -> Result<(), CliError> {
    for variable in variables {
        match variable.split_once('=') {
            Some((name, value)) => wasi.env(name, value),
            None => {
                let value = env::var(variable).map_err(|_| CliError::NoVariable { name: variable.clone() })?;
                wasi.env(variable, value)
            }
        };
    }
    for folder in folders {
        let (host, guest) = host_and_guest(folder);
        give_folder(wasi, Path::new(host), guest)
            .map_err(|cause| CliError::Folder { folder: folder.clone(), cause })?;
    }
    Ok(())
}

fn give_folder(wasi: &mut WasiCtxBuilder, host: &Path, guest: &str) -> Result<(), String> {
    // Read first, for the system's error text.
    let metadata = host.metadata().map_err(|error| plain(&error))?;
    if !metadata.is_dir() {
        return Err("not a folder".to_owned());
    }
    wasi.preopened_dir(host, guest, FsPerms::ReadWrite).map(|_| ()).map_err(|error| super::error::root_cause(&error))
}

/// Statistics of the run, with the report of a live worker.
async fn stats(gpu: &mut WasiWebGpuCtx) -> Stats {
    // Requested first, so that the request itself is counted like every other command.
    let report = gpu.report().await;
    let stats = gpu.stats();
    match report {
        Some(report) => stats.with_report(report),
        None => stats,
    }
}

fn print(stats: &Stats, format: StatsFormat) -> Result<(), CliError> {
    let text = match format {
        StatsFormat::Text => stats.to_string(),
        StatsFormat::Json => {
            let json = serde_json::to_string(stats).map_err(|error| CliError::Report { cause: error.to_string() })?;
            json + "\n"
        }
    };
    let written = std::io::stderr().lock().write_all(text.as_bytes());
    printing::unless_closed(written).map_err(|error| CliError::Report { cause: plain(&error) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Line::try_parse_from(line.split(' ')).map(|line| line.arguments)
    }

    #[test]
    fn what_follows_the_file_is_the_guests() {
        let arguments = parse("run --stats a.wasm --stats=json --unknown -x -- y").unwrap();
        assert_eq!(arguments.stats, Some(StatsFormat::Text));
        assert_eq!(arguments.file(), Path::new("a.wasm"));
        assert_eq!(arguments.command[1..], ["--stats=json", "--unknown", "-x", "--", "y"]);
    }

    #[test]
    fn mistakes_before_the_file_are_found() {
        assert!(parse("run").is_err());
        assert!(parse("run --unknown a.wasm").is_err());
        assert!(parse("run --stats=xml a.wasm").is_err());
    }
}
