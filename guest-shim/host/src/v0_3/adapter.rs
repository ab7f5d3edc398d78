//! `gpu-adapter`, `gpu-adapter-info`, `gpu-supported-features`, `gpu-supported-limits`.

use std::sync::Arc;

use airlock_client::{
    Gone,
    adapter::{DeviceDescriptor, DeviceWait, RequestedDevice},
};
use airlock_protocol::{
    commands::adapter::Capabilities,
    events::{RequestDeviceError, RequestDeviceErrorKind},
};
use wasmtime::component::{Accessor, Resource};

use super::{
    WasiWebGpu,
    bindings::webgpu,
    convert::ToWire,
    functions::{ask, called},
    resources,
};
use crate::WasiWebGpuCtxView;

impl webgpu::HostGpuAdapter for WasiWebGpuCtxView<'_> {
    fn features(
        &mut self,
        adapter: Resource<webgpu::GpuAdapter>,
    ) -> wasmtime::Result<Resource<webgpu::GpuSupportedFeatures>> {
        called!(self, "gpu-adapter.features");
        let shown = Arc::clone(self.table.get(&adapter)?.capabilities());
        Ok(self.table.push(resources::SupportedFeatures(shown))?)
    }

    fn limits(
        &mut self,
        adapter: Resource<webgpu::GpuAdapter>,
    ) -> wasmtime::Result<Resource<webgpu::GpuSupportedLimits>> {
        called!(self, "gpu-adapter.limits");
        let shown = Arc::clone(self.table.get(&adapter)?.capabilities());
        Ok(self.table.push(resources::SupportedLimits(shown))?)
    }

    fn info(&mut self, adapter: Resource<webgpu::GpuAdapter>) -> wasmtime::Result<Resource<webgpu::GpuAdapterInfo>> {
        called!(self, "gpu-adapter.info");
        let shown = Arc::clone(self.table.get(&adapter)?.capabilities());
        Ok(self.table.push(resources::AdapterInfo(shown))?)
    }

    fn drop(&mut self, adapter: Resource<webgpu::GpuAdapter>) -> wasmtime::Result<()> {
        self.table.delete(adapter)?.release(&mut self.ctx.client);
        Ok(())
    }
}

type DeviceReply = Result<Box<Capabilities>, RequestDeviceError>;
type RequestDeviceResult = Result<Resource<webgpu::GpuDevice>, webgpu::RequestDeviceError>;

impl<T: Send> webgpu::HostGpuAdapterWithStore<T> for WasiWebGpu {
    async fn request_device(
        accessor: &Accessor<T, Self>,
        adapter: Resource<webgpu::GpuAdapter>,
        descriptor: Option<webgpu::GpuDeviceDescriptor>,
    ) -> wasmtime::Result<RequestDeviceResult> {
        let requested = accessor.with(|mut access| access.get().ask_for_device(&adapter, descriptor))?;
        let (reply, requested) = match requested {
            Ok(requested) => requested,
            Err(error) => return Ok(Err(error)),
        };
        let reply = reply.spinning().await;
        accessor.with(|mut access| access.get().requested_device(&adapter, requested, reply))
    }
}

impl WasiWebGpuCtxView<'_> {
    /// Requests a device.
    pub(crate) fn ask_for_device(
        &mut self,
        adapter: &Resource<webgpu::GpuAdapter>,
        descriptor: Option<webgpu::GpuDeviceDescriptor>,
    ) -> wasmtime::Result<Result<(DeviceWait, RequestedDevice), webgpu::RequestDeviceError>> {
        called!(self, "gpu-adapter.request-device");
        let (label, queue_label, features, limits) = match descriptor {
            Some(descriptor) => (
                descriptor.label,
                descriptor.default_queue.and_then(|queue| queue.label),
                descriptor.required_features.unwrap_or_default(),
                // The record is owned: it goes with the call.
                match descriptor.required_limits {
                    Some(record) => self.table.delete(record)?.0,
                    None => Default::default(),
                },
            ),
            None => Default::default(),
        };
        let adapter = self.table.get_mut(adapter)?;
        let descriptor = DeviceDescriptor {
            label,
            queue_label,
            required_features: features.into_iter().map(ToWire::to_wire).collect(),
            required_limits: limits.iter().map(|(name, value)| (name.as_str(), *value)).collect(),
        };
        let requested = ask!(self, "gpu-adapter.request-device", |client| adapter.request_device(client, descriptor));
        Ok(requested.map_err(device_error))
    }

    /// The device of a request.
    pub(crate) fn requested_device(
        &mut self,
        adapter: &Resource<webgpu::GpuAdapter>,
        requested: RequestedDevice,
        reply: Result<DeviceReply, Gone>,
    ) -> wasmtime::Result<RequestDeviceResult> {
        // The guest may have dropped it meanwhile.
        let adapter = self.table.get_mut(adapter).ok();
        Ok(match requested.finish(&mut self.ctx.client, adapter, reply) {
            Ok(device) => Ok(self.table.push(device)?),
            Err(error) => Err(device_error(error)),
        })
    }
}

