//! Textures, their views, and samplers.

use std::fmt;
use std::sync::Arc;

use wgpu::custom::*;

use crate::bindings::webgpu as gpu;
use crate::device::{Shared, label, own};
use crate::error::Absent;
use crate::format::texture_format;

/// `wgpu::Texture` of this backend.
pub struct Texture {
    gpu: gpu::GpuTexture,
    device: Arc<Shared>,
}

impl fmt::Debug for Texture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Texture")
    }
}

/// `wgpu::TextureView` of this backend.
#[derive(Debug)]
pub struct TextureView(pub gpu::GpuTextureView);

/// `wgpu::Sampler` of this backend.
#[derive(Debug)]
pub struct Sampler(pub gpu::GpuSampler);

impl TextureViewInterface for TextureView {}

impl SamplerInterface for Sampler {}

pub fn create(device: &Arc<Shared>, desc: &wgpu::TextureDescriptor<'_>) -> Texture {
    let gpu = device.made_or_invalid(
        "Device::create_texture",
        desc.label,
        descriptor(desc),
        |device, descriptor| device.create_texture(&descriptor),
        |device| device.create_texture(&invalid_descriptor()),
    );
    Texture { gpu, device: device.clone() }
}

fn descriptor(desc: &wgpu::TextureDescriptor<'_>) -> Result<gpu::GpuTextureDescriptor, Absent> {
    let view_formats: Result<Vec<_>, _> = desc.view_formats.iter().map(|format| texture_format(*format)).collect();
    Ok(gpu::GpuTextureDescriptor {
        size: extent(desc.size),
        mip_level_count: Some(desc.mip_level_count),
        sample_count: Some(desc.sample_count),
        dimension: Some(match desc.dimension {
            wgpu::TextureDimension::D1 => gpu::GpuTextureDimension::D1,
            wgpu::TextureDimension::D2 => gpu::GpuTextureDimension::D2,
            wgpu::TextureDimension::D3 => gpu::GpuTextureDimension::D3,
        }),
        format: texture_format(desc.format)?,
        usage: usage(desc.usage)?,
        view_formats: Some(view_formats?),
        texture_binding_view_dimension: None,
        label: label(desc.label),
    })
}

/// A texture without texels, which every device rejects.
fn invalid_descriptor() -> gpu::GpuTextureDescriptor {
    gpu::GpuTextureDescriptor {
        size: gpu::GpuExtent3D { width: 0, height: None, depth_or_array_layers: None },
        mip_level_count: None,
        sample_count: None,
        dimension: None,
        format: gpu::GpuTextureFormat::Rgba8unorm,
        usage: gpu::GpuTextureUsage::COPY_SRC,
        view_formats: None,
        texture_binding_view_dimension: None,
        label: None,
    }
}

pub fn usage(usage: wgpu::TextureUsages) -> Result<gpu::GpuTextureUsage, Absent> {
    use gpu::GpuTextureUsage as G;
    use wgpu::TextureUsages as W;
    if usage.contains(W::STORAGE_ATOMIC) {
        return Err(Absent::Features(wgpu::Features::TEXTURE_ATOMIC));
    }
    let flags = [
        (W::COPY_SRC, G::COPY_SRC),
        (W::COPY_DST, G::COPY_DST),
        (W::TEXTURE_BINDING, G::TEXTURE_BINDING),
        (W::STORAGE_BINDING, G::STORAGE_BINDING),
        (W::RENDER_ATTACHMENT, G::RENDER_ATTACHMENT),
        (W::TRANSIENT_ATTACHMENT, G::TRANSIENT_ATTACHMENT),
    ];
    Ok(flags.into_iter().filter(|(flag, _)| usage.contains(*flag)).fold(G::empty(), |all, (_, flag)| all | flag))
}

#[cfg(feature = "surface")]
impl Texture {
    /// A texture that the host has made for a surface.
    pub fn of_host(gpu: gpu::GpuTexture, device: &Arc<Shared>) -> Self {
        Self { gpu, device: device.clone() }
    }
}

impl TextureInterface for Texture {
    fn create_view(&self, desc: &wgpu::TextureViewDescriptor<'_>) -> DispatchTextureView {
        let view = self.device.made_or_invalid(
            "Texture::create_view",
            desc.label,
            view_descriptor(desc),
            |_, descriptor| self.gpu.create_view(Some(&descriptor)),
            |_| {
                let mut descriptor = no_view_descriptor();
                // Greater than the levels of any texture.
                descriptor.base_mip_level = Some(u32::MAX);
                self.gpu.create_view(Some(&descriptor))
            },
        );
        DispatchTextureView::custom(TextureView(view))
    }

    fn destroy(&self) {
        self.gpu.destroy();
    }
}

fn view_descriptor(desc: &wgpu::TextureViewDescriptor<'_>) -> Result<gpu::GpuTextureViewDescriptor, Absent> {
    Ok(gpu::GpuTextureViewDescriptor {
        format: desc.format.map(texture_format).transpose()?,
        dimension: desc.dimension.map(view_dimension),
        usage: desc.usage.map(usage).transpose()?,
        aspect: Some(aspect(desc.aspect)?),
        base_mip_level: Some(desc.base_mip_level),
        mip_level_count: desc.mip_level_count,
        base_array_layer: Some(desc.base_array_layer),
        array_layer_count: desc.array_layer_count,
        swizzle: None,
        label: label(desc.label),
    })
}

fn no_view_descriptor() -> gpu::GpuTextureViewDescriptor {
    gpu::GpuTextureViewDescriptor {
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
    }
}

