//! `GPUQueue`: submits, and writes with their data.

use std::{ops::Range, sync::Arc};

use airlock_protocol::{
    commands::{
        queue::{OnSubmittedWorkDone, Submit, WriteBuffer, WriteTexture},
        texture as wire,
    },
    ids::BufferId,
    limits::MAX_LIST,
};

use crate::{
    buffer::Buffer,
    client::{Client, Lifted},
    command_encoder::CommandBuffer,
    device::{DeviceKey, DeviceState},
    object::bounded_label,
    session::{Session, TooLong, Wait},
    texture::{Extent3d, Rows, TexelCopyBufferLayout, TexelCopyTextureInfo},
};

/// Bytes of the parts in which a long write to a buffer is sent.
const WRITE_PIECE: usize = 1 << 20;

/// Bytes of the parts in which a long write to a texture is sent, but at least a row. They pass through memory of the
/// daemon's own, and stay in its cache.
const TEXTURE_PIECE: usize = 256 << 10;

/// `GPUQueue`. All values for one device are the same queue.
#[derive(Debug)]
pub struct Queue {
    device: Arc<DeviceState>,
}

/// `OperationError`: the range lies outside the data, or is not a multiple of 4 bytes (WebGPU, writeBuffer).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WriteBufferError(String);

impl Queue {
    pub(crate) fn new(device: Arc<DeviceState>) -> Self {
        Self { device }
    }

    /// `GPUQueue.submit`. A command buffer that cannot be named makes the whole submit invalid.
    pub fn submit<'a>(&self, client: &mut Client, command_buffers: impl IntoIterator<Item = &'a CommandBuffer>) {
        let device = &self.device;
        let command_buffers = command_buffers.into_iter();
        let mut ids = Vec::with_capacity(command_buffers.size_hint().0);
        for command_buffer in command_buffers {
            match command_buffer.base.name(client, device) {
                Some(id) => ids.push(id),
                None => return,
            }
        }
        if ids.len() > MAX_LIST {
            client.invalid(device, &format!("a submit of {} command buffers, more than {MAX_LIST}", ids.len()));
            return;
        }
        client.send(device, Submit { device: device.id, command_buffers: ids });
        client.flush(device);
    }

    /// `GPUQueue.onSubmittedWorkDone`. When the session ends there is no more work: [`Gone`](crate::Gone) then means
    /// the same as a reply.
    pub fn on_submitted_work_done(&self, client: &mut Client) -> Wait<()> {
        let device = &self.device;
        let command = |request| OnSubmittedWorkDone { request, device: device.id };
        client.request(device, 0, command).unwrap_or_else(|| Wait::ready(()))
    }

    /// `GPUQueue.writeBuffer`: `size` bytes of the data from `data_offset`, by default to its end. Data that is longer
    /// than [`MAX_STAGED`](airlock_protocol::limits::MAX_STAGED) is an out-of-memory error.
    pub fn write_buffer(
        &self,
        client: &mut Client,
        buffer: &Buffer,
        offset: u64,
        data: &[u8],
        data_offset: Option<u64>,
        size: Option<u64>,
    ) -> Result<(), WriteBufferError> {
        if let Some(write) = self.plan_buffer_write(client, buffer, offset, data.len(), data_offset, size)? {
            client.send_data(write.device, |session| write.send(session, data));
        }
        Ok(())
    }

    /// Plans a `writeBuffer` of `len` bytes of data, for callers that cannot borrow the client while it is sent. `None`
    /// when the buffer cannot be named.
    #[inline]
    pub fn plan_buffer_write(
        &self,
        client: &mut Client,
        buffer: &Buffer,
        offset: u64,
        len: usize,
        data_offset: Option<u64>,
        size: Option<u64>,
    ) -> Result<Option<BufferWrite>, WriteBufferError> {
        let range = part(len, data_offset, size).map_err(WriteBufferError)?;
        if !range.len().is_multiple_of(4) {
            return Err(WriteBufferError(format!("{} bytes are not a multiple of 4", range.len())));
        }
        let in_parts = range.len() > WRITE_PIECE && buffer.takes(offset, range.len());
        let device = self.device.key();
        let buffer = crate::object::DeviceObject::base(buffer).name(client, &self.device);
        Ok(buffer.map(|buffer| BufferWrite { device, buffer, offset, range, in_parts }))
    }

    /// `GPUQueue.writeTexture`.
    pub fn write_texture(
        &self,
        client: &mut Client,
        destination: TexelCopyTextureInfo<'_>,
        data: &[u8],
        layout: TexelCopyBufferLayout,
        size: Extent3d,
    ) {
        if let Some(write) = self.plan_texture_write(client, destination, data.len(), layout, size) {
            client.send_data(write.device, |session| write.send(session, data));
        }
    }

    /// Plans a `writeTexture` of `len` bytes of data, as [`Queue::plan_buffer_write`].
    pub fn plan_texture_write(
        &self,
        client: &mut Client,
        destination: TexelCopyTextureInfo<'_>,
        len: usize,
        layout: TexelCopyBufferLayout,
        size: Extent3d,
    ) -> Option<TextureWrite> {
        let texture = destination.texture;
        let destination = destination.resolve(client, &self.device)?;
        let (layout, size) = (layout.resolve(), size.resolve());
        let rows = texture.rows(&destination, &layout, size, len);
        Some(TextureWrite { device: self.device.key(), destination, layout, size, rows })
    }

    /// The label, empty where none was set.
    pub fn label(&self) -> String {
        self.device.queue_label()
    }

    /// Sets the label, truncated to [`MAX_LABEL`](airlock_protocol::limits::MAX_LABEL) bytes.
    pub fn set_label(&self, label: String) {
        self.device.set_queue_label(bounded_label(Some(label)));
    }

    /// Drops an owner's handle.
    pub fn release(self, client: &mut Client) {
        client.release_device(self.device);
    }
}

