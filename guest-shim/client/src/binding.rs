//! `GPUBindGroupLayout`, `GPUPipelineLayout`, `GPUBindGroup`, and how encoders bind one.

use airlock_protocol::{
    Record,
    commands::{
        binding::{
            self as wire, BindingType, BufferBindingType, CreateBindGroup, CreateBindGroupLayout, CreatePipelineLayout,
            SamplerBindingType, ShaderStage, StorageTextureAccess, TextureSampleType,
        },
        texture::{TextureFormat, TextureViewDimension},
    },
    ids::{BindGroupId, Id},
};

use crate::{
    buffer::Buffer,
    client::Client,
    device::{Device, DeviceState},
    object::{Base, DeviceObject, bounded, objects},
    texture::{Sampler, Texture, TextureView},
};

objects! {
    /// `GPUBindGroupLayout`.
    BindGroupLayout: BindGroupLayoutId {}
    /// `GPUPipelineLayout`.
    PipelineLayout: PipelineLayoutId {}
    /// `GPUBindGroup`.
    BindGroup: BindGroupId {}
}

/// `GPUBindGroupLayoutEntry`. Exactly one kind of binding is valid.
#[derive(Clone, Copy, Debug)]
pub struct BindGroupLayoutEntry {
    /// The binding's number.
    pub binding: u32,
    /// Which stages see it.
    pub visibility: ShaderStage,
    /// A buffer.
    pub buffer: Option<BufferBindingLayout>,
    /// A sampler.
    pub sampler: Option<SamplerBindingLayout>,
    /// A texture that is sampled.
    pub texture: Option<TextureBindingLayout>,
    /// A texture that is stored to.
    pub storage_texture: Option<StorageTextureBindingLayout>,
}

/// `GPUBufferBindingLayout`.
#[derive(Clone, Copy, Debug, Default)]
pub struct BufferBindingLayout {
    /// Uniform by default.
    pub ty: Option<BufferBindingType>,
    /// False by default.
    pub has_dynamic_offset: Option<bool>,
    /// In bytes; 0 by default.
    pub min_binding_size: Option<u64>,
}

/// `GPUSamplerBindingLayout`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SamplerBindingLayout {
    /// Filtering by default.
    pub ty: Option<SamplerBindingType>,
}

/// `GPUTextureBindingLayout`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextureBindingLayout {
    /// Float by default.
    pub sample_type: Option<TextureSampleType>,
    /// Two dimensions by default.
    pub view_dimension: Option<TextureViewDimension>,
    /// False by default.
    pub multisampled: Option<bool>,
}

/// `GPUStorageTextureBindingLayout`.
#[derive(Clone, Copy, Debug)]
pub struct StorageTextureBindingLayout {
    /// For writing only by default.
    pub access: Option<StorageTextureAccess>,
    /// The format.
    pub format: TextureFormat,
    /// Two dimensions by default.
    pub view_dimension: Option<TextureViewDimension>,
}

/// `GPUBindGroupEntry`.
#[derive(Clone, Copy, Debug)]
pub struct BindGroupEntry<'a> {
    /// The binding's number.
    pub binding: u32,
    /// The bound resource.
    pub resource: BindingResource<'a>,
}

