//! `gpu-buffer`. The contents of a mapped range are here, in the host: `map-async` brings them, `unmap` sends what was
//! written.

use std::{ops::Range, sync::Arc};

use airlock_client::session::{Answer, DeviceState, Gone, Reply};
use airlock_protocol::{
    commands::buffer::{CreateBuffer, DestroyBuffer, MapBuffer, MapMode, UnmapBuffer, WriteMapped},
    commands::error::ErrorFilter,
    events::MapErrorKind,
    ids::RequestId,
    limits::{MAX_MAPPED, MAX_PIECE},
};
use wasmtime::component::{Accessor, Resource};

use super::{
    WasiWebGpu,
    convert::{FromWire, ToWire},
};
use crate::{
    WasiWebGpuCtxView,
    shadow::{self, MapState, Mapping},
    v0_3::bindings::webgpu::{self, *},
    v0_3::functions::called,
};

impl webgpu::HostGpuBuffer for WasiWebGpuCtxView<'_> {
    fn size(&mut self, buffer: Resource<GpuBuffer>) -> wasmtime::Result<GpuSize64Out> {
        called!(self, "gpu-buffer.size");
        Ok(self.table.get(&buffer)?.size)
    }

    fn usage(&mut self, buffer: Resource<GpuBuffer>) -> wasmtime::Result<GpuBufferUsage> {
        called!(self, "gpu-buffer.usage");
        Ok(GpuBufferUsage::from_wire(self.table.get(&buffer)?.usage))
    }

    fn map_state(&mut self, buffer: Resource<GpuBuffer>) -> wasmtime::Result<GpuBufferMapState> {
        called!(self, "gpu-buffer.map-state");
        let buffer = self.table.get(&buffer)?;
        Ok(match buffer.map {
            // Destroying a device unmaps its buffers (WebGPU, GPUDevice.destroy).
            _ if buffer.base.device.is_destroyed() => GpuBufferMapState::Unmapped,
            MapState::Unmapped => GpuBufferMapState::Unmapped,
            MapState::Pending { .. } => GpuBufferMapState::Pending,
            MapState::Mapped(_) => GpuBufferMapState::Mapped,
        })
    }

    fn get_mapped_range_get_with_copy(
        &mut self,
        buffer: Resource<GpuBuffer>,
        offset: Option<GpuSize64>,
        size: Option<GpuSize64>,
    ) -> wasmtime::Result<Result<Vec<u8>, GetMappedRangeError>> {
        called!(self, "gpu-buffer.get-mapped-range-get-with-copy");
        let buffer = self.table.get_mut(&buffer)?;
        Ok(buffer
            .mapped_range(offset, size)
            .map(|(mapping, range)| mapping.data.bytes().get(range).unwrap_or_default().to_vec()))
    }

    fn unmap(&mut self, buffer: Resource<GpuBuffer>) -> wasmtime::Result<Result<(), UnmapError>> {
        called!(self, "gpu-buffer.unmap");
        let buffer = self.table.get_mut(&buffer)?;
        let before = std::mem::replace(&mut buffer.map, MapState::Unmapped);
        self.ctx.unmapped(before.bytes());
        let (Some(id), device) = (buffer.base.id, Arc::clone(&buffer.base.device)) else { return Ok(Ok(())) };
        match before {
            MapState::Unmapped => {}
            MapState::Pending { .. } => self.ctx.send(&device, UnmapBuffer { buffer: id }),
            MapState::Mapped(mapping) => {
                if mapping.mode == MapMode::Write {
                    for range in mapping.written {
                        let mut offset = mapping.offset.saturating_add(range.start as u64);
                        // In pieces as they fit the ring, which the daemon puts where they belong as they come.
                        let data = mapping.data.bytes().get(range).unwrap_or_default();
                        for piece in data.chunks(MAX_PIECE as usize) {
                            let write = |data| WriteMapped { buffer: id, offset, data };
                            self.ctx.send_with_data(&device, piece, write);
                            offset = offset.saturating_add(piece.len() as u64);
                        }
                    }
                }
                self.ctx.send(&device, UnmapBuffer { buffer: id });
            }
        }
        Ok(Ok(()))
    }

    fn destroy(&mut self, buffer: Resource<GpuBuffer>) -> wasmtime::Result<()> {
        called!(self, "gpu-buffer.destroy");
        let shadow = self.table.get_mut(&buffer)?;
        shadow.destroyed = true;
        let before = std::mem::replace(&mut shadow.map, MapState::Unmapped);
        self.ctx.unmapped(before.bytes());
        self.encode(&buffer, |buffer| DestroyBuffer { buffer })
    }

    fn label(&mut self, buffer: Resource<GpuBuffer>) -> wasmtime::Result<String> {
        called!(self, "gpu-buffer.label");
        self.label_of(&buffer)
    }

    fn set_label(&mut self, buffer: Resource<GpuBuffer>, label: String) -> wasmtime::Result<()> {
        called!(self, "gpu-buffer.set-label");
        self.relabel(&buffer, label)
    }

    fn get_mapped_range_set_with_copy(
        &mut self,
        buffer: Resource<GpuBuffer>,
        data: Vec<u8>,
        offset: Option<GpuSize64>,
        size: Option<GpuSize64>,
    ) -> wasmtime::Result<Result<(), GetMappedRangeError>> {
        called!(self, "gpu-buffer.get-mapped-range-set-with-copy");
        let buffer = self.table.get_mut(&buffer)?;
        Ok(buffer.written_range(offset, size, data.len()).map(|(mapping, range)| mapping.write(range, &data)))
    }

    fn drop(&mut self, buffer: Resource<GpuBuffer>) -> wasmtime::Result<()> {
        self.ctx.unmapped(self.table.get(&buffer)?.map.bytes());
        self.release(buffer)
    }
}