fn device_error(error: RequestDeviceError) -> webgpu::RequestDeviceError {
    let kind = match error.kind {
        RequestDeviceErrorKind::Type => webgpu::RequestDeviceErrorKind::TypeError,
        RequestDeviceErrorKind::Operation => webgpu::RequestDeviceErrorKind::OperationError,
    };
    webgpu::RequestDeviceError { kind, message: error.message }
}

impl webgpu::HostGpuAdapterInfo for WasiWebGpuCtxView<'_> {
    fn vendor(&mut self, info: Resource<webgpu::GpuAdapterInfo>) -> wasmtime::Result<String> {
        called!(self, "gpu-adapter-info.vendor");
        Ok(self.table.get(&info)?.0.info.vendor.clone())
    }

    fn architecture(&mut self, info: Resource<webgpu::GpuAdapterInfo>) -> wasmtime::Result<String> {
        called!(self, "gpu-adapter-info.architecture");
        Ok(self.table.get(&info)?.0.info.architecture.clone())
    }

    fn device(&mut self, info: Resource<webgpu::GpuAdapterInfo>) -> wasmtime::Result<String> {
        called!(self, "gpu-adapter-info.device");
        Ok(self.table.get(&info)?.0.info.device.clone())
    }

    fn description(&mut self, info: Resource<webgpu::GpuAdapterInfo>) -> wasmtime::Result<String> {
        called!(self, "gpu-adapter-info.description");
        Ok(self.table.get(&info)?.0.info.description.clone())
    }

    fn subgroup_min_size(&mut self, info: Resource<webgpu::GpuAdapterInfo>) -> wasmtime::Result<u32> {
        called!(self, "gpu-adapter-info.subgroup-min-size");
        Ok(self.table.get(&info)?.0.info.subgroup_min_size)
    }

    fn subgroup_max_size(&mut self, info: Resource<webgpu::GpuAdapterInfo>) -> wasmtime::Result<u32> {
        called!(self, "gpu-adapter-info.subgroup-max-size");
        Ok(self.table.get(&info)?.0.info.subgroup_max_size)
    }

    fn is_fallback_adapter(&mut self, info: Resource<webgpu::GpuAdapterInfo>) -> wasmtime::Result<bool> {
        called!(self, "gpu-adapter-info.is-fallback-adapter");
        Ok(self.table.get(&info)?.0.info.is_fallback_adapter)
    }

    fn drop(&mut self, info: Resource<webgpu::GpuAdapterInfo>) -> wasmtime::Result<()> {
        self.table.delete(info)?;
        Ok(())
    }
}

impl webgpu::HostGpuSupportedFeatures for WasiWebGpuCtxView<'_> {
    fn has(&mut self, features: Resource<webgpu::GpuSupportedFeatures>, value: String) -> wasmtime::Result<bool> {
        called!(self, "gpu-supported-features.has");
        Ok(self.table.get(&features)?.0.features.iter().any(|feature| feature.as_str() == value))
    }

    fn drop(&mut self, features: Resource<webgpu::GpuSupportedFeatures>) -> wasmtime::Result<()> {
        self.table.delete(features)?;
        Ok(())
    }
}

macro_rules! limits {
    ($($function:ident: $type:ty = $name:literal, $field:ident;)*) => {
        impl webgpu::HostGpuSupportedLimits for WasiWebGpuCtxView<'_> {
            $(
                fn $function(&mut self, limits: Resource<webgpu::GpuSupportedLimits>) -> wasmtime::Result<$type> {
                    called!(self, $name);
                    Ok(self.table.get(&limits)?.0.limits.$field)
                }
            )*

            fn drop(&mut self, limits: Resource<webgpu::GpuSupportedLimits>) -> wasmtime::Result<()> {
                self.table.delete(limits)?;
                Ok(())
            }
        }
    };
}

