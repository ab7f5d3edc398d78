//! Labels of objects, tracked through the stream.

use std::collections::HashMap;

use airlock_protocol::{Command, commands::Effect, ids::Object, limits::cut};

use crate::{
    file::{
        index::Index,
        survey::{MAX_MARKER_TEXT, MarkerKind},
    },
    schema::facts::Facts,
};

/// The labels of the live objects.
#[derive(Debug, Default)]
pub(crate) struct Labels(HashMap<(u32, Object), String>);

impl Labels {
    /// The labels before a command, as far as the index knows them: an object with the reused id of a labelled one and
    /// no label of its own keeps the old label.
    pub fn at(index: &Index, command: u64) -> Self {
        let mut labels = Self::default();
        let mut session = 0;
        for marker in index.markers.iter().take_while(|marker| marker.command < command) {
            match (marker.kind, marker.object) {
                (MarkerKind::Session, _) => session += 1,
                (MarkerKind::Label, Some(object)) => {
                    labels.0.insert((session, object), marker.text.clone());
                }
                _ => {}
            }
        }
        labels
    }

    /// Begins a session: labels of an earlier one with the same number are dropped.
    pub fn session(&mut self, session: u32) {
        self.0.retain(|&(of, _), _| of != session);
    }

    /// Processes a command.
    pub fn command(&mut self, session: u32, command: &Command<'_>, facts: &Facts) {
        for object in facts.makes.into_iter().chain(facts.drops) {
            self.0.remove(&(session, object));
        }
        // The label of a debug group is not the encoder's.
        if let Some((object, label)) = command.label()
            && (facts.makes == Some(object) || command.description().effect == Effect::Label)
        {
            match label {
                "" => self.0.remove(&(session, object)),
                label => self.0.insert((session, object), cut(label, MAX_MARKER_TEXT).to_owned()),
            };
        }
    }

    /// An object's label, if it has one.
    pub fn get(&self, session: u32, object: Object) -> Option<&str> {
        self.0.get(&(session, object)).map(String::as_str)
    }
}