pub fn view_dimension(dimension: wgpu::TextureViewDimension) -> gpu::GpuTextureViewDimension {
    match dimension {
        wgpu::TextureViewDimension::D1 => gpu::GpuTextureViewDimension::D1,
        wgpu::TextureViewDimension::D2 => gpu::GpuTextureViewDimension::D2,
        wgpu::TextureViewDimension::D2Array => gpu::GpuTextureViewDimension::D2Array,
        wgpu::TextureViewDimension::Cube => gpu::GpuTextureViewDimension::Cube,
        wgpu::TextureViewDimension::CubeArray => gpu::GpuTextureViewDimension::CubeArray,
        wgpu::TextureViewDimension::D3 => gpu::GpuTextureViewDimension::D3,
    }
}

fn aspect(aspect: wgpu::TextureAspect) -> Result<gpu::GpuTextureAspect, Absent> {
    match aspect {
        wgpu::TextureAspect::All => Ok(gpu::GpuTextureAspect::All),
        wgpu::TextureAspect::StencilOnly => Ok(gpu::GpuTextureAspect::StencilOnly),
        wgpu::TextureAspect::DepthOnly => Ok(gpu::GpuTextureAspect::DepthOnly),
        wgpu::TextureAspect::Plane0 | wgpu::TextureAspect::Plane1 | wgpu::TextureAspect::Plane2 => {
            Err(Absent::Features(wgpu::Features::TEXTURE_FORMAT_NV12))
        }
    }
}

pub fn extent(size: wgpu::Extent3d) -> gpu::GpuExtent3D {
    gpu::GpuExtent3D {
        width: size.width,
        height: Some(size.height),
        depth_or_array_layers: Some(size.depth_or_array_layers),
    }
}

/// Texture side of a copy.
pub fn copy_info<'a>(info: &wgpu::TexelCopyTextureInfo<'a>) -> Result<gpu::GpuTexelCopyTextureInfo<'a>, Absent> {
    Ok(gpu::GpuTexelCopyTextureInfo {
        texture: &own!(info.texture, Texture).gpu,
        mip_level: Some(info.mip_level),
        origin: Some(gpu::GpuOrigin3D { x: Some(info.origin.x), y: Some(info.origin.y), z: Some(info.origin.z) }),
        aspect: Some(aspect(info.aspect)?),
    })
}

pub fn create_sampler(device: &Arc<Shared>, desc: &wgpu::SamplerDescriptor<'_>) -> Sampler {
    Sampler(device.made_or_invalid(
        "Device::create_sampler",
        desc.label,
        sampler_descriptor(desc),
        |device, descriptor| device.create_sampler(Some(&descriptor)),
        |device| {
            let mut descriptor = no_sampler_descriptor();
            descriptor.lod_min_clamp = Some(-1.0);
            device.create_sampler(Some(&descriptor))
        },
    ))
}

fn sampler_descriptor(desc: &wgpu::SamplerDescriptor<'_>) -> Result<gpu::GpuSamplerDescriptor, Absent> {
    let filter = |mode| match mode {
        wgpu::FilterMode::Nearest => gpu::GpuFilterMode::Nearest,
        wgpu::FilterMode::Linear => gpu::GpuFilterMode::Linear,
    };
    Ok(gpu::GpuSamplerDescriptor {
        address_mode_u: Some(address_mode(desc.address_mode_u)?),
        address_mode_v: Some(address_mode(desc.address_mode_v)?),
        address_mode_w: Some(address_mode(desc.address_mode_w)?),
        mag_filter: Some(filter(desc.mag_filter)),
        min_filter: Some(filter(desc.min_filter)),
        mipmap_filter: Some(match desc.mipmap_filter {
            wgpu::MipmapFilterMode::Nearest => gpu::GpuMipmapFilterMode::Nearest,
            wgpu::MipmapFilterMode::Linear => gpu::GpuMipmapFilterMode::Linear,
        }),
        lod_min_clamp: Some(desc.lod_min_clamp),
        lod_max_clamp: Some(desc.lod_max_clamp),
        compare: desc.compare.map(compare),
        max_anisotropy: Some(desc.anisotropy_clamp),
        label: label(desc.label),
    })
}

fn no_sampler_descriptor() -> gpu::GpuSamplerDescriptor {
    gpu::GpuSamplerDescriptor {
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
    }
}

fn address_mode(mode: wgpu::AddressMode) -> Result<gpu::GpuAddressMode, Absent> {
    match mode {
        wgpu::AddressMode::ClampToEdge => Ok(gpu::GpuAddressMode::ClampToEdge),
        wgpu::AddressMode::Repeat => Ok(gpu::GpuAddressMode::Repeat),
        wgpu::AddressMode::MirrorRepeat => Ok(gpu::GpuAddressMode::MirrorRepeat),
        wgpu::AddressMode::ClampToBorder => Err(Absent::Features(wgpu::Features::ADDRESS_MODE_CLAMP_TO_BORDER)),
    }
}

pub fn compare(function: wgpu::CompareFunction) -> gpu::GpuCompareFunction {
    match function {
        wgpu::CompareFunction::Never => gpu::GpuCompareFunction::Never,
        wgpu::CompareFunction::Less => gpu::GpuCompareFunction::Less,
        wgpu::CompareFunction::Equal => gpu::GpuCompareFunction::Equal,
        wgpu::CompareFunction::LessEqual => gpu::GpuCompareFunction::LessEqual,
        wgpu::CompareFunction::Greater => gpu::GpuCompareFunction::Greater,
        wgpu::CompareFunction::NotEqual => gpu::GpuCompareFunction::NotEqual,
        wgpu::CompareFunction::GreaterEqual => gpu::GpuCompareFunction::GreaterEqual,
        wgpu::CompareFunction::Always => gpu::GpuCompareFunction::Always,
    }
}
