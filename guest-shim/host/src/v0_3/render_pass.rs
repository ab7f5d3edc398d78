//! `gpu-render-pass-encoder`.

use airlock_client::object::DeviceObject as _;
use wasmtime::component::Resource;

use super::{
    binding::set_bind_group,
    bindings::webgpu::{self, *},
    convert::ToWire,
    functions::called,
    object_functions,
};
use crate::WasiWebGpuCtxView;

impl webgpu::HostGpuRenderPassEncoder for WasiWebGpuCtxView<'_> {
    fn set_viewport(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        min_depth: f32,
        max_depth: f32,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.set-viewport");
        let pass = self.table.get(&pass)?;
        pass.set_viewport(&mut self.ctx.client, x, y, width, height, min_depth, max_depth);
        Ok(())
    }

    fn set_scissor_rect(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        x: GpuIntegerCoordinate,
        y: GpuIntegerCoordinate,
        width: GpuIntegerCoordinate,
        height: GpuIntegerCoordinate,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.set-scissor-rect");
        self.table.get(&pass)?.set_scissor_rect(&mut self.ctx.client, x, y, width, height);
        Ok(())
    }

    fn set_blend_constant(&mut self, pass: Resource<GpuRenderPassEncoder>, color: GpuColor) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.set-blend-constant");
        let color = [color.r, color.g, color.b, color.a];
        self.table.get(&pass)?.set_blend_constant(&mut self.ctx.client, color);
        Ok(())
    }

    fn set_stencil_reference(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        reference: GpuStencilValue,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.set-stencil-reference");
        self.table.get(&pass)?.set_stencil_reference(&mut self.ctx.client, reference);
        Ok(())
    }

    fn begin_occlusion_query(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        query_index: GpuSize32,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.begin-occlusion-query");
        self.table.get(&pass)?.begin_occlusion_query(&mut self.ctx.client, query_index);
        Ok(())
    }

    fn end_occlusion_query(&mut self, pass: Resource<GpuRenderPassEncoder>) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.end-occlusion-query");
        self.table.get(&pass)?.end_occlusion_query(&mut self.ctx.client);
        Ok(())
    }

    fn execute_bundles(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        bundles: Vec<Resource<GpuRenderBundle>>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.execute-bundles");
        let mut found = Vec::with_capacity(bundles.len());
        for bundle in &bundles {
            found.push(self.table.get(bundle)?);
        }
        self.table.get(&pass)?.execute_bundles(&mut self.ctx.client, found);
        Ok(())
    }

    fn end(&mut self, pass: Resource<GpuRenderPassEncoder>) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.end");
        self.table.get(&pass)?.end(&mut self.ctx.client);
        Ok(())
    }

    object_functions!(GpuRenderPassEncoder, "gpu-render-pass-encoder.label", "gpu-render-pass-encoder.set-label");

    fn push_debug_group(&mut self, pass: Resource<GpuRenderPassEncoder>, group_label: String) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.push-debug-group");
        self.table.get(&pass)?.push_debug_group(&mut self.ctx.client, &group_label);
        Ok(())
    }

    fn pop_debug_group(&mut self, pass: Resource<GpuRenderPassEncoder>) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.pop-debug-group");
        self.table.get(&pass)?.pop_debug_group(&mut self.ctx.client);
        Ok(())
    }

    fn insert_debug_marker(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        marker_label: String,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.insert-debug-marker");
        self.table.get(&pass)?.insert_debug_marker(&mut self.ctx.client, &marker_label);
        Ok(())
    }

    fn set_bind_group(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        index: GpuIndex32,
        bind_group: Option<Resource<GpuBindGroup>>,
        dynamic_offsets_data: Option<Vec<GpuBufferDynamicOffset>>,
        dynamic_offsets_data_start: Option<GpuSize64>,
        dynamic_offsets_data_length: Option<GpuSize32>,
    ) -> wasmtime::Result<Result<(), SetBindGroupError>> {
        called!(self, "gpu-render-pass-encoder.set-bind-group");
        set_bind_group!(
            self,
            pass,
            index,
            bind_group,
            dynamic_offsets_data,
            dynamic_offsets_data_start,
            dynamic_offsets_data_length
        )
    }

    fn set_immediates(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        range_offset: GpuSize32,
        data: Vec<u8>,
        data_offset: Option<GpuSize64>,
        data_size: Option<GpuSize64>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.set-immediates");
        self.table.get(&pass)?.set_immediates(&mut self.ctx.client, range_offset, &data, data_offset, data_size);
        Ok(())
    }

    fn set_pipeline(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        pipeline: Resource<GpuRenderPipeline>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.set-pipeline");
        let pipeline = self.table.get(&pipeline)?;
        self.table.get(&pass)?.set_pipeline(&mut self.ctx.client, pipeline);
        Ok(())
    }

    fn set_index_buffer(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        buffer: Resource<GpuBuffer>,
        index_format: GpuIndexFormat,
        offset: Option<GpuSize64>,
        size: Option<GpuSize64>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.set-index-buffer");
        let buffer = self.table.get(&buffer)?;
        self.table.get(&pass)?.set_index_buffer(&mut self.ctx.client, buffer, index_format.to_wire(), offset, size);
        Ok(())
    }

    fn set_vertex_buffer(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        slot: GpuIndex32,
        buffer: Option<Resource<GpuBuffer>>,
        offset: Option<GpuSize64>,
        size: Option<GpuSize64>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.set-vertex-buffer");
        let buffer = match &buffer {
            Some(buffer) => Some(self.table.get(buffer)?),
            None => None,
        };
        self.table.get(&pass)?.set_vertex_buffer(&mut self.ctx.client, slot, buffer, offset, size);
        Ok(())
    }

    fn draw(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        vertex_count: GpuSize32,
        instance_count: Option<GpuSize32>,
        first_vertex: Option<GpuSize32>,
        first_instance: Option<GpuSize32>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.draw");
        self.table.get(&pass)?.draw(&mut self.ctx.client, vertex_count, instance_count, first_vertex, first_instance);
        Ok(())
    }

    fn draw_indexed(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        index_count: GpuSize32,
        instance_count: Option<GpuSize32>,
        first_index: Option<GpuSize32>,
        base_vertex: Option<GpuSignedOffset32>,
        first_instance: Option<GpuSize32>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.draw-indexed");
        let pass = self.table.get(&pass)?;
        pass.draw_indexed(&mut self.ctx.client, index_count, instance_count, first_index, base_vertex, first_instance);
        Ok(())
    }

    fn draw_indirect(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        indirect_buffer: Resource<GpuBuffer>,
        indirect_offset: GpuSize64,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.draw-indirect");
        let buffer = self.table.get(&indirect_buffer)?;
        self.table.get(&pass)?.draw_indirect(&mut self.ctx.client, buffer, indirect_offset);
        Ok(())
    }

    fn draw_indexed_indirect(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        indirect_buffer: Resource<GpuBuffer>,
        indirect_offset: GpuSize64,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.draw-indexed-indirect");
        let buffer = self.table.get(&indirect_buffer)?;
        self.table.get(&pass)?.draw_indexed_indirect(&mut self.ctx.client, buffer, indirect_offset);
        Ok(())
    }
}
