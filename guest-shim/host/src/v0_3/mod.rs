//! `wasi:webgpu@0.3.0-rc.2`: one file per WebGPU object, functions in WIT order. Each checks what only the host can know,
//! keeps the shadow state, and appends a command. Nothing here waits but the `async` functions.

mod adapter;
mod binding;
pub(crate) mod bindings;
mod buffer;
mod canvas;
mod command_encoder;
mod compute_pass;
mod convert;
mod data;
mod device;
mod error;
mod functions;
mod instance;
mod pipeline;
mod query_set;
mod queue;
mod record;
mod render_bundle;
mod render_pass;
mod shader;
mod texture;

pub use functions::FUNCTIONS;

use std::sync::Arc;

use airlock_client::session::DeviceState;
use airlock_protocol::{
    Record,
    commands::session::SetLabel,
    ids::Id,
    limits::{MAX_LABEL, MAX_LIST, cut},
};
use wasmtime::component::{HasData, Resource};

use crate::{
    WasiWebGpuCtxView, WasiWebGpuView,
    shadow::{Base, Based},
    v0_3::bindings::webgpu,
    v0_3::functions::called,
};

/// Lets generated code reach a [`WasiWebGpuCtxView`] in any store's data.
pub struct WasiWebGpu;

impl HasData for WasiWebGpu {
    type Data<'a> = WasiWebGpuCtxView<'a>;
}

/// Adds `wasi:webgpu@0.3.0-rc.2` to a linker.
///
/// The engine's configuration needs `wasm_component_model_async`. Afterwards the linker allows no shadowing, which is
/// wasmtime's default.
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
pub fn add_to_linker<T: WasiWebGpuView + 'static>(linker: &mut wasmtime::component::Linker<T>) -> wasmtime::Result<()> {
    webgpu::add_to_linker::<T, WasiWebGpu>(linker, T::webgpu)?;
    data::add_to_linker(linker)
}

/// The guest's own WebGPU functions that belong to no object.
impl webgpu::Host for WasiWebGpuCtxView<'_> {
    fn get_gpu(&mut self) -> wasmtime::Result<Resource<webgpu::Gpu>> {
        called!(self, "get-gpu");
        Ok(self.table.push(crate::shadow::Gpu)?)
    }
}

impl WasiWebGpuCtxView<'_> {
    /// Appends a command of one object.
    #[inline]
    fn encode<T: Based + Send + 'static, C: Record>(
        &mut self,
        object: &Resource<T>,
        command: impl FnOnce(T::Id) -> C,
    ) -> wasmtime::Result<()> {
        let base = self.table.get(object)?.base();
        if let Some(id) = base.id {
            self.ctx.send(&base.device, command(id));
        }
        Ok(())
    }

    /// Appends a command of one object that names another.
    #[inline]
    fn encode_with<T, O, C>(
        &mut self,
        object: &Resource<T>,
        other: &Resource<O>,
        command: impl FnOnce(T::Id, O::Id) -> C,
    ) -> wasmtime::Result<()>
    where
        T: Based + Send + 'static,
        O: Based + Send + 'static,
        C: Record,
    {
        let base = self.table.get(object)?.base();
        let Some(id) = base.id else { return Ok(()) };
        if let Some(other) = self.ctx.name(self.table.get(other)?.base(), &base.device) {
            self.ctx.send(&base.device, command(id, other));
        }
        Ok(())
    }

    /// As [`Self::encode_with`], where the other object may be absent.
    fn encode_with_option<T, O, C>(
        &mut self,
        object: &Resource<T>,
        other: Option<&Resource<O>>,
        command: impl FnOnce(T::Id, Option<O::Id>) -> C,
    ) -> wasmtime::Result<()>
    where
        T: Based + Send + 'static,
        O: Based + Send + 'static,
        C: Record,
    {
        match other {
            Some(other) => self.encode_with(object, other, |object, other| command(object, Some(other))),
            None => self.encode(object, |object| command(object, None)),
        }
    }

    /// The id by which commands of `device` name an object; `None`, with a validation error raised, when they cannot.
    fn name<T: Based + Send + 'static>(
        &mut self,
        object: &Resource<T>,
        device: &Arc<DeviceState>,
    ) -> wasmtime::Result<Option<T::Id>> {
        Ok(self.ctx.name(self.table.get(object)?.base(), device))
    }

    /// The base of a new object of a device.
    fn create<I: Id>(&mut self, device: &Arc<DeviceState>, label: Option<String>) -> Base<I> {
        Base { id: self.ctx.allocate(device), device: Arc::clone(device), label: bounded_label(label) }
    }

    /// The base of a new object that no command names, because what it is made of is not there.
    fn inert<I: Id>(device: &Arc<DeviceState>, label: Option<String>) -> Base<I> {
        Base { id: None, device: Arc::clone(device), label: bounded_label(label) }
    }

    /// The device of an object.
    fn device_of<T: Based + Send + 'static>(&self, object: &Resource<T>) -> wasmtime::Result<Arc<DeviceState>> {
        Ok(Arc::clone(&self.table.get(object)?.base().device))
    }

    fn label_of<T: Based + Send + 'static>(&self, object: &Resource<T>) -> wasmtime::Result<String> {
        Ok(self.table.get(object)?.base().label.clone())
    }

    fn relabel<T: Based + Send + 'static>(&mut self, object: &Resource<T>, label: String) -> wasmtime::Result<()> {
        let base = self.table.get_mut(object)?.base_mut();
        base.label = bounded_label(Some(label));
        if let Some(id) = base.id {
            self.ctx.send(&base.device, SetLabel { object: id.object(), label: &base.label });
        }
        Ok(())
    }

    fn release<T: Based + Send + 'static>(&mut self, object: Resource<T>) -> wasmtime::Result<()> {
        let base = self.table.delete(object)?.into_base();
        self.ctx.release(base.device, base.id);
        Ok(())
    }
}

fn bounded_label(label: Option<String>) -> String {
    let mut label = label.unwrap_or_default();
    label.truncate(cut(&label, MAX_LABEL).len());
    label
}

/// A list of a descriptor, no longer than the stream allows. What is cut off is far beyond every limit of WebGPU, so that
/// the rest gives the same validation error.
fn bounded<T>(mut list: Vec<T>) -> Vec<T> {
    list.truncate(MAX_LIST);
    list
}

/// The functions that all objects of a device have: `label`, `set-label`, and the drop of a handle.
macro_rules! object_functions {
    ($Resource:ty, $label:literal, $set_label:literal) => {
        fn label(&mut self, object: Resource<$Resource>) -> wasmtime::Result<String> {
            called!(self, $label);
            self.label_of(&object)
        }

        fn set_label(&mut self, object: Resource<$Resource>, label: String) -> wasmtime::Result<()> {
            called!(self, $set_label);
            self.relabel(&object, label)
        }

        fn drop(&mut self, object: Resource<$Resource>) -> wasmtime::Result<()> {
            self.release(object)
        }
    };
}
use object_functions;
