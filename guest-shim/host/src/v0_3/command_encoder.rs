//! `gpu-command-encoder` and `gpu-command-buffer`.

use std::sync::Arc;

use airlock_client::session::DeviceState;
use airlock_protocol::{
    commands::{
        command_encoder::{
            ClearBuffer, CopyBufferToBuffer, CopyBufferToTexture, CopyTextureToBuffer, CopyTextureToTexture,
            CreateCommandEncoder, EncoderInsertDebugMarker, EncoderPopDebugGroup, EncoderPushDebugGroup,
            FinishCommandEncoder, ResolveQuerySet,
        },
        compute_pass::BeginComputePass,
        render_pass::{BeginRenderPass, ColorAttachment, DepthStencilAttachment, TimestampWrites},
    },
    limits::{MAX_LABEL, cut},
};
use wasmtime::component::Resource;

use super::{convert::ToWire, object_functions};
use crate::{
    WasiWebGpuCtxView, shadow,
    v0_3::bindings::webgpu::{self, *},
    v0_3::functions::called,
};

impl webgpu::HostGpuCommandEncoder for WasiWebGpuCtxView<'_> {
    fn begin_render_pass(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        descriptor: GpuRenderPassDescriptor,
    ) -> wasmtime::Result<Resource<GpuRenderPassEncoder>> {
        called!(self, "gpu-command-encoder.begin-render-pass");
        let device = self.device_of(&encoder)?;
        let attachments = self.attachments(&descriptor, &device)?;
        let (Some(encoder), Some(attachments)) = (self.table.get(&encoder)?.base.id, attachments) else {
            let base = Self::inert(&device, descriptor.label);
            return Ok(self.table.push(shadow::RenderPass { base })?);
        };
        let base = self.create(&device, descriptor.label);
        if let Some(pass) = base.id {
            self.ctx.send(
                &device,
                BeginRenderPass {
                    encoder,
                    pass,
                    label: &base.label,
                    color_attachments: attachments.color,
                    depth_stencil_attachment: attachments.depth_stencil,
                    occlusion_query_set: attachments.occlusion_query_set,
                    timestamp_writes: attachments.timestamp_writes,
                },
            );
        }
        Ok(self.table.push(shadow::RenderPass { base })?)
    }

    fn begin_compute_pass(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        descriptor: Option<GpuComputePassDescriptor>,
    ) -> wasmtime::Result<Resource<GpuComputePassEncoder>> {
        called!(self, "gpu-command-encoder.begin-compute-pass");
        let device = self.device_of(&encoder)?;
        let (timestamps, label) = match descriptor {
            Some(descriptor) => (descriptor.timestamp_writes, descriptor.label),
            None => (None, None),
        };
        let timestamp_writes = match timestamps {
            Some(writes) => self
                .timestamp_writes(
                    &writes.query_set,
                    writes.beginning_of_pass_write_index,
                    writes.end_of_pass_write_index,
                    &device,
                )?
                .map(Some),
            None => Some(None),
        };
        let (Some(encoder), Some(timestamp_writes)) = (self.table.get(&encoder)?.base.id, timestamp_writes) else {
            let base = Self::inert(&device, label);
            return Ok(self.table.push(shadow::ComputePass { base })?);
        };
        let base = self.create(&device, label);
        if let Some(pass) = base.id {
            self.ctx.send(&device, BeginComputePass { encoder, pass, label: &base.label, timestamp_writes });
        }
        Ok(self.table.push(shadow::ComputePass { base })?)
    }

    fn copy_buffer_to_buffer(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        source: Resource<GpuBuffer>,
        source_offset: Option<GpuSize64>,
        destination: Resource<GpuBuffer>,
        destination_offset: Option<GpuSize64>,
        size: Option<GpuSize64>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.copy-buffer-to-buffer");
        let device = self.device_of(&encoder)?;
        let (source, destination) = (self.name(&source, &device)?, self.name(&destination, &device)?);
        let (Some(source), Some(destination)) = (source, destination) else { return Ok(()) };
        self.encode(&encoder, |encoder| CopyBufferToBuffer {
            encoder,
            source,
            source_offset: source_offset.unwrap_or(0),
            destination,
            destination_offset: destination_offset.unwrap_or(0),
            size,
        })
    }

    fn copy_buffer_to_texture(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        source: GpuTexelCopyBufferInfo,
        destination: GpuTexelCopyTextureInfo,
        copy_size: GpuExtent3D,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.copy-buffer-to-texture");
        let device = self.device_of(&encoder)?;
        let source = self.texel_copy_buffer(&source, &device)?;
        let destination = self.texel_copy_texture(&destination, &device)?;
        let (Some(source), Some(destination)) = (source, destination) else { return Ok(()) };
        let size = super::texture::extent(&copy_size);
        self.encode(&encoder, |encoder| CopyBufferToTexture { encoder, source, destination, size })
    }

    fn copy_texture_to_buffer(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        source: GpuTexelCopyTextureInfo,
        destination: GpuTexelCopyBufferInfo,
        copy_size: GpuExtent3D,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.copy-texture-to-buffer");
        let device = self.device_of(&encoder)?;
        let source = self.texel_copy_texture(&source, &device)?;
        let destination = self.texel_copy_buffer(&destination, &device)?;
        let (Some(source), Some(destination)) = (source, destination) else { return Ok(()) };
        let size = super::texture::extent(&copy_size);
        self.encode(&encoder, |encoder| CopyTextureToBuffer { encoder, source, destination, size })
    }

    fn copy_texture_to_texture(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        source: GpuTexelCopyTextureInfo,
        destination: GpuTexelCopyTextureInfo,
        copy_size: GpuExtent3D,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.copy-texture-to-texture");
        let device = self.device_of(&encoder)?;
        let source = self.texel_copy_texture(&source, &device)?;
        let destination = self.texel_copy_texture(&destination, &device)?;
        let (Some(source), Some(destination)) = (source, destination) else { return Ok(()) };
        let size = super::texture::extent(&copy_size);
        self.encode(&encoder, |encoder| CopyTextureToTexture { encoder, source, destination, size })
    }

    fn clear_buffer(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        buffer: Resource<GpuBuffer>,
        offset: Option<GpuSize64>,
        size: Option<GpuSize64>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.clear-buffer");
        self.encode_with(&encoder, &buffer, |encoder, buffer| ClearBuffer {
            encoder,
            buffer,
            offset: offset.unwrap_or(0),
            size,
        })
    }

    fn resolve_query_set(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        query_set: Resource<GpuQuerySet>,
        first_query: GpuSize32,
        query_count: GpuSize32,
        destination: Resource<GpuBuffer>,
        destination_offset: GpuSize64,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.resolve-query-set");
        let device = self.device_of(&encoder)?;
        let Some(query_set) = self.name(&query_set, &device)? else { return Ok(()) };
        self.encode_with(&encoder, &destination, |encoder, destination| ResolveQuerySet {
            encoder,
            query_set,
            first_query,
            query_count,
            destination,
            destination_offset,
        })
    }

    fn finish(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        descriptor: Option<GpuCommandBufferDescriptor>,
    ) -> wasmtime::Result<Resource<GpuCommandBuffer>> {
        called!(self, "gpu-command-encoder.finish");
        let device = self.device_of(&encoder)?;
        let label = descriptor.and_then(|descriptor| descriptor.label);
        let base = match self.table.get(&encoder)?.base.id {
            Some(encoder) => {
                let base = self.create(&device, label);
                if let Some(command_buffer) = base.id {
                    self.ctx.send(&device, FinishCommandEncoder { encoder, command_buffer, label: &base.label });
                }
                base
            }
            None => Self::inert(&device, label),
        };
        Ok(self.table.push(shadow::CommandBuffer { base })?)
    }

    object_functions!(GpuCommandEncoder, "gpu-command-encoder.label", "gpu-command-encoder.set-label");

    fn push_debug_group(&mut self, encoder: Resource<GpuCommandEncoder>, group_label: String) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.push-debug-group");
        self.encode(&encoder, |encoder| EncoderPushDebugGroup { encoder, label: cut(&group_label, MAX_LABEL) })
    }

    fn pop_debug_group(&mut self, encoder: Resource<GpuCommandEncoder>) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.pop-debug-group");
        self.encode(&encoder, |encoder| EncoderPopDebugGroup { encoder })
    }

    fn insert_debug_marker(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        marker_label: String,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.insert-debug-marker");
        self.encode(&encoder, |encoder| EncoderInsertDebugMarker { encoder, label: cut(&marker_label, MAX_LABEL) })
    }
}

