//! `GPUQueue`.

use std::{rc::Rc, sync::Arc};

use airlock_protocol::{
    Event,
    commands::queue::{OnSubmittedWorkDone, Submit, WriteBuffer, WriteTexture},
};
use wgpu_core::device::queue::QueueWriteError;

use crate::{
    convert::texture::{copy_layout, copy_texture, extent},
    device::Device,
    mapped,
    session::Session,
    violation::{Outcome, Violation, check_list},
};

use super::buffer::non_zero;

impl Session {
    /// wgpu marks each command buffer as submitted, whatever the outcome, and refuses it the next time.
    pub(super) fn submit(&mut self, c: Submit) -> Outcome {
        check_list(&c.command_buffers)?;
        let device = self.devices.get(c.device)?;
        let ids = c
            .command_buffers
            .iter()
            .map(|&id| self.command_buffers.get(id).map(|buffer| buffer.id))
            .collect::<Result<Vec<_>, _>>()?;
        if let Err((_, error)) = device.global.queue_submit(device.queue, &ids) {
            device.report("GPUQueue.submit", "", &error);
        }
        Ok(())
    }

    pub(super) fn on_submitted_work_done(&mut self, c: OnSubmittedWorkDone) -> Outcome {
        let device = self.devices.get(c.device)?;
        self.completions.check_room()?;
        if device.is_lost() {
            self.completions.events.send(&Event::WorkDone { request: c.request });
            return Ok(());
        }
        let ticket = self.completions.work_pending(&device.core, c.request);
        let completions = Arc::clone(&self.completions);
        let callback = move || completions.work_done(ticket);
        device.global.queue_on_submitted_work_done(device.queue, Box::new(callback));
        // Lost since the look above: its requests were settled before this one came, and wgpu may never call back.
        if device.is_lost() && !device.is_destroyed() {
            self.completions.work_done(ticket);
        }
        self.completions.watch.wake();
        Ok(())
    }

    pub(super) fn write_buffer(&mut self, c: WriteBuffer<'_>) -> Outcome {
        let device = Rc::clone(self.devices.get(c.device)?);
        let buffer = self.buffers.get(c.buffer)?.id;
        // wgpu makes a staging buffer before it checks the call, so the checks come first here.
        let valid = match non_zero(c.data.len()) {
            Some(size) => {
                let (global, queue) = (&device.global, device.queue);
                global.queue_validate_write_buffer(queue, buffer, c.offset, size).map(|()| Some(size))
            }
            None => device.global.queue_write_buffer(device.queue, buffer, c.offset, &[]).map(|()| None),
        };
        match valid {
            Ok(Some(size)) => {
                let payloads = &mut self.payloads;
                let fill = |to: &mut [u8]| payloads.copy_to(c.data, to);
                match mapped::stage(&device.global, device.queue, size, fill) {
                    Ok((staging, outcome)) => {
                        outcome?;
                        let (global, queue) = (&device.global, device.queue);
                        write(&device, global.queue_write_staging_buffer(queue, buffer, c.offset, staging));
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

    pub(super) fn write_texture(&mut self, c: WriteTexture<'_>) -> Outcome {
        let device = Rc::clone(self.devices.get(c.device)?);
        let texture = self.textures.get(c.destination.texture)?.id;
        let data = self.payloads.take(c.data)?;
        let destination = copy_texture(&c.destination, texture);
        let result = device.global.queue_write_texture(
            device.queue,
            &destination,
            &data,
            &copy_layout(&c.layout),
            &extent(c.size),
        );
        self.payloads.give_back(data);
        device.check("GPUQueue.writeTexture", result);
        Ok::<(), Violation>(())
    }
}

fn write(device: &Device, result: Result<(), QueueWriteError>) {
    device.check("GPUQueue.writeBuffer", result);
}
