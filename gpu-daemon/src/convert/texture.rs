//! Conversion of textures, views, samplers and copies.

use airlock_protocol::commands::{
    pipeline::CompareFunction,
    texture::{
        AddressMode, Extent3d, FilterMode, Origin3d, TexelCopyBufferLayout, TexelCopyTextureInfo, TextureAspect,
        TextureDimension, TextureFormat, TextureUsage, TextureViewDimension,
    },
};
use wgpu_types::{self as wgt, AstcBlock, AstcChannel};

/// `GPUTextureUsage`, whose bits wgpu shares. An unknown bit becomes one that wgpu rejects.
pub fn texture_usage(usage: TextureUsage) -> wgt::TextureUsages {
    if TextureUsage::all().contains(usage) {
        wgt::TextureUsages::from_bits_retain(usage.bits())
    } else {
        wgt::TextureUsages::from_bits_retain(1 << 31)
    }
}

/// `GPUTextureDimension`.
pub fn texture_dimension(dimension: TextureDimension) -> wgt::TextureDimension {
    match dimension {
        TextureDimension::D1 => wgt::TextureDimension::D1,
        TextureDimension::D2 => wgt::TextureDimension::D2,
        TextureDimension::D3 => wgt::TextureDimension::D3,
    }
}

/// `GPUTextureViewDimension`.
pub fn view_dimension(dimension: TextureViewDimension) -> wgt::TextureViewDimension {
    match dimension {
        TextureViewDimension::D1 => wgt::TextureViewDimension::D1,
        TextureViewDimension::D2 => wgt::TextureViewDimension::D2,
        TextureViewDimension::D2Array => wgt::TextureViewDimension::D2Array,
        TextureViewDimension::Cube => wgt::TextureViewDimension::Cube,
        TextureViewDimension::CubeArray => wgt::TextureViewDimension::CubeArray,
        TextureViewDimension::D3 => wgt::TextureViewDimension::D3,
    }
}

/// `GPUTextureAspect`.
pub fn aspect(aspect: TextureAspect) -> wgt::TextureAspect {
    match aspect {
        TextureAspect::All => wgt::TextureAspect::All,
        TextureAspect::StencilOnly => wgt::TextureAspect::StencilOnly,
        TextureAspect::DepthOnly => wgt::TextureAspect::DepthOnly,
    }
}

/// `GPUAddressMode`.
pub fn address_mode(mode: AddressMode) -> wgt::AddressMode {
    match mode {
        AddressMode::ClampToEdge => wgt::AddressMode::ClampToEdge,
        AddressMode::Repeat => wgt::AddressMode::Repeat,
        AddressMode::MirrorRepeat => wgt::AddressMode::MirrorRepeat,
    }
}

/// `GPUFilterMode`.
pub fn filter_mode(mode: FilterMode) -> wgt::FilterMode {
    match mode {
        FilterMode::Nearest => wgt::FilterMode::Nearest,
        FilterMode::Linear => wgt::FilterMode::Linear,
    }
}

/// `GPUMipmapFilterMode`.
pub fn mipmap_filter_mode(mode: FilterMode) -> wgt::MipmapFilterMode {
    match mode {
        FilterMode::Nearest => wgt::MipmapFilterMode::Nearest,
        FilterMode::Linear => wgt::MipmapFilterMode::Linear,
    }
}

/// `GPUCompareFunction`.
pub fn compare_function(function: CompareFunction) -> wgt::CompareFunction {
    match function {
        CompareFunction::Never => wgt::CompareFunction::Never,
        CompareFunction::Less => wgt::CompareFunction::Less,
        CompareFunction::Equal => wgt::CompareFunction::Equal,
        CompareFunction::LessEqual => wgt::CompareFunction::LessEqual,
        CompareFunction::Greater => wgt::CompareFunction::Greater,
        CompareFunction::NotEqual => wgt::CompareFunction::NotEqual,
        CompareFunction::GreaterEqual => wgt::CompareFunction::GreaterEqual,
        CompareFunction::Always => wgt::CompareFunction::Always,
    }
}

