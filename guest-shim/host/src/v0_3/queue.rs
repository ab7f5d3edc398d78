//! `gpu-queue`.

use std::{ops::Range, sync::Arc};

use airlock_client::session::{DeviceKey, Session, TooLong};
use airlock_protocol::{
    commands::{
        queue::{OnSubmittedWorkDone, Submit, WriteBuffer, WriteTexture},
        texture::{Extent3d, Origin3d, TexelCopyBufferLayout, TexelCopyTextureInfo},
    },
    ids::BufferId,
    limits::MAX_LIST,
};
use wasmtime::component::{Accessor, Resource};

use super::{WasiWebGpu, bounded_label};
use crate::{
    WasiWebGpuCtxView,
    shadow::Rows,
    v0_3::bindings::webgpu::{self, *},
    v0_3::functions::called,
};

/// Bytes of the parts in which a long write to a buffer is sent.
const WRITE_PIECE: usize = 1 << 20;

/// Bytes of the parts in which a long write to a texture is sent, but at least a row. They pass through memory of the
/// daemon's own, and stay in its cache.
const TEXTURE_PIECE: usize = 256 << 10;

impl webgpu::HostGpuQueue for WasiWebGpuCtxView<'_> {
    fn submit(
        &mut self,
        queue: Resource<GpuQueue>,
        command_buffers: Vec<Resource<GpuCommandBuffer>>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-queue.submit");
        let device = Arc::clone(&self.table.get(&queue)?.device);
        let mut ids = Vec::with_capacity(command_buffers.len());
        for command_buffer in &command_buffers {
            // One that cannot be named makes the whole submit invalid (WebGPU, submit).
            match self.name(command_buffer, &device)? {
                Some(id) => ids.push(id),
                None => return Ok(()),
            }
        }
        if ids.len() > MAX_LIST {
            self.ctx.invalid(&device, &format!("a submit of {} command buffers, more than {MAX_LIST}", ids.len()));
            return Ok(());
        }
        self.ctx.send(&device, Submit { device: device.id, command_buffers: ids });
        self.ctx.flush(&device);
        Ok(())
    }

    fn write_buffer_with_copy(
        &mut self,
        queue: Resource<GpuQueue>,
        buffer: Resource<GpuBuffer>,
        buffer_offset: GpuSize64,
        data: Vec<u8>,
        data_offset: Option<GpuSize64>,
        size: Option<GpuSize64>,
    ) -> wasmtime::Result<Result<(), WriteBufferError>> {
        called!(self, "gpu-queue.write-buffer-with-copy");
        let range = part(data.len(), data_offset, size);
        Ok(self.buffer_write(&queue, &buffer, buffer_offset, range)?.map(|write| {
            if let Some(write) = write {
                let data = data.get(write.range.clone()).unwrap_or_default();
                self.ctx.send_data(write.device, |session| write.send(session, data));
            }
        }))
    }

    fn write_texture_with_copy(
        &mut self,
        queue: Resource<GpuQueue>,
        destination: GpuTexelCopyTextureInfo,
        data: Vec<u8>,
        data_layout: GpuTexelCopyBufferLayout,
        size: GpuExtent3D,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-queue.write-texture-with-copy");
        if let Some(write) = self.texture_write(&queue, &destination, &data_layout, &size, data.len())? {
            self.ctx.send_data(write.device, |session| write.send(session, &data));
        }
        Ok(())
    }

    fn label(&mut self, queue: Resource<GpuQueue>) -> wasmtime::Result<String> {
        called!(self, "gpu-queue.label");
        Ok(self.table.get(&queue)?.device.queue_label())
    }

    fn set_label(&mut self, queue: Resource<GpuQueue>, label: String) -> wasmtime::Result<()> {
        called!(self, "gpu-queue.set-label");
        self.table.get(&queue)?.device.set_queue_label(bounded_label(Some(label)));
        Ok(())
    }

    fn drop(&mut self, queue: Resource<GpuQueue>) -> wasmtime::Result<()> {
        let queue = self.table.delete(queue)?;
        self.ctx.release_device(queue.device);
        Ok(())
    }
}

/// A `write-buffer` that may be sent.
pub(super) struct BufferWrite {
    pub(super) device: DeviceKey,
    buffer: BufferId,
    offset: u64,
    /// Which part of the guest's list is written.
    pub(super) range: Range<usize>,
    /// It is long, and no part of it can fail, as far as the host knows.
    in_parts: bool,
}

impl BufferWrite {
    /// Sends it. Each part of a long write goes to the GPU while the next is copied, unless the whole might be refused:
    /// then nothing of it may be written, and its error is one.
    pub(super) fn send(&self, session: &mut Session, data: &[u8]) -> Result<(), TooLong> {
        let Self { device, buffer, offset, in_parts, .. } = *self;
        let at = |offset, data| WriteBuffer { device: device.id, buffer, offset, data };
        if !in_parts {
            return session.send_with_data(data, |data| at(offset, data));
        }
        let mut offset = offset;
        for piece in data.chunks(WRITE_PIECE) {
            session.send_with_data(piece, |data| at(offset, data))?;
            if piece.len() < data.len() {
                session.flush();
            }
            offset = offset.saturating_add(piece.len() as u64);
        }
        Ok(())
    }
}

/// A `write-texture` that may be sent.
pub(super) struct TextureWrite {
    pub(super) device: DeviceKey,
    destination: TexelCopyTextureInfo,
    layout: TexelCopyBufferLayout,
    size: Extent3d,
    /// How its rows lie, if no part of it can fail, as far as the host knows.
    rows: Option<Rows>,
}

