//! `GPUTexture`, `GPUTextureView`, `GPUSampler`, and what copies name.

use std::sync::Arc;

use airlock_protocol::{
    commands::{
        pipeline::CompareFunction,
        texture::{
            self as wire, AddressMode, CreateSampler, CreateTexture, CreateTextureView, DestroyTexture, FilterMode,
            TextureAspect, TextureDimension, TextureFormat, TextureUsage, TextureViewDimension,
        },
    },
    ids::TextureId,
};

use crate::{
    buffer::Buffer,
    client::Client,
    device::{Device, DeviceState},
    object::{Base, DeviceObject, bounded, objects},
};

/// `GPUTexture`.
#[derive(Debug)]
pub struct Texture {
    pub(crate) base: Base<TextureId>,
    size: wire::Extent3d,
    mip_level_count: u32,
    sample_count: u32,
    dimension: TextureDimension,
    format: TextureFormat,
    usage: TextureUsage,
    destroyed: bool,
    /// Of a texture with several owners, a frame's: the last one to release it has the daemon drop it.
    owners: Option<Arc<()>>,
}

impl DeviceObject for Texture {
    type Id = TextureId;

    #[inline]
    fn base(&self) -> &Base<TextureId> {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base<TextureId> {
        &mut self.base
    }

    fn into_base(self) -> Base<TextureId> {
        self.base
    }

    #[inline]
    fn release(self, client: &mut Client) {
        match self.owners.map(Arc::into_inner) {
            Some(None) => client.release_device(self.base.device),
            None | Some(Some(())) => self.base.release(client),
        }
    }
}

objects! {
    /// `GPUTextureView`.
    TextureView: TextureViewId {}
    /// `GPUSampler`.
    Sampler: SamplerId {}
}

/// `GPUExtent3D`, in texels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent3d {
    /// Width.
    pub width: u32,
    /// Height; 1 by default.
    pub height: Option<u32>,
    /// Depth or array layers; 1 by default.
    pub depth_or_array_layers: Option<u32>,
}

impl Extent3d {
    pub(crate) fn resolve(self) -> wire::Extent3d {
        wire::Extent3d {
            width: self.width,
            height: self.height.unwrap_or(1),
            depth_or_array_layers: self.depth_or_array_layers.unwrap_or(1),
        }
    }
}

/// `GPUTextureDescriptor`.
#[derive(Clone, Debug)]
pub struct TextureDescriptor {
    /// The label.
    pub label: Option<String>,
    /// The size in texels.
    pub size: Extent3d,
    /// Mip levels; 1 by default.
    pub mip_level_count: Option<u32>,
    /// Samples of a texel; 1 by default.
    pub sample_count: Option<u32>,
    /// Two dimensions by default.
    pub dimension: Option<TextureDimension>,
    /// The format.
    pub format: TextureFormat,
    /// How it may be used.
    pub usage: TextureUsage,
    /// Formats that its views may have beside its own.
    pub view_formats: Vec<TextureFormat>,
}

/// `GPUTextureViewDescriptor`. What is absent is the texture's.
#[derive(Clone, Debug, Default)]
pub struct TextureViewDescriptor<'a> {
    /// The label.
    pub label: Option<String>,
    /// The format.
    pub format: Option<TextureFormat>,
    /// The dimension.
    pub dimension: Option<TextureViewDimension>,
    /// How it may be used. No usage at all is the texture's.
    pub usage: Option<TextureUsage>,
    /// All aspects by default.
    pub aspect: Option<TextureAspect>,
    /// The first mip level; 0 by default.
    pub base_mip_level: Option<u32>,
    /// Mip levels.
    pub mip_level_count: Option<u32>,
    /// The first array layer; 0 by default.
    pub base_array_layer: Option<u32>,
    /// Array layers.
    pub array_layer_count: Option<u32>,
    /// Which component each component is; `rgba` by default, and valid only so.
    pub swizzle: Option<&'a str>,
}

/// `GPUSamplerDescriptor`.
#[derive(Clone, Debug, Default)]
pub struct SamplerDescriptor {
    /// The label.
    pub label: Option<String>,
    /// Clamped to the edge by default, in each direction.
    pub address_modes: [Option<AddressMode>; 3],
    /// Nearest by default.
    pub mag_filter: Option<FilterMode>,
    /// Nearest by default.
    pub min_filter: Option<FilterMode>,
    /// Nearest by default.
    pub mipmap_filter: Option<FilterMode>,
    /// 0 by default.
    pub lod_min_clamp: Option<f32>,
    /// 32 by default.
    pub lod_max_clamp: Option<f32>,
    /// None by default.
    pub compare: Option<CompareFunction>,
    /// 1 by default.
    pub max_anisotropy: Option<u16>,
}

