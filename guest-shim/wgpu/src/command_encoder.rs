//! Command encoders, and errors of their recordings.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use wgpu::custom::*;

use crate::bindings::webgpu as gpu;
use crate::buffer::Buffer;
use crate::compute_pass::{self, ComputePass};
use crate::device::{Shared, label, own};
use crate::error::Absent;
use crate::query_set::QuerySet;
use crate::render_pass;
use crate::texture::{copy_info, extent};

/// The first command of a recording that the interface lacks. wgpu reports errors of recorded commands at `finish`, and
/// so does this backend.
#[derive(Clone, Default)]
pub struct Spoiled(Arc<Mutex<Option<String>>>);

impl Spoiled {
    /// Records that `command` needs an absent feature.
    pub fn by(&self, command: &str, absent: &Absent) {
        let mut cause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cause.get_or_insert_with(|| format!("In {command}\n    {absent}"));
    }

    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// `wgpu::CommandEncoder` of this backend.
pub struct CommandEncoder {
    gpu: gpu::GpuCommandEncoder,
    device: Arc<Shared>,
    label: Option<String>,
    spoiled: Spoiled,
}

impl fmt::Debug for CommandEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommandEncoder({:?})", self.label)
    }
}

/// `wgpu::CommandBuffer` of this backend.
#[derive(Debug)]
pub struct CommandBuffer(pub gpu::GpuCommandBuffer);

impl CommandBufferInterface for CommandBuffer {}

pub fn create(device: &Arc<Shared>, desc: &wgpu::CommandEncoderDescriptor<'_>) -> CommandEncoder {
    let descriptor = gpu::GpuCommandEncoderDescriptor { label: label(desc.label) };
    let gpu = device.gpu.create_command_encoder(Some(&descriptor));
    CommandEncoder { gpu, device: device.clone(), label: descriptor.label, spoiled: Spoiled::default() }
}

impl CommandEncoder {
    /// Runs a command with its operand, or spoils the recording.
    fn record<T>(&self, command: &str, needed: Result<T, Absent>, run: impl FnOnce(T)) {
        match needed {
            Ok(needed) => run(needed),
            Err(absent) => self.spoiled.by(command, &absent),
        }
    }

    fn lacks(&self, command: &str, features: wgpu::Features) {
        self.spoiled.by(command, &Absent::Features(features));
    }
}

/// Buffer side of a copy.
fn buffer_info<'a>(info: &wgpu::TexelCopyBufferInfo<'a>) -> gpu::GpuTexelCopyBufferInfo<'a> {
    gpu::GpuTexelCopyBufferInfo {
        buffer: own!(info.buffer, Buffer).gpu(),
        offset: Some(info.layout.offset),
        bytes_per_row: info.layout.bytes_per_row,
        rows_per_image: info.layout.rows_per_image,
    }
}

impl CommandEncoderInterface for CommandEncoder {
    fn copy_buffer_to_buffer(
        &self,
        source: &DispatchBuffer,
        source_offset: u64,
        destination: &DispatchBuffer,
        destination_offset: u64,
        size: Option<u64>,
    ) {
        let (source, destination) = (own!(source, Buffer).gpu(), own!(destination, Buffer).gpu());
        self.gpu.copy_buffer_to_buffer(source, Some(source_offset), destination, Some(destination_offset), size);
    }

    fn copy_buffer_to_texture(
        &self,
        source: wgpu::TexelCopyBufferInfo<'_>,
        destination: wgpu::TexelCopyTextureInfo<'_>,
        size: wgpu::Extent3d,
    ) {
        self.record("CommandEncoder::copy_buffer_to_texture", copy_info(&destination), |destination| {
            self.gpu.copy_buffer_to_texture(&buffer_info(&source), &destination, extent(size));
        });
    }

    fn copy_texture_to_buffer(
        &self,
        source: wgpu::TexelCopyTextureInfo<'_>,
        destination: wgpu::TexelCopyBufferInfo<'_>,
        size: wgpu::Extent3d,
    ) {
        self.record("CommandEncoder::copy_texture_to_buffer", copy_info(&source), |source| {
            self.gpu.copy_texture_to_buffer(&source, &buffer_info(&destination), extent(size));
        });
    }

