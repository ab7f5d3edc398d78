//! Builds the trace of a candidate.

use std::collections::HashSet;

use airlock_protocol::{codec, ids::Object};

use crate::file::{
    format::Readback,
    trace::{Entry, Trace, What},
};

use super::{graph::Graph, set::Set};

/// A smaller trace to be tested.
#[derive(Clone, Debug, Default)]
pub struct Candidate {
    /// The trace.
    pub trace: Trace,
    /// For each of its commands, the number in the whole trace.
    pub commands: Vec<u64>,
}

impl Candidate {
    /// The number in this trace of a command of the whole trace.
    pub fn position(&self, number: u64) -> Option<u64> {
        let place = self.commands.binary_search(&number).ok()?;
        u64::try_from(place).ok()
    }
}

/// The replies that a candidate keeps.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Leave out the contents of readbacks: they may change with the commands that made them.
    pub forget_readbacks: bool,
    /// Except for the readback of this command.
    pub except: Option<u64>,
}

impl Graph {
    /// The trace of the kept items.
    pub(super) fn candidate(&self, trace: &Trace, keep: &Set, answers: &Answers) -> Candidate {
        let mut places = vec![Place::Gone; trace.entries.len()];
        let mut sessions = HashSet::new();
        let mut commands = Vec::new();
        for index in keep.iter() {
            let Some(item) = self.items.get(index) else { continue };
            sessions.insert(item.session);
            commands.extend(item.number);
            let forget = answers.forget_readbacks && (answers.except.is_none() || answers.except != item.number);
            let kept = item.answers.iter().map(|&answer| (answer, if forget { Place::Answer } else { Place::Kept }));
            for (place, kept) in kept.chain([(item.entry, Place::Item(index))]) {
                places.get_mut(place).into_iter().for_each(|slot| *slot = kept);
            }
        }
        let entries = trace.entries.iter().zip(&places).enumerate().filter_map(|(place, (entry, kept))| {
            let what = match (&entry.what, kept) {
                (What::Session | What::End(_) | What::Stopped(_) | What::Flush, _) => {
                    sessions.contains(&entry.session).then(|| entry.what.clone())?
                }
                (What::Unknown(_), _) => self.unknown(place, keep)?,
                (_, Place::Gone) => return None,
                (What::Command(bytes), Place::Item(index)) => What::Command(self.shorten(bytes, *index, keep)),
                (What::Readback(readback), Place::Answer) => What::Readback(forget(readback)),
                (what, _) => what.clone(),
            };
            Some(Entry { what, ..entry.clone_without() })
        });
        let trace = Trace {
            header: trace.header.clone(),
            entries: without_empty_batches(entries),
            pieces: trace.pieces.clone(),
            blobs: trace.blobs.clone(),
        };
        Candidate { trace, commands }
    }

    fn unknown(&self, place: usize, keep: &Set) -> Option<What> {
        let objects = self.unknown.get(&place)?.iter().filter(|&&(_, maker)| keep.has(maker));
        let objects: Vec<_> = objects.map(|&(object, _)| object).collect();
        (!objects.is_empty()).then_some(What::Unknown(objects))
    }

    /// A command without the dropped members of its list.
    fn shorten(&self, bytes: &[u8], index: usize, keep: &Set) -> Box<[u8]> {
        let list = self.items.get(index).map(|item| item.list.as_slice()).unwrap_or_default();
        let gone: HashSet<Object> =
            list.iter().filter(|&&(_, maker)| !keep.has(maker)).map(|&(object, _)| object).collect();
        if gone.is_empty() {
            return bytes.into();
        }
        let Ok(mut command) = codec::decode_command(bytes) else { return bytes.into() };
        command.retain_members(|member| !gone.contains(&member));
        let mut shortened = Vec::new();
        match codec::encode_command(&command, &mut shortened) {
            Ok(()) => shortened.into(),
            Err(_) => bytes.into(),
        }
    }
}

/// The fate of an entry.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// It is left out.
    Gone,
    /// It stays as it is.
    Kept,
    /// It stays without the contents of its readback.
    Answer,
    /// It is this item.
    Item(usize),
}

impl Entry {
    /// The entry's session and time.
    fn clone_without(&self) -> Self {
        Self { session: self.session, time: self.time, what: What::Flush }
    }
}

fn forget(readback: &Readback) -> Readback {
    Readback { request: readback.request, len: readback.len, digest: None, pieces: Vec::new() }
}

/// Leaves out the ends of batches without commands.
fn without_empty_batches(entries: impl Iterator<Item = Entry>) -> Vec<Entry> {
    let mut filled = HashSet::new();
    let kept = entries.filter(|entry| match entry.what {
        What::Command(_) => {
            filled.insert(entry.session);
            true
        }
        What::Flush => filled.remove(&entry.session),
        _ => true,
    });
    kept.collect()
}
