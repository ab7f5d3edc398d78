//! Model of a WebGPU device's validation state, written from the specification alone.

use std::collections::{BTreeMap, BTreeSet};

use airlock_protocol::{
    Command,
    commands::{binding::*, buffer::*, texture::*},
};

use crate::{
    compute::{Dispatches, Group},
    contents::Effect,
    draws::{Bundle, BundleEncoder, Draws, Pipeline, ReadOnly, Shape},
};

/// A buffer.
pub struct Buffer {
    pub valid: bool,
    pub size: u64,
    pub usage: BufferUsage,
    /// Mapped or pending.
    pub mapped: bool,
    /// Mapped since its creation.
    pub at_creation: bool,
    pub destroyed: bool,
    /// Nothing for a buffer above [`Buffer::MOST`].
    pub contents: Vec<u8>,
    /// The model knows the contents.
    pub known: bool,
}

impl Buffer {
    /// Contents of larger buffers are not modelled.
    pub const MOST: u64 = 4096;

    /// Writes bytes that lie within it.
    pub fn put(&mut self, offset: u64, bytes: &[u8]) {
        let end = offset.saturating_add(bytes.len() as u64);
        if let Some(place) = self.contents.get_mut(offset as usize..end as usize) {
            place.copy_from_slice(bytes);
        }
    }
}

/// A texture.
pub struct Texture {
    pub valid: bool,
    pub size: Extent3d,
    pub levels: u32,
    pub samples: u32,
    pub dimension: TextureDimension,
    pub format: TextureFormat,
    pub usage: TextureUsage,
    pub destroyed: bool,
}

/// A view, with the defaults of its descriptor resolved.
pub struct View {
    pub valid: bool,
    pub texture: u32,
    pub dimension: TextureViewDimension,
    pub aspect: TextureAspect,
    pub usage: TextureUsage,
    pub level: u32,
    pub levels: u32,
    pub layer: u32,
    pub layers: u32,
}

/// A layout of one binding; `None` for an invalid one.
pub struct Layout(pub Option<BindGroupLayoutEntry>);

/// A query set.
pub struct QuerySet {
    pub valid: bool,
    pub count: u32,
    pub destroyed: bool,
}

/// Resources used by submitted commands.
#[derive(Clone, Default)]
pub struct Used {
    pub buffers: BTreeSet<u32>,
    pub textures: BTreeSet<u32>,
    pub query_sets: BTreeSet<u32>,
    /// What they do.
    pub effects: Vec<Effect>,
}

/// State of an encoder.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Open,
    Locked,
    Ended,
}

/// A command encoder.
pub struct Encoder {
    pub stage: Stage,
    pub valid: bool,
    pub groups: u32,
    pub used: Used,
}

/// A command buffer.
pub struct Commands {
    pub valid: bool,
    pub used: Used,
}

/// A pass. Its own validity becomes its encoder's at its end.
pub struct Pass {
    pub encoder: u32,
    /// Its encoder was open. Otherwise the pass is not part of any recording, and is not checked.
    pub begun: bool,
    pub ended: bool,
    pub valid: bool,
    pub groups: u32,
    /// Size of its attachments.
    pub extent: (u32, u32),
    /// Its occlusion query set, the open query, and the used ones.
    pub queries: Option<u32>,
    pub open_query: bool,
    pub asked: BTreeSet<u32>,
    /// What its pipelines and bundles fit.
    pub shape: Shape,
    pub read_only: ReadOnly,
    pub draws: Draws,
    pub dispatches: Dispatches,
}

/// All objects.
#[derive(Default)]
pub struct Model {
    pub buffers: BTreeMap<u32, Buffer>,
    pub textures: BTreeMap<u32, Texture>,
    pub views: BTreeMap<u32, View>,
    pub layouts: BTreeMap<u32, Layout>,
    pub groups: BTreeMap<u32, Group>,
    pub query_sets: BTreeMap<u32, QuerySet>,
    pub encoders: BTreeMap<u32, Encoder>,
    pub commands: BTreeMap<u32, Commands>,
    pub render_passes: BTreeMap<u32, Pass>,
    pub compute_passes: BTreeMap<u32, Pass>,
    pub pipelines: BTreeMap<u32, Pipeline>,
    pub bundle_encoders: BTreeMap<u32, BundleEncoder>,
    pub bundles: BTreeMap<u32, Bundle>,
    /// The last call's result is not compared: see [`Model::finish`].
    pub unsure: bool,
    /// Number of recorded commands that were submitted and carried out.
    pub applied: u64,
}

/// Result of a call: `Some(true)` with a validation error, `None` for a dead id.
pub type Verdict = Option<bool>;

