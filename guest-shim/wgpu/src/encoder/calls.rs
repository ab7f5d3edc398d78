//! Commands as calls of `wasi:webgpu`.

use std::ops::{Deref, Range};

use wgpu::custom::*;

use super::length;
use crate::binding::BindGroup;
use crate::bindings::webgpu as gpu;
use crate::buffer::Buffer;
use crate::device::own;
use crate::pipeline::{ComputePipeline, RenderPipeline, index_format};
use crate::render_bundle::RenderBundle;

/// Handle of an object that commands name.
#[derive(Debug)]
pub struct Object<T>(T);

impl<T> Object<T> {
    pub fn new(handle: T) -> Self {
        Self(handle)
    }
}

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Encoder of a pass or bundle.
#[derive(Debug)]
pub struct Encoder<E>(E);

impl<E> Encoder<E> {
    pub fn new(gpu: E) -> Self {
        Self(gpu)
    }

    /// Encodes all commands, and returns the interface's encoder.
    pub fn flush(&mut self) -> &E {
        &self.0
    }
}

/// Commands of every encoder.
macro_rules! commands {
    ($($Encoder:ty),*) => {$(
        impl Encoder<$Encoder> {
            pub fn set_bind_group(&mut self, index: u32, bind_group: Option<&DispatchBindGroup>, offsets: &[u32]) {
                let bind_group = bind_group.map(|bind_group| &*own!(bind_group, BindGroup).0);
                let offsets = (!offsets.is_empty()).then_some(offsets);
                // Fails only with a start and a length, which are absent here.
                let _ = self.0.set_bind_group(index, bind_group, offsets, None, None);
            }

            pub fn set_immediates(&mut self, offset: u32, data: &[u8]) {
                self.0.set_immediates(offset, data, None, None);
            }
        }
    )*};
}
commands!(gpu::GpuComputePassEncoder, gpu::GpuRenderPassEncoder, gpu::GpuRenderBundleEncoder);

/// Debug groups and markers.
macro_rules! debug_commands {
    ($($Encoder:ty),*) => {$(
        impl Encoder<$Encoder> {
            pub fn insert_debug_marker(&mut self, label: &str) {
                self.0.insert_debug_marker(label);
            }

            pub fn push_debug_group(&mut self, label: &str) {
                self.0.push_debug_group(label);
            }

            pub fn pop_debug_group(&mut self) {
                self.0.pop_debug_group();
            }
        }
    )*};
}
debug_commands!(gpu::GpuComputePassEncoder, gpu::GpuRenderPassEncoder);

/// Commands of render passes and bundles.
macro_rules! render_commands {
    ($($Encoder:ty),*) => {$(
        impl Encoder<$Encoder> {
            pub fn set_pipeline(&mut self, pipeline: &DispatchRenderPipeline) {
                self.0.set_pipeline(&own!(pipeline, RenderPipeline).0);
            }

            pub fn set_index_buffer(
                &mut self,
                buffer: &DispatchBuffer,
                format: wgpu::IndexFormat,
                offset: u64,
                size: Option<wgpu::BufferSize>,
            ) {
                let size = size.map(|size| size.get());
                self.0.set_index_buffer(own!(buffer, Buffer).gpu(), index_format(format), Some(offset), size);
            }

            pub fn set_vertex_buffer(
                &mut self,
                slot: u32,
                buffer: Option<&DispatchBuffer>,
                offset: u64,
                size: Option<wgpu::BufferSize>,
            ) {
                let buffer = buffer.map(|buffer| &**own!(buffer, Buffer).gpu());
                self.0.set_vertex_buffer(slot, buffer, Some(offset), size.map(|size| size.get()));
            }

            pub fn draw(&mut self, vertices: Range<u32>, instances: Range<u32>) {
                self.0.draw(length(&vertices), Some(length(&instances)), Some(vertices.start), Some(instances.start));
            }

            pub fn draw_indexed(&mut self, indices: Range<u32>, base_vertex: i32, instances: Range<u32>) {
                let (count, instance_count) = (length(&indices), length(&instances));
                let first_instance = Some(instances.start);
                self.0.draw_indexed(count, Some(instance_count), Some(indices.start), Some(base_vertex), first_instance);
            }

            pub fn draw_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
                self.0.draw_indirect(own!(buffer, Buffer).gpu(), offset);
            }

            pub fn draw_indexed_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
                self.0.draw_indexed_indirect(own!(buffer, Buffer).gpu(), offset);
            }
        }
    )*};
}
render_commands!(gpu::GpuRenderPassEncoder, gpu::GpuRenderBundleEncoder);

impl Encoder<gpu::GpuComputePassEncoder> {
    pub fn set_pipeline(&mut self, pipeline: &DispatchComputePipeline) {
        self.0.set_pipeline(&own!(pipeline, ComputePipeline).0);
    }

    pub fn dispatch_workgroups(&mut self, x: u32, y: u32, z: u32) {
        self.0.dispatch_workgroups(x, Some(y), Some(z));
    }

    pub fn dispatch_workgroups_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        self.0.dispatch_workgroups_indirect(own!(buffer, Buffer).gpu(), offset);
    }
}

impl Encoder<gpu::GpuRenderPassEncoder> {
    pub fn set_viewport(&mut self, x: f32, y: f32, width: f32, height: f32, min_depth: f32, max_depth: f32) {
        self.0.set_viewport(x, y, width, height, min_depth, max_depth);
    }

    pub fn set_scissor_rect(&mut self, x: u32, y: u32, width: u32, height: u32) {
        self.0.set_scissor_rect(x, y, width, height);
    }

    pub fn set_blend_constant(&mut self, color: wgpu::Color) {
        self.0.set_blend_constant(gpu::GpuColor { r: color.r, g: color.g, b: color.b, a: color.a });
    }

    pub fn set_stencil_reference(&mut self, reference: u32) {
        self.0.set_stencil_reference(reference);
    }

    pub fn begin_occlusion_query(&mut self, index: u32) {
        self.0.begin_occlusion_query(index);
    }

    pub fn end_occlusion_query(&mut self) {
        self.0.end_occlusion_query();
    }

    pub fn execute_bundles(&mut self, bundles: &mut dyn Iterator<Item = &DispatchRenderBundle>) {
        let bundles: Vec<_> = bundles.map(|bundle| &*own!(bundle, RenderBundle).0).collect();
        self.0.execute_bundles(&bundles);
    }
}
