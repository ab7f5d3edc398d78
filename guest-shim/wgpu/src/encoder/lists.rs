//! Commands as lists of `airlock:passes`: a call of the interface for each list instead of one for each command.
//!
//! A list names objects by tokens, which are valid while the guest has a handle of the object. An encoder therefore keeps the
//! objects of its list until that has been sent.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::OnceLock;

use airlock_passes::{IndexFormat, List, Offsets, Size, Token, Tokens};
use wgpu::custom::*;

use super::length;
use crate::binding::BindGroup;
use crate::bindings::{passes, webgpu as gpu};
use crate::buffer::Buffer;
use crate::device::own;
use crate::pipeline::{ComputePipeline, RenderPipeline};
use crate::render_bundle::RenderBundle;

/// Bytes at which a list is sent before its end, so that the host works on a long pass meanwhile.
const SEND_BYTES: usize = 64 << 10;

/// Handle of an object that commands name, with its token.
pub struct Object<T> {
    handle: T,
    token: OnceLock<Token>,
}

impl<T> Object<T> {
    pub fn new(handle: T) -> Self {
        Self { handle, token: OnceLock::new() }
    }

    /// The token, requested from the host on the first use.
    fn token(&self) -> Token
    where
        T: Named,
    {
        *self.token.get_or_init(|| Token::of(self.handle.token()))
    }
}

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.handle
    }
}

impl<T: fmt::Debug> fmt::Debug for Object<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}

/// Objects that have tokens.
pub trait Named {
    fn token(&self) -> u64;
}

/// Encoders that take lists.
pub trait Listed {
    fn send(&self, list: &[u8]);
}

macro_rules! implement {
    ($Trait:ident, $($Type:ty: fn $method:ident(&self $(, $list:ident: $List:ty)?) $(-> $Returned:ty)? = $function:path;)*) => {$(
        impl $Trait for $Type {
            fn $method(&self $(, $list: $List)?) $(-> $Returned)? {
                $function(self $(, $list)?)
            }
        }
    )*};
}
implement! {
    Named,
    gpu::GpuBindGroup: fn token(&self) -> u64 = passes::bind_group_token;
    gpu::GpuBuffer: fn token(&self) -> u64 = passes::buffer_token;
    gpu::GpuComputePipeline: fn token(&self) -> u64 = passes::compute_pipeline_token;
    gpu::GpuRenderBundle: fn token(&self) -> u64 = passes::render_bundle_token;
    gpu::GpuRenderPipeline: fn token(&self) -> u64 = passes::render_pipeline_token;
}
implement! {
    Listed,
    gpu::GpuComputePassEncoder: fn send(&self, list: &[u8]) = passes::encode_compute_pass;
    gpu::GpuRenderPassEncoder: fn send(&self, list: &[u8]) = passes::encode_render_pass;
    gpu::GpuRenderBundleEncoder: fn send(&self, list: &[u8]) = passes::encode_render_bundle;
}

/// An object of the list. It is never read, and only keeps the object's handle.
#[expect(dead_code, reason = "kept for its drop")]
enum Kept {
    BindGroup(DispatchBindGroup),
    Buffer(DispatchBuffer),
    ComputePipeline(DispatchComputePipeline),
    RenderBundle(DispatchRenderBundle),
    RenderPipeline(DispatchRenderPipeline),
}

/// Encoder of a pass or bundle.
pub struct Encoder<E: Listed> {
    gpu: E,
    list: List,
    kept: Vec<Kept>,
}

impl<E: Listed> fmt::Debug for Encoder<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoder({} bytes)", self.list.bytes().len())
    }
}

impl<E: Listed> Encoder<E> {
    pub fn new(gpu: E) -> Self {
        Self { gpu, list: List::new(), kept: Vec::new() }
    }

    /// Encodes all commands, and returns the interface's encoder.
    pub fn flush(&mut self) -> &E {
        if !self.list.bytes().is_empty() {
            self.gpu.send(self.list.bytes());
            self.list.clear();
            self.kept.clear();
        }
        &self.gpu
    }

    /// The list for the next command.
    fn list(&mut self) -> &mut List {
        if self.list.bytes().len() >= SEND_BYTES {
            self.flush();
        }
        &mut self.list
    }

    fn buffer(&mut self, buffer: &DispatchBuffer) -> Token {
        self.kept.push(Kept::Buffer(buffer.clone()));
        own!(buffer, Buffer).gpu().token()
    }

    pub fn set_bind_group(&mut self, index: u32, bind_group: Option<&DispatchBindGroup>, offsets: &[u32]) {
        let list = self.list();
        list.set_bind_group(index, bind_group.map(|group| own!(group, BindGroup).0.token()), Offsets::new(offsets));
        self.kept.extend(bind_group.cloned().map(Kept::BindGroup));
    }

    pub fn set_immediates(&mut self, offset: u32, data: &[u8]) {
        self.list().set_immediates(offset, data);
    }

