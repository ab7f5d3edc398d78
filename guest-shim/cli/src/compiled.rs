//! A component's machine code: from wasmtime's cache, or from the compiler's process.
//!
//! The code is not trusted. Cranelift, which a hostile component may have taken over, returned it, and wasmtime's loader and
//! whatever it loads trust it. So it is loaded only after the process is confined (`confine_to_load`), where it
//! is worth no more than a guest that has broken out of its sandbox. The cache's key is the SHA-256 of the component, of the
//! engine's settings and of the processor, which this process computes: false code reaches later runs of the component that made
//! it, and no other.
//! It lies apart from the entries of wasmtime's own command, which loads them without being confined.

use std::hash::{Hash, Hasher};

use airlock_protocol::processor;
use wasmtime::{Cache, Engine, Precompiled, component::Component};
use wasmtime_internal_cache::ModuleCacheEntry;

use super::{
    component::ComponentFile,
    engine::Settings,
    error::{CliError, root_cause},
};

/// Folder of the entries in wasmtime's cache.
const COMPILER: &str = "airlock";

/// Machine code that is loaded only in a confined process.
#[derive(Debug)]
pub struct Compiled(Vec<u8>);

/// What an entry of the cache depends on, and what else its compilation needs.
struct Key<'a> {
    engine: &'a Engine,
    file: &'a ComponentFile,
    /// The engine's settings include what the compiler takes from the processor only where it has a compiler.
    processor: &'a str,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "there is no process for the compiler"))]
    settings: Settings,
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.engine.precompile_compatibility_hash().hash(state);
        self.file.bytes.hash(state);
        self.processor.hash(state);
    }
}

impl Compiled {
    /// Takes the code from the cache, or compiles the component.
    pub fn new(file: &ComponentFile, engine: &Engine, settings: Settings) -> Result<Self, CliError> {
        let processor = processor::identity();
        // Code for an unknown processor would have an unknown key.
        let has_key = !cfg!(target_os = "linux") || !processor.is_empty();
        // A cache folder that cannot be created, or an invalid configuration of wasmtime's, only costs compilation time. The
        // cache's thread ends with this function, which confinement waits for.
        let cache = (settings.cache && has_key).then(|| Cache::from_file(None)).and_then(|opened| {
            opened.inspect_err(|error| tracing::debug!("no compilation cache: {}", root_cause(error))).ok()
        });
        let entry = ModuleCacheEntry::new(COMPILER, cache.as_ref());
        let is_code = |_: &Key<'_>, code: Vec<u8>| {
            // A cut or damaged entry is compiled anew.
            (Engine::detect_precompiled(&code) == Some(Precompiled::Component)).then_some(code)
        };
        let key = Key { engine, file, processor: &processor, settings };
        let code = entry.get_data_raw(&key, compile, |_, code| Some(code.clone()), is_code);
        code.map(Self)
    }

    /// The machine code.
    #[cfg(target_os = "linux")]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Loads the component from a file with the bytes of a [`Compiled`], for the engine that it was compiled for. All processes
    /// that load it share its pages.
    ///
    /// # Safety
    ///
    /// As for [`Compiled::load`]; and nothing can change the file.
    #[cfg(target_os = "linux")]
    #[allow(unsafe_code)]
    pub unsafe fn load_file(engine: &Engine, path: &str, file: &str) -> Result<Component, CliError> {
        // SAFETY: the caller's.
        let component = unsafe { Component::deserialize_file(engine, path) };
        component.map_err(|error| CliError::Code { file: file.to_owned(), cause: root_cause(&error) })
    }

    /// Loads the component, for the engine that it was compiled for.
    ///
    /// # Safety
    ///
    /// The code is the compiler's, unless a hostile component has taken it over. So the process is confined to what such a
    /// component may reach, as far as the user's `--jail` allows.
    #[allow(unsafe_code)]
    pub unsafe fn load(self, engine: &Engine, file: &str) -> Result<Component, CliError> {
        // SAFETY: the caller's.
        let component = unsafe { Component::deserialize(engine, &self.0) };
        component.map_err(|error| CliError::Code { file: file.to_owned(), cause: root_cause(&error) })
    }
}

#[cfg(target_os = "linux")]
fn compile(key: &Key<'_>) -> Result<Vec<u8>, CliError> {
    super::compiler::compile(key.file, key.settings)
}

#[cfg(not(target_os = "linux"))]
fn compile(key: &Key<'_>) -> Result<Vec<u8>, CliError> {
    let Key { engine, file, .. } = key;
    let code = engine.precompile_component(&file.bytes);
    code.map_err(|error| CliError::Invalid { file: file.file.clone(), cause: root_cause(&error) })
}
