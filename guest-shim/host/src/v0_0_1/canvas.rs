//! `gpu-canvas-context`. As in 0.3, only an embedder can give one to a guest; a surface has a `context` of its own.

use airlock_protocol::commands::texture::TextureUsage;
use wasmtime::component::Resource;

use super::{
    bindings::webgpu::{self, *},
    convert,
    texture::later_format,
};
use crate::{
    WasiWebGpuCtxView,
    v0_3::{bindings::webgpu as later, functions::called, resources::CanvasConfiguration},
};

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
            format: configuration.format.into(),
            usage: configuration.usage.map(TextureUsage::from_bits_retain),
            view_formats: convert::formats(configuration.view_formats),
            color_space: configuration.color_space,
            tone_mapping: configuration.tone_mapping,
            alpha_mode: configuration.alpha_mode,
        });
        Ok(())
    }

    fn get_configuration(
        &mut self,
        canvas: Resource<GpuCanvasContext>,
    ) -> wasmtime::Result<Option<GpuCanvasConfigurationOwned>> {
        called!(self, "gpu-canvas-context.get-configuration");
        let Some(configuration) = &self.table.get(&canvas)?.configuration else { return Ok(None) };
        let CanvasConfiguration { device, format, usage, view_formats, color_space, tone_mapping, alpha_mode } =
            configuration;
        let named = |format: &later::GpuTextureFormat| convert::format(*format).ok_or_else(|| later_format(*format));
        let view_formats = view_formats.as_ref().map(|formats| formats.iter().map(named).collect()).transpose()?;
        let (format, usage) = (named(format)?, usage.map(|usage| usage.bits()));
        let (color_space, tone_mapping, alpha_mode) = (*color_space, *tone_mapping, *alpha_mode);
        let device = device.share();
        let device = self.table.push(device)?;
        Ok(Some(GpuCanvasConfigurationOwned {
            device,
            format,
            usage,
            view_formats,
            color_space,
            tone_mapping,
            alpha_mode,
        }))
    }

    fn drop(&mut self, canvas: Resource<GpuCanvasContext>) -> wasmtime::Result<()> {
        later::HostGpuCanvasContext::drop(self, canvas)
    }
}
