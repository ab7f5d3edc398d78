//! Shaders and payloads of a trace as files of their own, each once.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    fs,
    path::Path,
};

use airlock_protocol::{
    Command, Payload, codec,
    commands::Effect,
    ids::{Object, RequestId},
};
use serde::Serialize;

use crate::{
    edit::tools::{
        Error, commands,
        labels::Labels,
        output::{Budget, Output},
        readback_bytes,
    },
    file::{
        format::{Body, Digest, Readback},
        reader::{ReadError, TraceFile},
    },
    schema::facts::Facts,
};

/// Maximum number of files of one extraction.
pub const MAX_FILES: usize = 100_000;

/// Characters of a label in a file's name.
const MAX_NAME: usize = 48;

/// An extracted file.
#[derive(Clone, Debug, Serialize)]
pub struct Extracted {
    /// Its name in the folder.
    pub file: String,
    /// `shader`, `data` or `readback`.
    pub kind: &'static str,
    /// Its length in bytes.
    pub len: u64,
    /// BLAKE3 of its contents.
    pub blake3: String,
    /// The first command that it belongs to.
    pub command: u64,
    /// The object: `Buffer 3`.
    pub object: Option<String>,
    /// The object's label.
    pub label: Option<String>,
    /// The number of occurrences of the same contents.
    pub times: u64,
}

/// The contents to extract.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// WGSL.
    pub shaders: bool,
    /// Bulk data and readbacks.
    pub payloads: bool,
}

/// Writes the files; returns them in order, and whether some were left out, above [`MAX_FILES`] or above the budget.
pub fn extract(
    file: &TraceFile,
    folder: &Path,
    wanted: Wanted,
    budget: Budget,
) -> Result<(Vec<Extracted>, bool), Error> {
    fs::create_dir_all(folder).map_err(Error::Write)?;
    let mut work = Work {
        file,
        folder,
        wanted,
        made: Vec::new(),
        known: HashMap::new(),
        labels: Labels::default(),
        pieces: HashMap::new(),
        maps: HashMap::new(),
        shaders: 0,
        missing: HashSet::new(),
        full: false,
        budget,
    };
    for record in file.records_from(0) {
        let (before, record) = record?;
        let session = record.session;
        match &record.body {
            Body::Session => {
                work.labels.session(session);
                work.pieces.retain(|&(of, _), _| of != session);
                work.maps.retain(|&(of, _), _| of != session);
            }
            Body::Batch(_) => {
                commands(file, before, &record, |number, command, _| work.command(session, number, command))?;
            }
            Body::Piece(piece) => {
                work.pieces.insert((session, piece.start), piece.digest);
            }
            Body::Readback(readback) => work.readback(session, readback)?,
            Body::Event(bytes) => {
                if let Ok(Some(request)) = codec::decode_event(bytes).map(|event| event.request()) {
                    work.maps.remove(&(session, request));
                }
            }
            Body::End(_) | Body::Stopped(_) | Body::Unknown(_) => {}
        }
    }
    Ok((work.made, work.full))
}

struct Work<'a> {
    file: &'a TraceFile,
    folder: &'a Path,
    wanted: Wanted,
    made: Vec<Extracted>,
    /// Places of known contents in `made`.
    known: HashMap<(&'static str, Digest), usize>,
    labels: Labels,
    pieces: HashMap<(u32, u64), Digest>,
    /// The buffers of pending maps, with the commands that map them.
    maps: HashMap<(u32, RequestId), (u64, Object, Option<String>)>,
    shaders: usize,
    missing: HashSet<Digest>,
    full: bool,
    budget: Budget,
}

