//! `gpu-texture`, `gpu-texture-view`, `gpu-sampler`.

use std::sync::Arc;

use airlock_client::session::DeviceState;
use airlock_protocol::commands::texture::{
    AddressMode, CreateSampler, CreateTexture, CreateTextureView, DestroyTexture, Extent3d, FilterMode, Origin3d,
    TexelCopyBufferInfo, TexelCopyBufferLayout, TexelCopyTextureInfo, TextureAspect, TextureDimension,
};
use wasmtime::component::Resource;

use super::{
    bounded, bounded_label,
    convert::{FromWire, ToWire},
    object_functions,
};
use crate::{
    WasiWebGpuCtxView,
    shadow::{self, Base},
    v0_3::bindings::webgpu::{self, *},
    v0_3::functions::called,
};

impl webgpu::HostGpuTexture for WasiWebGpuCtxView<'_> {
    fn create_view(
        &mut self,
        texture: Resource<GpuTexture>,
        descriptor: Option<GpuTextureViewDescriptor>,
    ) -> wasmtime::Result<Resource<GpuTextureView>> {
        called!(self, "gpu-texture.create-view");
        let of = &self.table.get(&texture)?.base;
        let device = Arc::clone(&of.device);
        let Some(texture) = self.ctx.name(of, &device) else {
            let base = Self::inert(&device, descriptor.and_then(|descriptor| descriptor.label));
            return Ok(self.table.push(shadow::TextureView { base })?);
        };
        let descriptor = descriptor.unwrap_or(GpuTextureViewDescriptor {
            format: None,
            dimension: None,
            usage: None,
            aspect: None,
            base_mip_level: None,
            mip_level_count: None,
            base_array_layer: None,
            array_layer_count: None,
            swizzle: None,
            label: None,
        });
        if let Some(swizzle) = descriptor.swizzle.as_deref()
            && swizzle != "rgba"
        {
            // WebGPU, "texture-component-swizzle": without the feature, which wgpu 30 has not, only the identity is valid.
            self.ctx.invalid(
                &device,
                &format!("create-view: swizzle {swizzle:?} needs the feature texture-component-swizzle, which the device has not"),
            );
            let base = Self::inert(&device, descriptor.label);
            return Ok(self.table.push(shadow::TextureView { base })?);
        }
        // Views are made for every frame: the device is handed on, and not counted once more.
        let base = Base { id: self.ctx.allocate(&device), device, label: bounded_label(descriptor.label) };
        if let Some(view) = base.id {
            self.ctx.send(
                &base.device,
                CreateTextureView {
                    texture,
                    view,
                    label: &base.label,
                    format: descriptor.format.map(ToWire::to_wire),
                    dimension: descriptor.dimension.map(ToWire::to_wire),
                    // No usage at all is the texture's (WebGPU, GPUTextureViewDescriptor.usage).
                    usage: descriptor.usage.map(ToWire::to_wire).filter(|usage| !usage.is_empty()),
                    aspect: descriptor.aspect.map_or(TextureAspect::All, ToWire::to_wire),
                    base_mip_level: descriptor.base_mip_level.unwrap_or(0),
                    mip_level_count: descriptor.mip_level_count,
                    base_array_layer: descriptor.base_array_layer.unwrap_or(0),
                    array_layer_count: descriptor.array_layer_count,
                },
            );
        }
        Ok(self.table.push(shadow::TextureView { base })?)
    }

    fn destroy(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<()> {
        called!(self, "gpu-texture.destroy");
        self.table.get_mut(&texture)?.destroyed = true;
        self.encode(&texture, |texture| DestroyTexture { texture })
    }

    fn width(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuIntegerCoordinateOut> {
        called!(self, "gpu-texture.width");
        Ok(self.table.get(&texture)?.size.width)
    }

    fn height(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuIntegerCoordinateOut> {
        called!(self, "gpu-texture.height");
        Ok(self.table.get(&texture)?.size.height)
    }

    fn depth_or_array_layers(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuIntegerCoordinateOut> {
        called!(self, "gpu-texture.depth-or-array-layers");
        Ok(self.table.get(&texture)?.size.depth_or_array_layers)
    }

    fn mip_level_count(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuIntegerCoordinateOut> {
        called!(self, "gpu-texture.mip-level-count");
        Ok(self.table.get(&texture)?.mip_level_count)
    }

    fn sample_count(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuSize32Out> {
        called!(self, "gpu-texture.sample-count");
        Ok(self.table.get(&texture)?.sample_count)
    }

    fn dimension(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuTextureDimension> {
        called!(self, "gpu-texture.dimension");
        Ok(GpuTextureDimension::from_wire(self.table.get(&texture)?.dimension))
    }

    fn format(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuTextureFormat> {
        called!(self, "gpu-texture.format");
        Ok(GpuTextureFormat::from_wire(self.table.get(&texture)?.format))
    }

    fn usage(&mut self, texture: Resource<GpuTexture>) -> wasmtime::Result<GpuTextureUsage> {
        called!(self, "gpu-texture.usage");
        Ok(GpuTextureUsage::from_wire(self.table.get(&texture)?.usage))
    }

    fn texture_binding_view_dimension(
        &mut self,
        texture: Resource<GpuTexture>,
    ) -> wasmtime::Result<Option<GpuTextureViewDimension>> {
        called!(self, "gpu-texture.texture-binding-view-dimension");
        // Undefined on every device with core features and limits, and ours all have them (WebGPU, GPUTexture).
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
        device: &Arc<DeviceState>,
        descriptor: GpuTextureDescriptor,
    ) -> wasmtime::Result<Resource<GpuTexture>> {
        let mut base = self.create(device, descriptor.label);
        let texture = shadow::Texture {
            size: extent(&descriptor.size),
            mip_level_count: descriptor.mip_level_count.unwrap_or(1),
            sample_count: descriptor.sample_count.unwrap_or(1),
            dimension: descriptor.dimension.map_or(TextureDimension::D2, ToWire::to_wire),
            format: descriptor.format.to_wire(),
            usage: descriptor.usage.to_wire(),
            destroyed: false,
            base: Self::inert(device, None),
        };
        if let Some(id) = base.id {
            let label = std::mem::take(&mut base.label);
            let view_formats = bounded(descriptor.view_formats.unwrap_or_default());
            self.ctx.send(
                device,
                CreateTexture {
                    device: device.id,
                    texture: id,
                    label: &label,
                    size: texture.size,
                    mip_level_count: texture.mip_level_count,
                    sample_count: texture.sample_count,
                    dimension: texture.dimension,
                    format: texture.format,
                    usage: texture.usage,
                    view_formats: view_formats.into_iter().map(ToWire::to_wire).collect(),
                },
            );
            base.label = label;
        }
        Ok(self.table.push(shadow::Texture { base, ..texture })?)
    }

    pub(super) fn new_sampler(
        &mut self,
        device: &Arc<DeviceState>,
        descriptor: Option<GpuSamplerDescriptor>,
    ) -> wasmtime::Result<Resource<GpuSampler>> {
        let descriptor = descriptor.unwrap_or(GpuSamplerDescriptor {
            address_mode_u: None,
            address_mode_v: None,
            address_mode_w: None,
            mag_filter: None,
            min_filter: None,
            mipmap_filter: None,
            lod_min_clamp: None,
            lod_max_clamp: None,
            compare: None,
            max_anisotropy: None,
            label: None,
        });
        let address = |mode: Option<GpuAddressMode>| mode.map_or(AddressMode::ClampToEdge, ToWire::to_wire);
        let filter = |mode: Option<GpuFilterMode>| mode.map_or(FilterMode::Nearest, ToWire::to_wire);
        let base = self.create(device, descriptor.label);
        if let Some(sampler) = base.id {
            self.ctx.send(
                device,
                CreateSampler {
                    device: device.id,
                    sampler,
                    label: &base.label,
                    address_modes: [
                        address(descriptor.address_mode_u),
                        address(descriptor.address_mode_v),
                        address(descriptor.address_mode_w),
                    ],
                    mag_filter: filter(descriptor.mag_filter),
                    min_filter: filter(descriptor.min_filter),
                    mipmap_filter: descriptor.mipmap_filter.map_or(FilterMode::Nearest, ToWire::to_wire),
                    lod_min_clamp: descriptor.lod_min_clamp.unwrap_or(0.0),
                    lod_max_clamp: descriptor.lod_max_clamp.unwrap_or(32.0),
                    compare: descriptor.compare.map(ToWire::to_wire),
                    max_anisotropy: descriptor.max_anisotropy.unwrap_or(1),
                },
            );
        }
        Ok(self.table.push(shadow::Sampler { base })?)
    }

    /// The texture side of a copy; `None`, with the error raised, when the texture cannot be named.
    pub(super) fn texel_copy_texture(
        &mut self,
        info: &GpuTexelCopyTextureInfo,
        device: &Arc<DeviceState>,
    ) -> wasmtime::Result<Option<TexelCopyTextureInfo>> {
        let texture = self.name(&info.texture, device)?;
        Ok(texture.map(|texture| TexelCopyTextureInfo {
            texture,
            mip_level: info.mip_level.unwrap_or(0),
            origin: info.origin.as_ref().map_or(Origin3d::default(), |origin| Origin3d {
                x: origin.x.unwrap_or(0),
                y: origin.y.unwrap_or(0),
                z: origin.z.unwrap_or(0),
            }),
            aspect: info.aspect.map_or(TextureAspect::All, ToWire::to_wire),
        }))
    }

    /// The buffer side of a copy; `None`, with the error raised, when the buffer cannot be named.
    pub(super) fn texel_copy_buffer(
        &mut self,
        info: &GpuTexelCopyBufferInfo,
        device: &Arc<DeviceState>,
    ) -> wasmtime::Result<Option<TexelCopyBufferInfo>> {
        let buffer = self.name(&info.buffer, device)?;
        Ok(buffer.map(|buffer| TexelCopyBufferInfo {
            buffer,
            layout: layout(info.offset, info.bytes_per_row, info.rows_per_image),
        }))
    }
}

pub(super) fn layout(
    offset: Option<u64>,
    bytes_per_row: Option<u32>,
    rows_per_image: Option<u32>,
) -> TexelCopyBufferLayout {
    TexelCopyBufferLayout { offset: offset.unwrap_or(0), bytes_per_row, rows_per_image }
}

pub(super) fn extent(extent: &GpuExtent3D) -> Extent3d {
    Extent3d {
        width: extent.width,
        height: extent.height.unwrap_or(1),
        depth_or_array_layers: extent.depth_or_array_layers.unwrap_or(1),
    }
}
