//! wasmtime, configured for guests of `airlock run`.
//!
//! Compiling and running are two steps with two engines. What compiles has threads (the compiler's, the cache's), which
//! would stay outside of what this process confines itself to; so it is taken down whole, and only its result, machine code
//! in memory, goes on.

use wasmtime::{Cache, Config, Engine, component::Component};

use super::{
    component::ComponentFile,
    error::{CliError, root_cause},
};

/// A component as machine code of this process's own making.
#[derive(Debug)]
pub struct Compiled(Vec<u8>);

impl Compiled {
    /// Compiles a component. With `cache`, it may be taken from wasmtime's own cache folder, and is kept there.
    pub fn new(file: &ComponentFile, cache: bool, interruptible: bool) -> Result<Self, CliError> {
        // A pool of its own, which ends with this function, in place of the one that rayon keeps for the whole process.
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

    /// A component of a file that has the bytes of a [`Compiled`], for an engine of [`engine`]'s. Its pages are shared by all
    /// processes that load it.
    ///
    /// # Safety
    ///
    /// The file holds what [`Compiled::bytes`] gave to this same program, and nothing can change it.
    #[cfg(target_os = "linux")]
    #[allow(unsafe_code)]
    pub unsafe fn load_file(engine: &Engine, path: &str) -> Result<Component, CliError> {
        // SAFETY: the caller's promise is the one that is asked for.
        let component = unsafe { Component::deserialize_file(engine, path) };
        component.map_err(|error| CliError::Engine { cause: root_cause(&error) })
    }

    /// The component, for an engine of [`engine`]'s.
    pub fn load(self, engine: &Engine) -> Result<Component, CliError> {
        // SAFETY: the bytes must come from `serialize` unchanged. `new` is the only maker of this value, its field is
        // private, and nothing changes it.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(engine, &self.0) };
        component.map_err(|error| CliError::Engine { cause: root_cause(&error) })
    }
}

/// A guest's stack, in bytes. An interpreter in the guest takes several frames of it for one of the program that it
/// interprets: wasmtime's own 512 KiB end a script after some 700 calls inside each other, browsers after some 10 000. The
/// script runtime measures the part that lies in its memory, 1 MiB at most, and its functions take up to 13.5 times that of
/// this one (parentheses in parentheses): that its exception comes before the trap decides the size.
const GUEST_STACK: usize = 16 << 20;
/// The stack on which a guest's tasks run: its own, and room for the host's functions on top. Memory is taken as it is
/// used.
const TASK_STACK: usize = 18 << 20;

/// An engine. With `cache`, compiled components are kept in wasmtime's own cache folder. Code that is to be interrupted
/// looks at a counter in every loop and function, so that only who asks for it pays for that.
pub fn engine(cache: bool, interruptible: bool) -> Result<Engine, CliError> {
    let mut config = Config::new();
    config.epoch_interruption(interruptible);
    config.wasm_component_model(true);
    config.wasm_component_model_async(true);
    config.async_stack_size(TASK_STACK);
    config.max_wasm_stack(GUEST_STACK);
    if cache {
        // A folder that cannot be made, or a broken configuration of wasmtime's, only costs the time to compile.
        match Cache::from_file(None) {
            Ok(cache) => {
                config.cache(Some(cache));
            }
            Err(error) => tracing::debug!("no compilation cache: {}", root_cause(&error)),
        }
    }
    Engine::new(&config).map_err(|error| CliError::Engine { cause: root_cause(&error) })
}

/// The guest runs on the main thread; one more looks after timers and sockets.
pub fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|cause| CliError::Runtime { cause })
}
