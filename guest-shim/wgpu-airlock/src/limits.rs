//! Limits and features, between wgpu's names and WebGPU's.

use airlock_protocol::commands::adapter::{Capabilities, FeatureName, Limits};

/// A feature of WebGPU: wgpu's flag and the stream's name.
type Feature = (wgpu::Features, FeatureName);

/// The features that wgpu and WebGPU share.
///
/// Without `subgroups`: WebGPU's shaders must enable it by a directive, which naga does not accept, so no shader would
/// be right on every host. Without `core-features-and-limits`, `texture-formats-tier2` and `texture-component-swizzle`,
/// for which wgpu has no flag.
const FEATURES: &[Feature] = &[
    (wgpu::Features::DEPTH_CLIP_CONTROL, FeatureName::DepthClipControl),
    (wgpu::Features::DEPTH32FLOAT_STENCIL8, FeatureName::Depth32floatStencil8),
    (wgpu::Features::TEXTURE_COMPRESSION_BC, FeatureName::TextureCompressionBc),
    (wgpu::Features::TEXTURE_COMPRESSION_BC_SLICED_3D, FeatureName::TextureCompressionBcSliced3d),
    (wgpu::Features::TEXTURE_COMPRESSION_ETC2, FeatureName::TextureCompressionEtc2),
    (wgpu::Features::TEXTURE_COMPRESSION_ASTC, FeatureName::TextureCompressionAstc),
    (wgpu::Features::TEXTURE_COMPRESSION_ASTC_SLICED_3D, FeatureName::TextureCompressionAstcSliced3d),
    (wgpu::Features::TIMESTAMP_QUERY, FeatureName::TimestampQuery),
    (wgpu::Features::INDIRECT_FIRST_INSTANCE, FeatureName::IndirectFirstInstance),
    (wgpu::Features::SHADER_F16, FeatureName::ShaderF16),
    (wgpu::Features::RG11B10UFLOAT_RENDERABLE, FeatureName::Rg11b10ufloatRenderable),
    (wgpu::Features::BGRA8UNORM_STORAGE, FeatureName::Bgra8unormStorage),
    (wgpu::Features::FLOAT32_FILTERABLE, FeatureName::Float32Filterable),
    (wgpu::Features::FLOAT32_BLENDABLE, FeatureName::Float32Blendable),
    (wgpu::Features::CLIP_DISTANCES, FeatureName::ClipDistances),
    (wgpu::Features::DUAL_SOURCE_BLENDING, FeatureName::DualSourceBlending),
    (wgpu::Features::TEXTURE_FORMAT_16BIT_NORM, FeatureName::TextureFormatsTier1),
    (wgpu::Features::PRIMITIVE_INDEX, FeatureName::PrimitiveIndex),
];

/// The features of an adapter or a device.
pub fn features(capabilities: &Capabilities) -> wgpu::Features {
    // WebGPU has no feature for immediate data: a limit above 0 means support.
    let has_immediates = capabilities.limits.max_immediate_size > 0;
    let immediates = if has_immediates { wgpu::Features::IMMEDIATES } else { wgpu::Features::empty() };
    let has = |name| capabilities.features.contains(name);
    FEATURES.iter().filter(|(_, name)| has(name)).fold(immediates, |all, (flag, _)| all | *flag)
}

/// The features to require of a device. The adapter has all of them.
pub fn required_features(features: wgpu::Features) -> Vec<FeatureName> {
    FEATURES.iter().filter(|(flag, _)| features.contains(*flag)).map(|(_, name)| *name).collect()
}

/// Defines both directions from one list: the field, which has the same name on both sides, and WebGPU's name.
macro_rules! limits {
    ($($field:ident $name:literal,)*) => {
        /// The limits of an adapter or a device. Limits that only wgpu has get its defaults.
        pub fn limits(limits: &Limits) -> wgpu::Limits {
            wgpu::Limits {
                $($field: limits.$field,)*
                ..wgpu::Limits::default()
            }
        }

        /// The limits to require of a device.
        pub fn required_limits(limits: &wgpu::Limits) -> Vec<(&'static str, Option<u64>)> {
            vec![$(($name, Some(u64::from(limits.$field))),)*]
        }
    };
}

limits! {
    max_immediate_size "maxImmediateSize",
    max_texture_dimension_1d "maxTextureDimension1D",
    max_texture_dimension_2d "maxTextureDimension2D",
    max_texture_dimension_3d "maxTextureDimension3D",
    max_texture_array_layers "maxTextureArrayLayers",
    max_bind_groups "maxBindGroups",
    max_bind_groups_plus_vertex_buffers "maxBindGroupsPlusVertexBuffers",
    max_bindings_per_bind_group "maxBindingsPerBindGroup",
    max_dynamic_uniform_buffers_per_pipeline_layout "maxDynamicUniformBuffersPerPipelineLayout",
    max_dynamic_storage_buffers_per_pipeline_layout "maxDynamicStorageBuffersPerPipelineLayout",
    max_sampled_textures_per_shader_stage "maxSampledTexturesPerShaderStage",
    max_samplers_per_shader_stage "maxSamplersPerShaderStage",
    max_storage_buffers_per_shader_stage "maxStorageBuffersPerShaderStage",
    max_storage_textures_per_shader_stage "maxStorageTexturesPerShaderStage",
    max_uniform_buffers_per_shader_stage "maxUniformBuffersPerShaderStage",
    max_uniform_buffer_binding_size "maxUniformBufferBindingSize",
    max_storage_buffer_binding_size "maxStorageBufferBindingSize",
    min_uniform_buffer_offset_alignment "minUniformBufferOffsetAlignment",
    min_storage_buffer_offset_alignment "minStorageBufferOffsetAlignment",
    max_vertex_buffers "maxVertexBuffers",
    max_buffer_size "maxBufferSize",
    max_vertex_attributes "maxVertexAttributes",
    max_vertex_buffer_array_stride "maxVertexBufferArrayStride",
    max_inter_stage_shader_variables "maxInterStageShaderVariables",
    max_color_attachments "maxColorAttachments",
    max_color_attachment_bytes_per_sample "maxColorAttachmentBytesPerSample",
    max_compute_workgroup_storage_size "maxComputeWorkgroupStorageSize",
    max_compute_invocations_per_workgroup "maxComputeInvocationsPerWorkgroup",
    max_compute_workgroup_size_x "maxComputeWorkgroupSizeX",
    max_compute_workgroup_size_y "maxComputeWorkgroupSizeY",
    max_compute_workgroup_size_z "maxComputeWorkgroupSizeZ",
    max_compute_workgroups_per_dimension "maxComputeWorkgroupsPerDimension",
}
