//! Render bundles and their encoders.

use std::ops::Range;
use std::sync::Arc;

use airlock_client::render_bundle as client;
use wgpu::custom::*;

use crate::binding::BindGroup;
use crate::buffer::Buffer;
use crate::compute_pass::dynamic_offsets;
use crate::context::{Object, State};
use crate::device::{Shared, label, own};
use crate::error::Absent;
use crate::format::texture_format;
use crate::pipeline::{RenderPipeline, index_format};
use crate::render_pass::length;

/// `wgpu::RenderBundle` of this backend.
#[derive(Debug)]
pub struct RenderBundle(pub Object<client::RenderBundle>);

impl RenderBundleInterface for RenderBundle {}

/// `wgpu::RenderBundleEncoder` of this backend.
#[derive(Debug)]
pub struct RenderBundleEncoder {
    gpu: Object<client::RenderBundleEncoder>,
    device: Arc<Shared>,
}

pub fn create(device: &Arc<Shared>, desc: &wgpu::RenderBundleEncoderDescriptor<'_>) -> RenderBundleEncoder {
    let encoder = device.made_or_invalid(
        "Device::create_render_bundle_encoder",
        desc.label,
        descriptor(desc),
        |device, state, descriptor| device.create_render_bundle_encoder(&mut state.client, descriptor),
        // Without an attachment.
        |device, state| device.create_render_bundle_encoder(&mut state.client, Default::default()),
    );
    RenderBundleEncoder { gpu: Object::new(encoder, &device.context), device: device.clone() }
}

fn descriptor(desc: &wgpu::RenderBundleEncoderDescriptor<'_>) -> Result<client::RenderBundleEncoderDescriptor, Absent> {
    if desc.multiview.is_some() {
        return Err(Absent::Features(wgpu::Features::MULTIVIEW));
    }
    let color_formats: Result<Vec<_>, _> =
        desc.color_formats.iter().map(|format| format.map(texture_format).transpose()).collect();
    Ok(client::RenderBundleEncoderDescriptor {
        depth_read_only: desc.depth_stencil.map(|state| state.depth_read_only),
        stencil_read_only: desc.depth_stencil.map(|state| state.stencil_read_only),
        color_formats: color_formats?,
        depth_stencil_format: desc.depth_stencil.map(|state| texture_format(state.format)).transpose()?,
        sample_count: Some(desc.sample_count),
        label: label(desc.label),
    })
}

impl RenderBundleEncoderInterface for RenderBundleEncoder {
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

    fn draw_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        let State { client, buffers, .. } = &mut *self.device.context.lock();
        self.gpu.draw_indirect(client, &buffers[own!(buffer, Buffer).key()], offset);
    }

    fn draw_indexed_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        let State { client, buffers, .. } = &mut *self.device.context.lock();
        self.gpu.draw_indexed_indirect(client, &buffers[own!(buffer, Buffer).key()], offset);
    }

    fn finish(self, desc: &wgpu::RenderBundleDescriptor<'_>) -> DispatchRenderBundle {
        let bundle = self.gpu.finish(&mut self.device.lock().client, label(desc.label));
        DispatchRenderBundle::custom(RenderBundle(Object::new(bundle, &self.device.context)))
    }

    fn finish_boxed(self: Box<Self>, desc: &wgpu::RenderBundleDescriptor<'_>) -> DispatchRenderBundle {
        (*self).finish(desc)
    }
}