/// A planned `writeBuffer`.
#[derive(Clone, Debug)]
pub struct BufferWrite {
    device: DeviceKey,
    buffer: BufferId,
    offset: u64,
    /// The written part of the data.
    range: Range<usize>,
    /// It is long, and no part of it can fail as far as shadow state can tell.
    in_parts: bool,
}

impl BufferWrite {
    /// The device whose session sends the write.
    #[inline]
    pub fn device(&self) -> DeviceKey {
        self.device
    }

    /// Sends the data through a session that was lifted out of its client; [`Client::put_back`] takes the result.
    #[inline]
    pub fn send_through(&self, session: &mut Lifted, data: &[u8]) -> Result<(), TooLong> {
        self.send(&mut session.0, data)
    }

    /// Sends a long write in parts, so that each part goes to the GPU while the next is copied. A write that might be
    /// rejected is sent whole: then nothing of it may be written, and it raises one error.
    fn send(&self, session: &mut Session, data: &[u8]) -> Result<(), TooLong> {
        let Self { device, buffer, offset, in_parts, .. } = *self;
        let data = data.get(self.range.clone()).unwrap_or_default();
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

/// A planned `writeTexture`.
#[derive(Clone, Debug)]
pub struct TextureWrite {
    device: DeviceKey,
    destination: wire::TexelCopyTextureInfo,
    layout: wire::TexelCopyBufferLayout,
    size: wire::Extent3d,
    /// The layout of its rows, if no part of the write can fail as far as shadow state can tell.
    rows: Option<Rows>,
}

impl TextureWrite {
    /// The device whose session sends the write.
    #[inline]
    pub fn device(&self) -> DeviceKey {
        self.device
    }

    /// As [`BufferWrite::send_through`].
    #[inline]
    pub fn send_through(&self, session: &mut Lifted, data: &[u8]) -> Result<(), TooLong> {
        self.send(&mut session.0, data)
    }

    /// Sends a long write in parts, as [`BufferWrite::send`] does.
    fn send(&self, session: &mut Session, data: &[u8]) -> Result<(), TooLong> {
        let Self { device, destination, layout, size, rows } = *self;
        let at = |destination, layout, size, data| WriteTexture { device: device.id, destination, layout, size, data };
        let Some(Rows { bytes, stride }) = rows.filter(|_| data.len() > TEXTURE_PIECE) else {
            return session.send_with_data(data, |data| at(destination, layout, size, data));
        };
        let max_rows = u32::try_from(TEXTURE_PIECE / stride.max(1)).unwrap_or(u32::MAX).max(1);
        let data = usize::try_from(layout.offset).ok().and_then(|offset| data.get(offset..)).unwrap_or_default();
        for (part, first) in
            data.chunks(stride.saturating_mul(max_rows as usize)).zip((0..size.height).step_by(max_rows as usize))
        {
            let height = size.height.saturating_sub(first).min(max_rows);
            // Without the padding behind the last row.
            let end = stride.saturating_mul(height.saturating_sub(1) as usize).saturating_add(bytes);
            let part = part.get(..end).unwrap_or(part);
            let y = destination.origin.y.saturating_add(first);
            let origin = wire::Origin3d { y, ..destination.origin };
            let destination = wire::TexelCopyTextureInfo { origin, ..destination };
            let layout = wire::TexelCopyBufferLayout { offset: 0, ..layout };
            let size = wire::Extent3d { height, ..size };
            session.send_with_data(part, |data| at(destination, layout, size, data))?;
            session.flush();
        }
        Ok(())
    }
}

/// The part of `len` bytes from `offset`, `size` bytes long or to the end; an error's text when it lies outside.
#[inline]
fn part(len: usize, offset: Option<u64>, size: Option<u64>) -> Result<Range<usize>, String> {
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

/// The offset and bytes that a `setImmediates` names. Where WebGPU throws, `wasi:webgpu`'s function has no result: the
/// returned offset is then one that is never valid, so that the daemon invalidates the recording.
pub(crate) fn immediates(range_offset: u32, data: &[u8], offset: Option<u64>, size: Option<u64>) -> (u32, &[u8]) {
    /// No device has more (WebGPU, "maxImmediateSize"; wgpu's largest is 256).
    const MAX_IMMEDIATES: usize = 4096;
    match part(data.len(), offset, size).ok().and_then(|part| data.get(part)) {
        Some(part) if part.len() <= MAX_IMMEDIATES => (range_offset, part),
        _ => (u32::MAX, &[]),
    }
}
