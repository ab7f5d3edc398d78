//! `gpu-adapter`, `gpu-adapter-info`, `gpu-supported-features`, `gpu-supported-limits`, and failing device requests.

use guest_support::gpu::*;
use guest_support::{Failure, Outcome};

use crate::check::{Check, FEATURES, check_error, needed};

pub async fn tour(check: &mut Check) -> Outcome {
    let adapter = new_adapter().await?;

    let features = adapter.features();
    check.that("a core adapter has core-features-and-limits", features.has("core-features-and-limits"));
    check.that("an unknown feature is absent", !features.has("no-such-feature") && !features.has(""));
    for (name, _) in FEATURES {
        check.same(&format!("asking twice for {name}"), adapter.features().has(name), features.has(name));
    }

    let limits = adapter.limits();
    for limit in all_limits(&limits) {
        let good = if limit.lower_is_better { limit.value <= limit.default } else { limit.value >= limit.default };
        let (name, value, default) = (limit.name, limit.value, limit.default);
        check.that(&format!("{name} is {value}, at least as good as the default {default}"), good);
    }

    let info = adapter.info();
    let names = [info.vendor(), info.architecture(), info.device(), info.description()];
    check.that("the adapter says something about itself", names.iter().any(|name| !name.is_empty()));
    let (low, high) = (info.subgroup_min_size(), info.subgroup_max_size());
    check.that(&format!("subgroup sizes {low} to {high} are in order"), low <= high);
    check.same("asking twice for the fallback", adapter.info().is_fallback_adapter(), info.is_fallback_adapter());

    refused(check).await?;

    // A valid request succeeds after invalid ones, and consumes the adapter.
    let device = needed("a device without a descriptor", adapter.request_device(None).await)?;
    let found = device.adapter_info();
    let again = [found.vendor(), found.architecture(), found.device(), found.description()];
    check.same("the device's adapter info", again, names);
    check_error!(
        check,
        "a second device of one adapter",
        adapter.request_device(None).await,
        RequestDeviceErrorKind::OperationError
    );
    Ok(())
}

async fn new_adapter() -> Outcome<GpuAdapter> {
    get_gpu().request_adapter(None).await.ok_or_else(|| Failure::new("no GPU adapter is available"))
}

/// Requests that every adapter rejects.
async fn refused(check: &mut Check) -> Outcome {
    let adapter = new_adapter().await?;
    let with_limit = |name: &str, value: u64| {
        let limits = RecordOptionGpuSize64::new();
        limits.add(name, Some(value));
        Some(GpuDeviceDescriptor { required_limits: Some(limits), ..Default::default() })
    };
    let textures = u64::from(adapter.limits().max_texture_dimension2_d());
    for (what, name, value) in [
        ("an unknown limit", "maxNonsense", 1),
        ("a limit above the adapter's", "maxTextureDimension2D", textures + 1),
        ("an alignment below the adapter's", "minUniformBufferOffsetAlignment", 1),
        ("an alignment that is no power of two", "minStorageBufferOffsetAlignment", 257),
    ] {
        let result = adapter.request_device(with_limit(name, value)).await;
        check_error!(check, what, result, RequestDeviceErrorKind::OperationError);
    }
    if let Some((name, missing)) = FEATURES.iter().find(|(name, _)| !adapter.features().has(name)) {
        let descriptor = GpuDeviceDescriptor { required_features: Some(vec![*missing]), ..Default::default() };
        let result = adapter.request_device(Some(descriptor)).await;
        check_error!(check, &format!("{name}, which is not there"), result, RequestDeviceErrorKind::TypeError);
    }
    // A rejected request does not consume the adapter, and an undefined limit requests nothing.
    let limits = RecordOptionGpuSize64::new();
    limits.add("maxBindGroups", None);
    let descriptor = GpuDeviceDescriptor { required_limits: Some(limits), ..Default::default() };
    let device = needed("a device after refused requests", adapter.request_device(Some(descriptor)).await)?;
    check.same("an undefined limit is the default", device.limits().max_bind_groups(), 4);
    Ok(())
}

pub struct Limit {
    pub name: &'static str,
    pub value: u64,
    /// The minimum of every core device, from the specification's table.
    pub default: u64,
    pub lower_is_better: bool,
}