fn range_error(kind: GetMappedRangeErrorKind, message: String) -> GetMappedRangeError {
    GetMappedRangeError { kind, message }
}

impl shadow::Buffer {
    /// The mapping and the range in it that a call names (WebGPU, getMappedRange).
    pub(super) fn mapped_range(
        &mut self,
        offset: Option<u64>,
        size: Option<u64>,
    ) -> Result<(&mut Mapping, Range<usize>), GetMappedRangeError> {
        let operation_error = |message: String| Err(range_error(GetMappedRangeErrorKind::OperationError, message));
        let destroyed = self.base.device.is_destroyed();
        let mapping = match &mut self.map {
            MapState::Mapped(mapping) if !destroyed => mapping,
            _ => return operation_error("the buffer is not mapped".to_owned()),
        };
        let offset = offset.unwrap_or(0);
        let size = size.unwrap_or_else(|| self.size.saturating_sub(offset));
        if !offset.is_multiple_of(8) || !size.is_multiple_of(4) {
            return operation_error(format!("offset {offset} is not a multiple of 8, or size {size} not one of 4"));
        }
        let start = offset.checked_sub(mapping.offset).and_then(|start| usize::try_from(start).ok());
        let end = start.zip(usize::try_from(size).ok()).and_then(|(start, size)| start.checked_add(size));
        match (start, end) {
            (Some(start), Some(end)) if end <= mapping.data.len() => Ok((mapping, start..end)),
            _ => operation_error(format!(
                "offset {offset} and size {size} do not lie within the mapped range, {} bytes from {}",
                mapping.data.len(),
                mapping.offset
            )),
        }
    }

    /// The mapping and where in it a call puts `len` bytes that it writes to a range.
    pub(super) fn written_range(
        &mut self,
        offset: Option<u64>,
        size: Option<u64>,
        len: usize,
    ) -> Result<(&mut Mapping, Range<usize>), GetMappedRangeError> {
        let (mapping, range) = self.mapped_range(offset, size)?;
        match range.start.checked_add(len) {
            Some(end) if end <= range.end => Ok((mapping, range.start..end)),
            _ => Err(range_error(
                GetMappedRangeErrorKind::RangeError,
                format!("{len} bytes of data do not fit a range of {}", range.len()),
            )),
        }
    }
}

