//! `GPURenderPassEncoder`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use airlock_protocol::{
    commands::{
        pipeline::IndexFormat,
        render_pass::{
            self as wire, BeginOcclusionQuery, EndOcclusionQuery, EndRenderPass, ExecuteBundles, LoadOp,
            RenderPassDraw, RenderPassDrawIndexed, RenderPassDrawIndexedIndirect, RenderPassDrawIndirect,
            RenderPassInsertDebugMarker, RenderPassPopDebugGroup, RenderPassPushDebugGroup, RenderPassSetBindGroup,
            RenderPassSetImmediates, RenderPassSetIndexBuffer, RenderPassSetPipeline, RenderPassSetVertexBuffer,
            SetBlendConstant, SetScissorRect, SetStencilReference, SetViewport, StoreOp,
        },
    },
    ids::QuerySetId,
    limits::{MAX_LABEL, MAX_LIST, cut},
};

use crate::{
    binding::{BindGroup, DynamicOffsets, SetBindGroupError, set_bind_group},
    buffer::Buffer,
    client::Client,
    device::DeviceState,
    object::{DeviceObject, objects},
    pipeline::RenderPipeline,
    query_set::QuerySet,
    queue::immediates,
    render_bundle::RenderBundle,
    texture::TextureView,
};

objects! {
    /// `GPURenderPassEncoder`.
    RenderPass: RenderPassId {
        /// The bound of the draws, if the descriptor has one.
        bound: Option<Box<DrawBound>>,
    }
}

/// `GPURenderPassDescriptor.maxDrawCount`, enforced by the client alone.
#[derive(Debug)]
pub(crate) struct DrawBound {
    most: u64,
    made: AtomicU64,
    /// The encoder's flag: a pass has exceeded its bound.
    exceeded: Arc<AtomicBool>,
}

impl DrawBound {
    pub(crate) fn new(most: u64, exceeded: Arc<AtomicBool>) -> Box<Self> {
        Box::new(Self { most, made: AtomicU64::new(0), exceeded })
    }
}

/// `GPURenderPassDescriptor`.
#[derive(Clone, Debug, Default)]
pub struct RenderPassDescriptor<'a> {
    /// The label.
    pub label: Option<String>,
    /// The color attachments, by slot.
    pub color_attachments: Vec<Option<ColorAttachment<'a>>>,
    /// The depth-stencil attachment.
    pub depth_stencil_attachment: Option<DepthStencilAttachment<'a>>,
    /// The set of occlusion queries.
    pub occlusion_query_set: Option<&'a QuerySet>,
    /// Timestamps of the pass.
    pub timestamp_writes: Option<TimestampWrites<'a>>,
    /// Bound on draws, those of bundles included: a pass with more makes the encoder's `finish` an error.
    pub max_draw_count: Option<u64>,
}

/// `GPURenderPassColorAttachment`.
#[derive(Clone, Copy, Debug)]
pub struct ColorAttachment<'a> {
    /// The attachment.
    pub view: &'a TextureView,
    /// The slice of a view with three dimensions.
    pub depth_slice: Option<u32>,
    /// The resolve target.
    pub resolve_target: Option<&'a TextureView>,
    /// Red, green, blue, alpha; transparent black by default.
    pub clear_value: Option<[f64; 4]>,
    /// The load operation.
    pub load_op: LoadOp,
    /// The store operation.
    pub store_op: StoreOp,
}

/// `GPURenderPassDepthStencilAttachment`.
#[derive(Clone, Copy, Debug)]
pub struct DepthStencilAttachment<'a> {
    /// The attachment.
    pub view: &'a TextureView,
    /// From 0 to 1; required where depth is cleared.
    pub depth_clear_value: Option<f32>,
    /// The load operation of depth.
    pub depth_load_op: Option<LoadOp>,
    /// The store operation of depth.
    pub depth_store_op: Option<StoreOp>,
    /// False by default.
    pub depth_read_only: Option<bool>,
    /// 0 by default.
    pub stencil_clear_value: Option<u32>,
    /// The load operation of the stencil.
    pub stencil_load_op: Option<LoadOp>,
    /// The store operation of the stencil.
    pub stencil_store_op: Option<StoreOp>,
    /// False by default.
    pub stencil_read_only: Option<bool>,
}

