//! wasmtime, configured for guests of `airlock run` and `airlock serve`.
//!
//! The process that runs a guest compiles nothing: `compiled` has the machine code. Its engine has no compiler, whose set-up
//! would cost it time and memory at each start.

use airlock_traces::cli::jail::JailMode;
use wasmtime::{Config, Engine};

use super::error::{CliError, root_cause};

/// Size of a guest's stack in bytes. An interpreter in the guest uses several frames for one of the program that it interprets:
/// wasmtime's default of 512 KiB ends a script after some 700 nested calls, browsers after some 10 000. The script runtime
/// measures the part of its stack in linear memory, at most 1 MiB, and its functions use up to 13.5 times as much of this stack
/// (nested parentheses). The size lets the runtime's exception come before the trap.
const GUEST_STACK: usize = 16 << 20;
/// Size of the stack of a guest's tasks in bytes: the guest's own, and room for host functions. Memory is allocated on use.
const TASK_STACK: usize = 18 << 20;

/// Settings of a compilation.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Reads and writes wasmtime's cache.
    pub cache: bool,
    /// The engine's, see [`engine`].
    pub interruptible: bool,
    /// Strictness of the compiler's confinement.
    pub jail: JailMode,
}

/// Creates the engine of a process that runs a guest. Interruptible code checks a counter in every loop and function, so that only
/// guests with a timeout have that overhead.
pub fn engine(interruptible: bool) -> Result<Engine, CliError> {
    // Only Linux has a process for the compiler.
    create(interruptible, !cfg!(target_os = "linux"))
}

/// Creates the engine of the compiler's process.
#[cfg(target_os = "linux")]
pub fn compiler(interruptible: bool) -> Result<Engine, CliError> {
    create(interruptible, true)
}

fn create(interruptible: bool, compiles: bool) -> Result<Engine, CliError> {
    let mut config = Config::new();
    config.enable_compiler(compiles);
    config.epoch_interruption(interruptible);
    config.wasm_component_model(true);
    config.wasm_component_model_async(true);
    config.async_stack_size(TASK_STACK);
    config.max_wasm_stack(GUEST_STACK);
    Engine::new(&config).map_err(|error| CliError::Engine { cause: root_cause(&error) })
}

/// Creates the runtime: the guest runs on the main thread, and one more thread handles timers and sockets.
pub fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|cause| CliError::Runtime { cause })
}
