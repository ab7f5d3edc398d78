//! Command encoders, and errors of their recordings.

use std::fmt;
use std::sync::{Arc, Mutex};

use airlock_client::command_encoder as client;
use airlock_client::texture::{TexelCopyBufferInfo, TexelCopyBufferLayout};
use wgpu::custom::*;

use crate::buffer::Buffer;
use crate::compute_pass::{self, ComputePass};
use crate::context::{Object, Slab, State, lock};
use crate::device::{Shared, label, own};
use crate::error::Absent;
use crate::query_set::QuerySet;
use crate::render_pass;
use crate::texture::{copy_info, extent};

/// The first command of a recording that WebGPU lacks. wgpu reports errors of recorded commands at `finish`, and so
/// does this backend.
#[derive(Clone, Default)]
pub struct Spoiled(Arc<Mutex<Option<String>>>);

impl Spoiled {
    /// Records that `command` needs an absent feature.
    pub fn by(&self, command: &str, absent: &Absent) {
        let mut cause = lock(&self.0);
        cause.get_or_insert_with(|| format!("In {command}\n    {absent}"));
    }

    fn take(&self) -> Option<String> {
        lock(&self.0).take()
    }
}

/// `wgpu::CommandEncoder` of this backend.
pub struct CommandEncoder {
    gpu: Object<client::CommandEncoder>,
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
pub struct CommandBuffer(pub Object<client::CommandBuffer>);

impl CommandBufferInterface for CommandBuffer {}

pub fn create(device: &Arc<Shared>, desc: &wgpu::CommandEncoderDescriptor<'_>) -> CommandEncoder {
    let label = label(desc.label);
    let gpu = device.gpu.create_command_encoder(&mut device.lock().client, label.clone());
    let gpu = Object::new(gpu, &device.context);
    CommandEncoder { gpu, device: device.clone(), label, spoiled: Spoiled::default() }
}

impl CommandEncoder {
    fn lacks(&self, command: &str, features: wgpu::Features) {
        self.spoiled.by(command, &Absent::Features(features));
    }
}

/// Buffer side of a copy.
fn buffer_info<'a>(
    info: &wgpu::TexelCopyBufferInfo<'_>,
    buffers: &'a Slab<airlock_client::buffer::Buffer>,
) -> TexelCopyBufferInfo<'a> {
    TexelCopyBufferInfo {
        buffer: &buffers[own!(info.buffer, Buffer).key()],
        layout: TexelCopyBufferLayout {
            offset: Some(info.layout.offset),
            bytes_per_row: info.layout.bytes_per_row,
            rows_per_image: info.layout.rows_per_image,
        },
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
        let State { client, buffers, .. } = &mut *self.device.lock();
        let source = (&buffers[own!(source, Buffer).key()], Some(source_offset));
        let destination = (&buffers[own!(destination, Buffer).key()], Some(destination_offset));
        self.gpu.copy_buffer_to_buffer(client, source, destination, size);
    }

    fn copy_buffer_to_texture(
        &self,
        source: wgpu::TexelCopyBufferInfo<'_>,
        destination: wgpu::TexelCopyTextureInfo<'_>,
        size: wgpu::Extent3d,
    ) {
        let State { client, buffers, textures } = &mut *self.device.lock();
        let source = buffer_info(&source, buffers);
        match copy_info(&destination, textures) {
            Ok(destination) => self.gpu.copy_buffer_to_texture(client, source, destination, extent(size)),
            Err(absent) => self.spoiled.by("CommandEncoder::copy_buffer_to_texture", &absent),
        }
    }

    fn copy_texture_to_buffer(
        &self,
        source: wgpu::TexelCopyTextureInfo<'_>,
        destination: wgpu::TexelCopyBufferInfo<'_>,
        size: wgpu::Extent3d,
    ) {
        let State { client, buffers, textures } = &mut *self.device.lock();
        let destination = buffer_info(&destination, buffers);
        match copy_info(&source, textures) {
            Ok(source) => self.gpu.copy_texture_to_buffer(client, source, destination, extent(size)),
            Err(absent) => self.spoiled.by("CommandEncoder::copy_texture_to_buffer", &absent),
        }
    }

    fn copy_texture_to_texture(
        &self,
        source: wgpu::TexelCopyTextureInfo<'_>,
        destination: wgpu::TexelCopyTextureInfo<'_>,
        size: wgpu::Extent3d,
    ) {
        let State { client, textures, .. } = &mut *self.device.lock();
        let infos = copy_info(&source, textures).and_then(|source| Ok((source, copy_info(&destination, textures)?)));
        match infos {
            Ok((source, destination)) => self.gpu.copy_texture_to_texture(client, source, destination, extent(size)),
            Err(absent) => self.spoiled.by("CommandEncoder::copy_texture_to_texture", &absent),
        }
    }

    fn begin_compute_pass(&self, desc: &wgpu::ComputePassDescriptor<'_>) -> DispatchComputePass {
        let descriptor = compute_pass::descriptor(desc, &self.spoiled);
        let pass = self.gpu.begin_compute_pass(&mut self.device.lock().client, descriptor);
        DispatchComputePass::custom(ComputePass::new(pass, &self.device, self.spoiled.clone()))
    }

    fn begin_render_pass(&self, desc: &wgpu::RenderPassDescriptor<'_>) -> DispatchRenderPass {
        let descriptor = render_pass::descriptor(desc, &self.spoiled);
        let pass = self.gpu.begin_render_pass(&mut self.device.lock().client, descriptor);
        DispatchRenderPass::custom(render_pass::RenderPass::new(pass, &self.device, self.spoiled.clone()))
    }

    fn finish(&mut self) -> DispatchCommandBuffer {
        let label = self.label.clone();
        let buffer = {
            let state = &mut *self.device.lock();
            match self.spoiled.take() {
                None => self.gpu.finish(&mut state.client, label),
                Some(cause) => {
                    self.device.report_in(state, "CommandEncoder::finish", self.label.as_deref(), &cause);
                    self.device.invalid(state, |_, state| {
                        // An unclosed debug group makes the worker's recording invalid, too.
                        self.gpu.push_debug_group(&mut state.client, "");
                        self.gpu.finish(&mut state.client, label)
                    })
                }
            }
        };
        DispatchCommandBuffer::custom(CommandBuffer(Object::new(buffer, &self.device.context)))
    }

    fn clear_texture(&self, _: &DispatchTexture, _: &wgpu::ImageSubresourceRange) {
        self.lacks("CommandEncoder::clear_texture", wgpu::Features::CLEAR_TEXTURE);
    }

    fn clear_buffer(&self, buffer: &DispatchBuffer, offset: u64, size: Option<u64>) {
        let State { client, buffers, .. } = &mut *self.device.lock();
        self.gpu.clear_buffer(client, &buffers[own!(buffer, Buffer).key()], Some(offset), size);
    }

    fn insert_debug_marker(&self, label: &str) {
        self.gpu.insert_debug_marker(&mut self.device.lock().client, label);
    }

    fn push_debug_group(&self, label: &str) {
        self.gpu.push_debug_group(&mut self.device.lock().client, label);
    }

    fn pop_debug_group(&self) {
        self.gpu.pop_debug_group(&mut self.device.lock().client);
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
        let State { client, buffers, .. } = &mut *self.device.lock();
        let destination = &buffers[own!(destination, Buffer).key()];
        match own!(query_set, QuerySet).gpu() {
            Ok(query_set) => {
                self.gpu.resolve_query_set(client, query_set, first_query, query_count, destination, destination_offset)
            }
            Err(absent) => self.spoiled.by("CommandEncoder::resolve_query_set", &absent),
        }
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

    /// The worker tracks states itself.
    fn transition_resources<'a>(
        &mut self,
        _: &mut dyn Iterator<Item = wgpu::BufferTransition<&'a DispatchBuffer>>,
        _: &mut dyn Iterator<Item = wgpu::TextureTransition<&'a DispatchTexture>>,
    ) {
    }
}
