//! `GPUCommandEncoder` and `GPUCommandBuffer`.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use airlock_protocol::{
    commands::{
        command_encoder::{
            ClearBuffer, CopyBufferToBuffer, CopyBufferToTexture, CopyTextureToBuffer, CopyTextureToTexture,
            CreateCommandEncoder, EncoderInsertDebugMarker, EncoderPopDebugGroup, EncoderPushDebugGroup,
            FinishCommandEncoder, ResolveQuerySet,
        },
        compute_pass::BeginComputePass,
        render_pass::BeginRenderPass,
    },
    limits::{MAX_LABEL, cut},
};

use crate::{
    buffer::Buffer,
    client::Client,
    compute_pass::{ComputePass, ComputePassDescriptor},
    device::Device,
    object::{Base, DeviceObject, objects},
    query_set::QuerySet,
    render_pass::{Attachments, DrawBound, RenderPass, RenderPassDescriptor},
    texture::{Extent3d, TexelCopyBufferInfo, TexelCopyTextureInfo},
};

objects! {
    /// `GPUCommandEncoder`.
    CommandEncoder: CommandEncoderId {
        /// Set when a pass with a draw bound exceeds it; present from the first such pass on.
        overdrawn: OnceLock<Arc<AtomicBool>>,
    }
    /// `GPUCommandBuffer`.
    CommandBuffer: CommandBufferId {}
}

impl Device {
    /// `GPUDevice.createCommandEncoder`.
    pub fn create_command_encoder(&self, client: &mut Client, label: Option<String>) -> CommandEncoder {
        let device = &self.state;
        let base = Base::new(client, device, label);
        base.encode(client, |encoder| CreateCommandEncoder { device: device.id, encoder, label: &base.label });
        CommandEncoder { base, overdrawn: OnceLock::new() }
    }
}

impl CommandEncoder {
    /// `GPUCommandEncoder.beginRenderPass`.
    pub fn begin_render_pass(&self, client: &mut Client, descriptor: RenderPassDescriptor<'_>) -> RenderPass {
        let device = &self.base.device;
        let attachments = Attachments::resolve(&descriptor, client, device);
        let (Some(encoder), Some(attachments)) = (self.base.id, attachments) else {
            return RenderPass { base: Base::inert(device, descriptor.label), bound: None };
        };
        let base = Base::new(client, device, descriptor.label);
        base.encode(client, |pass| BeginRenderPass {
            encoder,
            pass,
            label: &base.label,
            color_attachments: attachments.color,
            depth_stencil_attachment: attachments.depth_stencil,
            occlusion_query_set: attachments.occlusion_query_set,
            timestamp_writes: attachments.timestamp_writes,
        });
        let overdrawn = || Arc::clone(self.overdrawn.get_or_init(Arc::default));
        let bound = descriptor.max_draw_count.map(|most| DrawBound::new(most, overdrawn()));
        RenderPass { base, bound }
    }

    /// `GPUCommandEncoder.beginComputePass`.
    pub fn begin_compute_pass(&self, client: &mut Client, descriptor: ComputePassDescriptor<'_>) -> ComputePass {
        let device = &self.base.device;
        let ComputePassDescriptor { label, timestamp_writes } = descriptor;
        let timestamp_writes = match timestamp_writes {
            Some(writes) => writes.resolve(client, device).map(Some),
            None => Some(None),
        };
        let (Some(encoder), Some(timestamp_writes)) = (self.base.id, timestamp_writes) else {
            return ComputePass { base: Base::inert(device, label) };
        };
        let base = Base::new(client, device, label);
        base.encode(client, |pass| BeginComputePass { encoder, pass, label: &base.label, timestamp_writes });
        ComputePass { base }
    }

    /// `GPUCommandEncoder.copyBufferToBuffer`, in bytes. Offsets are 0 and the size is the rest of the source by
    /// default.
    pub fn copy_buffer_to_buffer(
        &self,
        client: &mut Client,
        (source, source_offset): (&Buffer, Option<u64>),
        (destination, destination_offset): (&Buffer, Option<u64>),
        size: Option<u64>,
    ) {
        let device = &self.base.device;
        let (source, destination) = (source.base().name(client, device), destination.base().name(client, device));
        let (Some(source), Some(destination)) = (source, destination) else { return };
        self.base.encode(client, |encoder| CopyBufferToBuffer {
            encoder,
            source,
            source_offset: source_offset.unwrap_or(0),
            destination,
            destination_offset: destination_offset.unwrap_or(0),
            size,
        });
    }

