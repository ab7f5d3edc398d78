//! `gpu-buffer`.

use airlock_client::{buffer::BufferDescriptor, device::Device};
use airlock_protocol::commands::buffer::BufferUsage;
use wasmtime::component::Resource;

use super::{
    bindings::webgpu::{self, *},
    flags::map_mode,
};
use crate::{
    WasiWebGpuCtxView,
    v0_3::{
        bindings::webgpu as later,
        buffer::map_error,
        functions::{ask, called},
    },
};

impl webgpu::HostGpuBuffer for WasiWebGpuCtxView<'_> {
    fn usage(&mut self, buffer: Resource<GpuBuffer>) -> wasmtime::Result<GpuFlagsConstant> {
        called!(self, "gpu-buffer.usage");
        Ok(self.table.get(&buffer)?.usage().bits())
    }

    async fn map_async(
        &mut self,
        handle: Resource<GpuBuffer>,
        mode: GpuMapModeFlags,
        offset: Option<GpuSize64>,
        size: Option<GpuSize64>,
    ) -> wasmtime::Result<Result<(), MapAsyncError>> {
        called!(self, "gpu-buffer.map-async");
        let buffer = self.table.get_mut(&handle)?;
        let requested =
            ask!(self, "gpu-buffer.map-async", |client| buffer.map_async(client, map_mode(mode), offset, size));
        let (reply, map) = match requested {
            Ok(requested) => requested,
            Err(error) => return Ok(Err(map_error(error))),
        };
        let reply = reply.spinning().await;
        let buffer = self.table.get_mut(&handle).ok();
        Ok(map.finish(&mut self.ctx.client, buffer, reply).map_err(map_error))
    }

    fn drop(&mut self, buffer: Resource<GpuBuffer>) -> wasmtime::Result<()> {
        later::HostGpuBuffer::drop(self, buffer)
    }
}

impl WasiWebGpuCtxView<'_> {
    pub(super) fn new_buffer_of_bits(
        &mut self,
        device: &Resource<Device>,
        descriptor: GpuBufferDescriptor,
    ) -> wasmtime::Result<Resource<GpuBuffer>> {
        let GpuBufferDescriptor { size, usage, mapped_at_creation, label } = descriptor;
        let usage = BufferUsage::from_bits_retain(usage);
        let descriptor = BufferDescriptor { label, size, usage, mapped_at_creation };
        let buffer = self.table.get(device)?.create_buffer(&mut self.ctx.client, descriptor);
        Ok(self.table.push(buffer)?)
    }
}
