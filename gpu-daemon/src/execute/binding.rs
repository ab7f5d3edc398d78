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
        aliases::{Bindings, Resource, slots},
        device::Device,
        made::Made,
        objects::{BindGroup, BindGroupLayout, Object, PipelineLayout},
        violation::{Outcome, Violation, check_list},
    },
    session::Session,
};

use super::stand_ins::StandIn;

impl Session {
    pub(super) fn create_bind_group_layout(&mut self, c: CreateBindGroupLayout<'_>) -> Outcome {
        const CALL: &str = "GPUDevice.createBindGroupLayout";
        check_list(&c.entries)?;
        let device = Rc::clone(self.devices.get(c.device)?);
        self.bind_group_layouts.free(c.layout)?;
        if let Some(refusal) = self.bind_group_layouts.refusal() {
            self.out_of_memory(&device, CALL, c.label, &refusal);
            let id = invalid_layout(&device);
            let (object, slots) = (Object { id, device }, slots(&[]));
            return self.bind_group_layouts.insert(c.layout, BindGroupLayout { object, slots });
        }
        let label = convert::label(c.label);
        let entries: Result<Vec<_>, _> = c.entries.iter().map(layout_entry).collect();
        let slots = slots(entries.as_deref().unwrap_or_default());
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
        let object = Object { id, device };
        self.bind_group_layouts.insert(c.layout, BindGroupLayout { object, slots })
    }

