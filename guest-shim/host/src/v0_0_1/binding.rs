//! `gpu-bind-group-layout`, `gpu-pipeline-layout`, `gpu-bind-group`: their descriptors.

use airlock_client::{binding::BindGroupLayoutEntry, device::Device};
use airlock_protocol::commands::binding::ShaderStage;
use wasmtime::component::Resource;

use super::bindings::webgpu::*;
use crate::{
    WasiWebGpuCtxView,
    v0_3::{binding::layout_entry, bindings::webgpu as later},
};

impl WasiWebGpuCtxView<'_> {
    pub(super) fn new_bind_group_layout_of_bits(
        &mut self,
        device: &Resource<Device>,
        descriptor: GpuBindGroupLayoutDescriptor,
    ) -> wasmtime::Result<Resource<GpuBindGroupLayout>> {
        let GpuBindGroupLayoutDescriptor { entries, label } = descriptor;
        let entries = entries.into_iter().map(entry).collect();
        let layout = self.table.get(device)?.create_bind_group_layout(&mut self.ctx.client, label, entries);
        Ok(self.table.push(layout)?)
    }
}

fn entry(entry: GpuBindGroupLayoutEntry) -> BindGroupLayoutEntry {
    let GpuBindGroupLayoutEntry { binding, visibility, buffer, sampler, texture, storage_texture } = entry;
    let storage_texture = storage_texture.map(|layout| later::GpuStorageTextureBindingLayout {
        access: layout.access,
        format: layout.format.into(),
        view_dimension: layout.view_dimension,
    });
    let mut entry = layout_entry(later::GpuBindGroupLayoutEntry {
        binding,
        visibility: later::GpuShaderStage::empty(),
        buffer,
        sampler,
        texture,
        storage_texture,
    });
    entry.visibility = ShaderStage::from_bits_retain(visibility);
    entry
}

impl From<GpuPipelineLayoutDescriptor> for later::GpuPipelineLayoutDescriptor {
    fn from(descriptor: GpuPipelineLayoutDescriptor) -> Self {
        let GpuPipelineLayoutDescriptor { bind_group_layouts, label } = descriptor;
        Self { bind_group_layouts, immediate_size: None, label }
    }
}

impl From<GpuBindGroupDescriptor> for later::GpuBindGroupDescriptor {
    fn from(descriptor: GpuBindGroupDescriptor) -> Self {
        let GpuBindGroupDescriptor { layout, entries, label } = descriptor;
        let entries = entries.into_iter().map(|GpuBindGroupEntry { binding, resource }| {
            let resource = match resource {
                GpuBindingResource::GpuBufferBinding(binding) => later::GpuBindingResource::GpuBufferBinding(binding),
                GpuBindingResource::GpuSampler(sampler) => later::GpuBindingResource::GpuSampler(sampler),
                GpuBindingResource::GpuTextureView(view) => later::GpuBindingResource::GpuTextureView(view),
            };
            later::GpuBindGroupEntry { binding, resource }
        });
        Self { layout, entries: entries.collect(), label }
    }
}
