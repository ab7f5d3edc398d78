//! Texture and vertex formats, whose names differ in capitalization.

use airlock_protocol::commands::pipeline::VertexFormat;
use airlock_protocol::commands::texture::TextureFormat;
use wgpu::{AstcBlock, AstcChannel};

use crate::error::Absent;

/// A texture format of the stream.
pub fn texture_format(format: wgpu::TextureFormat) -> Result<TextureFormat, Absent> {
    use TextureFormat as G;
    use wgpu::TextureFormat as W;
    Ok(match format {
        W::R8Unorm => G::R8unorm,
        W::R8Snorm => G::R8snorm,
        W::R8Uint => G::R8uint,
        W::R8Sint => G::R8sint,
        W::R16Uint => G::R16uint,
        W::R16Sint => G::R16sint,
        W::R16Unorm => G::R16unorm,
        W::R16Snorm => G::R16snorm,
        W::R16Float => G::R16float,
        W::Rg8Unorm => G::Rg8unorm,
        W::Rg8Snorm => G::Rg8snorm,
        W::Rg8Uint => G::Rg8uint,
        W::Rg8Sint => G::Rg8sint,
        W::R32Uint => G::R32uint,
        W::R32Sint => G::R32sint,
        W::R32Float => G::R32float,
        W::Rg16Uint => G::Rg16uint,
        W::Rg16Sint => G::Rg16sint,
        W::Rg16Unorm => G::Rg16unorm,
        W::Rg16Snorm => G::Rg16snorm,
        W::Rg16Float => G::Rg16float,
        W::Rgba8Unorm => G::Rgba8unorm,
        W::Rgba8UnormSrgb => G::Rgba8unormSrgb,
        W::Rgba8Snorm => G::Rgba8snorm,
        W::Rgba8Uint => G::Rgba8uint,
        W::Rgba8Sint => G::Rgba8sint,
        W::Bgra8Unorm => G::Bgra8unorm,
        W::Bgra8UnormSrgb => G::Bgra8unormSrgb,
        W::Rgb9e5Ufloat => G::Rgb9e5ufloat,
        W::Rgb10a2Uint => G::Rgb10a2uint,
        W::Rgb10a2Unorm => G::Rgb10a2unorm,
        W::Rg11b10Ufloat => G::Rg11b10ufloat,
        W::Rg32Uint => G::Rg32uint,
        W::Rg32Sint => G::Rg32sint,
        W::Rg32Float => G::Rg32float,
        W::Rgba16Uint => G::Rgba16uint,
        W::Rgba16Sint => G::Rgba16sint,
        W::Rgba16Unorm => G::Rgba16unorm,
        W::Rgba16Snorm => G::Rgba16snorm,
        W::Rgba16Float => G::Rgba16float,
        W::Rgba32Uint => G::Rgba32uint,
        W::Rgba32Sint => G::Rgba32sint,
        W::Rgba32Float => G::Rgba32float,
        W::Stencil8 => G::Stencil8,
        W::Depth16Unorm => G::Depth16unorm,
        W::Depth24Plus => G::Depth24plus,
        W::Depth24PlusStencil8 => G::Depth24plusStencil8,
        W::Depth32Float => G::Depth32float,
        W::Depth32FloatStencil8 => G::Depth32floatStencil8,
        W::Bc1RgbaUnorm => G::Bc1RgbaUnorm,
        W::Bc1RgbaUnormSrgb => G::Bc1RgbaUnormSrgb,
        W::Bc2RgbaUnorm => G::Bc2RgbaUnorm,
        W::Bc2RgbaUnormSrgb => G::Bc2RgbaUnormSrgb,
        W::Bc3RgbaUnorm => G::Bc3RgbaUnorm,
        W::Bc3RgbaUnormSrgb => G::Bc3RgbaUnormSrgb,
        W::Bc4RUnorm => G::Bc4RUnorm,
        W::Bc4RSnorm => G::Bc4RSnorm,
        W::Bc5RgUnorm => G::Bc5RgUnorm,
        W::Bc5RgSnorm => G::Bc5RgSnorm,
        W::Bc6hRgbUfloat => G::Bc6hRgbUfloat,
        W::Bc6hRgbFloat => G::Bc6hRgbFloat,
        W::Bc7RgbaUnorm => G::Bc7RgbaUnorm,
        W::Bc7RgbaUnormSrgb => G::Bc7RgbaUnormSrgb,
        W::Etc2Rgb8Unorm => G::Etc2Rgb8unorm,
        W::Etc2Rgb8UnormSrgb => G::Etc2Rgb8unormSrgb,
        W::Etc2Rgb8A1Unorm => G::Etc2Rgb8a1unorm,
        W::Etc2Rgb8A1UnormSrgb => G::Etc2Rgb8a1unormSrgb,
        W::Etc2Rgba8Unorm => G::Etc2Rgba8unorm,
        W::Etc2Rgba8UnormSrgb => G::Etc2Rgba8unormSrgb,
        W::EacR11Unorm => G::EacR11unorm,
        W::EacR11Snorm => G::EacR11snorm,
        W::EacRg11Unorm => G::EacRg11unorm,
        W::EacRg11Snorm => G::EacRg11snorm,
        W::Astc { block, channel } => return astc(block, channel),
        W::R64Uint => return Err(Absent::Features(wgpu::Features::TEXTURE_INT64_ATOMIC)),
        W::NV12 => return Err(Absent::Features(wgpu::Features::TEXTURE_FORMAT_NV12)),
        W::P010 => return Err(Absent::Features(wgpu::Features::TEXTURE_FORMAT_P010)),
    })
}