impl TextureWrite {
    /// Sends it, a long one in parts, as [`BufferWrite::send`] does.
    pub(super) fn send(&self, session: &mut Session, data: &[u8]) -> Result<(), TooLong> {
        let Self { device, destination, layout, size, rows } = *self;
        let at = |destination, layout, size, data| WriteTexture { device: device.id, destination, layout, size, data };
        let Some(Rows { bytes, stride }) = rows.filter(|_| data.len() > TEXTURE_PIECE) else {
            return session.send_with_data(data, |data| at(destination, layout, size, data));
        };
        let most = u32::try_from(TEXTURE_PIECE / stride.max(1)).unwrap_or(u32::MAX).max(1);
        let data = usize::try_from(layout.offset).ok().and_then(|offset| data.get(offset..)).unwrap_or_default();
        for (part, first) in
            data.chunks(stride.saturating_mul(most as usize)).zip((0..size.height).step_by(most as usize))
        {
            let height = size.height.saturating_sub(first).min(most);
            // Without what lies behind the last row.
            let end = stride.saturating_mul(height.saturating_sub(1) as usize).saturating_add(bytes);
            let part = part.get(..end).unwrap_or(part);
            let y = destination.origin.y.saturating_add(first);
            let destination = TexelCopyTextureInfo { origin: Origin3d { y, ..destination.origin }, ..destination };
            let layout = TexelCopyBufferLayout { offset: 0, ..layout };
            let size = Extent3d { height, ..size };
            session.send_with_data(part, |data| at(destination, layout, size, data))?;
            session.flush();
        }
        Ok(())
    }
}

impl WasiWebGpuCtxView<'_> {
    /// What a `write-buffer` is to send: nothing when its objects are gone. The range is the part of the guest's list.
    pub(super) fn buffer_write(
        &mut self,
        queue: &Resource<GpuQueue>,
        buffer: &Resource<GpuBuffer>,
        offset: u64,
        range: Result<Range<usize>, String>,
    ) -> wasmtime::Result<Result<Option<BufferWrite>, WriteBufferError>> {
        let range = match range {
            Ok(range) if range.len() % 4 == 0 => range,
            Ok(range) => return Ok(Err(operation_error(format!("{} bytes are not a multiple of 4", range.len())))),
            Err(message) => return Ok(Err(operation_error(message))),
        };
        let device = &self.table.get(queue)?.device;
        let target = self.table.get(buffer)?;
        let Some(buffer) = self.ctx.name(&target.base, device) else { return Ok(Ok(None)) };
        let in_parts = range.len() > WRITE_PIECE && target.takes(offset, range.len());
        Ok(Ok(Some(BufferWrite { device: device.key(), buffer, offset, range, in_parts })))
    }

    /// What a `write-texture` of `len` bytes is to send: nothing when its objects are gone.
    pub(super) fn texture_write(
        &mut self,
        queue: &Resource<GpuQueue>,
        destination: &GpuTexelCopyTextureInfo,
        layout: &GpuTexelCopyBufferLayout,
        size: &GpuExtent3D,
        len: usize,
    ) -> wasmtime::Result<Option<TextureWrite>> {
        let device = Arc::clone(&self.table.get(queue)?.device);
        let Some(to) = self.texel_copy_texture(destination, &device)? else { return Ok(None) };
        let layout = super::texture::layout(layout.offset, layout.bytes_per_row, layout.rows_per_image);
        let size = super::texture::extent(size);
        let rows = self.table.get(&destination.texture)?.rows(&to, &layout, size, len);
        Ok(Some(TextureWrite { device: device.key(), destination: to, layout, size, rows }))
    }
}

/// The part of `len` bytes from `offset`, `size` bytes long or to the end; an error's text when it is not within.
pub(super) fn part(len: usize, offset: Option<u64>, size: Option<u64>) -> Result<Range<usize>, String> {
    let within = || {
        let start = usize::try_from(offset.unwrap_or(0)).ok()?;
        let rest = len.checked_sub(start)?;
        let size = size.map_or(Some(rest), |size| usize::try_from(size).ok().filter(|&size| size <= rest))?;
        Some(start..start.checked_add(size)?)
    };
    within().ok_or_else(|| {
        let offset = offset.unwrap_or(0);
        format!("offset {offset} and size {size:?} do not lie within the {len} bytes of data")
    })
}

fn operation_error(message: String) -> WriteBufferError {
    WriteBufferError { kind: WriteBufferErrorKind::OperationError, message }
}

/// The offset and bytes that a `set-immediates` names. Where WebGPU throws, the interface gives the function no result:
/// then it is an offset that is never valid, so that the daemon spoils the recording.
pub(super) fn immediates(range_offset: u32, data: &[u8], offset: Option<u64>, size: Option<u64>) -> (u32, &[u8]) {
    /// No device has more (WebGPU, "maxImmediateSize"; wgpu's largest is 256).
    const MAX_IMMEDIATES: usize = 4096;
    match part(data.len(), offset, size).ok().and_then(|part| data.get(part)) {
        Some(part) if part.len() <= MAX_IMMEDIATES => (range_offset, part),
        _ => (u32::MAX, &[]),
    }
}

impl<T: Send> webgpu::HostGpuQueueWithStore<T> for WasiWebGpu {
    async fn on_submitted_work_done(accessor: &Accessor<T, Self>, queue: Resource<GpuQueue>) -> wasmtime::Result<()> {
        let answer = accessor.with(|mut access| -> wasmtime::Result<_> {
            let view = access.get();
            called!(view, "gpu-queue.on-submitted-work-done");
            let device = Arc::clone(&view.table.get(&queue)?.device);
            Ok(view.ctx.ask(&device, 0, |request| OnSubmittedWorkDone { request, device: device.id }))
        })?;
        if let Some(answer) = answer {
            // When the session ends there is no more work: that is an answer too.
            let _ = answer.await;
        }
        Ok(())
    }
}
