//! `gpu-compute-pass-encoder`.

use airlock_client::object::DeviceObject as _;
use wasmtime::component::Resource;

use super::{
    binding::set_bind_group,
    bindings::webgpu::{self, *},
    functions::called,
    object_functions,
};
use crate::WasiWebGpuCtxView;

impl webgpu::HostGpuComputePassEncoder for WasiWebGpuCtxView<'_> {
    fn set_pipeline(
        &mut self,
        pass: Resource<GpuComputePassEncoder>,
        pipeline: Resource<GpuComputePipeline>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.set-pipeline");
        let pipeline = self.table.get(&pipeline)?;
        self.table.get(&pass)?.set_pipeline(&mut self.ctx.client, pipeline);
        Ok(())
    }

    fn dispatch_workgroups(
        &mut self,
        pass: Resource<GpuComputePassEncoder>,
        workgroup_count_x: GpuSize32,
        workgroup_count_y: Option<GpuSize32>,
        workgroup_count_z: Option<GpuSize32>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.dispatch-workgroups");
        let pass = self.table.get(&pass)?;
        pass.dispatch_workgroups(&mut self.ctx.client, workgroup_count_x, workgroup_count_y, workgroup_count_z);
        Ok(())
    }

    fn dispatch_workgroups_indirect(
        &mut self,
        pass: Resource<GpuComputePassEncoder>,
        indirect_buffer: Resource<GpuBuffer>,
        indirect_offset: GpuSize64,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.dispatch-workgroups-indirect");
        let buffer = self.table.get(&indirect_buffer)?;
        self.table.get(&pass)?.dispatch_workgroups_indirect(&mut self.ctx.client, buffer, indirect_offset);
        Ok(())
    }

    fn end(&mut self, pass: Resource<GpuComputePassEncoder>) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.end");
        self.table.get(&pass)?.end(&mut self.ctx.client);
        Ok(())
    }

    object_functions!(GpuComputePassEncoder, "gpu-compute-pass-encoder.label", "gpu-compute-pass-encoder.set-label");

    fn push_debug_group(&mut self, pass: Resource<GpuComputePassEncoder>, group_label: String) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.push-debug-group");
        self.table.get(&pass)?.push_debug_group(&mut self.ctx.client, &group_label);
        Ok(())
    }

    fn pop_debug_group(&mut self, pass: Resource<GpuComputePassEncoder>) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.pop-debug-group");
        self.table.get(&pass)?.pop_debug_group(&mut self.ctx.client);
        Ok(())
    }

    fn insert_debug_marker(
        &mut self,
        pass: Resource<GpuComputePassEncoder>,
        marker_label: String,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.insert-debug-marker");
        self.table.get(&pass)?.insert_debug_marker(&mut self.ctx.client, &marker_label);
        Ok(())
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
        pass: Resource<GpuComputePassEncoder>,
        range_offset: GpuSize32,
        data: Vec<u8>,
        data_offset: Option<GpuSize64>,
        data_size: Option<GpuSize64>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-compute-pass-encoder.set-immediates");
        self.table.get(&pass)?.set_immediates(&mut self.ctx.client, range_offset, &data, data_offset, data_size);
        Ok(())
    }
}