/// `GPUExtent3D`.
pub fn extent(size: Extent3d) -> wgt::Extent3d {
    wgt::Extent3d { width: size.width, height: size.height, depth_or_array_layers: size.depth_or_array_layers }
}

fn origin(origin: Origin3d) -> wgt::Origin3d {
    wgt::Origin3d { x: origin.x, y: origin.y, z: origin.z }
}

/// `GPUTexelCopyTextureInfo`, with the texture's id looked up by the caller.
pub fn copy_texture<T>(info: &TexelCopyTextureInfo, texture: T) -> wgt::TexelCopyTextureInfo<T> {
    wgt::TexelCopyTextureInfo {
        texture,
        mip_level: info.mip_level,
        origin: origin(info.origin),
        aspect: aspect(info.aspect),
    }
}

/// `GPUTexelCopyBufferLayout`.
pub fn copy_layout(layout: &TexelCopyBufferLayout) -> wgt::TexelCopyBufferLayout {
    wgt::TexelCopyBufferLayout {
        offset: layout.offset,
        bytes_per_row: layout.bytes_per_row,
        rows_per_image: layout.rows_per_image,
    }
}

/// `GPUTextureFormat`.
pub fn texture_format(format: TextureFormat) -> wgt::TextureFormat {
    use wgt::TextureFormat as F;
    let astc = |block, channel| F::Astc { block, channel };
    match format {
        TextureFormat::R8unorm => F::R8Unorm,
        TextureFormat::R8snorm => F::R8Snorm,
        TextureFormat::R8uint => F::R8Uint,
        TextureFormat::R8sint => F::R8Sint,
        TextureFormat::R16unorm => F::R16Unorm,
        TextureFormat::R16snorm => F::R16Snorm,
        TextureFormat::R16uint => F::R16Uint,
        TextureFormat::R16sint => F::R16Sint,
        TextureFormat::R16float => F::R16Float,
        TextureFormat::Rg8unorm => F::Rg8Unorm,
        TextureFormat::Rg8snorm => F::Rg8Snorm,
        TextureFormat::Rg8uint => F::Rg8Uint,
        TextureFormat::Rg8sint => F::Rg8Sint,
        TextureFormat::R32uint => F::R32Uint,
        TextureFormat::R32sint => F::R32Sint,
        TextureFormat::R32float => F::R32Float,
        TextureFormat::Rg16unorm => F::Rg16Unorm,
        TextureFormat::Rg16snorm => F::Rg16Snorm,
        TextureFormat::Rg16uint => F::Rg16Uint,
        TextureFormat::Rg16sint => F::Rg16Sint,
        TextureFormat::Rg16float => F::Rg16Float,
        TextureFormat::Rgba8unorm => F::Rgba8Unorm,
        TextureFormat::Rgba8unormSrgb => F::Rgba8UnormSrgb,
        TextureFormat::Rgba8snorm => F::Rgba8Snorm,
        TextureFormat::Rgba8uint => F::Rgba8Uint,
        TextureFormat::Rgba8sint => F::Rgba8Sint,
        TextureFormat::Bgra8unorm => F::Bgra8Unorm,
        TextureFormat::Bgra8unormSrgb => F::Bgra8UnormSrgb,
        TextureFormat::Rgb9e5ufloat => F::Rgb9e5Ufloat,
        TextureFormat::Rgb10a2uint => F::Rgb10a2Uint,
        TextureFormat::Rgb10a2unorm => F::Rgb10a2Unorm,
        TextureFormat::Rg11b10ufloat => F::Rg11b10Ufloat,
        TextureFormat::Rg32uint => F::Rg32Uint,
        TextureFormat::Rg32sint => F::Rg32Sint,
        TextureFormat::Rg32float => F::Rg32Float,
        TextureFormat::Rgba16unorm => F::Rgba16Unorm,
        TextureFormat::Rgba16snorm => F::Rgba16Snorm,
        TextureFormat::Rgba16uint => F::Rgba16Uint,
        TextureFormat::Rgba16sint => F::Rgba16Sint,
        TextureFormat::Rgba16float => F::Rgba16Float,
        TextureFormat::Rgba32uint => F::Rgba32Uint,
        TextureFormat::Rgba32sint => F::Rgba32Sint,
        TextureFormat::Rgba32float => F::Rgba32Float,
        TextureFormat::Stencil8 => F::Stencil8,
        TextureFormat::Depth16unorm => F::Depth16Unorm,
        TextureFormat::Depth24plus => F::Depth24Plus,
        TextureFormat::Depth24plusStencil8 => F::Depth24PlusStencil8,
        TextureFormat::Depth32float => F::Depth32Float,
        TextureFormat::Depth32floatStencil8 => F::Depth32FloatStencil8,
        TextureFormat::Bc1RgbaUnorm => F::Bc1RgbaUnorm,
        TextureFormat::Bc1RgbaUnormSrgb => F::Bc1RgbaUnormSrgb,
        TextureFormat::Bc2RgbaUnorm => F::Bc2RgbaUnorm,
        TextureFormat::Bc2RgbaUnormSrgb => F::Bc2RgbaUnormSrgb,
        TextureFormat::Bc3RgbaUnorm => F::Bc3RgbaUnorm,
        TextureFormat::Bc3RgbaUnormSrgb => F::Bc3RgbaUnormSrgb,
        TextureFormat::Bc4RUnorm => F::Bc4RUnorm,
        TextureFormat::Bc4RSnorm => F::Bc4RSnorm,
        TextureFormat::Bc5RgUnorm => F::Bc5RgUnorm,
        TextureFormat::Bc5RgSnorm => F::Bc5RgSnorm,
        TextureFormat::Bc6hRgbUfloat => F::Bc6hRgbUfloat,
        TextureFormat::Bc6hRgbFloat => F::Bc6hRgbFloat,
        TextureFormat::Bc7RgbaUnorm => F::Bc7RgbaUnorm,
        TextureFormat::Bc7RgbaUnormSrgb => F::Bc7RgbaUnormSrgb,
        TextureFormat::Etc2Rgb8unorm => F::Etc2Rgb8Unorm,
        TextureFormat::Etc2Rgb8unormSrgb => F::Etc2Rgb8UnormSrgb,
        TextureFormat::Etc2Rgb8a1unorm => F::Etc2Rgb8A1Unorm,
        TextureFormat::Etc2Rgb8a1unormSrgb => F::Etc2Rgb8A1UnormSrgb,
        TextureFormat::Etc2Rgba8unorm => F::Etc2Rgba8Unorm,
        TextureFormat::Etc2Rgba8unormSrgb => F::Etc2Rgba8UnormSrgb,
        TextureFormat::EacR11unorm => F::EacR11Unorm,
        TextureFormat::EacR11snorm => F::EacR11Snorm,
        TextureFormat::EacRg11unorm => F::EacRg11Unorm,
        TextureFormat::EacRg11snorm => F::EacRg11Snorm,
        TextureFormat::Astc4x4Unorm => astc(AstcBlock::B4x4, AstcChannel::Unorm),
        TextureFormat::Astc4x4UnormSrgb => astc(AstcBlock::B4x4, AstcChannel::UnormSrgb),
        TextureFormat::Astc5x4Unorm => astc(AstcBlock::B5x4, AstcChannel::Unorm),
        TextureFormat::Astc5x4UnormSrgb => astc(AstcBlock::B5x4, AstcChannel::UnormSrgb),
        TextureFormat::Astc5x5Unorm => astc(AstcBlock::B5x5, AstcChannel::Unorm),
        TextureFormat::Astc5x5UnormSrgb => astc(AstcBlock::B5x5, AstcChannel::UnormSrgb),
        TextureFormat::Astc6x5Unorm => astc(AstcBlock::B6x5, AstcChannel::Unorm),
        TextureFormat::Astc6x5UnormSrgb => astc(AstcBlock::B6x5, AstcChannel::UnormSrgb),
        TextureFormat::Astc6x6Unorm => astc(AstcBlock::B6x6, AstcChannel::Unorm),
        TextureFormat::Astc6x6UnormSrgb => astc(AstcBlock::B6x6, AstcChannel::UnormSrgb),
        TextureFormat::Astc8x5Unorm => astc(AstcBlock::B8x5, AstcChannel::Unorm),
        TextureFormat::Astc8x5UnormSrgb => astc(AstcBlock::B8x5, AstcChannel::UnormSrgb),
        TextureFormat::Astc8x6Unorm => astc(AstcBlock::B8x6, AstcChannel::Unorm),
        TextureFormat::Astc8x6UnormSrgb => astc(AstcBlock::B8x6, AstcChannel::UnormSrgb),
        TextureFormat::Astc8x8Unorm => astc(AstcBlock::B8x8, AstcChannel::Unorm),
        TextureFormat::Astc8x8UnormSrgb => astc(AstcBlock::B8x8, AstcChannel::UnormSrgb),
        TextureFormat::Astc10x5Unorm => astc(AstcBlock::B10x5, AstcChannel::Unorm),
        TextureFormat::Astc10x5UnormSrgb => astc(AstcBlock::B10x5, AstcChannel::UnormSrgb),
        TextureFormat::Astc10x6Unorm => astc(AstcBlock::B10x6, AstcChannel::Unorm),
        TextureFormat::Astc10x6UnormSrgb => astc(AstcBlock::B10x6, AstcChannel::UnormSrgb),
        TextureFormat::Astc10x8Unorm => astc(AstcBlock::B10x8, AstcChannel::Unorm),
        TextureFormat::Astc10x8UnormSrgb => astc(AstcBlock::B10x8, AstcChannel::UnormSrgb),
        TextureFormat::Astc10x10Unorm => astc(AstcBlock::B10x10, AstcChannel::Unorm),
        TextureFormat::Astc10x10UnormSrgb => astc(AstcBlock::B10x10, AstcChannel::UnormSrgb),
        TextureFormat::Astc12x10Unorm => astc(AstcBlock::B12x10, AstcChannel::Unorm),
        TextureFormat::Astc12x10UnormSrgb => astc(AstcBlock::B12x10, AstcChannel::UnormSrgb),
        TextureFormat::Astc12x12Unorm => astc(AstcBlock::B12x12, AstcChannel::Unorm),
        TextureFormat::Astc12x12UnormSrgb => astc(AstcBlock::B12x12, AstcChannel::UnormSrgb),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texture_usages_have_the_same_bits() {
        let pairs = [
            (TextureUsage::COPY_SRC, wgt::TextureUsages::COPY_SRC),
            (TextureUsage::COPY_DST, wgt::TextureUsages::COPY_DST),
            (TextureUsage::TEXTURE_BINDING, wgt::TextureUsages::TEXTURE_BINDING),
            (TextureUsage::STORAGE_BINDING, wgt::TextureUsages::STORAGE_BINDING),
            (TextureUsage::RENDER_ATTACHMENT, wgt::TextureUsages::RENDER_ATTACHMENT),
            (TextureUsage::TRANSIENT_ATTACHMENT, wgt::TextureUsages::TRANSIENT_ATTACHMENT),
        ];
        for (ours, theirs) in pairs {
            assert_eq!(texture_usage(ours), theirs);
        }
        assert!(!wgt::TextureUsages::all().contains(texture_usage(TextureUsage::from_bits_retain(1 << 16))));
    }
}
