//! `GPUBuffer`. Mapped contents live in the host: a map for reading transfers them, and an unmap sends the bytes that were
//! written.

use airlock_protocol_derive::{command, wire};
use serde::{Deserialize, Serialize};

use crate::{
    ids::{BufferId, DeviceId, RequestId},
    payload::Payload,
};

/// `GPUDevice.createBuffer`.
#[command(effect = Create, makes = buffer)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateBuffer<'a> {
    pub device: DeviceId,
    pub buffer: BufferId,
    pub label: &'a str,
    pub size: u64,
    pub usage: BufferUsage,
    /// The buffer is mapped for writing from the start; its contents arrive in [`WriteMapped`].
    pub mapped_at_creation: bool,
}

/// `GPUBuffer.mapAsync`. The reply is [`Event::Mapped`](crate::Event::Mapped), which
/// [`Event::MapData`](crate::Event::MapData) precedes with the range's contents.
#[command(effect = Map, reads(buffer), reply = Mapped)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapBuffer {
    pub request: RequestId,
    pub buffer: BufferId,
    /// For reading or for writing.
    pub mode: MapMode,
    /// Start of the range in bytes.
    pub offset: u64,
    /// Length of the range in bytes.
    pub size: u64,
}

/// Bytes that the guest wrote into a mapped range. They arrive before the [`UnmapBuffer`].
#[command(effect = Write, writes(buffer))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteMapped<'a> {
    /// The buffer, mapped for writing.
    pub buffer: BufferId,
    /// Destination in bytes from the buffer's start.
    pub offset: u64,
    pub data: Payload<'a>,
}

/// `GPUBuffer.unmap`. A pending map ends with an abort error.
#[command(effect = Unmap)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnmapBuffer {
    pub buffer: BufferId,
}

/// `GPUBuffer.destroy`.
#[command(effect = Destroy)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestroyBuffer {
    pub buffer: BufferId,
}

bitflags::bitflags! {
    /// `GPUBufferUsage`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub struct BufferUsage: u32 {
        /// `GPUBufferUsage.MAP_READ`.
        const MAP_READ = 1 << 0;
        /// `GPUBufferUsage.MAP_WRITE`.
        const MAP_WRITE = 1 << 1;
        /// `GPUBufferUsage.COPY_SRC`.
        const COPY_SRC = 1 << 2;
        /// `GPUBufferUsage.COPY_DST`.
        const COPY_DST = 1 << 3;
        /// `GPUBufferUsage.INDEX`.
        const INDEX = 1 << 4;
        /// `GPUBufferUsage.VERTEX`.
        const VERTEX = 1 << 5;
        /// `GPUBufferUsage.UNIFORM`.
        const UNIFORM = 1 << 6;
        /// `GPUBufferUsage.STORAGE`.
        const STORAGE = 1 << 7;
        /// `GPUBufferUsage.INDIRECT`.
        const INDIRECT = 1 << 8;
        /// `GPUBufferUsage.QUERY_RESOLVE`.
        const QUERY_RESOLVE = 1 << 9;
    }
}

crate::wire::flags!(BufferUsage);

/// `GPUMapMode`. WebGPU accepts exactly one of its two flags.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MapMode {
    Read,
    Write,
}
