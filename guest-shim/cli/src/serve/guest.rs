//! The guest process: one instance and one request at a time, each over a connection that the front passes.

use std::{
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    process, thread,
    time::Duration,
};

use airlock::{AdapterChoice, Daemon, WasiWebGpuCtx, confine::Reach};
use airlock_protocol::descriptors::{self, DescriptorError};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{SealFlags, fcntl_get_seals},
    io::Errno,
};
use wasmtime::{Engine, Store};

use super::{
    channel::{self, Ready},
    handler::{Handler, Service},
    instance::{self, Left},
    options::{Arguments, GpuSession},
};
use crate::{
    compiled::Compiled,
    confine::{confine_to_load, end_loading},
    connector::prepared,
    engine,
    error::{CliError, plain, root_cause},
    gpu::{self, StartingGpu, Watch},
    limits::Memory,
    store::State,
    surface,
};

/// Deadline for the compiled component, which the supervisor sends right after the start.
const COMPONENT_WAIT: Duration = Duration::from_secs(60);

/// Runs until the stream to the front ends.
pub fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let lost = |error: std::io::Error| CliError::Channel { cause: plain(&error) };
    let channel = channel::of_standard_input().map_err(lost)?;
    let engine = engine::engine(false)?;
    let code = descriptors::receive(&channel, Some(COMPONENT_WAIT)).map_err(|error| lost_by(&error))?;
    check_seals(&code)?;
    let daemon = if arguments.imports_webgpu { Some(daemon(arguments)?) } else { None };
    confine_to_load(arguments.daemon.jail(), &Reach { folders: arguments.folders(), ..Reach::default() })?;

    let file = arguments.file.display().to_string();
    let component = load(&engine, &code, &file)?;
    drop(code);
    let handler = Handler::link(&engine, &component, &file)?;
    end_loading(arguments.daemon.jail())?;
    end_with(&channel).map_err(lost)?;
    let runtime = crate::engine::runtime()?;
    let mut guest = Guest { arguments, engine, handler, daemon, checked: false, told: Told::default() };
    let code = runtime.block_on(guest.serve(&channel));
    runtime.shutdown_background();
    code
}

fn lost_by(error: &DescriptorError) -> CliError {
    CliError::Channel { cause: error.to_string() }
}

/// Checks that nothing can change the machine code, whose pages are mapped.
fn check_seals(code: &OwnedFd) -> Result<(), CliError> {
    let needed = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK;
    match fcntl_get_seals(code) {
        Ok(seals) if seals.contains(needed) => Ok(()),
        _ => Err(CliError::Channel { cause: "the component came in a file that can be changed".to_owned() }),
    }
}

/// Loads the component that the supervisor had compiled.
fn load(engine: &Engine, code: &OwnedFd, file: &str) -> Result<wasmtime::component::Component, CliError> {
    let path = format!("/proc/self/fd/{}", code.as_raw_fd());
    // SAFETY: the file was received over the stream that this process was started with. Its other end is the supervisor's, the
    // same program (/proc/self/exe), which sends the compiler's code; the seals prevent any change. This process is confined by
    // now, as far as `--jail` says.
    #[allow(unsafe_code)]
    unsafe {
        Compiled::load_file(engine, &path, file)
    }
}

/// Source of workers. The first worker starts now.
fn daemon(arguments: &Arguments) -> Result<Daemon, CliError> {
    let mut daemon = arguments.daemon.daemon()?;
    let noop = arguments.adapter.as_deref().map(AdapterChoice::parse) == Some(AdapterChoice::Noop);
    if let Daemon::Spawn { arguments, .. } = &mut daemon
        && !noop
    {
        arguments.push("--start-drivers".to_owned());
    }
    prepared(daemon)
}

/// Exits this process at the end of the stream, whatever the guest is executing.
fn end_with(channel: &UnixStream) -> std::io::Result<()> {
    let channel = channel.try_clone()?;
    let wait = move || {
        loop {
            // Without events requested, poll reports only POLLHUP and errors.
            match poll(&mut [PollFd::new(&channel, PollFlags::empty())], None) {
                Ok(0) | Err(Errno::INTR) => {}
                _ => process::exit(0),
            }
        }
    };
    thread::Builder::new().name("end".to_owned()).spawn(wait).map(drop)
}

