//! Reference results of an adapter, beside a trace.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use airlock_protocol::ids::BufferId;
use serde::{Deserialize, Serialize};

use crate::{
    edit::tools::input,
    file::{format::Digest, header::Adapter, processor::Processor},
    replay::{Probe, Report},
};

/// The results of an adapter, as a JSON file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The adapter and its driver.
    pub adapter: Adapter,
    /// The processor that a software adapter compiled for; absent for hardware, and in references of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<Processor>,
    /// Every readback that is the same in every run.
    pub readbacks: Vec<ReferenceReadback>,
}

/// One readback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceReadback {
    /// The `MapBuffer`, by its number in the trace.
    pub command: u64,
    /// Length in bytes.
    pub len: u64,
    /// BLAKE3 of the bytes.
    pub digest: String,
}

/// Gathers the readbacks of a replay.
#[derive(Debug, Default)]
pub(super) struct Readbacks(BTreeMap<u64, (u64, Digest)>);

impl Probe for Readbacks {
    fn readback(&mut self, _: u32, number: u64, _: BufferId, bytes: &[u8]) {
        self.0.insert(number, (bytes.len() as u64, Digest::of(bytes)));
    }
}

impl Readbacks {
    /// The reference for the replay with this report.
    pub fn reference(self, report: &Report) -> Reference {
        let uncertain = |command: u64| report.not_compared.iter().any(|not| not.command == command);
        let readbacks = self.0.into_iter().filter(|&(command, _)| !uncertain(command));
        Reference {
            adapter: report.adapter.clone().unwrap_or_default(),
            processor: report.is_software.then(|| Processor::here().clone()),
            readbacks: readbacks
                .map(|(command, (len, digest))| ReferenceReadback { command, len, digest: digest.to_string() })
                .collect(),
        }
    }
}

impl Reference {
    /// The path of a trace's reference.
    pub fn path(&self, trace: &Path) -> PathBuf {
        let on = self.processor.as_ref().map_or_else(String::new, |processor| format!("-on-{}", processor.slug()));
        trace.with_extension(format!("{}{on}.json", self.adapter.slug()))
    }

    /// Reads the reference for these results: of this processor, or else of the adapter.
    pub fn read(trace: &Path, found: &Reference) -> Result<Option<(PathBuf, Reference)>, String> {
        let any_processor = Reference { processor: None, ..found.clone() };
        for path in [found.path(trace), any_processor.path(trace)] {
            let name = || path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match input::read_beside(&path) {
                Ok(json) => {
                    let reference = serde_json::from_slice(&json).map_err(|error| format!("{}: {error}", name()))?;
                    return Ok(Some((path, reference)));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("cannot read {}: {error}", name())),
            }
        }
        Ok(None)
    }

    /// The differences of other results, with the command and one line each.
    pub fn differences(&self, found: &Reference) -> Vec<(u64, String)> {
        let by_command = |reference: &Reference| -> BTreeMap<u64, ReferenceReadback> {
            reference.readbacks.iter().map(|readback| (readback.command, readback.clone())).collect()
        };
        let (expected, found) = (by_command(self), by_command(found));
        let mut lines = Vec::new();
        for (command, expected) in &expected {
            match found.get(command) {
                Some(found) if found == expected => {}
                Some(found) => {
                    let side = |side: &ReferenceReadback| format!("{} bytes {}", side.len, side.digest);
                    let (expected, found) = (side(expected), side(found));
                    lines.push((
                        *command,
                        format!("  command {command} (MapBuffer): {expected} expected, {found} found"),
                    ));
                }
                None => {
                    let line = format!("  command {command} (MapBuffer): no readback where one is expected");
                    lines.push((*command, line));
                }
            }
        }
        for command in found.keys().filter(|command| !expected.contains_key(command)) {
            lines.push((*command, format!("  command {command} (MapBuffer): a readback where none is expected")));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_command() {
        let readback = |command, digest: &str| ReferenceReadback { command, len: 4, digest: digest.to_owned() };
        let reference =
            |readbacks: &[ReferenceReadback]| Reference { readbacks: readbacks.to_vec(), ..Reference::default() };
        let expected = reference(&[readback(1, "a"), readback(2, "b")]);
        assert!(expected.differences(&expected.clone()).is_empty());
        let lines = expected.differences(&reference(&[readback(1, "a"), readback(2, "c"), readback(3, "d")]));
        assert_eq!(lines.len(), 2);
        assert!(lines[0].1.contains("command 2") && lines[1].1.contains("command 3"), "{lines:?}");
        assert_eq!(expected.differences(&reference(&[readback(1, "a")])).len(), 1);
    }
}