    pub fn insert_debug_marker(&mut self, label: &str) {
        self.list().insert_debug_marker(label);
    }

    pub fn push_debug_group(&mut self, label: &str) {
        self.list().push_debug_group(label);
    }

    pub fn pop_debug_group(&mut self) {
        self.list().pop_debug_group();
    }

    pub fn set_index_buffer(
        &mut self,
        buffer: &DispatchBuffer,
        format: wgpu::IndexFormat,
        offset: u64,
        size: Option<wgpu::BufferSize>,
    ) {
        let format = match format {
            wgpu::IndexFormat::Uint16 => IndexFormat::Uint16,
            wgpu::IndexFormat::Uint32 => IndexFormat::Uint32,
        };
        self.list();
        let buffer = self.buffer(buffer);
        self.list.set_index_buffer(buffer, format, offset, part(size));
    }

    pub fn set_vertex_buffer(
        &mut self,
        slot: u32,
        buffer: Option<&DispatchBuffer>,
        offset: u64,
        size: Option<wgpu::BufferSize>,
    ) {
        self.list();
        let buffer = buffer.map(|buffer| self.buffer(buffer));
        self.list.set_vertex_buffer(slot, buffer, offset, part(size));
    }

    pub fn draw(&mut self, vertices: Range<u32>, instances: Range<u32>) {
        self.list().draw(length(&vertices), length(&instances), vertices.start, instances.start);
    }

    pub fn draw_indexed(&mut self, indices: Range<u32>, base_vertex: i32, instances: Range<u32>) {
        let (count, instance_count) = (length(&indices), length(&instances));
        self.list().draw_indexed(count, instance_count, indices.start, base_vertex, instances.start);
    }

    pub fn draw_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        self.list();
        let buffer = self.buffer(buffer);
        self.list.draw_indirect(buffer, offset);
    }

    pub fn draw_indexed_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        self.list();
        let buffer = self.buffer(buffer);
        self.list.draw_indexed_indirect(buffer, offset);
    }
}

fn part(size: Option<wgpu::BufferSize>) -> Size {
    size.map_or(Size::Rest, |size| Size::Bytes(size.get()))
}

macro_rules! render_pipelines {
    ($($Encoder:ty),*) => {$(
        impl Encoder<$Encoder> {
            pub fn set_pipeline(&mut self, pipeline: &DispatchRenderPipeline) {
                self.list().set_pipeline(own!(pipeline, RenderPipeline).0.token());
                self.kept.push(Kept::RenderPipeline(pipeline.clone()));
            }
        }
    )*};
}
render_pipelines!(gpu::GpuRenderPassEncoder, gpu::GpuRenderBundleEncoder);

impl Encoder<gpu::GpuComputePassEncoder> {
    pub fn set_pipeline(&mut self, pipeline: &DispatchComputePipeline) {
        self.list().set_pipeline(own!(pipeline, ComputePipeline).0.token());
        self.kept.push(Kept::ComputePipeline(pipeline.clone()));
    }

    pub fn dispatch_workgroups(&mut self, x: u32, y: u32, z: u32) {
        self.list().dispatch_workgroups(x, y, z);
    }

    pub fn dispatch_workgroups_indirect(&mut self, buffer: &DispatchBuffer, offset: u64) {
        self.list();
        let buffer = self.buffer(buffer);
        self.list.dispatch_workgroups_indirect(buffer, offset);
    }
}

impl Encoder<gpu::GpuRenderPassEncoder> {
    pub fn set_viewport(&mut self, x: f32, y: f32, width: f32, height: f32, min_depth: f32, max_depth: f32) {
        self.list().set_viewport(x, y, width, height, min_depth, max_depth);
    }

    pub fn set_scissor_rect(&mut self, x: u32, y: u32, width: u32, height: u32) {
        self.list().set_scissor_rect(x, y, width, height);
    }

    pub fn set_blend_constant(&mut self, color: wgpu::Color) {
        self.list().set_blend_constant(color.r, color.g, color.b, color.a);
    }

    pub fn set_stencil_reference(&mut self, reference: u32) {
        self.list().set_stencil_reference(reference);
    }

    pub fn begin_occlusion_query(&mut self, index: u32) {
        self.list().begin_occlusion_query(index);
    }

    pub fn end_occlusion_query(&mut self) {
        self.list().end_occlusion_query();
    }

    pub fn execute_bundles(&mut self, bundles: &mut dyn Iterator<Item = &DispatchRenderBundle>) {
        let bundles: Vec<_> = bundles.cloned().collect();
        let tokens: Vec<_> = bundles.iter().map(|bundle| own!(bundle, RenderBundle).0.token().get()).collect();
        self.list().execute_bundles(Tokens::new(&tokens));
        self.kept.extend(bundles.into_iter().map(Kept::RenderBundle));
    }
}
