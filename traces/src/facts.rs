//! What a command is about, found by walking its tree: the objects that it names, the one that it makes, its label.
//!
//! Three rules of the protocol's definitions are used, and a test below holds them for every command:
//! - an id has a type of its own (`BufferId`);
//! - a label is a field called `label`, and the last id before it is the labelled object;
//! - a command that makes an object is called `Create…`, `Begin……Pass`, `Finish…`, `Request…` or `GetBindGroupLayout`, and
//!   names the new object last before its label, or last of all where it has none.

use airlock_protocol::{
    Command,
    ids::{Object, RequestId},
};

use crate::node::{Node, NodeError};

/// See the module's header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Every object that the command names, in the order of its fields, the new one included.
    pub objects: Vec<Object>,
    /// The object that it makes, if all goes well.
    pub makes: Option<Object>,
    /// The object that it drops.
    pub drops: Option<Object>,
    /// Its label, with the object that it belongs to.
    pub label: Option<(Option<Object>, String)>,
    /// The question that it asks.
    pub request: Option<RequestId>,
}

impl Facts {
    /// The facts of a command.
    pub fn of(command: &Command<'_>) -> Result<Self, NodeError> {
        Ok(Self::of_node(command.name(), &Node::of(command)?))
    }

    /// The facts of a command's tree.
    pub fn of_node(name: &str, node: &Node) -> Self {
        let mut facts = Self::default();
        let mut before_label = None;
        node.walk("", &mut |field, node| match node {
            Node::Id("RequestId", number) => facts.request = Some(RequestId(*number)),
            Node::Id(..) => facts.objects.extend(node.object()),
            Node::Text(text) if field == "label" && facts.label.is_none() => {
                before_label = facts.objects.last().copied();
                facts.label = Some((before_label, text.clone()));
            }
            _ => {}
        });
        if makes_object(name) {
            facts.makes = before_label.or_else(|| facts.objects.last().copied());
        }
        if name == "DropObject" {
            facts.drops = facts.objects.first().copied();
        }
        facts
    }

    /// The objects that must be there for the command to be taken.
    pub fn needs(&self) -> impl Iterator<Item = Object> + '_ {
        self.objects.iter().copied().filter(|&object| Some(object) != self.makes)
    }
}

/// True for a command that makes an object.
pub fn makes_object(name: &str) -> bool {
    ["Create", "Finish", "Request"].iter().any(|prefix| name.starts_with(prefix))
        || matches!(name, "BeginRenderPass" | "BeginComputePass" | "GetBindGroupLayout")
}

/// True for a command that has a label.
pub fn has_label(name: &str) -> bool {
    makes_object(name) || name == "SetLabel" || name.ends_with("PushDebugGroup") || name.ends_with("InsertDebugMarker")
}
