//! Every texture format: created, filled, copied and read back if the device supports it, rejected if not.

use GpuTextureFormat::*;
use guest_support::buffers::read_mapped;
use guest_support::gpu::*;
use guest_support::textures::{descriptor, whole};
use guest_support::{Gpu, Outcome};

use crate::check::{Check, plain_device, rich_device};

struct Format {
    format: GpuTextureFormat,
    /// A block's extent in texels and its size in bytes; a block of an uncompressed format is one texel.
    block: (u32, u32),
    bytes: u32,
    feature: Option<&'static str>,
    is_depth: bool,
}

const fn plain(format: GpuTextureFormat, bytes: u32) -> Format {
    Format { format, block: (1, 1), bytes, feature: None, is_depth: false }
}

const fn tier1(format: GpuTextureFormat, bytes: u32) -> Format {
    Format { feature: Some("texture-formats-tier1"), ..plain(format, bytes) }
}

/// A depth or stencil format: not copied here, cleared in the section of render passes.
const fn depth(format: GpuTextureFormat, feature: Option<&'static str>) -> Format {
    Format { feature, is_depth: true, ..plain(format, 0) }
}

const fn blocks(format: GpuTextureFormat, width: u32, height: u32, bytes: u32, feature: &'static str) -> Format {
    Format { format, block: (width, height), bytes, feature: Some(feature), is_depth: false }
}

