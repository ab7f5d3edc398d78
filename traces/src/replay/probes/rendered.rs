//! Textures of a session: which of them submitted work has written, and the subjects of their pictures.

use std::collections::{HashMap, HashSet};

use airlock_protocol::{
    Command,
    commands::{
        Effect,
        binding::BindingResource,
        render_pass::{BeginRenderPass, StoreOp},
        texture::{CreateTexture, Extent3d, TextureDimension, TextureFormat, TextureUsage},
    },
    frames,
    ids::{
        BindGroupId, CommandBufferId, CommandEncoderId, ComputePassId, DeviceId, Object, RenderPassId, TextureId,
        TextureViewId,
    },
};

use super::picture::Subject;
use crate::{
    replay::texels::{layouts, resolves},
    schema::facts::Facts,
};

/// Maximum layers of an array, or slices of a volume, that are saved of one mip level.
const MAX_LAYERS: u32 = 16;

/// The live objects of a session, as far as pictures need them.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Textures with an id.
    pub textures: HashMap<TextureId, Texture>,
    views: HashMap<TextureViewId, TextureId>,
    groups: HashMap<BindGroupId, Vec<TextureId>>,
    /// The encoder of each pass.
    render: HashMap<RenderPassId, CommandEncoderId>,
    compute: HashMap<ComputePassId, CommandEncoderId>,
    /// The textures that an encoder writes.
    encoders: HashMap<CommandEncoderId, HashSet<TextureId>>,
    finished: HashMap<CommandBufferId, HashSet<TextureId>>,
}

#[derive(Clone, Debug)]
pub(super) struct Texture {
    /// Its device.
    pub device: DeviceId,
    /// The command that made it.
    pub number: u64,
    /// Its label.
    pub label: String,
    /// The frame of a surface that it is, by the label that it was made with.
    pub frame: Option<u64>,
    size: Extent3d,
    mip_levels: u32,
    samples: u32,
    dimension: TextureDimension,
    format: TextureFormat,
    /// Its usage in the replay, with copies allowed where that is possible.
    pub usage: TextureUsage,
    /// Submitted work has written it.
    pub written: bool,
    /// The guest has dropped it, and the drop is held back.
    pub held: bool,
}

impl Texture {
    /// A texture that a command makes.
    pub fn new(number: u64, c: &CreateTexture<'_>) -> Self {
        // A texture without writes need not be copied; an invalid usage must stay so; a transient attachment and
        // several samples cannot be copied.
        let writes = c.usage.intersects(TextureUsage::RENDER_ATTACHMENT | TextureUsage::STORAGE_BINDING);
        let can = writes && !c.usage.contains(TextureUsage::TRANSIENT_ATTACHMENT) && c.sample_count == 1;
        Self {
            device: c.device,
            number,
            label: c.label.to_owned(),
            frame: frames::number(c.label),
            size: c.size,
            mip_levels: c.mip_level_count,
            samples: c.sample_count,
            dimension: c.dimension,
            format: c.format,
            usage: if can { c.usage | TextureUsage::COPY_SRC } else { c.usage },
            written: false,
            held: false,
        }
    }

    /// Its pictures, each with its file name's suffix.
    pub fn subjects(&self, texture: TextureId) -> Result<Vec<(String, Subject)>, String> {
        let format = self.format;
        let layouts = layouts(format);
        let multisampled = self.samples > 1;
        if self.usage.contains(TextureUsage::TRANSIENT_ATTACHMENT) {
            return Err("what a pass keeps for itself cannot be copied".to_owned());
        }
        if layouts.is_empty() || (multisampled && !resolves(format)) {
            let samples = if multisampled { format!(" with {} samples", self.samples) } else { String::new() };
            return Err(format!("{format:?}{samples} cannot be copied and shown"));
        }
        let mut subjects = Vec::new();
        for layout in layouts {
            for mip_level in 0..self.mip_levels.min(32) {
                let at = |size: u32| size.checked_shr(mip_level).unwrap_or(0).max(1);
                let (width, height) = (at(self.size.width), at(self.size.height));
                let layers = match self.dimension {
                    TextureDimension::D3 => at(self.size.depth_or_array_layers),
                    TextureDimension::D1 | TextureDimension::D2 => self.size.depth_or_array_layers,
                };
                for layer in 0..layers.min(MAX_LAYERS) {
                    let mip = if mip_level > 0 { format!("-mip{mip_level}") } else { String::new() };
                    let part = if layer > 0 { format!("-layer{layer}") } else { String::new() };
                    let (device, size) = (self.device, (width, height));
                    let subject = Subject { device, texture, format, multisampled, layout, size, mip_level, layer };
                    subjects.push((format!("{}{mip}{part}", layout.suffix), subject));
                }
            }
        }
        Ok(subjects)
    }
}

