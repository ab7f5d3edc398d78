//! Bind group layouts and bind groups.

use std::sync::Arc;

use airlock_client::binding as client;
use airlock_client::object::DeviceObject;
use airlock_protocol::commands::binding::{
    BufferBindingType, SamplerBindingType, ShaderStage, StorageTextureAccess, TextureSampleType,
};
use wgpu::custom::*;

use crate::buffer::Buffer;
use crate::context::{Object, Slab, State};
use crate::device::{Shared, label, own};
use crate::error::Absent;
use crate::format::texture_format;
use crate::texture::{Sampler, TextureView, view_dimension};

/// `wgpu::BindGroupLayout` of this backend.
#[derive(Debug)]
pub struct BindGroupLayout(pub Object<client::BindGroupLayout>);

/// `wgpu::BindGroup` of this backend.
#[derive(Debug)]
pub struct BindGroup(pub Object<client::BindGroup>);

impl BindGroupLayoutInterface for BindGroupLayout {}

impl BindGroupInterface for BindGroup {}

pub fn create_layout(device: &Arc<Shared>, desc: &wgpu::BindGroupLayoutDescriptor<'_>) -> BindGroupLayout {
    let entries: Result<Vec<_>, _> = desc.entries.iter().map(layout_entry).collect();
    let layout = device.made_or_invalid(
        "Device::create_bind_group_layout",
        desc.label,
        entries,
        |device, state, entries| device.create_bind_group_layout(&mut state.client, label(desc.label), entries),
        |device, state| {
            // One binding with no kind.
            let entries = vec![empty_layout_entry(0, ShaderStage::empty())];
            device.create_bind_group_layout(&mut state.client, None, entries)
        },
    );
    BindGroupLayout(Object::new(layout, &device.context))
}

fn empty_layout_entry(binding: u32, visibility: ShaderStage) -> client::BindGroupLayoutEntry {
    client::BindGroupLayoutEntry {
        binding,
        visibility,
        buffer: None,
        sampler: None,
        texture: None,
        storage_texture: None,
    }
}

fn layout_entry(entry: &wgpu::BindGroupLayoutEntry) -> Result<client::BindGroupLayoutEntry, Absent> {
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
            to.buffer = Some(client::BufferBindingLayout {
                ty: Some(match ty {
                    wgpu::BufferBindingType::Uniform => BufferBindingType::Uniform,
                    wgpu::BufferBindingType::Storage { read_only: false } => BufferBindingType::Storage,
                    wgpu::BufferBindingType::Storage { read_only: true } => BufferBindingType::ReadOnlyStorage,
                }),
                has_dynamic_offset: Some(has_dynamic_offset),
                min_binding_size: min_binding_size.map(|size| size.get()),
            });
        }
        wgpu::BindingType::Sampler(ty) => {
            to.sampler = Some(client::SamplerBindingLayout {
                ty: Some(match ty {
                    wgpu::SamplerBindingType::Filtering => SamplerBindingType::Filtering,
                    wgpu::SamplerBindingType::NonFiltering => SamplerBindingType::NonFiltering,
                    wgpu::SamplerBindingType::Comparison => SamplerBindingType::Comparison,
                }),
            });
        }
        wgpu::BindingType::Texture { sample_type, view_dimension: dimension, multisampled } => {
            to.texture = Some(client::TextureBindingLayout {
                sample_type: Some(match sample_type {
                    wgpu::TextureSampleType::Float { filterable: true } => TextureSampleType::Float,
                    wgpu::TextureSampleType::Float { filterable: false } => TextureSampleType::UnfilterableFloat,
                    wgpu::TextureSampleType::Depth => TextureSampleType::Depth,
                    wgpu::TextureSampleType::Sint => TextureSampleType::Sint,
                    wgpu::TextureSampleType::Uint => TextureSampleType::Uint,
                }),
                view_dimension: Some(view_dimension(dimension)),
                multisampled: Some(multisampled),
            });
        }
        wgpu::BindingType::StorageTexture { access, format, view_dimension: dimension } => {
            to.storage_texture = Some(client::StorageTextureBindingLayout {
                access: Some(match access {
                    wgpu::StorageTextureAccess::WriteOnly => StorageTextureAccess::WriteOnly,
                    wgpu::StorageTextureAccess::ReadOnly => StorageTextureAccess::ReadOnly,
                    wgpu::StorageTextureAccess::ReadWrite => StorageTextureAccess::ReadWrite,
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

fn stages(stages: wgpu::ShaderStages) -> Result<ShaderStage, Absent> {
    use ShaderStage as G;
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
    let absent = desc.entries.iter().find_map(|entry| absent(&entry.resource));
    let layout = &own!(desc.layout, BindGroupLayout).0;
    let group = device.made_or_invalid(
        "Device::create_bind_group",
        desc.label,
        absent.map_or(Ok(()), Err),
        |device, state, ()| {
            let State { client, buffers, .. } = state;
            let entries = desc.entries.iter().filter_map(|entry| group_entry(entry, buffers)).collect();
            device.create_bind_group(client, label(desc.label), layout, entries)
        },
        |device, state| {
            // A layout with one binding, and a group with none.
            let client = &mut state.client;
            let mut entry = empty_layout_entry(0, ShaderStage::COMPUTE);
            entry.sampler = Some(client::SamplerBindingLayout { ty: None });
            let layout = device.create_bind_group_layout(client, None, vec![entry]);
            let group = device.create_bind_group(client, None, &layout, Vec::new());
            layout.release(client);
            group
        },
    );
    BindGroup(Object::new(group, &device.context))
}

/// Converts a binding that is not [`absent`].
fn group_entry<'a>(
    entry: &wgpu::BindGroupEntry<'a>,
    buffers: &'a Slab<airlock_client::buffer::Buffer>,
) -> Option<client::BindGroupEntry<'a>> {
    let resource = match &entry.resource {
        wgpu::BindingResource::Buffer(binding) => client::BindingResource::Buffer {
            buffer: &buffers[own!(binding.buffer, Buffer).key()],
            offset: Some(binding.offset),
            size: binding.size.map(|size| size.get()),
        },
        wgpu::BindingResource::Sampler(sampler) => client::BindingResource::Sampler(&own!(sampler, Sampler).0),
        wgpu::BindingResource::TextureView(view) => client::BindingResource::TextureView(&own!(view, TextureView).0),
        _ => return None,
    };
    Some(client::BindGroupEntry { binding: entry.binding, resource })
}

/// The unsupported feature of a binding, if any.
fn absent(resource: &wgpu::BindingResource<'_>) -> Option<Absent> {
    let features = match resource {
        wgpu::BindingResource::Buffer(_)
        | wgpu::BindingResource::Sampler(_)
        | wgpu::BindingResource::TextureView(_) => return None,
        wgpu::BindingResource::BufferArray(_) => wgpu::Features::BUFFER_BINDING_ARRAY,
        wgpu::BindingResource::SamplerArray(_) | wgpu::BindingResource::TextureViewArray(_) => {
            wgpu::Features::TEXTURE_BINDING_ARRAY
        }
        wgpu::BindingResource::AccelerationStructure(_) | wgpu::BindingResource::AccelerationStructureArray(_) => {
            wgpu::Features::EXPERIMENTAL_RAY_QUERY
        }
        wgpu::BindingResource::ExternalTexture(_) => wgpu::Features::EXTERNAL_TEXTURE,
        _ => return Some(Absent::Other("WebGPU has no binding of this kind")),
    };
    Some(Absent::Features(features))
}
