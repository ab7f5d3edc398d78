//! Render bundles and their encoders.

use std::ops::Range;
use std::sync::Arc;

use wgpu::custom::*;

use crate::bindings::webgpu as gpu;
use crate::device::{Shared, label};
use crate::encoder::{Encoder, Object};
use crate::error::Absent;
use crate::format::texture_format;

/// `wgpu::RenderBundle` of this backend.
#[derive(Debug)]
pub struct RenderBundle(pub Object<gpu::GpuRenderBundle>);

impl RenderBundleInterface for RenderBundle {}

/// `wgpu::RenderBundleEncoder` of this backend.
#[derive(Debug)]
pub struct RenderBundleEncoder(Encoder<gpu::GpuRenderBundleEncoder>);

pub fn create(device: &Arc<Shared>, desc: &wgpu::RenderBundleEncoderDescriptor<'_>) -> RenderBundleEncoder {
    RenderBundleEncoder(Encoder::new(device.made_or_invalid(
        "Device::create_render_bundle_encoder",
        desc.label,
        descriptor(desc),
        |device, descriptor| device.create_render_bundle_encoder(&descriptor),
        |device| {
            // Without an attachment.
            device.create_render_bundle_encoder(&gpu::GpuRenderBundleEncoderDescriptor {
                depth_read_only: None,
                stencil_read_only: None,
                color_formats: Vec::new(),
                depth_stencil_format: None,
                sample_count: None,
                label: None,
            })
        },
    )))
}

fn descriptor(desc: &wgpu::RenderBundleEncoderDescriptor<'_>) -> Result<gpu::GpuRenderBundleEncoderDescriptor, Absent> {
    if desc.multiview.is_some() {
        return Err(Absent::Features(wgpu::Features::MULTIVIEW));
    }
    let color_formats: Result<Vec<_>, _> =
        desc.color_formats.iter().map(|format| format.map(texture_format).transpose()).collect();
    Ok(gpu::GpuRenderBundleEncoderDescriptor {
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
        self.0.set_pipeline(pipeline);
    }

    fn set_bind_group(&mut self, index: u32, bind_group: Option<&DispatchBindGroup>, offsets: &[u32]) {
        self.0.set_bind_group(index, bind_group, offsets);
    }

    fn set_index_buffer(
        &mut self,
        buffer: &DispatchBuffer,
        format: wgpu::IndexFormat,
        offset: u64,
        size: Option<wgpu::BufferSize>,
    ) {
        self.0.set_index_buffer(buffer, format, offset, size);
    }

    fn set_vertex_buffer(
        &mut self,
        slot: u32,
        buffer: Option<&DispatchBuffer>,
        offset: u64,
        size: Option<wgpu::BufferSize>,
    ) {
        self.0.set_vertex_buffer(slot, buffer, offset, size);
    }

    fn set_immediates(&mut self, offset: u32, data: &[u8]) {
        self.0.set_immediates(offset, data);
    }

    fn draw(&mut self, vertices: Range<u32>, instances: Range<u32>) {
        self.0.draw(vertices, instances);
    }

    fn draw_indexed(&mut self, indices: Range<u32>, base_vertex: i32, instances: Range<u32>) {
        self.0.draw_indexed(indices, base_vertex, instances);
    }

    fn draw_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        self.0.draw_indirect(buffer, offset);
    }

    fn draw_indexed_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        self.0.draw_indexed_indirect(buffer, offset);
    }

    fn finish(mut self, desc: &wgpu::RenderBundleDescriptor<'_>) -> DispatchRenderBundle {
        let descriptor = gpu::GpuRenderBundleDescriptor { label: label(desc.label) };
        DispatchRenderBundle::custom(RenderBundle(Object::new(self.0.flush().finish(Some(&descriptor)))))
    }

    fn finish_boxed(self: Box<Self>, desc: &wgpu::RenderBundleDescriptor<'_>) -> DispatchRenderBundle {
        (*self).finish(desc)
    }
}
