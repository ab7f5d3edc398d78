//! `surface-webgpu`: a device's textures as a surface's frames.

use std::sync::Arc;

use airlock_client::canvas::{self, Canvas, CanvasConfiguration};
use wasmtime::component::Resource;

use super::{
    InFlight, MAX_FLIGHT, SurfaceCtx, WasiSurfaceCtxView,
    bindings::wasi_gfx::surface::surface_webgpu::{ContextConfiguration, Host, HostContext},
    frame::{Interest, Presented},
    state::{State, Surface},
};
use crate::{
    WasiWebGpuCtx,
    v0_3::{
        bindings::webgpu::{GpuCanvasAlphaMode, GpuTexture},
        convert::ToWire as _,
    },
};

/// `surface-webgpu.context`.
#[derive(Debug)]
pub struct GpuContext {
    surface: Arc<State>,
    canvas: Canvas,
}

impl Host for WasiSurfaceCtxView<'_> {}

impl HostContext for WasiSurfaceCtxView<'_> {
    fn new(&mut self, surface: Resource<Surface>) -> wasmtime::Result<Resource<GpuContext>> {
        let surface = Arc::clone(&self.table.get(&surface)?.0);
        Ok(self.table.push(GpuContext { surface, canvas: Canvas::default() })?)
    }

    fn configure(
        &mut self,
        context: Resource<GpuContext>,
        configuration: ContextConfiguration,
    ) -> wasmtime::Result<()> {
        let ContextConfiguration { device, format, usage, view_formats, alpha_mode, color_space: _, tone_mapping: _ } =
            configuration;
        let configuration = CanvasConfiguration {
            device: self.table.get(&device)?.share(),
            format: format.to_wire(),
            usage: usage.map(|usage| usage.to_wire()),
            view_formats: view_formats.unwrap_or_default().into_iter().map(|format| format.to_wire()).collect(),
            opaque: alpha_mode.is_none_or(|mode| mode == GpuCanvasAlphaMode::Opaque),
        };
        self.table.get_mut(&context)?.canvas.configure(&mut self.gpu.client, configuration);
        Ok(())
    }

    fn unconfigure(&mut self, context: Resource<GpuContext>) -> wasmtime::Result<()> {
        self.table.get_mut(&context)?.canvas.unconfigure(&mut self.gpu.client);
        Ok(())
    }

    fn get_current_texture(&mut self, context: Resource<GpuContext>) -> wasmtime::Result<Resource<GpuTexture>> {
        let display = &self.surfaces.display;
        display.live()?;
        let GpuContext { surface, canvas } = self.table.get_mut(&context)?;
        let texture = canvas.current_texture(&mut self.gpu.client, surface.size(), || display.number());
        Ok(self.table.push(texture)?)
    }

    fn present(&mut self, context: Resource<GpuContext>) -> wasmtime::Result<()> {
        self.surfaces.display.live()?;
        self.surfaces.present(self.gpu, &mut self.table.get_mut(&context)?.canvas);
        Ok(())
    }

    fn drop(&mut self, context: Resource<GpuContext>) -> wasmtime::Result<()> {
        self.table.delete(context)?.canvas.unconfigure(&mut self.gpu.client);
        Ok(())
    }
}

impl SurfaceCtx {
    /// Presents a canvas: its texels are on their way afterwards, if the sink wants them.
    fn present(&mut self, gpu: &mut WasiWebGpuCtx, canvas: &mut Canvas) {
        let client = &mut gpu.client;
        let interest = self.sink.interest();
        self.collect(client, &mut std::task::Context::from_waker(std::task::Waker::noop()));
        while interest == Interest::Every && self.flight.len() >= MAX_FLIGHT {
            self.wait(client);
        }
        let room = self.flight.len() < MAX_FLIGHT;
        let wanted = interest != Interest::None && room;
        let Some(shown) = canvas.present(client, wanted.then_some(&mut self.spare)) else { return };
        let presented = Presented { input: self.display.taken() };
        match shown {
            canvas::Presented::Read(read) => self.flight.push_back(InFlight::Read(read, presented)),
            // A guest that does not listen for beats runs as far ahead as it likes.
            canvas::Presented::Done(done) if room => self.flight.push_back(InFlight::Done(done)),
            canvas::Presented::Done(_) => {}
        }
        self.display.count();
    }
}
