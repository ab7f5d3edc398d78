//! `GPURenderBundleEncoder` and `GPURenderBundle`.

use serde::{Deserialize, Serialize};

use crate::{
    commands::{pipeline::IndexFormat, texture::TextureFormat},
    ids::{BindGroupId, BufferId, DeviceId, RenderBundleEncoderId, RenderBundleId, RenderPipelineId},
};

/// `GPUDevice.createRenderBundleEncoder`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateRenderBundleEncoder<'a> {
    /// The device.
    pub device: DeviceId,
    /// The new encoder.
    pub encoder: RenderBundleEncoderId,
    /// Its label.
    pub label: &'a str,
    /// Formats of the color attachments; absent for an unused slot.
    #[serde(deserialize_with = "crate::list::bounded")]
    pub color_formats: Vec<Option<TextureFormat>>,
    /// Format of the depth-stencil attachment.
    pub depth_stencil_format: Option<TextureFormat>,
    /// Samples per texel.
    pub sample_count: u32,
    /// Depth is only read.
    pub depth_read_only: bool,
    /// Stencil is only read.
    pub stencil_read_only: bool,
}

/// `GPURenderBundleEncoder.setPipeline`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleSetPipeline {
    /// The bundle encoder.
    pub encoder: RenderBundleEncoderId,
    /// The pipeline.
    pub pipeline: RenderPipelineId,
}

/// `GPURenderBundleEncoder.setIndexBuffer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleSetIndexBuffer {
    /// The bundle encoder.
    pub encoder: RenderBundleEncoderId,
    /// The buffer.
    pub buffer: BufferId,
    /// 16 or 32 bits an index.
    pub format: IndexFormat,
    /// In bytes.
    pub offset: u64,
    /// In bytes; absent up to the buffer's end.
    pub size: Option<u64>,
}

/// `GPURenderBundleEncoder.setVertexBuffer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleSetVertexBuffer {
    /// The bundle encoder.
    pub encoder: RenderBundleEncoderId,
    /// The slot.
    pub slot: u32,
    /// The buffer; absent to unset.
    pub buffer: Option<BufferId>,
    /// In bytes.
    pub offset: u64,
    /// In bytes; absent up to the buffer's end.
    pub size: Option<u64>,
}

/// `GPURenderBundleEncoder.draw`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleDraw {
    /// The bundle encoder.
    pub encoder: RenderBundleEncoderId,
    /// Vertices.
    pub vertex_count: u32,
    /// Instances.
    pub instance_count: u32,
    /// First vertex.
    pub first_vertex: u32,
    /// First instance.
    pub first_instance: u32,
}

/// `GPURenderBundleEncoder.drawIndexed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleDrawIndexed {
    /// The bundle encoder.
    pub encoder: RenderBundleEncoderId,
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

/// `GPURenderBundleEncoder.drawIndirect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleDrawIndirect {
    /// The bundle encoder.
    pub encoder: RenderBundleEncoderId,
    /// Holds four `u32` arguments.
    pub buffer: BufferId,
    /// In bytes.
    pub offset: u64,
}

/// `GPURenderBundleEncoder.drawIndexedIndirect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleDrawIndexedIndirect {
    /// The bundle encoder.
    pub encoder: RenderBundleEncoderId,
    /// Holds five `u32` arguments.
    pub buffer: BufferId,
    /// In bytes.
    pub offset: u64,
}

/// `GPURenderBundleEncoder.setBindGroup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleSetBindGroup {
    /// The bundle encoder.
    pub encoder: RenderBundleEncoderId,
    /// The group's number.
    pub index: u32,
    /// The group; absent to unset.
    pub bind_group: Option<BindGroupId>,
    /// One offset in bytes per dynamic binding.
    #[serde(deserialize_with = "crate::list::bounded")]
    pub dynamic_offsets: Vec<u32>,
}

/// `GPURenderBundleEncoder.setImmediates`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleSetImmediates<'a> {
    /// The bundle encoder.
    pub encoder: RenderBundleEncoderId,
    /// Where the data goes, in bytes.
    pub offset: u32,
    /// The data.
    #[serde(serialize_with = "crate::bytes::whole")]
    pub data: &'a [u8],
}

/// `GPURenderBundleEncoder.finish`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishRenderBundle<'a> {
    /// The bundle encoder.
    pub encoder: RenderBundleEncoderId,
    /// The new bundle.
    pub bundle: RenderBundleId,
    /// Its label.
    pub label: &'a str,
}

/// `GPURenderBundleEncoder.pushDebugGroup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundlePushDebugGroup<'a> {
    /// The bundle encoder.
    pub encoder: RenderBundleEncoderId,
    /// The group's label.
    pub label: &'a str,
}

/// `GPURenderBundleEncoder.popDebugGroup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundlePopDebugGroup {
    /// The bundle encoder.
    pub encoder: RenderBundleEncoderId,
}

/// `GPURenderBundleEncoder.insertDebugMarker`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleInsertDebugMarker<'a> {
    /// The bundle encoder.
    pub encoder: RenderBundleEncoderId,
    /// The marker's label.
    pub label: &'a str,
}
