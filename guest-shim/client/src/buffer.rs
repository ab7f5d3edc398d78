//! `GPUBuffer`. The contents of a mapped range are in this process: `map_async` transfers them, `unmap` sends the
//! written parts.

use std::ops::Range;

use airlock_protocol::{
    commands::{
        buffer::{BufferUsage, CreateBuffer, DestroyBuffer, MapBuffer, MapMode, UnmapBuffer, WriteMapped},
        error::ErrorFilter,
    },
    events::{MapError, MapErrorKind},
    ids::{BufferId, RequestId},
    limits::{MAX_MAPPED, MAX_PIECE},
};

use crate::{
    client::Client,
    device::Device,
    mapping::{LiftedMapping, MapState, MappedBytes, Mapping},
    object::{Base, DeviceObject},
    session::{Gone, MapReply, Wait},
};

/// `GPUBuffer`.
#[derive(Debug)]
pub struct Buffer {
    base: Base<BufferId>,
    size: u64,
    usage: BufferUsage,
    map: MapState,
    destroyed: bool,
    /// The device was destroyed before the buffer was created: a buffer that was created mapped stays mapped.
    late: bool,
}

impl DeviceObject for Buffer {
    type Id = BufferId;

    #[inline]
    fn base(&self) -> &Base<BufferId> {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base<BufferId> {
        &mut self.base
    }

    fn into_base(self) -> Base<BufferId> {
        self.base
    }

    /// Returns the mapping's bytes to the budget for mapped memory.
    fn release(self, client: &mut Client) {
        client.unmapped(self.map.bytes());
        self.base.release(client);
    }
}

/// `GPUBufferDescriptor`.
#[derive(Clone, Debug, Default)]
pub struct BufferDescriptor {
    /// The label.
    pub label: Option<String>,
    /// The size in bytes.
    pub size: u64,
    /// How it may be used.
    pub usage: BufferUsage,
    /// It starts mapped for writing. False by default.
    pub mapped_at_creation: Option<bool>,
}

/// `GPUBufferMapState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferMapState {
    /// The GPU owns its contents.
    Unmapped,
    /// A map is pending.
    Pending,
    /// The program owns its contents.
    Mapped,
}

/// A mapped range that cannot be obtained (WebGPU, getMappedRange).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappedRangeError {
    /// `OperationError`: the buffer is not mapped, or the range lies outside the mapping.
    #[error("{0}")]
    Operation(String),
    /// `RangeError`: the data is longer than the range.
    #[error("{0}")]
    Range(String),
}

/// A requested map.
#[derive(Debug)]
pub struct RequestedMap {
    request: RequestId,
    mode: MapMode,
    offset: u64,
}

/// The contents of a buffer whose map was requested, for [`RequestedMap::finish`].
pub type MapWait = Wait<MapReply>;

impl Device {
    /// `GPUDevice.createBuffer`. A buffer that is to start mapped and exceeds the budget for mapped memory is an
    /// out-of-memory error and an inert buffer.
    pub fn create_buffer(&self, client: &mut Client, descriptor: BufferDescriptor) -> Buffer {
        let device = &self.state;
        let BufferDescriptor { label, size, usage, mapped_at_creation } = descriptor;
        let mapped_at_creation = mapped_at_creation.unwrap_or(false);
        // The mapping is allocated in this process, and only for a size that the device can have as well.
        let fits = size <= device.capabilities.limits.max_buffer_size;
        let (base, map) = match (mapped_at_creation && fits).then(|| client.map_memory(size)) {
            None => (Base::new(client, device, label), MapState::Unmapped),
            Some(Some(data)) => {
                (Base::new(client, device, label), MapState::Mapped(Mapping::new(MapMode::Write, 0, data)))
            }
            Some(None) => {
                client.raise(device, ErrorFilter::OutOfMemory, &too_much(size));
                (Base::inert(device, label), MapState::Unmapped)
            }
        };
        base.encode(client, |buffer| CreateBuffer {
            device: device.id,
            buffer,
            label: &base.label,
            size,
            usage,
            mapped_at_creation,
        });
        let late = device.is_destroyed();
        Buffer { base, size, usage, map, destroyed: false, late }
    }
}

impl Buffer {
    /// `GPUBuffer.size`, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// `GPUBuffer.usage`.
    pub fn usage(&self) -> BufferUsage {
        self.usage
    }

