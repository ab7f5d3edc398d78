//! `gpu-render-pass-encoder`.

use airlock_protocol::{
    commands::render_pass::{
        BeginOcclusionQuery, EndOcclusionQuery, EndRenderPass, ExecuteBundles, RenderPassDraw, RenderPassDrawIndexed,
        RenderPassDrawIndexedIndirect, RenderPassDrawIndirect, RenderPassInsertDebugMarker, RenderPassPopDebugGroup,
        RenderPassPushDebugGroup, RenderPassSetBindGroup, RenderPassSetImmediates, RenderPassSetIndexBuffer,
        RenderPassSetPipeline, RenderPassSetVertexBuffer, SetBlendConstant, SetScissorRect, SetStencilReference,
        SetViewport,
    },
    limits::{MAX_LABEL, MAX_LIST, cut},
};
use wasmtime::component::Resource;

use super::{convert::ToWire, object_functions, queue::immediates};
use crate::{
    WasiWebGpuCtxView,
    v0_3::bindings::webgpu::{self, *},
    v0_3::functions::called,
};

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
        self.encode(&pass, |pass| SetViewport { pass, x, y, width, height, min_depth, max_depth })
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
        self.encode(&pass, |pass| SetScissorRect { pass, x, y, width, height })
    }

    fn set_blend_constant(&mut self, pass: Resource<GpuRenderPassEncoder>, color: GpuColor) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.set-blend-constant");
        let color = [color.r, color.g, color.b, color.a];
        self.encode(&pass, |pass| SetBlendConstant { pass, color })
    }

    fn set_stencil_reference(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        reference: GpuStencilValue,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.set-stencil-reference");
        self.encode(&pass, |pass| SetStencilReference { pass, reference })
    }

    fn begin_occlusion_query(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        query_index: GpuSize32,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.begin-occlusion-query");
        self.encode(&pass, |pass| BeginOcclusionQuery { pass, query_index })
    }

    fn end_occlusion_query(&mut self, pass: Resource<GpuRenderPassEncoder>) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.end-occlusion-query");
        self.encode(&pass, |pass| EndOcclusionQuery { pass })
    }

    fn execute_bundles(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        bundles: Vec<Resource<GpuRenderBundle>>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.execute-bundles");
        let device = self.device_of(&pass)?;
        let mut ids = Vec::with_capacity(bundles.len());
        for bundle in &bundles {
            match self.name(bundle, &device)? {
                Some(bundle) => ids.push(bundle),
                None => return Ok(()),
            }
        }
        for bundles in ids.chunks(MAX_LIST) {
            self.encode(&pass, |pass| ExecuteBundles { pass, bundles: bundles.to_vec() })?;
        }
        Ok(())
    }

    fn end(&mut self, pass: Resource<GpuRenderPassEncoder>) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.end");
        self.encode(&pass, |pass| EndRenderPass { pass })
    }

    object_functions!(GpuRenderPassEncoder, "gpu-render-pass-encoder.label", "gpu-render-pass-encoder.set-label");

    fn push_debug_group(&mut self, pass: Resource<GpuRenderPassEncoder>, group_label: String) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.push-debug-group");
        self.encode(&pass, |pass| RenderPassPushDebugGroup { pass, label: cut(&group_label, MAX_LABEL) })
    }

    fn pop_debug_group(&mut self, pass: Resource<GpuRenderPassEncoder>) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.pop-debug-group");
        self.encode(&pass, |pass| RenderPassPopDebugGroup { pass })
    }

    fn insert_debug_marker(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        marker_label: String,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.insert-debug-marker");
        self.encode(&pass, |pass| RenderPassInsertDebugMarker { pass, label: cut(&marker_label, MAX_LABEL) })
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
        let offsets = (dynamic_offsets_data, dynamic_offsets_data_start, dynamic_offsets_data_length);
        self.bind(&pass, bind_group, offsets, |pass, bind_group, dynamic_offsets| RenderPassSetBindGroup {
            pass,
            index,
            bind_group,
            dynamic_offsets,
        })
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
        let (offset, data) = immediates(range_offset, &data, data_offset, data_size);
        self.encode(&pass, |pass| RenderPassSetImmediates { pass, offset, data })
    }

    fn set_pipeline(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        pipeline: Resource<GpuRenderPipeline>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.set-pipeline");
        self.encode_with(&pass, &pipeline, |pass, pipeline| RenderPassSetPipeline { pass, pipeline })
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
        self.encode_with(&pass, &buffer, |pass, buffer| RenderPassSetIndexBuffer {
            pass,
            buffer,
            format: index_format.to_wire(),
            offset: offset.unwrap_or(0),
            size,
        })
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
        let offset = offset.unwrap_or(0);
        self.encode_with_option(&pass, buffer.as_ref(), |pass, buffer| RenderPassSetVertexBuffer {
            pass,
            slot,
            buffer,
            offset,
            size,
        })
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
        self.encode(&pass, |pass| RenderPassDraw {
            pass,
            vertex_count,
            instance_count: instance_count.unwrap_or(1),
            first_vertex: first_vertex.unwrap_or(0),
            first_instance: first_instance.unwrap_or(0),
        })
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
        self.encode(&pass, |pass| RenderPassDrawIndexed {
            pass,
            index_count,
            instance_count: instance_count.unwrap_or(1),
            first_index: first_index.unwrap_or(0),
            base_vertex: base_vertex.unwrap_or(0),
            first_instance: first_instance.unwrap_or(0),
        })
    }

    fn draw_indirect(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        indirect_buffer: Resource<GpuBuffer>,
        indirect_offset: GpuSize64,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.draw-indirect");
        self.encode_with(&pass, &indirect_buffer, |pass, buffer| RenderPassDrawIndirect {
            pass,
            buffer,
            offset: indirect_offset,
        })
    }

    fn draw_indexed_indirect(
        &mut self,
        pass: Resource<GpuRenderPassEncoder>,
        indirect_buffer: Resource<GpuBuffer>,
        indirect_offset: GpuSize64,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-pass-encoder.draw-indexed-indirect");
        self.encode_with(&pass, &indirect_buffer, |pass, buffer| RenderPassDrawIndexedIndirect {
            pass,
            buffer,
            offset: indirect_offset,
        })
    }
}
