//! `surface-webgpu`: a device's textures as a surface's frames.

use std::sync::Arc;

use airlock_client::canvas::{Canvas, CanvasConfiguration};
use wasmtime::component::Resource;

use super::{
    bindings::wasi_gfx::surface::surface_webgpu::{ContextConfiguration, Host, HostContext},
    ctx::WasiSurfaceCtxView,
    resources::{GpuContext, Surface},
};
use crate::v0_3::{
    bindings::webgpu::{GpuCanvasAlphaMode, GpuTexture},
    convert::ToWire as _,
};

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
