//! `gpu-texture`.

use airlock_client::{canvas::Canvas, device::Device, texture::TextureViewDescriptor};
use airlock_protocol::commands::texture::TextureUsage;
use wasmtime::component::Resource;

use super::{
    bindings::webgpu::{self, *},
    convert,
};
use crate::{
    WasiWebGpuCtxView,
    surface::v0_0_1::AbstractBuffer,
    v0_3::{
        bindings::webgpu as later,
        convert::{FromWire as _, ToWire},
        functions::called,
        texture::texture_descriptor,
    },
};

impl webgpu::HostGpuTexture for WasiWebGpuCtxView<'_> {
    fn create_view(
        &mut self,
        texture: Resource<GpuTexture>,
        descriptor: Option<GpuTextureViewDescriptor>,
    ) -> wasmtime::Result<Resource<GpuTextureView>> {
        called!(self, "gpu-texture.create-view");
        let descriptor = descriptor.map_or_else(TextureViewDescriptor::default, |descriptor| TextureViewDescriptor {
            label: descriptor.label,
            format: descriptor.format.map(|format| later::GpuTextureFormat::from(format).to_wire()),
            dimension: descriptor.dimension.map(ToWire::to_wire),
            usage: descriptor.usage.map(TextureUsage::from_bits_retain),
            aspect: descriptor.aspect.map(ToWire::to_wire),
            base_mip_level: descriptor.base_mip_level,
            mip_level_count: descriptor.mip_level_count,
            base_array_layer: descriptor.base_array_layer,
            array_layer_count: descriptor.array_layer_count,
            swizzle: None,
        });
        let view = self.table.get(&texture)?.create_view(&mut self.ctx.client, descriptor);
        Ok(self.table.push(view)?)
    }

    fn format(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuTextureFormat> {
        called!(self, "gpu-texture.format");
        let format = later::GpuTextureFormat::from_wire(self.table.get(&texture)?.format());
        convert::format(format).ok_or_else(|| later_format(format))
    }

    fn usage(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuFlagsConstant> {
        called!(self, "gpu-texture.usage");
        Ok(self.table.get(&texture)?.usage().bits())
    }

    fn from_graphics_buffer(&mut self, buffer: Resource<AbstractBuffer>) -> wasmtime::Result<Resource<GpuTexture>> {
        let texture = match self.table.delete(buffer)? {
            AbstractBuffer::Texture(texture) => texture,
            // The frame of a context without a device, or of a frame buffer's. In WebGPU getCurrentTexture throws an
            // InvalidStateError; this function cannot fail, so that the texture is invalid.
            AbstractBuffer::Bytes(_) | AbstractBuffer::Nothing => {
                Canvas::default().current_texture(&mut self.ctx.client, (1, 1), || 0)
            }
        };
        Ok(self.table.push(texture)?)
    }

    fn drop(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<()> {
        later::HostGpuTexture::drop(self, texture)
    }
}

/// The trap of a getter that cannot name a format. Only a component that imports both versions can have such a texture.
pub(super) fn later_format(format: later::GpuTextureFormat) -> wasmtime::Error {
    wasmtime::Error::msg(format!("wasi:webgpu@0.0.1 has no name for the format {format:?}"))
}

impl WasiWebGpuCtxView<'_> {
    pub(super) fn new_texture_of_bits(
        &mut self,
        device: &Resource<Device>,
        descriptor: GpuTextureDescriptor,
    ) -> wasmtime::Result<Resource<GpuTexture>> {
        let GpuTextureDescriptor { size, mip_level_count, sample_count, dimension, format, usage, view_formats, label } =
            descriptor;
        let mut descriptor = texture_descriptor(later::GpuTextureDescriptor {
            size,
            mip_level_count,
            sample_count,
            dimension,
            format: format.into(),
            usage: later::GpuTextureUsage::empty(),
            view_formats: convert::formats(view_formats),
            texture_binding_view_dimension: None,
            label,
        });
        descriptor.usage = TextureUsage::from_bits_retain(usage);
        let texture = self.table.get(device)?.create_texture(&mut self.ctx.client, descriptor);
        Ok(self.table.push(texture)?)
    }
}
