//! Back-pressure: submits, and the waits that enforce the quotas of queue depth and data in flight.

use std::{sync::Arc, thread, time::Duration};

use wgpu_core::{device::queue::QueueSubmitError, id::CommandBufferId};
use wgpu_types::PollType;

use crate::{
    gpu::{
        credit::Hold,
        device::{CoreDevice, Device},
        memory::Counted,
        refusal::Refusal,
    },
    session::Session,
    worker::vitals::{Phase, Vitals},
};

/// Upper bound of the pause between two polls.
const MAX_PAUSE: Duration = Duration::from_millis(1);

impl Session {
    /// Waits until all devices are idle, so that memory that only unfinished work refers to is released.
    pub(super) fn settle_gpu(&self) {
        Vitals::add(&self.vitals.throttled, 1);
        let devices: Vec<_> = self.counted.iter().filter_map(Counted::device).collect();
        for device in devices {
            self.flush(&device);
            self.wait_for_gpu(&device, || self.completions.submits.len(&device) == 0);
        }
    }

    /// Submits command buffers, and counts the submit until it is done.
    pub fn hand_in(&self, device: &Arc<CoreDevice>, ids: &[CommandBufferId]) -> Result<(), Box<QueueSubmitError>> {
        if let Some(open) = device.uploads.take() {
            let (id, _) = device.global.command_encoder_finish(open.encoder, &Default::default(), None);
            device.global.command_encoder_drop(open.encoder);
            let copied = self.submit_group(device, &[id], Some(open.hold));
            device.global.command_buffer_drop(id);
            if let Err(error) = copied {
                tracing::debug!("a submit of uploads: {error}");
            } else if ids.is_empty() {
                return Ok(());
            }
        }
        self.submit_group(device, ids, None)
    }

    /// The same for one group; `hold` is dropped when it is done.
    fn submit_group(
        &self,
        device: &Arc<CoreDevice>,
        ids: &[CommandBufferId],
        hold: Option<Hold>,
    ) -> Result<(), Box<QueueSubmitError>> {
        let submit = self.completions.submits.begin(device);
        match device.global.queue_submit(device.queue, ids) {
            Ok(_) => {
                let completions = Arc::clone(&self.completions);
                let done = move || {
                    completions.submits.done(submit);
                    drop(hold);
                };
                device.global.queue_on_submitted_work_done(device.queue, Box::new(done));
                Ok(())
            }
            Err((_, error)) => {
                // The counters of a lost device are dropped when its loss is settled.
                self.completions.submits.refused(device, submit);
                Err(Box::new(error))
            }
        }
    }

    /// Submits the copies out of the ring, before a call that must come after them.
    pub fn flush_uploads(&self, device: &Arc<CoreDevice>) {
        if device.uploads.are_open() {
            self.flush(device);
        }
    }

    /// Has the poll thread wait for the copies out of the ring, because the client may wait for its room.
    pub fn await_uploads(&mut self) {
        let copying = self.completions.credit.devices();
        let devices: Vec<_> = self.counted.iter().filter_map(Counted::device).collect();
        for device in devices.iter().filter(|device| copying.contains(&device.serial)) {
            self.flush_uploads(device);
            if device.uploads.set_awaited(true) {
                continue;
            }
            let ticket = self.completions.watch.open(device);
            let (completions, awaited) = (Arc::clone(&self.completions), Arc::downgrade(device));
            let done = move || {
                if let Some(device) = awaited.upgrade() {
                    device.uploads.set_awaited(false);
                    completions.watch.close(&device, ticket);
                }
            };
            device.global.queue_on_submitted_work_done(device.queue, Box::new(done));
            self.waiting = true;
        }
    }

    /// Counts a staged write. Writes are submitted in groups: the GPU copies them while more arrive, and their memory is
    /// reused.
    pub fn hold(&self, device: &Device, bytes: u64) {
        if device.is_lost() {
            return;
        }
        device.held.add(bytes);
        if device.held.is_much() {
            self.flush(&device.core);
        }
    }

    /// Submits the staged writes, which come first in the queue either way.
    fn flush(&self, device: &Arc<CoreDevice>) {
        if let Err(error) = self.hand_in(device, &[]) {
            tracing::debug!("a submit of what was written: {error}");
        }
    }

    /// Polls until `done`, or until the device is lost. The GPU's deadline applies meanwhile.
    fn wait_for_gpu(&self, device: &CoreDevice, done: impl Fn() -> bool) {
        self.vitals.during(Phase::Waiting, || {
            let mut pause = Duration::from_micros(20);
            loop {
                if let Err(error) = device.global.device_poll(device.id, PollType::Poll) {
                    tracing::debug!("poll of device {}: {error}", device.client.0);
                }
                self.completions.settle_losses();
                if done() || device.is_lost() {
                    return;
                }
                thread::sleep(pause);
                pause = pause.saturating_mul(2).min(MAX_PAUSE);
            }
        });
    }

    /// Waits for room in a device's queue.
    pub fn wait_for_queue(&self, device: &Device) {
        let max = self.quotas.max_queue_depth as usize;
        if self.completions.submits.len(device) >= max && !device.is_lost() {
            Vitals::add(&self.vitals.throttled, 1);
            self.wait_for_gpu(device, || self.completions.submits.len(device) < max);
        }
    }

    /// Waits until `bytes` more may be in flight to the GPU.
    pub fn wait_for_flight(&self, device: &Device, bytes: u64) -> Result<(), Refusal> {
        let max = self.quotas.max_in_flight;
        if bytes > max.0 {
            return Err(Refusal::InFlight { bytes, max });
        }
        let submits = &self.completions.submits;
        let room = || submits.bytes().saturating_add(bytes) <= max.0;
        if !room() && !device.is_lost() {
            Vitals::add(&self.vitals.throttled, 1);
            self.flush(&device.core);
            self.wait_for_gpu(device, || room() || submits.len(device) == 0);
        }
        Ok(())
    }
}
