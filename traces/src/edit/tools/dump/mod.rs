//! A trace as text: lines for people, or lines of JSON that [`super::load`] reads back.

mod json;
mod text;

use std::ops::Range;

use crate::file::{format::ChunkKind, index::Index};

pub use json::json;
pub use text::{markers, text};

/// The part of a trace that is dumped.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Commands by their numbers in the trace; entries after the last of them are included.
    pub range: Range<u64>,
    /// Names of commands and events; empty for all. A `*` at the end matches any rest.
    pub only: Vec<String>,
    /// Write events and readbacks.
    pub events: bool,
    /// Only this session.
    pub session: Option<u32>,
}

impl Default for Filter {
    fn default() -> Self {
        Self { range: 0..u64::MAX, only: Vec::new(), events: true, session: None }
    }
}

impl Filter {
    /// True when nothing is left out.
    pub fn is_whole(&self) -> bool {
        self.range == (0..u64::MAX) && self.only.is_empty() && self.events && self.session.is_none()
    }

    fn name(&self, name: &str) -> bool {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == pattern,
        };
        self.only.is_empty() || self.only.iter().any(fits)
    }

    fn of(&self, session: u32) -> bool {
        self.session.is_none_or(|only| only == session)
    }

    fn command(&self, session: u32, number: u64, name: &str) -> bool {
        self.of(session) && self.range.contains(&number) && self.name(name)
    }

    /// True for wanted entries that are not commands: they belong to the command before them.
    fn between(&self, session: u32, before: u64, name: &str) -> bool {
        let inside = before > self.range.start && before <= self.range.end || before == 0 && self.range.start == 0;
        self.of(session) && inside && self.name(name)
    }

    /// True when no later entry is wanted.
    fn past(&self, before: u64) -> bool {
        before > self.range.end
    }

    /// The command whose chunk must be read first: a chunk earlier than the first wanted one, since the data of a batch
    /// stands before the batch.
    fn first(&self, index: &Index) -> u64 {
        let firsts = || index.chunks_of(ChunkKind::Stream).map(|(_, chunk)| chunk.first_command);
        let chunk = firsts().filter(|&first| first <= self.range.start).max().unwrap_or(0);
        firsts().filter(|&first| first < chunk).max().unwrap_or(0)
    }
}
