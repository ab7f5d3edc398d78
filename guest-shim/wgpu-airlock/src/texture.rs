//! Textures, their views, and samplers.

use std::fmt;
use std::sync::Arc;

use airlock_client::object::DeviceObject;
use airlock_client::texture as client;
use airlock_protocol::commands::pipeline::CompareFunction;
use airlock_protocol::commands::texture::{
    AddressMode, FilterMode, TextureAspect, TextureDimension, TextureFormat, TextureUsage, TextureViewDimension,
};
use wgpu::custom::*;

use crate::context::{Key, Object, Slab};
use crate::device::{Shared, label, own};
use crate::error::Absent;
use crate::format::texture_format;

/// `wgpu::Texture` of this backend.
pub struct Texture {
    key: Key,
    device: Arc<Shared>,
}

impl fmt::Debug for Texture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Texture")
    }
}

/// `wgpu::TextureView` of this backend.
#[derive(Debug)]
pub struct TextureView(pub Object<client::TextureView>);

/// `wgpu::Sampler` of this backend.
#[derive(Debug)]
pub struct Sampler(pub Object<client::Sampler>);

impl TextureViewInterface for TextureView {}

impl SamplerInterface for Sampler {}

pub fn create(device: &Arc<Shared>, desc: &wgpu::TextureDescriptor<'_>) -> Texture {
    let key = device.made_or_invalid(
        "Device::create_texture",
        desc.label,
        descriptor(desc),
        |device, state, descriptor| {
            let texture = device.create_texture(&mut state.client, descriptor);
            state.textures.insert(texture)
        },
        |device, state| {
            let texture = device.create_texture(&mut state.client, invalid_descriptor());
            state.textures.insert(texture)
        },
    );
    Texture { key, device: device.clone() }
}

fn descriptor(desc: &wgpu::TextureDescriptor<'_>) -> Result<client::TextureDescriptor, Absent> {
    let view_formats: Result<Vec<_>, _> = desc.view_formats.iter().map(|format| texture_format(*format)).collect();
    Ok(client::TextureDescriptor {
        size: extent(desc.size),
        mip_level_count: Some(desc.mip_level_count),
        sample_count: Some(desc.sample_count),
        dimension: Some(match desc.dimension {
            wgpu::TextureDimension::D1 => TextureDimension::D1,
            wgpu::TextureDimension::D2 => TextureDimension::D2,
            wgpu::TextureDimension::D3 => TextureDimension::D3,
        }),
        format: texture_format(desc.format)?,
        usage: usage(desc.usage)?,
        view_formats: view_formats?,
        label: label(desc.label),
    })
}

/// A texture without texels, which every device rejects.
fn invalid_descriptor() -> client::TextureDescriptor {
    client::TextureDescriptor {
        size: client::Extent3d { width: 0, height: None, depth_or_array_layers: None },
        mip_level_count: None,
        sample_count: None,
        dimension: None,
        format: TextureFormat::Rgba8unorm,
        usage: TextureUsage::COPY_SRC,
        view_formats: Vec::new(),
        label: None,
    }
}

