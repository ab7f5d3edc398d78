//! `gpu-command-encoder` and `gpu-command-buffer`.

use airlock_client::{
    compute_pass::ComputePassDescriptor,
    device::Device,
    object::DeviceObject as _,
    render_pass::{ColorAttachment, DepthStencilAttachment, RenderPassDescriptor, TimestampWrites},
};
use wasmtime::component::{Resource, ResourceTable};

use super::{
    bindings::webgpu::{self, *},
    convert::ToWire,
    functions::called,
    object_functions,
    texture::{extent, texel_copy_buffer, texel_copy_texture},
};
use crate::WasiWebGpuCtxView;

impl webgpu::HostGpuCommandEncoder for WasiWebGpuCtxView<'_> {
    fn begin_render_pass(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        descriptor: GpuRenderPassDescriptor,
    ) -> wasmtime::Result<Resource<GpuRenderPassEncoder>> {
        called!(self, "gpu-command-encoder.begin-render-pass");
        let GpuRenderPassDescriptor {
            color_attachments,
            depth_stencil_attachment,
            occlusion_query_set,
            timestamp_writes,
            max_draw_count,
            label,
        } = descriptor;
        let table = &*self.table;
        let mut colors = Vec::with_capacity(color_attachments.len());
        for attachment in &color_attachments {
            colors.push(attachment.as_ref().map(|attachment| color_attachment(table, attachment)).transpose()?);
        }
        let descriptor = RenderPassDescriptor {
            label,
            color_attachments: colors,
            depth_stencil_attachment: match &depth_stencil_attachment {
                Some(attachment) => Some(depth_stencil(table, attachment)?),
                None => None,
            },
            occlusion_query_set: match &occlusion_query_set {
                Some(set) => Some(table.get(set)?),
                None => None,
            },
            timestamp_writes: match &timestamp_writes {
                Some(writes) => Some(TimestampWrites {
                    query_set: table.get(&writes.query_set)?,
                    beginning_of_pass_write_index: writes.beginning_of_pass_write_index,
                    end_of_pass_write_index: writes.end_of_pass_write_index,
                }),
                None => None,
            },
            max_draw_count,
        };
        let pass = table.get(&encoder)?.begin_render_pass(&mut self.ctx.client, descriptor);
        Ok(self.table.push(pass)?)
    }

    fn begin_compute_pass(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        descriptor: Option<GpuComputePassDescriptor>,
    ) -> wasmtime::Result<Resource<GpuComputePassEncoder>> {
        called!(self, "gpu-command-encoder.begin-compute-pass");
        let (timestamps, label) = match descriptor {
            Some(descriptor) => (descriptor.timestamp_writes, descriptor.label),
            None => (None, None),
        };
        let timestamp_writes = match &timestamps {
            Some(writes) => Some(TimestampWrites {
                query_set: self.table.get(&writes.query_set)?,
                beginning_of_pass_write_index: writes.beginning_of_pass_write_index,
                end_of_pass_write_index: writes.end_of_pass_write_index,
            }),
            None => None,
        };
        let descriptor = ComputePassDescriptor { label, timestamp_writes };
        let pass = self.table.get(&encoder)?.begin_compute_pass(&mut self.ctx.client, descriptor);
        Ok(self.table.push(pass)?)
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
        let source = (self.table.get(&source)?, source_offset);
        let destination = (self.table.get(&destination)?, destination_offset);
        self.table.get(&encoder)?.copy_buffer_to_buffer(&mut self.ctx.client, source, destination, size);
        Ok(())
    }

    fn copy_buffer_to_texture(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        source: GpuTexelCopyBufferInfo,
        destination: GpuTexelCopyTextureInfo,
        copy_size: GpuExtent3D,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.copy-buffer-to-texture");
        let source = texel_copy_buffer(self.table, &source)?;
        let destination = texel_copy_texture(self.table, &destination)?;
        let encoder = self.table.get(&encoder)?;
        encoder.copy_buffer_to_texture(&mut self.ctx.client, source, destination, extent(&copy_size));
        Ok(())
    }

    fn copy_texture_to_buffer(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        source: GpuTexelCopyTextureInfo,
        destination: GpuTexelCopyBufferInfo,
        copy_size: GpuExtent3D,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.copy-texture-to-buffer");
        let source = texel_copy_texture(self.table, &source)?;
        let destination = texel_copy_buffer(self.table, &destination)?;
        let encoder = self.table.get(&encoder)?;
        encoder.copy_texture_to_buffer(&mut self.ctx.client, source, destination, extent(&copy_size));
        Ok(())
    }

    fn copy_texture_to_texture(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        source: GpuTexelCopyTextureInfo,
        destination: GpuTexelCopyTextureInfo,
        copy_size: GpuExtent3D,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.copy-texture-to-texture");
        let source = texel_copy_texture(self.table, &source)?;
        let destination = texel_copy_texture(self.table, &destination)?;
        let encoder = self.table.get(&encoder)?;
        encoder.copy_texture_to_texture(&mut self.ctx.client, source, destination, extent(&copy_size));
        Ok(())
    }

    fn clear_buffer(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        buffer: Resource<GpuBuffer>,
        offset: Option<GpuSize64>,
        size: Option<GpuSize64>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.clear-buffer");
        let buffer = self.table.get(&buffer)?;
        self.table.get(&encoder)?.clear_buffer(&mut self.ctx.client, buffer, offset, size);
        Ok(())
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
        let (query_set, destination) = (self.table.get(&query_set)?, self.table.get(&destination)?);
        self.table.get(&encoder)?.resolve_query_set(
            &mut self.ctx.client,
            query_set,
            first_query,
            query_count,
            destination,
            destination_offset,
        );
        Ok(())
    }

    fn finish(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        descriptor: Option<GpuCommandBufferDescriptor>,
    ) -> wasmtime::Result<Resource<GpuCommandBuffer>> {
        called!(self, "gpu-command-encoder.finish");
        let label = descriptor.and_then(|descriptor| descriptor.label);
        let command_buffer = self.table.get(&encoder)?.finish(&mut self.ctx.client, label);
        Ok(self.table.push(command_buffer)?)
    }

    object_functions!(GpuCommandEncoder, "gpu-command-encoder.label", "gpu-command-encoder.set-label");

    fn push_debug_group(&mut self, encoder: Resource<GpuCommandEncoder>, group_label: String) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.push-debug-group");
        self.table.get(&encoder)?.push_debug_group(&mut self.ctx.client, &group_label);
        Ok(())
    }

    fn pop_debug_group(&mut self, encoder: Resource<GpuCommandEncoder>) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.pop-debug-group");
        self.table.get(&encoder)?.pop_debug_group(&mut self.ctx.client);
        Ok(())
    }

    fn insert_debug_marker(
        &mut self,
        encoder: Resource<GpuCommandEncoder>,
        marker_label: String,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-command-encoder.insert-debug-marker");
        self.table.get(&encoder)?.insert_debug_marker(&mut self.ctx.client, &marker_label);
        Ok(())
    }
}