impl WasiWebGpuCtxView<'_> {
    pub(super) fn new_buffer(
        &mut self,
        device: &Arc<DeviceState>,
        descriptor: GpuBufferDescriptor,
    ) -> wasmtime::Result<Resource<GpuBuffer>> {
        let GpuBufferDescriptor { size, usage, mapped_at_creation, label } = descriptor;
        let usage = usage.to_wire();
        let mapped_at_creation = mapped_at_creation.unwrap_or(false);
        // The contents of the mapping are the host's memory, and only of a size that the device can have as well.
        let fits = size <= device.capabilities.limits.max_buffer_size;
        let (mut base, map) = match (mapped_at_creation && fits).then(|| self.ctx.map_memory(size)) {
            None => (self.create(device, label), MapState::Unmapped),
            Some(Some(data)) => {
                let mapping = Mapping { mode: MapMode::Write, offset: 0, data, written: Vec::new() };
                (self.create(device, label), MapState::Mapped(mapping))
            }
            Some(None) => {
                let message = format!("mapping {size} bytes: a session may have {MAX_MAPPED} bytes mapped at a time");
                self.ctx.raise(device, ErrorFilter::OutOfMemory, &message);
                (Self::inert(device, label), MapState::Unmapped)
            }
        };
        if let Some(buffer) = base.id {
            let label = std::mem::take(&mut base.label);
            self.ctx.send(
                device,
                CreateBuffer { device: device.id, buffer, label: &label, size, usage, mapped_at_creation },
            );
            base.label = label;
        }
        Ok(self.table.push(shadow::Buffer { base, size, usage, map, destroyed: false })?)
    }

    /// Starts a map: gives the question, or the error that needs no daemon.
    fn start_map(
        &mut self,
        resource: &Resource<GpuBuffer>,
        mode: GpuMapMode,
        offset: Option<u64>,
        size: Option<u64>,
    ) -> wasmtime::Result<Result<Asked, MapAsyncError>> {
        let buffer = self.table.get(resource)?;
        let device = Arc::clone(&buffer.base.device);
        if matches!(buffer.map, MapState::Pending { .. }) {
            return Ok(Err(operation_error("a map of this buffer is pending already".to_owned())));
        }
        let mode = if mode == GpuMapMode::READ {
            MapMode::Read
        } else if mode == GpuMapMode::WRITE {
            MapMode::Write
        } else {
            self.ctx.invalid(&device, "map-async: the mode is neither read nor write alone");
            return Ok(Err(operation_error("the mode is neither read nor write alone".to_owned())));
        };
        let offset = offset.unwrap_or(0);
        let size = size.unwrap_or_else(|| buffer.size.saturating_sub(offset));
        let Some(id) = buffer.base.id else {
            return Ok(Err(operation_error("the buffer is invalid".to_owned())));
        };
        // What is not within the buffer is refused by the daemon; the contents never get longer than the buffer.
        let expected = size.min(buffer.size);
        let Some(bytes) = usize::try_from(expected).ok().filter(|_| self.ctx.mapped_fits(expected)) else {
            let message = format!("mapping {size} bytes: a session may have {MAX_MAPPED} bytes mapped at a time");
            return Ok(Err(operation_error(message)));
        };
        let mut number = RequestId(0);
        let answer = self.ctx.ask(&device, bytes, |request| {
            number = request;
            MapBuffer { request, buffer: id, mode, offset, size }
        });
        let Some(answer) = answer else {
            return Ok(Err(abort_error(self.why_no_answer())));
        };
        // A buffer that is mapped already stays so: the daemon answers with the validation error.
        let buffer = self.table.get_mut(resource)?;
        if matches!(buffer.map, MapState::Unmapped) {
            buffer.map = MapState::Pending { request: number, bytes };
            self.ctx.mapped(bytes);
        }
        Ok(Ok(Asked { number, mode, offset, answer }))
    }

    fn finish_map(
        &mut self,
        resource: &Resource<GpuBuffer>,
        asked: (RequestId, MapMode, u64),
        reply: Result<Reply, Gone>,
    ) -> Result<(), MapAsyncError> {
        let (number, mode, offset) = asked;
        let why = self.why_no_answer();
        let Ok(buffer) = self.table.get_mut(resource) else {
            return Err(abort_error("the buffer was dropped".to_owned()));
        };
        let mine = matches!(buffer.map, MapState::Pending { request, .. } if request == number);
        if mine {
            self.ctx.unmapped(buffer.map.bytes());
            buffer.map = MapState::Unmapped;
        }
        match reply {
            Ok(Reply::Mapped(Ok(data))) if mine && !buffer.base.device.is_destroyed() => {
                self.ctx.mapped(data.len());
                buffer.map = MapState::Mapped(Mapping { mode, offset, data: data.into(), written: Vec::new() });
                Ok(())
            }
            Ok(Reply::Mapped(Ok(_))) => Err(abort_error("the buffer was unmapped before the map was done".to_owned())),
            Ok(Reply::Mapped(Err(error))) => Err(match error.kind {
                MapErrorKind::Operation => operation_error(error.message),
                MapErrorKind::Abort => abort_error(error.message),
            }),
            _ => Err(abort_error(why)),
        }
    }
}

struct Asked {
    number: RequestId,
    mode: MapMode,
    offset: u64,
    answer: Answer,
}

fn operation_error(message: String) -> MapAsyncError {
    MapAsyncError { kind: MapAsyncErrorKind::OperationError, message }
}

fn abort_error(message: String) -> MapAsyncError {
    MapAsyncError { kind: MapAsyncErrorKind::AbortError, message }
}

impl<T: Send> webgpu::HostGpuBufferWithStore<T> for WasiWebGpu {
    async fn map_async(
        accessor: &Accessor<T, Self>,
        buffer: Resource<GpuBuffer>,
        mode: GpuMapMode,
        offset: Option<GpuSize64>,
        size: Option<GpuSize64>,
    ) -> wasmtime::Result<Result<(), MapAsyncError>> {
        let asked = accessor.with(|mut access| {
            let mut view = access.get();
            called!(view, "gpu-buffer.map-async");
            view.start_map(&buffer, mode, offset, size)
        })?;
        let Asked { number, mode, offset, answer } = match asked {
            Ok(asked) => asked,
            Err(error) => return Ok(Err(error)),
        };
        let reply = answer.await;
        Ok(accessor.with(|mut access| access.get().finish_map(&buffer, (number, mode, offset), reply)))
    }
}