/// Every limit, in the interface's order.
pub fn all_limits(limits: &GpuSupportedLimits) -> Vec<Limit> {
    let l = limits;
    let table: [(&str, u64, u64); 36] = [
        ("maxTextureDimension1D", l.max_texture_dimension1_d().into(), 8192),
        ("maxTextureDimension2D", l.max_texture_dimension2_d().into(), 8192),
        ("maxTextureDimension3D", l.max_texture_dimension3_d().into(), 2048),
        ("maxTextureArrayLayers", l.max_texture_array_layers().into(), 256),
        ("maxBindGroups", l.max_bind_groups().into(), 4),
        ("maxBindGroupsPlusVertexBuffers", l.max_bind_groups_plus_vertex_buffers().into(), 24),
        // The specification still moves this limit; a device may have 0.
        ("maxImmediateSize", l.max_immediate_size().into(), 0),
        ("maxBindingsPerBindGroup", l.max_bindings_per_bind_group().into(), 1000),
        ("maxDynamicUniformBuffersPerPipelineLayout", l.max_dynamic_uniform_buffers_per_pipeline_layout().into(), 8),
        ("maxDynamicStorageBuffersPerPipelineLayout", l.max_dynamic_storage_buffers_per_pipeline_layout().into(), 4),
        ("maxSampledTexturesPerShaderStage", l.max_sampled_textures_per_shader_stage().into(), 16),
        ("maxSamplersPerShaderStage", l.max_samplers_per_shader_stage().into(), 16),
        ("maxStorageBuffersPerShaderStage", l.max_storage_buffers_per_shader_stage().into(), 8),
        ("maxStorageBuffersInVertexStage", l.max_storage_buffers_in_vertex_stage().into(), 8),
        ("maxStorageBuffersInFragmentStage", l.max_storage_buffers_in_fragment_stage().into(), 8),
        ("maxStorageTexturesPerShaderStage", l.max_storage_textures_per_shader_stage().into(), 4),
        ("maxStorageTexturesInVertexStage", l.max_storage_textures_in_vertex_stage().into(), 4),
        ("maxStorageTexturesInFragmentStage", l.max_storage_textures_in_fragment_stage().into(), 4),
        ("maxUniformBuffersPerShaderStage", l.max_uniform_buffers_per_shader_stage().into(), 12),
        ("maxUniformBufferBindingSize", l.max_uniform_buffer_binding_size(), 65536),
        ("maxStorageBufferBindingSize", l.max_storage_buffer_binding_size(), 134_217_728),
        ("minUniformBufferOffsetAlignment", l.min_uniform_buffer_offset_alignment().into(), 256),
        ("minStorageBufferOffsetAlignment", l.min_storage_buffer_offset_alignment().into(), 256),
        ("maxVertexBuffers", l.max_vertex_buffers().into(), 8),
        ("maxBufferSize", l.max_buffer_size(), 268_435_456),
        ("maxVertexAttributes", l.max_vertex_attributes().into(), 16),
        ("maxVertexBufferArrayStride", l.max_vertex_buffer_array_stride().into(), 2048),
        ("maxInterStageShaderVariables", l.max_inter_stage_shader_variables().into(), 16),
        ("maxColorAttachments", l.max_color_attachments().into(), 8),
        ("maxColorAttachmentBytesPerSample", l.max_color_attachment_bytes_per_sample().into(), 32),
        ("maxComputeWorkgroupStorageSize", l.max_compute_workgroup_storage_size().into(), 16384),
        ("maxComputeInvocationsPerWorkgroup", l.max_compute_invocations_per_workgroup().into(), 256),
        ("maxComputeWorkgroupSizeX", l.max_compute_workgroup_size_x().into(), 256),
        ("maxComputeWorkgroupSizeY", l.max_compute_workgroup_size_y().into(), 256),
        ("maxComputeWorkgroupSizeZ", l.max_compute_workgroup_size_z().into(), 64),
        ("maxComputeWorkgroupsPerDimension", l.max_compute_workgroups_per_dimension().into(), 65535),
    ];
    let limit = |(name, value, default): (&'static str, u64, u64)| Limit {
        name,
        value,
        default,
        lower_is_better: name.starts_with("min"),
    };
    table.map(limit).into()
}
