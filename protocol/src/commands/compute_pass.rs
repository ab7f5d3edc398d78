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
    pub pass: ComputePassId,
    pub label: &'a str,
    pub timestamp_writes: Option<TimestampWrites>,
}

/// `GPUComputePassEncoder.setPipeline`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputePassSetPipeline {
    pub pass: ComputePassId,
    pub pipeline: ComputePipelineId,
}

/// `GPUComputePassEncoder.setBindGroup`.
#[command(effect = Record, reads(bind_group), writes(bind_group))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComputePassSetBindGroup {
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
    pub pass: ComputePassId,
    /// Destination in bytes.
    pub offset: u32,
    pub data: &'a [u8],
}

/// `GPUComputePassEncoder.dispatchWorkgroups`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DispatchWorkgroups {
    pub pass: ComputePassId,
    pub x: u32,
    pub y: u32,
    pub z: u32,
}

/// `GPUComputePassEncoder.dispatchWorkgroupsIndirect`.
#[command(effect = Record, reads(buffer))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DispatchWorkgroupsIndirect {
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
    pub pass: ComputePassId,
}

/// `GPUComputePassEncoder.pushDebugGroup`.
#[command(effect = Record, opens = DebugGroup)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputePassPushDebugGroup<'a> {
    pub pass: ComputePassId,
    pub label: &'a str,
}

/// `GPUComputePassEncoder.popDebugGroup`.
#[command(effect = Record, closes = DebugGroup)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputePassPopDebugGroup {
    pub pass: ComputePassId,
}

/// `GPUComputePassEncoder.insertDebugMarker`.
#[command(effect = Record)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputePassInsertDebugMarker<'a> {
    pub pass: ComputePassId,
    pub label: &'a str,
}
