//! A guest: linking, entry point and exit code.

use airlock::{WasiWebGpuView as _, surface::Ended};
use airlock_protocol::printing;
use airlock_traces::cli::terminal;
use wasmtime::{
    Engine, Store, Trap, WasmBacktrace,
    component::{Component, Linker},
};
use wasmtime_wasi::{I32Exit, p2, p3};

use super::{
    component::ComponentFile,
    error::{CliError, root_cause},
    imports, limits,
    store::State,
};

/// Exit code of a script that fails, the same as the runtime's.
const SCRIPT_FAILED: u8 = 1;
/// Exit code after a trap: that of a process ended by SIGABRT, as in wasmtime's own command.
const TRAPPED: u8 = 134;

/// A component with its imports resolved.
pub struct Guest {
    entry: Entry,
    /// Name of the script, if the guest is the script runtime.
    script: Option<String>,
}

/// Entry point, by the version of `wasi:cli/run`.
enum Entry {
    /// 0.2: a plain function.
    Wasi2(p2::bindings::CommandPre<State>),
    /// 0.3: an async function.
    Wasi3(p3::bindings::CommandPre<State>),
}

impl Guest {
    /// Rejects a component without an entry point. A service's imports differ from a command's, and the kind of the component is
    /// the better error, so that this comes before [`Guest::link`].
    pub fn check_exports(file: &ComponentFile) -> Result<(), CliError> {
        let exports = |version: &str| exports(file, version);
        if exports("wasi:cli/run@0.3.") || exports("wasi:cli/run@0.2.") {
            return Ok(());
        }
        let is_service = exports("wasi:http/handler@") || exports("wasi:http/incoming-handler@");
        let hint = if is_service { "; `airlock serve` runs it" } else { "" };
        let exports = if file.exports().is_empty() { "nothing".to_owned() } else { file.exports().join(", ") };
        Err(CliError::NotCommand { file: file.file.clone(), exports, hint })
    }

    /// Resolves the imports and finds the entry point.
    pub fn link(engine: &Engine, component: &Component, file: &ComponentFile) -> Result<Self, CliError> {
        let linker = linker(engine, file).map_err(|error| CliError::Engine { cause: root_cause(&error) })?;
        let instance = linker.instantiate_pre(component).map_err(|error| imports::explain(&file.file, &error))?;
        let entry = if exports(file, "wasi:cli/run@0.3.") {
            p3::bindings::CommandPre::new(instance).map(Entry::Wasi3)
        } else {
            p2::bindings::CommandPre::new(instance).map(Entry::Wasi2)
        };
        let entry =
            entry.map_err(|error| CliError::CommandVersion { file: file.file.clone(), cause: root_cause(&error) })?;
        Ok(Self { entry, script: file.script().map(str::to_owned) })
    }

    /// Runs the guest to its end and returns the exit code.
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

/// True when an export's name starts with this.
fn exports(file: &ComponentFile, start: &str) -> bool {
    file.exports().iter().any(|name| name.starts_with(start))
}

/// Adds the interfaces that the component imports; a function that the linker holds costs start-up time.
fn linker(engine: &Engine, file: &ComponentFile) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    if file.imports_wasi("0.2") {
        p2::add_to_linker_async(&mut linker)?;
    }
    if file.imports_wasi("0.3") {
        p3::add_to_linker(&mut linker)?;
    }
    if file.imports_v0_3() {
        airlock::add_to_linker(&mut linker)?;
    }
    if file.imports_package("airlock:passes") {
        airlock::passes::add_to_linker(&mut linker)?;
    }
    if file.imports_package("wasi-gfx:surface") || file.imports_package("wasi-gfx:frame-buffer") {
        airlock::surface::add_to_linker(&mut linker)?;
    }
    if file.imports_v0_0_1() {
        airlock::v0_0_1::add_to_linker(&mut linker)?;
        airlock::v0_0_1::add_surfaces_to_linker(&mut linker)?;
    }
    Ok(linker)
}

/// Exit code of a guest that ended after the reader of its standard output had closed it: that of a process ended by SIGPIPE.
const READER_LEFT: u8 = 141;

/// Exit code of a guest that did not return: it called `exit`, or trapped. A trap is printed with the guest's backtrace.
fn exit_code(error: &wasmtime::Error, script: Option<&str>) -> u8 {
    if let Some(&I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        return u8::try_from(code).unwrap_or(1);
    }
    if error.downcast_ref::<Ended>().is_some() {
        // `--frames`: the guest continued to draw after the last frame.
        return 0;
    }
    if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
        return limits::timed_out();
    }
    if printing::is_closed() {
        return READER_LEFT;
    }
    // The runtime measures its own stack; recursion that it does not measure, such as a parser's, overflows here.
    if let (Some(script), Some(Trap::StackOverflow)) = (script, error.downcast_ref::<Trap>()) {
        eprintln!("{}: the script nests or calls too deeply: its stack is full", terminal::harmless(script));
        return SCRIPT_FAILED;
    }
    let cause = root_cause(error);
    terminal::error(&format!("the guest trapped: {}", cause.strip_prefix("wasm trap: ").unwrap_or(&cause)));
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        // The backtrace's own first line repeats the message.
        printing::note("wasm backtrace:");
        for line in backtrace.to_string().lines().skip(1) {
            printing::note(&terminal::harmless(line));
        }
    }
    TRAPPED
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the guest's linker has `wasi:webgpu@0.3.0-rc.2`: a linker takes a name once.
    fn has_v0_3(imports: &[&str]) -> bool {
        let engine = crate::engine::engine(false).expect("an engine");
        let mut linker = linker(&engine, &ComponentFile::importing(imports)).expect("a linker");
        airlock::add_to_linker(&mut linker).is_err()
    }

    #[test]
    fn the_imported_version_alone_is_linked() {
        assert!(has_v0_3(&["wasi:webgpu/webgpu@0.3.0-rc.2"]));
        assert!(has_v0_3(&["wasi:webgpu/webgpu@0.2.0-rc.2"]));
        assert!(has_v0_3(&["wasi:webgpu/webgpu@0.0.1", "wasi:webgpu/webgpu@0.3.0-rc.2"]));
        assert!(!has_v0_3(&["wasi:io/poll@0.2.0", "wasi:webgpu/webgpu@0.0.1", "wasi:surface/surface@0.0.1"]));
        assert!(!has_v0_3(&["wasi:cli/environment@0.3.0"]));
    }
}
