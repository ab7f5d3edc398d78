//! Compute passes.

use std::fmt;
use std::sync::Arc;

use airlock_client::binding::DynamicOffsets;
use airlock_client::compute_pass as client;
use airlock_client::render_pass::TimestampWrites;
use wgpu::custom::*;

use crate::binding::BindGroup;
use crate::buffer::Buffer;
use crate::command_encoder::Spoiled;
use crate::context::{Object, State};
use crate::device::{Shared, label, own};
use crate::error::Absent;
use crate::pipeline::ComputePipeline;
use crate::query_set::QuerySet;

/// `wgpu::ComputePass` of this backend.
pub struct ComputePass {
    gpu: Object<client::ComputePass>,
    device: Arc<Shared>,
    spoiled: Spoiled,
}

impl fmt::Debug for ComputePass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ComputePass")
    }
}

pub fn descriptor<'a>(desc: &wgpu::ComputePassDescriptor<'a>, spoiled: &Spoiled) -> client::ComputePassDescriptor<'a> {
    let timestamp_writes = desc.timestamp_writes.as_ref().and_then(|writes| {
        let query_set = own!(writes.query_set, QuerySet).gpu();
        let query_set =
            query_set.inspect_err(|absent| spoiled.by("CommandEncoder::begin_compute_pass", absent)).ok()?;
        Some(TimestampWrites {
            query_set,
            beginning_of_pass_write_index: writes.beginning_of_pass_write_index,
            end_of_pass_write_index: writes.end_of_pass_write_index,
        })
    });
    client::ComputePassDescriptor { timestamp_writes, label: label(desc.label) }
}

/// All offsets of a bind group.
pub fn dynamic_offsets(offsets: &[u32]) -> DynamicOffsets {
    let data = (!offsets.is_empty()).then(|| offsets.to_vec());
    DynamicOffsets { data, start: None, length: None }
}

impl ComputePass {
    pub fn new(gpu: client::ComputePass, device: &Arc<Shared>, spoiled: Spoiled) -> ComputePass {
        ComputePass { gpu: Object::new(gpu, &device.context), device: device.clone(), spoiled }
    }

    fn lacks(&self, command: &str, features: wgpu::Features) {
        self.spoiled.by(command, &Absent::Features(features));
    }
}

impl ComputePassInterface for ComputePass {
    fn set_pipeline(&mut self, pipeline: &DispatchComputePipeline) {
        let pipeline = &own!(pipeline, ComputePipeline).gpu;
        self.gpu.set_pipeline(&mut self.device.context.lock().client, pipeline);
    }

    fn set_bind_group(&mut self, index: u32, bind_group: Option<&DispatchBindGroup>, offsets: &[u32]) {
        let bind_group = bind_group.map(|bind_group| &*own!(bind_group, BindGroup).0);
        let offsets = dynamic_offsets(offsets);
        // Fails only with a start and a length, which are absent here.
        let _ = self.gpu.set_bind_group(&mut self.device.context.lock().client, index, bind_group, offsets);
    }

    fn set_immediates(&mut self, offset: u32, data: &[u8]) {
        self.gpu.set_immediates(&mut self.device.context.lock().client, offset, data, None, None);
    }

    fn insert_debug_marker(&mut self, label: &str) {
        self.gpu.insert_debug_marker(&mut self.device.context.lock().client, label);
    }

    fn push_debug_group(&mut self, label: &str) {
        self.gpu.push_debug_group(&mut self.device.context.lock().client, label);
    }

    fn pop_debug_group(&mut self) {
        self.gpu.pop_debug_group(&mut self.device.context.lock().client);
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
        self.gpu.dispatch_workgroups(&mut self.device.context.lock().client, x, Some(y), Some(z));
    }

    fn dispatch_workgroups_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        let State { client, buffers, .. } = &mut *self.device.context.lock();
        self.gpu.dispatch_workgroups_indirect(client, &buffers[own!(buffer, Buffer).key()], offset);
    }

    /// The worker tracks states itself.
    fn transition_resources<'a>(
        &mut self,
        _: &mut dyn Iterator<Item = wgpu::BufferTransition<&'a DispatchBuffer>>,
        _: &mut dyn Iterator<Item = wgpu::TextureTransition<&'a DispatchTextureView>>,
    ) {
    }
}

impl Drop for ComputePass {
    fn drop(&mut self) {
        self.gpu.end(&mut self.device.context.lock().client);
    }
}
