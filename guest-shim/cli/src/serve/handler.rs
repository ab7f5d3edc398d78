//! HTTP components: detection of the `wasi:http` version, and linking.

use wasmtime::{
    Engine, Store,
    component::{Component, Linker},
};
use wasmtime_wasi_http::{p2, p3};

use crate::{
    component::ComponentFile,
    error::{CliError, root_cause},
    imports,
    store::State,
};

/// Prefixes of the handler's export name, newest version first.
const EXPORTS: [&str; 2] = ["wasi:http/handler@0.3.", "wasi:http/incoming-handler@0.2."];

/// A component with its imports resolved, by the version of its handler.
pub enum Handler {
    /// 0.2: `wasi:http/incoming-handler`.
    Wasi2(p2::bindings::ProxyPre<State>),
    /// 0.3: `wasi:http/handler`.
    Wasi3(p3::bindings::ServicePre<State>),
}

/// Exports of an instance.
pub enum Service {
    /// 0.2.
    Wasi2(p2::bindings::Proxy),
    /// 0.3.
    Wasi3(p3::bindings::Service),
}

impl Handler {
    /// Rejects a component without a handler, before compilation.
    pub fn check_exports(file: &ComponentFile) -> Result<(), CliError> {
        let answers = |name: &String| EXPORTS.iter().any(|export| name.starts_with(export));
        if file.exports().iter().any(answers) {
            return Ok(());
        }
        let exports = if file.exports().is_empty() { "nothing".to_owned() } else { file.exports().join(", ") };
        Err(CliError::NotService { file: file.file.clone(), exports })
    }

    /// Resolves the imports and selects the handler, the newer one of two.
    pub fn link(engine: &Engine, component: &Component, file: &str) -> Result<Self, CliError> {
        let linker = linker(engine, component).map_err(|error| CliError::Engine { cause: root_cause(&error) })?;
        let instance = linker.instantiate_pre(component).map_err(|error| imports::explain(file, &error))?;
        let exported =
            |start: &str| component.component_type().exports(engine).any(|(name, _)| name.starts_with(start));
        let handler = if exported(EXPORTS[0]) {
            p3::bindings::ServicePre::new(instance).map(Handler::Wasi3)
        } else {
            p2::bindings::ProxyPre::new(instance).map(Handler::Wasi2)
        };
        handler.map_err(|error| CliError::CommandVersion { file: file.to_owned(), cause: root_cause(&error) })
    }

    /// Instantiates the component.
    pub async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Service> {
        Ok(match self {
            Handler::Wasi2(handler) => Service::Wasi2(handler.instantiate_async(store).await?),
            Handler::Wasi3(handler) => Service::Wasi3(handler.instantiate_async(store).await?),
        })
    }
}

/// Adds what a service may import: no surfaces, whose frames have a clock and viewers, while an instance lasts for some requests.
fn linker(engine: &Engine, component: &Component) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    p2::add_only_http_to_linker_async(&mut linker)?;
    p3::add_to_linker(&mut linker)?;
    airlock::add_to_linker(&mut linker)?;
    airlock::passes::add_to_linker(&mut linker)?;
    if component.component_type().imports(engine).any(|(name, _)| name == airlock::v0_0_1::WEBGPU) {
        airlock::v0_0_1::add_to_linker(&mut linker)?;
    }
    Ok(linker)
}
