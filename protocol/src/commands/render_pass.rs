//! `GPURenderPassEncoder`.

use airlock_protocol_derive::{command, wire};

use crate::{
    commands::pipeline::IndexFormat,
    ids::{
        BindGroupId, BufferId, CommandEncoderId, QuerySetId, RenderBundleId, RenderPassId, RenderPipelineId,
        TextureViewId,
    },
};

/// `GPUCommandEncoder.beginRenderPass`. `maxDrawCount` is enforced by the client and not sent.
#[command(
    effect = Begin,
    makes = pass,
    writes(color_attachments, depth_stencil_attachment, occlusion_query_set, timestamp_writes),
    opens = Pass
)]
#[derive(Clone, Debug, PartialEq)]
pub struct BeginRenderPass<'a> {
    /// The encoder, locked until the pass ends.
    pub encoder: CommandEncoderId,
    pub pass: RenderPassId,
    pub label: &'a str,
    /// Targets of the fragment stage; absent for an unused slot.
    pub color_attachments: Vec<Option<ColorAttachment>>,
    pub depth_stencil_attachment: Option<DepthStencilAttachment>,
    pub occlusion_query_set: Option<QuerySetId>,
    pub timestamp_writes: Option<TimestampWrites>,
}

/// `GPURenderPassColorAttachment`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColorAttachment {
    pub view: TextureViewId,
    /// The slice of a 3D view.
    pub depth_slice: Option<u32>,
    pub resolve_target: Option<TextureViewId>,
    /// Red, green, blue, alpha.
    pub clear_value: [f64; 4],
    pub load_op: LoadOp,
    pub store_op: StoreOp,
}

/// `GPURenderPassDepthStencilAttachment`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepthStencilAttachment {
    pub view: TextureViewId,
    /// WebGPU requires it where depth is cleared.
    pub depth_clear_value: Option<f32>,
    pub depth_load_op: Option<LoadOp>,
    pub depth_store_op: Option<StoreOp>,
    pub depth_read_only: bool,
    pub stencil_clear_value: u32,
    pub stencil_load_op: Option<LoadOp>,
    pub stencil_store_op: Option<StoreOp>,
    pub stencil_read_only: bool,
}

/// `GPURenderPassTimestampWrites` and `GPUComputePassTimestampWrites`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampWrites {
    pub query_set: QuerySetId,
    /// The query that is written at the pass's start.
    pub beginning_of_pass_write_index: Option<u32>,
    /// The query that is written at the pass's end.
    pub end_of_pass_write_index: Option<u32>,
}

/// `GPURenderPassEncoder.setPipeline`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderPassSetPipeline {
    pub pass: RenderPassId,
    pub pipeline: RenderPipelineId,
}

/// `GPURenderPassEncoder.setIndexBuffer`.
#[command(effect = Record, reads(buffer))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderPassSetIndexBuffer {
    pub pass: RenderPassId,
    pub buffer: BufferId,
    /// 16 or 32 bits per index.
    pub format: IndexFormat,
    /// In bytes.
    pub offset: u64,
    /// In bytes; absent up to the buffer's end.
    pub size: Option<u64>,
}

/// `GPURenderPassEncoder.setVertexBuffer`.
#[command(effect = Record, reads(buffer))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderPassSetVertexBuffer {
    pub pass: RenderPassId,
    pub slot: u32,
    /// The buffer; absent to unset.
    pub buffer: Option<BufferId>,
    /// In bytes.
    pub offset: u64,
    /// In bytes; absent up to the buffer's end.
    pub size: Option<u64>,
}

/// `GPURenderPassEncoder.draw`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderPassDraw {
    pub pass: RenderPassId,
    pub vertex_count: u32,
    pub instance_count: u32,
    pub first_vertex: u32,
    pub first_instance: u32,
}

/// `GPURenderPassEncoder.drawIndexed`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderPassDrawIndexed {
    pub pass: RenderPassId,
    pub index_count: u32,
    pub instance_count: u32,
    pub first_index: u32,
    /// Added to each index.
    pub base_vertex: i32,
    pub first_instance: u32,
}

