//! `gpu-bind-group-layout`, `gpu-pipeline-layout`, `gpu-bind-group`.

use airlock_client::{
    binding::{
        BindGroupEntry, BindGroupLayoutEntry, BindingResource, BufferBindingLayout, SamplerBindingLayout,
        SetBindGroupError as OffsetsError, StorageTextureBindingLayout, TextureBindingLayout,
    },
    device::Device,
    object::DeviceObject as _,
};
use wasmtime::component::{Resource, ResourceTable};

use super::{
    bindings::webgpu::{self, *},
    convert::ToWire,
    functions::called,
    object_functions,
};
use crate::WasiWebGpuCtxView;

impl webgpu::HostGpuBindGroup for WasiWebGpuCtxView<'_> {
    object_functions!(GpuBindGroup, "gpu-bind-group.label", "gpu-bind-group.set-label");
}

impl webgpu::HostGpuBindGroupLayout for WasiWebGpuCtxView<'_> {
    object_functions!(GpuBindGroupLayout, "gpu-bind-group-layout.label", "gpu-bind-group-layout.set-label");
}

impl webgpu::HostGpuPipelineLayout for WasiWebGpuCtxView<'_> {
    object_functions!(GpuPipelineLayout, "gpu-pipeline-layout.label", "gpu-pipeline-layout.set-label");
}

impl WasiWebGpuCtxView<'_> {
    pub(super) fn new_bind_group_layout(
        &mut self,
        device: &Resource<Device>,
        descriptor: GpuBindGroupLayoutDescriptor,
    ) -> wasmtime::Result<Resource<GpuBindGroupLayout>> {
        let GpuBindGroupLayoutDescriptor { entries, label } = descriptor;
        let entries = entries.into_iter().map(layout_entry).collect();
        let layout = self.table.get(device)?.create_bind_group_layout(&mut self.ctx.client, label, entries);
        Ok(self.table.push(layout)?)
    }

    pub(crate) fn new_pipeline_layout(
        &mut self,
        device: &Resource<Device>,
        descriptor: GpuPipelineLayoutDescriptor,
    ) -> wasmtime::Result<Resource<GpuPipelineLayout>> {
        let GpuPipelineLayoutDescriptor { bind_group_layouts, immediate_size, label } = descriptor;
        let mut layouts = Vec::with_capacity(bind_group_layouts.len());
        for layout in &bind_group_layouts {
            layouts.push(layout.as_ref().map(|layout| self.table.get(layout)).transpose()?);
        }
        let device = self.table.get(device)?;
        let layout = device.create_pipeline_layout(&mut self.ctx.client, label, layouts, immediate_size);
        Ok(self.table.push(layout)?)
    }

    pub(crate) fn new_bind_group(
        &mut self,
        device: &Resource<Device>,
        descriptor: GpuBindGroupDescriptor,
    ) -> wasmtime::Result<Resource<GpuBindGroup>> {
        let GpuBindGroupDescriptor { layout, entries, label } = descriptor;
        let mut bound = Vec::with_capacity(entries.len());
        for entry in &entries {
            let resource = binding_resource(self.table, &entry.resource)?;
            bound.push(BindGroupEntry { binding: entry.binding, resource });
        }
        let (device, layout) = (self.table.get(device)?, self.table.get(&layout)?);
        let bind_group = device.create_bind_group(&mut self.ctx.client, label, layout, bound);
        Ok(self.table.push(bind_group)?)
    }
}

fn binding_resource<'a>(
    table: &'a ResourceTable,
    resource: &GpuBindingResource,
) -> wasmtime::Result<BindingResource<'a>> {
    Ok(match resource {
        GpuBindingResource::GpuBuffer(buffer) => {
            BindingResource::Buffer { buffer: table.get(buffer)?, offset: None, size: None }
        }
        GpuBindingResource::GpuBufferBinding(binding) => {
            BindingResource::Buffer { buffer: table.get(&binding.buffer)?, offset: binding.offset, size: binding.size }
        }
        GpuBindingResource::GpuSampler(sampler) => BindingResource::Sampler(table.get(sampler)?),
        GpuBindingResource::GpuTexture(texture) => BindingResource::Texture(table.get(texture)?),
        GpuBindingResource::GpuTextureView(view) => BindingResource::TextureView(table.get(view)?),
    })
}

/// An entry of a bind group layout.
pub(crate) fn layout_entry(entry: GpuBindGroupLayoutEntry) -> BindGroupLayoutEntry {
    BindGroupLayoutEntry {
        binding: entry.binding,
        visibility: entry.visibility.to_wire(),
        buffer: entry.buffer.map(|layout| BufferBindingLayout {
            ty: layout.type_.map(ToWire::to_wire),
            has_dynamic_offset: layout.has_dynamic_offset,
            min_binding_size: layout.min_binding_size,
        }),
        sampler: entry.sampler.map(|layout| SamplerBindingLayout { ty: layout.type_.map(ToWire::to_wire) }),
        texture: entry.texture.map(|layout| TextureBindingLayout {
            sample_type: layout.sample_type.map(ToWire::to_wire),
            view_dimension: layout.view_dimension.map(ToWire::to_wire),
            multisampled: layout.multisampled,
        }),
        storage_texture: entry.storage_texture.map(|layout| StorageTextureBindingLayout {
            access: layout.access.map(ToWire::to_wire),
            format: layout.format.to_wire(),
            view_dimension: layout.view_dimension.map(ToWire::to_wire),
        }),
    }
}

/// Records `set-bind-group` of one of the three encoders, with the parameters of the interface.
macro_rules! set_bind_group {
    ($view:expr, $encoder:expr, $index:expr, $bind_group:expr, $data:expr, $start:expr, $length:expr) => {{
        let offsets = airlock_client::binding::DynamicOffsets { data: $data, start: $start, length: $length };
        let bind_group = match &$bind_group {
            Some(bind_group) => Some($view.table.get(bind_group)?),
            None => None,
        };
        let encoder = $view.table.get(&$encoder)?;
        Ok(encoder
            .set_bind_group(&mut $view.ctx.client, $index, bind_group, offsets)
            .map_err($crate::v0_3::binding::offsets_error))
    }};
}
pub(super) use set_bind_group;

#[cold]
pub(super) fn offsets_error(error: OffsetsError) -> SetBindGroupError {
    SetBindGroupError { kind: SetBindGroupErrorKind::RangeError, message: error.to_string() }
}
