//! `GPUQueue`. A queue goes by its device's id.

use serde::{Deserialize, Serialize};

use crate::{
    commands::texture::{Extent3d, TexelCopyBufferLayout, TexelCopyTextureInfo},
    ids::{BufferId, CommandBufferId, DeviceId, RequestId},
    payload::Payload,
};

/// `GPUQueue.submit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submit {
    /// The queue's device.
    pub device: DeviceId,
    /// What is executed, in order. Each can be submitted once.
    #[serde(deserialize_with = "crate::list::bounded")]
    pub command_buffers: Vec<CommandBufferId>,
}

/// `GPUQueue.onSubmittedWorkDone`. Answered by [`Event::WorkDone`](crate::Event::WorkDone).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnSubmittedWorkDone {
    /// The answer's number.
    pub request: RequestId,
    /// The queue's device.
    pub device: DeviceId,
}

/// `GPUQueue.writeBuffer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteBuffer<'a> {
    /// The queue's device.
    pub device: DeviceId,
    /// The destination.
    pub buffer: BufferId,
    /// Where the data goes, in bytes.
    pub offset: u64,
    /// The data.
    #[serde(borrow)]
    pub data: Payload<'a>,
}

/// `GPUQueue.writeTexture`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteTexture<'a> {
    /// The queue's device.
    pub device: DeviceId,
    /// The destination.
    pub destination: TexelCopyTextureInfo,
    /// How the data is laid out.
    pub layout: TexelCopyBufferLayout,
    /// How many texels are written.
    pub size: Extent3d,
    /// The data.
    #[serde(borrow)]
    pub data: Payload<'a>,
}