/// `GPURenderPassEncoder.drawIndirect`.
#[command(effect = Record, reads(buffer))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderPassDrawIndirect {
    pub pass: RenderPassId,
    /// Holds four `u32` arguments.
    pub buffer: BufferId,
    /// In bytes.
    pub offset: u64,
}

/// `GPURenderPassEncoder.drawIndexedIndirect`.
#[command(effect = Record, reads(buffer))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderPassDrawIndexedIndirect {
    pub pass: RenderPassId,
    /// Holds five `u32` arguments.
    pub buffer: BufferId,
    /// In bytes.
    pub offset: u64,
}

/// `GPURenderPassEncoder.setBindGroup`.
#[command(effect = Record, reads(bind_group), writes(bind_group))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderPassSetBindGroup {
    pub pass: RenderPassId,
    /// The group's number.
    pub index: u32,
    /// The group; absent to unset.
    pub bind_group: Option<BindGroupId>,
    /// One offset in bytes per dynamic binding.
    pub dynamic_offsets: Vec<u32>,
}

/// `GPURenderPassEncoder.setImmediates`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderPassSetImmediates<'a> {
    pub pass: RenderPassId,
    /// Destination in bytes.
    pub offset: u32,
    pub data: &'a [u8],
}

/// `GPURenderPassEncoder.setViewport`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SetViewport {
    pub pass: RenderPassId,
    /// Left, in texels.
    pub x: f32,
    /// Top, in texels.
    pub y: f32,
    /// In texels.
    pub width: f32,
    /// In texels.
    pub height: f32,
    /// Depth of the near plane.
    pub min_depth: f32,
    /// Depth of the far plane.
    pub max_depth: f32,
}

/// `GPURenderPassEncoder.setScissorRect`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetScissorRect {
    pub pass: RenderPassId,
    /// Left, in texels.
    pub x: u32,
    /// Top, in texels.
    pub y: u32,
    /// In texels.
    pub width: u32,
    /// In texels.
    pub height: u32,
}

/// `GPURenderPassEncoder.setBlendConstant`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SetBlendConstant {
    pub pass: RenderPassId,
    /// Red, green, blue, alpha.
    pub color: [f64; 4],
}

/// `GPURenderPassEncoder.setStencilReference`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetStencilReference {
    pub pass: RenderPassId,
    pub reference: u32,
}

/// `GPURenderPassEncoder.beginOcclusionQuery`.
#[command(effect = Record, opens = OcclusionQuery)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeginOcclusionQuery {
    pub pass: RenderPassId,
    /// Index of the query in the pass's set.
    pub query_index: u32,
}

/// `GPURenderPassEncoder.endOcclusionQuery`.
#[command(effect = Record, closes = OcclusionQuery)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndOcclusionQuery {
    pub pass: RenderPassId,
}

/// `GPURenderPassEncoder.executeBundles`.
#[command(effect = Record, list = bundles)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecuteBundles {
    pub pass: RenderPassId,
    pub bundles: Vec<RenderBundleId>,
}

/// `GPURenderPassEncoder.end`.
#[command(effect = Record, closes = Pass)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndRenderPass {
    pub pass: RenderPassId,
}

/// `GPURenderPassEncoder.pushDebugGroup`.
#[command(effect = Record, opens = DebugGroup)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderPassPushDebugGroup<'a> {
    pub pass: RenderPassId,
    pub label: &'a str,
}

/// `GPURenderPassEncoder.popDebugGroup`.
#[command(effect = Record, closes = DebugGroup)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderPassPopDebugGroup {
    pub pass: RenderPassId,
}

/// `GPURenderPassEncoder.insertDebugMarker`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderPassInsertDebugMarker<'a> {
    pub pass: RenderPassId,
    pub label: &'a str,
}

/// `GPULoadOp`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoadOp {
    Load,
    Clear,
}

/// `GPUStoreOp`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreOp {
    Store,
    Discard,
}
