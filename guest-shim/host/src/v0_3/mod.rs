//! `wasi:webgpu@0.3.0-rc.2`, and its alias 0.2.0-rc.2: one file per WebGPU object, functions in WIT order.
//!
//! Code about this version of the interface belongs here: look-up in the resource table, conversion of enums, error kinds.
//! The behaviour of a function is in `airlock-client`, in the file of the same name. Only `async` functions wait.

pub(crate) mod adapter;
pub(crate) mod binding;
pub(crate) mod bindings;
pub(crate) mod buffer;
mod canvas;
mod command_encoder;
mod compute_pass;
pub(crate) mod convert;
mod data;
pub(crate) mod device;
mod error;
pub(crate) mod functions;
pub(crate) mod instance;
pub(crate) mod pipeline;
mod query_set;
mod queue;
mod record;
mod render_bundle;
mod render_pass;
pub(crate) mod resources;
mod shader;
pub(crate) mod texture;

use wasmtime::component::{HasData, Linker, Resource};

use crate::{WasiWebGpuCtxView, WasiWebGpuView};
use bindings::webgpu;
use functions::called;

pub use functions::FUNCTIONS;
pub use resources::CanvasContext;

/// Lets generated code reach a [`WasiWebGpuCtxView`] in any store's data.
pub struct WasiWebGpu;

impl HasData for WasiWebGpu {
    type Data<'a> = WasiWebGpuCtxView<'a>;
}

/// The names of the interface. 0.2.0-rc.2 was published with the same structure, so that it is the same functions and resources
/// under another name.
const INTERFACES: [&str; 2] = ["wasi:webgpu/webgpu@0.3.0-rc.2", "wasi:webgpu/webgpu@0.2.0-rc.2"];

/// Adds `wasi:webgpu@0.3.0-rc.2` to a linker, and `wasi:webgpu@0.2.0-rc.2`, which has the same structure.
///
/// The engine's configuration needs `wasm_component_model_async`. The linker gets the interface and nothing else of it changes;
/// an error says that it has the interface already. A store type of another crate's, for which [`WasiWebGpuView`] cannot be
/// implemented, takes [`add_to_linker_with`].
///
/// ```no_run
/// use airlock::{WasiWebGpuCtx, WasiWebGpuCtxView, WasiWebGpuView};
/// use wasmtime::component::{Component, Linker, ResourceTable};
/// use wasmtime::{Config, Engine, Store};
///
/// struct State {
///     table: ResourceTable,
///     gpu: WasiWebGpuCtx,
/// }
///
/// impl WasiWebGpuView for State {
///     fn webgpu(&mut self) -> WasiWebGpuCtxView<'_> {
///         WasiWebGpuCtxView { ctx: &mut self.gpu, table: &mut self.table }
///     }
/// }
///
/// # async fn embed() -> wasmtime::Result<()> {
/// let mut config = Config::new();
/// config.wasm_component_model_async(true);
/// let engine = Engine::new(&config)?;
/// let mut linker = Linker::<State>::new(&engine);
/// airlock::add_to_linker(&mut linker)?;
/// let state = State { table: ResourceTable::new(), gpu: WasiWebGpuCtx::builder().build() };
/// let mut store = Store::new(&engine, state);
/// let component = Component::from_file(&engine, "app.wasm")?;
/// let app = linker.instantiate_async(&mut store, &component).await?;
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
pub fn add_to_linker<T: WasiWebGpuView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    add_to_linker_with(linker, T::webgpu)
}

/// As [`add_to_linker`], for a store of any type: `view` borrows the context and the table from the store's data.
///
/// ```no_run
/// use airlock::{WasiWebGpuCtx, WasiWebGpuCtxView};
/// use wasmtime::component::{Linker, ResourceTable};
///
/// // As if it came from another crate.
/// struct Engine<T> { extension: T }
///
/// struct Gpu { table: ResourceTable, ctx: WasiWebGpuCtx }
///
/// fn link(linker: &mut Linker<Engine<Gpu>>) -> wasmtime::Result<()> {
///     airlock::add_to_linker_with(linker, |store| {
///         let Gpu { table, ctx } = &mut store.extension;
///         WasiWebGpuCtxView { ctx, table }
///     })
/// }
/// ```
pub fn add_to_linker_with<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> WasiWebGpuCtxView<'_>,
) -> wasmtime::Result<()> {
    INTERFACES.iter().try_for_each(|name| add_as(linker, name, view))
}

/// Adds the interface under a name.
pub(crate) fn add_as<T: Send + 'static>(
    linker: &mut Linker<T>,
    name: &str,
    view: fn(&mut T) -> WasiWebGpuCtxView<'_>,
) -> wasmtime::Result<()> {
    let mut interface = linker.instance(name)?;
    webgpu::add_to_linker_instance::<T, WasiWebGpu>(&mut interface, view)?;
    data::add_to_linker(&mut interface, view)
}

/// Functions of the interface that belong to no object.
impl webgpu::Host for WasiWebGpuCtxView<'_> {
    fn get_gpu(&mut self) -> wasmtime::Result<Resource<webgpu::Gpu>> {
        called!(self, "get-gpu");
        Ok(self.table.push(resources::Gpu)?)
    }
}

/// The functions of every object of a device: `label`, `set-label`, and the drop of a handle.
macro_rules! object_functions {
    ($Resource:ty, $label:literal, $set_label:literal) => {
        fn label(&mut self, object: Resource<$Resource>) -> wasmtime::Result<String> {
            called!(self, $label);
            Ok(self.table.get(&object)?.label().to_owned())
        }

        fn set_label(&mut self, object: Resource<$Resource>, label: String) -> wasmtime::Result<()> {
            called!(self, $set_label);
            self.table.get_mut(&object)?.set_label(&mut self.ctx.client, label);
            Ok(())
        }

        fn drop(&mut self, object: Resource<$Resource>) -> wasmtime::Result<()> {
            self.ctx.tokens.forget(object.rep());
            self.table.delete(object)?.release(&mut self.ctx.client);
            Ok(())
        }
    };
}
use object_functions;