    /// `GPUBuffer.mapState`.
    pub fn map_state(&self) -> BufferMapState {
        match self.map {
            // Destroying a device unmaps its buffers (WebGPU, GPUDevice.destroy).
            _ if self.is_unmapped_by_device() => BufferMapState::Unmapped,
            MapState::Unmapped => BufferMapState::Unmapped,
            MapState::Pending { .. } => BufferMapState::Pending,
            MapState::Mapped(_) => BufferMapState::Mapped,
        }
    }

    /// True when the end of its device has unmapped it.
    fn is_unmapped_by_device(&self) -> bool {
        self.base.device.is_destroyed() && !self.late
    }

    /// `GPUBuffer.mapAsync`. `mode` is `None` for flags that are neither the one for reading nor the one for writing;
    /// the range is the rest of the buffer by default. An error is found here, without a reply of the daemon's.
    pub fn map_async(
        &mut self,
        client: &mut Client,
        mode: Option<MapMode>,
        offset: Option<u64>,
        size: Option<u64>,
    ) -> Result<(MapWait, RequestedMap), MapError> {
        let device = &self.base.device;
        if matches!(self.map, MapState::Pending { .. }) {
            client.invalid(device, "map-async: a map of this buffer is pending already");
            return Err(operation_error("a map of this buffer is pending already".to_owned()));
        }
        let Some(mode) = mode else {
            client.invalid(device, "map-async: the mode is neither read nor write alone");
            return Err(operation_error("the mode is neither read nor write alone".to_owned()));
        };
        let offset = offset.unwrap_or(0);
        let size = size.unwrap_or_else(|| self.size.saturating_sub(offset));
        let Some(id) = self.base.name(client, device) else {
            return Err(operation_error("the buffer is invalid".to_owned()));
        };
        // The daemon rejects a range outside the buffer; the contents never exceed the buffer.
        let expected = size.min(self.size);
        let Some(bytes) = usize::try_from(expected).ok().filter(|_| client.mapped_fits(expected)) else {
            return Err(operation_error(too_much(size)));
        };
        let mut request = RequestId(0);
        let wait = client.request(device, bytes, |number| {
            request = number;
            MapBuffer { request, buffer: id, mode, offset, size }
        });
        let Some(wait) = wait else { return Err(abort_error(client.why_no_reply())) };
        // A buffer that is mapped already stays mapped: the daemon replies with the validation error.
        if matches!(self.map, MapState::Unmapped) {
            self.map = MapState::Pending { request, bytes };
            client.mapped(bytes);
        }
        Ok((wait, RequestedMap { request, mode, offset }))
    }

    /// `GPUBuffer.getMappedRange` for reading: the rest of the buffer by default.
    pub fn mapped_range(&self, offset: Option<u64>, size: Option<u64>) -> Result<MappedBytes, MappedRangeError> {
        let (mapping, range) = self.range(offset, size)?;
        Ok(mapping.share(range))
    }

    /// `GPUBuffer.getMappedRange`, then writes `data` to its start.
    pub fn write_mapped_range(
        &mut self,
        data: &[u8],
        offset: Option<u64>,
        size: Option<u64>,
    ) -> Result<(), MappedRangeError> {
        let mut lifted = self.lift_mapping(data.len(), offset, size)?;
        lifted.write(data);
        self.put_mapping_back(lifted);
        Ok(())
    }

    /// As [`Buffer::write_mapped_range`] of the whole of `data` from `offset` on. Where the data covers the whole
    /// mapping, it becomes the mapping's memory instead of being copied.
    pub fn give_mapped_range(&mut self, data: Vec<u8>, offset: u64) -> Result<(), MappedRangeError> {
        let (_, range) = self.range(Some(offset), Some(data.len() as u64))?;
        if let MapState::Mapped(mapping) = &mut self.map {
            mapping.give(range, data);
        }
        Ok(())
    }

    /// As [`Buffer::write_mapped_range`] with `len` bytes of data, for callers that cannot borrow the buffer during the
    /// copy. Until [`Buffer::put_mapping_back`] the buffer is mapped and has no contents.
    pub fn lift_mapping(
        &mut self,
        len: usize,
        offset: Option<u64>,
        size: Option<u64>,
    ) -> Result<LiftedMapping, MappedRangeError> {
        let (_, range) = self.range(offset, size)?;
        let end = range.start.checked_add(len).filter(|&end| end <= range.end);
        match (&mut self.map, end) {
            (MapState::Mapped(mapping), Some(end)) => {
                Ok(LiftedMapping { mapping: mapping.take(), range: range.start..end })
            }
            _ => Err(MappedRangeError::Range(format!("{len} bytes of data do not fit a range of {}", range.len()))),
        }
    }

