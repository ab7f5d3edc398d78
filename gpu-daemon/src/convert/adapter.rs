//! Conversion of features, limits and adapter info.

use airlock_protocol::commands::adapter::{AdapterInfo, Capabilities, FeatureName, LimitName, Limits};
use wgpu_types as wgt;

/// The wgpu feature of a WebGPU feature; `None` where wgpu has none, so that it is never offered.
pub fn feature(name: FeatureName) -> Option<wgt::Features> {
    Some(match name {
        // Every adapter has it: wgpu has no compatibility mode.
        FeatureName::CoreFeaturesAndLimits => wgt::Features::empty(),
        FeatureName::DepthClipControl => wgt::Features::DEPTH_CLIP_CONTROL,
        FeatureName::Depth32floatStencil8 => wgt::Features::DEPTH32FLOAT_STENCIL8,
        FeatureName::TextureCompressionBc => wgt::Features::TEXTURE_COMPRESSION_BC,
        FeatureName::TextureCompressionBcSliced3d => wgt::Features::TEXTURE_COMPRESSION_BC_SLICED_3D,
        FeatureName::TextureCompressionEtc2 => wgt::Features::TEXTURE_COMPRESSION_ETC2,
        FeatureName::TextureCompressionAstc => wgt::Features::TEXTURE_COMPRESSION_ASTC,
        FeatureName::TextureCompressionAstcSliced3d => wgt::Features::TEXTURE_COMPRESSION_ASTC_SLICED_3D,
        FeatureName::TimestampQuery => wgt::Features::TIMESTAMP_QUERY,
        FeatureName::IndirectFirstInstance => wgt::Features::INDIRECT_FIRST_INSTANCE,
        FeatureName::ShaderF16 => wgt::Features::SHADER_F16,
        FeatureName::Rg11b10ufloatRenderable => wgt::Features::RG11B10UFLOAT_RENDERABLE,
        FeatureName::Bgra8unormStorage => wgt::Features::BGRA8UNORM_STORAGE,
        FeatureName::Float32Filterable => wgt::Features::FLOAT32_FILTERABLE,
        FeatureName::Float32Blendable => wgt::Features::FLOAT32_BLENDABLE,
        FeatureName::ClipDistances => wgt::Features::CLIP_DISTANCES,
        FeatureName::DualSourceBlending => wgt::Features::DUAL_SOURCE_BLENDING,
        FeatureName::PrimitiveIndex => wgt::Features::PRIMITIVE_INDEX,
        // wgpu has `Features::SUBGROUP`, but naga 30 rejects the `enable subgroups;` that WGSL requires.
        FeatureName::Subgroups
        | FeatureName::TextureFormatsTier1
        | FeatureName::TextureFormatsTier2
        | FeatureName::TextureComponentSwizzle => return None,
    })
}

/// The wgpu features of a required WebGPU feature, with those that it implies.
pub fn with_implied(name: FeatureName) -> Option<wgt::Features> {
    let implied = match name {
        FeatureName::TextureCompressionBcSliced3d => wgt::Features::TEXTURE_COMPRESSION_BC,
        FeatureName::TextureCompressionAstcSliced3d => wgt::Features::TEXTURE_COMPRESSION_ASTC,
        _ => wgt::Features::empty(),
    };
    feature(name).map(|features| features | implied)
}

/// The WebGPU features contained in wgpu's.
pub fn features(of: wgt::Features) -> Vec<FeatureName> {
    FeatureName::ALL.iter().copied().filter(|&name| feature(name).is_some_and(|bits| of.contains(bits))).collect()
}

