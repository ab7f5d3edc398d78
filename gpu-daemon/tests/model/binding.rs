//! `GPUBindGroupLayout` and `GPUBindGroup` with one binding.

use airlock_protocol::{
    commands::{binding::*, buffer::BufferUsage, texture::*},
    ids::BufferId,
};

use crate::{
    compute::{Bound, Group},
    model::{Layout, Model, Texture, Verdict, View},
    texture::format,
};

impl Model {
    pub fn create_layout(&mut self, c: &CreateBindGroupLayout<'_>) -> Verdict {
        let entry = c.entries.first().copied();
        let valid = c.entries.len() == 1 && entry.is_some_and(|entry| is_layout(&entry));
        self.layouts.insert(c.layout.0, Layout(entry.filter(|_| valid)));
        Some(!valid)
    }

    pub fn create_group(&mut self, c: &CreateBindGroup<'_>) -> Verdict {
        let layout = self.layouts.get(&c.layout.0)?;
        let (mut valid, mut bound_by) = (c.entries.len() == 1, None);
        for entry in &c.entries {
            let fits = match entry.resource {
                BindingResource::Buffer { buffer: BufferId(buffer_id), offset, size } => {
                    let buffer = self.buffers.get(&buffer_id)?;
                    let rest = buffer.size.checked_sub(offset);
                    let bound = size.or(rest).unwrap_or(0);
                    bound_by = Some(Bound::Buffer(buffer_id, offset, bound));
                    let within = offset.checked_add(bound).is_some_and(|end| end <= buffer.size) && rest.is_some();
                    layout.0.is_some_and(|entry| match entry.ty {
                        BindingType::Buffer { ty, min_binding_size, .. } => {
                            let (usage, most, alignment) = match ty {
                                BufferBindingType::Uniform => (BufferUsage::UNIFORM, 64 << 10, 256),
                                _ => (BufferUsage::STORAGE, 128 << 20, 256),
                            };
                            let words = ty == BufferBindingType::Uniform || bound.is_multiple_of(4);
                            buffer.valid
                                && within
                                && bound > 0
                                && buffer.usage.contains(usage)
                                && offset.is_multiple_of(alignment)
                                && bound <= most
                                && bound >= min_binding_size
                                && words
                        }
                        _ => false,
                    })
                }
                BindingResource::TextureView(view) => {
                    let view = self.views.get(&view.0)?;
                    let texture = self.textures.get(&view.texture)?;
                    bound_by = Some(Bound::Texture(view.texture));
                    layout.0.is_some_and(|entry| is_bound(&entry, view, texture))
                }
                _ => false,
            };
            valid &= fits && layout.0.is_some_and(|of| of.binding == entry.binding);
        }
        self.groups.insert(c.bind_group.0, Group { valid, layout: layout.0, bound: bound_by });
        Some(!valid)
    }
}

fn is_layout(entry: &BindGroupLayoutEntry) -> bool {
    let in_vertex = entry.visibility.contains(ShaderStage::VERTEX);
    entry.binding < 1000
        && match entry.ty {
            BindingType::Buffer { ty, .. } => ty != BufferBindingType::Storage || !in_vertex,
            BindingType::Texture { sample_type, view_dimension, multisampled } => {
                !multisampled || (view_dimension == TextureViewDimension::D2 && sample_type != TextureSampleType::Float)
            }
            BindingType::StorageTexture { access, format: of, view_dimension } => {
                let flat = !matches!(view_dimension, TextureViewDimension::Cube | TextureViewDimension::CubeArray);
                let both = access != StorageTextureAccess::ReadWrite || of == TextureFormat::R32float;
                let written = access != StorageTextureAccess::ReadOnly;
                flat && format(of).storage && both && !(written && in_vertex)
            }
            _ => true,
        }
}

fn is_bound(entry: &BindGroupLayoutEntry, view: &View, texture: &Texture) -> bool {
    let of = format(texture.format);
    let depth = of.depth && view.aspect != TextureAspect::StencilOnly;
    let one_aspect = of.is_color() || view.aspect != TextureAspect::All || of.depth != of.stencil;
    match entry.ty {
        BindingType::Texture { sample_type, view_dimension, multisampled } => {
            let samples = match sample_type {
                TextureSampleType::Float => of.is_color() && texture.format != TextureFormat::R32float,
                TextureSampleType::UnfilterableFloat => of.is_color() || depth,
                TextureSampleType::Depth => depth,
                TextureSampleType::Uint => of.stencil && !depth,
                TextureSampleType::Sint => false,
            };
            view.valid
                && view.usage.contains(TextureUsage::TEXTURE_BINDING)
                && view.dimension == view_dimension
                && multisampled == (texture.samples > 1)
                && one_aspect
                && samples
        }
        BindingType::StorageTexture { format, view_dimension, .. } => {
            view.valid
                && view.usage.contains(TextureUsage::STORAGE_BINDING)
                && view.dimension == view_dimension
                && texture.format == format
                && view.levels == 1
        }
        _ => false,
    }
}
