//! Render passes.

use std::fmt;
use std::ops::Range;

use wgpu::custom::*;

use crate::bindings::webgpu as gpu;
use crate::command_encoder::Spoiled;
use crate::device::{label, own};
use crate::encoder::Encoder;
use crate::error::Absent;
use crate::query_set::QuerySet;
use crate::texture::TextureView;

/// Bytes of the arguments of one indirect draw. Those of several are contiguous.
const DRAW_ARGUMENTS: u64 = 16;
const DRAW_INDEXED_ARGUMENTS: u64 = 20;

/// `wgpu::RenderPass` of this backend.
pub struct RenderPass {
    encoder: Encoder<gpu::GpuRenderPassEncoder>,
    spoiled: Spoiled,
}

impl fmt::Debug for RenderPass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RenderPass")
    }
}

/// Converts a descriptor. Absent features spoil the recording and are left out.
pub fn descriptor<'a>(desc: &wgpu::RenderPassDescriptor<'a>, spoiled: &Spoiled) -> gpu::GpuRenderPassDescriptor<'a> {
    let note = |absent: &Absent| spoiled.by("CommandEncoder::begin_render_pass", absent);
    if desc.multiview_mask.is_some() {
        note(&Absent::Features(wgpu::Features::MULTIVIEW));
    }
    let query_set = |set: &'a wgpu::QuerySet| own!(set, QuerySet).gpu().inspect_err(note).ok();
    gpu::GpuRenderPassDescriptor {
        color_attachments: desc.color_attachments.iter().map(|color| color.as_ref().map(color_attachment)).collect(),
        depth_stencil_attachment: desc.depth_stencil_attachment.as_ref().map(depth_stencil_attachment),
        occlusion_query_set: desc.occlusion_query_set.and_then(query_set),
        timestamp_writes: desc.timestamp_writes.as_ref().and_then(|writes| {
            Some(gpu::GpuRenderPassTimestampWrites {
                query_set: query_set(writes.query_set)?,
                beginning_of_pass_write_index: writes.beginning_of_pass_write_index,
                end_of_pass_write_index: writes.end_of_pass_write_index,
            })
        }),
        max_draw_count: None,
        label: label(desc.label),
    }
}

fn color_attachment<'a>(color: &wgpu::RenderPassColorAttachment<'a>) -> gpu::GpuRenderPassColorAttachment<'a> {
    let (load_op, clear_value) = load_op(color.ops.load);
    gpu::GpuRenderPassColorAttachment {
        view: &own!(color.view, TextureView).0,
        depth_slice: color.depth_slice,
        resolve_target: color.resolve_target.map(|view| &own!(view, TextureView).0),
        clear_value: clear_value.map(self::color),
        load_op,
        store_op: store_op(color.ops.store),
    }
}