/// WebGPU's limits from wgpu's. Where WebGPU distinguishes stages and wgpu does not, the stages share wgpu's limit.
pub fn limits(of: &wgt::Limits, features: wgt::Features) -> Limits {
    let immediates = features.contains(wgt::Features::IMMEDIATES);
    Limits {
        max_texture_dimension_1d: of.max_texture_dimension_1d,
        max_texture_dimension_2d: of.max_texture_dimension_2d,
        max_texture_dimension_3d: of.max_texture_dimension_3d,
        max_texture_array_layers: of.max_texture_array_layers,
        max_bind_groups: of.max_bind_groups,
        max_bind_groups_plus_vertex_buffers: of.max_bind_groups_plus_vertex_buffers,
        max_immediate_size: if immediates { of.max_immediate_size } else { 0 },
        max_bindings_per_bind_group: of.max_bindings_per_bind_group,
        max_dynamic_uniform_buffers_per_pipeline_layout: of.max_dynamic_uniform_buffers_per_pipeline_layout,
        max_dynamic_storage_buffers_per_pipeline_layout: of.max_dynamic_storage_buffers_per_pipeline_layout,
        max_sampled_textures_per_shader_stage: of.max_sampled_textures_per_shader_stage,
        max_samplers_per_shader_stage: of.max_samplers_per_shader_stage,
        max_storage_buffers_per_shader_stage: of.max_storage_buffers_per_shader_stage,
        max_storage_buffers_in_vertex_stage: of.max_storage_buffers_per_shader_stage,
        max_storage_buffers_in_fragment_stage: of.max_storage_buffers_per_shader_stage,
        max_storage_textures_per_shader_stage: of.max_storage_textures_per_shader_stage,
        max_storage_textures_in_vertex_stage: of.max_storage_textures_per_shader_stage,
        max_storage_textures_in_fragment_stage: of.max_storage_textures_per_shader_stage,
        max_uniform_buffers_per_shader_stage: of.max_uniform_buffers_per_shader_stage,
        max_uniform_buffer_binding_size: of.max_uniform_buffer_binding_size,
        max_storage_buffer_binding_size: of.max_storage_buffer_binding_size,
        min_uniform_buffer_offset_alignment: of.min_uniform_buffer_offset_alignment,
        min_storage_buffer_offset_alignment: of.min_storage_buffer_offset_alignment,
        max_vertex_buffers: of.max_vertex_buffers,
        max_buffer_size: of.max_buffer_size,
        max_vertex_attributes: of.max_vertex_attributes,
        max_vertex_buffer_array_stride: of.max_vertex_buffer_array_stride,
        max_inter_stage_shader_variables: of.max_inter_stage_shader_variables,
        max_color_attachments: of.max_color_attachments,
        max_color_attachment_bytes_per_sample: of.max_color_attachment_bytes_per_sample,
        max_compute_workgroup_storage_size: of.max_compute_workgroup_storage_size,
        max_compute_invocations_per_workgroup: of.max_compute_invocations_per_workgroup,
        max_compute_workgroup_size_x: of.max_compute_workgroup_size_x,
        max_compute_workgroup_size_y: of.max_compute_workgroup_size_y,
        max_compute_workgroup_size_z: of.max_compute_workgroup_size_z,
        max_compute_workgroups_per_dimension: of.max_compute_workgroups_per_dimension,
    }
}

/// wgpu's limits for a device with the `granted` ones. Limits that WebGPU has no name for stay at wgpu's defaults, as
/// far as the adapter supports them.
pub fn device_limits(granted: &Limits, adapter: &wgt::Limits) -> wgt::Limits {
    wgt::Limits {
        max_texture_dimension_1d: granted.max_texture_dimension_1d,
        max_texture_dimension_2d: granted.max_texture_dimension_2d,
        max_texture_dimension_3d: granted.max_texture_dimension_3d,
        max_texture_array_layers: granted.max_texture_array_layers,
        max_bind_groups: granted.max_bind_groups,
        max_bind_groups_plus_vertex_buffers: granted.max_bind_groups_plus_vertex_buffers,
        max_immediate_size: granted.max_immediate_size,
        max_bindings_per_bind_group: granted.max_bindings_per_bind_group,
        max_dynamic_uniform_buffers_per_pipeline_layout: granted.max_dynamic_uniform_buffers_per_pipeline_layout,
        max_dynamic_storage_buffers_per_pipeline_layout: granted.max_dynamic_storage_buffers_per_pipeline_layout,
        max_sampled_textures_per_shader_stage: granted.max_sampled_textures_per_shader_stage,
        max_samplers_per_shader_stage: granted.max_samplers_per_shader_stage,
        max_storage_buffers_per_shader_stage: granted.max_storage_buffers_per_shader_stage,
        max_storage_textures_per_shader_stage: granted.max_storage_textures_per_shader_stage,
        max_uniform_buffers_per_shader_stage: granted.max_uniform_buffers_per_shader_stage,
        max_uniform_buffer_binding_size: granted.max_uniform_buffer_binding_size,
        max_storage_buffer_binding_size: granted.max_storage_buffer_binding_size,
        min_uniform_buffer_offset_alignment: granted.min_uniform_buffer_offset_alignment,
        min_storage_buffer_offset_alignment: granted.min_storage_buffer_offset_alignment,
        max_vertex_buffers: granted.max_vertex_buffers,
        max_buffer_size: granted.max_buffer_size,
        max_vertex_attributes: granted.max_vertex_attributes,
        max_vertex_buffer_array_stride: granted.max_vertex_buffer_array_stride,
        max_inter_stage_shader_variables: granted.max_inter_stage_shader_variables,
        max_color_attachments: granted.max_color_attachments,
        max_color_attachment_bytes_per_sample: granted.max_color_attachment_bytes_per_sample,
        max_compute_workgroup_storage_size: granted.max_compute_workgroup_storage_size,
        max_compute_invocations_per_workgroup: granted.max_compute_invocations_per_workgroup,
        max_compute_workgroup_size_x: granted.max_compute_workgroup_size_x,
        max_compute_workgroup_size_y: granted.max_compute_workgroup_size_y,
        max_compute_workgroup_size_z: granted.max_compute_workgroup_size_z,
        max_compute_workgroups_per_dimension: granted.max_compute_workgroups_per_dimension,
        // wgpu only: its default would forbid combinations that the limits above allow.
        max_buffers_and_acceleration_structures_per_shader_stage: adapter
            .max_buffers_and_acceleration_structures_per_shader_stage,
        ..wgt::Limits::defaults().or_worse_values_from(adapter)
    }
}

