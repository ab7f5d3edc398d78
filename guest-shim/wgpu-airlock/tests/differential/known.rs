//! The valid objects of a program, as far as the generator needs to know them.

use wgpu::{BindingType, BufferUsages, TextureFormat};

use crate::generate::CODE;
use crate::op::Op;

/// Objects by their numbers; `None` for an invalid or destroyed one.
#[derive(Default)]
pub struct Known {
    /// Size and usage.
    pub buffers: Vec<Option<(u64, BufferUsages)>>,
    pub textures: Vec<Option<Texture>>,
    /// The texture as the view shows it.
    pub views: Vec<Option<Texture>>,
    pub samplers: Vec<Option<()>>,
    pub layouts: Vec<Option<Layout>>,
    pub groups: Vec<Option<Group>>,
    /// Index of the code.
    pub modules: Vec<Option<usize>>,
    /// Index of the code.
    pub compute_pipelines: Vec<Option<usize>>,
    pub render_pipelines: Vec<Option<Pipeline>>,
    pub query_sets: Vec<Option<()>>,
}

/// A pipeline whose layout was made for it, which only groups of that layout fit: true for a compute pipeline, and its number.
pub type Owner = (bool, usize);

#[derive(Clone, Default)]
pub struct Layout {
    /// Numbers and types of the bindings.
    pub entries: Vec<(u32, BindingType)>,
    pub owner: Option<Owner>,
}

#[derive(Clone, Copy)]
pub struct Group {
    /// Number of dynamic offsets.
    pub dynamic: usize,
    pub owner: Option<Owner>,
}

#[derive(Clone, Copy)]
pub struct Texture {
    pub size: [u32; 3],
    pub mips: u32,
    pub samples: u32,
    pub format: TextureFormat,
    /// Bytes of a texel; 0 for a compressed or planar format.
    pub texel: u32,
    /// A render pass can draw to it.
    pub is_target: bool,
}

#[derive(Clone, Copy)]
pub struct Pipeline {
    pub code: usize,
    pub target: TextureFormat,
    pub samples: u32,
}

impl Known {
    /// Notes a call and whether it succeeded.
    pub fn note(&mut self, op: &Op, succeeded: bool) {
        match op {
            Op::CreateBuffer { size, usage, mapped } => {
                self.buffers.push((succeeded && !mapped).then_some((*size, *usage)));
            }
            Op::CreateTexture { size, mips, samples, format, usage, .. } => {
                let texel = format.block_copy_size(None).filter(|_| !format.is_compressed()).unwrap_or(0);
                let is_target = usage.contains(wgpu::TextureUsages::RENDER_ATTACHMENT) && size[2] == 1 && *mips == 1;
                let (size, mips, samples, format) = (*size, *mips, *samples, *format);
                self.textures.push(succeeded.then_some(Texture { size, mips, samples, format, texel, is_target }));
            }
            Op::CreateView { texture, format, mips, layers, .. } => {
                let view = self.textures.get(*texture).copied().flatten().map(|texture| Texture {
                    format: format.unwrap_or(texture.format),
                    is_target: texture.is_target || mips.1 == Some(1) && layers.1 == Some(1),
                    ..texture
                });
                self.views.push(view.filter(|_| succeeded));
            }
            Op::CreateSampler { .. } => self.samplers.push(succeeded.then_some(())),
            Op::CreateLayout { entries } => {
                let entries = entries.iter().map(|entry| (entry.binding, entry.ty)).collect();
                self.layouts.push(succeeded.then_some(Layout { entries, owner: None }));
            }
            Op::LayoutOf { pipeline, compute, index } => {
                let code = if *compute {
                    self.compute_pipelines.get(*pipeline).copied().flatten()
                } else {
                    self.render_pipelines.get(*pipeline).copied().flatten().map(|pipeline| pipeline.code)
                };
                let code = code.filter(|_| succeeded && *index == 0);
                let owner = Some((*compute, *pipeline));
                self.layouts.push(code.map(|code| Layout { entries: bindings(code), owner }));
            }
            Op::CreateGroup { layout, .. } => {
                let Layout { entries, owner } = self.layouts.get(*layout).cloned().flatten().unwrap_or_default();
                let dynamic =
                    entries.iter().filter(|(_, ty)| matches!(ty, BindingType::Buffer { has_dynamic_offset: true, .. }));
                let dynamic = dynamic.count();
                self.groups.push(succeeded.then_some(Group { dynamic, owner }));
            }
            Op::CreateModule { code } => {
                let code = CODE.iter().position(|other| other == code);
                self.modules.push(code.filter(|_| succeeded));
            }
            Op::CreateComputePipeline { module, .. } => {
                self.compute_pipelines.push(self.modules.get(*module).copied().flatten().filter(|_| succeeded));
            }
            Op::CreateRenderPipeline { module, target, samples, .. } => {
                let code = self.modules.get(*module).copied().flatten().filter(|_| succeeded);
                let (target, samples) = (*target, *samples);
                self.render_pipelines.push(code.map(|code| Pipeline { code, target, samples }));
            }
            Op::CreateQuerySet { ty, .. } => {
                self.query_sets.push((succeeded && matches!(ty, wgpu::QueryType::Occlusion)).then_some(()));
            }
            Op::Unmap { .. } => {}
            Op::DestroyBuffer { buffer } => forget(&mut self.buffers, *buffer),
            Op::DestroyTexture { texture } => forget(&mut self.textures, *texture),
            Op::DestroyQuerySet { set } => forget(&mut self.query_sets, *set),
            _ => {}
        }
    }
}

fn forget<T>(objects: &mut [Option<T>], index: usize) {
    if let Some(object) = objects.get_mut(index) {
        *object = None;
    }
}

/// Bindings of the group 0 of a code.
fn bindings(code: usize) -> Vec<(u32, BindingType)> {
    let buffer = |ty| BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None };
    let (storage, uniform) =
        (buffer(wgpu::BufferBindingType::Storage { read_only: false }), buffer(wgpu::BufferBindingType::Uniform));
    let texture = BindingType::Texture {
        sample_type: wgpu::TextureSampleType::Float { filterable: true },
        view_dimension: wgpu::TextureViewDimension::D2,
        multisampled: false,
    };
    match code {
        0 => vec![(0, storage)],
        1 => vec![(0, storage), (1, uniform)],
        3 => vec![(0, uniform)],
        4 => vec![(0, texture), (1, BindingType::Sampler(wgpu::SamplerBindingType::Filtering))],
        _ => Vec::new(),
    }
}
