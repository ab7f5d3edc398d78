//! `GPURenderBundleEncoder` and `GPURenderBundle`.

use airlock_protocol_derive::command;

use crate::{
    commands::{pipeline::IndexFormat, texture::TextureFormat},
    ids::{BindGroupId, BufferId, DeviceId, RenderBundleEncoderId, RenderBundleId, RenderPipelineId},
};

/// `GPUDevice.createRenderBundleEncoder`.
#[command(effect = Create, makes = encoder)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRenderBundleEncoder<'a> {
    pub device: DeviceId,
    pub encoder: RenderBundleEncoderId,
    pub label: &'a str,
    /// Formats of the color attachments; absent for an unused slot.
    pub color_formats: Vec<Option<TextureFormat>>,
    pub depth_stencil_format: Option<TextureFormat>,
    pub sample_count: u32,
    pub depth_read_only: bool,
    pub stencil_read_only: bool,
}

/// `GPURenderBundleEncoder.setPipeline`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleSetPipeline {
    pub encoder: RenderBundleEncoderId,
    pub pipeline: RenderPipelineId,
}

/// `GPURenderBundleEncoder.setIndexBuffer`.
#[command(effect = Record, reads(buffer))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleSetIndexBuffer {
    pub encoder: RenderBundleEncoderId,
    pub buffer: BufferId,
    /// 16 or 32 bits per index.
    pub format: IndexFormat,
    /// In bytes.
    pub offset: u64,
    /// In bytes; absent up to the buffer's end.
    pub size: Option<u64>,
}

/// `GPURenderBundleEncoder.setVertexBuffer`.
#[command(effect = Record, reads(buffer))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleSetVertexBuffer {
    pub encoder: RenderBundleEncoderId,
    pub slot: u32,
    /// The buffer; absent to unset.
    pub buffer: Option<BufferId>,
    /// In bytes.
    pub offset: u64,
    /// In bytes; absent up to the buffer's end.
    pub size: Option<u64>,
}

/// `GPURenderBundleEncoder.draw`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleDraw {
    pub encoder: RenderBundleEncoderId,
    pub vertex_count: u32,
    pub instance_count: u32,
    pub first_vertex: u32,
    pub first_instance: u32,
}

/// `GPURenderBundleEncoder.drawIndexed`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleDrawIndexed {
    pub encoder: RenderBundleEncoderId,
    pub index_count: u32,
    pub instance_count: u32,
    pub first_index: u32,
    /// Added to each index.
    pub base_vertex: i32,
    pub first_instance: u32,
}

/// `GPURenderBundleEncoder.drawIndirect`.
#[command(effect = Record, reads(buffer))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleDrawIndirect {
    pub encoder: RenderBundleEncoderId,
    /// Holds four `u32` arguments.
    pub buffer: BufferId,
    /// In bytes.
    pub offset: u64,
}

/// `GPURenderBundleEncoder.drawIndexedIndirect`.
#[command(effect = Record, reads(buffer))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleDrawIndexedIndirect {
    pub encoder: RenderBundleEncoderId,
    /// Holds five `u32` arguments.
    pub buffer: BufferId,
    /// In bytes.
    pub offset: u64,
}

/// `GPURenderBundleEncoder.setBindGroup`.
#[command(effect = Record, reads(bind_group), writes(bind_group))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleSetBindGroup {
    pub encoder: RenderBundleEncoderId,
    /// The group's number.
    pub index: u32,
    /// The group; absent to unset.
    pub bind_group: Option<BindGroupId>,
    /// One offset in bytes per dynamic binding.
    pub dynamic_offsets: Vec<u32>,
}

/// `GPURenderBundleEncoder.setImmediates`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleSetImmediates<'a> {
    pub encoder: RenderBundleEncoderId,
    /// Destination in bytes.
    pub offset: u32,
    pub data: &'a [u8],
}

/// `GPURenderBundleEncoder.finish`.
#[command(effect = Finish, makes = bundle)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishRenderBundle<'a> {
    pub encoder: RenderBundleEncoderId,
    pub bundle: RenderBundleId,
    pub label: &'a str,
}

/// `GPURenderBundleEncoder.pushDebugGroup`.
#[command(effect = Record, opens = DebugGroup)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundlePushDebugGroup<'a> {
    pub encoder: RenderBundleEncoderId,
    pub label: &'a str,
}

/// `GPURenderBundleEncoder.popDebugGroup`.
#[command(effect = Record, closes = DebugGroup)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundlePopDebugGroup {
    pub encoder: RenderBundleEncoderId,
}

/// `GPURenderBundleEncoder.insertDebugMarker`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleInsertDebugMarker<'a> {
    pub encoder: RenderBundleEncoderId,
    pub label: &'a str,
}