impl Model {
    /// Applies a call to the model.
    pub fn call(&mut self, command: &Command<'_>) -> Verdict {
        self.unsure = false;
        match command {
            Command::CreateBuffer(c) => self.create_buffer(c),
            Command::DestroyBuffer(c) => self.destroy_buffer(c),
            Command::MapBuffer(c) => self.map_buffer(c),
            Command::UnmapBuffer(c) => self.unmap_buffer(c),
            Command::WriteBuffer(c) => self.write_buffer(c),
            Command::WriteMapped(c) => self.write_mapped(c),
            Command::CreateTexture(c) => self.create_texture(c),
            Command::DestroyTexture(c) => self.destroy_texture(c),
            Command::CreateTextureView(c) => self.create_view(c),
            Command::WriteTexture(c) => self.write_texture(c),
            Command::CreateBindGroupLayout(c) => self.create_layout(c),
            Command::CreateBindGroup(c) => self.create_group(c),
            Command::CreateQuerySet(c) => self.create_query_set(c),
            Command::DestroyQuerySet(c) => self.destroy_query_set(c),
            Command::CreateCommandEncoder(c) => self.create_encoder(c),
            Command::EncoderPushDebugGroup(c) => self.encoder_group(c.encoder.0, true),
            Command::EncoderPopDebugGroup(c) => self.encoder_group(c.encoder.0, false),
            Command::CopyBufferToBuffer(c) => self.copy_buffer_to_buffer(c),
            Command::ClearBuffer(c) => self.clear_buffer(c),
            Command::ResolveQuerySet(c) => self.resolve_query_set(c),
            Command::CopyBufferToTexture(c) => self.copy_buffer_to_texture(c),
            Command::CopyTextureToBuffer(c) => self.copy_texture_to_buffer(c),
            Command::CopyTextureToTexture(c) => self.copy_texture_to_texture(c),
            Command::FinishCommandEncoder(c) => self.finish(c),
            Command::Submit(c) => self.submit(c),
            Command::BeginComputePass(c) => self.begin_compute_pass(c),
            Command::ComputePassPushDebugGroup(c) => Self::pass_group(self.compute_passes.get_mut(&c.pass.0)?, true),
            Command::ComputePassPopDebugGroup(c) => Self::pass_group(self.compute_passes.get_mut(&c.pass.0)?, false),
            Command::ComputePassSetPipeline(c) => self.compute_set_pipeline(c),
            Command::ComputePassSetBindGroup(c) => self.compute_set_group(c),
            Command::DispatchWorkgroups(c) => self.dispatch(c),
            Command::EndComputePass(c) => self.end_pass(c.pass.0, false),
            Command::BeginRenderPass(c) => self.begin_render_pass(c),
            Command::RenderPassPushDebugGroup(c) => Self::pass_group(self.render_passes.get_mut(&c.pass.0)?, true),
            Command::RenderPassPopDebugGroup(c) => Self::pass_group(self.render_passes.get_mut(&c.pass.0)?, false),
            Command::SetViewport(c) => self.set_viewport(c),
            Command::SetScissorRect(c) => self.set_scissor(c),
            Command::BeginOcclusionQuery(c) => self.begin_query(c),
            Command::EndOcclusionQuery(c) => self.end_query(c),
            Command::CreateRenderPipeline(c) => self.create_pipeline(c),
            Command::CreateRenderBundleEncoder(c) => self.create_bundle_encoder(c),
            Command::BundleSetPipeline(c) => self.bundle_set_pipeline(c),
            Command::BundleSetVertexBuffer(c) => self.bundle_set_vertices(c),
            Command::BundleSetIndexBuffer(c) => self.bundle_set_indices(c),
            Command::BundleDraw(c) => self.bundle_draw(c),
            Command::BundleDrawIndexed(c) => self.bundle_draw_indexed(c),
            Command::BundlePushDebugGroup(c) => self.bundle_group(c.encoder.0, true),
            Command::BundlePopDebugGroup(c) => self.bundle_group(c.encoder.0, false),
            Command::FinishRenderBundle(c) => self.finish_bundle(c),
            Command::RenderPassSetPipeline(c) => self.pass_set_pipeline(c),
            Command::RenderPassSetVertexBuffer(c) => self.pass_set_vertices(c),
            Command::RenderPassSetIndexBuffer(c) => self.pass_set_indices(c),
            Command::RenderPassDraw(c) => self.pass_draw(c),
            Command::RenderPassDrawIndexed(c) => self.pass_draw_indexed(c),
            Command::ExecuteBundles(c) => self.execute(c),
            Command::EndRenderPass(c) => self.end_pass(c.pass.0, true),
            other => panic!("the model has no rule for {other:?}"),
        }
    }
}
