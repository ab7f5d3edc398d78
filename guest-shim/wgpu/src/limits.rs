//! Limits and features, between wgpu's names and the interface's.

use crate::bindings::webgpu as gpu;

/// A feature of WebGPU: wgpu's flag, the interface's case, and the name by which a set is asked for it.
type Feature = (wgpu::Features, gpu::GpuFeatureName, &'static str);

/// The features that wgpu and the interface share.
///
/// Without `subgroups`: WebGPU's shaders must enable it by a directive, which naga does not accept, so no shader would
/// be right on every host. Without `core-features-and-limits`, `texture-formats-tier2` and `texture-component-swizzle`,
/// for which wgpu has no flag.
const FEATURES: &[Feature] = &[
    (wgpu::Features::DEPTH_CLIP_CONTROL, gpu::GpuFeatureName::DepthClipControl, "depth-clip-control"),
    (wgpu::Features::DEPTH32FLOAT_STENCIL8, gpu::GpuFeatureName::Depth32floatStencil8, "depth32float-stencil8"),
    (wgpu::Features::TEXTURE_COMPRESSION_BC, gpu::GpuFeatureName::TextureCompressionBc, "texture-compression-bc"),
    (
        wgpu::Features::TEXTURE_COMPRESSION_BC_SLICED_3D,
        gpu::GpuFeatureName::TextureCompressionBcSliced3d,
        "texture-compression-bc-sliced-3d",
    ),
    (wgpu::Features::TEXTURE_COMPRESSION_ETC2, gpu::GpuFeatureName::TextureCompressionEtc2, "texture-compression-etc2"),
    (wgpu::Features::TEXTURE_COMPRESSION_ASTC, gpu::GpuFeatureName::TextureCompressionAstc, "texture-compression-astc"),
    (
        wgpu::Features::TEXTURE_COMPRESSION_ASTC_SLICED_3D,
        gpu::GpuFeatureName::TextureCompressionAstcSliced3d,
        "texture-compression-astc-sliced-3d",
    ),
    (wgpu::Features::TIMESTAMP_QUERY, gpu::GpuFeatureName::TimestampQuery, "timestamp-query"),
    (wgpu::Features::INDIRECT_FIRST_INSTANCE, gpu::GpuFeatureName::IndirectFirstInstance, "indirect-first-instance"),
    (wgpu::Features::SHADER_F16, gpu::GpuFeatureName::ShaderF16, "shader-f16"),
    (
        wgpu::Features::RG11B10UFLOAT_RENDERABLE,
        gpu::GpuFeatureName::Rg11b10ufloatRenderable,
        "rg11b10ufloat-renderable",
    ),
    (wgpu::Features::BGRA8UNORM_STORAGE, gpu::GpuFeatureName::Bgra8unormStorage, "bgra8unorm-storage"),
    (wgpu::Features::FLOAT32_FILTERABLE, gpu::GpuFeatureName::Float32Filterable, "float32-filterable"),
    (wgpu::Features::FLOAT32_BLENDABLE, gpu::GpuFeatureName::Float32Blendable, "float32-blendable"),
    (wgpu::Features::CLIP_DISTANCES, gpu::GpuFeatureName::ClipDistances, "clip-distances"),
    (wgpu::Features::DUAL_SOURCE_BLENDING, gpu::GpuFeatureName::DualSourceBlending, "dual-source-blending"),
    (wgpu::Features::TEXTURE_FORMAT_16BIT_NORM, gpu::GpuFeatureName::TextureFormatsTier1, "texture-formats-tier1"),
    (wgpu::Features::PRIMITIVE_INDEX, gpu::GpuFeatureName::PrimitiveIndex, "primitive-index"),
];

/// The features of an adapter or a device.
pub fn features(has: impl Fn(&str) -> bool, limits: &wgpu::Limits) -> wgpu::Features {
    // WebGPU has no feature for immediate data: a limit above 0 means support.
    let immediates = if limits.max_immediate_size > 0 { wgpu::Features::IMMEDIATES } else { wgpu::Features::empty() };
    FEATURES.iter().filter(|(_, _, name)| has(name)).fold(immediates, |all, (flag, ..)| all | *flag)
}

/// The cases to require of a device for `features`. The adapter has all of them.
pub fn required_features(features: wgpu::Features) -> Vec<gpu::GpuFeatureName> {
    FEATURES.iter().filter(|(flag, ..)| features.contains(*flag)).map(|(_, case, _)| *case).collect()
}

/// Defines both directions from one list: wgpu's field, the interface's getter, WebGPU's name.
macro_rules! limits {
    ($($field:ident $getter:ident $name:literal,)*) => {
        /// The limits of an adapter or a device. Limits that only wgpu has get its defaults.
        pub fn limits(limits: &gpu::GpuSupportedLimits) -> wgpu::Limits {
            wgpu::Limits {
                $($field: limits.$getter(),)*
                max_immediate_size: limits.max_immediate_size(),
                ..wgpu::Limits::default()
            }
        }

        /// The record of the limits to require of a device.
        pub fn required_limits(limits: &wgpu::Limits) -> gpu::RecordOptionGpuSize64 {
            let record = gpu::RecordOptionGpuSize64::new();
            $(record.add($name, Some(u64::from(limits.$field)));)*
            // Hosts of an earlier draft of WebGPU do not know this name; a program without immediates does not need it.
            if limits.max_immediate_size > 0 {
                record.add("maxImmediateSize", Some(u64::from(limits.max_immediate_size)));
            }
            record
        }
    };
}

limits! {
    max_texture_dimension_1d max_texture_dimension1_d "maxTextureDimension1D",
    max_texture_dimension_2d max_texture_dimension2_d "maxTextureDimension2D",
    max_texture_dimension_3d max_texture_dimension3_d "maxTextureDimension3D",
    max_texture_array_layers max_texture_array_layers "maxTextureArrayLayers",
    max_bind_groups max_bind_groups "maxBindGroups",
    max_bind_groups_plus_vertex_buffers max_bind_groups_plus_vertex_buffers "maxBindGroupsPlusVertexBuffers",
    max_bindings_per_bind_group max_bindings_per_bind_group "maxBindingsPerBindGroup",
    max_dynamic_uniform_buffers_per_pipeline_layout max_dynamic_uniform_buffers_per_pipeline_layout
        "maxDynamicUniformBuffersPerPipelineLayout",
    max_dynamic_storage_buffers_per_pipeline_layout max_dynamic_storage_buffers_per_pipeline_layout
        "maxDynamicStorageBuffersPerPipelineLayout",
    max_sampled_textures_per_shader_stage max_sampled_textures_per_shader_stage "maxSampledTexturesPerShaderStage",
    max_samplers_per_shader_stage max_samplers_per_shader_stage "maxSamplersPerShaderStage",
    max_storage_buffers_per_shader_stage max_storage_buffers_per_shader_stage "maxStorageBuffersPerShaderStage",
    max_storage_textures_per_shader_stage max_storage_textures_per_shader_stage "maxStorageTexturesPerShaderStage",
    max_uniform_buffers_per_shader_stage max_uniform_buffers_per_shader_stage "maxUniformBuffersPerShaderStage",
    max_uniform_buffer_binding_size max_uniform_buffer_binding_size "maxUniformBufferBindingSize",
    max_storage_buffer_binding_size max_storage_buffer_binding_size "maxStorageBufferBindingSize",
    min_uniform_buffer_offset_alignment min_uniform_buffer_offset_alignment "minUniformBufferOffsetAlignment",
    min_storage_buffer_offset_alignment min_storage_buffer_offset_alignment "minStorageBufferOffsetAlignment",
    max_vertex_buffers max_vertex_buffers "maxVertexBuffers",
    max_buffer_size max_buffer_size "maxBufferSize",
    max_vertex_attributes max_vertex_attributes "maxVertexAttributes",
    max_vertex_buffer_array_stride max_vertex_buffer_array_stride "maxVertexBufferArrayStride",
    max_inter_stage_shader_variables max_inter_stage_shader_variables "maxInterStageShaderVariables",
    max_color_attachments max_color_attachments "maxColorAttachments",
    max_color_attachment_bytes_per_sample max_color_attachment_bytes_per_sample "maxColorAttachmentBytesPerSample",
    max_compute_workgroup_storage_size max_compute_workgroup_storage_size "maxComputeWorkgroupStorageSize",
    max_compute_invocations_per_workgroup max_compute_invocations_per_workgroup "maxComputeInvocationsPerWorkgroup",
    max_compute_workgroup_size_x max_compute_workgroup_size_x "maxComputeWorkgroupSizeX",
    max_compute_workgroup_size_y max_compute_workgroup_size_y "maxComputeWorkgroupSizeY",
    max_compute_workgroup_size_z max_compute_workgroup_size_z "maxComputeWorkgroupSizeZ",
    max_compute_workgroups_per_dimension max_compute_workgroups_per_dimension "maxComputeWorkgroupsPerDimension",
}