    pub(super) fn create_pipeline_layout(&mut self, c: CreatePipelineLayout<'_>) -> Outcome {
        check_list(&c.bind_group_layouts)?;
        let device = Rc::clone(self.devices.get(c.device)?);
        self.pipeline_layouts.vacant(c.layout)?;
        let layouts = c
            .bind_group_layouts
            .iter()
            .map(|&id| id.map(|id| self.bind_group_layouts.get(id)).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        let layout = layouts.iter().map(|layout| layout.map(|layout| Rc::clone(&layout.slots))).collect();
        let layouts = layouts.into_iter().map(|layout| layout.map(|layout| layout.id)).collect();
        let descriptor = bm::PipelineLayoutDescriptor {
            label: convert::label(c.label),
            bind_group_layouts: Cow::Owned(layouts),
            immediate_size: c.immediate_size,
        };
        let made = device.global.device_create_pipeline_layout(device.id, &descriptor, None);
        let id = device.created("GPUDevice.createPipelineLayout", c.label, made);
        let (object, immediates) = (Object { id, device }, c.immediate_size);
        self.pipeline_layouts.insert(c.layout, PipelineLayout { object, immediates, layout })
    }

    pub(super) fn create_bind_group(&mut self, c: CreateBindGroup<'_>) -> Outcome {
        check_list(&c.entries)?;
        let device = Rc::clone(self.devices.get(c.device)?);
        self.bind_groups.vacant(c.bind_group)?;
        let layout = self.bind_group_layouts.get(c.layout)?;
        let (layout, slots) = (layout.id, Rc::clone(&layout.slots));
        let mut made_for = MadeFor::default();
        let entries: Result<_, _> =
            c.entries.iter().map(|entry| self.bind_group_entry(&device, entry, &mut made_for)).collect();
        let made = entries.map(|entries| {
            let label = convert::label(c.label);
            let descriptor = bm::BindGroupDescriptor { label, layout, entries: Cow::Owned(entries) };
            let made = device.global.device_create_bind_group(device.id, &descriptor, None);
            device.created("GPUDevice.createBindGroup", c.label, made)
        });
        // The bind group keeps its views alive.
        for view in made_for.views {
            device.global.texture_view_drop(view);
        }
        drop(made_for.stand_ins);
        let of = |binding| c.entries.iter().find(|entry| entry.binding == binding);
        let bindings = Rc::new(Bindings::new(&slots, |binding| self.overlapping(of(binding)?.resource)));
        let object = Object { id: made?, device };
        self.bind_groups.insert(c.bind_group, BindGroup { object, bindings })
    }

    /// The bound range of a resource that can overlap others.
    fn overlapping(&self, resource: BindingResource) -> Option<Resource> {
        Some(match resource {
            BindingResource::Buffer { buffer, offset, size } => {
                let buffer = self.buffers.get(buffer).ok()?;
                let size = size.unwrap_or_else(|| buffer.size.saturating_sub(offset));
                Resource::Buffer(buffer.id, offset..offset.saturating_add(size))
            }
            BindingResource::Texture(texture) => {
                let made = &self.textures.get(texture).ok()?.made;
                Resource::Texture(Rc::clone(made), 0..u32::MAX, 0..u32::MAX)
            }
            BindingResource::TextureView(view) => {
                let view = self.texture_views.get(view).ok()?;
                let range = &view.descriptor.range;
                let part =
                    |start: u32, count: Option<u32>| start..count.map_or(u32::MAX, |count| start.saturating_add(count));
                let levels = part(range.base_mip_level, range.mip_level_count);
                let layers = part(range.base_array_layer, view.layers());
                Resource::Texture(Rc::clone(&view.texture), levels, layers)
            }
            BindingResource::Sampler(_) => return None,
        })
    }

    fn bind_group_entry(
        &mut self,
        device: &Rc<Device>,
        entry: &BindGroupEntry,
        made_for: &mut MadeFor,
    ) -> Result<bm::BindGroupEntry<'static>, Violation> {
        let resource = match entry.resource {
            BindingResource::Buffer { buffer, offset, size } => {
                let id = self.buffers.get(buffer)?.id;
                let ours = Rc::ptr_eq(&self.buffers.get(buffer)?.device, device);
                let buffer = match ours.then(|| self.buffer_stand_in(device, buffer)).flatten() {
                    Some((stand_in, kept)) => {
                        made_for.stand_ins.push(kept);
                        stand_in
                    }
                    None => id,
                };
                bm::BindingResource::Buffer(bm::BufferBinding { buffer, offset, size })
            }
            BindingResource::Sampler(sampler) => bm::BindingResource::Sampler(self.samplers.get(sampler)?.id),
            BindingResource::Texture(texture) => {
                let texture = self.textures.get(texture)?;
                let descriptor = TextureViewDescriptor::default();
                let (texture, made) = (texture.id, Rc::clone(&texture.made));
                if let Some(view) = self.stand_in_for(device, &made, &descriptor, made_for) {
                    return Ok(bm::BindGroupEntry {
                        binding: entry.binding,
                        resource: bm::BindingResource::TextureView(view),
                    });
                }
                let (view, error) = device.global.texture_create_view(texture, &descriptor, None);
                if let Some(error) = error {
                    // The invalid view makes the bind group invalid, whose error is reported once.
                    tracing::debug!("the default view of a bound texture is invalid: {error}");
                }
                made_for.views.push(view);
                bm::BindingResource::TextureView(view)
            }
            BindingResource::TextureView(view) => {
                let view = self.texture_views.get(view)?;
                let (id, made, descriptor) = (view.id, Rc::clone(&view.texture), view.descriptor.clone());
                let ours = Rc::ptr_eq(&view.device, device);
                let stand_in = ours.then(|| self.stand_in_for(device, &made, &descriptor, made_for)).flatten();
                bm::BindingResource::TextureView(stand_in.unwrap_or(id))
            }
        };
        Ok(bm::BindGroupEntry { binding: entry.binding, resource })
    }

    /// A view of a stand-in for a destroyed texture; `None` for any other texture, or above the memory quota.
    fn stand_in_for(
        &mut self,
        device: &Rc<Device>,
        made: &Made,
        descriptor: &TextureViewDescriptor<'_>,
        made_for: &mut MadeFor,
    ) -> Option<TextureViewId> {
        if !made.needs_stand_in() {
            return None;
        }
        let (view, stand_in) = self.view_stand_in(device, made, descriptor).ok()?;
        made_for.views.push(view);
        made_for.stand_ins.push(stand_in);
        Some(view)
    }
}

/// Temporary objects of one bind group's creation.
#[derive(Default)]
struct MadeFor {
    views: Vec<TextureViewId>,
    stand_ins: Vec<StandIn>,
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
