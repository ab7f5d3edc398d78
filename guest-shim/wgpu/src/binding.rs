//! Bind group layouts and bind groups.

use std::sync::Arc;

use wgpu::custom::*;

use crate::bindings::webgpu as gpu;
use crate::buffer::Buffer;
use crate::device::{Shared, label, own};
use crate::encoder::Object;
use crate::error::Absent;
use crate::format::texture_format;
use crate::texture::{Sampler, TextureView, view_dimension};

/// `wgpu::BindGroupLayout` of this backend.
#[derive(Debug)]
pub struct BindGroupLayout(pub gpu::GpuBindGroupLayout);

/// `wgpu::BindGroup` of this backend.
#[derive(Debug)]
pub struct BindGroup(pub Object<gpu::GpuBindGroup>);

impl BindGroupLayoutInterface for BindGroupLayout {}

impl BindGroupInterface for BindGroup {}

pub fn create_layout(device: &Arc<Shared>, desc: &wgpu::BindGroupLayoutDescriptor<'_>) -> BindGroupLayout {
    let entries: Result<Vec<_>, _> = desc.entries.iter().map(layout_entry).collect();
    let descriptor = entries.map(|entries| gpu::GpuBindGroupLayoutDescriptor { entries, label: label(desc.label) });
    BindGroupLayout(device.made_or_invalid(
        "Device::create_bind_group_layout",
        desc.label,
        descriptor,
        |device, descriptor| device.create_bind_group_layout(&descriptor),
        |device| {
            // One binding with no kind.
            let entries = vec![empty_layout_entry(0, gpu::GpuShaderStage::empty())];
            device.create_bind_group_layout(&gpu::GpuBindGroupLayoutDescriptor { entries, label: None })
        },
    ))
}

fn empty_layout_entry(binding: u32, visibility: gpu::GpuShaderStage) -> gpu::GpuBindGroupLayoutEntry {
    gpu::GpuBindGroupLayoutEntry {
        binding,
        visibility,
        buffer: None,
        sampler: None,
        texture: None,
        storage_texture: None,
    }
}

fn layout_entry(entry: &wgpu::BindGroupLayoutEntry) -> Result<gpu::GpuBindGroupLayoutEntry, Absent> {
    let mut to = empty_layout_entry(entry.binding, stages(entry.visibility)?);
    if entry.count.is_some() {
        return Err(Absent::Features(match entry.ty {
            wgpu::BindingType::Buffer { .. } => wgpu::Features::BUFFER_BINDING_ARRAY,
            wgpu::BindingType::AccelerationStructure { .. } => wgpu::Features::ACCELERATION_STRUCTURE_BINDING_ARRAY,
            _ => wgpu::Features::TEXTURE_BINDING_ARRAY,
        }));
    }
    match entry.ty {
        wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size } => {
            to.buffer = Some(gpu::GpuBufferBindingLayout {
                type_: Some(match ty {
                    wgpu::BufferBindingType::Uniform => gpu::GpuBufferBindingType::Uniform,
                    wgpu::BufferBindingType::Storage { read_only: false } => gpu::GpuBufferBindingType::Storage,
                    wgpu::BufferBindingType::Storage { read_only: true } => gpu::GpuBufferBindingType::ReadOnlyStorage,
                }),
                has_dynamic_offset: Some(has_dynamic_offset),
                min_binding_size: min_binding_size.map(|size| size.get()),
            });
        }
        wgpu::BindingType::Sampler(ty) => {
            to.sampler = Some(gpu::GpuSamplerBindingLayout {
                type_: Some(match ty {
                    wgpu::SamplerBindingType::Filtering => gpu::GpuSamplerBindingType::Filtering,
                    wgpu::SamplerBindingType::NonFiltering => gpu::GpuSamplerBindingType::NonFiltering,
                    wgpu::SamplerBindingType::Comparison => gpu::GpuSamplerBindingType::Comparison,
                }),
            });
        }
        wgpu::BindingType::Texture { sample_type, view_dimension: dimension, multisampled } => {
            to.texture = Some(gpu::GpuTextureBindingLayout {
                sample_type: Some(match sample_type {
                    wgpu::TextureSampleType::Float { filterable: true } => gpu::GpuTextureSampleType::Float,
                    wgpu::TextureSampleType::Float { filterable: false } => {
                        gpu::GpuTextureSampleType::UnfilterableFloat
                    }
                    wgpu::TextureSampleType::Depth => gpu::GpuTextureSampleType::Depth,
                    wgpu::TextureSampleType::Sint => gpu::GpuTextureSampleType::Sint,
                    wgpu::TextureSampleType::Uint => gpu::GpuTextureSampleType::Uint,
                }),
                view_dimension: Some(view_dimension(dimension)),
                multisampled: Some(multisampled),
            });
        }
        wgpu::BindingType::StorageTexture { access, format, view_dimension: dimension } => {
            to.storage_texture = Some(gpu::GpuStorageTextureBindingLayout {
                access: Some(match access {
                    wgpu::StorageTextureAccess::WriteOnly => gpu::GpuStorageTextureAccess::WriteOnly,
                    wgpu::StorageTextureAccess::ReadOnly => gpu::GpuStorageTextureAccess::ReadOnly,
                    wgpu::StorageTextureAccess::ReadWrite => gpu::GpuStorageTextureAccess::ReadWrite,
                    wgpu::StorageTextureAccess::Atomic => {
                        return Err(Absent::Features(wgpu::Features::TEXTURE_ATOMIC));
                    }
                }),
                format: texture_format(format)?,
                view_dimension: Some(view_dimension(dimension)),
            });
        }
        wgpu::BindingType::AccelerationStructure { .. } => {
            return Err(Absent::Features(wgpu::Features::EXPERIMENTAL_RAY_QUERY));
        }
        wgpu::BindingType::ExternalTexture => return Err(Absent::Features(wgpu::Features::EXTERNAL_TEXTURE)),
    }
    Ok(to)
}