impl webgpu::HostGpuCommandBuffer for WasiWebGpuCtxView<'_> {
    object_functions!(GpuCommandBuffer, "gpu-command-buffer.label", "gpu-command-buffer.set-label");
}

impl WasiWebGpuCtxView<'_> {
    pub(super) fn new_command_encoder(
        &mut self,
        device: &Resource<Device>,
        descriptor: Option<GpuCommandEncoderDescriptor>,
    ) -> wasmtime::Result<Resource<GpuCommandEncoder>> {
        let label = descriptor.and_then(|descriptor| descriptor.label);
        let encoder = self.table.get(device)?.create_command_encoder(&mut self.ctx.client, label);
        Ok(self.table.push(encoder)?)
    }
}

fn color_attachment<'a>(
    table: &'a ResourceTable,
    attachment: &GpuRenderPassColorAttachment,
) -> wasmtime::Result<ColorAttachment<'a>> {
    Ok(ColorAttachment {
        view: table.get(&attachment.view)?,
        depth_slice: attachment.depth_slice,
        resolve_target: match &attachment.resolve_target {
            Some(target) => Some(table.get(target)?),
            None => None,
        },
        clear_value: attachment.clear_value.as_ref().map(|color| [color.r, color.g, color.b, color.a]),
        load_op: attachment.load_op.to_wire(),
        store_op: attachment.store_op.to_wire(),
    })
}

fn depth_stencil<'a>(
    table: &'a ResourceTable,
    attachment: &GpuRenderPassDepthStencilAttachment,
) -> wasmtime::Result<DepthStencilAttachment<'a>> {
    Ok(DepthStencilAttachment {
        view: table.get(&attachment.view)?,
        depth_clear_value: attachment.depth_clear_value,
        depth_load_op: attachment.depth_load_op.map(ToWire::to_wire),
        depth_store_op: attachment.depth_store_op.map(ToWire::to_wire),
        depth_read_only: attachment.depth_read_only,
        stencil_clear_value: attachment.stencil_clear_value,
        stencil_load_op: attachment.stencil_load_op.map(ToWire::to_wire),
        stencil_store_op: attachment.stencil_store_op.map(ToWire::to_wire),
        stencil_read_only: attachment.stencil_read_only,
    })
}