/// The limits of a device: WebGPU's defaults as far as the adapter supports them, and the required ones where those are
/// better. The error names a limit that the adapter does not support.
pub fn grant(required: &[(LimitName, u64)], adapter: &Limits) -> Result<Limits, String> {
    let mut granted = Limits::default();
    for &name in LimitName::ALL {
        if better(name, granted.get(name), adapter.get(name)) {
            granted.set(name, adapter.get(name));
        }
    }
    for &(name, value) in required {
        if name.smaller_is_better() && (!value.is_power_of_two() || value > u64::from(u32::MAX)) {
            return Err(format!("{} must be a power of two below 2^32, not {value}", name.as_str()));
        }
        if better(name, value, adapter.get(name)) {
            let (limit, has) = (name.as_str(), adapter.get(name));
            return Err(format!("{limit} of {value} is asked for, the adapter has {has}"));
        }
        if better(name, value, granted.get(name)) {
            granted.set(name, value);
        }
    }
    // wgpu has one limit for all stages, so the largest of the three counts.
    let buffers = granted
        .max_storage_buffers_per_shader_stage
        .max(granted.max_storage_buffers_in_vertex_stage)
        .max(granted.max_storage_buffers_in_fragment_stage);
    let textures = granted
        .max_storage_textures_per_shader_stage
        .max(granted.max_storage_textures_in_vertex_stage)
        .max(granted.max_storage_textures_in_fragment_stage);
    granted.max_storage_buffers_per_shader_stage = buffers;
    granted.max_storage_textures_per_shader_stage = textures;
    Ok(granted)
}

fn better(name: LimitName, value: u64, than: u64) -> bool {
    if name.smaller_is_better() { value < than } else { value > than }
}

/// Capabilities of an adapter or a device.
pub fn capabilities(info: &wgt::AdapterInfo, features: wgt::Features, limits: &wgt::Limits) -> Capabilities {
    Capabilities { info: self::info(info), features: self::features(features), limits: self::limits(limits, features) }
}

fn info(of: &wgt::AdapterInfo) -> AdapterInfo {
    AdapterInfo {
        vendor: vendor(of.vendor).to_owned(),
        // Not reported by wgpu.
        architecture: String::new(),
        device: if of.device == 0 { String::new() } else { format!("0x{:04x}", of.device) },
        description: of.name.clone(),
        subgroup_min_size: of.subgroup_min_size,
        subgroup_max_size: of.subgroup_max_size,
        is_fallback_adapter: of.device_type == wgt::DeviceType::Cpu,
        backend: of.backend.to_str().to_owned(),
        driver: of.driver.clone(),
        driver_info: of.driver_info.clone(),
    }
}

/// WebGPU's normalized identifier of a vendor from its PCI or Khronos number; empty for an unknown one.
fn vendor(number: u32) -> &'static str {
    match number {
        0x1002 | 0x1022 => "amd",
        0x106b => "apple",
        0x13b5 => "arm",
        0x14e4 => "broadcom",
        0x1ae0 => "google",
        0x1010 => "img-tec",
        0x8086 => "intel",
        0x10005 => "mesa",
        0x1414 => "microsoft",
        0x10de => "nvidia",
        0x5143 => "qualcomm",
        0x144d => "samsung",
        0x15ad => "vmware",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_gets_the_default_limits() {
        let adapter =
            Limits { max_texture_dimension_2d: 16384, min_uniform_buffer_offset_alignment: 16, ..Limits::default() };
        assert_eq!(grant(&[], &adapter), Ok(Limits::default()));
    }

    #[test]
    fn a_device_gets_less_where_the_adapter_has_less() {
        let adapter = Limits { max_immediate_size: 0, ..Limits::default() };
        assert_eq!(grant(&[], &adapter).map(|limits| limits.max_immediate_size), Ok(0));
    }

    #[test]
    fn better_limits_are_granted_as_asked() {
        let adapter = Limits { max_bind_groups: 8, min_storage_buffer_offset_alignment: 32, ..Limits::default() };
        let required = [(LimitName::MaxBindGroups, 6), (LimitName::MinStorageBufferOffsetAlignment, 64)];
        let granted = grant(&required, &adapter);
        assert_eq!(granted.as_ref().map(|limits| limits.max_bind_groups), Ok(6));
        assert_eq!(granted.map(|limits| limits.min_storage_buffer_offset_alignment), Ok(64));
    }

    #[test]
    fn worse_limits_than_the_defaults_are_ignored() {
        assert_eq!(grant(&[(LimitName::MaxBindGroups, 1)], &Limits::default()), Ok(Limits::default()));
    }

    #[test]
    fn limits_that_the_adapter_lacks_are_refused_by_name() {
        let refused = grant(&[(LimitName::MaxBindGroups, 5)], &Limits::default());
        assert_eq!(refused, Err("maxBindGroups of 5 is asked for, the adapter has 4".to_owned()));
        assert!(grant(&[(LimitName::MinUniformBufferOffsetAlignment, 300)], &Limits::default()).is_err());
        assert!(grant(&[(LimitName::MinUniformBufferOffsetAlignment, 0)], &Limits::default()).is_err());
    }
}
