//! Saves what was rendered.
//!
//! A texture's picture is taken when it is about to go: when it is destroyed, when its id is used again, and at the
//! session's end. A guest may drop a texture whose view it goes on rendering to; such a drop is held back until then.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
};

use airlock_protocol::{
    Command, Event,
    commands::{
        binding::BindingResource,
        render_pass::{BeginRenderPass, StoreOp},
        session::SetLabel,
        texture::{CreateTexture, Extent3d, TextureDimension, TextureUsage},
    },
    ids::{
        BindGroupId, CommandBufferId, CommandEncoderId, ComputePassId, DeviceId, Id, Object, RenderPassId, TextureId,
        TextureViewId,
    },
};

use crate::replay::{Inject, Probe};

use super::{
    FreeIds, Saved, drop_object, file_name,
    format::{layouts, resolves},
    picture::{IDS, Picture, Subject},
    write_file,
};

/// Layers of an array, or slices of a volume, that are saved of one mip level.
const MAX_LAYERS: u32 = 16;

/// Pictures of one replay. A run may make a texture for every frame.
const MAX_PICTURES: usize = 10_000;

/// Lines about what was not saved.
const MAX_NOTES: usize = 1_000;

/// Writes every texture that was rendered to, written as storage or copied to a buffer, as `NNN-label.png` with the number
/// of the command that made it, in its last state. Only what was submitted counts. Further mip levels and layers have
/// `-mip1` and `-layer1` in their names.
#[derive(Debug)]
pub struct SaveImages {
    folder: PathBuf,
    ids: FreeIds,
    sessions: HashMap<u32, Session>,
    /// Pictures on their way, by the number of their map.
    waiting: HashMap<u64, (String, Picture)>,
    /// Scopes around pictures.
    scopes: HashMap<u64, String>,
    saved: Saved,
    error: Option<io::Error>,
}

/// What is alive in a session, as far as pictures go.
#[derive(Debug, Default)]
struct Session {
    textures: HashMap<TextureId, Texture>,
    views: HashMap<TextureViewId, TextureId>,
    groups: HashMap<BindGroupId, Vec<TextureId>>,
    /// The encoder of each pass.
    render: HashMap<RenderPassId, CommandEncoderId>,
    compute: HashMap<ComputePassId, CommandEncoderId>,
    /// What an encoder has written.
    encoders: HashMap<CommandEncoderId, HashSet<TextureId>>,
    finished: HashMap<CommandBufferId, HashSet<TextureId>>,
}

#[derive(Clone, Debug)]
struct Texture {
    device: DeviceId,
    number: u64,
    label: String,
    size: Extent3d,
    mip_levels: u32,
    samples: u32,
    dimension: TextureDimension,
    format: airlock_protocol::commands::texture::TextureFormat,
    usage: TextureUsage,
    /// Submitted work has written it.
    written: bool,
    /// The guest has dropped it, and the drop is held back.
    held: bool,
}

