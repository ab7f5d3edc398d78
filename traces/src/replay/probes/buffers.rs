//! Saves the contents of readbacks.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use airlock_protocol::{
    Command,
    ids::{BufferId, Object},
};

use crate::replay::{Inject, Probe};

use super::{Budget, MAX_SAVED, Saved, file_name, write_file};

/// Writes each readback as `NNN-label.bin`, with the number of the command that mapped it.
#[derive(Debug)]
pub struct SaveBuffers {
    folder: PathBuf,
    labels: HashMap<(u32, BufferId), String>,
    saved: Saved,
    error: Option<io::Error>,
    budget: Budget,
}

impl SaveBuffers {
    /// Writes into a folder, which is created if necessary.
    pub fn new(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let folder = folder.to_owned();
        Ok(Self {
            folder,
            labels: HashMap::new(),
            saved: Saved::default(),
            error: None,
            budget: Budget::new(MAX_SAVED),
        })
    }

    /// The saved files; an error where a file could not be written.
    pub fn finish(self) -> io::Result<Saved> {
        self.error.map_or(Ok(self.saved), Err)
    }
}

impl Probe for SaveBuffers {
    fn before(&mut self, session: u32, _: u64, command: &mut Command<'_>, _: &mut dyn Inject) {
        if let Some((Object::Buffer(buffer), label)) = command.label() {
            self.labels.insert((session, buffer), label.to_owned());
        }
    }

    fn readback(&mut self, session: u32, number: u64, buffer: BufferId, bytes: &[u8]) {
        if self.error.is_some() {
            return;
        }
        let label = self.labels.get(&(session, buffer)).map_or("", String::as_str);
        let name = format!("{}.bin", file_name(number, label, Object::Buffer(buffer)));
        match write_file(&self.folder, &name, bytes, &mut self.budget) {
            Ok(()) => self.saved.files.push(name),
            Err(error) => self.error = Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use airlock_protocol::{
        commands::{
            buffer::{BufferUsage, CreateBuffer},
            session::SetLabel,
        },
        ids::{DeviceId, RequestId},
    };

    use super::*;

    struct Nobody;

    impl Inject for Nobody {
        fn send(&mut self, _: Command<'_>) {}
        fn request(&mut self) -> RequestId {
            RequestId(0)
        }
        fn settle(&mut self) {}
    }

    #[test]
    fn readbacks_become_files() {
        let folder = tempfile::tempdir().unwrap();
        let mut probe = SaveBuffers::new(&folder.path().join("new")).unwrap();
        let (device, buffer, usage) = (DeviceId(0), BufferId(3), BufferUsage::MAP_READ);
        let create = CreateBuffer { device, buffer, label: "old", size: 4, usage, mapped_at_creation: false };
        probe.before(1, 5, &mut create.into(), &mut Nobody);
        let object = Object::Buffer(buffer);
        probe.before(1, 6, &mut SetLabel { object, label: "the result" }.into(), &mut Nobody);
        probe.readback(1, 17, buffer, b"abcd");
        probe.readback(2, 18, buffer, b"");
        let saved = probe.finish().unwrap();
        assert_eq!(saved.files, ["017-the-result.bin", "018-buffer-3.bin"]);
        assert_eq!(fs::read(folder.path().join("new/017-the-result.bin")).unwrap(), b"abcd");
        assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 2);
    }
}
