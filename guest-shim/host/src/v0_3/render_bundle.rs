//! `gpu-render-bundle-encoder` and `gpu-render-bundle`.

use std::sync::Arc;

use airlock_client::session::DeviceState;
use airlock_protocol::{
    commands::render_bundle::{
        BundleDraw, BundleDrawIndexed, BundleDrawIndexedIndirect, BundleDrawIndirect, BundleInsertDebugMarker,
        BundlePopDebugGroup, BundlePushDebugGroup, BundleSetBindGroup, BundleSetImmediates, BundleSetIndexBuffer,
        BundleSetPipeline, BundleSetVertexBuffer, CreateRenderBundleEncoder, FinishRenderBundle,
    },
    limits::{MAX_LABEL, cut},
};
use wasmtime::component::Resource;

use super::{bounded, convert::ToWire, object_functions, queue::immediates};
use crate::{
    WasiWebGpuCtxView, shadow,
    v0_3::bindings::webgpu::{self, *},
    v0_3::functions::called,
};

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
        let device = self.device_of(&encoder)?;
        let label = descriptor.and_then(|descriptor| descriptor.label);
        let base = match self.table.get(&encoder)?.base.id {
            Some(encoder) => {
                let base = self.create(&device, label);
                if let Some(bundle) = base.id {
                    self.ctx.send(&device, FinishRenderBundle { encoder, bundle, label: &base.label });
                }
                base
            }
            None => Self::inert(&device, label),
        };
        Ok(self.table.push(shadow::RenderBundle { base })?)
    }

    object_functions!(GpuRenderBundleEncoder, "gpu-render-bundle-encoder.label", "gpu-render-bundle-encoder.set-label");

    fn push_debug_group(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        group_label: String,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.push-debug-group");
        self.encode(&encoder, |encoder| BundlePushDebugGroup { encoder, label: cut(&group_label, MAX_LABEL) })
    }

    fn pop_debug_group(&mut self, encoder: Resource<GpuRenderBundleEncoder>) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.pop-debug-group");
        self.encode(&encoder, |encoder| BundlePopDebugGroup { encoder })
    }

    fn insert_debug_marker(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        marker_label: String,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.insert-debug-marker");
        self.encode(&encoder, |encoder| BundleInsertDebugMarker { encoder, label: cut(&marker_label, MAX_LABEL) })
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
        let offsets = (dynamic_offsets_data, dynamic_offsets_data_start, dynamic_offsets_data_length);
        self.bind(&encoder, bind_group, offsets, |encoder, bind_group, dynamic_offsets| BundleSetBindGroup {
            encoder,
            index,
            bind_group,
            dynamic_offsets,
        })
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
        let (offset, data) = immediates(range_offset, &data, data_offset, data_size);
        self.encode(&encoder, |encoder| BundleSetImmediates { encoder, offset, data })
    }

    fn set_pipeline(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        pipeline: Resource<GpuRenderPipeline>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.set-pipeline");
        self.encode_with(&encoder, &pipeline, |encoder, pipeline| BundleSetPipeline { encoder, pipeline })
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
        self.encode_with(&encoder, &buffer, |encoder, buffer| BundleSetIndexBuffer {
            encoder,
            buffer,
            format: index_format.to_wire(),
            offset: offset.unwrap_or(0),
            size,
        })
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
        let offset = offset.unwrap_or(0);
        self.encode_with_option(&encoder, buffer.as_ref(), |encoder, buffer| BundleSetVertexBuffer {
            encoder,
            slot,
            buffer,
            offset,
            size,
        })
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
        self.encode(&encoder, |encoder| BundleDraw {
            encoder,
            vertex_count,
            instance_count: instance_count.unwrap_or(1),
            first_vertex: first_vertex.unwrap_or(0),
            first_instance: first_instance.unwrap_or(0),
        })
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
        self.encode(&encoder, |encoder| BundleDrawIndexed {
            encoder,
            index_count,
            instance_count: instance_count.unwrap_or(1),
            first_index: first_index.unwrap_or(0),
            base_vertex: base_vertex.unwrap_or(0),
            first_instance: first_instance.unwrap_or(0),
        })
    }

    fn draw_indirect(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        indirect_buffer: Resource<GpuBuffer>,
        indirect_offset: GpuSize64,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.draw-indirect");
        self.encode_with(&encoder, &indirect_buffer, |encoder, buffer| BundleDrawIndirect {
            encoder,
            buffer,
            offset: indirect_offset,
        })
    }

    fn draw_indexed_indirect(
        &mut self,
        encoder: Resource<GpuRenderBundleEncoder>,
        indirect_buffer: Resource<GpuBuffer>,
        indirect_offset: GpuSize64,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-render-bundle-encoder.draw-indexed-indirect");
        self.encode_with(&encoder, &indirect_buffer, |encoder, buffer| BundleDrawIndexedIndirect {
            encoder,
            buffer,
            offset: indirect_offset,
        })
    }
}

impl WasiWebGpuCtxView<'_> {
    pub(super) fn new_render_bundle_encoder(
        &mut self,
        device: &Arc<DeviceState>,
        descriptor: GpuRenderBundleEncoderDescriptor,
    ) -> wasmtime::Result<Resource<GpuRenderBundleEncoder>> {
        let base = self.create(device, descriptor.label);
        if let Some(encoder) = base.id {
            let color_formats =
                bounded(descriptor.color_formats).into_iter().map(|format| format.map(ToWire::to_wire)).collect();
            self.ctx.send(
                device,
                CreateRenderBundleEncoder {
                    device: device.id,
                    encoder,
                    label: &base.label,
                    color_formats,
                    depth_stencil_format: descriptor.depth_stencil_format.map(ToWire::to_wire),
                    sample_count: descriptor.sample_count.unwrap_or(1),
                    depth_read_only: descriptor.depth_read_only.unwrap_or(false),
                    stencil_read_only: descriptor.stencil_read_only.unwrap_or(false),
                },
            );
        }
        Ok(self.table.push(shadow::RenderBundleEncoder { base })?)
    }
}