/// `GPURenderPassTimestampWrites` and `GPUComputePassTimestampWrites`.
#[derive(Clone, Copy, Debug)]
pub struct TimestampWrites<'a> {
    /// The set that receives the timestamps.
    pub query_set: &'a QuerySet,
    /// The query of the pass's beginning.
    pub beginning_of_pass_write_index: Option<u32>,
    /// The query of the pass's end.
    pub end_of_pass_write_index: Option<u32>,
}

impl TimestampWrites<'_> {
    /// `None`, with the error raised, when the query set cannot be named.
    pub(crate) fn resolve(self, client: &mut Client, device: &DeviceState) -> Option<wire::TimestampWrites> {
        let Self { query_set, beginning_of_pass_write_index, end_of_pass_write_index } = self;
        let query_set = query_set.base.name(client, device)?;
        Some(wire::TimestampWrites { query_set, beginning_of_pass_write_index, end_of_pass_write_index })
    }
}

/// The attachments of a render pass, by their ids.
pub(crate) struct Attachments {
    pub(crate) color: Vec<Option<wire::ColorAttachment>>,
    pub(crate) depth_stencil: Option<wire::DepthStencilAttachment>,
    pub(crate) occlusion_query_set: Option<QuerySetId>,
    pub(crate) timestamp_writes: Option<wire::TimestampWrites>,
}

impl Attachments {
    /// Resolves the attachments to ids; `None`, with the error raised, when an object cannot be named.
    pub(crate) fn resolve(
        descriptor: &RenderPassDescriptor<'_>,
        client: &mut Client,
        device: &Arc<DeviceState>,
    ) -> Option<Self> {
        let mut color = Vec::with_capacity(descriptor.color_attachments.len().min(MAX_LIST));
        for attachment in descriptor.color_attachments.iter().take(MAX_LIST) {
            let Some(attachment) = attachment else {
                color.push(None);
                continue;
            };
            let view = attachment.view.base.name(client, device)?;
            let resolve_target = match attachment.resolve_target {
                Some(target) => Some(target.base.name(client, device)?),
                None => None,
            };
            color.push(Some(wire::ColorAttachment {
                view,
                depth_slice: attachment.depth_slice,
                resolve_target,
                clear_value: attachment.clear_value.unwrap_or([0.0; 4]),
                load_op: attachment.load_op,
                store_op: attachment.store_op,
            }));
        }
        let depth_stencil = match descriptor.depth_stencil_attachment {
            Some(attachment) => Some(wire::DepthStencilAttachment {
                view: attachment.view.base.name(client, device)?,
                depth_clear_value: attachment.depth_clear_value,
                depth_load_op: attachment.depth_load_op,
                depth_store_op: attachment.depth_store_op,
                depth_read_only: attachment.depth_read_only.unwrap_or(false),
                stencil_clear_value: attachment.stencil_clear_value.unwrap_or(0),
                stencil_load_op: attachment.stencil_load_op,
                stencil_store_op: attachment.stencil_store_op,
                stencil_read_only: attachment.stencil_read_only.unwrap_or(false),
            }),
            None => None,
        };
        let occlusion_query_set = match descriptor.occlusion_query_set {
            Some(set) => Some(set.base.name(client, device)?),
            None => None,
        };
        let timestamp_writes = match descriptor.timestamp_writes {
            Some(writes) => Some(writes.resolve(client, device)?),
            None => None,
        };
        Some(Self { color, depth_stencil, occlusion_query_set, timestamp_writes })
    }
}

impl RenderPass {
    /// Counts draws, where they are bounded.
    #[inline]
    fn count(&self, draws: u64) {
        if let Some(bound) = &self.bound {
            bound.made.fetch_add(draws, Ordering::Relaxed);
        }
    }

