//! Probes for replays: pictures of rendered textures, contents of readbacks, times of passes and submits.

mod buffers;
mod images;
mod picture;
mod rendered;
mod timing;

use std::{io, path::Path};

use airlock_protocol::{
    codec,
    commands::{
        error::{ErrorFilter, PopErrorScope, PushErrorScope},
        session::DropObject,
    },
    ids::{DeviceId, Id, Kind, Object, RequestId},
    limits::MAX_OBJECTS,
};

use crate::{
    edit::tools::output::{Budget, Output},
    file::{
        reader::{ReadError, TraceFile},
        trace::{Entry, Trace, What},
    },
    replay::Inject,
    schema::facts::Facts,
};

pub use buffers::SaveBuffers;
pub use images::SaveImages;
pub use timing::{PassTime, SubmitTime, Times, Timing};

/// The result of a probe that writes files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// The files' names, in the order in which they were written.
    pub files: Vec<String>,
    /// The skipped files with the reason, one line each.
    pub notes: Vec<String>,
}

/// The first id of each kind that a trace does not use, for objects of probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeIds([u32; Kind::COUNT]);

impl FreeIds {
    /// Scans a file.
    pub fn of_file(file: &TraceFile) -> Result<Self, ReadError> {
        let mut free = Self([0; Kind::COUNT]);
        for entry in file.entries() {
            free.look(&entry?);
        }
        Ok(free)
    }

    /// Scans a trace.
    pub fn of_trace(trace: &Trace) -> Self {
        let mut free = Self([0; Kind::COUNT]);
        trace.entries.iter().for_each(|entry| free.look(entry));
        free
    }

    /// Invalid commands are skipped; the replay reports them.
    fn look(&mut self, entry: &Entry) {
        let What::Command(bytes) = &entry.what else { return };
        let Ok(command) = codec::decode_command(bytes) else { return };
        for object in Facts::of(&command).objects {
            if let Some(free) = self.0.get_mut(object.kind() as usize) {
                *free = (*free).max(object.describe().1.saturating_add(1));
            }
        }
    }

    /// Reserves `count` ids of every kind, and returns the first of each.
    pub fn take(&mut self, count: u32) -> FreeIds {
        let taken = *self;
        self.0.iter_mut().for_each(|free| *free = free.saturating_add(count));
        taken
    }

    /// One of the ids; `None` above the bound of a session.
    fn id<I: Id>(&self, place: u32) -> Option<I> {
        let id = self.0.get(I::NUMBER)?.checked_add(place)?;
        (id < MAX_OBJECTS).then(|| I::from_index(id))
    }
}

/// Sends commands within scopes that catch their errors, which are not the trace's. Returns the requests of the scopes'
/// replies.
fn quietly(device: DeviceId, to: &mut dyn Inject, commands: impl FnOnce(&mut dyn Inject)) -> [RequestId; 2] {
    for filter in [ErrorFilter::OutOfMemory, ErrorFilter::Validation] {
        to.send(PushErrorScope { device, filter }.into());
    }
    commands(to);
    [(); 2].map(|()| {
        let request = to.request();
        to.send(PopErrorScope { request, device }.into());
        request
    })
}

fn drop_object(to: &mut dyn Inject, object: Object) {
    to.send(DropObject { object }.into());
}

/// Maximum characters of a label in a file's name.
const MAX_NAME: usize = 64;

/// A file's name without its ending: the command's number, then the label where there is one.
fn file_name(number: u64, label: &str, object: Object) -> String {
    let keeps = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let words: Vec<_> = label.split(|c| !keeps(c)).filter(|word| !word.is_empty()).collect();
    let mut name = words.join("-");
    name.truncate(MAX_NAME);
    if name.is_empty() {
        let (kind, index) = object.describe();
        name = format!("{}-{index}", kind.to_lowercase());
    }
    format!("{number:03}-{name}")
}

/// Maximum bytes of all files of one probe: the trace decides their number.
const MAX_SAVED: u64 = 16 << 30;

/// Writes a file whole or not at all.
fn write_file(folder: &Path, name: &str, bytes: &[u8], budget: &mut Budget) -> io::Result<()> {
    if !budget.take(bytes.len()) {
        let what = format!("there are {MAX_SAVED} bytes of such files already");
        return Err(io::Error::new(io::ErrorKind::QuotaExceeded, what));
    }
    Output::write(&folder.join(name), bytes)
}

#[cfg(test)]
mod tests {
    use airlock_protocol::ids::{BufferId, TextureId};

    use super::*;

    #[test]
    fn names_are_harmless_and_tell_objects_apart() {
        let texture = Object::Texture(TextureId(7));
        assert_eq!(file_name(41, "shadow map", texture), "041-shadow-map");
        assert_eq!(file_name(41, "../../etc/passwd", texture), "041-..-..-etc-passwd");
        assert_eq!(file_name(1041, "a\0\n\x1b[31mé", texture), "1041-a-31m");
        assert_eq!(file_name(0, "", texture), "000-texture-7");
        assert_eq!(file_name(0, "///", texture), "000-texture-7");
        assert_eq!(file_name(0, &"x".repeat(500), texture).len(), 4 + MAX_NAME);
    }

    #[test]
    fn free_ids_are_above_all_that_are_used() {
        use airlock_protocol::commands::buffer::DestroyBuffer;
        let mut bytes = Vec::new();
        codec::encode_command(&DestroyBuffer { buffer: BufferId(9) }.into(), &mut bytes).unwrap();
        let entry = Entry { session: 1, time: 0, what: What::Command(bytes.into()) };
        let mut free = FreeIds::of_trace(&Trace { entries: vec![entry], ..Trace::default() });
        let taken = free.take(4);
        assert_eq!(taken.id(1), Some(BufferId(11)));
        assert_eq!(taken.id(0), Some(TextureId(0)));
        assert_eq!(free.id(0), Some(BufferId(14)));
        free.take(MAX_OBJECTS);
        assert_eq!(free.id::<BufferId>(0), None);
    }
}
