//! `GPURenderPassEncoder`.

use serde::{Deserialize, Serialize};

use crate::{
    commands::pipeline::IndexFormat,
    ids::{
        BindGroupId, BufferId, CommandEncoderId, QuerySetId, RenderBundleId, RenderPassId, RenderPipelineId,
        TextureViewId,
    },
};

/// `GPUCommandEncoder.beginRenderPass`. `maxDrawCount` is the client's to hold, and not sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BeginRenderPass<'a> {
    /// The encoder, locked until the pass ends.
    pub encoder: CommandEncoderId,
    /// The new pass.
    pub pass: RenderPassId,
    /// Its label.
    pub label: &'a str,
    /// What fragments are written to; absent for an unused slot.
    #[serde(deserialize_with = "crate::list::bounded")]
    pub color_attachments: Vec<Option<ColorAttachment>>,
    /// What depth and stencil tests use.
    pub depth_stencil_attachment: Option<DepthStencilAttachment>,
    /// Where occlusion queries are counted.
    pub occlusion_query_set: Option<QuerySetId>,
    /// Timestamps of the pass.
    pub timestamp_writes: Option<TimestampWrites>,
}

/// `GPURenderPassColorAttachment`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColorAttachment {
    /// The attachment.
    pub view: TextureViewId,
    /// The slice of a 3D view.
    pub depth_slice: Option<u32>,
    /// Where multisampled results are resolved to.
    pub resolve_target: Option<TextureViewId>,
    /// Red, green, blue, alpha that a clear writes.
    pub clear_value: [f64; 4],
    /// What is there at the start.
    pub load_op: LoadOp,
    /// What remains at the end.
    pub store_op: StoreOp,
}

/// `GPURenderPassDepthStencilAttachment`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DepthStencilAttachment {
    /// The attachment.
    pub view: TextureViewId,
    /// What a clear of depth writes; WebGPU demands it for a clear.
    pub depth_clear_value: Option<f32>,
    /// Depth at the start.
    pub depth_load_op: Option<LoadOp>,
    /// Depth at the end.
    pub depth_store_op: Option<StoreOp>,
    /// Depth is only read.
    pub depth_read_only: bool,
    /// What a clear of stencil writes.
    pub stencil_clear_value: u32,
    /// Stencil at the start.
    pub stencil_load_op: Option<LoadOp>,
    /// Stencil at the end.
    pub stencil_store_op: Option<StoreOp>,
    /// Stencil is only read.
    pub stencil_read_only: bool,
}

/// `GPURenderPassTimestampWrites` and `GPUComputePassTimestampWrites`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimestampWrites {
    /// The set.
    pub query_set: QuerySetId,
    /// Written at the start.
    pub beginning_of_pass_write_index: Option<u32>,
    /// Written at the end.
    pub end_of_pass_write_index: Option<u32>,
}

/// `GPURenderPassEncoder.setPipeline`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderPassSetPipeline {
    /// The pass.
    pub pass: RenderPassId,
    /// The pipeline.
    pub pipeline: RenderPipelineId,
}

/// `GPURenderPassEncoder.setIndexBuffer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderPassSetIndexBuffer {
    /// The pass.
    pub pass: RenderPassId,
    /// The buffer.
    pub buffer: BufferId,
    /// 16 or 32 bits an index.
    pub format: IndexFormat,
    /// In bytes.
    pub offset: u64,
    /// In bytes; absent up to the buffer's end.
    pub size: Option<u64>,
}

/// `GPURenderPassEncoder.setVertexBuffer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderPassSetVertexBuffer {
    /// The pass.
    pub pass: RenderPassId,
    /// The slot.
    pub slot: u32,
    /// The buffer; absent to unset.
    pub buffer: Option<BufferId>,
    /// In bytes.
    pub offset: u64,
    /// In bytes; absent up to the buffer's end.
    pub size: Option<u64>,
}

