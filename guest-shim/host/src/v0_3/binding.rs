//! `gpu-bind-group-layout`, `gpu-pipeline-layout`, `gpu-bind-group`.

use std::sync::Arc;

use airlock_client::session::DeviceState;
use airlock_protocol::{
    Record,
    commands::{
        binding::{
            BindGroupEntry, BindGroupLayoutEntry, BindingResource, BindingType, BufferBindingType, CreateBindGroup,
            CreateBindGroupLayout, CreatePipelineLayout, SamplerBindingType, StorageTextureAccess, TextureSampleType,
        },
        texture::TextureViewDimension,
    },
    ids::BindGroupId,
};
use wasmtime::component::Resource;

use super::{bounded, convert::ToWire, object_functions};
use crate::{
    WasiWebGpuCtxView,
    shadow::{self, Based},
    v0_3::bindings::webgpu::{self, *},
    v0_3::functions::called,
};

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
        device: &Arc<DeviceState>,
        descriptor: GpuBindGroupLayoutDescriptor,
    ) -> wasmtime::Result<Resource<GpuBindGroupLayout>> {
        let base = self.create(device, descriptor.label);
        if let Some(layout) = base.id {
            let entries = bounded(descriptor.entries).iter().map(layout_entry).collect();
            self.ctx.send(device, CreateBindGroupLayout { device: device.id, layout, label: &base.label, entries });
        }
        Ok(self.table.push(shadow::BindGroupLayout { base })?)
    }

    pub(super) fn new_pipeline_layout(
        &mut self,
        device: &Arc<DeviceState>,
        descriptor: GpuPipelineLayoutDescriptor,
    ) -> wasmtime::Result<Resource<GpuPipelineLayout>> {
        let mut bind_group_layouts = Vec::new();
        for layout in bounded(descriptor.bind_group_layouts) {
            bind_group_layouts.push(match layout {
                Some(layout) => match self.name(&layout, device)? {
                    Some(id) => Some(id),
                    None => {
                        let base = Self::inert(device, descriptor.label);
                        return Ok(self.table.push(shadow::PipelineLayout { base })?);
                    }
                },
                None => None,
            });
        }
        let base = self.create(device, descriptor.label);
        if let Some(layout) = base.id {
            let immediate_size = descriptor.immediate_size.unwrap_or(0);
            self.ctx.send(
                device,
                CreatePipelineLayout {
                    device: device.id,
                    layout,
                    label: &base.label,
                    bind_group_layouts,
                    immediate_size,
                },
            );
        }
        Ok(self.table.push(shadow::PipelineLayout { base })?)
    }

    pub(super) fn new_bind_group(
        &mut self,
        device: &Arc<DeviceState>,
        descriptor: GpuBindGroupDescriptor,
    ) -> wasmtime::Result<Resource<GpuBindGroup>> {
        let layout = self.name(&descriptor.layout, device)?;
        let mut entries = Vec::with_capacity(descriptor.entries.len());
        let mut complete = true;
        for entry in bounded(descriptor.entries) {
            match self.binding_resource(&entry.resource, device)? {
                Some(resource) => entries.push(BindGroupEntry { binding: entry.binding, resource }),
                None => complete = false,
            }
        }
        let Some(layout) = layout.filter(|_| complete) else {
            let base = Self::inert(device, descriptor.label);
            return Ok(self.table.push(shadow::BindGroup { base })?);
        };
        let base = self.create(device, descriptor.label);
        if let Some(bind_group) = base.id {
            self.ctx
                .send(device, CreateBindGroup { device: device.id, bind_group, label: &base.label, layout, entries });
        }
        Ok(self.table.push(shadow::BindGroup { base })?)
    }

    /// `set-bind-group` of all three encoders; `offsets` are the data, start and length of its dynamic offsets.
    pub(super) fn bind<T: Based + Send + 'static, C: Record>(
        &mut self,
        encoder: &Resource<T>,
        bind_group: Option<Resource<GpuBindGroup>>,
        offsets: (Option<Vec<GpuBufferDynamicOffset>>, Option<GpuSize64>, Option<GpuSize32>),
        command: impl FnOnce(T::Id, Option<BindGroupId>, Vec<u32>) -> C,
    ) -> wasmtime::Result<Result<(), SetBindGroupError>> {
        let (data, start, length) = offsets;
        let offsets = match dynamic_offsets(data, start, length) {
            Ok(offsets) => offsets,
            Err(error) => return Ok(Err(error)),
        };
        self.encode_with_option(encoder, bind_group.as_ref(), |encoder, group| command(encoder, group, offsets))?;
        Ok(Ok(()))
    }

    fn binding_resource(
        &mut self,
        resource: &GpuBindingResource,
        device: &Arc<DeviceState>,
    ) -> wasmtime::Result<Option<BindingResource>> {
        Ok(match resource {
            GpuBindingResource::GpuBuffer(buffer) => {
                self.name(buffer, device)?.map(|buffer| BindingResource::Buffer { buffer, offset: 0, size: None })
            }
            GpuBindingResource::GpuBufferBinding(binding) => self.name(&binding.buffer, device)?.map(|buffer| {
                BindingResource::Buffer { buffer, offset: binding.offset.unwrap_or(0), size: binding.size }
            }),
            GpuBindingResource::GpuSampler(sampler) => self.name(sampler, device)?.map(BindingResource::Sampler),
            GpuBindingResource::GpuTexture(texture) => self.name(texture, device)?.map(BindingResource::Texture),
            GpuBindingResource::GpuTextureView(view) => self.name(view, device)?.map(BindingResource::TextureView),
        })
    }
}

