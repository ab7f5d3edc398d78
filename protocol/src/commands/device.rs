//! `GPUDevice` itself. What it creates is in the file of the created object.

use serde::{Deserialize, Serialize};

use crate::ids::DeviceId;

/// `GPUDevice.destroy`. Its loss is reported by [`Event::DeviceLost`](crate::Event::DeviceLost).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestroyDevice {
    /// The device.
    pub device: DeviceId,
}
