//! `GPUTexture`, `GPUTextureView`, `GPUSampler`, and how texels are addressed in copies.

use airlock_protocol_derive::{command, wire};
use serde::{Deserialize, Serialize};

use crate::ids::{BufferId, DeviceId, SamplerId, TextureId, TextureViewId};

/// `GPUDevice.createTexture`.
#[command(effect = Create, makes = texture)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTexture<'a> {
    pub device: DeviceId,
    pub texture: TextureId,
    pub label: &'a str,
    pub size: Extent3d,
    pub mip_level_count: u32,
    /// Samples per texel: 1 or 4.
    pub sample_count: u32,
    pub dimension: TextureDimension,
    pub format: TextureFormat,
    pub usage: TextureUsage,
    /// Other formats that its views may have.
    pub view_formats: Vec<TextureFormat>,
}

/// `GPUTexture.createView`. Absent fields take the defaults of WebGPU, "resolving GPUTextureViewDescriptor defaults",
/// which depend on the texture and are resolved where it lives.
#[command(effect = Create, makes = view)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateTextureView<'a> {
    pub texture: TextureId,
    pub view: TextureViewId,
    pub label: &'a str,
    pub format: Option<TextureFormat>,
    pub dimension: Option<TextureViewDimension>,
    /// Its usages, a subset of the texture's.
    pub usage: Option<TextureUsage>,
    pub aspect: TextureAspect,
    pub base_mip_level: u32,
    pub mip_level_count: Option<u32>,
    pub base_array_layer: u32,
    pub array_layer_count: Option<u32>,
}

/// `GPUTexture.destroy`.
#[command(effect = Destroy)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestroyTexture {
    pub texture: TextureId,
}

/// `GPUDevice.createSampler`.
#[command(effect = Create, makes = sampler)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CreateSampler<'a> {
    pub device: DeviceId,
    pub sampler: SamplerId,
    pub label: &'a str,
    /// Addressing beyond the edges, along u, v and w.
    pub address_modes: [AddressMode; 3],
    /// Filter between texels under magnification.
    pub mag_filter: FilterMode,
    /// Filter between texels under minification.
    pub min_filter: FilterMode,
    /// Filter between mip levels.
    pub mipmap_filter: FilterMode,
    /// Smallest level of detail.
    pub lod_min_clamp: f32,
    /// Largest level of detail.
    pub lod_max_clamp: f32,
    /// Present for a comparison sampler.
    pub compare: Option<CompareFunction>,
    /// Largest anisotropy; 1 for none.
    pub max_anisotropy: u16,
}

/// `GPUExtent3D`, in texels and array layers.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent3d {
    pub width: u32,
    pub height: u32,
    /// Texels along z, or layers.
    pub depth_or_array_layers: u32,
}

/// `GPUOrigin3D`, in texels and array layers.
#[wire]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origin3d {
    pub x: u32,
    pub y: u32,
    /// Texels along z, or layers.
    pub z: u32,
}

/// `GPUTexelCopyTextureInfo`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TexelCopyTextureInfo {
    pub texture: TextureId,
    pub mip_level: u32,
    /// The first texel.
    pub origin: Origin3d,
    pub aspect: TextureAspect,
}

/// `GPUTexelCopyBufferLayout`.
#[wire]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TexelCopyBufferLayout {
    /// Start of the first texel block, in bytes.
    pub offset: u64,
    /// Distance between rows of blocks, in bytes.
    pub bytes_per_row: Option<u32>,
    /// Distance between images, in rows of blocks.
    pub rows_per_image: Option<u32>,
}

/// `GPUTexelCopyBufferInfo`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TexelCopyBufferInfo {
    pub buffer: BufferId,
    pub layout: TexelCopyBufferLayout,
}

bitflags::bitflags! {
    /// `GPUTextureUsage`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub struct TextureUsage: u32 {
        /// `GPUTextureUsage.COPY_SRC`.
        const COPY_SRC = 1 << 0;
        /// `GPUTextureUsage.COPY_DST`.
        const COPY_DST = 1 << 1;
        /// `GPUTextureUsage.TEXTURE_BINDING`.
        const TEXTURE_BINDING = 1 << 2;
        /// `GPUTextureUsage.STORAGE_BINDING`.
        const STORAGE_BINDING = 1 << 3;
        /// `GPUTextureUsage.RENDER_ATTACHMENT`.
        const RENDER_ATTACHMENT = 1 << 4;
        /// `GPUTextureUsage.TRANSIENT_ATTACHMENT`.
        const TRANSIENT_ATTACHMENT = 1 << 5;
    }
}

crate::wire::flags!(TextureUsage);

/// `GPUTextureDimension`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextureDimension {
    D1,
    D2,
    D3,
}

/// `GPUTextureViewDimension`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextureViewDimension {
    D1,
    D2,
    D2Array,
    Cube,
    CubeArray,
    D3,
}

/// `GPUTextureAspect`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextureAspect {
    All,
    StencilOnly,
    DepthOnly,
}

/// `GPUAddressMode`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressMode {
    ClampToEdge,
    Repeat,
    MirrorRepeat,
}

