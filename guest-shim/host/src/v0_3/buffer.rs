//! `gpu-buffer`. The functions that move mapped contents are in `data`.

use airlock_client::{
    buffer::{BufferDescriptor, BufferMapState},
    device::Device,
    object::DeviceObject as _,
};
use airlock_protocol::{
    commands::buffer::MapMode,
    events::{MapError, MapErrorKind},
};
use wasmtime::component::{Accessor, Resource};

use super::{
    WasiWebGpu,
    bindings::webgpu::{self, *},
    convert::{FromWire, ToWire},
    functions::{ask, called},
    object_functions,
};
use crate::WasiWebGpuCtxView;

impl webgpu::HostGpuBuffer for WasiWebGpuCtxView<'_> {
    fn size(&mut self, buffer: Resource<GpuBuffer>) -> wasmtime::Result<GpuSize64Out> {
        called!(self, "gpu-buffer.size");
        Ok(self.table.get(&buffer)?.size())
    }

    fn usage(&mut self, buffer: Resource<GpuBuffer>) -> wasmtime::Result<GpuBufferUsage> {
        called!(self, "gpu-buffer.usage");
        Ok(GpuBufferUsage::from_wire(self.table.get(&buffer)?.usage()))
    }

    fn map_state(&mut self, buffer: Resource<GpuBuffer>) -> wasmtime::Result<GpuBufferMapState> {
        called!(self, "gpu-buffer.map-state");
        Ok(match self.table.get(&buffer)?.map_state() {
            BufferMapState::Unmapped => GpuBufferMapState::Unmapped,
            BufferMapState::Pending => GpuBufferMapState::Pending,
            BufferMapState::Mapped => GpuBufferMapState::Mapped,
        })
    }

    fn unmap(&mut self, buffer: Resource<GpuBuffer>) -> wasmtime::Result<Result<(), UnmapError>> {
        called!(self, "gpu-buffer.unmap");
        self.table.get_mut(&buffer)?.unmap(&mut self.ctx.client);
        Ok(Ok(()))
    }

    fn destroy(&mut self, buffer: Resource<GpuBuffer>) -> wasmtime::Result<()> {
        called!(self, "gpu-buffer.destroy");
        self.table.get_mut(&buffer)?.destroy(&mut self.ctx.client);
        Ok(())
    }

    object_functions!(GpuBuffer, "gpu-buffer.label", "gpu-buffer.set-label");
}

impl WasiWebGpuCtxView<'_> {
    pub(super) fn new_buffer(
        &mut self,
        device: &Resource<Device>,
        descriptor: GpuBufferDescriptor,
    ) -> wasmtime::Result<Resource<GpuBuffer>> {
        let GpuBufferDescriptor { size, usage, mapped_at_creation, label } = descriptor;
        let descriptor = BufferDescriptor { label, size, usage: usage.to_wire(), mapped_at_creation };
        let buffer = self.table.get(device)?.create_buffer(&mut self.ctx.client, descriptor);
        Ok(self.table.push(buffer)?)
    }
}

/// The map mode of a mask; `None` for a mask with neither mode or both.
fn map_mode(mode: GpuMapMode) -> Option<MapMode> {
    if mode == GpuMapMode::READ {
        Some(MapMode::Read)
    } else if mode == GpuMapMode::WRITE {
        Some(MapMode::Write)
    } else {
        None
    }
}

/// The error of a map.
pub(crate) fn map_error(error: MapError) -> MapAsyncError {
    let kind = match error.kind {
        MapErrorKind::Operation => MapAsyncErrorKind::OperationError,
        MapErrorKind::Abort => MapAsyncErrorKind::AbortError,
    };
    MapAsyncError { kind, message: error.message }
}

impl<T: Send> webgpu::HostGpuBufferWithStore<T> for WasiWebGpu {
    async fn map_async(
        accessor: &Accessor<T, Self>,
        buffer: Resource<GpuBuffer>,
        mode: GpuMapMode,
        offset: Option<GpuSize64>,
        size: Option<GpuSize64>,
    ) -> wasmtime::Result<Result<(), MapAsyncError>> {
        let requested = accessor.with(|mut access| -> wasmtime::Result<_> {
            let view = access.get();
            called!(view, "gpu-buffer.map-async");
            let buffer = view.table.get_mut(&buffer)?;
            Ok(ask!(view, "gpu-buffer.map-async", |client| buffer.map_async(client, map_mode(mode), offset, size)))
        })?;
        let (reply, map) = match requested {
            Ok(requested) => requested,
            Err(error) => return Ok(Err(map_error(error))),
        };
        let reply = reply.spinning().await;
        Ok(accessor.with(|mut access| {
            let view = access.get();
            // The guest may have dropped it meanwhile.
            let buffer = view.table.get_mut(&buffer).ok();
            map.finish(&mut view.ctx.client, buffer, reply).map_err(map_error)
        }))
    }
}
