//! `GPUDevice` itself. What it creates is in the file of the created object.

use airlock_protocol_derive::command;

use crate::ids::DeviceId;

/// `GPUDevice.destroy`. Its loss is reported by [`Event::DeviceLost`](crate::Event::DeviceLost).
#[command(effect = Destroy)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestroyDevice {
    /// The device.
    pub device: DeviceId,
}
