//! `GPUQueue`, identified by its device's id.

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
    pub device: DeviceId,
    /// Executed in order. Each can be submitted once.
    pub command_buffers: Vec<CommandBufferId>,
}

/// `GPUQueue.onSubmittedWorkDone`. The reply is [`Event::WorkDone`](crate::Event::WorkDone).
#[command(effect = Query, reply = WorkDone)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnSubmittedWorkDone {
    pub request: RequestId,
    pub device: DeviceId,
}

/// `GPUQueue.writeBuffer`.
#[command(effect = Write, writes(buffer))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteBuffer<'a> {
    pub device: DeviceId,
    pub buffer: BufferId,
    /// Destination in bytes.
    pub offset: u64,
    pub data: Payload<'a>,
}

/// `GPUQueue.writeTexture`.
#[command(effect = Write, writes(destination))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteTexture<'a> {
    pub device: DeviceId,
    pub destination: TexelCopyTextureInfo,
    pub layout: TexelCopyBufferLayout,
    pub size: Extent3d,
    pub data: Payload<'a>,
}