impl SaveImages {
    /// Writes into a folder, which is made if it is not there. The probe takes some of the free ids.
    pub fn new(folder: &Path, free: &mut FreeIds) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            ids: free.take(IDS),
            sessions: HashMap::new(),
            waiting: HashMap::new(),
            scopes: HashMap::new(),
            saved: Saved::default(),
            error: None,
        })
    }

    /// What was saved; an error where a file could not be written.
    pub fn finish(mut self) -> io::Result<Saved> {
        let unanswered: Vec<_> = self.waiting.drain().map(|(_, (name, _))| name).collect();
        unanswered.iter().for_each(|name| self.note(name, "the replay ended before its texels came"));
        self.error.map_or(Ok(self.saved), Err)
    }

    fn note(&mut self, name: &str, why: &str) {
        if self.saved.notes.len() < MAX_NOTES {
            self.saved.notes.push(format!("{name}: {why}"));
        }
    }

    /// Takes the pictures of a texture.
    fn take(&mut self, id: TextureId, texture: &Texture, to: &mut dyn Inject) {
        if !texture.written || self.error.is_some() {
            return;
        }
        let name = file_name(texture.number, &texture.label, Object::Texture(id));
        let subjects = match texture.subjects(id) {
            Ok(subjects) => subjects,
            Err(why) => return self.note(&name, &why),
        };
        for (suffix, subject) in subjects {
            let name = format!("{name}{suffix}.png");
            if self.saved.files.len().saturating_add(self.waiting.len()) >= MAX_PICTURES {
                return self.note(&name, &format!("there are {MAX_PICTURES} pictures already"));
            }
            match subject.take(&self.ids, to) {
                Ok((questions, picture)) => {
                    self.waiting.insert(questions.map.0, (name.clone(), picture));
                    questions.scopes.iter().for_each(|scope| drop(self.scopes.insert(scope.0, name.clone())));
                }
                Err(why) => self.note(&name, &why),
            }
        }
    }

    /// Takes the pictures of a texture that goes, and forgets it.
    fn leave(&mut self, session: u32, id: TextureId, to: &mut dyn Inject) {
        let Some(texture) = self.sessions.entry(session).or_default().forget(id) else { return };
        self.take(id, &texture, to);
        if texture.held {
            drop_object(to, id.object());
        }
    }

    /// A texture is dropped; true when the drop is to be held back.
    fn dropped(&mut self, session: u32, id: TextureId, to: &mut dyn Inject) -> bool {
        let state = self.sessions.entry(session).or_default();
        if state.is_used(id) && let Some(texture) = state.textures.get_mut(&id) {
            texture.held = true;
            return true;
        }
        self.leave(session, id, to);
        false
    }

    fn save(&mut self, name: String, picture: &Picture) {
        let file = match picture.png() {
            Ok(file) => file,
            Err(why) => return self.note(&name, &why),
        };
        match write_file(&self.folder, &name, &file) {
            Ok(()) => self.saved.files.push(name),
            Err(error) => self.error = self.error.take().or(Some(error)),
        }
    }
}

impl Probe for SaveImages {
    fn before(&mut self, session: u32, number: u64, command: &mut Command<'_>, to: &mut dyn Inject) {
        match command {
            Command::CreateTexture(c) => {
                self.leave(session, c.texture, to);
                let texture = Texture::new(number, c);
                c.usage |= texture.usage;
                self.sessions.entry(session).or_default().textures.insert(c.texture, texture);
            }
            Command::DestroyTexture(c) => {
                let texture = self.sessions.entry(session).or_default().textures.get_mut(&c.texture);
                let copy = texture.map(|texture| (texture.clone(), texture.written = false));
                if let Some((texture, ())) = copy {
                    self.take(c.texture, &texture, to);
                }
            }
            Command::DropObject(c) => {
                if let Object::Texture(id) = c.object
                    && self.dropped(session, id, to)
                {
                    // A command that does nothing; the label is not seen by anyone after the drop.
                    *command = SetLabel { object: Object::Texture(id), label: "" }.into();
                }
            }
            _ => {}
        }
    }

    fn after(&mut self, session: u32, _: u64, command: &Command<'_>, _: &mut dyn Inject) {
        self.sessions.entry(session).or_default().command(command);
    }

    fn end(&mut self, session: u32, to: &mut dyn Inject) {
        let state = self.sessions.entry(session).or_default();
        let mut left: Vec<_> = state.textures.iter().map(|(&id, texture)| (texture.number, id)).collect();
        left.sort_unstable();
        left.into_iter().for_each(|(_, id)| self.leave(session, id, to));
        self.sessions.remove(&session);
    }

    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::MapData { request, data } => {
                self.waiting.get_mut(&request.0).into_iter().for_each(|(_, picture)| picture.add(data));
            }
            Event::Mapped { request, result } => {
                let Some((name, picture)) = self.waiting.remove(&request.0) else { return };
                match result {
                    Ok(()) => self.save(name, &picture),
                    Err(error) => self.note(&name, &error.message),
                }
            }
            Event::ScopePopped { request, result } => {
                let Some(name) = self.scopes.remove(&request.0) else { return };
                if let Ok(Some(error)) = result {
                    self.note(&name, &error.message);
                }
            }
            _ => {}
        }
    }
}