fn depth_stencil_attachment<'a>(
    desc: &wgpu::RenderPassDepthStencilAttachment<'a>,
) -> gpu::GpuRenderPassDepthStencilAttachment<'a> {
    let depth = desc.depth_ops.map(|ops| (load_op(ops.load), store_op(ops.store)));
    let stencil = desc.stencil_ops.map(|ops| (load_op(ops.load), store_op(ops.store)));
    gpu::GpuRenderPassDepthStencilAttachment {
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

/// The load operation, and its clear value. Contents that the program does not care about are cleared to zero: the
/// interface has no other operation for them.
fn load_op<V: Default>(load: wgpu::LoadOp<V>) -> (gpu::GpuLoadOp, Option<V>) {
    match load {
        wgpu::LoadOp::Load => (gpu::GpuLoadOp::Load, None),
        wgpu::LoadOp::Clear(value) => (gpu::GpuLoadOp::Clear, Some(value)),
        wgpu::LoadOp::DontCare(_) => (gpu::GpuLoadOp::Clear, Some(V::default())),
    }
}

fn store_op(store: wgpu::StoreOp) -> gpu::GpuStoreOp {
    match store {
        wgpu::StoreOp::Store => gpu::GpuStoreOp::Store,
        wgpu::StoreOp::Discard => gpu::GpuStoreOp::Discard,
    }
}

fn color(color: wgpu::Color) -> gpu::GpuColor {
    gpu::GpuColor { r: color.r, g: color.g, b: color.b, a: color.a }
}

impl RenderPass {
    pub fn new(gpu: gpu::GpuRenderPassEncoder, spoiled: Spoiled) -> RenderPass {
        RenderPass { encoder: Encoder::new(gpu), spoiled }
    }

    fn lacks(&self, command: &str, features: wgpu::Features) {
        self.spoiled.by(command, &Absent::Features(features));
    }
}

impl RenderPassInterface for RenderPass {
    fn set_pipeline(&mut self, pipeline: &DispatchRenderPipeline) {
        self.encoder.set_pipeline(pipeline);
    }

    fn set_bind_group(&mut self, index: u32, bind_group: Option<&DispatchBindGroup>, offsets: &[u32]) {
        self.encoder.set_bind_group(index, bind_group, offsets);
    }

    fn set_index_buffer(
        &mut self,
        buffer: &DispatchBuffer,
        format: wgpu::IndexFormat,
        offset: u64,
        size: Option<wgpu::BufferSize>,
    ) {
        self.encoder.set_index_buffer(buffer, format, offset, size);
    }

    fn set_vertex_buffer(
        &mut self,
        slot: u32,
        buffer: Option<&DispatchBuffer>,
        offset: u64,
        size: Option<wgpu::BufferSize>,
    ) {
        self.encoder.set_vertex_buffer(slot, buffer, offset, size);
    }

    fn set_immediates(&mut self, offset: u32, data: &[u8]) {
        self.encoder.set_immediates(offset, data);
    }

    fn set_blend_constant(&mut self, constant: wgpu::Color) {
        self.encoder.set_blend_constant(constant);
    }

    fn set_scissor_rect(&mut self, x: u32, y: u32, width: u32, height: u32) {
        self.encoder.set_scissor_rect(x, y, width, height);
    }

    fn set_viewport(&mut self, x: f32, y: f32, width: f32, height: f32, min_depth: f32, max_depth: f32) {
        self.encoder.set_viewport(x, y, width, height, min_depth, max_depth);
    }

    fn set_stencil_reference(&mut self, reference: u32) {
        self.encoder.set_stencil_reference(reference);
    }

    fn draw(&mut self, vertices: Range<u32>, instances: Range<u32>) {
        self.encoder.draw(vertices, instances);
    }

    fn draw_indexed(&mut self, indices: Range<u32>, base_vertex: i32, instances: Range<u32>) {
        self.encoder.draw_indexed(indices, base_vertex, instances);
    }

    fn draw_mesh_tasks(&mut self, _: u32, _: u32, _: u32) {
        self.lacks("RenderPass::draw_mesh_tasks", wgpu::Features::EXPERIMENTAL_MESH_SHADER);
    }

    fn draw_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        self.encoder.draw_indirect(buffer, offset);
    }

    fn draw_indexed_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        self.encoder.draw_indexed_indirect(buffer, offset);
    }

    fn draw_mesh_tasks_indirect(&mut self, _: &DispatchBuffer, _: u64) {
        self.lacks("RenderPass::draw_mesh_tasks_indirect", wgpu::Features::EXPERIMENTAL_MESH_SHADER);
    }

    /// Encodes one draw after the other, as wgpu does where the driver has no such call.
    fn multi_draw_indirect(&mut self, buffer: &DispatchBuffer, offset: u64, count: u32) {
        for index in 0..u64::from(count) {
            self.encoder.draw_indirect(buffer, offset.saturating_add(index * DRAW_ARGUMENTS));
        }
    }

    fn multi_draw_indexed_indirect(&mut self, buffer: &DispatchBuffer, offset: u64, count: u32) {
        for index in 0..u64::from(count) {
            self.encoder.draw_indexed_indirect(buffer, offset.saturating_add(index * DRAW_INDEXED_ARGUMENTS));
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
        self.encoder.insert_debug_marker(label);
    }

    fn push_debug_group(&mut self, label: &str) {
        self.encoder.push_debug_group(label);
    }

    fn pop_debug_group(&mut self) {
        self.encoder.pop_debug_group();
    }

    fn write_timestamp(&mut self, _: &DispatchQuerySet, _: u32) {
        self.lacks("RenderPass::write_timestamp", wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES);
    }

    fn begin_occlusion_query(&mut self, index: u32) {
        self.encoder.begin_occlusion_query(index);
    }

    fn end_occlusion_query(&mut self) {
        self.encoder.end_occlusion_query();
    }

    fn begin_pipeline_statistics_query(&mut self, _: &DispatchQuerySet, _: u32) {
        self.lacks("RenderPass::begin_pipeline_statistics_query", wgpu::Features::PIPELINE_STATISTICS_QUERY);
    }

    fn end_pipeline_statistics_query(&mut self) {
        self.lacks("RenderPass::end_pipeline_statistics_query", wgpu::Features::PIPELINE_STATISTICS_QUERY);
    }

    fn execute_bundles(&mut self, bundles: &mut dyn Iterator<Item = &DispatchRenderBundle>) {
        self.encoder.execute_bundles(bundles);
    }
}

impl Drop for RenderPass {
    fn drop(&mut self) {
        self.encoder.flush().end();
    }
}
