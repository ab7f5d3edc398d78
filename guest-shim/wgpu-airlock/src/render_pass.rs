//! Render passes.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use airlock_client::render_pass as client;
use airlock_protocol::commands::render_pass::{LoadOp, StoreOp};
use wgpu::custom::*;

use crate::binding::BindGroup;
use crate::buffer::Buffer;
use crate::command_encoder::Spoiled;
use crate::compute_pass::dynamic_offsets;
use crate::context::{Object, State};
use crate::device::{Shared, label, own};
use crate::error::Absent;
use crate::pipeline::{RenderPipeline, index_format};
use crate::query_set::QuerySet;
use crate::render_bundle::RenderBundle;
use crate::texture::TextureView;

/// Bytes of the arguments of one indirect draw. Those of several are contiguous.
const DRAW_ARGUMENTS: u64 = 16;
const DRAW_INDEXED_ARGUMENTS: u64 = 20;

/// `wgpu::RenderPass` of this backend.
pub struct RenderPass {
    gpu: Object<client::RenderPass>,
    device: Arc<Shared>,
    spoiled: Spoiled,
}

impl fmt::Debug for RenderPass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RenderPass")
    }
}

/// Converts a descriptor. Absent features spoil the recording and are left out.
pub fn descriptor<'a>(desc: &wgpu::RenderPassDescriptor<'a>, spoiled: &Spoiled) -> client::RenderPassDescriptor<'a> {
    let note = |absent: &Absent| spoiled.by("CommandEncoder::begin_render_pass", absent);
    if desc.multiview_mask.is_some() {
        note(&Absent::Features(wgpu::Features::MULTIVIEW));
    }
    let query_set = |set: &'a wgpu::QuerySet| own!(set, QuerySet).gpu().inspect_err(note).ok();
    client::RenderPassDescriptor {
        color_attachments: desc.color_attachments.iter().map(|color| color.as_ref().map(color_attachment)).collect(),
        depth_stencil_attachment: desc.depth_stencil_attachment.as_ref().map(depth_stencil_attachment),
        occlusion_query_set: desc.occlusion_query_set.and_then(query_set),
        timestamp_writes: desc.timestamp_writes.as_ref().and_then(|writes| {
            Some(client::TimestampWrites {
                query_set: query_set(writes.query_set)?,
                beginning_of_pass_write_index: writes.beginning_of_pass_write_index,
                end_of_pass_write_index: writes.end_of_pass_write_index,
            })
        }),
        // wgpu has no such limit.
        max_draw_count: None,
        label: label(desc.label),
    }
}

fn color_attachment<'a>(color: &wgpu::RenderPassColorAttachment<'a>) -> client::ColorAttachment<'a> {
    let (load_op, clear_value) = load_op(color.ops.load);
    client::ColorAttachment {
        view: &own!(color.view, TextureView).0,
        depth_slice: color.depth_slice,
        resolve_target: color.resolve_target.map(|view| &*own!(view, TextureView).0),
        clear_value: clear_value.map(self::color),
        load_op,
        store_op: store_op(color.ops.store),
    }
}

fn depth_stencil_attachment<'a>(
    desc: &wgpu::RenderPassDepthStencilAttachment<'a>,
) -> client::DepthStencilAttachment<'a> {
    let depth = desc.depth_ops.map(|ops| (load_op(ops.load), store_op(ops.store)));
    let stencil = desc.stencil_ops.map(|ops| (load_op(ops.load), store_op(ops.store)));
    client::DepthStencilAttachment {
        view: &own!(desc.view, TextureView).0,
        depth_clear_value: depth.and_then(|((_, clear), _)| clear),
        depth_load_op: depth.map(|((load, _), _)| load),
        depth_store_op: depth.map(|(_, store)| store),
        // In wgpu, an aspect without operations is read-only.
        depth_read_only: Some(depth.is_none()),
        stencil_clear_value: stencil.and_then(|((_, clear), _)| clear),
        stencil_load_op: stencil.map(|((load, _), _)| load),
        stencil_store_op: stencil.map(|(_, store)| store),
        stencil_read_only: Some(stencil.is_none()),
    }
}

/// The load operation, and its clear value. Contents that the program does not care about are cleared to zero: WebGPU
/// has no other operation for them.
fn load_op<V: Default>(load: wgpu::LoadOp<V>) -> (LoadOp, Option<V>) {
    match load {
        wgpu::LoadOp::Load => (LoadOp::Load, None),
        wgpu::LoadOp::Clear(value) => (LoadOp::Clear, Some(value)),
        wgpu::LoadOp::DontCare(_) => (LoadOp::Clear, Some(V::default())),
    }
}

