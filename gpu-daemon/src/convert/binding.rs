//! Conversion of bind group layouts.

use std::num::NonZeroU64;

use airlock_protocol::commands::binding::{
    BindGroupLayoutEntry, BindingType, BufferBindingType, SamplerBindingType, ShaderStage, StorageTextureAccess,
    TextureSampleType,
};
use wgpu_types as wgt;

use super::texture::{texture_format, view_dimension};

/// `GPUShaderStage`. `None` for an unknown bit: wgpu has stages of its own there.
pub fn shader_stage(stage: ShaderStage) -> Option<wgt::ShaderStages> {
    ShaderStage::all().contains(stage).then(|| wgt::ShaderStages::from_bits_truncate(stage.bits()))
}

/// `GPUBindGroupLayoutEntry`; the error says why it is invalid.
pub fn layout_entry(entry: &BindGroupLayoutEntry) -> Result<wgt::BindGroupLayoutEntry, String> {
    let ty = match entry.ty {
        BindingType::Buffer { ty, has_dynamic_offset, min_binding_size } => wgt::BindingType::Buffer {
            ty: match ty {
                BufferBindingType::Uniform => wgt::BufferBindingType::Uniform,
                BufferBindingType::Storage => wgt::BufferBindingType::Storage { read_only: false },
                BufferBindingType::ReadOnlyStorage => wgt::BufferBindingType::Storage { read_only: true },
            },
            has_dynamic_offset,
            min_binding_size: NonZeroU64::new(min_binding_size),
        },
        BindingType::Sampler(ty) => wgt::BindingType::Sampler(match ty {
            SamplerBindingType::Filtering => wgt::SamplerBindingType::Filtering,
            SamplerBindingType::NonFiltering => wgt::SamplerBindingType::NonFiltering,
            SamplerBindingType::Comparison => wgt::SamplerBindingType::Comparison,
        }),
        BindingType::Texture { sample_type, view_dimension: dimension, multisampled } => wgt::BindingType::Texture {
            sample_type: match sample_type {
                TextureSampleType::Float => wgt::TextureSampleType::Float { filterable: true },
                TextureSampleType::UnfilterableFloat => wgt::TextureSampleType::Float { filterable: false },
                TextureSampleType::Depth => wgt::TextureSampleType::Depth,
                TextureSampleType::Sint => wgt::TextureSampleType::Sint,
                TextureSampleType::Uint => wgt::TextureSampleType::Uint,
            },
            view_dimension: view_dimension(dimension),
            multisampled,
        },
        BindingType::StorageTexture { access, format, view_dimension: dimension } => wgt::BindingType::StorageTexture {
            access: match access {
                StorageTextureAccess::WriteOnly => wgt::StorageTextureAccess::WriteOnly,
                StorageTextureAccess::ReadOnly => wgt::StorageTextureAccess::ReadOnly,
                StorageTextureAccess::ReadWrite => wgt::StorageTextureAccess::ReadWrite,
            },
            format: texture_format(format),
            view_dimension: view_dimension(dimension),
        },
        BindingType::Invalid { given } => {
            let binding = entry.binding;
            return Err(format!(
                "binding {binding} has {given} of buffer, sampler, texture and storageTexture; it must have one"
            ));
        }
    };
    let Some(visibility) = shader_stage(entry.visibility) else {
        return Err(format!("binding {} has unknown visibility bits {:#x}", entry.binding, entry.visibility.bits()));
    };
    Ok(wgt::BindGroupLayoutEntry { binding: entry.binding, visibility, ty, count: None })
}
