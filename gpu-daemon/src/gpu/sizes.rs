//! Sizes in bytes of textures and of copies to them, for quotas.

use wgpu_core::resource::TextureDescriptor;
use wgpu_types::{self as wgt, TextureFormat};

/// Bytes of a texture: each level's texel blocks in all layers and samples. `None` for a size that no device supports,
/// which wgpu refuses by itself.
pub fn texture_bytes(descriptor: &TextureDescriptor<'_>, limits: &wgt::Limits) -> Option<u64> {
    let size = descriptor.size;
    let (max, volume) = match descriptor.dimension {
        wgt::TextureDimension::D1 => (limits.max_texture_dimension_1d, false),
        wgt::TextureDimension::D2 => (limits.max_texture_dimension_2d, false),
        wgt::TextureDimension::D3 => (limits.max_texture_dimension_3d, true),
    };
    let layers = if volume { max } else { limits.max_texture_array_layers };
    let fits = size.width <= max && size.height <= max && size.depth_or_array_layers <= layers;
    if !fits || descriptor.mip_level_count > 32 || descriptor.sample_count > 64 {
        return None;
    }
    let (block_width, block_height) = descriptor.format.block_dimensions();
    let mut blocks: u128 = 0;
    for level in 0..descriptor.mip_level_count {
        let at = |length: u32| (length >> level).max(1);
        let wide = u128::from(at(size.width).div_ceil(block_width));
        let high = u128::from(at(size.height).div_ceil(block_height));
        let deep = u128::from(if volume { at(size.depth_or_array_layers) } else { size.depth_or_array_layers });
        // Each factor has at most 32 bits, and there are at most 32 levels.
        blocks = blocks.saturating_add(wide.saturating_mul(high).saturating_mul(deep));
    }
    let bytes = blocks
        .saturating_mul(u128::from(block_bytes(descriptor.format)))
        .saturating_mul(u128::from(descriptor.sample_count));
    Some(u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// Bytes of a texel block in memory; the larger size for formats that WebGPU leaves open.
fn block_bytes(format: TextureFormat) -> u32 {
    format.block_copy_size(None).unwrap_or(match format {
        TextureFormat::Depth32FloatStencil8 => 8,
        _ => 4,
    })
}

/// Bytes of wgpu's staging memory for a write to a texture: each row is padded to the alignment of copies, which makes
/// narrow ones much larger. Zero if the data is too short for its rows, which wgpu refuses before it allocates.
pub fn staged_rows(layout: &wgt::TexelCopyBufferLayout, size: &wgt::Extent3d, block_height: u32, data: u64) -> u64 {
    const ALIGNMENT: u64 = wgt::COPY_BYTES_PER_ROW_ALIGNMENT as u64;
    let high = size.height.div_ceil(block_height.max(1));
    let images = u64::from(size.depth_or_array_layers.saturating_sub(1));
    let rows = images.saturating_mul(u64::from(layout.rows_per_image.unwrap_or(high))).saturating_add(u64::from(high));
    let row = layout.bytes_per_row.map_or(data, u64::from);
    if rows.saturating_sub(1).saturating_mul(row) > data {
        return 0;
    }
    let row = row.min(data);
    rows.saturating_mul(row.div_ceil(ALIGNMENT).saturating_mul(ALIGNMENT))
}

#[cfg(test)]
mod tests {
    use wgt::{Extent3d, Limits, TextureDimension, TextureUsages};

    use super::*;

    fn bytes(
        size: [u32; 3],
        dimension: TextureDimension,
        levels: u32,
        samples: u32,
        format: TextureFormat,
    ) -> Option<u64> {
        let [width, height, depth_or_array_layers] = size;
        let descriptor = TextureDescriptor {
            label: None,
            size: Extent3d { width, height, depth_or_array_layers },
            mip_level_count: levels,
            sample_count: samples,
            dimension,
            format,
            usage: TextureUsages::COPY_DST,
            view_formats: Vec::new(),
        };
        texture_bytes(&descriptor, &Limits::default())
    }

    #[test]
    fn a_texture_counts_all_its_texels() {
        use TextureDimension::{D2, D3};
        use TextureFormat as F;
        assert_eq!(bytes([4, 4, 1], D2, 1, 1, F::Rgba8Unorm), Some(64));
        assert_eq!(bytes([4, 4, 1], D2, 3, 1, F::Rgba8Unorm), Some((16 + 4 + 1) * 4));
        assert_eq!(bytes([4, 4, 6], D2, 2, 1, F::R8Unorm), Some(6 * (16 + 4)));
        assert_eq!(bytes([4, 4, 4], D3, 3, 1, F::R8Unorm), Some(64 + 8 + 1));
        assert_eq!(bytes([8, 8, 1], D2, 1, 4, F::Depth32FloatStencil8), Some(64 * 4 * 8));
        assert_eq!(bytes([5, 5, 1], D2, 1, 1, F::Bc1RgbaUnorm), Some(4 * 8));
        assert_eq!(bytes([4, 2, 1], D2, 1, 1, F::Depth24Plus), Some(32));
    }

    #[test]
    fn unsupported_sizes_are_left_to_wgpu() {
        use TextureDimension::D2;
        assert_eq!(bytes([u32::MAX; 3], D2, 1, 1, TextureFormat::R8Unorm), None);
        assert_eq!(bytes([1, 1, 1], D2, u32::MAX, 1, TextureFormat::R8Unorm), None);
        assert_eq!(bytes([1, 1, 1], D2, 1, u32::MAX, TextureFormat::R8Unorm), None);
    }

    #[test]
    fn narrow_rows_are_staged_wide() {
        let layout =
            |bytes_per_row, rows_per_image| wgt::TexelCopyBufferLayout { offset: 0, bytes_per_row, rows_per_image };
        let size = |height, depth_or_array_layers| Extent3d { width: 1, height, depth_or_array_layers };
        assert_eq!(staged_rows(&layout(Some(4), None), &size(10, 1), 1, 40), 2560);
        assert_eq!(staged_rows(&layout(Some(4), Some(20)), &size(10, 3), 1, 200), 50 * 256);
        assert_eq!(staged_rows(&layout(None, None), &size(1, 1), 1, 1000), 1024);
        assert_eq!(
            staged_rows(&layout(Some(u32::MAX), Some(u32::MAX)), &size(u32::MAX, u32::MAX), 0, u64::MAX),
            u64::MAX
        );
    }
}