    fn copy_texture_to_texture(
        &self,
        source: wgpu::TexelCopyTextureInfo<'_>,
        destination: wgpu::TexelCopyTextureInfo<'_>,
        size: wgpu::Extent3d,
    ) {
        let infos = copy_info(&source).and_then(|source| Ok((source, copy_info(&destination)?)));
        self.record("CommandEncoder::copy_texture_to_texture", infos, |(source, destination)| {
            self.gpu.copy_texture_to_texture(&source, &destination, extent(size));
        });
    }

    fn begin_compute_pass(&self, desc: &wgpu::ComputePassDescriptor<'_>) -> DispatchComputePass {
        let descriptor = compute_pass::descriptor(desc, &self.spoiled);
        let pass = self.gpu.begin_compute_pass(Some(&descriptor));
        DispatchComputePass::custom(ComputePass::new(pass, self.spoiled.clone()))
    }

    fn begin_render_pass(&self, desc: &wgpu::RenderPassDescriptor<'_>) -> DispatchRenderPass {
        let descriptor = render_pass::descriptor(desc, &self.spoiled);
        let pass = self.gpu.begin_render_pass(&descriptor);
        DispatchRenderPass::custom(render_pass::RenderPass::new(pass, self.spoiled.clone()))
    }

    fn finish(&mut self) -> DispatchCommandBuffer {
        let descriptor = gpu::GpuCommandBufferDescriptor { label: self.label.clone() };
        let buffer = match self.spoiled.take() {
            None => self.gpu.finish(Some(&descriptor)),
            Some(cause) => {
                self.device.report("CommandEncoder::finish", self.label.as_deref(), &cause);
                self.device.invalid(|_| {
                    // An unclosed debug group makes the host's recording invalid, too.
                    self.gpu.push_debug_group("");
                    self.gpu.finish(Some(&descriptor))
                })
            }
        };
        DispatchCommandBuffer::custom(CommandBuffer(buffer))
    }

    fn clear_texture(&self, _: &DispatchTexture, _: &wgpu::ImageSubresourceRange) {
        self.lacks("CommandEncoder::clear_texture", wgpu::Features::CLEAR_TEXTURE);
    }

    fn clear_buffer(&self, buffer: &DispatchBuffer, offset: u64, size: Option<u64>) {
        self.gpu.clear_buffer(own!(buffer, Buffer).gpu(), Some(offset), size);
    }

    fn insert_debug_marker(&self, label: &str) {
        self.gpu.insert_debug_marker(label);
    }

    fn push_debug_group(&self, label: &str) {
        self.gpu.push_debug_group(label);
    }

    fn pop_debug_group(&self) {
        self.gpu.pop_debug_group();
    }

    fn write_timestamp(&self, _: &DispatchQuerySet, _: u32) {
        self.lacks("CommandEncoder::write_timestamp", wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS);
    }

    fn resolve_query_set(
        &self,
        query_set: &DispatchQuerySet,
        first_query: u32,
        query_count: u32,
        destination: &DispatchBuffer,
        destination_offset: u64,
    ) {
        let destination = own!(destination, Buffer).gpu();
        self.record("CommandEncoder::resolve_query_set", own!(query_set, QuerySet).gpu(), |query_set| {
            self.gpu.resolve_query_set(query_set, first_query, query_count, destination, destination_offset);
        });
    }

    fn mark_acceleration_structures_built<'a>(
        &self,
        _: &mut dyn Iterator<Item = &'a wgpu::Blas>,
        _: &mut dyn Iterator<Item = &'a wgpu::Tlas>,
    ) {
        self.lacks("CommandEncoder::mark_acceleration_structures_built", wgpu::Features::EXPERIMENTAL_RAY_QUERY);
    }

    fn build_acceleration_structures<'a>(
        &self,
        _: &mut dyn Iterator<Item = &'a wgpu::BlasBuildEntry<'a>>,
        _: &mut dyn Iterator<Item = &'a wgpu::Tlas>,
    ) {
        self.lacks("CommandEncoder::build_acceleration_structures", wgpu::Features::EXPERIMENTAL_RAY_QUERY);
    }

    /// The host tracks states itself.
    fn transition_resources<'a>(
        &mut self,
        _: &mut dyn Iterator<Item = wgpu::BufferTransition<&'a DispatchBuffer>>,
        _: &mut dyn Iterator<Item = wgpu::TextureTransition<&'a DispatchTexture>>,
    ) {
    }
}