fn store_op(store: wgpu::StoreOp) -> StoreOp {
    match store {
        wgpu::StoreOp::Store => StoreOp::Store,
        wgpu::StoreOp::Discard => StoreOp::Discard,
    }
}

fn color(color: wgpu::Color) -> [f64; 4] {
    [color.r, color.g, color.b, color.a]
}

impl RenderPass {
    pub fn new(gpu: client::RenderPass, device: &Arc<Shared>, spoiled: Spoiled) -> RenderPass {
        RenderPass { gpu: Object::new(gpu, &device.context), device: device.clone(), spoiled }
    }

    fn lacks(&self, command: &str, features: wgpu::Features) {
        self.spoiled.by(command, &Absent::Features(features));
    }
}

/// Number of elements of a range. wgpu-core wraps if the end is before the start; the worker then finds it out of
/// range.
pub fn length(range: &Range<u32>) -> u32 {
    range.end.wrapping_sub(range.start)
}

impl RenderPassInterface for RenderPass {
    fn set_pipeline(&mut self, pipeline: &DispatchRenderPipeline) {
        let pipeline = &own!(pipeline, RenderPipeline).gpu;
        self.gpu.set_pipeline(&mut self.device.context.lock().client, pipeline);
    }

    fn set_bind_group(&mut self, index: u32, bind_group: Option<&DispatchBindGroup>, offsets: &[u32]) {
        let bind_group = bind_group.map(|bind_group| &*own!(bind_group, BindGroup).0);
        let offsets = dynamic_offsets(offsets);
        // Fails only with a start and a length, which are absent here.
        let _ = self.gpu.set_bind_group(&mut self.device.context.lock().client, index, bind_group, offsets);
    }

    fn set_index_buffer(
        &mut self,
        buffer: &DispatchBuffer,
        format: wgpu::IndexFormat,
        offset: u64,
        size: Option<wgpu::BufferSize>,
    ) {
        let size = size.map(|size| size.get());
        let State { client, buffers, .. } = &mut *self.device.context.lock();
        let buffer = &buffers[own!(buffer, Buffer).key()];
        self.gpu.set_index_buffer(client, buffer, index_format(format), Some(offset), size);
    }

    fn set_vertex_buffer(
        &mut self,
        slot: u32,
        buffer: Option<&DispatchBuffer>,
        offset: u64,
        size: Option<wgpu::BufferSize>,
    ) {
        let State { client, buffers, .. } = &mut *self.device.context.lock();
        let buffer = buffer.map(|buffer| &buffers[own!(buffer, Buffer).key()]);
        self.gpu.set_vertex_buffer(client, slot, buffer, Some(offset), size.map(|size| size.get()));
    }

    fn set_immediates(&mut self, offset: u32, data: &[u8]) {
        self.gpu.set_immediates(&mut self.device.context.lock().client, offset, data, None, None);
    }

    fn set_blend_constant(&mut self, constant: wgpu::Color) {
        self.gpu.set_blend_constant(&mut self.device.context.lock().client, color(constant));
    }

    fn set_scissor_rect(&mut self, x: u32, y: u32, width: u32, height: u32) {
        self.gpu.set_scissor_rect(&mut self.device.context.lock().client, x, y, width, height);
    }

    fn set_viewport(&mut self, x: f32, y: f32, width: f32, height: f32, min_depth: f32, max_depth: f32) {
        self.gpu.set_viewport(&mut self.device.context.lock().client, x, y, width, height, min_depth, max_depth);
    }

    fn set_stencil_reference(&mut self, reference: u32) {
        self.gpu.set_stencil_reference(&mut self.device.context.lock().client, reference);
    }

    fn draw(&mut self, vertices: Range<u32>, instances: Range<u32>) {
        let (count, instance_count) = (length(&vertices), Some(length(&instances)));
        let client = &mut self.device.context.lock().client;
        self.gpu.draw(client, count, instance_count, Some(vertices.start), Some(instances.start));
    }

    fn draw_indexed(&mut self, indices: Range<u32>, base_vertex: i32, instances: Range<u32>) {
        let (count, instance_count) = (length(&indices), length(&instances));
        let first_instance = Some(instances.start);
        let client = &mut self.device.context.lock().client;
        self.gpu.draw_indexed(
            client,
            count,
            Some(instance_count),
            Some(indices.start),
            Some(base_vertex),
            first_instance,
        );
    }

