//! Render bundles and their encoders.

use std::ops::Range;
use std::sync::Arc;

use wgpu::custom::*;

use crate::binding::BindGroup;
use crate::bindings::webgpu as gpu;
use crate::buffer::Buffer;
use crate::device::{Shared, label, own};
use crate::error::Absent;
use crate::format::texture_format;
use crate::pipeline::{RenderPipeline, index_format};
use crate::render_pass::length;

/// `wgpu::RenderBundle` of this backend.
#[derive(Debug)]
pub struct RenderBundle(pub gpu::GpuRenderBundle);

impl RenderBundleInterface for RenderBundle {}

/// `wgpu::RenderBundleEncoder` of this backend.
#[derive(Debug)]
pub struct RenderBundleEncoder(gpu::GpuRenderBundleEncoder);

pub fn create(device: &Arc<Shared>, desc: &wgpu::RenderBundleEncoderDescriptor<'_>) -> RenderBundleEncoder {
    RenderBundleEncoder(device.made_or_invalid(
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
    ))
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
        self.0.set_pipeline(&own!(pipeline, RenderPipeline).0);
    }

    fn set_bind_group(&mut self, index: u32, bind_group: Option<&DispatchBindGroup>, offsets: &[u32]) {
        let bind_group = bind_group.map(|bind_group| &own!(bind_group, BindGroup).0);
        let offsets = (!offsets.is_empty()).then_some(offsets);
        // Fails for a start and a length beyond the offsets; there is neither.
        let _ = self.0.set_bind_group(index, bind_group, offsets, None, None);
    }

    fn set_index_buffer(
        &mut self,
        buffer: &DispatchBuffer,
        format: wgpu::IndexFormat,
        offset: u64,
        size: Option<wgpu::BufferSize>,
    ) {
        let size = size.map(|size| size.get());
        self.0.set_index_buffer(own!(buffer, Buffer).gpu(), index_format(format), Some(offset), size);
    }

    fn set_vertex_buffer(
        &mut self,
        slot: u32,
        buffer: Option<&DispatchBuffer>,
        offset: u64,
        size: Option<wgpu::BufferSize>,
    ) {
        let buffer = buffer.map(|buffer| own!(buffer, Buffer).gpu());
        self.0.set_vertex_buffer(slot, buffer, Some(offset), size.map(|size| size.get()));
    }

    fn set_immediates(&mut self, offset: u32, data: &[u8]) {
        self.0.set_immediates(offset, data, None, None);
    }

    fn draw(&mut self, vertices: Range<u32>, instances: Range<u32>) {
        self.0.draw(length(&vertices), Some(length(&instances)), Some(vertices.start), Some(instances.start));
    }

    fn draw_indexed(&mut self, indices: Range<u32>, base_vertex: i32, instances: Range<u32>) {
        let (count, instance_count) = (length(&indices), length(&instances));
        let first_instance = Some(instances.start);
        self.0.draw_indexed(count, Some(instance_count), Some(indices.start), Some(base_vertex), first_instance);
    }

    fn draw_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        self.0.draw_indirect(own!(buffer, Buffer).gpu(), offset);
    }

    fn draw_indexed_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        self.0.draw_indexed_indirect(own!(buffer, Buffer).gpu(), offset);
    }

    fn finish(self, desc: &wgpu::RenderBundleDescriptor<'_>) -> DispatchRenderBundle {
        let descriptor = gpu::GpuRenderBundleDescriptor { label: label(desc.label) };
        DispatchRenderBundle::custom(RenderBundle(self.0.finish(Some(&descriptor))))
    }

    fn finish_boxed(self: Box<Self>, desc: &wgpu::RenderBundleDescriptor<'_>) -> DispatchRenderBundle {
        (*self).finish(desc)
    }
}