    /// `GPUCommandEncoder.copyBufferToTexture`.
    pub fn copy_buffer_to_texture(
        &self,
        client: &mut Client,
        source: TexelCopyBufferInfo<'_>,
        destination: TexelCopyTextureInfo<'_>,
        size: Extent3d,
    ) {
        let device = &self.base.device;
        let (source, destination) = (source.resolve(client, device), destination.resolve(client, device));
        let (Some(source), Some(destination)) = (source, destination) else { return };
        let size = size.resolve();
        self.base.encode(client, |encoder| CopyBufferToTexture { encoder, source, destination, size });
    }

    /// `GPUCommandEncoder.copyTextureToBuffer`.
    pub fn copy_texture_to_buffer(
        &self,
        client: &mut Client,
        source: TexelCopyTextureInfo<'_>,
        destination: TexelCopyBufferInfo<'_>,
        size: Extent3d,
    ) {
        let device = &self.base.device;
        let (source, destination) = (source.resolve(client, device), destination.resolve(client, device));
        let (Some(source), Some(destination)) = (source, destination) else { return };
        let size = size.resolve();
        self.base.encode(client, |encoder| CopyTextureToBuffer { encoder, source, destination, size });
    }

    /// `GPUCommandEncoder.copyTextureToTexture`.
    pub fn copy_texture_to_texture(
        &self,
        client: &mut Client,
        source: TexelCopyTextureInfo<'_>,
        destination: TexelCopyTextureInfo<'_>,
        size: Extent3d,
    ) {
        let device = &self.base.device;
        let (source, destination) = (source.resolve(client, device), destination.resolve(client, device));
        let (Some(source), Some(destination)) = (source, destination) else { return };
        let size = size.resolve();
        self.base.encode(client, |encoder| CopyTextureToTexture { encoder, source, destination, size });
    }

    /// `GPUCommandEncoder.clearBuffer`, in bytes: by default from the start to the end.
    pub fn clear_buffer(&self, client: &mut Client, buffer: &Buffer, offset: Option<u64>, size: Option<u64>) {
        self.base.encode_with(client, buffer.base(), |encoder, buffer| ClearBuffer {
            encoder,
            buffer,
            offset: offset.unwrap_or(0),
            size,
        });
    }

    /// `GPUCommandEncoder.resolveQuerySet`. The offset is in bytes.
    pub fn resolve_query_set(
        &self,
        client: &mut Client,
        query_set: &QuerySet,
        first_query: u32,
        query_count: u32,
        destination: &Buffer,
        destination_offset: u64,
    ) {
        let Some(query_set) = query_set.base.name(client, &self.base.device) else { return };
        self.base.encode_with(client, destination.base(), |encoder, destination| ResolveQuerySet {
            encoder,
            query_set,
            first_query,
            query_count,
            destination,
            destination_offset,
        });
    }

    /// `GPUCommandEncoder.finish`.
    pub fn finish(&self, client: &mut Client, label: Option<String>) -> CommandBuffer {
        let device = &self.base.device;
        let Some(encoder) = self.base.id else { return CommandBuffer { base: Base::inert(device, label) } };
        let base = Base::new(client, device, label);
        base.encode(client, |command_buffer| FinishCommandEncoder { encoder, command_buffer, label: &base.label });
        if self.overdrawn.get().is_some_and(|overdrawn| overdrawn.swap(false, Ordering::Relaxed)) {
            client.invalid(device, "finish: a render pass has more draws than its maxDrawCount");
            let label = Some(base.label.clone());
            base.release(client);
            return CommandBuffer { base: Base::inert(device, label) };
        }
        CommandBuffer { base }
    }

    /// `GPUDebugCommandsMixin.pushDebugGroup`.
    pub fn push_debug_group(&self, client: &mut Client, label: &str) {
        self.base.encode(client, |encoder| EncoderPushDebugGroup { encoder, label: cut(label, MAX_LABEL) });
    }

    /// `GPUDebugCommandsMixin.popDebugGroup`.
    pub fn pop_debug_group(&self, client: &mut Client) {
        self.base.encode(client, |encoder| EncoderPopDebugGroup { encoder });
    }

    /// `GPUDebugCommandsMixin.insertDebugMarker`.
    pub fn insert_debug_marker(&self, client: &mut Client, label: &str) {
        self.base.encode(client, |encoder| EncoderInsertDebugMarker { encoder, label: cut(label, MAX_LABEL) });
    }
}