impl Work<'_> {
    fn command(&mut self, session: u32, number: u64, command: &Command<'_>) -> Result<(), Error> {
        let facts = Facts::of(command);
        self.labels.command(session, command, &facts);
        if let Command::CreateShaderModule(shader) = command
            && self.wanted.shaders
        {
            let label = (!shader.label.is_empty()).then(|| shader.label.to_owned());
            self.add("shader", shader.code.as_bytes(), number, facts.makes, label)?;
        }
        let object = facts.touches;
        let label = object.and_then(|object| self.labels.get(session, object)).map(str::to_owned);
        if let (Effect::Map, Some(request), Some(object)) = (command.description().effect, facts.request, object) {
            self.maps.insert((session, request), (number, object, label.clone()));
        }
        match command.payload() {
            Some(Payload::Inline(bytes)) if self.wanted.payloads && !bytes.is_empty() => {
                self.add("data", bytes, number, object, label)
            }
            Some(&Payload::Shared { start, .. }) => {
                let digest = self.pieces.remove(&(session, start)).filter(|_| self.wanted.payloads);
                let Some(digest) = digest else { return Ok(()) };
                self.stored(digest, number, object, label)
            }
            _ => Ok(()),
        }
    }

    /// Adds a payload of the file; a known one is not read again.
    fn stored(&mut self, digest: Digest, at: u64, object: Option<Object>, label: Option<String>) -> Result<(), Error> {
        if !self.count("data", digest) && !self.missing.contains(&digest) {
            match self.file.payload(digest) {
                Ok(bytes) => self.add("data", &bytes, at, object, label)?,
                Err(ReadError::Io(error)) => return Err(ReadError::Io(error).into()),
                // The other contents are extracted nevertheless.
                Err(_) => {
                    self.missing.insert(digest);
                }
            }
        }
        Ok(())
    }

    /// Counts another occurrence of known contents; false for unknown ones.
    fn count(&mut self, kind: &'static str, digest: Digest) -> bool {
        let known = self.known.get(&(kind, digest)).and_then(|&place| self.made.get_mut(place));
        known.map(|made| made.times += 1).is_some()
    }

    fn readback(&mut self, session: u32, readback: &Readback) -> Result<(), Error> {
        let asked = self.maps.get(&(session, readback.request)).cloned();
        let (Some((number, object, label)), true) = (asked, self.wanted.payloads && readback.len > 0) else {
            return Ok(());
        };
        if readback.digest.is_some_and(|digest| self.count("readback", digest)) {
            return Ok(());
        }
        let mut bytes = Vec::new();
        let whole = readback_bytes::<ReadError>(self.file, readback, |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        });
        if whole.is_ok_and(|whole| whole) { self.add("readback", &bytes, number, Some(object), label) } else { Ok(()) }
    }

    fn add(
        &mut self,
        kind: &'static str,
        bytes: &[u8],
        command: u64,
        object: Option<Object>,
        label: Option<String>,
    ) -> Result<(), Error> {
        let digest = Digest::of(bytes);
        if self.count(kind, digest) {
            return Ok(());
        }
        if self.made.len() >= MAX_FILES || !self.budget.take(bytes.len()) {
            self.full = true;
            return Ok(());
        }
        let object = object.map(|object| {
            let (kind, index) = object.describe();
            format!("{kind} {index}")
        });
        let name = sanitised(label.as_deref().or(object.as_deref()).unwrap_or_default());
        let hex = digest.to_string();
        let file = if kind == "shader" {
            self.shaders += 1;
            format!("{:03}-{name}.wgsl", self.shaders)
        } else {
            let mark = if kind == "readback" { "readback-" } else { "" };
            format!("{command:06}-{mark}{name}-{}.bin", hex.get(..8).unwrap_or_default())
        };
        Output::write(&self.folder.join(&file), bytes).map_err(Error::Write)?;
        self.known.insert((kind, digest), self.made.len());
        let len = bytes.len() as u64;
        self.made.push(Extracted { file, kind, len, blake3: hex, command, object, label, times: 1 });
        Ok(())
    }
}

/// A label as a part of a file's name on every system.
fn sanitised(label: &str) -> String {
    let mut name = String::new();
    for c in label.chars().take(MAX_NAME) {
        let plain = c.is_ascii_alphanumeric() || matches!(c, '_' | '.') && !name.is_empty();
        // Writing to a string cannot fail.
        let _ = name.write_char(if plain { c } else { '-' });
    }
    let name = name.trim_matches(['-', '.']);
    if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_names_of_files() {
        for (label, name) in [
            ("positions", "positions"),
            ("../../etc/passwd", "etc-passwd"),
            ("a b/ü\0\n", "a-b"),
            ("", "unnamed"),
            (".hidden", "hidden"),
            ("C:\\x", "C--x"),
        ] {
            assert_eq!(sanitised(label), name, "{label:?}");
        }
        assert_eq!(sanitised(&"x".repeat(999)).len(), MAX_NAME);
    }
}