/// Counts already reported of a session that continues.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    sessions: u64,
    gpu_ns: u64,
}

struct Guest<'a> {
    arguments: &'a Arguments,
    engine: Engine,
    handler: Handler,
    daemon: Option<Daemon>,
    /// The adapter has been checked.
    checked: bool,
    told: Told,
}

impl Guest<'_> {
    async fn serve(&mut self, channel: &UnixStream) -> Result<u8, CliError> {
        let mut gpu = None;
        let mut ready = Ready::default();
        loop {
            let (mut store, service) = self.instance(gpu.take()).await?;
            ready.instances = 1;
            for _ in 0..self.arguments.reuse {
                self.count(&mut store.data_mut().gpu, &mut ready).await;
                send(channel, ready)?;
                ready = Ready::default();
                let connection = match descriptors::receive(channel, None) {
                    Ok(connection) => connection,
                    Err(DescriptorError::Ended) => return Ok(0),
                    Err(error) => return Err(lost_by(&error)),
                };
                if serve_one(&mut store, &service, connection).await? == Left::Spent {
                    break;
                }
            }
            self.count(&mut store.data_mut().gpu, &mut ready).await;
            let state = store.into_data();
            // Drops the instance's GPU objects.
            drop(state.table);
            match self.arguments.gpu_session {
                GpuSession::Shared => gpu = Some(state.gpu),
                GpuSession::Instance => self.told = Told::default(),
            }
        }
    }

    /// Creates an instance, with a new GPU session unless one is given.
    async fn instance(&mut self, gpu: Option<WasiWebGpuCtx>) -> Result<(Store<State>, Service), CliError> {
        let gpu = match (gpu, &self.daemon) {
            (Some(gpu), _) => gpu,
            (None, None) => gpu::context(None, None, &Watch::default()),
            (None, Some(daemon)) => {
                let choice = self.arguments.adapter.clone();
                if self.checked {
                    let mut gpu = gpu::context(Some(daemon.clone()), choice.as_deref(), &Watch::default());
                    gpu.connect()?;
                    gpu
                } else {
                    let gpu = StartingGpu::start(daemon.clone(), choice, Watch::default()).ready().await?;
                    self.checked = true;
                    gpu
                }
            }
        };
        let memory = Memory::of(self.arguments.max_guest_memory.0);
        let state = State::new(self.arguments.wasi()?, gpu, surface::none(), memory);
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.memory);
        let service = self.handler.instantiate(&mut store).await;
        let service = service.map_err(|error| CliError::Invalid {
            file: self.arguments.file.display().to_string(),
            cause: root_cause(&error),
        })?;
        Ok((store, service))
    }

    /// Adds the session's use since the last report.
    async fn count(&mut self, gpu: &mut WasiWebGpuCtx, ready: &mut Ready) {
        let sessions = u64::from(gpu.stats().sessions);
        if sessions != self.told.sessions {
            ready.sessions = ready.sessions.saturating_add(sessions.saturating_sub(self.told.sessions));
            self.told = Told { sessions, gpu_ns: 0 };
        }
        // The rest of a lost worker's count is lost with it.
        if let Some(report) = gpu.report().await {
            ready.gpu_ns = ready.gpu_ns.saturating_add(report.busy_ns.saturating_sub(self.told.gpu_ns));
            self.told.gpu_ns = report.busy_ns;
        }
    }
}

/// Handles the request of one connection.
async fn serve_one(store: &mut Store<State>, service: &Service, connection: OwnedFd) -> Result<Left, CliError> {
    let lost = |error: std::io::Error| CliError::Channel { cause: plain(&error) };
    let connection = UnixStream::from(connection);
    connection.set_nonblocking(true).map_err(lost)?;
    let connection = tokio::net::UnixStream::from_std(connection).map_err(lost)?;
    Ok(instance::serve(store, service, connection).await)
}

/// Reports to the front that an instance is ready.
fn send(mut channel: &UnixStream, ready: Ready) -> Result<(), CliError> {
    use std::io::Write as _;
    channel.write_all(&ready.to_bytes()).map_err(|error| CliError::Channel { cause: plain(&error) })
}