    /// `GPURenderPassEncoder.setViewport`, in texels; depths from 0 to 1.
    #[allow(clippy::too_many_arguments)]
    pub fn set_viewport(
        &self,
        client: &mut Client,
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        min_depth: f32,
        max_depth: f32,
    ) {
        self.base.encode(client, |pass| SetViewport { pass, x, y, width, height, min_depth, max_depth });
    }

    /// `GPURenderPassEncoder.setScissorRect`, in texels.
    pub fn set_scissor_rect(&self, client: &mut Client, x: u32, y: u32, width: u32, height: u32) {
        self.base.encode(client, |pass| SetScissorRect { pass, x, y, width, height });
    }

    /// `GPURenderPassEncoder.setBlendConstant`: red, green, blue, alpha.
    pub fn set_blend_constant(&self, client: &mut Client, color: [f64; 4]) {
        self.base.encode(client, |pass| SetBlendConstant { pass, color });
    }

    /// `GPURenderPassEncoder.setStencilReference`.
    pub fn set_stencil_reference(&self, client: &mut Client, reference: u32) {
        self.base.encode(client, |pass| SetStencilReference { pass, reference });
    }

    /// `GPURenderPassEncoder.beginOcclusionQuery`.
    pub fn begin_occlusion_query(&self, client: &mut Client, query_index: u32) {
        self.base.encode(client, |pass| BeginOcclusionQuery { pass, query_index });
    }

    /// `GPURenderPassEncoder.endOcclusionQuery`.
    pub fn end_occlusion_query(&self, client: &mut Client) {
        self.base.encode(client, |pass| EndOcclusionQuery { pass });
    }

