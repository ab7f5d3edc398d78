//! `gpu-canvas-context`: an off-screen canvas. The interface has no constructor for it: an embedder pushes a
//! [`CanvasContext`](crate::CanvasContext) into the table and passes it to the guest through an interface of its own.

use airlock_client::{device::Device, texture::TextureDescriptor};
use airlock_protocol::commands::texture::TextureUsage;
use wasmtime::component::Resource;

use super::{
    bindings::webgpu::{self, *},
    convert::{FromWire, ToWire},
    functions::called,
    resources::CanvasConfiguration,
    texture::texture_descriptor,
};
use crate::WasiWebGpuCtxView;

impl webgpu::HostGpuCanvasContext for WasiWebGpuCtxView<'_> {
    fn configure(
        &mut self,
        canvas: Resource<GpuCanvasContext>,
        configuration: GpuCanvasConfiguration,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-canvas-context.configure");
        let device = self.table.get(&configuration.device)?.share();
        self.unconfigure_canvas(&canvas)?;
        self.table.get_mut(&canvas)?.configuration = Some(CanvasConfiguration {
            device,
            format: configuration.format,
            usage: configuration.usage.map(ToWire::to_wire),
            view_formats: configuration.view_formats,
            color_space: configuration.color_space,
            tone_mapping: configuration.tone_mapping,
            alpha_mode: configuration.alpha_mode,
        });
        Ok(())
    }

    fn unconfigure(&mut self, canvas: Resource<GpuCanvasContext>) -> wasmtime::Result<()> {
        called!(self, "gpu-canvas-context.unconfigure");
        self.unconfigure_canvas(&canvas)
    }

    fn get_configuration(
        &mut self,
        canvas: Resource<GpuCanvasContext>,
    ) -> wasmtime::Result<Option<GpuCanvasConfigurationOwned>> {
        called!(self, "gpu-canvas-context.get-configuration");
        let Some(configuration) = &self.table.get(&canvas)?.configuration else { return Ok(None) };
        let CanvasConfiguration { device, format, usage, view_formats, color_space, tone_mapping, alpha_mode } =
            configuration;
        let (format, usage, color_space, tone_mapping, alpha_mode) =
            (*format, *usage, *color_space, *tone_mapping, *alpha_mode);
        let (device, view_formats) = (device.share(), view_formats.clone());
        let device = self.table.push(device)?;
        Ok(Some(GpuCanvasConfigurationOwned {
            device,
            format,
            usage: usage.map(GpuTextureUsage::from_wire),
            view_formats,
            color_space,
            tone_mapping,
            alpha_mode,
        }))
    }

    fn get_current_texture(&mut self, canvas: Resource<GpuCanvasContext>) -> wasmtime::Result<Resource<GpuTexture>> {
        called!(self, "gpu-canvas-context.get-current-texture");
        let canvas = self.table.get(&canvas)?;
        let (width, height) = (canvas.width, canvas.height);
        let texture = match &canvas.configuration {
            // WebGPU throws an InvalidStateError here; the interface's function cannot fail, so the texture
            // belongs to a device that was never granted.
            None => {
                let texture = canvas_texture(width, height, GpuTextureFormat::Bgra8unorm, None, None);
                Device::nowhere().create_texture(&mut self.ctx.client, texture)
            }
            Some(CanvasConfiguration { device, format, usage, view_formats, .. }) => {
                let texture = canvas_texture(width, height, *format, *usage, view_formats.clone());
                device.create_texture(&mut self.ctx.client, texture)
            }
        };
        Ok(self.table.push(texture)?)
    }

    fn drop(&mut self, canvas: Resource<GpuCanvasContext>) -> wasmtime::Result<()> {
        self.unconfigure_canvas(&canvas)?;
        self.table.delete(canvas)?;
        Ok(())
    }
}

impl WasiWebGpuCtxView<'_> {
    pub(crate) fn unconfigure_canvas(&mut self, canvas: &Resource<GpuCanvasContext>) -> wasmtime::Result<()> {
        if let Some(configuration) = self.table.get_mut(canvas)?.configuration.take() {
            configuration.device.release(&mut self.ctx.client);
        }
        Ok(())
    }
}

/// The texture of a canvas (WebGPU, GPUCanvasContext.getCurrentTexture).
fn canvas_texture(
    width: u32,
    height: u32,
    format: GpuTextureFormat,
    usage: Option<TextureUsage>,
    view_formats: Option<Vec<GpuTextureFormat>>,
) -> TextureDescriptor {
    let descriptor = GpuTextureDescriptor {
        size: GpuExtent3D { width, height: Some(height), depth_or_array_layers: None },
        mip_level_count: None,
        sample_count: None,
        dimension: None,
        format,
        usage: GpuTextureUsage::RENDER_ATTACHMENT,
        view_formats,
        texture_binding_view_dimension: None,
        label: Some("canvas".to_owned()),
    };
    let mut descriptor = texture_descriptor(descriptor);
    descriptor.usage = usage.unwrap_or(descriptor.usage);
    descriptor
}