impl Device {
    /// `GPUDevice.createTexture`.
    pub fn create_texture(&self, client: &mut Client, descriptor: TextureDescriptor) -> Texture {
        let device = &self.state;
        let texture = Texture {
            base: Base::new(client, device, descriptor.label),
            size: descriptor.size.resolve(),
            mip_level_count: descriptor.mip_level_count.unwrap_or(1),
            sample_count: descriptor.sample_count.unwrap_or(1),
            dimension: descriptor.dimension.unwrap_or(TextureDimension::D2),
            format: descriptor.format,
            usage: descriptor.usage,
            destroyed: false,
            owners: None,
        };
        let base = &texture.base;
        base.encode(client, |id| CreateTexture {
            device: device.id,
            texture: id,
            label: &base.label,
            size: texture.size,
            mip_level_count: texture.mip_level_count,
            sample_count: texture.sample_count,
            dimension: texture.dimension,
            format: texture.format,
            usage: texture.usage,
            view_formats: bounded(descriptor.view_formats),
        });
        texture
    }

    /// `GPUDevice.createSampler`.
    pub fn create_sampler(&self, client: &mut Client, descriptor: SamplerDescriptor) -> Sampler {
        let device = &self.state;
        let base = Base::new(client, device, descriptor.label);
        base.encode(client, |sampler| CreateSampler {
            device: device.id,
            sampler,
            label: &base.label,
            address_modes: descriptor.address_modes.map(|mode| mode.unwrap_or(AddressMode::ClampToEdge)),
            mag_filter: descriptor.mag_filter.unwrap_or(FilterMode::Nearest),
            min_filter: descriptor.min_filter.unwrap_or(FilterMode::Nearest),
            mipmap_filter: descriptor.mipmap_filter.unwrap_or(FilterMode::Nearest),
            lod_min_clamp: descriptor.lod_min_clamp.unwrap_or(0.0),
            lod_max_clamp: descriptor.lod_max_clamp.unwrap_or(32.0),
            compare: descriptor.compare,
            max_anisotropy: descriptor.max_anisotropy.unwrap_or(1),
        });
        Sampler { base }
    }
}

impl Texture {
    /// `GPUTexture.createView`.
    pub fn create_view(&self, client: &mut Client, descriptor: TextureViewDescriptor<'_>) -> TextureView {
        let device = &self.base.device;
        let Some(texture) = self.base.name(client, device) else {
            return TextureView { base: Base::inert(device, descriptor.label) };
        };
        if let Some(swizzle) = descriptor.swizzle
            && swizzle != "rgba"
        {
            // WebGPU, "texture-component-swizzle": without the feature, which wgpu 30 has not, only the identity is valid.
            client.invalid(
                device,
                &format!("create-view: swizzle {swizzle:?} needs the feature texture-component-swizzle, which the device has not"),
            );
            return TextureView { base: Base::inert(device, descriptor.label) };
        }
        let base = Base::new(client, device, descriptor.label);
        base.encode(client, |view| CreateTextureView {
            texture,
            view,
            label: &base.label,
            format: descriptor.format,
            dimension: descriptor.dimension,
            // No usage at all is the texture's (WebGPU, GPUTextureViewDescriptor.usage).
            usage: descriptor.usage.filter(|usage| !usage.is_empty()),
            aspect: descriptor.aspect.unwrap_or(TextureAspect::All),
            base_mip_level: descriptor.base_mip_level.unwrap_or(0),
            mip_level_count: descriptor.mip_level_count,
            base_array_layer: descriptor.base_array_layer.unwrap_or(0),
            array_layer_count: descriptor.array_layer_count,
        });
        TextureView { base }
    }

    /// The same texture for another owner. Each of them releases it.
    pub(crate) fn share(&mut self) -> Self {
        let owners = self.owners.get_or_insert_default();
        Self {
            base: Base { id: self.base.id, device: Arc::clone(&self.base.device), label: self.base.label.clone() },
            size: self.size,
            mip_level_count: self.mip_level_count,
            sample_count: self.sample_count,
            dimension: self.dimension,
            format: self.format,
            usage: self.usage,
            destroyed: self.destroyed,
            owners: Some(Arc::clone(owners)),
        }
    }

    /// `GPUTexture.destroy`.
    pub fn destroy(&mut self, client: &mut Client) {
        self.destroyed = true;
        self.base.encode(client, |texture| DestroyTexture { texture });
    }

    /// Width, height, and depth or array layers, in texels.
    pub fn size(&self) -> wire::Extent3d {
        self.size
    }

    /// `GPUTexture.mipLevelCount`.
    pub fn mip_level_count(&self) -> u32 {
        self.mip_level_count
    }

    /// `GPUTexture.sampleCount`.
    pub fn sample_count(&self) -> u32 {
        self.sample_count
    }

    /// `GPUTexture.dimension`.
    pub fn dimension(&self) -> TextureDimension {
        self.dimension
    }

    /// `GPUTexture.format`.
    pub fn format(&self) -> TextureFormat {
        self.format
    }

    /// `GPUTexture.usage`.
    pub fn usage(&self) -> TextureUsage {
        self.usage
    }