/// `GPUFilterMode`, and `GPUMipmapFilterMode`, which has the same cases.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FilterMode {
    Nearest,
    Linear,
}

/// `GPUCompareFunction`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareFunction {
    Never,
    Less,
    Equal,
    LessEqual,
    Greater,
    NotEqual,
    GreaterEqual,
    Always,
}

/// `GPUTextureFormat`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextureFormat {
    R8unorm,
    R8snorm,
    R8uint,
    R8sint,
    R16unorm,
    R16snorm,
    R16uint,
    R16sint,
    R16float,
    Rg8unorm,
    Rg8snorm,
    Rg8uint,
    Rg8sint,
    R32uint,
    R32sint,
    R32float,
    Rg16unorm,
    Rg16snorm,
    Rg16uint,
    Rg16sint,
    Rg16float,
    Rgba8unorm,
    Rgba8unormSrgb,
    Rgba8snorm,
    Rgba8uint,
    Rgba8sint,
    Bgra8unorm,
    Bgra8unormSrgb,
    Rgb9e5ufloat,
    Rgb10a2uint,
    Rgb10a2unorm,
    Rg11b10ufloat,
    Rg32uint,
    Rg32sint,
    Rg32float,
    Rgba16unorm,
    Rgba16snorm,
    Rgba16uint,
    Rgba16sint,
    Rgba16float,
    Rgba32uint,
    Rgba32sint,
    Rgba32float,
    Stencil8,
    Depth16unorm,
    Depth24plus,
    Depth24plusStencil8,
    Depth32float,
    Depth32floatStencil8,
    Bc1RgbaUnorm,
    Bc1RgbaUnormSrgb,
    Bc2RgbaUnorm,
    Bc2RgbaUnormSrgb,
    Bc3RgbaUnorm,
    Bc3RgbaUnormSrgb,
    Bc4RUnorm,
    Bc4RSnorm,
    Bc5RgUnorm,
    Bc5RgSnorm,
    Bc6hRgbUfloat,
    Bc6hRgbFloat,
    Bc7RgbaUnorm,
    Bc7RgbaUnormSrgb,
    Etc2Rgb8unorm,
    Etc2Rgb8unormSrgb,
    Etc2Rgb8a1unorm,
    Etc2Rgb8a1unormSrgb,
    Etc2Rgba8unorm,
    Etc2Rgba8unormSrgb,
    EacR11unorm,
    EacR11snorm,
    EacRg11unorm,
    EacRg11snorm,
    Astc4x4Unorm,
    Astc4x4UnormSrgb,
    Astc5x4Unorm,
    Astc5x4UnormSrgb,
    Astc5x5Unorm,
    Astc5x5UnormSrgb,
    Astc6x5Unorm,
    Astc6x5UnormSrgb,
    Astc6x6Unorm,
    Astc6x6UnormSrgb,
    Astc8x5Unorm,
    Astc8x5UnormSrgb,
    Astc8x6Unorm,
    Astc8x6UnormSrgb,
    Astc8x8Unorm,
    Astc8x8UnormSrgb,
    Astc10x5Unorm,
    Astc10x5UnormSrgb,
    Astc10x6Unorm,
    Astc10x6UnormSrgb,
    Astc10x8Unorm,
    Astc10x8UnormSrgb,
    Astc10x10Unorm,
    Astc10x10UnormSrgb,
    Astc12x10Unorm,
    Astc12x10UnormSrgb,
    Astc12x12Unorm,
    Astc12x12UnormSrgb,
}

impl TextureFormat {
    /// Bytes of a texel in a copy; `None` for formats with blocks and those with several aspects (WebGPU, "Texel block
    /// copy footprint").
    pub fn texel_bytes(self) -> Option<u64> {
        use TextureFormat as F;
        Some(match self {
            F::R8unorm | F::R8snorm | F::R8uint | F::R8sint | F::Stencil8 => 1,
            F::R16unorm | F::R16snorm | F::R16uint | F::R16sint | F::R16float => 2,
            F::Rg8unorm | F::Rg8snorm | F::Rg8uint | F::Rg8sint | F::Depth16unorm => 2,
            F::R32uint | F::R32sint | F::R32float | F::Depth32float => 4,
            F::Rg16unorm | F::Rg16snorm | F::Rg16uint | F::Rg16sint | F::Rg16float => 4,
            F::Rgba8unorm | F::Rgba8unormSrgb | F::Rgba8snorm | F::Rgba8uint | F::Rgba8sint => 4,
            F::Bgra8unorm | F::Bgra8unormSrgb => 4,
            F::Rgb9e5ufloat | F::Rgb10a2uint | F::Rgb10a2unorm | F::Rg11b10ufloat => 4,
            F::Rg32uint | F::Rg32sint | F::Rg32float => 8,
            F::Rgba16unorm | F::Rgba16snorm | F::Rgba16uint | F::Rgba16sint | F::Rgba16float => 8,
            F::Rgba32uint | F::Rgba32sint | F::Rgba32float => 16,
            _ => return None,
        })
    }
}