#[rustfmt::skip]
const FORMATS: [Format; 101] = [
    plain(R8unorm, 1),
    plain(R8snorm, 1),
    plain(R8uint, 1),
    plain(R8sint, 1),
    tier1(R16unorm, 2),
    tier1(R16snorm, 2),
    plain(R16uint, 2),
    plain(R16sint, 2),
    plain(R16float, 2),
    plain(Rg8unorm, 2),
    plain(Rg8snorm, 2),
    plain(Rg8uint, 2),
    plain(Rg8sint, 2),
    plain(R32uint, 4),
    plain(R32sint, 4),
    plain(R32float, 4),
    tier1(Rg16unorm, 4),
    tier1(Rg16snorm, 4),
    plain(Rg16uint, 4),
    plain(Rg16sint, 4),
    plain(Rg16float, 4),
    plain(Rgba8unorm, 4),
    plain(Rgba8unormSrgb, 4),
    plain(Rgba8snorm, 4),
    plain(Rgba8uint, 4),
    plain(Rgba8sint, 4),
    plain(Bgra8unorm, 4),
    plain(Bgra8unormSrgb, 4),
    plain(Rgb9e5ufloat, 4),
    plain(Rgb10a2uint, 4),
    plain(Rgb10a2unorm, 4),
    plain(Rg11b10ufloat, 4),
    plain(Rg32uint, 8),
    plain(Rg32sint, 8),
    plain(Rg32float, 8),
    tier1(Rgba16unorm, 8),
    tier1(Rgba16snorm, 8),
    plain(Rgba16uint, 8),
    plain(Rgba16sint, 8),
    plain(Rgba16float, 8),
    plain(Rgba32uint, 16),
    plain(Rgba32sint, 16),
    plain(Rgba32float, 16),
    depth(Stencil8, None),
    depth(Depth16unorm, None),
    depth(Depth24plus, None),
    depth(Depth24plusStencil8, None),
    depth(Depth32float, None),
    depth(Depth32floatStencil8, Some("depth32float-stencil8")),
    blocks(Bc1RgbaUnorm, 4, 4, 8, "texture-compression-bc"),
    blocks(Bc1RgbaUnormSrgb, 4, 4, 8, "texture-compression-bc"),
    blocks(Bc2RgbaUnorm, 4, 4, 16, "texture-compression-bc"),
    blocks(Bc2RgbaUnormSrgb, 4, 4, 16, "texture-compression-bc"),
    blocks(Bc3RgbaUnorm, 4, 4, 16, "texture-compression-bc"),
    blocks(Bc3RgbaUnormSrgb, 4, 4, 16, "texture-compression-bc"),
    blocks(Bc4RUnorm, 4, 4, 8, "texture-compression-bc"),
    blocks(Bc4RSnorm, 4, 4, 8, "texture-compression-bc"),
    blocks(Bc5RgUnorm, 4, 4, 16, "texture-compression-bc"),
    blocks(Bc5RgSnorm, 4, 4, 16, "texture-compression-bc"),
    blocks(Bc6hRgbUfloat, 4, 4, 16, "texture-compression-bc"),
    blocks(Bc6hRgbFloat, 4, 4, 16, "texture-compression-bc"),
    blocks(Bc7RgbaUnorm, 4, 4, 16, "texture-compression-bc"),
    blocks(Bc7RgbaUnormSrgb, 4, 4, 16, "texture-compression-bc"),
    blocks(Etc2Rgb8unorm, 4, 4, 8, "texture-compression-etc2"),
    blocks(Etc2Rgb8unormSrgb, 4, 4, 8, "texture-compression-etc2"),
    blocks(Etc2Rgb8a1unorm, 4, 4, 8, "texture-compression-etc2"),
    blocks(Etc2Rgb8a1unormSrgb, 4, 4, 8, "texture-compression-etc2"),
    blocks(Etc2Rgba8unorm, 4, 4, 16, "texture-compression-etc2"),
    blocks(Etc2Rgba8unormSrgb, 4, 4, 16, "texture-compression-etc2"),
    blocks(EacR11unorm, 4, 4, 8, "texture-compression-etc2"),
    blocks(EacR11snorm, 4, 4, 8, "texture-compression-etc2"),
    blocks(EacRg11unorm, 4, 4, 16, "texture-compression-etc2"),
    blocks(EacRg11snorm, 4, 4, 16, "texture-compression-etc2"),
    blocks(Astc4x4Unorm, 4, 4, 16, "texture-compression-astc"),
    blocks(Astc4x4UnormSrgb, 4, 4, 16, "texture-compression-astc"),
    blocks(Astc5x4Unorm, 5, 4, 16, "texture-compression-astc"),
    blocks(Astc5x4UnormSrgb, 5, 4, 16, "texture-compression-astc"),
    blocks(Astc5x5Unorm, 5, 5, 16, "texture-compression-astc"),
    blocks(Astc5x5UnormSrgb, 5, 5, 16, "texture-compression-astc"),
    blocks(Astc6x5Unorm, 6, 5, 16, "texture-compression-astc"),
    blocks(Astc6x5UnormSrgb, 6, 5, 16, "texture-compression-astc"),
    blocks(Astc6x6Unorm, 6, 6, 16, "texture-compression-astc"),
    blocks(Astc6x6UnormSrgb, 6, 6, 16, "texture-compression-astc"),
    blocks(Astc8x5Unorm, 8, 5, 16, "texture-compression-astc"),
    blocks(Astc8x5UnormSrgb, 8, 5, 16, "texture-compression-astc"),
    blocks(Astc8x6Unorm, 8, 6, 16, "texture-compression-astc"),
    blocks(Astc8x6UnormSrgb, 8, 6, 16, "texture-compression-astc"),
    blocks(Astc8x8Unorm, 8, 8, 16, "texture-compression-astc"),
    blocks(Astc8x8UnormSrgb, 8, 8, 16, "texture-compression-astc"),
    blocks(Astc10x5Unorm, 10, 5, 16, "texture-compression-astc"),
    blocks(Astc10x5UnormSrgb, 10, 5, 16, "texture-compression-astc"),
    blocks(Astc10x6Unorm, 10, 6, 16, "texture-compression-astc"),
    blocks(Astc10x6UnormSrgb, 10, 6, 16, "texture-compression-astc"),
    blocks(Astc10x8Unorm, 10, 8, 16, "texture-compression-astc"),
    blocks(Astc10x8UnormSrgb, 10, 8, 16, "texture-compression-astc"),
    blocks(Astc10x10Unorm, 10, 10, 16, "texture-compression-astc"),
    blocks(Astc10x10UnormSrgb, 10, 10, 16, "texture-compression-astc"),
    blocks(Astc12x10Unorm, 12, 10, 16, "texture-compression-astc"),
    blocks(Astc12x10UnormSrgb, 12, 10, 16, "texture-compression-astc"),
    blocks(Astc12x12Unorm, 12, 12, 16, "texture-compression-astc"),
    blocks(Astc12x12UnormSrgb, 12, 12, 16, "texture-compression-astc"),
];

