//! What objects are called, for a person.

use std::collections::HashMap;

use airlock_protocol::{Command, ids::Object, limits::cut};

use crate::{
    facts::{Facts, makes_object},
    node::Node,
};

/// Bytes of a label that are kept.
const MAX_TEXT: usize = 256;

/// Objects of one command that are named.
const MAX_OBJECTS: usize = 16;

/// The labels of a session's objects. Those of dropped ones stay until the id is used again: an answer may come late.
#[derive(Debug, Default)]
pub(super) struct Labels(HashMap<Object, String>);

impl Labels {
    /// A command that makes or labels an object goes by.
    pub fn note(&mut self, facts: &Facts) {
        match &facts.label {
            Some((Some(object), text)) if !text.is_empty() => {
                self.0.insert(*object, cut(text, MAX_TEXT).to_owned());
            }
            Some((Some(object), _)) => {
                self.0.remove(object);
            }
            _ => {
                if let Some(object) = facts.makes {
                    self.0.remove(&object);
                }
            }
        }
    }

    /// An object's kind, number and label: `Buffer 3 "positions"`.
    pub fn name(&self, object: Object) -> String {
        let (kind, number) = object.describe();
        match self.0.get(&object) {
            Some(label) => format!("{kind} {number} {label:?}"),
            None => format!("{kind} {number}"),
        }
    }

    /// The objects that a command names, each once.
    pub fn objects(&self, command: &Command<'_>) -> Vec<String> {
        let mut names = Vec::new();
        for object in Facts::of(command).map(|facts| facts.objects).unwrap_or_default() {
            let name = self.name(object);
            if names.len() == MAX_OBJECTS {
                names.push("...".to_owned());
                break;
            }
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// Finds the few commands whose facts matter to a replay, those that ask, make or label something, without looking into
/// each of the others.
#[derive(Debug, Default)]
pub(super) struct Lookout(Vec<Option<bool>>);

impl Lookout {
    /// The facts of such a command.
    pub fn facts(&mut self, command: &Command<'_>) -> Option<Facts> {
        let number = command.number();
        if self.0.len() <= number {
            self.0.resize(number.saturating_add(1), None);
        }
        let known = self.0.get_mut(number)?;
        let matters = *known.get_or_insert_with(|| {
            let name = command.name();
            makes_object(name) || name == "SetLabel" || asks(command)
        });
        if matters { Facts::of(command).ok() } else { None }
    }
}

/// True for a kind of command that can ask a question.
fn asks(command: &Command<'_>) -> bool {
    let mut found = false;
    if let Ok(node) = Node::of(command) {
        node.walk("", &mut |field, _| found |= field == "request");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlock_protocol::{
        commands::{
            buffer::{BufferUsage, CreateBuffer, UnmapBuffer},
            error::PopErrorScope,
            session::SetLabel,
        },
        ids::{BufferId, DeviceId, RequestId},
    };

    fn create(label: &str) -> Command<'_> {
        let usage = BufferUsage::empty();
        let (device, buffer) = (DeviceId(0), BufferId(3));
        CreateBuffer { device, buffer, label, size: 4, usage, mapped_at_creation: false }.into()
    }

    #[test]
    fn objects_are_named_with_their_labels() {
        let (mut labels, mut lookout) = (Labels::default(), Lookout::default());
        let buffer = Object::Buffer(BufferId(3));
        labels.note(&lookout.facts(&create("a \"b\"")).unwrap());
        assert_eq!(labels.objects(&create("")), ["Device 0", "Buffer 3 \"a \\\"b\\\"\""]);
        labels.note(&lookout.facts(&SetLabel { object: buffer, label: "c" }.into()).unwrap());
        assert_eq!(labels.name(buffer), "Buffer 3 \"c\"");
        labels.note(&lookout.facts(&create("")).unwrap());
        assert_eq!(labels.name(buffer), "Buffer 3");
    }

    #[test]
    fn questions_are_found() {
        let mut lookout = Lookout::default();
        let pop = PopErrorScope { request: RequestId(7), device: DeviceId(0) }.into();
        assert_eq!(lookout.facts(&pop).unwrap().request, Some(RequestId(7)));
        assert_eq!(lookout.facts(&UnmapBuffer { buffer: BufferId(0) }.into()), None);
    }
}
