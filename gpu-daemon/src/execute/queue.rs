//! `GPUQueue`.

use std::{rc::Rc, sync::Arc};

use airlock_protocol::{
    Event, Payload,
    commands::queue::{OnSubmittedWorkDone, Submit, WriteBuffer, WriteTexture},
};
use wgpu_core::{
    device::queue::QueueWriteError,
    id::{BufferId, CommandBufferId},
};

use crate::{
    convert::texture::{copy_layout, copy_texture, extent},
    gpu::{
        device::Device,
        mapped,
        objects::NamedInVain,
        refusal::Refusal,
        sizes::staged_rows,
        uploads::Open,
        violation::{Outcome, check_list},
    },
    pending::completions::Current,
    session::Session,
    worker::vitals::Vitals,
};

use super::buffer::non_zero;

const WRITE_BUFFER: &str = "GPUQueue.writeBuffer";
const WRITE_TEXTURE: &str = "GPUQueue.writeTexture";

impl Session {
    /// wgpu marks each command buffer as submitted, whatever the result, and refuses to submit it again.
    pub(super) fn submit(&mut self, c: Submit) -> Outcome {
        check_list(&c.command_buffers)?;
        let device = Rc::clone(self.devices.get(c.device)?);
        let ids = c
            .command_buffers
            .iter()
            .map(|&id| self.command_buffers.get(id).map(|buffer| buffer.id))
            .collect::<Result<Vec<_>, _>>()?;
        self.wait_for_queue(&device);
        let mut named = c.command_buffers.iter().filter_map(|&id| self.command_buffers.get(id).ok());
        if named.any(|buffer| buffer.named.iter().any(|resource| self.is_unavailable(resource))) {
            let reason = "a copy of nothing is from or to a resource that is destroyed or mapped";
            device.invalid("GPUQueue.submit", "", reason);
            use_up(&device, ids);
        } else if let Err(error) = self.hand_in(&device.core, &ids) {
            device.report("GPUQueue.submit", "", &*error);
        }
        Vitals::add(&self.vitals.submits, 1);
        Ok(())
    }

    pub(super) fn on_submitted_work_done(&mut self, c: OnSubmittedWorkDone) -> Outcome {
        let device = Rc::clone(self.devices.get(c.device)?);
        self.completions.check_room()?;
        self.flush_uploads(&device.core);
        if device.is_lost() {
            self.completions.events.send(&Event::WorkDone { request: c.request });
            return Ok(());
        }
        let ticket = self.completions.work_pending(&device.core, c.request);
        let completions = Arc::clone(&self.completions);
        let callback = move || completions.work_done(ticket);
        device.global.queue_on_submitted_work_done(device.queue, Box::new(callback));
        // Lost since the check above: its requests were settled before this one existed, and wgpu may never call back.
        if device.is_lost() && !device.is_destroyed() {
            self.completions.work_done(ticket);
        }
        self.waiting = true;
        Ok(())
    }

    pub(super) fn write_buffer(&mut self, c: WriteBuffer<'_>) -> Outcome {
        let device = Rc::clone(self.devices.get(c.device)?);
        let buffer = self.buffers.get(c.buffer)?;
        // wgpu indexes the buffers of the queue's device with the buffer's number, out of bounds for a foreign one,
        // before it checks the owner. With an empty write it checks the owner in time.
        let ours = Rc::ptr_eq(&buffer.device, &device);
        // wgpu does not check the buffer's state for an empty write.
        let unavailable = buffer.destroyed || self.completions.current(c.buffer) != Current::None;
        if c.data.is_empty() && ours && unavailable {
            device.invalid(WRITE_BUFFER, "", "the buffer is destroyed or mapped");
            return self.skip(c.data);
        }
        let buffer = buffer.id;
        let upload = match c.data {
            Payload::Shared { start, len } if ours && !unavailable => {
                device.uploads.source(start, len).map(|ring| (ring, start, len))
            }
            Payload::Shared { .. } | Payload::Inline(_) | Payload::Staged { .. } => None,
        };
        if upload.is_none() {
            self.flush_uploads(&device.core);
        }
        if let Err(refusal) = self.make_way(&device, c.data, c.data.len()) {
            self.out_of_memory(&device, WRITE_BUFFER, "", &refusal);
            return self.skip(c.data);
        }
        if let Payload::Inline(bytes) = c.data
            && ours
        {
            write(&device, device.global.queue_write_buffer(device.queue, buffer, c.offset, bytes));
            // wgpu stages the bytes even if it refuses the write.
            self.hold(&device, c.data.len());
            return Ok(());
        }
        // wgpu allocates a staging buffer before it validates the call, so validate first.
        let valid = match non_zero(c.data.len()).filter(|_| ours) {
            Some(size) => {
                let (global, queue) = (&device.global, device.queue);
                global.queue_validate_write_buffer(queue, buffer, c.offset, size).map(|()| Some(size))
            }
            None => device.global.queue_write_buffer(device.queue, buffer, c.offset, &[]).map(|()| None),
        };
        match valid {
            Ok(Some(size)) => {
                if let Some((ring, start, len)) = upload {
                    let at = self.payloads.pass(start, len)?;
                    self.upload(&device, (ring, at, start), (buffer, c.offset), size.get());
                    return Ok(());
                }
                let payloads = &mut self.payloads;
                let fill = |to: &mut [u8]| payloads.copy_to(c.data, to);
                match mapped::stage(&device.global, device.queue, size, fill) {
                    Ok((staging, outcome)) => {
                        outcome?;
                        let (global, queue) = (&device.global, device.queue);
                        write(&device, global.queue_write_staging_buffer(queue, buffer, c.offset, staging));
                        self.hold(&device, size.get());
                        return Ok(());
                    }
                    Err(error) => write(&device, Err(error)),
                }
            }
            Ok(None) => {}
            Err(error) => write(&device, Err(error)),
        }
        self.skip(c.data)
    }