/// The edge of the textures in blocks.
const EDGE: u32 = 3;
const ROW: u32 = 256;

pub async fn tour(check: &mut Check) -> Outcome {
    let plain = plain_device("formats").await?;
    let rich = rich_device("all formats").await?;
    for format in &FORMATS {
        // Tier 2 includes tier 1.
        let has = |gpu: &Gpu| format.feature.is_none_or(|feature| gpu.device.features().has(feature));
        for gpu in [&plain, &rich] {
            if has(gpu) {
                supported(check, gpu, format).await?;
            } else {
                refused(check, gpu, format).await;
            }
        }
    }
    Ok(())
}

fn texture_descriptor(format: &Format) -> GpuTextureDescriptor {
    let usage = GpuTextureUsage::COPY_SRC | GpuTextureUsage::COPY_DST | GpuTextureUsage::TEXTURE_BINDING;
    descriptor("format", EDGE * format.block.0, EDGE * format.block.1, format.format, usage)
}

async fn refused(check: &mut Check, gpu: &Gpu, format: &Format) {
    let what = format!("{:?} without its feature", format.format);
    let texture = check.invalid(&gpu.device, &what, || gpu.device.create_texture(&texture_descriptor(format))).await;
    check.same(&format!("{what}: the format stays"), texture.format(), format.format);
}

async fn supported(check: &mut Check, gpu: &Gpu, format: &Format) -> Outcome {
    let device = &gpu.device;
    let name = format!("{:?}", format.format);
    let mut wanted = texture_descriptor(format);
    if format.is_depth {
        wanted.usage = GpuTextureUsage::RENDER_ATTACHMENT | GpuTextureUsage::TEXTURE_BINDING;
    }
    let texture = check.valid(device, &name, || device.create_texture(&wanted)).await;
    check.same(&format!("{name}: format"), texture.format(), format.format);
    check.valid(device, &format!("{name}: view"), || texture.create_view(None)).await;
    if format.is_depth {
        return Ok(());
    }

    // A copy preserves bits of any format. Bytes from 4 to 63 are plain numbers in every format, never a NaN or one of
    // snorm's two codes for -1, so that a copy through a conversion must preserve them as well.
    let tight = (EDGE * format.bytes) as usize;
    let mut source = vec![0u8; (ROW * EDGE) as usize];
    for (y, row) in source.chunks_exact_mut(ROW as usize).enumerate() {
        for (x, byte) in row[..tight].iter_mut().enumerate() {
            *byte = ((x * 7 + y * 31) as u8 & 0x3b) | 4;
        }
    }
    let from = gpu.buffer_with("from", &source, GpuBufferUsage::COPY_SRC)?;
    let to = gpu.buffer("to", source.len() as u64, GpuBufferUsage::COPY_DST | GpuBufferUsage::MAP_READ);
    let copy = gpu.device.create_texture(&wanted);
    let in_buffer = |buffer| GpuTexelCopyBufferInfo {
        buffer,
        offset: Some(0),
        bytes_per_row: Some(ROW),
        rows_per_image: Some(EDGE),
    };
    let size = || GpuExtent3D { ..wanted.size };
    check
        .valid(device, &format!("{name}: copies"), || {
            let encoder = gpu.encoder("copies");
            encoder.copy_buffer_to_texture(&in_buffer(&from), &whole(&texture), size());
            encoder.copy_texture_to_texture(&whole(&texture), &whole(&copy), size());
            encoder.copy_texture_to_buffer(&whole(&copy), &in_buffer(&to), size());
            gpu.submit(&encoder);
        })
        .await;
    let found = read_mapped(&to).await?;
    check.same_list(&format!("{name}: bytes"), &found, &source);
    Ok(())
}
