//! `GPUCommandEncoder` and `GPUCommandBuffer`.

use airlock_protocol_derive::command;

use crate::{
    commands::texture::{Extent3d, TexelCopyBufferInfo, TexelCopyTextureInfo},
    ids::{BufferId, CommandBufferId, CommandEncoderId, DeviceId, QuerySetId},
};

/// `GPUDevice.createCommandEncoder`.
#[command(effect = Create, makes = encoder)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateCommandEncoder<'a> {
    /// The device.
    pub device: DeviceId,
    /// The new encoder.
    pub encoder: CommandEncoderId,
    /// Its label.
    pub label: &'a str,
}

/// `GPUCommandEncoder.copyBufferToBuffer`.
#[command(effect = Record, reads(source), writes(destination))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyBufferToBuffer {
    /// The encoder.
    pub encoder: CommandEncoderId,
    /// Read from.
    pub source: BufferId,
    /// In bytes.
    pub source_offset: u64,
    /// Written to.
    pub destination: BufferId,
    /// In bytes.
    pub destination_offset: u64,
    /// In bytes; absent up to the source's end.
    pub size: Option<u64>,
}

/// `GPUCommandEncoder.copyBufferToTexture`.
#[command(effect = Record, reads(source), writes(destination))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyBufferToTexture {
    /// The encoder.
    pub encoder: CommandEncoderId,
    /// Read from.
    pub source: TexelCopyBufferInfo,
    /// Written to.
    pub destination: TexelCopyTextureInfo,
    /// How many texels.
    pub size: Extent3d,
}

/// `GPUCommandEncoder.copyTextureToBuffer`.
#[command(effect = Record, reads(source), writes(destination))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyTextureToBuffer {
    /// The encoder.
    pub encoder: CommandEncoderId,
    /// Read from.
    pub source: TexelCopyTextureInfo,
    /// Written to.
    pub destination: TexelCopyBufferInfo,
    /// How many texels.
    pub size: Extent3d,
}

/// `GPUCommandEncoder.copyTextureToTexture`.
#[command(effect = Record, reads(source), writes(destination))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyTextureToTexture {
    /// The encoder.
    pub encoder: CommandEncoderId,
    /// Read from.
    pub source: TexelCopyTextureInfo,
    /// Written to.
    pub destination: TexelCopyTextureInfo,
    /// How many texels.
    pub size: Extent3d,
}

/// `GPUCommandEncoder.clearBuffer`.
#[command(effect = Record, writes(buffer))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClearBuffer {
    /// The encoder.
    pub encoder: CommandEncoderId,
    /// Set to zeros.
    pub buffer: BufferId,
    /// In bytes.
    pub offset: u64,
    /// In bytes; absent up to the buffer's end.
    pub size: Option<u64>,
}

/// `GPUCommandEncoder.resolveQuerySet`.
#[command(effect = Record, reads(query_set), writes(destination))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResolveQuerySet {
    /// The encoder.
    pub encoder: CommandEncoderId,
    /// Read from.
    pub query_set: QuerySetId,
    /// The first query.
    pub first_query: u32,
    /// How many queries.
    pub query_count: u32,
    /// Written to, 8 bytes a query.
    pub destination: BufferId,
    /// In bytes.
    pub destination_offset: u64,
}

/// `GPUCommandEncoder.finish`.
#[command(effect = Finish, makes = command_buffer)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishCommandEncoder<'a> {
    /// The encoder, which takes no further commands.
    pub encoder: CommandEncoderId,
    /// The new command buffer.
    pub command_buffer: CommandBufferId,
    /// Its label.
    pub label: &'a str,
}

/// `GPUCommandEncoder.pushDebugGroup`.
#[command(effect = Record, opens = DebugGroup)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderPushDebugGroup<'a> {
    /// The encoder.
    pub encoder: CommandEncoderId,
    /// The group's label.
    pub label: &'a str,
}

/// `GPUCommandEncoder.popDebugGroup`.
#[command(effect = Record, closes = DebugGroup)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderPopDebugGroup {
    /// The encoder.
    pub encoder: CommandEncoderId,
}

/// `GPUCommandEncoder.insertDebugMarker`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderInsertDebugMarker<'a> {
    /// The encoder.
    pub encoder: CommandEncoderId,
    /// The marker's label.
    pub label: &'a str,
}
