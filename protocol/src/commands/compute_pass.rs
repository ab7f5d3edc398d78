//! `GPUComputePassEncoder`.

use serde::{Deserialize, Serialize};

use crate::{
    commands::render_pass::TimestampWrites,
    ids::{BindGroupId, BufferId, CommandEncoderId, ComputePassId, ComputePipelineId},
};

/// `GPUCommandEncoder.beginComputePass`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeginComputePass<'a> {
    /// The encoder, locked until the pass ends.
    pub encoder: CommandEncoderId,
    /// The new pass.
    pub pass: ComputePassId,
    /// Its label.
    pub label: &'a str,
    /// Timestamps of the pass.
    pub timestamp_writes: Option<TimestampWrites>,
}

/// `GPUComputePassEncoder.setPipeline`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputePassSetPipeline {
    /// The pass.
    pub pass: ComputePassId,
    /// The pipeline.
    pub pipeline: ComputePipelineId,
}

/// `GPUComputePassEncoder.setBindGroup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputePassSetBindGroup {
    /// The pass.
    pub pass: ComputePassId,
    /// The group's number.
    pub index: u32,
    /// The group; absent to unset.
    pub bind_group: Option<BindGroupId>,
    /// One offset in bytes per dynamic binding.
    #[serde(deserialize_with = "crate::list::bounded")]
    pub dynamic_offsets: Vec<u32>,
}

/// `GPUComputePassEncoder.setImmediates`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputePassSetImmediates<'a> {
    /// The pass.
    pub pass: ComputePassId,
    /// Where the data goes, in bytes.
    pub offset: u32,
    /// The data.
    #[serde(serialize_with = "crate::bytes::whole")]
    pub data: &'a [u8],
}

/// `GPUComputePassEncoder.dispatchWorkgroups`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DispatchWorkgroups {
    /// The pass.
    pub pass: ComputePassId,
    /// Workgroups along x.
    pub x: u32,
    /// Workgroups along y.
    pub y: u32,
    /// Workgroups along z.
    pub z: u32,
}

/// `GPUComputePassEncoder.dispatchWorkgroupsIndirect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DispatchWorkgroupsIndirect {
    /// The pass.
    pub pass: ComputePassId,
    /// Holds three `u32` arguments.
    pub buffer: BufferId,
    /// In bytes.
    pub offset: u64,
}

/// `GPUComputePassEncoder.end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndComputePass {
    /// The pass.
    pub pass: ComputePassId,
}

/// `GPUComputePassEncoder.pushDebugGroup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputePassPushDebugGroup<'a> {
    /// The pass.
    pub pass: ComputePassId,
    /// The group's label.
    pub label: &'a str,
}

/// `GPUComputePassEncoder.popDebugGroup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputePassPopDebugGroup {
    /// The pass.
    pub pass: ComputePassId,
}

/// `GPUComputePassEncoder.insertDebugMarker`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputePassInsertDebugMarker<'a> {
    /// The pass.
    pub pass: ComputePassId,
    /// The marker's label.
    pub label: &'a str,
}
