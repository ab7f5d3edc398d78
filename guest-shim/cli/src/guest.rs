//! A guest: what it can reach, how its entry point is found, and how it ends.

use airlock::{
    WasiWebGpuCtx, WasiWebGpuCtxView, WasiWebGpuView,
    surface::{Ended, SurfaceCtx, WasiSurfaceCtxView, WasiSurfaceView},
};
use airlock_protocol::printing;
use airlock_traces::cli::terminal;
use wasmtime::{
    Engine, Store, Trap, WasmBacktrace,
    component::{Component, Linker, ResourceTable},
};
use wasmtime_wasi::{I32Exit, WasiCtx, WasiCtxView, WasiView, p2, p3};

use super::{
    component::ComponentFile,
    error::{CliError, root_cause},
    imports,
    limits::{self, Memory},
};

/// The exit code of a script that fails, as its runtime gives it.
const SCRIPT_FAILED: u8 = 1;
/// The exit code after a trap: that of a process that SIGABRT ended, as in wasmtime's own command.
const TRAPPED: u8 = 134;

/// A guest's store.
pub struct State {
    /// Files, streams, arguments, clocks.
    pub wasi: WasiCtx,
    /// The GPU.
    pub gpu: WasiWebGpuCtx,
    /// Its surfaces.
    pub surfaces: SurfaceCtx,
    /// Where its handles point to.
    pub table: ResourceTable,
    /// What it may still have.
    pub memory: Memory,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiWebGpuView for State {
    fn webgpu(&mut self) -> WasiWebGpuCtxView<'_> {
        WasiWebGpuCtxView { ctx: &mut self.gpu, table: &mut self.table }
    }
}

impl WasiSurfaceView for State {
    fn surfaces(&mut self) -> WasiSurfaceCtxView<'_> {
        WasiSurfaceCtxView { surfaces: &mut self.surfaces, gpu: &mut self.gpu, table: &mut self.table }
    }
}

/// A component with its imports resolved.
pub struct Guest {
    entry: Entry,
    /// The script that it runs, if it is the runtime of one.
    script: Option<String>,
}

/// The component by the version of its `wasi:cli/run`.
enum Entry {
    /// 0.2: a plain function.
    Wasi2(p2::bindings::CommandPre<State>),
    /// 0.3: an async function.
    Wasi3(p3::bindings::CommandPre<State>),
}

impl Guest {
    /// Resolves the imports and finds the entry point.
    pub fn link(engine: &Engine, component: &Component, file: &ComponentFile) -> Result<Self, CliError> {
        let exports = |version: &str| file.exports().iter().any(|name| name.starts_with(version));
        // First: a service's imports are not a command's, and what it is matters more.
        if !exports("wasi:cli/run@0.3.") && !exports("wasi:cli/run@0.2.") {
            let is_service = exports("wasi:http/handler@") || exports("wasi:http/incoming-handler@");
            let hint = if is_service { "; `airlock serve` runs it" } else { "" };
            let exports = if file.exports().is_empty() { "nothing".to_owned() } else { file.exports().join(", ") };
            return Err(CliError::NotCommand { file: file.file.clone(), exports, hint });
        }
        let linker = linker(engine).map_err(|error| CliError::Engine { cause: root_cause(&error) })?;
        let instance = linker.instantiate_pre(component).map_err(|error| imports::explain(&file.file, &error))?;
        let entry = if exports("wasi:cli/run@0.3.") {
            p3::bindings::CommandPre::new(instance).map(Entry::Wasi3)
        } else {
            p2::bindings::CommandPre::new(instance).map(Entry::Wasi2)
        };
        let entry =
            entry.map_err(|error| CliError::CommandVersion { file: file.file.clone(), cause: root_cause(&error) })?;
        Ok(Self { entry, script: file.script().map(str::to_owned) })
    }

    /// Runs the guest to its end; gives the exit code.
    pub async fn run(&self, store: &mut Store<State>) -> u8 {
        match self.call(store).await {
            Ok(Ok(())) => 0,
            Ok(Err(())) => 1,
            Err(error) => exit_code(&error, self.script.as_deref()),
        }
    }

    async fn call(&self, store: &mut Store<State>) -> wasmtime::Result<Result<(), ()>> {
        match &self.entry {
            Entry::Wasi2(command) => {
                let command = command.instantiate_async(&mut *store).await?;
                command.wasi_cli_run().call_run(store).await
            }
            Entry::Wasi3(command) => {
                let command = command.instantiate_async(&mut *store).await?;
                let run = async |accessor: &_| {
                    let call = command.wasi_cli_run().call_run(accessor);
                    airlock::send_while_waiting(accessor, State::webgpu, call).await
                };
                store.run_concurrent(run).await?
            }
        }
    }
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    p2::add_to_linker_async(&mut linker)?;
    p3::add_to_linker(&mut linker)?;
    airlock::add_to_linker(&mut linker)?;
    airlock::passes::add_to_linker(&mut linker)?;
    airlock::surface::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// The exit code of a guest that wrote on after the reader of its standard output had left, and did not survive it: that of
/// a process that SIGPIPE ended.
const READER_LEFT: u8 = 141;

/// The code of a guest that did not return: it called `exit`, or trapped, which is told with the guest's own backtrace.
fn exit_code(error: &wasmtime::Error, script: Option<&str>) -> u8 {
    if let Some(&I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        return u8::try_from(code).unwrap_or(1);
    }
    if error.downcast_ref::<Ended>().is_some() {
        // --frames: the guest drew on after the last one.
        return 0;
    }
    if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
        return limits::timed_out();
    }
    if printing::is_closed() {
        return READER_LEFT;
    }
    // The runtime measures its own stack; what is parsed by recursion and not by it ends here.
    if let (Some(script), Some(Trap::StackOverflow)) = (script, error.downcast_ref::<Trap>()) {
        eprintln!("{}: the script nests or calls too deeply: its stack is full", terminal::harmless(script));
        return SCRIPT_FAILED;
    }
    let cause = root_cause(error);
    terminal::error(&format!("the guest trapped: {}", cause.strip_prefix("wasm trap: ").unwrap_or(&cause)));
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        // Its own first line says what ours has said.
        printing::note("wasm backtrace:");
        for line in backtrace.to_string().lines().skip(1) {
            printing::note(&terminal::harmless(line));
        }
    }
    TRAPPED
}