impl webgpu::HostGpuCommandBuffer for WasiWebGpuCtxView<'_> {
    object_functions!(GpuCommandBuffer, "gpu-command-buffer.label", "gpu-command-buffer.set-label");
}

/// What a render pass works on, named.
struct Attachments {
    color: Vec<Option<ColorAttachment>>,
    depth_stencil: Option<DepthStencilAttachment>,
    occlusion_query_set: Option<airlock_protocol::ids::QuerySetId>,
    timestamp_writes: Option<TimestampWrites>,
}

impl WasiWebGpuCtxView<'_> {
    pub(super) fn new_command_encoder(
        &mut self,
        device: &Arc<DeviceState>,
        descriptor: Option<GpuCommandEncoderDescriptor>,
    ) -> wasmtime::Result<Resource<GpuCommandEncoder>> {
        let base = self.create(device, descriptor.and_then(|descriptor| descriptor.label));
        if let Some(encoder) = base.id {
            self.ctx.send(device, CreateCommandEncoder { device: device.id, encoder, label: &base.label });
        }
        Ok(self.table.push(shadow::CommandEncoder { base })?)
    }

    /// Names everything that a pass works on; `None`, with the error raised, when something cannot be named.
    fn attachments(
        &mut self,
        descriptor: &GpuRenderPassDescriptor,
        device: &Arc<DeviceState>,
    ) -> wasmtime::Result<Option<Attachments>> {
        let mut color = Vec::with_capacity(descriptor.color_attachments.len());
        for attachment in descriptor.color_attachments.iter().take(airlock_protocol::limits::MAX_LIST) {
            let Some(attachment) = attachment else {
                color.push(None);
                continue;
            };
            let Some(view) = self.name(&attachment.view, device)? else { return Ok(None) };
            let resolve_target = match &attachment.resolve_target {
                Some(target) => match self.name(target, device)? {
                    Some(target) => Some(target),
                    None => return Ok(None),
                },
                None => None,
            };
            color.push(Some(ColorAttachment {
                view,
                depth_slice: attachment.depth_slice,
                resolve_target,
                clear_value: attachment
                    .clear_value
                    .as_ref()
                    .map_or([0.0; 4], |color| [color.r, color.g, color.b, color.a]),
                load_op: attachment.load_op.to_wire(),
                store_op: attachment.store_op.to_wire(),
            }));
        }
        let depth_stencil = match &descriptor.depth_stencil_attachment {
            Some(attachment) => match self.name(&attachment.view, device)? {
                Some(view) => Some(DepthStencilAttachment {
                    view,
                    depth_clear_value: attachment.depth_clear_value,
                    depth_load_op: attachment.depth_load_op.map(ToWire::to_wire),
                    depth_store_op: attachment.depth_store_op.map(ToWire::to_wire),
                    depth_read_only: attachment.depth_read_only.unwrap_or(false),
                    stencil_clear_value: attachment.stencil_clear_value.unwrap_or(0),
                    stencil_load_op: attachment.stencil_load_op.map(ToWire::to_wire),
                    stencil_store_op: attachment.stencil_store_op.map(ToWire::to_wire),
                    stencil_read_only: attachment.stencil_read_only.unwrap_or(false),
                }),
                None => return Ok(None),
            },
            None => None,
        };
        let occlusion_query_set = match &descriptor.occlusion_query_set {
            Some(set) => match self.name(set, device)? {
                Some(set) => Some(set),
                None => return Ok(None),
            },
            None => None,
        };
        let timestamp_writes = match &descriptor.timestamp_writes {
            Some(writes) => {
                let writes = self.timestamp_writes(
                    &writes.query_set,
                    writes.beginning_of_pass_write_index,
                    writes.end_of_pass_write_index,
                    device,
                )?;
                match writes {
                    Some(writes) => Some(writes),
                    None => return Ok(None),
                }
            }
            None => None,
        };
        Ok(Some(Attachments { color, depth_stencil, occlusion_query_set, timestamp_writes }))
    }

    fn timestamp_writes(
        &mut self,
        query_set: &Resource<GpuQuerySet>,
        beginning_of_pass_write_index: Option<u32>,
        end_of_pass_write_index: Option<u32>,
        device: &Arc<DeviceState>,
    ) -> wasmtime::Result<Option<TimestampWrites>> {
        let query_set = self.name(query_set, device)?;
        Ok(query_set.map(|query_set| TimestampWrites {
            query_set,
            beginning_of_pass_write_index,
            end_of_pass_write_index,
        }))
    }
}