    /// The rows of a write of `len` bytes to one layer, if it is known here that the write is valid (WebGPU, writeTexture),
    /// as [`Buffer`]'s writes are judged.
    pub(crate) fn rows(
        &self,
        to: &wire::TexelCopyTextureInfo,
        layout: &wire::TexelCopyBufferLayout,
        size: wire::Extent3d,
        len: usize,
    ) -> Option<Rows> {
        use TextureFormat::{Depth16unorm, Depth32float, Stencil8};
        let limits = &self.base.device.capabilities.limits;
        let max = wire::Extent3d {
            width: limits.max_texture_dimension_2d,
            height: limits.max_texture_dimension_2d,
            depth_or_array_layers: limits.max_texture_array_layers,
        };
        let within = |start: u32, size: u32, max: u32| start.checked_add(size).is_some_and(|end| end <= max);
        let level = |length: u32| length.checked_shr(to.mip_level).unwrap_or(0).max(1);
        let plain = self.usage.contains(TextureUsage::COPY_DST)
            && self.dimension == TextureDimension::D2
            && self.sample_count == 1
            && !self.destroyed
            && !matches!(self.format, Stencil8 | Depth16unorm | Depth32float)
            && self.size.width <= max.width
            && self.size.height <= max.height
            && self.size.depth_or_array_layers <= max.depth_or_array_layers;
        let place = to.aspect == TextureAspect::All
            && to.mip_level < self.mip_level_count
            && within(to.origin.x, size.width, level(self.size.width))
            && within(to.origin.y, size.height, level(self.size.height))
            && within(to.origin.z, 1, self.size.depth_or_array_layers)
            && size.depth_or_array_layers == 1
            && layout.rows_per_image.is_none_or(|rows| rows >= size.height);
        let bytes = self.format.texel_bytes()?.checked_mul(u64::from(size.width))?;
        let stride = u64::from(layout.bytes_per_row?);
        let last = stride.checked_mul(u64::from(size.height.checked_sub(1)?))?;
        let end = layout.offset.checked_add(last)?.checked_add(bytes)?;
        let fits = bytes > 0 && bytes <= stride && end <= len as u64;
        let rows = Rows { bytes: usize::try_from(bytes).ok()?, stride: usize::try_from(stride).ok()? };
        (plain && place && fits).then_some(rows)
    }
}

/// The layout of a texture write's rows in its data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    /// Bytes of a row.
    pub(crate) bytes: usize,
    /// Bytes from a row's start to the next one's.
    pub(crate) stride: usize,
}

/// `GPUOrigin3D`, in texels; 0 by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin3d {
    /// From the left.
    pub x: Option<u32>,
    /// From the top.
    pub y: Option<u32>,
    /// The first layer or slice.
    pub z: Option<u32>,
}

/// `GPUTexelCopyTextureInfo`: the texture side of a copy.
#[derive(Clone, Copy, Debug)]
pub struct TexelCopyTextureInfo<'a> {
    /// The texture.
    pub texture: &'a Texture,
    /// The mip level; 0 by default.
    pub mip_level: Option<u32>,
    /// Where in it.
    pub origin: Origin3d,
    /// All aspects by default.
    pub aspect: Option<TextureAspect>,
}

impl TexelCopyTextureInfo<'_> {
    /// `None`, with the error raised, when the texture cannot be named.
    pub(crate) fn resolve(self, client: &mut Client, device: &DeviceState) -> Option<wire::TexelCopyTextureInfo> {
        let Self { texture, mip_level, origin: Origin3d { x, y, z }, aspect } = self;
        Some(wire::TexelCopyTextureInfo {
            texture: texture.base.name(client, device)?,
            mip_level: mip_level.unwrap_or(0),
            origin: wire::Origin3d { x: x.unwrap_or(0), y: y.unwrap_or(0), z: z.unwrap_or(0) },
            aspect: aspect.unwrap_or(TextureAspect::All),
        })
    }
}

/// `GPUTexelCopyBufferLayout`: how texels lie in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TexelCopyBufferLayout {
    /// Where they start; 0 by default.
    pub offset: Option<u64>,
    /// Bytes from a row's start to the next one's.
    pub bytes_per_row: Option<u32>,
    /// Rows from an image's start to the next one's.
    pub rows_per_image: Option<u32>,
}

impl TexelCopyBufferLayout {
    pub(crate) fn resolve(self) -> wire::TexelCopyBufferLayout {
        let Self { offset, bytes_per_row, rows_per_image } = self;
        wire::TexelCopyBufferLayout { offset: offset.unwrap_or(0), bytes_per_row, rows_per_image }
    }
}

/// `GPUTexelCopyBufferInfo`: the buffer side of a copy.
#[derive(Clone, Copy, Debug)]
pub struct TexelCopyBufferInfo<'a> {
    /// The buffer.
    pub buffer: &'a Buffer,
    /// How texels lie in it.
    pub layout: TexelCopyBufferLayout,
}

impl TexelCopyBufferInfo<'_> {
    /// `None`, with the error raised, when the buffer cannot be named.
    pub(crate) fn resolve(self, client: &mut Client, device: &DeviceState) -> Option<wire::TexelCopyBufferInfo> {
        let buffer = self.buffer.base().name(client, device)?;
        Some(wire::TexelCopyBufferInfo { buffer, layout: self.layout.resolve() })
    }
}
