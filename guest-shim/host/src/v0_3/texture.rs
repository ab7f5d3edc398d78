//! `gpu-texture`, `gpu-texture-view`, `gpu-sampler`.

use airlock_client::{
    device::Device,
    object::DeviceObject as _,
    texture::{
        Extent3d, Origin3d, SamplerDescriptor, TexelCopyBufferInfo, TexelCopyBufferLayout, TexelCopyTextureInfo,
        TextureDescriptor, TextureViewDescriptor,
    },
};
use wasmtime::component::{Resource, ResourceTable};

use super::{
    bindings::webgpu::{self, *},
    convert::{FromWire, ToWire},
    functions::called,
    object_functions,
};
use crate::WasiWebGpuCtxView;

impl webgpu::HostGpuTexture for WasiWebGpuCtxView<'_> {
    fn create_view(
        &mut self,
        texture: Resource<GpuTexture>,
        mut descriptor: Option<GpuTextureViewDescriptor>,
    ) -> wasmtime::Result<Resource<GpuTextureView>> {
        called!(self, "gpu-texture.create-view");
        let label = descriptor.as_mut().and_then(|descriptor| descriptor.label.take());
        let descriptor = descriptor.as_ref();
        let view = TextureViewDescriptor {
            label,
            format: descriptor.and_then(|descriptor| descriptor.format).map(ToWire::to_wire),
            dimension: descriptor.and_then(|descriptor| descriptor.dimension).map(ToWire::to_wire),
            usage: descriptor.and_then(|descriptor| descriptor.usage).map(ToWire::to_wire),
            aspect: descriptor.and_then(|descriptor| descriptor.aspect).map(ToWire::to_wire),
            base_mip_level: descriptor.and_then(|descriptor| descriptor.base_mip_level),
            mip_level_count: descriptor.and_then(|descriptor| descriptor.mip_level_count),
            base_array_layer: descriptor.and_then(|descriptor| descriptor.base_array_layer),
            array_layer_count: descriptor.and_then(|descriptor| descriptor.array_layer_count),
            swizzle: descriptor.and_then(|descriptor| descriptor.swizzle.as_deref()),
        };
        let view = self.table.get(&texture)?.create_view(&mut self.ctx.client, view);
        Ok(self.table.push(view)?)
    }

    fn destroy(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<()> {
        called!(self, "gpu-texture.destroy");
        self.table.get_mut(&texture)?.destroy(&mut self.ctx.client);
        Ok(())
    }

    fn width(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuIntegerCoordinateOut> {
        called!(self, "gpu-texture.width");
        Ok(self.table.get(&texture)?.size().width)
    }

    fn height(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuIntegerCoordinateOut> {
        called!(self, "gpu-texture.height");
        Ok(self.table.get(&texture)?.size().height)
    }

    fn depth_or_array_layers(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuIntegerCoordinateOut> {
        called!(self, "gpu-texture.depth-or-array-layers");
        Ok(self.table.get(&texture)?.size().depth_or_array_layers)
    }

    fn mip_level_count(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuIntegerCoordinateOut> {
        called!(self, "gpu-texture.mip-level-count");
        Ok(self.table.get(&texture)?.mip_level_count())
    }

    fn sample_count(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuSize32Out> {
        called!(self, "gpu-texture.sample-count");
        Ok(self.table.get(&texture)?.sample_count())
    }

    fn dimension(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuTextureDimension> {
        called!(self, "gpu-texture.dimension");
        Ok(GpuTextureDimension::from_wire(self.table.get(&texture)?.dimension()))
    }

    fn format(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuTextureFormat> {
        called!(self, "gpu-texture.format");
        Ok(GpuTextureFormat::from_wire(self.table.get(&texture)?.format()))
    }

    fn usage(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuTextureUsage> {
        called!(self, "gpu-texture.usage");
        Ok(GpuTextureUsage::from_wire(self.table.get(&texture)?.usage()))
    }

    fn texture_binding_view_dimension(
        &mut self,
        texture: Resource<GpuTexture>,
    ) -> wasmtime::Result<Option<GpuTextureViewDimension>> {
        called!(self, "gpu-texture.texture-binding-view-dimension");
        // Undefined on every device with core features and limits, which all devices here have (WebGPU, GPUTexture).
        self.table.get(&texture)?;
        Ok(None)
    }

    object_functions!(GpuTexture, "gpu-texture.label", "gpu-texture.set-label");
}

impl webgpu::HostGpuTextureView for WasiWebGpuCtxView<'_> {
    object_functions!(GpuTextureView, "gpu-texture-view.label", "gpu-texture-view.set-label");
}

impl webgpu::HostGpuSampler for WasiWebGpuCtxView<'_> {
    object_functions!(GpuSampler, "gpu-sampler.label", "gpu-sampler.set-label");
}

impl WasiWebGpuCtxView<'_> {
    pub(super) fn new_texture(
        &mut self,
        device: &Resource<Device>,
        descriptor: GpuTextureDescriptor,
    ) -> wasmtime::Result<Resource<GpuTexture>> {
        let descriptor = texture_descriptor(descriptor);
        let texture = self.table.get(device)?.create_texture(&mut self.ctx.client, descriptor);
        Ok(self.table.push(texture)?)
    }

    pub(super) fn new_sampler(
        &mut self,
        device: &Resource<Device>,
        descriptor: Option<GpuSamplerDescriptor>,
    ) -> wasmtime::Result<Resource<GpuSampler>> {
        let descriptor = descriptor.map_or_else(SamplerDescriptor::default, |descriptor| SamplerDescriptor {
            label: descriptor.label,
            address_modes: [descriptor.address_mode_u, descriptor.address_mode_v, descriptor.address_mode_w]
                .map(|mode| mode.map(ToWire::to_wire)),
            mag_filter: descriptor.mag_filter.map(ToWire::to_wire),
            min_filter: descriptor.min_filter.map(ToWire::to_wire),
            mipmap_filter: descriptor.mipmap_filter.map(ToWire::to_wire),
            lod_min_clamp: descriptor.lod_min_clamp,
            lod_max_clamp: descriptor.lod_max_clamp,
            compare: descriptor.compare.map(ToWire::to_wire),
            max_anisotropy: descriptor.max_anisotropy,
        });
        let sampler = self.table.get(device)?.create_sampler(&mut self.ctx.client, descriptor);
        Ok(self.table.push(sampler)?)
    }
}

/// A texture as the client describes it.
pub(crate) fn texture_descriptor(descriptor: GpuTextureDescriptor) -> TextureDescriptor {
    TextureDescriptor {
        label: descriptor.label,
        size: extent(&descriptor.size),
        mip_level_count: descriptor.mip_level_count,
        sample_count: descriptor.sample_count,
        dimension: descriptor.dimension.map(ToWire::to_wire),
        format: descriptor.format.to_wire(),
        usage: descriptor.usage.to_wire(),
        view_formats: descriptor.view_formats.unwrap_or_default().into_iter().map(ToWire::to_wire).collect(),
    }
}

/// The texture side of a copy.
pub(super) fn texel_copy_texture<'a>(
    table: &'a ResourceTable,
    info: &GpuTexelCopyTextureInfo,
) -> wasmtime::Result<TexelCopyTextureInfo<'a>> {
    Ok(TexelCopyTextureInfo {
        texture: table.get(&info.texture)?,
        mip_level: info.mip_level,
        origin: info.origin.as_ref().map_or(Origin3d::default(), |origin| Origin3d {
            x: origin.x,
            y: origin.y,
            z: origin.z,
        }),
        aspect: info.aspect.map(ToWire::to_wire),
    })
}

/// The buffer side of a copy.
pub(super) fn texel_copy_buffer<'a>(
    table: &'a ResourceTable,
    info: &GpuTexelCopyBufferInfo,
) -> wasmtime::Result<TexelCopyBufferInfo<'a>> {
    Ok(TexelCopyBufferInfo {
        buffer: table.get(&info.buffer)?,
        layout: TexelCopyBufferLayout {
            offset: info.offset,
            bytes_per_row: info.bytes_per_row,
            rows_per_image: info.rows_per_image,
        },
    })
}

pub(super) fn extent(extent: &GpuExtent3D) -> Extent3d {
    Extent3d { width: extent.width, height: extent.height, depth_or_array_layers: extent.depth_or_array_layers }
}