/// `GPURenderPassEncoder.draw`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderPassDraw {
    /// The pass.
    pub pass: RenderPassId,
    /// Vertices.
    pub vertex_count: u32,
    /// Instances.
    pub instance_count: u32,
    /// First vertex.
    pub first_vertex: u32,
    /// First instance.
    pub first_instance: u32,
}

/// `GPURenderPassEncoder.drawIndexed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderPassDrawIndexed {
    /// The pass.
    pub pass: RenderPassId,
    /// Indices.
    pub index_count: u32,
    /// Instances.
    pub instance_count: u32,
    /// First index.
    pub first_index: u32,
    /// Added to each index.
    pub base_vertex: i32,
    /// First instance.
    pub first_instance: u32,
}

/// `GPURenderPassEncoder.drawIndirect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderPassDrawIndirect {
    /// The pass.
    pub pass: RenderPassId,
    /// Holds four `u32` arguments.
    pub buffer: BufferId,
    /// In bytes.
    pub offset: u64,
}

/// `GPURenderPassEncoder.drawIndexedIndirect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderPassDrawIndexedIndirect {
    /// The pass.
    pub pass: RenderPassId,
    /// Holds five `u32` arguments.
    pub buffer: BufferId,
    /// In bytes.
    pub offset: u64,
}

/// `GPURenderPassEncoder.setBindGroup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderPassSetBindGroup {
    /// The pass.
    pub pass: RenderPassId,
    /// The group's number.
    pub index: u32,
    /// The group; absent to unset.
    pub bind_group: Option<BindGroupId>,
    /// One offset in bytes per dynamic binding.
    #[serde(deserialize_with = "crate::list::bounded")]
    pub dynamic_offsets: Vec<u32>,
}

/// `GPURenderPassEncoder.setImmediates`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderPassSetImmediates<'a> {
    /// The pass.
    pub pass: RenderPassId,
    /// Where the data goes, in bytes.
    pub offset: u32,
    /// The data.
    #[serde(serialize_with = "crate::bytes::whole")]
    pub data: &'a [u8],
}

/// `GPURenderPassEncoder.setViewport`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetViewport {
    /// The pass.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetScissorRect {
    /// The pass.
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetBlendConstant {
    /// The pass.
    pub pass: RenderPassId,
    /// Red, green, blue, alpha.
    pub color: [f64; 4],
}

/// `GPURenderPassEncoder.setStencilReference`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetStencilReference {
    /// The pass.
    pub pass: RenderPassId,
    /// The value.
    pub reference: u32,
}

/// `GPURenderPassEncoder.beginOcclusionQuery`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeginOcclusionQuery {
    /// The pass.
    pub pass: RenderPassId,
    /// The query in the pass's set.
    pub query_index: u32,
}

/// `GPURenderPassEncoder.endOcclusionQuery`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndOcclusionQuery {
    /// The pass.
    pub pass: RenderPassId,
}

/// `GPURenderPassEncoder.executeBundles`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecuteBundles {
    /// The pass.
    pub pass: RenderPassId,
    /// The bundles, in order.
    #[serde(deserialize_with = "crate::list::bounded")]
    pub bundles: Vec<RenderBundleId>,
}

/// `GPURenderPassEncoder.end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndRenderPass {
    /// The pass.
    pub pass: RenderPassId,
}

/// `GPURenderPassEncoder.pushDebugGroup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderPassPushDebugGroup<'a> {
    /// The pass.
    pub pass: RenderPassId,
    /// The group's label.
    pub label: &'a str,
}

/// `GPURenderPassEncoder.popDebugGroup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderPassPopDebugGroup {
    /// The pass.
    pub pass: RenderPassId,
}

/// `GPURenderPassEncoder.insertDebugMarker`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderPassInsertDebugMarker<'a> {
    /// The pass.
    pub pass: RenderPassId,
    /// The marker's label.
    pub label: &'a str,
}

/// `GPULoadOp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum LoadOp {
    Load,
    Clear,
}

/// `GPUStoreOp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum StoreOp {
    Store,
    Discard,
}
