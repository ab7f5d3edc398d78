//! `GPUQueue`. A queue goes by its device's id.

use airlock_protocol_derive::command;

use crate::{
    commands::texture::{Extent3d, TexelCopyBufferLayout, TexelCopyTextureInfo},
    ids::{BufferId, CommandBufferId, DeviceId, RequestId},
    payload::Payload,
};

/// `GPUQueue.submit`.
#[command(effect = Submit, list = command_buffers)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// The queue's device.
    pub device: DeviceId,
    /// What is executed, in order. Each can be submitted once.
    pub command_buffers: Vec<CommandBufferId>,
}

/// `GPUQueue.onSubmittedWorkDone`. Answered by [`Event::WorkDone`](crate::Event::WorkDone).
#[command(effect = Query, reply = WorkDone)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnSubmittedWorkDone {
    /// The answer's number.
    pub request: RequestId,
    /// The queue's device.
    pub device: DeviceId,
}

/// `GPUQueue.writeBuffer`.
#[command(effect = Write, writes(buffer))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteBuffer<'a> {
    /// The queue's device.
    pub device: DeviceId,
    /// The destination.
    pub buffer: BufferId,
    /// Where the data goes, in bytes.
    pub offset: u64,
    /// The data.
    pub data: Payload<'a>,
}

/// `GPUQueue.writeTexture`.
#[command(effect = Write, writes(destination))]
#[derive(Clone, Debug, PartialEq, Eq)]
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
    pub data: Payload<'a>,
}
