//! Saves pictures of textures.
//!
//! A texture's picture is taken just before its contents are lost: when it or its device is destroyed or dropped, when
//! its id is reused, and at the session's end. A guest may drop a texture and go on rendering to its view; such a drop
//! is held back until then.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
};

use airlock_protocol::{
    Command, Event,
    commands::{Effect, session::SetLabel},
    frames,
    ids::{DeviceId, Id, Object, TextureId},
};

use crate::{
    replay::{Inject, Probe},
    schema::facts::Facts,
};

use super::{
    Budget, FreeIds, MAX_SAVED, Saved, drop_object, file_name,
    picture::{IDS, Picture},
    rendered::{Session, Texture},
    write_file,
};

/// Pictures of one replay. A run may make a texture for every frame.
const MAX_PICTURES: usize = 10_000;

/// Maximum notes about skipped pictures.
const MAX_NOTES: usize = 1_000;

/// Writes every texture that was rendered to, written as storage or copied to a buffer, as `NNN-label.png` with the
/// number of the command that made it, in its last state. Only submitted work counts. Further mip levels and layers
/// have `-mip1` and `-layer1` in their names. A surface's frame is
/// `frame-000123.png`, by its own number.
#[derive(Debug)]
pub struct SaveImages {
    folder: PathBuf,
    ids: FreeIds,
    sessions: HashMap<u32, Session>,
    /// Pending pictures, by the number of their map.
    waiting: HashMap<u64, (String, Picture)>,
    /// Scopes around pictures.
    scopes: HashMap<u64, String>,
    /// Frames that have a picture: a guest may label a texture of its own like one.
    frames: HashSet<u64>,
    saved: Saved,
    error: Option<io::Error>,
    budget: Budget,
}

impl SaveImages {
    /// Writes into a folder, which is created if necessary. The probe takes some of the free ids.
    pub fn new(folder: &Path, free: &mut FreeIds) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            ids: free.take(IDS),
            sessions: HashMap::new(),
            waiting: HashMap::new(),
            scopes: HashMap::new(),
            frames: HashSet::new(),
            saved: Saved::default(),
            error: None,
            budget: Budget::new(MAX_SAVED),
        })
    }

    /// The saved files; an error where a file could not be written.
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
        let name = match texture.frame.filter(|&frame| self.frames.insert(frame)) {
            Some(frame) => frames::name(frame),
            None => file_name(texture.number, &texture.label, Object::Texture(id)),
        };
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
                Ok((requests, picture)) => {
                    self.waiting.insert(requests.map.0, (name.clone(), picture));
                    requests.scopes.iter().for_each(|scope| drop(self.scopes.insert(scope.0, name.clone())));
                }
                Err(why) => self.note(&name, &why),
            }
        }
    }

    /// Takes the pictures of a texture that is about to be lost, and forgets it.
    fn leave(&mut self, session: u32, id: TextureId, to: &mut dyn Inject) {
        let Some(texture) = self.sessions.entry(session).or_default().forget(id) else { return };
        self.take(id, &texture, to);
        if texture.held {
            drop_object(to, id.object());
        }
    }

    /// Takes the pictures of all textures of a device that is about to be lost, or of all devices.
    fn leave_all(&mut self, session: u32, device: Option<DeviceId>, to: &mut dyn Inject) {
        let textures = self.sessions.entry(session).or_default().textures.iter();
        let left = textures.filter(|(_, texture)| device.is_none_or(|device| texture.device == device));
        let mut left: Vec<_> = left.map(|(&id, texture)| (texture.number, id)).collect();
        left.sort_unstable_by_key(|&(number, _)| number);
        left.into_iter().for_each(|(_, id)| self.leave(session, id, to));
    }

    /// Processes the drop of a texture; true when the drop is to be held back.
    fn dropped(&mut self, session: u32, id: TextureId, to: &mut dyn Inject) -> bool {
        let state = self.sessions.entry(session).or_default();
        if state.is_used(id)
            && let Some(texture) = state.textures.get_mut(&id)
        {
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
        match write_file(&self.folder, &name, &file, &mut self.budget) {
            Ok(()) => self.saved.files.push(name),
            Err(error) => self.error = self.error.take().or(Some(error)),
        }
    }
}

impl Probe for SaveImages {
    fn before(&mut self, session: u32, number: u64, command: &mut Command<'_>, to: &mut dyn Inject) {
        let first = Facts::of(command).objects.first().copied();
        match command.description().effect {
            Effect::Create => {
                if let Command::CreateTexture(c) = command {
                    self.leave(session, c.texture, to);
                    let texture = Texture::new(number, c);
                    c.usage |= texture.usage;
                    self.sessions.entry(session).or_default().textures.insert(c.texture, texture);
                }
            }
            Effect::Destroy => match first {
                Some(Object::Texture(id)) => {
                    let texture = self.sessions.entry(session).or_default().textures.get_mut(&id);
                    let copy = texture.map(|texture| (texture.clone(), texture.written = false));
                    if let Some((texture, ())) = copy {
                        self.take(id, &texture, to);
                    }
                }
                Some(Object::Device(device)) => self.leave_all(session, Some(device), to),
                _ => {}
            },
            Effect::Drop => match first {
                Some(Object::Texture(id)) if self.dropped(session, id, to) => {
                    // A command without effect; the label of a dropped texture is never shown.
                    *command = SetLabel { object: Object::Texture(id), label: "" }.into();
                }
                Some(Object::Device(device)) => self.leave_all(session, Some(device), to),
                _ => {}
            },
            Effect::Record
            | Effect::Begin
            | Effect::Finish
            | Effect::Submit
            | Effect::Write
            | Effect::Stage
            | Effect::Map
            | Effect::Unmap
            | Effect::Label
            | Effect::PushScope
            | Effect::PopScope
            | Effect::Raise
            | Effect::Query => {}
        }
    }

    fn after(&mut self, session: u32, _: u64, command: &Command<'_>, _: &mut dyn Inject) {
        self.sessions.entry(session).or_default().command(command);
    }

    fn end(&mut self, session: u32, to: &mut dyn Inject) {
        self.leave_all(session, None, to);
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

#[cfg(test)]
mod tests;
