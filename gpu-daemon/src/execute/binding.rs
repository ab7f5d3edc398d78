//! `GPUBindGroupLayout`, `GPUPipelineLayout`, `GPUBindGroup`.

use std::{borrow::Cow, rc::Rc};

use airlock_protocol::commands::binding::{
    BindGroupEntry, BindingResource, CreateBindGroup, CreateBindGroupLayout, CreatePipelineLayout,
};
use wgpu_core::{binding_model as bm, id::TextureViewId, resource::TextureViewDescriptor};
use wgpu_types as wgt;

use crate::{
    convert::{self, binding::layout_entry},
    gpu::{
        device::Device,
        objects::{Object, PipelineLayout},
        violation::{Outcome, Violation, check_list},
    },
    session::Session,
};

impl Session {
    pub(super) fn create_bind_group_layout(&mut self, c: CreateBindGroupLayout<'_>) -> Outcome {
        const CALL: &str = "GPUDevice.createBindGroupLayout";
        check_list(&c.entries)?;
        let device = Rc::clone(self.devices.get(c.device)?);
        self.bind_group_layouts.free(c.layout)?;
        if let Some(refusal) = self.bind_group_layouts.refusal() {
            self.out_of_memory(&device, CALL, c.label, &refusal);
            let id = invalid_layout(&device);
            return self.bind_group_layouts.insert(c.layout, Object { id, device });
        }
        let label = convert::label(c.label);
        let entries: Result<Vec<_>, _> = c.entries.iter().map(layout_entry).collect();
        let id = match entries {
            Ok(entries) => {
                let descriptor = bm::BindGroupLayoutDescriptor { label, entries: Cow::Owned(entries) };
                let made = device.global.device_create_bind_group_layout(device.id, &descriptor, None);
                device.created(CALL, c.label, made)
            }
            Err(reason) => {
                device.invalid(CALL, c.label, &reason);
                invalid_layout(&device)
            }
        };
        self.bind_group_layouts.insert(c.layout, Object { id, device })
    }

    pub(super) fn create_pipeline_layout(&mut self, c: CreatePipelineLayout<'_>) -> Outcome {
        check_list(&c.bind_group_layouts)?;
        let device = Rc::clone(self.devices.get(c.device)?);
        self.pipeline_layouts.vacant(c.layout)?;
        let layouts = c
            .bind_group_layouts
            .iter()
            .map(|&id| id.map(|id| self.bind_group_layouts.get(id).map(|layout| layout.id)).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        let descriptor = bm::PipelineLayoutDescriptor {
            label: convert::label(c.label),
            bind_group_layouts: Cow::Owned(layouts),
            immediate_size: c.immediate_size,
        };
        let made = device.global.device_create_pipeline_layout(device.id, &descriptor, None);
        let id = device.created("GPUDevice.createPipelineLayout", c.label, made);
        let (object, immediates) = (Object { id, device }, c.immediate_size);
        self.pipeline_layouts.insert(c.layout, PipelineLayout { object, immediates })
    }

    pub(super) fn create_bind_group(&mut self, c: CreateBindGroup<'_>) -> Outcome {
        check_list(&c.entries)?;
        let device = Rc::clone(self.devices.get(c.device)?);
        self.bind_groups.vacant(c.bind_group)?;
        let layout = self.bind_group_layouts.get(c.layout)?.id;
        let mut views = Vec::new();
        let entries =
            c.entries.iter().map(|entry| self.bind_group_entry(&device, entry, &mut views)).collect::<Result<_, _>>();
        let made = entries.map(|entries| {
            let label = convert::label(c.label);
            let descriptor = bm::BindGroupDescriptor { label, layout, entries: Cow::Owned(entries) };
            let made = device.global.device_create_bind_group(device.id, &descriptor, None);
            device.created("GPUDevice.createBindGroup", c.label, made)
        });
        // The bind group keeps its views alive.
        for view in views {
            device.global.texture_view_drop(view);
        }
        self.bind_groups.insert(c.bind_group, Object { id: made?, device })
    }

    fn bind_group_entry(
        &self,
        device: &Device,
        entry: &BindGroupEntry,
        views: &mut Vec<TextureViewId>,
    ) -> Result<bm::BindGroupEntry<'static>, Violation> {
        let resource = match entry.resource {
            BindingResource::Buffer { buffer, offset, size } => {
                let buffer = self.buffers.get(buffer)?.id;
                bm::BindingResource::Buffer(bm::BufferBinding { buffer, offset, size })
            }
            BindingResource::Sampler(sampler) => bm::BindingResource::Sampler(self.samplers.get(sampler)?.id),
            BindingResource::Texture(texture) => {
                let texture = self.textures.get(texture)?.id;
                let descriptor = TextureViewDescriptor {
                    label: None,
                    format: None,
                    dimension: None,
                    usage: None,
                    range: wgt::ImageSubresourceRange::default(),
                };
                let (view, error) = device.global.texture_create_view(texture, &descriptor, None);
                if let Some(error) = error {
                    // The invalid view makes the bind group invalid, whose error is reported once.
                    tracing::debug!("the default view of a bound texture is invalid: {error}");
                }
                views.push(view);
                bm::BindingResource::TextureView(view)
            }
            BindingResource::TextureView(view) => bm::BindingResource::TextureView(self.texture_views.get(view)?.id),
        };
        Ok(bm::BindGroupEntry { binding: entry.binding, resource })
    }
}

/// Creates an invalid layout, in place of a rejected one: objects that use it become invalid.
pub(super) fn invalid_layout(device: &Device) -> wgpu_core::id::BindGroupLayoutId {
    // wgpu's function for this takes external ids, which do not mix with its own. A layout that it refuses has the same
    // effect.
    let twice = wgt::BindGroupLayoutEntry {
        binding: u32::MAX,
        visibility: wgt::ShaderStages::NONE,
        ty: wgt::BindingType::Sampler(wgt::SamplerBindingType::Filtering),
        count: None,
    };
    let descriptor = bm::BindGroupLayoutDescriptor { label: None, entries: Cow::Owned(vec![twice, twice]) };
    device.global.device_create_bind_group_layout(device.id, &descriptor, None).0
}
