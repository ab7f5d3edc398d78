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
    pub device: DeviceId,
    pub encoder: CommandEncoderId,
    pub label: &'a str,
}

/// `GPUCommandEncoder.copyBufferToBuffer`.
#[command(effect = Record, reads(source), writes(destination))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyBufferToBuffer {
    pub encoder: CommandEncoderId,
    pub source: BufferId,
    /// In bytes.
    pub source_offset: u64,
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
    pub encoder: CommandEncoderId,
    pub source: TexelCopyBufferInfo,
    pub destination: TexelCopyTextureInfo,
    pub size: Extent3d,
}

/// `GPUCommandEncoder.copyTextureToBuffer`.
#[command(effect = Record, reads(source), writes(destination))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyTextureToBuffer {
    pub encoder: CommandEncoderId,
    pub source: TexelCopyTextureInfo,
    pub destination: TexelCopyBufferInfo,
    pub size: Extent3d,
}

/// `GPUCommandEncoder.copyTextureToTexture`.
#[command(effect = Record, reads(source), writes(destination))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyTextureToTexture {
    pub encoder: CommandEncoderId,
    pub source: TexelCopyTextureInfo,
    pub destination: TexelCopyTextureInfo,
    pub size: Extent3d,
}

/// `GPUCommandEncoder.clearBuffer`.
#[command(effect = Record, writes(buffer))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClearBuffer {
    pub encoder: CommandEncoderId,
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
    pub encoder: CommandEncoderId,
    pub query_set: QuerySetId,
    pub first_query: u32,
    pub query_count: u32,
    /// Receives 8 bytes per query.
    pub destination: BufferId,
    /// In bytes.
    pub destination_offset: u64,
}

/// `GPUCommandEncoder.finish`.
#[command(effect = Finish, makes = command_buffer)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishCommandEncoder<'a> {
    /// The encoder, which accepts no further commands.
    pub encoder: CommandEncoderId,
    pub command_buffer: CommandBufferId,
    pub label: &'a str,
}

/// `GPUCommandEncoder.pushDebugGroup`.
#[command(effect = Record, opens = DebugGroup)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderPushDebugGroup<'a> {
    pub encoder: CommandEncoderId,
    pub label: &'a str,
}

/// `GPUCommandEncoder.popDebugGroup`.
#[command(effect = Record, closes = DebugGroup)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderPopDebugGroup {
    pub encoder: CommandEncoderId,
}

/// `GPUCommandEncoder.insertDebugMarker`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderInsertDebugMarker<'a> {
    pub encoder: CommandEncoderId,
    pub label: &'a str,
}