impl Texture {
    fn new(number: u64, c: &CreateTexture<'_>) -> Self {
        // What nothing writes need not be copied; an invalid usage must stay so; memory that lives within a pass and samples
        // cannot be copied.
        let writes = c.usage.intersects(TextureUsage::RENDER_ATTACHMENT | TextureUsage::STORAGE_BINDING);
        let can = writes && !c.usage.contains(TextureUsage::TRANSIENT_ATTACHMENT) && c.sample_count == 1;
        Self {
            device: c.device,
            number,
            label: c.label.to_owned(),
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

    /// Its pictures, each with what its name gets.
    fn subjects(&self, texture: TextureId) -> Result<Vec<(String, Subject)>, String> {
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
    /// Commands that were sent.
    fn command(&mut self, command: &Command<'_>) {
        match command {
            Command::SetLabel(c) => {
                if let Object::Texture(id) = c.object
                    && let Some(texture) = self.textures.get_mut(&id).filter(|texture| !texture.held)
                {
                    texture.label = c.label.to_owned();
                }
            }
            Command::CreateTextureView(c) => drop(self.views.insert(c.view, c.texture)),
            Command::CreateBindGroup(c) => {
                let textures = c.entries.iter().filter_map(|entry| match entry.resource {
                    BindingResource::Texture(texture) => Some(texture),
                    BindingResource::TextureView(view) => self.views.get(&view).copied(),
                    BindingResource::Buffer { .. } | BindingResource::Sampler(_) => None,
                });
                let textures: Vec<_> = textures.filter(|texture| self.is_storage(*texture)).collect();
                self.groups.insert(c.bind_group, textures);
            }
            Command::BeginRenderPass(c) => {
                self.render.insert(c.pass, c.encoder);
                let textures = self.attachments(c);
                self.encoders.entry(c.encoder).or_default().extend(textures);
            }
            Command::BeginComputePass(c) => drop(self.compute.insert(c.pass, c.encoder)),
            Command::RenderPassSetBindGroup(c) => self.bind(self.render.get(&c.pass).copied(), c.bind_group),
            Command::ComputePassSetBindGroup(c) => self.bind(self.compute.get(&c.pass).copied(), c.bind_group),
            Command::CopyTextureToBuffer(c) => drop(self.encoders.entry(c.encoder).or_default().insert(c.source.texture)),
            Command::FinishCommandEncoder(c) => {
                let written = self.encoders.remove(&c.encoder).unwrap_or_default();
                self.finished.insert(c.command_buffer, written);
            }
            Command::Submit(c) => {
                for written in c.command_buffers.iter().filter_map(|buffer| self.finished.remove(buffer)) {
                    for texture in written {
                        self.textures.get_mut(&texture).into_iter().for_each(|texture| texture.written = true);
                    }
                }
            }
            Command::DropObject(c) => self.dropped(c.object),
            _ => {}
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

    /// Textures that a pass writes and keeps: what it discards is not there to be seen.
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
    fn is_used(&self, id: TextureId) -> bool {
        self.views.values().any(|&texture| texture == id)
            || self.groups.values().flatten().any(|&texture| texture == id)
            || self.encoders.values().chain(self.finished.values()).any(|written| written.contains(&id))
    }

    fn forget(&mut self, id: TextureId) -> Option<Texture> {
        let texture = self.textures.remove(&id)?;
        self.views.retain(|_, texture| *texture != id);
        self.groups.values_mut().for_each(|textures| textures.retain(|texture| *texture != id));
        for written in self.encoders.values_mut().chain(self.finished.values_mut()) {
            written.remove(&id);
        }
        Some(texture)
    }
}