    /// Records a copy out of the ring by the GPU: `size` bytes at `at`, whose position is `start`.
    fn upload(
        &self,
        device: &Device,
        (ring, at, start): (BufferId, u64, u64),
        (buffer, offset): (BufferId, u64),
        size: u64,
    ) {
        let (global, credit) = (&device.global, &self.completions.credit);
        let encoder = device.uploads.encoder(size, || {
            let (encoder, _) = global.device_create_command_encoder(device.id, &Default::default(), None);
            Open::new(encoder, credit.hold(device.serial, start))
        });
        // wgpu reports what is wrong with the copy at the encoder's end; its checks of a write were made before.
        if let Err(error) = global.command_encoder_copy_buffer_to_buffer(encoder, ring, at, buffer, offset, Some(size))
        {
            tracing::debug!("an upload: {error}");
        }
        self.hold(device, size);
    }

    pub(super) fn write_texture(&mut self, c: WriteTexture<'_>) -> Outcome {
        let device = Rc::clone(self.devices.get(c.device)?);
        let texture = self.textures.get(c.destination.texture)?;
        let destination = copy_texture(&c.destination, texture.id);
        let (layout, size) = (copy_layout(&c.layout), extent(c.size));
        self.flush_uploads(&device.core);
        let bytes = staged_rows(&layout, &size, texture.made.descriptor.format.block_dimensions().1, c.data.len());
        if let Err(refusal) = self.make_way(&device, c.data, bytes) {
            self.out_of_memory(&device, WRITE_TEXTURE, "", &refusal);
            return self.skip(c.data);
        }
        let data = self.payloads.take(c.data)?;
        let result = device.global.queue_write_texture(device.queue, &destination, &data, &layout, &size);
        self.payloads.give_back(data);
        match result {
            Ok(()) => self.hold(&device, bytes),
            Err(error) => device.report(WRITE_TEXTURE, "", &error),
        }
        Ok(())
    }

    /// True for a resource that a submit must not use.
    fn is_unavailable(&self, resource: &NamedInVain) -> bool {
        match resource {
            NamedInVain::Texture(made) => made.destroyed.get(),
            NamedInVain::Buffer(client, id) => self.buffers.get(*client).is_ok_and(|buffer| {
                buffer.id == *id && (buffer.destroyed || self.completions.current(*client) != Current::None)
            }),
        }
    }

    /// Back-pressure: waits until a write with `bytes` of staging memory fits the quota of data in flight.
    fn make_way(&self, device: &Device, data: Payload<'_>, bytes: u64) -> Result<(), Refusal> {
        match self.payloads.refusal(data) {
            Some(refusal) => Err(refusal),
            None => self.wait_for_flight(device, bytes),
        }
    }
}

/// Marks command buffers as submitted without their work: together with an invalid one, wgpu refuses them.
fn use_up(device: &Device, mut ids: Vec<CommandBufferId>) {
    let global = &device.global;
    let (encoder, _) = global.device_create_command_encoder(device.id, &Default::default(), None);
    // The second finish of an encoder returns an invalid command buffer.
    let unfinished = [(); 2].map(|()| global.command_encoder_finish(encoder, &Default::default(), None).0);
    ids.extend(unfinished.last());
    let refused = global.queue_submit(device.queue, &ids);
    tracing::trace!("command buffers are used up: {}", refused.is_err());
    for id in unfinished {
        global.command_buffer_drop(id);
    }
    global.command_encoder_drop(encoder);
}

fn write(device: &Device, result: Result<(), QueueWriteError>) {
    device.check(WRITE_BUFFER, result);
}