    /// `GPURenderPassEncoder.executeBundles`. A bundle that cannot be named makes the whole call one error.
    pub fn execute_bundles<'a>(&self, client: &mut Client, bundles: impl IntoIterator<Item = &'a RenderBundle>) {
        let bundles = bundles.into_iter();
        let mut ids = Vec::with_capacity(bundles.size_hint().0);
        for bundle in bundles {
            self.count(bundle.draws);
            match bundle.base.name(client, &self.base.device) {
                Some(bundle) => ids.push(bundle),
                None => return,
            }
        }
        // Sent without bundles, too: the call resets the pass's pipeline, bind groups and buffers.
        let mut lists = ids.chunks(MAX_LIST);
        let mut list = lists.next().unwrap_or_default();
        loop {
            self.base.encode(client, |pass| ExecuteBundles { pass, bundles: list.to_vec() });
            match lists.next() {
                Some(next) => list = next,
                None => break,
            }
        }
    }

    /// `GPURenderPassEncoder.end`.
    pub fn end(&self, client: &mut Client) {
        if let Some(bound) = &self.bound
            && bound.made.load(Ordering::Relaxed) > bound.most
        {
            bound.exceeded.store(true, Ordering::Relaxed);
        }
        self.base.encode(client, |pass| EndRenderPass { pass });
    }

    /// `GPUDebugCommandsMixin.pushDebugGroup`.
    pub fn push_debug_group(&self, client: &mut Client, label: &str) {
        self.base.encode(client, |pass| RenderPassPushDebugGroup { pass, label: cut(label, MAX_LABEL) });
    }

    /// `GPUDebugCommandsMixin.popDebugGroup`.
    pub fn pop_debug_group(&self, client: &mut Client) {
        self.base.encode(client, |pass| RenderPassPopDebugGroup { pass });
    }

    /// `GPUDebugCommandsMixin.insertDebugMarker`.
    pub fn insert_debug_marker(&self, client: &mut Client, label: &str) {
        self.base.encode(client, |pass| RenderPassInsertDebugMarker { pass, label: cut(label, MAX_LABEL) });
    }

    /// `GPUBindingCommandsMixin.setBindGroup`.
    #[inline]
    pub fn set_bind_group(
        &self,
        client: &mut Client,
        index: u32,
        bind_group: Option<&BindGroup>,
        offsets: DynamicOffsets,
    ) -> Result<(), SetBindGroupError> {
        set_bind_group(&self.base, client, bind_group, offsets, |pass, bind_group, dynamic_offsets| {
            RenderPassSetBindGroup { pass, index, bind_group, dynamic_offsets }
        })
    }

    /// `GPUBindingCommandsMixin.setImmediates`: `size` bytes of the data from `data_offset`, by default to its end.
    pub fn set_immediates(
        &self,
        client: &mut Client,
        range_offset: u32,
        data: &[u8],
        data_offset: Option<u64>,
        size: Option<u64>,
    ) {
        let (offset, data) = immediates(range_offset, data, data_offset, size);
        self.base.encode(client, |pass| RenderPassSetImmediates { pass, offset, data });
    }

    /// `GPURenderCommandsMixin.setPipeline`.
    #[inline]
    pub fn set_pipeline(&self, client: &mut Client, pipeline: &RenderPipeline) {
        self.base.encode_with(client, &pipeline.base, |pass, pipeline| RenderPassSetPipeline { pass, pipeline });
    }

    /// `GPURenderCommandsMixin.setIndexBuffer`, in bytes: by default the whole buffer.
    #[inline]
    pub fn set_index_buffer(
        &self,
        client: &mut Client,
        buffer: &Buffer,
        format: IndexFormat,
        offset: Option<u64>,
        size: Option<u64>,
    ) {
        let offset = offset.unwrap_or(0);
        self.base.encode_with(client, buffer.base(), |pass, buffer| RenderPassSetIndexBuffer {
            pass,
            buffer,
            format,
            offset,
            size,
        });
    }

    /// `GPURenderCommandsMixin.setVertexBuffer`, in bytes: by default the whole buffer.
    #[inline]
    pub fn set_vertex_buffer(
        &self,
        client: &mut Client,
        slot: u32,
        buffer: Option<&Buffer>,
        offset: Option<u64>,
        size: Option<u64>,
    ) {
        let offset = offset.unwrap_or(0);
        self.base.encode_with_option(client, buffer.map(Buffer::base), |pass, buffer| RenderPassSetVertexBuffer {
            pass,
            slot,
            buffer,
            offset,
            size,
        });
    }

    /// `GPURenderCommandsMixin.draw`: one instance, from the first vertex and instance, by default.
    #[inline]
    pub fn draw(
        &self,
        client: &mut Client,
        vertex_count: u32,
        instance_count: Option<u32>,
        first_vertex: Option<u32>,
        first_instance: Option<u32>,
    ) {
        self.count(1);
        self.base.encode(client, |pass| RenderPassDraw {
            pass,
            vertex_count,
            instance_count: instance_count.unwrap_or(1),
            first_vertex: first_vertex.unwrap_or(0),
            first_instance: first_instance.unwrap_or(0),
        });
    }

    /// `GPURenderCommandsMixin.drawIndexed`: one instance, from the first index and instance, by default.
    #[inline]
    pub fn draw_indexed(
        &self,
        client: &mut Client,
        index_count: u32,
        instance_count: Option<u32>,
        first_index: Option<u32>,
        base_vertex: Option<i32>,
        first_instance: Option<u32>,
    ) {
        self.count(1);
        self.base.encode(client, |pass| RenderPassDrawIndexed {
            pass,
            index_count,
            instance_count: instance_count.unwrap_or(1),
            first_index: first_index.unwrap_or(0),
            base_vertex: base_vertex.unwrap_or(0),
            first_instance: first_instance.unwrap_or(0),
        });
    }

    /// `GPURenderCommandsMixin.drawIndirect`. The offset is in bytes.
    pub fn draw_indirect(&self, client: &mut Client, buffer: &Buffer, offset: u64) {
        self.count(1);
        self.base.encode_with(client, buffer.base(), |pass, buffer| RenderPassDrawIndirect { pass, buffer, offset });
    }

    /// `GPURenderCommandsMixin.drawIndexedIndirect`. The offset is in bytes.
    pub fn draw_indexed_indirect(&self, client: &mut Client, buffer: &Buffer, offset: u64) {
        self.count(1);
        self.base.encode_with(client, buffer.base(), |pass, buffer| RenderPassDrawIndexedIndirect {
            pass,
            buffer,
            offset,
        });
    }
}
