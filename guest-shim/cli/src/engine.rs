//! wasmtime, configured for guests of `airlock run`.
//!
//! Compilation and execution use separate engines. Compilation starts threads (the compiler's, the cache's), which this process's
//! confinement would not cover. They end with the compiling engine, and only its result remains: machine code in memory.

use wasmtime::{Cache, Config, Engine, component::Component};

use super::{
    component::ComponentFile,
    error::{CliError, root_cause},
};

/// A component as machine code that this process compiled.
#[derive(Debug)]
pub struct Compiled(Vec<u8>);

impl Compiled {
    /// Compiles a component. With `cache`, wasmtime's compilation cache is read and written.
    pub fn new(file: &ComponentFile, cache: bool, interruptible: bool) -> Result<Self, CliError> {
        // A thread pool that ends with this function, instead of rayon's global one, which lasts as long as the process.
        let compile = || {
            let component = Component::new(&engine(cache, interruptible)?, &file.bytes)
                .map_err(|error| CliError::Invalid { file: file.file.clone(), cause: root_cause(&error) })?;
            component.serialize().map_err(|error| CliError::Engine { cause: root_cause(&error) })
        };
        let pool = rayon::ThreadPoolBuilder::new().build();
        let pool = pool.map_err(|error| CliError::Engine { cause: error.to_string() })?;
        pool.install(compile).map(Self)
    }

    /// The machine code.
    #[cfg(target_os = "linux")]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Loads a component from a file with the bytes of a [`Compiled`], for an engine of [`engine`]. All processes that load it
    /// share its pages.
    ///
    /// # Safety
    ///
    /// The file contains the result of [`Compiled::bytes`] in this same program, and nothing can change it.
    #[cfg(target_os = "linux")]
    #[allow(unsafe_code)]
    pub unsafe fn load_file(engine: &Engine, path: &str) -> Result<Component, CliError> {
        // SAFETY: the caller guarantees the file's origin, and that it does not change.
        let component = unsafe { Component::deserialize_file(engine, path) };
        component.map_err(|error| CliError::Engine { cause: root_cause(&error) })
    }

    /// Loads the component, for an engine of [`engine`].
    pub fn load(self, engine: &Engine) -> Result<Component, CliError> {
        // SAFETY: the bytes come from `serialize` unchanged: only `new` constructs this value, its field is private, and nothing
        // changes it.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(engine, &self.0) };
        component.map_err(|error| CliError::Engine { cause: root_cause(&error) })
    }
}

/// Size of a guest's stack in bytes. An interpreter in the guest uses several frames for one of the program that it interprets:
/// wasmtime's default of 512 KiB ends a script after some 700 nested calls, browsers after some 10 000. The script runtime
/// measures the part of its stack in linear memory, at most 1 MiB, and its functions use up to 13.5 times as much of this stack
/// (nested parentheses). The size lets the runtime's exception come before the trap.
const GUEST_STACK: usize = 16 << 20;
/// Size of the stack of a guest's tasks in bytes: the guest's own, and room for host functions. Memory is allocated on use.
const TASK_STACK: usize = 18 << 20;

/// Creates an engine. With `cache`, it uses wasmtime's compilation cache. Interruptible code checks a counter in every loop and
/// function, so that only guests with a timeout have that overhead.
pub fn engine(cache: bool, interruptible: bool) -> Result<Engine, CliError> {
    let mut config = Config::new();
    config.epoch_interruption(interruptible);
    config.wasm_component_model(true);
    config.wasm_component_model_async(true);
    config.async_stack_size(TASK_STACK);
    config.max_wasm_stack(GUEST_STACK);
    if cache {
        // A cache folder that cannot be created, or an invalid configuration of wasmtime's, only costs compilation time.
        match Cache::from_file(None) {
            Ok(cache) => {
                config.cache(Some(cache));
            }
            Err(error) => tracing::debug!("no compilation cache: {}", root_cause(&error)),
        }
    }
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
