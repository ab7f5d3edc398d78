//! Buffers: creation, writes and readback.

use bytemuck::Pod;

use crate::device::Gpu;
use crate::gpu::{GpuBuffer, GpuBufferDescriptor, GpuBufferUsage, GpuMapMode};
use crate::start::{Failure, Outcome};

impl Gpu {
    /// A zeroed buffer.
    pub fn buffer(&self, label: &str, size: u64, usage: GpuBufferUsage) -> GpuBuffer {
        self.device.create_buffer(&GpuBufferDescriptor {
            size,
            usage,
            mapped_at_creation: None,
            label: Some(label.to_string()),
        })
    }

    /// A buffer that holds `data`, padded with zeros to the multiple of four that WebGPU requires.
    pub fn buffer_with<T: Pod>(&self, label: &str, data: &[T], usage: GpuBufferUsage) -> Outcome<GpuBuffer> {
        let size = size_of_val(data).next_multiple_of(4) as u64;
        let buffer = self.buffer(label, size, usage | GpuBufferUsage::COPY_DST);
        self.upload(&buffer, 0, data)?;
        Ok(buffer)
    }

    /// Writes `data` into the buffer at a byte offset.
    pub fn upload<T: Pod>(&self, buffer: &GpuBuffer, offset: u64, data: &[T]) -> Outcome {
        let bytes: &[u8] = bytemuck::cast_slice(data);
        let padded;
        let bytes = if bytes.len().is_multiple_of(4) {
            bytes
        } else {
            padded = [bytes, &[0; 3][..4 - bytes.len() % 4]].concat();
            &padded
        };
        self.queue
            .write_buffer_with_copy(buffer, offset, bytes, None, None)
            .map_err(|error| Failure::new(format!("cannot write buffer {:?}: {}", buffer.label(), error.message)))
    }

    /// The buffer's contents as numbers. The buffer needs the usage `COPY_SRC`.
    pub async fn download<T: Pod>(&self, buffer: &GpuBuffer) -> Outcome<Vec<T>> {
        self.download_range(buffer, 0, buffer.size()).await
    }

    /// `size` bytes of the buffer's contents from `offset`, both multiples of four.
    pub async fn download_range<T: Pod>(&self, buffer: &GpuBuffer, offset: u64, size: u64) -> Outcome<Vec<T>> {
        let staging = self.buffer("readback", size, GpuBufferUsage::MAP_READ | GpuBufferUsage::COPY_DST);
        let encoder = self.encoder("readback");
        encoder.copy_buffer_to_buffer(buffer, Some(offset), &staging, Some(0), Some(size));
        self.submit(&encoder);
        let bytes = read_mapped(&staging).await?;
        staging.destroy();
        Ok(bytemuck::allocation::pod_collect_to_vec(&bytes))
    }
}

/// Maps a `MAP_READ` buffer, copies it out and unmaps it.
pub async fn read_mapped(buffer: &GpuBuffer) -> Outcome<Vec<u8>> {
    let failed = |verb: &str, why: String| Failure::new(format!("cannot {verb} buffer {:?}: {why}", buffer.label()));
    buffer.map_async(GpuMapMode::READ, None, None).await.map_err(|error| failed("map", error.message))?;
    let bytes =
        buffer.get_mapped_range_get_with_copy(None, None).map_err(|error| failed("read the mapped", error.message))?;
    buffer.unmap().map_err(|error| failed("unmap", error.message))?;
    Ok(bytes)
}
