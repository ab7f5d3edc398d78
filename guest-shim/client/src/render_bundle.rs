//! `GPURenderBundleEncoder` and `GPURenderBundle`.

use std::sync::atomic::{AtomicU64, Ordering};

use airlock_protocol::{
    commands::{
        pipeline::IndexFormat,
        render_bundle::{
            BundleDraw, BundleDrawIndexed, BundleDrawIndexedIndirect, BundleDrawIndirect, BundleInsertDebugMarker,
            BundlePopDebugGroup, BundlePushDebugGroup, BundleSetBindGroup, BundleSetImmediates, BundleSetIndexBuffer,
            BundleSetPipeline, BundleSetVertexBuffer, CreateRenderBundleEncoder, FinishRenderBundle,
        },
        texture::TextureFormat,
    },
    limits::{MAX_LABEL, cut},
};

use crate::{
    binding::{BindGroup, DynamicOffsets, SetBindGroupError, set_bind_group},
    buffer::Buffer,
    client::Client,
    device::Device,
    object::{Base, DeviceObject, bounded, objects},
    pipeline::RenderPipeline,
    queue::immediates,
};

objects! {
    /// `GPURenderBundleEncoder`.
    RenderBundleEncoder: RenderBundleEncoderId {
        /// Number of recorded draws.
        draws: AtomicU64,
    }
    /// `GPURenderBundle`.
    RenderBundle: RenderBundleId {
        /// Number of draws in the bundle.
        draws: u64,
    }
}

/// `GPURenderBundleEncoderDescriptor`.
#[derive(Clone, Debug, Default)]
pub struct RenderBundleEncoderDescriptor {
    /// The label.
    pub label: Option<String>,
    /// The formats of the color attachments, by slot.
    pub color_formats: Vec<Option<TextureFormat>>,
    /// The format of the depth-stencil attachment.
    pub depth_stencil_format: Option<TextureFormat>,
    /// 1 by default.
    pub sample_count: Option<u32>,
    /// False by default.
    pub depth_read_only: Option<bool>,
    /// False by default.
    pub stencil_read_only: Option<bool>,
}

impl Device {
    /// `GPUDevice.createRenderBundleEncoder`.
    pub fn create_render_bundle_encoder(
        &self,
        client: &mut Client,
        descriptor: RenderBundleEncoderDescriptor,
    ) -> RenderBundleEncoder {
        let device = &self.state;
        let base = Base::new(client, device, descriptor.label);
        base.encode(client, |encoder| CreateRenderBundleEncoder {
            device: device.id,
            encoder,
            label: &base.label,
            color_formats: bounded(descriptor.color_formats),
            depth_stencil_format: descriptor.depth_stencil_format,
            sample_count: descriptor.sample_count.unwrap_or(1),
            depth_read_only: descriptor.depth_read_only.unwrap_or(false),
            stencil_read_only: descriptor.stencil_read_only.unwrap_or(false),
        });
        RenderBundleEncoder { base, draws: AtomicU64::new(0) }
    }
}

impl RenderBundleEncoder {
    /// Counts a draw, for passes that bound their draws.
    fn count(&self) {
        self.draws.fetch_add(1, Ordering::Relaxed);
    }

    /// `GPURenderBundleEncoder.finish`.
    pub fn finish(&self, client: &mut Client, label: Option<String>) -> RenderBundle {
        let device = &self.base.device;
        let draws = self.draws.load(Ordering::Relaxed);
        let Some(encoder) = self.base.id else { return RenderBundle { base: Base::inert(device, label), draws } };
        let base = Base::new(client, device, label);
        base.encode(client, |bundle| FinishRenderBundle { encoder, bundle, label: &base.label });
        RenderBundle { base, draws }
    }

    /// `GPUDebugCommandsMixin.pushDebugGroup`.
    pub fn push_debug_group(&self, client: &mut Client, label: &str) {
        self.base.encode(client, |encoder| BundlePushDebugGroup { encoder, label: cut(label, MAX_LABEL) });
    }

    /// `GPUDebugCommandsMixin.popDebugGroup`.
    pub fn pop_debug_group(&self, client: &mut Client) {
        self.base.encode(client, |encoder| BundlePopDebugGroup { encoder });
    }

