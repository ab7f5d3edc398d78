//! wasmtime, configured for guests of `airlock run`.

use wasmtime::{Cache, Config, Engine, component::Component};

use super::{
    component::ComponentFile,
    error::{CliError, root_cause},
};

/// An engine. With `cache`, compiled components are kept in wasmtime's own cache folder.
pub fn engine(cache: bool) -> Result<Engine, CliError> {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.wasm_component_model_async(true);
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

/// Compiles a component, or takes it from the cache.
pub fn compile(engine: &Engine, file: &ComponentFile) -> Result<Component, CliError> {
    Component::new(engine, &file.bytes)
        .map_err(|error| CliError::Invalid { file: file.file.clone(), cause: root_cause(&error) })
}