limits! {
    max_texture_dimension1_d: u32 = "gpu-supported-limits.max-texture-dimension1-d", max_texture_dimension_1d;
    max_texture_dimension2_d: u32 = "gpu-supported-limits.max-texture-dimension2-d", max_texture_dimension_2d;
    max_texture_dimension3_d: u32 = "gpu-supported-limits.max-texture-dimension3-d", max_texture_dimension_3d;
    max_texture_array_layers: u32 = "gpu-supported-limits.max-texture-array-layers", max_texture_array_layers;
    max_bind_groups: u32 = "gpu-supported-limits.max-bind-groups", max_bind_groups;
    max_bind_groups_plus_vertex_buffers: u32 = "gpu-supported-limits.max-bind-groups-plus-vertex-buffers", max_bind_groups_plus_vertex_buffers;
    max_immediate_size: u32 = "gpu-supported-limits.max-immediate-size", max_immediate_size;
    max_bindings_per_bind_group: u32 = "gpu-supported-limits.max-bindings-per-bind-group", max_bindings_per_bind_group;
    max_dynamic_uniform_buffers_per_pipeline_layout: u32 = "gpu-supported-limits.max-dynamic-uniform-buffers-per-pipeline-layout", max_dynamic_uniform_buffers_per_pipeline_layout;
    max_dynamic_storage_buffers_per_pipeline_layout: u32 = "gpu-supported-limits.max-dynamic-storage-buffers-per-pipeline-layout", max_dynamic_storage_buffers_per_pipeline_layout;
    max_sampled_textures_per_shader_stage: u32 = "gpu-supported-limits.max-sampled-textures-per-shader-stage", max_sampled_textures_per_shader_stage;
    max_samplers_per_shader_stage: u32 = "gpu-supported-limits.max-samplers-per-shader-stage", max_samplers_per_shader_stage;
    max_storage_buffers_per_shader_stage: u32 = "gpu-supported-limits.max-storage-buffers-per-shader-stage", max_storage_buffers_per_shader_stage;
    max_storage_buffers_in_vertex_stage: u32 = "gpu-supported-limits.max-storage-buffers-in-vertex-stage", max_storage_buffers_in_vertex_stage;
    max_storage_buffers_in_fragment_stage: u32 = "gpu-supported-limits.max-storage-buffers-in-fragment-stage", max_storage_buffers_in_fragment_stage;
    max_storage_textures_per_shader_stage: u32 = "gpu-supported-limits.max-storage-textures-per-shader-stage", max_storage_textures_per_shader_stage;
    max_storage_textures_in_vertex_stage: u32 = "gpu-supported-limits.max-storage-textures-in-vertex-stage", max_storage_textures_in_vertex_stage;
    max_storage_textures_in_fragment_stage: u32 = "gpu-supported-limits.max-storage-textures-in-fragment-stage", max_storage_textures_in_fragment_stage;
    max_uniform_buffers_per_shader_stage: u32 = "gpu-supported-limits.max-uniform-buffers-per-shader-stage", max_uniform_buffers_per_shader_stage;
    max_uniform_buffer_binding_size: u64 = "gpu-supported-limits.max-uniform-buffer-binding-size", max_uniform_buffer_binding_size;
    max_storage_buffer_binding_size: u64 = "gpu-supported-limits.max-storage-buffer-binding-size", max_storage_buffer_binding_size;
    min_uniform_buffer_offset_alignment: u32 = "gpu-supported-limits.min-uniform-buffer-offset-alignment", min_uniform_buffer_offset_alignment;
    min_storage_buffer_offset_alignment: u32 = "gpu-supported-limits.min-storage-buffer-offset-alignment", min_storage_buffer_offset_alignment;
    max_vertex_buffers: u32 = "gpu-supported-limits.max-vertex-buffers", max_vertex_buffers;
    max_buffer_size: u64 = "gpu-supported-limits.max-buffer-size", max_buffer_size;
    max_vertex_attributes: u32 = "gpu-supported-limits.max-vertex-attributes", max_vertex_attributes;
    max_vertex_buffer_array_stride: u32 = "gpu-supported-limits.max-vertex-buffer-array-stride", max_vertex_buffer_array_stride;
    max_inter_stage_shader_variables: u32 = "gpu-supported-limits.max-inter-stage-shader-variables", max_inter_stage_shader_variables;
    max_color_attachments: u32 = "gpu-supported-limits.max-color-attachments", max_color_attachments;
    max_color_attachment_bytes_per_sample: u32 = "gpu-supported-limits.max-color-attachment-bytes-per-sample", max_color_attachment_bytes_per_sample;
    max_compute_workgroup_storage_size: u32 = "gpu-supported-limits.max-compute-workgroup-storage-size", max_compute_workgroup_storage_size;
    max_compute_invocations_per_workgroup: u32 = "gpu-supported-limits.max-compute-invocations-per-workgroup", max_compute_invocations_per_workgroup;
    max_compute_workgroup_size_x: u32 = "gpu-supported-limits.max-compute-workgroup-size-x", max_compute_workgroup_size_x;
    max_compute_workgroup_size_y: u32 = "gpu-supported-limits.max-compute-workgroup-size-y", max_compute_workgroup_size_y;
    max_compute_workgroup_size_z: u32 = "gpu-supported-limits.max-compute-workgroup-size-z", max_compute_workgroup_size_z;
    max_compute_workgroups_per_dimension: u32 = "gpu-supported-limits.max-compute-workgroups-per-dimension", max_compute_workgroups_per_dimension;
}
