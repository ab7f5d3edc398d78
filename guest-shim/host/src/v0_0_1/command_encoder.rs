//! `gpu-command-encoder`.

use wasmtime::component::Resource;

use super::bindings::webgpu::{self, *};
use crate::{WasiWebGpuCtxView, v0_3::bindings::webgpu as later};

impl webgpu::HostGpuCommandEncoder for WasiWebGpuCtxView<'_> {
    fn copy_buffer_to_buffer(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        source: Resource<GpuBuffer>,
        source_offset: GpuSize64,
        destination: Resource<GpuBuffer>,
        destination_offset: GpuSize64,
        size: GpuSize64,
    ) -> wasmtime::Result<()> {
        let offsets = (Some(source_offset), Some(destination_offset));
        later::HostGpuCommandEncoder::copy_buffer_to_buffer(
            self,
            encoder,
            source,
            offsets.0,
            destination,
            offsets.1,
            Some(size),
        )
    }

    fn drop(&mut self, encoder: Resource<GpuCommandEncoder>) -> wasmtime::Result<()> {
        later::HostGpuCommandEncoder::drop(self, encoder)
    }
}
