//! Submits, and the waits that hold a session to its quotas of what is in flight.

use std::{sync::Arc, thread, time::Duration};

use wgpu_core::{device::queue::QueueSubmitError, id::CommandBufferId};
use wgpu_types::PollType;

use crate::{
    gpu::{
        device::{CoreDevice, Device},
        memory::Counted,
        refusal::Refusal,
    },
    session::Session,
    worker::vitals::{Phase, Vitals},
};

/// The longest pause between two looks at whether the GPU is done.
const LONGEST: Duration = Duration::from_millis(1);

impl Session {
    /// Waits until all devices are done, so that what only they still hold is free.
    pub(super) fn settle_gpu(&self) {
        Vitals::add(&self.vitals.throttled, 1);
        let devices: Vec<_> = self.counted.iter().filter_map(Counted::device).collect();
        for device in devices {
            self.flush(&device);
            self.wait_for_gpu(&device, || self.completions.submits.len(&device) == 0);
        }
    }

    /// Submits, and counts the submit until it is done.
    pub fn hand_in(&self, device: &Arc<CoreDevice>, ids: &[CommandBufferId]) -> Result<(), Box<QueueSubmitError>> {
        let submit = self.completions.submits.begin(device);
        match device.global.queue_submit(device.queue, ids) {
            Ok(_) => {
                let completions = Arc::clone(&self.completions);
                let done = move || completions.submits.done(submit);
                device.global.queue_on_submitted_work_done(device.queue, Box::new(done));
                Ok(())
            }
            Err((_, error)) => {
                // A device that is lost holds nothing any more, and is forgotten.
                self.completions.submits.refused(device, submit);
                Err(Box::new(error))
            }
        }
    }

    /// Counts a write that wgpu holds for the device's next submit. Many are submitted at once: the GPU copies them while more
    /// come, and their memory serves again.
    pub fn hold(&self, device: &Device, bytes: u64) {
        if device.is_lost() {
            return;
        }
        device.held.add(bytes);
        if device.held.is_much() {
            self.flush(&device.core);
        }
    }

    /// Submits the writes that wgpu holds for the next submit: they are next in the queue either way.
    fn flush(&self, device: &Arc<CoreDevice>) {
        if let Err(error) = self.hand_in(device, &[]) {
            tracing::debug!("a submit of what was written: {error}");
        }
    }

    /// Waits for the GPU until `done`; a lost device never is. The GPU's deadline holds meanwhile.
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
                pause = pause.saturating_mul(2).min(LONGEST);
            }
        });
    }

    /// Waits for room in a device's queue.
    pub fn wait_for_queue(&self, device: &Device) {
        let most = self.quotas.max_queue_depth as usize;
        if self.completions.submits.len(device) >= most && !device.is_lost() {
            Vitals::add(&self.vitals.throttled, 1);
            self.wait_for_gpu(device, || self.completions.submits.len(device) < most);
        }
    }

    /// Waits until `bytes` more may be on their way to the GPU.
    pub fn wait_for_flight(&self, device: &Device, bytes: u64) -> Result<(), Refusal> {
        let most = self.quotas.max_in_flight;
        if bytes > most.0 {
            return Err(Refusal::InFlight { bytes, most });
        }
        let submits = &self.completions.submits;
        let room = || submits.bytes().saturating_add(bytes) <= most.0;
        if !room() && !device.is_lost() {
            Vitals::add(&self.vitals.throttled, 1);
            self.flush(&device.core);
            self.wait_for_gpu(device, || room() || submits.len(device) == 0);
        }
        Ok(())
    }
}