/// `GPUBindingResource`.
#[derive(Clone, Copy, Debug)]
pub enum BindingResource<'a> {
    /// A part of a buffer.
    Buffer {
        /// The buffer.
        buffer: &'a Buffer,
        /// In bytes; 0 by default.
        offset: Option<u64>,
        /// In bytes; the rest of the buffer by default.
        size: Option<u64>,
    },
    /// A sampler.
    Sampler(&'a Sampler),
    /// A texture, in its default view.
    Texture(&'a Texture),
    /// A view of a texture.
    TextureView(&'a TextureView),
}

impl Device {
    /// `GPUDevice.createBindGroupLayout`.
    pub fn create_bind_group_layout(
        &self,
        client: &mut Client,
        label: Option<String>,
        entries: Vec<BindGroupLayoutEntry>,
    ) -> BindGroupLayout {
        let device = &self.state;
        let base = Base::new(client, device, label);
        base.encode(client, |layout| CreateBindGroupLayout {
            device: device.id,
            layout,
            label: &base.label,
            entries: bounded(entries).iter().map(layout_entry).collect(),
        });
        BindGroupLayout { base }
    }

    /// `GPUDevice.createPipelineLayout`. Bytes of immediates are 0 by default.
    pub fn create_pipeline_layout(
        &self,
        client: &mut Client,
        label: Option<String>,
        bind_group_layouts: Vec<Option<&BindGroupLayout>>,
        immediate_size: Option<u32>,
    ) -> PipelineLayout {
        let device = &self.state;
        let mut ids = Vec::with_capacity(bind_group_layouts.len());
        for layout in bounded(bind_group_layouts) {
            ids.push(match layout {
                Some(layout) => match layout.base.name(client, device) {
                    Some(id) => Some(id),
                    None => return PipelineLayout { base: Base::inert(device, label) },
                },
                None => None,
            });
        }
        let base = Base::new(client, device, label);
        base.encode(client, |layout| CreatePipelineLayout {
            device: device.id,
            layout,
            label: &base.label,
            bind_group_layouts: ids,
            immediate_size: immediate_size.unwrap_or(0),
        });
        PipelineLayout { base }
    }

    /// `GPUDevice.createBindGroup`.
    pub fn create_bind_group(
        &self,
        client: &mut Client,
        label: Option<String>,
        layout: &BindGroupLayout,
        entries: Vec<BindGroupEntry<'_>>,
    ) -> BindGroup {
        let device = &self.state;
        let layout = layout.base.name(client, device);
        let mut named = Vec::with_capacity(entries.len());
        let mut complete = true;
        for BindGroupEntry { binding, resource } in bounded(entries) {
            match resource.name(client, device) {
                Some(resource) => named.push(wire::BindGroupEntry { binding, resource }),
                None => complete = false,
            }
        }
        let Some(layout) = layout.filter(|_| complete) else {
            return BindGroup { base: Base::inert(device, label) };
        };
        let base = Base::new(client, device, label);
        base.encode(client, |bind_group| CreateBindGroup {
            device: device.id,
            bind_group,
            label: &base.label,
            layout,
            entries: named,
        });
        BindGroup { base }
    }
}

impl BindingResource<'_> {
    fn name(self, client: &mut Client, device: &DeviceState) -> Option<wire::BindingResource> {
        match self {
            Self::Buffer { buffer, offset, size } => {
                let buffer = buffer.base().name(client, device)?;
                Some(wire::BindingResource::Buffer { buffer, offset: offset.unwrap_or(0), size })
            }
            Self::Sampler(sampler) => sampler.base.name(client, device).map(wire::BindingResource::Sampler),
            Self::Texture(texture) => texture.base.name(client, device).map(wire::BindingResource::Texture),
            Self::TextureView(view) => view.base.name(client, device).map(wire::BindingResource::TextureView),
        }
    }
}

fn layout_entry(entry: &BindGroupLayoutEntry) -> wire::BindGroupLayoutEntry {
    let view = |dimension: Option<TextureViewDimension>| dimension.unwrap_or(TextureViewDimension::D2);
    let buffer = entry.buffer.map(|layout| BindingType::Buffer {
        ty: layout.ty.unwrap_or(BufferBindingType::Uniform),
        has_dynamic_offset: layout.has_dynamic_offset.unwrap_or(false),
        min_binding_size: layout.min_binding_size.unwrap_or(0),
    });
    let sampler = entry.sampler.map(|layout| BindingType::Sampler(layout.ty.unwrap_or(SamplerBindingType::Filtering)));
    let texture = entry.texture.map(|layout| BindingType::Texture {
        sample_type: layout.sample_type.unwrap_or(TextureSampleType::Float),
        view_dimension: view(layout.view_dimension),
        multisampled: layout.multisampled.unwrap_or(false),
    });
    let storage_texture = entry.storage_texture.map(|layout| BindingType::StorageTexture {
        access: layout.access.unwrap_or(StorageTextureAccess::WriteOnly),
        format: layout.format,
        view_dimension: view(layout.view_dimension),
    });
    let mut given = [buffer, sampler, texture, storage_texture].into_iter().flatten();
    let ty = match (given.next(), given.count()) {
        (Some(ty), 0) => ty,
        (first, more) => BindingType::Invalid { given: u32::from(first.is_some()) + more as u32 },
    };
    wire::BindGroupLayoutEntry { binding: entry.binding, visibility: entry.visibility, ty }
}

/// The dynamic offsets of a `setBindGroup`: all of a list, or a part of it (WebGPU, setBindGroup with a Uint32Array).
#[derive(Clone, Debug, Default)]
pub struct DynamicOffsets {
    /// The list; empty by default.
    pub data: Option<Vec<u32>>,
    /// The part's start in the list; 0 by default.
    pub start: Option<u64>,
    /// The part's length; to the end by default.
    pub length: Option<u32>,
}

/// `RangeError`: the part does not lie within the list of dynamic offsets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SetBindGroupError(String);

impl DynamicOffsets {
    fn resolve(self) -> Result<Vec<u32>, SetBindGroupError> {
        let Self { data, start, length } = self;
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
            None => Err(SetBindGroupError(format!(
                "start {first} and length {length:?} do not lie within {} dynamic offsets",
                data.len()
            ))),
        }
    }
}

/// `setBindGroup` of all three encoders.
pub(crate) fn set_bind_group<I: Id, C: Record>(
    encoder: &Base<I>,
    client: &mut Client,
    bind_group: Option<&BindGroup>,
    offsets: DynamicOffsets,
    command: impl FnOnce(I, Option<BindGroupId>, Vec<u32>) -> C,
) -> Result<(), SetBindGroupError> {
    let offsets = offsets.resolve()?;
    let bind_group = bind_group.map(|group| &group.base);
    encoder.encode_with_option(client, bind_group, |encoder, group| command(encoder, group, offsets));
    Ok(())
}