fn usage(usage: wgpu::TextureUsages) -> Result<TextureUsage, Absent> {
    use TextureUsage as G;
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

impl TextureInterface for Texture {
    fn create_view(&self, desc: &wgpu::TextureViewDescriptor<'_>) -> DispatchTextureView {
        let view = self.device.made_or_invalid(
            "Texture::create_view",
            desc.label,
            view_descriptor(desc),
            |_, state, descriptor| state.textures[self.key].create_view(&mut state.client, descriptor),
            |_, state| {
                // Greater than the levels of any texture.
                let base_mip_level = Some(u32::MAX);
                let descriptor = client::TextureViewDescriptor { base_mip_level, ..Default::default() };
                state.textures[self.key].create_view(&mut state.client, descriptor)
            },
        );
        DispatchTextureView::custom(TextureView(Object::new(view, &self.device.context)))
    }

    fn destroy(&self) {
        let state = &mut *self.device.lock();
        state.textures[self.key].destroy(&mut state.client);
    }
}

impl Drop for Texture {
    fn drop(&mut self) {
        let state = &mut *self.device.context.lock();
        if let Some(texture) = state.textures.remove(self.key) {
            texture.release(&mut state.client);
        }
    }
}

fn view_descriptor(desc: &wgpu::TextureViewDescriptor<'_>) -> Result<client::TextureViewDescriptor<'static>, Absent> {
    Ok(client::TextureViewDescriptor {
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

pub fn view_dimension(dimension: wgpu::TextureViewDimension) -> TextureViewDimension {
    match dimension {
        wgpu::TextureViewDimension::D1 => TextureViewDimension::D1,
        wgpu::TextureViewDimension::D2 => TextureViewDimension::D2,
        wgpu::TextureViewDimension::D2Array => TextureViewDimension::D2Array,
        wgpu::TextureViewDimension::Cube => TextureViewDimension::Cube,
        wgpu::TextureViewDimension::CubeArray => TextureViewDimension::CubeArray,
        wgpu::TextureViewDimension::D3 => TextureViewDimension::D3,
    }
}

fn aspect(aspect: wgpu::TextureAspect) -> Result<TextureAspect, Absent> {
    match aspect {
        wgpu::TextureAspect::All => Ok(TextureAspect::All),
        wgpu::TextureAspect::StencilOnly => Ok(TextureAspect::StencilOnly),
        wgpu::TextureAspect::DepthOnly => Ok(TextureAspect::DepthOnly),
        wgpu::TextureAspect::Plane0 | wgpu::TextureAspect::Plane1 | wgpu::TextureAspect::Plane2 => {
            Err(Absent::Features(wgpu::Features::TEXTURE_FORMAT_NV12))
        }
    }
}

pub fn extent(size: wgpu::Extent3d) -> client::Extent3d {
    client::Extent3d {
        width: size.width,
        height: Some(size.height),
        depth_or_array_layers: Some(size.depth_or_array_layers),
    }
}

/// Texture side of a copy.
pub fn copy_info<'a>(
    info: &wgpu::TexelCopyTextureInfo<'_>,
    textures: &'a Slab<client::Texture>,
) -> Result<client::TexelCopyTextureInfo<'a>, Absent> {
    Ok(client::TexelCopyTextureInfo {
        texture: &textures[own!(info.texture, Texture).key],
        mip_level: Some(info.mip_level),
        origin: client::Origin3d { x: Some(info.origin.x), y: Some(info.origin.y), z: Some(info.origin.z) },
        aspect: Some(aspect(info.aspect)?),
    })
}

pub fn create_sampler(device: &Arc<Shared>, desc: &wgpu::SamplerDescriptor<'_>) -> Sampler {
    let sampler = device.made_or_invalid(
        "Device::create_sampler",
        desc.label,
        sampler_descriptor(desc),
        |device, state, descriptor| device.create_sampler(&mut state.client, descriptor),
        |device, state| {
            let descriptor = client::SamplerDescriptor { lod_min_clamp: Some(-1.0), ..Default::default() };
            device.create_sampler(&mut state.client, descriptor)
        },
    );
    Sampler(Object::new(sampler, &device.context))
}

fn sampler_descriptor(desc: &wgpu::SamplerDescriptor<'_>) -> Result<client::SamplerDescriptor, Absent> {
    let filter = |mode| match mode {
        wgpu::FilterMode::Nearest => FilterMode::Nearest,
        wgpu::FilterMode::Linear => FilterMode::Linear,
    };
    Ok(client::SamplerDescriptor {
        address_modes: [
            Some(address_mode(desc.address_mode_u)?),
            Some(address_mode(desc.address_mode_v)?),
            Some(address_mode(desc.address_mode_w)?),
        ],
        mag_filter: Some(filter(desc.mag_filter)),
        min_filter: Some(filter(desc.min_filter)),
        mipmap_filter: Some(match desc.mipmap_filter {
            wgpu::MipmapFilterMode::Nearest => FilterMode::Nearest,
            wgpu::MipmapFilterMode::Linear => FilterMode::Linear,
        }),
        lod_min_clamp: Some(desc.lod_min_clamp),
        lod_max_clamp: Some(desc.lod_max_clamp),
        compare: desc.compare.map(compare),
        max_anisotropy: Some(desc.anisotropy_clamp),
        label: label(desc.label),
    })
}

fn address_mode(mode: wgpu::AddressMode) -> Result<AddressMode, Absent> {
    match mode {
        wgpu::AddressMode::ClampToEdge => Ok(AddressMode::ClampToEdge),
        wgpu::AddressMode::Repeat => Ok(AddressMode::Repeat),
        wgpu::AddressMode::MirrorRepeat => Ok(AddressMode::MirrorRepeat),
        wgpu::AddressMode::ClampToBorder => Err(Absent::Features(wgpu::Features::ADDRESS_MODE_CLAMP_TO_BORDER)),
    }
}

pub fn compare(function: wgpu::CompareFunction) -> CompareFunction {
    match function {
        wgpu::CompareFunction::Never => CompareFunction::Never,
        wgpu::CompareFunction::Less => CompareFunction::Less,
        wgpu::CompareFunction::Equal => CompareFunction::Equal,
        wgpu::CompareFunction::LessEqual => CompareFunction::LessEqual,
        wgpu::CompareFunction::Greater => CompareFunction::Greater,
        wgpu::CompareFunction::NotEqual => CompareFunction::NotEqual,
        wgpu::CompareFunction::GreaterEqual => CompareFunction::GreaterEqual,
        wgpu::CompareFunction::Always => CompareFunction::Always,
    }
}