fn layout_entry(entry: &GpuBindGroupLayoutEntry) -> BindGroupLayoutEntry {
    let view = |dimension: Option<GpuTextureViewDimension>| dimension.map_or(TextureViewDimension::D2, ToWire::to_wire);
    let buffer = entry.buffer.as_ref().map(|layout| BindingType::Buffer {
        ty: layout.type_.map_or(BufferBindingType::Uniform, ToWire::to_wire),
        has_dynamic_offset: layout.has_dynamic_offset.unwrap_or(false),
        min_binding_size: layout.min_binding_size.unwrap_or(0),
    });
    let sampler = entry
        .sampler
        .as_ref()
        .map(|layout| BindingType::Sampler(layout.type_.map_or(SamplerBindingType::Filtering, ToWire::to_wire)));
    let texture = entry.texture.as_ref().map(|layout| BindingType::Texture {
        sample_type: layout.sample_type.map_or(TextureSampleType::Float, ToWire::to_wire),
        view_dimension: view(layout.view_dimension),
        multisampled: layout.multisampled.unwrap_or(false),
    });
    let storage_texture = entry.storage_texture.as_ref().map(|layout| BindingType::StorageTexture {
        access: layout.access.map_or(StorageTextureAccess::WriteOnly, ToWire::to_wire),
        format: layout.format.to_wire(),
        view_dimension: view(layout.view_dimension),
    });
    let mut given = [buffer, sampler, texture, storage_texture].into_iter().flatten();
    let ty = match (given.next(), given.count()) {
        (Some(ty), 0) => ty,
        (first, more) => BindingType::Invalid { given: u32::from(first.is_some()) + more as u32 },
    };
    BindGroupLayoutEntry { binding: entry.binding, visibility: entry.visibility.to_wire(), ty }
}

/// The dynamic offsets that a `set-bind-group` names within its data (WebGPU, setBindGroup with a Uint32Array).
fn dynamic_offsets(
    data: Option<Vec<u32>>,
    start: Option<u64>,
    length: Option<u32>,
) -> Result<Vec<u32>, SetBindGroupError> {
    let Some(data) = data else { return Ok(Vec::new()) };
    if start.is_none() && length.is_none() {
        return Ok(bounded(data));
    }
    let first = start.unwrap_or(0);
    let from = usize::try_from(first).ok().and_then(|first| data.get(first..));
    let named = match (from, length) {
        (Some(rest), Some(length)) => rest.get(..length as usize),
        (rest, None) => rest,
        (None, Some(_)) => None,
    };
    match named {
        Some(offsets) => Ok(bounded(offsets.to_vec())),
        None => Err(SetBindGroupError {
            kind: SetBindGroupErrorKind::RangeError,
            message: format!("start {first} and length {length:?} do not lie within {} dynamic offsets", data.len()),
        }),
    }
}
