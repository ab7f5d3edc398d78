//! `GPUBuffer`.

use std::{num::NonZeroU64, rc::Rc, sync::Arc};

use airlock_protocol::{
    Payload,
    commands::buffer::{CreateBuffer, DestroyBuffer, MapBuffer, MapMode, UnmapBuffer, WriteMapped},
    events::{MapError, MapErrorKind},
};
use wgpu_core::{
    device::HostMap,
    resource::{BufferDescriptor, BufferMapOperation},
};

use crate::{
    completions::Current,
    convert,
    objects::{Buffer, Object},
    session::Session,
    violation::Outcome,
};

impl Session {
    pub(super) fn create_buffer(&mut self, c: CreateBuffer<'_>) -> Outcome {
        let device = Rc::clone(self.devices.get(c.device)?);
        self.buffers.vacant(c.buffer)?;
        let descriptor = BufferDescriptor {
            label: convert::label(c.label),
            size: c.size,
            usage: convert::buffer_usage(c.usage),
            mapped_at_creation: c.mapped_at_creation,
        };
        let (id, error) = device.global.device_create_buffer(device.id, &descriptor, None);
        let valid = error.is_none();
        device.created("GPUDevice.createBuffer", c.label, (id, error));
        if c.mapped_at_creation {
            self.completions.mapped_at_creation(c.buffer, &device.core, id, c.size, valid);
        }
        self.buffers.insert(c.buffer, Buffer { object: Object { id, device }, size: c.size })
    }

    pub(super) fn map_buffer(&mut self, c: MapBuffer) -> Outcome {
        let buffer = self.buffers.get(c.buffer)?;
        let (id, device) = (buffer.id, &buffer.device);
        self.completions.check_room()?;
        let refuse = |kind, message: &str| {
            self.completions.answer_map(c.request, MapError { kind, message: message.to_owned() });
            Ok(())
        };
        if device.is_lost() {
            return refuse(MapErrorKind::Abort, "the device is lost");
        }
        match self.completions.current(c.buffer) {
            Current::None => {}
            // WebGPU, "mapAsync": a second request beside a pending one fails without a validation error.
            Current::Pending => return refuse(MapErrorKind::Operation, "another map of the buffer is pending"),
            Current::Mapped => {
                device.invalid("GPUBuffer.mapAsync", "", "the buffer is mapped already");
                return refuse(MapErrorKind::Operation, "the buffer is mapped already");
            }
        }
        let ticket = self.completions.map_pending(c.buffer, &device.core, id, c.mode, (c.offset, c.size), c.request);
        let completions = Arc::clone(&self.completions);
        let callback = move |result| completions.map_done(c.buffer, ticket, result);
        let host = match c.mode {
            MapMode::Read => HostMap::Read,
            MapMode::Write => HostMap::Write,
        };
        let operation = BufferMapOperation { host, callback: Some(Box::new(callback)) };
        match device.global.buffer_map_async(id, c.offset, Some(c.size), operation) {
            Ok(_) => self.completions.watch.wake(),
            // The callback has answered the request.
            Err(error) => device.report("GPUBuffer.mapAsync", "", &error),
        }
        Ok(())
    }

    pub(super) fn write_mapped(&mut self, c: WriteMapped<'_>) -> Outcome {
        let device = Rc::clone(&self.buffers.get(c.buffer)?.device);
        let (data, payloads) = (c.data, &mut self.payloads);
        let written =
            self.completions.write_mapped(c.buffer, &device, c.offset, data.len(), |to| payloads.copy_to(data, to))?;
        match written {
            Ok(outcome) => outcome,
            // There is no memory for it. The piece counts as read all the same.
            Err(_) => self.skip(data),
        }
    }

    /// Reads a payload and throws it away.
    pub(super) fn skip(&mut self, data: Payload<'_>) -> Outcome {
        let bytes = self.payloads.take(data)?;
        self.payloads.give_back(bytes);
        Ok(())
    }

    /// WebGPU's unmap has no errors: a buffer that is not mapped, or invalid, is left alone.
    pub(super) fn unmap_buffer(&mut self, c: UnmapBuffer) -> Outcome {
        let buffer = self.buffers.get(c.buffer)?;
        self.completions.end_mapping(c.buffer);
        if let Err(error) = buffer.device.global.buffer_unmap(buffer.id) {
            tracing::trace!("unmap of buffer {}: {error}", c.buffer.0);
        }
        Ok(())
    }

    pub(super) fn destroy_buffer(&mut self, c: DestroyBuffer) -> Outcome {
        let buffer = self.buffers.get(c.buffer)?;
        self.completions.end_mapping(c.buffer);
        buffer.device.global.buffer_destroy(buffer.id);
        Ok(())
    }
}

/// A length that wgpu takes only when it is not zero.
pub(super) fn non_zero(size: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(size)
}