    /// `GPUDebugCommandsMixin.insertDebugMarker`.
    pub fn insert_debug_marker(&self, client: &mut Client, label: &str) {
        self.base.encode(client, |encoder| BundleInsertDebugMarker { encoder, label: cut(label, MAX_LABEL) });
    }

    /// `GPUBindingCommandsMixin.setBindGroup`.
    pub fn set_bind_group(
        &self,
        client: &mut Client,
        index: u32,
        bind_group: Option<&BindGroup>,
        offsets: DynamicOffsets,
    ) -> Result<(), SetBindGroupError> {
        set_bind_group(&self.base, client, bind_group, offsets, |encoder, bind_group, dynamic_offsets| {
            BundleSetBindGroup { encoder, index, bind_group, dynamic_offsets }
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
        self.base.encode(client, |encoder| BundleSetImmediates { encoder, offset, data });
    }

    /// `GPURenderCommandsMixin.setPipeline`.
    pub fn set_pipeline(&self, client: &mut Client, pipeline: &RenderPipeline) {
        self.base.encode_with(client, &pipeline.base, |encoder, pipeline| BundleSetPipeline { encoder, pipeline });
    }

    /// `GPURenderCommandsMixin.setIndexBuffer`, in bytes: by default the whole buffer.
    pub fn set_index_buffer(
        &self,
        client: &mut Client,
        buffer: &Buffer,
        format: IndexFormat,
        offset: Option<u64>,
        size: Option<u64>,
    ) {
        let offset = offset.unwrap_or(0);
        self.base.encode_with(client, buffer.base(), |encoder, buffer| BundleSetIndexBuffer {
            encoder,
            buffer,
            format,
            offset,
            size,
        });
    }

    /// `GPURenderCommandsMixin.setVertexBuffer`, in bytes: by default the whole buffer.
    pub fn set_vertex_buffer(
        &self,
        client: &mut Client,
        slot: u32,
        buffer: Option<&Buffer>,
        offset: Option<u64>,
        size: Option<u64>,
    ) {
        let offset = offset.unwrap_or(0);
        self.base.encode_with_option(client, buffer.map(Buffer::base), |encoder, buffer| BundleSetVertexBuffer {
            encoder,
            slot,
            buffer,
            offset,
            size,
        });
    }

    /// `GPURenderCommandsMixin.draw`: one instance, from the first vertex and instance, by default.
    pub fn draw(
        &self,
        client: &mut Client,
        vertex_count: u32,
        instance_count: Option<u32>,
        first_vertex: Option<u32>,
        first_instance: Option<u32>,
    ) {
        self.count();
        self.base.encode(client, |encoder| BundleDraw {
            encoder,
            vertex_count,
            instance_count: instance_count.unwrap_or(1),
            first_vertex: first_vertex.unwrap_or(0),
            first_instance: first_instance.unwrap_or(0),
        });
    }

    /// `GPURenderCommandsMixin.drawIndexed`: one instance, from the first index and instance, by default.
    pub fn draw_indexed(
        &self,
        client: &mut Client,
        index_count: u32,
        instance_count: Option<u32>,
        first_index: Option<u32>,
        base_vertex: Option<i32>,
        first_instance: Option<u32>,
    ) {
        self.count();
        self.base.encode(client, |encoder| BundleDrawIndexed {
            encoder,
            index_count,
            instance_count: instance_count.unwrap_or(1),
            first_index: first_index.unwrap_or(0),
            base_vertex: base_vertex.unwrap_or(0),
            first_instance: first_instance.unwrap_or(0),
        });
    }

    /// `GPURenderCommandsMixin.drawIndirect`. The offset is in bytes.
    pub fn draw_indirect(&self, client: &mut Client, buffer: &Buffer, offset: u64) {
        self.count();
        self.base.encode_with(client, buffer.base(), |encoder, buffer| BundleDrawIndirect { encoder, buffer, offset });
    }

    /// `GPURenderCommandsMixin.drawIndexedIndirect`. The offset is in bytes.
    pub fn draw_indexed_indirect(&self, client: &mut Client, buffer: &Buffer, offset: u64) {
        self.count();
        self.base.encode_with(client, buffer.base(), |encoder, buffer| BundleDrawIndexedIndirect {
            encoder,
            buffer,
            offset,
        });
    }
}
