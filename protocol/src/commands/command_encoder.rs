//! `GPUCommandEncoder` and `GPUCommandBuffer`.

use serde::{Deserialize, Serialize};

use crate::{
    commands::texture::{Extent3d, TexelCopyBufferInfo, TexelCopyTextureInfo},
    ids::{BufferId, CommandBufferId, CommandEncoderId, DeviceId, QuerySetId},
};

/// `GPUDevice.createCommandEncoder`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateCommandEncoder<'a> {
    /// The device.
    pub device: DeviceId,
    /// The new encoder.
    pub encoder: CommandEncoderId,
    /// Its label.
    pub label: &'a str,
}

/// `GPUCommandEncoder.copyBufferToBuffer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishCommandEncoder<'a> {
    /// The encoder, which takes no further commands.
    pub encoder: CommandEncoderId,
    /// The new command buffer.
    pub command_buffer: CommandBufferId,
    /// Its label.
    pub label: &'a str,
}

/// `GPUCommandEncoder.pushDebugGroup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderPushDebugGroup<'a> {
    /// The encoder.
    pub encoder: CommandEncoderId,
    /// The group's label.
    pub label: &'a str,
}

/// `GPUCommandEncoder.popDebugGroup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderPopDebugGroup {
    /// The encoder.
    pub encoder: CommandEncoderId,
}

/// `GPUCommandEncoder.insertDebugMarker`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderInsertDebugMarker<'a> {
    /// The encoder.
    pub encoder: CommandEncoderId,
    /// The marker's label.
    pub label: &'a str,
}
