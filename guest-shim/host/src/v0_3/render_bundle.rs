//! `gpu-render-bundle-encoder` and `gpu-render-bundle`.

use airlock_client::{device::Device, object::DeviceObject as _, render_bundle::RenderBundleEncoderDescriptor};
use wasmtime::component::Resource;

use super::{
    binding::set_bind_group,
    bindings::webgpu::{self, *},
    convert::ToWire,
    functions::called,
    object_functions,
};
use crate::WasiWebGpuCtxView;

impl webgpu::HostGpuRenderBundle for WasiWebGpuCtxView<'_> {
    object_functions!(GpuRenderBundle, "gpu-render-bundle.label", "gpu-render-bundle.set-label");
}

impl webgpu::HostGpuRenderBundleEncoder for WasiWebGpuCtxView<'_> {
    fn finish(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        descriptor: Option<GpuRenderBundleDescriptor>,
    ) -> wasmtime::Result<Resource<GpuRenderBundle>> {
        called!(self, "gpu-render-bundle-encoder.finish");
        let label = descriptor.and_then(|descriptor| descriptor.label);
        let bundle = self.table.get(&encoder)?.finish(&mut self.ctx.client, label);
        Ok(self.table.push(bundle)?)
    }

    object_functions!(GpuRenderBundleEncoder, "gpu-render-bundle-encoder.label", "gpu-render-bundle-encoder.set-label");

    fn push_debug_group(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        group_label: String,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.push-debug-group");
        self.table.get(&encoder)?.push_debug_group(&mut self.ctx.client, &group_label);
        Ok(())
    }

    fn pop_debug_group(&mut self, encoder: Resource<GpuRenderBundleEncoder>) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.pop-debug-group");
        self.table.get(&encoder)?.pop_debug_group(&mut self.ctx.client);
        Ok(())
    }

    fn insert_debug_marker(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        marker_label: String,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.insert-debug-marker");
        self.table.get(&encoder)?.insert_debug_marker(&mut self.ctx.client, &marker_label);
        Ok(())
    }

    fn set_bind_group(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        index: GpuIndex32,
        bind_group: Option<Resource<GpuBindGroup>>,
        dynamic_offsets_data: Option<Vec<GpuBufferDynamicOffset>>,
        dynamic_offsets_data_start: Option<GpuSize64>,
        dynamic_offsets_data_length: Option<GpuSize32>,
    ) -> wasmtime::Result<Result<(), SetBindGroupError>> {
        called!(self, "gpu-render-bundle-encoder.set-bind-group");
        set_bind_group!(
            self,
            encoder,
            index,
            bind_group,
            dynamic_offsets_data,
            dynamic_offsets_data_start,
            dynamic_offsets_data_length
        )
    }

    fn set_immediates(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        range_offset: GpuSize32,
        data: Vec<u8>,
        data_offset: Option<GpuSize64>,
        data_size: Option<GpuSize64>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.set-immediates");
        self.table.get(&encoder)?.set_immediates(&mut self.ctx.client, range_offset, &data, data_offset, data_size);
        Ok(())
    }

    fn set_pipeline(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        pipeline: Resource<GpuRenderPipeline>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.set-pipeline");
        let pipeline = self.table.get(&pipeline)?;
        self.table.get(&encoder)?.set_pipeline(&mut self.ctx.client, pipeline);
        Ok(())
    }

    fn set_index_buffer(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        buffer: Resource<GpuBuffer>,
        index_format: GpuIndexFormat,
        offset: Option<GpuSize64>,
        size: Option<GpuSize64>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.set-index-buffer");
        let buffer = self.table.get(&buffer)?;
        self.table.get(&encoder)?.set_index_buffer(&mut self.ctx.client, buffer, index_format.to_wire(), offset, size);
        Ok(())
    }

    fn set_vertex_buffer(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        slot: GpuIndex32,
        buffer: Option<Resource<GpuBuffer>>,
        offset: Option<GpuSize64>,
        size: Option<GpuSize64>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.set-vertex-buffer");
        let buffer = match &buffer {
            Some(buffer) => Some(self.table.get(buffer)?),
            None => None,
        };
        self.table.get(&encoder)?.set_vertex_buffer(&mut self.ctx.client, slot, buffer, offset, size);
        Ok(())
    }

    fn draw(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        vertex_count: GpuSize32,
        instance_count: Option<GpuSize32>,
        first_vertex: Option<GpuSize32>,
        first_instance: Option<GpuSize32>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.draw");
        self.table.get(&encoder)?.draw(
            &mut self.ctx.client,
            vertex_count,
            instance_count,
            first_vertex,
            first_instance,
        );
        Ok(())
    }

    fn draw_indexed(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        index_count: GpuSize32,
        instance_count: Option<GpuSize32>,
        first_index: Option<GpuSize32>,
        base_vertex: Option<GpuSignedOffset32>,
        first_instance: Option<GpuSize32>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.draw-indexed");
        let encoder = self.table.get(&encoder)?;
        encoder.draw_indexed(
            &mut self.ctx.client,
            index_count,
            instance_count,
            first_index,
            base_vertex,
            first_instance,
        );
        Ok(())
    }

    fn draw_indirect(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        indirect_buffer: Resource<GpuBuffer>,
        indirect_offset: GpuSize64,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.draw-indirect");
        let buffer = self.table.get(&indirect_buffer)?;
        self.table.get(&encoder)?.draw_indirect(&mut self.ctx.client, buffer, indirect_offset);
        Ok(())
    }

    fn draw_indexed_indirect(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        indirect_buffer: Resource<GpuBuffer>,
        indirect_offset: GpuSize64,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.draw-indexed-indirect");
        let buffer = self.table.get(&indirect_buffer)?;
        self.table.get(&encoder)?.draw_indexed_indirect(&mut self.ctx.client, buffer, indirect_offset);
        Ok(())
    }
}

impl WasiWebGpuCtxView<'_> {
    pub(crate) fn new_render_bundle_encoder(
        &mut self,
        device: &Resource<Device>,
        descriptor: GpuRenderBundleEncoderDescriptor,
    ) -> wasmtime::Result<Resource<GpuRenderBundleEncoder>> {
        let descriptor = RenderBundleEncoderDescriptor {
            label: descriptor.label,
            color_formats: descriptor.color_formats.into_iter().map(|format| format.map(ToWire::to_wire)).collect(),
            depth_stencil_format: descriptor.depth_stencil_format.map(ToWire::to_wire),
            sample_count: descriptor.sample_count,
            depth_read_only: descriptor.depth_read_only,
            stencil_read_only: descriptor.stencil_read_only,
        };
        let encoder = self.table.get(device)?.create_render_bundle_encoder(&mut self.ctx.client, descriptor);
        Ok(self.table.push(encoder)?)
    }
}
