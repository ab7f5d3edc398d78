//! `GPUDevice` itself. Creation of other objects is in their files.

use airlock_protocol_derive::command;

use crate::ids::DeviceId;

/// `GPUDevice.destroy`. Its loss is reported as [`Event::DeviceLost`](crate::Event::DeviceLost).
#[command(effect = Destroy)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestroyDevice {
    pub device: DeviceId,
}