    fn draw_mesh_tasks(&mut self, _: u32, _: u32, _: u32) {
        self.lacks("RenderPass::draw_mesh_tasks", wgpu::Features::EXPERIMENTAL_MESH_SHADER);
    }

    fn draw_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        let State { client, buffers, .. } = &mut *self.device.context.lock();
        self.gpu.draw_indirect(client, &buffers[own!(buffer, Buffer).key()], offset);
    }

    fn draw_indexed_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        let State { client, buffers, .. } = &mut *self.device.context.lock();
        self.gpu.draw_indexed_indirect(client, &buffers[own!(buffer, Buffer).key()], offset);
    }

    fn draw_mesh_tasks_indirect(&mut self, _: &DispatchBuffer, _: u64) {
        self.lacks("RenderPass::draw_mesh_tasks_indirect", wgpu::Features::EXPERIMENTAL_MESH_SHADER);
    }

    /// Encodes one draw after the other, as wgpu does where the driver has no such call.
    fn multi_draw_indirect(&mut self, buffer: &DispatchBuffer, offset: u64, count: u32) {
        let State { client, buffers, .. } = &mut *self.device.context.lock();
        let buffer = &buffers[own!(buffer, Buffer).key()];
        for index in 0..u64::from(count) {
            self.gpu.draw_indirect(client, buffer, offset.saturating_add(index * DRAW_ARGUMENTS));
        }
    }

    fn multi_draw_indexed_indirect(&mut self, buffer: &DispatchBuffer, offset: u64, count: u32) {
        let State { client, buffers, .. } = &mut *self.device.context.lock();
        let buffer = &buffers[own!(buffer, Buffer).key()];
        for index in 0..u64::from(count) {
            self.gpu.draw_indexed_indirect(client, buffer, offset.saturating_add(index * DRAW_INDEXED_ARGUMENTS));
        }
    }

    fn multi_draw_indirect_count(&mut self, _: &DispatchBuffer, _: u64, _: &DispatchBuffer, _: u64, _: u32) {
        self.lacks("RenderPass::multi_draw_indirect_count", wgpu::Features::MULTI_DRAW_INDIRECT_COUNT);
    }

    fn multi_draw_mesh_tasks_indirect(&mut self, _: &DispatchBuffer, _: u64, _: u32) {
        self.lacks("RenderPass::multi_draw_mesh_tasks_indirect", wgpu::Features::EXPERIMENTAL_MESH_SHADER);
    }

    fn multi_draw_indexed_indirect_count(&mut self, _: &DispatchBuffer, _: u64, _: &DispatchBuffer, _: u64, _: u32) {
        self.lacks("RenderPass::multi_draw_indexed_indirect_count", wgpu::Features::MULTI_DRAW_INDIRECT_COUNT);
    }

    fn multi_draw_mesh_tasks_indirect_count(&mut self, _: &DispatchBuffer, _: u64, _: &DispatchBuffer, _: u64, _: u32) {
        self.lacks("RenderPass::multi_draw_mesh_tasks_indirect_count", wgpu::Features::EXPERIMENTAL_MESH_SHADER);
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
        self.lacks("RenderPass::write_timestamp", wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES);
    }

    fn begin_occlusion_query(&mut self, index: u32) {
        self.gpu.begin_occlusion_query(&mut self.device.context.lock().client, index);
    }

    fn end_occlusion_query(&mut self) {
        self.gpu.end_occlusion_query(&mut self.device.context.lock().client);
    }

    fn begin_pipeline_statistics_query(&mut self, _: &DispatchQuerySet, _: u32) {
        self.lacks("RenderPass::begin_pipeline_statistics_query", wgpu::Features::PIPELINE_STATISTICS_QUERY);
    }

    fn end_pipeline_statistics_query(&mut self) {
        self.lacks("RenderPass::end_pipeline_statistics_query", wgpu::Features::PIPELINE_STATISTICS_QUERY);
    }

    fn execute_bundles(&mut self, bundles: &mut dyn Iterator<Item = &DispatchRenderBundle>) {
        let bundles = bundles.map(|bundle| &*own!(bundle, RenderBundle).0);
        self.gpu.execute_bundles(&mut self.device.context.lock().client, bundles);
    }
}

impl Drop for RenderPass {
    fn drop(&mut self) {
        self.gpu.end(&mut self.device.context.lock().client);
    }
}
