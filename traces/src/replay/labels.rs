//! Labels of objects, for messages.

use std::collections::HashMap;

use airlock_protocol::{Command, commands::Effect, ids::Object, limits::cut};

use crate::schema::facts::Facts;

/// Maximum bytes of a label.
const MAX_TEXT: usize = 256;

/// Maximum objects of one command that are named.
const MAX_OBJECTS: usize = 16;

/// The labels of a session's objects. Labels of dropped ones stay until the id is reused: a reply may come late.
#[derive(Debug, Default)]
pub(super) struct Labels(HashMap<Object, String>);

impl Labels {
    /// Records the label of a command that makes or labels an object.
    pub fn note(&mut self, command: &Command<'_>, facts: &Facts) {
        match command.label() {
            Some((object, text)) if !text.is_empty() => {
                self.0.insert(object, cut(text, MAX_TEXT).to_owned());
            }
            Some((object, _)) => {
                self.0.remove(&object);
            }
            None => {
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
        for object in Facts::of(command).objects {
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

/// The facts of a command that requests, makes or labels an object; `None` for others, which the replay need not track.
pub(super) fn facts(command: &Command<'_>) -> Option<Facts> {
    let description = command.description();
    let matters = description.makes.is_some() || description.reply.is_some() || description.effect == Effect::Label;
    matters.then(|| Facts::of(command))
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
        let mut labels = Labels::default();
        let note = |labels: &mut Labels, command: Command<'_>| labels.note(&command, &facts(&command).unwrap());
        let buffer = Object::Buffer(BufferId(3));
        note(&mut labels, create("a \"b\""));
        assert_eq!(labels.objects(&create("")), ["Device 0", "Buffer 3 \"a \\\"b\\\"\""]);
        note(&mut labels, SetLabel { object: buffer, label: "c" }.into());
        assert_eq!(labels.name(buffer), "Buffer 3 \"c\"");
        note(&mut labels, create(""));
        assert_eq!(labels.name(buffer), "Buffer 3");
    }

    #[test]
    fn requests_are_found() {
        let pop = PopErrorScope { request: RequestId(7), device: DeviceId(0) }.into();
        assert_eq!(facts(&pop).unwrap().request, Some(RequestId(7)));
        assert_eq!(facts(&UnmapBuffer { buffer: BufferId(0) }.into()), None);
    }
}
