//! Textures: creation, writes, and readback as tightly packed rows.

use crate::buffers::read_mapped;
use crate::device::Gpu;
use crate::gpu::{
    GpuBufferUsage, GpuExtent3D, GpuOrigin3D, GpuTexelCopyBufferInfo, GpuTexelCopyBufferLayout,
    GpuTexelCopyTextureInfo, GpuTexture, GpuTextureDescriptor, GpuTextureFormat, GpuTextureUsage,
};
use crate::start::Outcome;

/// WebGPU's alignment of rows in copies between buffers and textures, in bytes.
const ROW_ALIGNMENT: u32 = 256;

/// A width and a height as the extent of one layer.
pub fn extent(width: u32, height: u32) -> GpuExtent3D {
    GpuExtent3D { width, height: Some(height), depth_or_array_layers: None }
}

/// The whole first mip level of a texture, as one end of a copy.
pub fn whole(texture: &GpuTexture) -> GpuTexelCopyTextureInfo<'_> {
    GpuTexelCopyTextureInfo { texture, mip_level: None, origin: None, aspect: None }
}

/// A plain two-dimensional texture's descriptor; a guest changes it as needed.
pub fn descriptor(
    label: &str,
    width: u32,
    height: u32,
    format: GpuTextureFormat,
    usage: GpuTextureUsage,
) -> GpuTextureDescriptor {
    GpuTextureDescriptor {
        size: extent(width, height),
        mip_level_count: None,
        sample_count: None,
        dimension: None,
        format,
        usage,
        view_formats: None,
        texture_binding_view_dimension: None,
        label: Some(label.to_string()),
    }
}

impl Gpu {
    /// A two-dimensional texture with one mip level and one sample.
    pub fn texture(
        &self,
        label: &str,
        width: u32,
        height: u32,
        format: GpuTextureFormat,
        usage: GpuTextureUsage,
    ) -> GpuTexture {
        self.device.create_texture(&descriptor(label, width, height, format, usage))
    }

    /// Writes rows `top..` of the first mip level; `data` is whole rows of `width` texels of `texel_bytes` each.
    pub fn upload_rows(&self, texture: &GpuTexture, width: u32, texel_bytes: u32, top: u32, data: &[u8]) {
        let row_bytes = width * texel_bytes;
        let rows = data.len() as u32 / row_bytes;
        let destination =
            GpuTexelCopyTextureInfo { origin: Some(GpuOrigin3D { x: None, y: Some(top), z: None }), ..whole(texture) };
        let layout =
            GpuTexelCopyBufferLayout { offset: None, bytes_per_row: Some(row_bytes), rows_per_image: Some(rows) };
        self.queue.write_texture_with_copy(&destination, data, layout, extent(width, rows));
    }

    /// Rows `top..top + rows` of a texture of `width` texels of `texel_bytes` each, without the padding of the copy. The
    /// texture needs the usage `COPY_SRC`.
    pub async fn download_rows(
        &self,
        texture: &GpuTexture,
        width: u32,
        texel_bytes: u32,
        top: u32,
        rows: u32,
    ) -> Outcome<Vec<u8>> {
        let tight = (width * texel_bytes) as usize;
        let padded = (width * texel_bytes).next_multiple_of(ROW_ALIGNMENT);
        let size = u64::from(padded) * u64::from(rows);
        let staging = self.buffer("readback", size, GpuBufferUsage::MAP_READ | GpuBufferUsage::COPY_DST);
        let encoder = self.encoder("readback");
        let source =
            GpuTexelCopyTextureInfo { origin: Some(GpuOrigin3D { x: None, y: Some(top), z: None }), ..whole(texture) };
        let destination = GpuTexelCopyBufferInfo {
            buffer: &staging,
            offset: None,
            bytes_per_row: Some(padded),
            rows_per_image: Some(rows),
        };
        encoder.copy_texture_to_buffer(&source, &destination, extent(width, rows));
        self.submit(&encoder);
        let mut bytes = read_mapped(&staging).await?;
        staging.destroy();
        // Closes the gaps in place, so that a large picture is not in memory twice.
        for row in 0..rows as usize {
            let from = row * padded as usize;
            bytes.copy_within(from..from + tight, row * tight);
        }
        bytes.truncate(tight * rows as usize);
        Ok(bytes)
    }

    /// The whole first layer of a texture with 4-byte texels.
    pub async fn download_rgba(&self, texture: &GpuTexture, width: u32, height: u32) -> Outcome<Vec<u8>> {
        self.download_rows(texture, width, 4, 0, height).await
    }
}
