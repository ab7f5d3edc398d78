//! `gpu-compute-pass-encoder`.

use airlock_protocol::{
    commands::compute_pass::{
        ComputePassInsertDebugMarker, ComputePassPopDebugGroup, ComputePassPushDebugGroup, ComputePassSetBindGroup,
        ComputePassSetImmediates, ComputePassSetPipeline, DispatchWorkgroups, DispatchWorkgroupsIndirect,
        EndComputePass,
    },
    limits::{MAX_LABEL, cut},
};
use wasmtime::component::Resource;

use super::{object_functions, queue::immediates};
use crate::{
    WasiWebGpuCtxView,
    v0_3::bindings::webgpu::{self, *},
    v0_3::functions::called,
};

impl webgpu::HostGpuComputePassEncoder for WasiWebGpuCtxView<'_> {
    fn set_pipeline(
        &mut self,
        pass: Resource<GpuComputePassEncoder>,
        pipeline: Resource<GpuComputePipeline>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.set-pipeline");
        self.encode_with(&pass, &pipeline, |pass, pipeline| ComputePassSetPipeline { pass, pipeline })
    }

    fn dispatch_workgroups(
        &mut self,
        pass: Resource<GpuComputePassEncoder>,
        workgroup_count_x: GpuSize32,
        workgroup_count_y: Option<GpuSize32>,
        workgroup_count_z: Option<GpuSize32>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.dispatch-workgroups");
        self.encode(&pass, |pass| DispatchWorkgroups {
            pass,
            x: workgroup_count_x,
            y: workgroup_count_y.unwrap_or(1),
            z: workgroup_count_z.unwrap_or(1),
        })
    }

    fn dispatch_workgroups_indirect(
        &mut self,
        pass: Resource<GpuComputePassEncoder>,
        indirect_buffer: Resource<GpuBuffer>,
        indirect_offset: GpuSize64,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.dispatch-workgroups-indirect");
        self.encode_with(&pass, &indirect_buffer, |pass, buffer| DispatchWorkgroupsIndirect {
            pass,
            buffer,
            offset: indirect_offset,
        })
    }

    fn end(&mut self, pass: Resource<GpuComputePassEncoder>) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.end");
        self.encode(&pass, |pass| EndComputePass { pass })
    }

    object_functions!(GpuComputePassEncoder, "gpu-compute-pass-encoder.label", "gpu-compute-pass-encoder.set-label");

    fn push_debug_group(&mut self, pass: Resource<GpuComputePassEncoder>, group_label: String) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.push-debug-group");
        self.encode(&pass, |pass| ComputePassPushDebugGroup { pass, label: cut(&group_label, MAX_LABEL) })
    }

    fn pop_debug_group(&mut self, pass: Resource<GpuComputePassEncoder>) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.pop-debug-group");
        self.encode(&pass, |pass| ComputePassPopDebugGroup { pass })
    }

    fn insert_debug_marker(
        &mut self,
        pass: Resource<GpuComputePassEncoder>,
        marker_label: String,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.insert-debug-marker");
        self.encode(&pass, |pass| ComputePassInsertDebugMarker { pass, label: cut(&marker_label, MAX_LABEL) })
    }

    fn set_bind_group(
        &mut self,
        pass: Resource<GpuComputePassEncoder>,
        index: GpuIndex32,
        bind_group: Option<Resource<GpuBindGroup>>,
        dynamic_offsets_data: Option<Vec<GpuBufferDynamicOffset>>,
        dynamic_offsets_data_start: Option<GpuSize64>,
        dynamic_offsets_data_length: Option<GpuSize32>,
    ) -> wasmtime::Result<Result<(), SetBindGroupError>> {
        called!(self, "gpu-compute-pass-encoder.set-bind-group");
        let offsets = (dynamic_offsets_data, dynamic_offsets_data_start, dynamic_offsets_data_length);
        self.bind(&pass, bind_group, offsets, |pass, bind_group, dynamic_offsets| ComputePassSetBindGroup {
            pass,
            index,
            bind_group,
            dynamic_offsets,
        })
    }

    fn set_immediates(
        &mut self,
        pass: Resource<GpuComputePassEncoder>,
        range_offset: GpuSize32,
        data: Vec<u8>,
        data_offset: Option<GpuSize64>,
        data_size: Option<GpuSize64>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.set-immediates");
        let (offset, data) = immediates(range_offset, &data, data_offset, data_size);
        self.encode(&pass, |pass| ComputePassSetImmediates { pass, offset, data })
    }
}
