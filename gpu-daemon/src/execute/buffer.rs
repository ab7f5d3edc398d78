//! `GPUBuffer`.

use std::{num::NonZeroU64, rc::Rc, sync::Arc};

use airlock_protocol::{
    Payload,
    commands::buffer::{BufferUsage, CreateBuffer, DestroyBuffer, MapBuffer, MapMode, UnmapBuffer, WriteMapped},
    events::{MapError, MapErrorKind},
};
use wgpu_core::{
    device::HostMap,
    id,
    resource::{BufferDescriptor, BufferMapOperation},
};
use wgpu_types as wgt;

use crate::{
    convert,
    gpu::{
        device::Device,
        memory::Charge,
        objects::{Buffer, Object},
        refusal::Refusal,
        violation::Outcome,
    },
    pending::completions::Current,
    session::Session,
};

impl Session {
    pub(super) fn create_buffer(&mut self, c: CreateBuffer<'_>) -> Outcome {
        const CALL: &str = "GPUDevice.createBuffer";
        let device = Rc::clone(self.devices.get(c.device)?);
        self.buffers.free(c.buffer)?;
        let label = convert::label(c.label);
        let usage = convert::buffer_usage(c.usage);
        let (charge, staging, made) = match self.charge_buffer(&device, &c) {
            Ok((charge, staging)) => {
                let (size, mapped_at_creation) = (c.size, c.mapped_at_creation);
                let descriptor = BufferDescriptor { label, size, usage, mapped_at_creation };
                (charge, staging, device.global.device_create_buffer(device.id, &descriptor, None))
            }
            Err(refusal) => {
                self.out_of_memory(&device, CALL, c.label, &refusal);
                let id = invalid_buffer(&device, label);
                if c.mapped_at_creation {
                    self.completions.mapped_at_creation(c.buffer, &device.core, id, c.size, false);
                }
                let (object, size) = (Object { id, device }, c.size);
                let (valid, destroyed, charge, staging) = (false, false, None, None);
                return self
                    .buffers
                    .insert(c.buffer, Buffer { object, size, usage, valid, destroyed, charge, staging });
            }
        };
        let valid = made.1.is_none();
        let id = device.created(CALL, c.label, made);
        if c.mapped_at_creation {
            self.completions.mapped_at_creation(c.buffer, &device.core, id, c.size, valid);
        }
        let (charge, staging) = if valid { (charge, staging) } else { (None, None) };
        let (object, size) = (Object { id, device }, c.size);
        self.buffers.insert(c.buffer, Buffer { object, size, usage, valid, destroyed: false, charge, staging })
    }

    /// Reserves the GPU memory of a buffer and of wgpu's staging buffer for it.
    fn charge_buffer(&mut self, device: &Device, c: &CreateBuffer<'_>) -> Result<Charges, Refusal> {
        if let Some(refusal) = self.buffers.refusal() {
            return Err(refusal);
        }
        let staged = c.mapped_at_creation && !c.usage.contains(BufferUsage::MAP_WRITE);
        let charges = self.reserve(c.size, false).and_then(|charge| {
            let staging = if staged { Some(self.reserve(c.size, false)?) } else { None };
            Ok((Some(charge), staging))
        });
        match charges {
            // Above the device's limit wgpu refuses it, with the error that WebGPU requires.
            Err(_) if c.size > device.global.device_limits(device.id).max_buffer_size => Ok((None, None)),
            charges => charges,
        }
    }

    pub(super) fn map_buffer(&mut self, c: MapBuffer) -> Outcome {
        let buffer = self.buffers.get(c.buffer)?;
        let (id, device) = (buffer.id, &buffer.device);
        self.flush_uploads(&device.core);
        self.completions.check_room()?;
        let refuse = |kind, message: &str| {
            self.completions.reject_map(c.request, MapError { kind, message: message.to_owned() });
            Ok(())
        };
        if device.is_lost() {
            return refuse(MapErrorKind::Abort, "the device is lost");
        }
        match self.completions.current(c.buffer) {
            Current::None => {}
            // WebGPU, "mapAsync": a buffer that is not unmapped raises both errors.
            Current::Pending => {
                device.invalid("GPUBuffer.mapAsync", "", "another map of the buffer is pending");
                return refuse(MapErrorKind::Operation, "another map of the buffer is pending");
            }
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
            Ok(_) => self.waiting = true,
            // The callback has replied to the request.
            Err(error) => device.report("GPUBuffer.mapAsync", "", &error),
        }
        Ok(())
    }

    pub(super) fn write_mapped(&mut self, c: WriteMapped<'_>) -> Outcome {
        let device = Rc::clone(&self.buffers.get(c.buffer)?.device);
        if let Some(refusal) = self.payloads.refusal(c.data) {
            self.out_of_memory(&device, "GPUBuffer.unmap", "", &refusal);
            return self.skip(c.data);
        }
        let (data, payloads) = (c.data, &mut self.payloads);
        let written =
            self.completions.write_mapped(c.buffer, &device, c.offset, data.len(), |to| payloads.copy_to(data, to))?;
        match written {
            Ok(outcome) => outcome,
            // No mapped memory, but the piece must be read all the same.
            Err(_) => self.skip(data),
        }
    }

    /// Reads a payload and discards it.
    pub(super) fn skip(&mut self, data: Payload<'_>) -> Outcome {
        let bytes = self.payloads.take(data)?;
        self.payloads.give_back(bytes);
        Ok(())
    }

    /// WebGPU's unmap raises no errors and ignores a buffer that is unmapped or invalid.
    pub(super) fn unmap_buffer(&mut self, c: UnmapBuffer) -> Outcome {
        let device = Rc::clone(&self.buffers.get(c.buffer)?.device);
        self.flush_uploads(&device.core);
        let buffer = self.buffers.get_mut(c.buffer)?;
        self.completions.end_mapping(c.buffer);
        if let Err(error) = buffer.device.global.buffer_unmap(buffer.id) {
            tracing::trace!("unmap of buffer {}: {error}", c.buffer.0);
        }
        if buffer.staging.take().is_some() {
            // The contents are staged until the next submit, like those of a write.
            buffer.device.held.add(buffer.size);
        }
        Ok(())
    }

    pub(super) fn destroy_buffer(&mut self, c: DestroyBuffer) -> Outcome {
        let device = Rc::clone(&self.buffers.get(c.buffer)?.device);
        self.flush_uploads(&device.core);
        let buffer = self.buffers.get_mut(c.buffer)?;
        self.completions.end_mapping(c.buffer);
        buffer.device.global.buffer_destroy(buffer.id);
        (buffer.destroyed, buffer.charge, buffer.staging) = (true, None, None);
        Ok(())
    }
}

/// Charges of a buffer and of its staging buffer.
type Charges = (Option<Charge>, Option<Charge>);

/// A length in wgpu's form, which is `None` for zero.
pub(super) fn non_zero(size: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(size)
}

/// Creates an invalid buffer without raising an error: wgpu refuses an empty usage.
fn invalid_buffer(device: &Device, label: wgpu_core::Label<'_>) -> id::BufferId {
    let usage = wgt::BufferUsages::empty();
    let descriptor = BufferDescriptor { label, size: 0, usage, mapped_at_creation: false };
    device.global.device_create_buffer(device.id, &descriptor, None).0
}