    /// Returns the mapping that [`Buffer::lift_mapping`] has taken.
    pub fn put_mapping_back(&mut self, lifted: LiftedMapping) {
        self.map = MapState::Mapped(lifted.mapping);
    }

    /// The mapping and the range in it that a call names (WebGPU, getMappedRange).
    fn range(&self, offset: Option<u64>, size: Option<u64>) -> Result<(&Mapping, Range<usize>), MappedRangeError> {
        let operation_error = |message: String| Err(MappedRangeError::Operation(message));
        let mapping = match &self.map {
            MapState::Mapped(mapping) if !self.is_unmapped_by_device() => mapping,
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
            (Some(start), Some(end)) if end <= mapping.len() => Ok((mapping, start..end)),
            _ => operation_error(format!(
                "offset {offset} and size {size} do not lie within the mapped range, {} bytes from {}",
                mapping.len(),
                mapping.offset
            )),
        }
    }

    /// `GPUBuffer.unmap`: ends a pending map too. It does nothing to a buffer that is not mapped.
    pub fn unmap(&mut self, client: &mut Client) {
        let before = std::mem::replace(&mut self.map, MapState::Unmapped);
        client.unmapped(before.bytes());
        let Some(id) = self.base.id else { return };
        let device = &self.base.device;
        match &before {
            MapState::Unmapped => return,
            MapState::Mapped(mapping) if mapping.mode == MapMode::Write => {
                for (mut offset, data) in mapping.writes() {
                    // In pieces that fit the ring; the daemon copies each into the buffer as it arrives.
                    for piece in data.chunks(MAX_PIECE as usize) {
                        client.send_with_data(device, piece, |data| WriteMapped { buffer: id, offset, data });
                        offset = offset.saturating_add(piece.len() as u64);
                    }
                }
            }
            MapState::Mapped(_) | MapState::Pending { .. } => {}
        }
        client.send(device, UnmapBuffer { buffer: id });
    }

    /// `GPUBuffer.destroy`.
    pub fn destroy(&mut self, client: &mut Client) {
        self.destroyed = true;
        let before = std::mem::replace(&mut self.map, MapState::Unmapped);
        client.unmapped(before.bytes());
        self.base.encode(client, |buffer| DestroyBuffer { buffer });
    }

    /// True when a write to the buffer is valid as far as shadow state can tell (WebGPU, writeBuffer). It assumes that
    /// the daemon could create the buffer: where it could not, each part of a long write is an error of its own.
    pub(crate) fn takes(&self, offset: u64, len: usize) -> bool {
        let mapped = !matches!(self.map, MapState::Unmapped);
        let end = offset.checked_add(len as u64);
        let plain = !self.usage.intersects(BufferUsage::MAP_READ | BufferUsage::MAP_WRITE);
        self.usage.contains(BufferUsage::COPY_DST)
            && plain
            && !self.destroyed
            && !mapped
            && offset.is_multiple_of(4)
            && end.is_some_and(|end| end <= self.size)
            && self.size <= self.base.device.capabilities.limits.max_buffer_size
    }
}

impl RequestedMap {
    /// Maps the buffer, once the reply has arrived; `None` for a buffer that its owner has released meanwhile.
    pub fn finish(
        self,
        client: &mut Client,
        buffer: Option<&mut Buffer>,
        reply: Result<MapReply, Gone>,
    ) -> Result<(), MapError> {
        let Self { request: number, mode, offset } = self;
        let Some(buffer) = buffer else { return Err(abort_error("the buffer was dropped".to_owned())) };
        let mine = matches!(buffer.map, MapState::Pending { request, .. } if request == number);
        if mine {
            client.unmapped(buffer.map.bytes());
            buffer.map = MapState::Unmapped;
        }
        match reply {
            Ok(Ok(data)) if mine && !buffer.base.device.is_destroyed() => {
                client.mapped(data.len());
                buffer.map = MapState::Mapped(Mapping::new(mode, offset, data));
                Ok(())
            }
            Ok(Ok(_)) => Err(abort_error("the buffer was unmapped before the map was done".to_owned())),
            Ok(Err(error)) => Err(error),
            Err(Gone) => Err(abort_error(client.why_no_reply())),
        }
    }
}

fn too_much(size: u64) -> String {
    format!("mapping {size} bytes: a session may have {MAX_MAPPED} bytes mapped at a time")
}

fn operation_error(message: String) -> MapError {
    MapError { kind: MapErrorKind::Operation, message }
}

fn abort_error(message: String) -> MapError {
    MapError { kind: MapErrorKind::Abort, message }
}
