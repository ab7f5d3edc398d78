//! Compute passes.

use std::fmt;

use wgpu::custom::*;

use crate::bindings::webgpu as gpu;
use crate::command_encoder::Spoiled;
use crate::device::{label, own};
use crate::encoder::Encoder;
use crate::error::Absent;
use crate::query_set::QuerySet;

/// `wgpu::ComputePass` of this backend.
pub struct ComputePass {
    encoder: Encoder<gpu::GpuComputePassEncoder>,
    spoiled: Spoiled,
}

impl fmt::Debug for ComputePass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ComputePass")
    }
}

pub fn descriptor<'a>(desc: &wgpu::ComputePassDescriptor<'a>, spoiled: &Spoiled) -> gpu::GpuComputePassDescriptor<'a> {
    let timestamp_writes = desc.timestamp_writes.as_ref().and_then(|writes| {
        let query_set = own!(writes.query_set, QuerySet).gpu();
        let query_set =
            query_set.inspect_err(|absent| spoiled.by("CommandEncoder::begin_compute_pass", absent)).ok()?;
        Some(gpu::GpuComputePassTimestampWrites {
            query_set,
            beginning_of_pass_write_index: writes.beginning_of_pass_write_index,
            end_of_pass_write_index: writes.end_of_pass_write_index,
        })
    });
    gpu::GpuComputePassDescriptor { timestamp_writes, label: label(desc.label) }
}

impl ComputePass {
    pub fn new(gpu: gpu::GpuComputePassEncoder, spoiled: Spoiled) -> ComputePass {
        ComputePass { encoder: Encoder::new(gpu), spoiled }
    }

    fn lacks(&self, command: &str, features: wgpu::Features) {
        self.spoiled.by(command, &Absent::Features(features));
    }
}

impl ComputePassInterface for ComputePass {
    fn set_pipeline(&mut self, pipeline: &DispatchComputePipeline) {
        self.encoder.set_pipeline(pipeline);
    }

    fn set_bind_group(&mut self, index: u32, bind_group: Option<&DispatchBindGroup>, offsets: &[u32]) {
        self.encoder.set_bind_group(index, bind_group, offsets);
    }

    fn set_immediates(&mut self, offset: u32, data: &[u8]) {
        self.encoder.set_immediates(offset, data);
    }

    fn insert_debug_marker(&mut self, label: &str) {
        self.encoder.insert_debug_marker(label);
    }

    fn push_debug_group(&mut self, label: &str) {
        self.encoder.push_debug_group(label);
    }

    fn pop_debug_group(&mut self) {
        self.encoder.pop_debug_group();
    }

    fn write_timestamp(&mut self, _: &DispatchQuerySet, _: u32) {
        self.lacks("ComputePass::write_timestamp", wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES);
    }

    fn begin_pipeline_statistics_query(&mut self, _: &DispatchQuerySet, _: u32) {
        self.lacks("ComputePass::begin_pipeline_statistics_query", wgpu::Features::PIPELINE_STATISTICS_QUERY);
    }

    fn end_pipeline_statistics_query(&mut self) {
        self.lacks("ComputePass::end_pipeline_statistics_query", wgpu::Features::PIPELINE_STATISTICS_QUERY);
    }

    fn dispatch_workgroups(&mut self, x: u32, y: u32, z: u32) {
        self.encoder.dispatch_workgroups(x, y, z);
    }

    fn dispatch_workgroups_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        self.encoder.dispatch_workgroups_indirect(buffer, offset);
    }

    /// The host tracks states itself.
    fn transition_resources<'a>(
        &mut self,
        _: &mut dyn Iterator<Item = wgpu::BufferTransition<&'a DispatchBuffer>>,
        _: &mut dyn Iterator<Item = wgpu::TextureTransition<&'a DispatchTextureView>>,
    ) {
    }
}

impl Drop for ComputePass {
    fn drop(&mut self) {
        self.encoder.flush().end();
    }
}