impl Session {
    /// Processes a command that was sent.
    pub fn command(&mut self, command: &Command<'_>) {
        match command.description().effect {
            Effect::Label => {
                if let Some((Object::Texture(id), label)) = command.label()
                    && let Some(texture) = self.textures.get_mut(&id).filter(|texture| !texture.held)
                {
                    texture.label = label.to_owned();
                }
            }
            Effect::Create => self.creates(command),
            Effect::Begin => self.begins(command),
            Effect::Record => self.records(command),
            Effect::Finish => {
                if let Command::FinishCommandEncoder(c) = command {
                    let written = self.encoders.remove(&c.encoder).unwrap_or_default();
                    self.finished.insert(c.command_buffer, written);
                }
            }
            Effect::Submit => {
                for object in Facts::of(command).objects {
                    let Object::CommandBuffer(buffer) = object else { continue };
                    for texture in self.finished.remove(&buffer).into_iter().flatten() {
                        self.textures.get_mut(&texture).into_iter().for_each(|texture| texture.written = true);
                    }
                }
            }
            Effect::Drop => Facts::of(command).drops.into_iter().for_each(|object| self.dropped(object)),
            // Texels that the guest wrote itself are not saved; the other effects write none.
            Effect::Write
            | Effect::Stage
            | Effect::Map
            | Effect::Unmap
            | Effect::Destroy
            | Effect::PushScope
            | Effect::PopScope
            | Effect::Raise
            | Effect::Query => {}
        }
    }

    fn creates(&mut self, command: &Command<'_>) {
        if let Command::CreateTextureView(c) = command {
            self.views.insert(c.view, c.texture);
        } else if let Command::CreateBindGroup(c) = command {
            let textures = c.entries.iter().filter_map(|entry| match entry.resource {
                BindingResource::Texture(texture) => Some(texture),
                BindingResource::TextureView(view) => self.views.get(&view).copied(),
                BindingResource::Buffer { .. } | BindingResource::Sampler(_) => None,
            });
            let textures: Vec<_> = textures.filter(|texture| self.is_storage(*texture)).collect();
            self.groups.insert(c.bind_group, textures);
        }
    }

    fn begins(&mut self, command: &Command<'_>) {
        if let Command::BeginRenderPass(c) = command {
            self.render.insert(c.pass, c.encoder);
            let textures = self.attachments(c);
            self.encoders.entry(c.encoder).or_default().extend(textures);
        } else if let Command::BeginComputePass(c) = command {
            self.compute.insert(c.pass, c.encoder);
        }
    }

    fn records(&mut self, command: &Command<'_>) {
        if let Command::RenderPassSetBindGroup(c) = command {
            self.bind(self.render.get(&c.pass).copied(), c.bind_group);
        } else if let Command::ComputePassSetBindGroup(c) = command {
            self.bind(self.compute.get(&c.pass).copied(), c.bind_group);
        } else if let Command::CopyTextureToBuffer(c) = command {
            self.encoders.entry(c.encoder).or_default().extend([c.source.texture]);
        }
    }

    fn dropped(&mut self, object: Object) {
        match object {
            Object::TextureView(view) => drop(self.views.remove(&view)),
            Object::BindGroup(group) => drop(self.groups.remove(&group)),
            Object::RenderPass(pass) => drop(self.render.remove(&pass)),
            Object::ComputePass(pass) => drop(self.compute.remove(&pass)),
            Object::CommandEncoder(encoder) => drop(self.encoders.remove(&encoder)),
            Object::CommandBuffer(buffer) => drop(self.finished.remove(&buffer)),
            _ => {}
        }
    }

    fn is_storage(&self, texture: TextureId) -> bool {
        self.textures.get(&texture).is_some_and(|texture| texture.usage.contains(TextureUsage::STORAGE_BINDING))
    }

    /// Textures that a pass writes and stores: discarded contents cannot be read.
    fn attachments(&self, pass: &BeginRenderPass<'_>) -> Vec<TextureId> {
        let colors = pass.color_attachments.iter().flatten().flat_map(|attachment| {
            let kept = (attachment.store_op == StoreOp::Store).then_some(attachment.view);
            [kept, attachment.resolve_target]
        });
        let depth = pass.depth_stencil_attachment.as_ref().filter(|attachment| {
            [attachment.depth_store_op, attachment.stencil_store_op].contains(&Some(StoreOp::Store))
        });
        let views = colors.chain([depth.map(|attachment| attachment.view)]).flatten();
        views.filter_map(|view| self.views.get(&view).copied()).collect()
    }

    fn bind(&mut self, encoder: Option<CommandEncoderId>, group: Option<BindGroupId>) {
        let textures = group.and_then(|group| self.groups.get(&group));
        if let (Some(encoder), Some(textures)) = (encoder, textures) {
            self.encoders.entry(encoder).or_default().extend(textures);
        }
    }

    /// True for a texture that can be written without its id.
    pub fn is_used(&self, id: TextureId) -> bool {
        self.views.values().any(|&texture| texture == id)
            || self.groups.values().flatten().any(|&texture| texture == id)
            || self.encoders.values().chain(self.finished.values()).any(|written| written.contains(&id))
    }

    /// Removes a texture from the session.
    pub fn forget(&mut self, id: TextureId) -> Option<Texture> {
        let texture = self.textures.remove(&id)?;
        self.views.retain(|_, texture| *texture != id);
        self.groups.values_mut().for_each(|textures| textures.retain(|texture| *texture != id));
        for written in self.encoders.values_mut().chain(self.finished.values_mut()) {
            written.remove(&id);
        }
        Some(texture)
    }
}
