//! `gpu-adapter`, `gpu-adapter-info`, `gpu-supported-features`, `gpu-supported-limits`.

use std::sync::Arc;

use airlock_client::session::{Answer, DeviceState, News, Reply};
use airlock_protocol::{
    commands::adapter::{FeatureName, LimitName, RequestDevice},
    events::RequestDeviceErrorKind,
    ids::DeviceId,
};
use wasmtime::component::{Accessor, Resource};

use super::{WasiWebGpu, bounded_label, convert::ToWire};
use crate::{WasiWebGpuCtxView, shadow, v0_3::bindings::webgpu, v0_3::functions::called};

impl webgpu::HostGpuAdapter for WasiWebGpuCtxView<'_> {
    fn features(
        &mut self,
        adapter: Resource<webgpu::GpuAdapter>,
    ) -> wasmtime::Result<Resource<webgpu::GpuSupportedFeatures>> {
        called!(self, "gpu-adapter.features");
        let shown = Arc::clone(&self.table.get(&adapter)?.capabilities);
        Ok(self.table.push(shadow::SupportedFeatures(shown))?)
    }

    fn limits(
        &mut self,
        adapter: Resource<webgpu::GpuAdapter>,
    ) -> wasmtime::Result<Resource<webgpu::GpuSupportedLimits>> {
        called!(self, "gpu-adapter.limits");
        let shown = Arc::clone(&self.table.get(&adapter)?.capabilities);
        Ok(self.table.push(shadow::SupportedLimits(shown))?)
    }

    fn info(&mut self, adapter: Resource<webgpu::GpuAdapter>) -> wasmtime::Result<Resource<webgpu::GpuAdapterInfo>> {
        called!(self, "gpu-adapter.info");
        let shown = Arc::clone(&self.table.get(&adapter)?.capabilities);
        Ok(self.table.push(shadow::AdapterInfo(shown))?)
    }

    fn drop(&mut self, adapter: Resource<webgpu::GpuAdapter>) -> wasmtime::Result<()> {
        let adapter = self.table.delete(adapter)?;
        self.ctx.free_adapter(adapter.session, adapter.id);
        Ok(())
    }
}

type RequestDeviceResult = Result<Resource<webgpu::GpuDevice>, webgpu::RequestDeviceError>;

/// A question on its way: what the device will be, and who gets the answer.
struct Asked {
    session: u32,
    device: DeviceId,
    news: Arc<News>,
    label: String,
    queue_label: String,
    answer: Answer,
}

impl<T: Send> webgpu::HostGpuAdapterWithStore<T> for WasiWebGpu {
    async fn request_device(
        accessor: &Accessor<T, Self>,
        adapter: Resource<webgpu::GpuAdapter>,
        descriptor: Option<webgpu::GpuDeviceDescriptor>,
    ) -> wasmtime::Result<RequestDeviceResult> {
        let asked = accessor.with(|mut access| {
            let mut view = access.get();
            called!(view, "gpu-adapter.request-device");
            view.ask_for_device(&adapter, descriptor)
        })?;
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => return Ok(Err(error)),
        };
        let Asked { session, device, news, label, queue_label, answer } = asked;
        let reply = answer.await;
        accessor.with(|mut access| {
            let view = access.get();
            let error = match reply {
                Ok(Reply::Device(Ok(capabilities))) => {
                    let device = Arc::new(DeviceState::new(session, device, Arc::from(capabilities), news));
                    device.set_queue_label(queue_label);
                    return Ok(Ok(view.table.push(shadow::Device { device, label })?));
                }
                Ok(Reply::Device(Err(error))) => match error.kind {
                    RequestDeviceErrorKind::Type => type_error(error.message),
                    RequestDeviceErrorKind::Operation => operation_error(error.message),
                },
                _ => operation_error(view.why_no_answer()),
            };
            view.ctx.no_device(session, device);
            if let Ok(adapter) = view.table.get_mut(&adapter) {
                adapter.consumed = false;
            }
            Ok(Err(error))
        })
    }
}

fn type_error(message: String) -> webgpu::RequestDeviceError {
    webgpu::RequestDeviceError { kind: webgpu::RequestDeviceErrorKind::TypeError, message }
}

fn operation_error(message: String) -> webgpu::RequestDeviceError {
    webgpu::RequestDeviceError { kind: webgpu::RequestDeviceErrorKind::OperationError, message }
}

impl WasiWebGpuCtxView<'_> {
    /// Why a question got no answer.
    pub(super) fn why_no_answer(&self) -> String {
        self.ctx.ended().unwrap_or_else(|| "too many calls wait for an answer".to_owned())
    }

    fn ask_for_device(
        &mut self,
        adapter: &Resource<webgpu::GpuAdapter>,
        descriptor: Option<webgpu::GpuDeviceDescriptor>,
    ) -> wasmtime::Result<Result<Asked, webgpu::RequestDeviceError>> {
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
        let mut required_features: Vec<FeatureName> = features.into_iter().map(ToWire::to_wire).collect();
        required_features.sort_unstable_by_key(|feature| *feature as u32);
        required_features.dedup();
        let mut required_limits = Vec::new();
        for (name, value) in limits {
            // A limit without a value is none that is asked for; one without a known name is refused either way
            // (WebGPU, requestDevice).
            let Some(limit) = LimitName::parse(&name) else {
                return Ok(Err(operation_error(format!("there is no limit of the name {name:?}"))));
            };
            required_limits.extend(value.map(|value| (limit, value)));
        }
        let label = bounded_label(label);
        let adapter = self.table.get_mut(adapter)?;
        if adapter.consumed {
            return Ok(Err(operation_error(
                "the adapter has given its device already: request an adapter for each device".to_owned(),
            )));
        }
        let (session, id) = (adapter.session, adapter.id);
        let asked = self.ctx.ask_for_device(session, |request, device| RequestDevice {
            request,
            adapter: id,
            device,
            label: &label,
            required_features,
            required_limits,
        });
        Ok(match asked {
            Some((device, news, answer)) => {
                // From now on: of two calls at a time, one gets the device.
                adapter.consumed = true;
                let queue_label = bounded_label(queue_label);
                Ok(Asked { session, device, news, label, queue_label, answer })
            }
            None => Err(operation_error(self.why_no_answer())),
        })
    }
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
