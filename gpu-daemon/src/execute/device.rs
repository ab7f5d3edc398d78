//! `GPUDevice` itself.

use std::sync::Arc;

use airlock_protocol::commands::device::DestroyDevice;

use crate::{gpu::violation::Outcome, session::Session};

impl Session {
    /// WebGPU, "destroy()": buffers are unmapped, submitted work continues, then the device is lost. wgpu reports the
    /// loss from a poll that finds the queue empty, which the poll thread makes.
    pub(super) fn destroy_device(&mut self, c: DestroyDevice) -> Outcome {
        let device = Arc::clone(&self.devices.get(c.device)?.core);
        if device.is_lost() {
            return Ok(());
        }
        self.flush_uploads(&device);
        for buffer in self.completions.end_mappings(&device, "the device was destroyed before the map was done") {
            // The only error is that the buffer is not mapped.
            let _ = device.global.buffer_unmap(buffer);
        }
        device.set_destroyed();
        device.global.device_destroy(device.id);
        // Closed with the device's other tickets when the loss is reported.
        self.completions.watch.open(&device);
        self.waiting = true;
        Ok(())
    }
}
