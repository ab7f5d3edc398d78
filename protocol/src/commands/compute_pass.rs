//! `GPUComputePassEncoder`.

use airlock_protocol_derive::command;

use crate::{
    commands::render_pass::TimestampWrites,
    ids::{BindGroupId, BufferId, CommandEncoderId, ComputePassId, ComputePipelineId},
};

/// `GPUCommandEncoder.beginComputePass`.
#[command(effect = Begin, makes = pass, writes(timestamp_writes), opens = Pass)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputePassSetPipeline {
    /// The pass.
    pub pass: ComputePassId,
    /// The pipeline.
    pub pipeline: ComputePipelineId,
}

/// `GPUComputePassEncoder.setBindGroup`.
#[command(effect = Record, reads(bind_group), writes(bind_group))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComputePassSetBindGroup {
    /// The pass.
    pub pass: ComputePassId,
    /// The group's number.
    pub index: u32,
    /// The group; absent to unset.
    pub bind_group: Option<BindGroupId>,
    /// One offset in bytes per dynamic binding.
    pub dynamic_offsets: Vec<u32>,
}

/// `GPUComputePassEncoder.setImmediates`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputePassSetImmediates<'a> {
    /// The pass.
    pub pass: ComputePassId,
    /// Where the data goes, in bytes.
    pub offset: u32,
    /// The data.
    pub data: &'a [u8],
}

/// `GPUComputePassEncoder.dispatchWorkgroups`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[command(effect = Record, reads(buffer))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DispatchWorkgroupsIndirect {
    /// The pass.
    pub pass: ComputePassId,
    /// Holds three `u32` arguments.
    pub buffer: BufferId,
    /// In bytes.
    pub offset: u64,
}

/// `GPUComputePassEncoder.end`.
#[command(effect = Record, closes = Pass)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndComputePass {
    /// The pass.
    pub pass: ComputePassId,
}

/// `GPUComputePassEncoder.pushDebugGroup`.
#[command(effect = Record, opens = DebugGroup)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputePassPushDebugGroup<'a> {
    /// The pass.
    pub pass: ComputePassId,
    /// The group's label.
    pub label: &'a str,
}

/// `GPUComputePassEncoder.popDebugGroup`.
#[command(effect = Record, closes = DebugGroup)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputePassPopDebugGroup {
    /// The pass.
    pub pass: ComputePassId,
}

/// `GPUComputePassEncoder.insertDebugMarker`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputePassInsertDebugMarker<'a> {
    /// The pass.
    pub pass: ComputePassId,
    /// The marker's label.
    pub label: &'a str,
}