fn stages(stages: wgpu::ShaderStages) -> Result<gpu::GpuShaderStage, Absent> {
    use gpu::GpuShaderStage as G;
    use wgpu::ShaderStages as W;
    let known = [(W::VERTEX, G::VERTEX), (W::FRAGMENT, G::FRAGMENT), (W::COMPUTE, G::COMPUTE)];
    if !(stages - (W::VERTEX_FRAGMENT | W::COMPUTE)).is_empty() {
        let mesh = stages.intersects(W::TASK | W::MESH);
        return Err(Absent::Features(if mesh {
            wgpu::Features::EXPERIMENTAL_MESH_SHADER
        } else {
            wgpu::Features::EXPERIMENTAL_RAY_TRACING_PIPELINES
        }));
    }
    Ok(known.into_iter().filter(|(flag, _)| stages.contains(*flag)).fold(G::empty(), |all, (_, flag)| all | flag))
}

pub fn create_group(device: &Arc<Shared>, desc: &wgpu::BindGroupDescriptor<'_>) -> BindGroup {
    let layout = &own!(desc.layout, BindGroupLayout).0;
    let entries: Result<Vec<_>, _> = desc.entries.iter().map(group_entry).collect();
    let descriptor = entries.map(|entries| gpu::GpuBindGroupDescriptor { layout, entries, label: label(desc.label) });
    BindGroup(Object::new(device.made_or_invalid(
        "Device::create_bind_group",
        desc.label,
        descriptor,
        |device, descriptor| device.create_bind_group(&descriptor),
        |device| {
            // A layout with one binding, and a group with none.
            let mut entry = empty_layout_entry(0, gpu::GpuShaderStage::COMPUTE);
            entry.sampler = Some(gpu::GpuSamplerBindingLayout { type_: None });
            let layout = gpu::GpuBindGroupLayoutDescriptor { entries: vec![entry], label: None };
            let layout = device.create_bind_group_layout(&layout);
            device.create_bind_group(&gpu::GpuBindGroupDescriptor { layout: &layout, entries: Vec::new(), label: None })
        },
    )))
}

fn group_entry<'a>(entry: &wgpu::BindGroupEntry<'a>) -> Result<gpu::GpuBindGroupEntry<'a>, Absent> {
    let resource = match &entry.resource {
        wgpu::BindingResource::Buffer(binding) => gpu::GpuBindingResource::GpuBufferBinding(gpu::GpuBufferBinding {
            buffer: own!(binding.buffer, Buffer).gpu(),
            offset: Some(binding.offset),
            size: binding.size.map(|size| size.get()),
        }),
        wgpu::BindingResource::Sampler(sampler) => gpu::GpuBindingResource::GpuSampler(&own!(sampler, Sampler).0),
        wgpu::BindingResource::TextureView(view) => gpu::GpuBindingResource::GpuTextureView(&own!(view, TextureView).0),
        wgpu::BindingResource::BufferArray(_) => return Err(Absent::Features(wgpu::Features::BUFFER_BINDING_ARRAY)),
        wgpu::BindingResource::SamplerArray(_) | wgpu::BindingResource::TextureViewArray(_) => {
            return Err(Absent::Features(wgpu::Features::TEXTURE_BINDING_ARRAY));
        }
        wgpu::BindingResource::AccelerationStructure(_) | wgpu::BindingResource::AccelerationStructureArray(_) => {
            return Err(Absent::Features(wgpu::Features::EXPERIMENTAL_RAY_QUERY));
        }
        wgpu::BindingResource::ExternalTexture(_) => {
            return Err(Absent::Features(wgpu::Features::EXTERNAL_TEXTURE));
        }
        _ => return Err(Absent::Other("the interface has no binding of this kind")),
    };
    Ok(gpu::GpuBindGroupEntry { binding: entry.binding, resource })
}