fn astc(block: AstcBlock, channel: AstcChannel) -> Result<TextureFormat, Absent> {
    use TextureFormat as G;
    let (linear, srgb) = match block {
        AstcBlock::B4x4 => (G::Astc4x4Unorm, G::Astc4x4UnormSrgb),
        AstcBlock::B5x4 => (G::Astc5x4Unorm, G::Astc5x4UnormSrgb),
        AstcBlock::B5x5 => (G::Astc5x5Unorm, G::Astc5x5UnormSrgb),
        AstcBlock::B6x5 => (G::Astc6x5Unorm, G::Astc6x5UnormSrgb),
        AstcBlock::B6x6 => (G::Astc6x6Unorm, G::Astc6x6UnormSrgb),
        AstcBlock::B8x5 => (G::Astc8x5Unorm, G::Astc8x5UnormSrgb),
        AstcBlock::B8x6 => (G::Astc8x6Unorm, G::Astc8x6UnormSrgb),
        AstcBlock::B8x8 => (G::Astc8x8Unorm, G::Astc8x8UnormSrgb),
        AstcBlock::B10x5 => (G::Astc10x5Unorm, G::Astc10x5UnormSrgb),
        AstcBlock::B10x6 => (G::Astc10x6Unorm, G::Astc10x6UnormSrgb),
        AstcBlock::B10x8 => (G::Astc10x8Unorm, G::Astc10x8UnormSrgb),
        AstcBlock::B10x10 => (G::Astc10x10Unorm, G::Astc10x10UnormSrgb),
        AstcBlock::B12x10 => (G::Astc12x10Unorm, G::Astc12x10UnormSrgb),
        AstcBlock::B12x12 => (G::Astc12x12Unorm, G::Astc12x12UnormSrgb),
    };
    match channel {
        AstcChannel::Unorm => Ok(linear),
        AstcChannel::UnormSrgb => Ok(srgb),
        AstcChannel::Hdr => Err(Absent::Features(wgpu::Features::TEXTURE_COMPRESSION_ASTC_HDR)),
    }
}

/// A vertex format of the stream.
pub fn vertex_format(format: wgpu::VertexFormat) -> Result<VertexFormat, Absent> {
    use VertexFormat as G;
    use wgpu::VertexFormat as W;
    Ok(match format {
        W::Uint8 => G::Uint8,
        W::Uint8x2 => G::Uint8x2,
        W::Uint8x4 => G::Uint8x4,
        W::Sint8 => G::Sint8,
        W::Sint8x2 => G::Sint8x2,
        W::Sint8x4 => G::Sint8x4,
        W::Unorm8 => G::Unorm8,
        W::Unorm8x2 => G::Unorm8x2,
        W::Unorm8x4 => G::Unorm8x4,
        W::Snorm8 => G::Snorm8,
        W::Snorm8x2 => G::Snorm8x2,
        W::Snorm8x4 => G::Snorm8x4,
        W::Uint16 => G::Uint16,
        W::Uint16x2 => G::Uint16x2,
        W::Uint16x4 => G::Uint16x4,
        W::Sint16 => G::Sint16,
        W::Sint16x2 => G::Sint16x2,
        W::Sint16x4 => G::Sint16x4,
        W::Unorm16 => G::Unorm16,
        W::Unorm16x2 => G::Unorm16x2,
        W::Unorm16x4 => G::Unorm16x4,
        W::Snorm16 => G::Snorm16,
        W::Snorm16x2 => G::Snorm16x2,
        W::Snorm16x4 => G::Snorm16x4,
        W::Float16 => G::Float16,
        W::Float16x2 => G::Float16x2,
        W::Float16x4 => G::Float16x4,
        W::Float32 => G::Float32,
        W::Float32x2 => G::Float32x2,
        W::Float32x3 => G::Float32x3,
        W::Float32x4 => G::Float32x4,
        W::Uint32 => G::Uint32,
        W::Uint32x2 => G::Uint32x2,
        W::Uint32x3 => G::Uint32x3,
        W::Uint32x4 => G::Uint32x4,
        W::Sint32 => G::Sint32,
        W::Sint32x2 => G::Sint32x2,
        W::Sint32x3 => G::Sint32x3,
        W::Sint32x4 => G::Sint32x4,
        W::Unorm10_10_10_2 => G::Unorm1010102,
        W::Unorm8x4Bgra => G::Unorm8x4Bgra,
        W::Float64 | W::Float64x2 | W::Float64x3 | W::Float64x4 => {
            return Err(Absent::Features(wgpu::Features::VERTEX_ATTRIBUTE_64BIT));
        }
    })
}
