//! The dependence graph of commands, whose nodes are commands that are kept together. Trim and the flight recorder cut
//! parts of a trace with it, minimize leaves out commands with it.
//!
//! With [`Grain::Commands`] each command is a node. With [`Grain::Units`]:
//! - All commands recorded with an encoder, its passes included, are one node.
//! - Drops, destroys and labels of an object belong to the node that made it; an unmap to the node of the map.
//! - A node needs the nodes that made the objects it names, and those that made the contents it reads: the last writer
//!   of each part. A node that overwrites contents only in part needs their makers, too.

use std::{collections::HashSet, sync::Arc};

use airlock_protocol::{
    Command, Event, Payload,
    commands::{Effect, buffer::MapMode},
    ids::{Kind, Object, RequestId},
};

use super::{
    node::{NO_NODE, NodeId},
    operations::Operation,
    resources::{Name, Span},
    session::Session,
};
use crate::schema::facts::Facts;

/// Distinct writers of the parts of one span; with more, they get a node that stands for all of them, so that reading a
/// buffer that was filled bit by bit does not cost as many edges each time.
const MAX_WRITERS: usize = 64;

/// How commands become nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Grain {
    /// Commands that are only useful together are one node.
    #[default]
    Units,
    /// Each command is a node.
    Commands,
}

/// A node: commands that are kept or left out together.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Nodes that it cannot be kept without. With [`Grain::Units`] also the makers of the contents that it reads.
    pub needs: Vec<NodeId>,
    /// With [`Grain::Commands`], the makers of the contents that it reads.
    pub causes: Vec<NodeId>,
    /// The resources that it wrote: such a node makes contents and no objects.
    pub wrote: Vec<Arc<Name>>,
    /// It is a submit.
    pub is_submit: bool,
}

/// The role of a command in a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub node: NodeId,
    pub part: Part,
}

/// The part of a command in its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It has an effect of its own.
    Active,
    /// It only follows the object that it drops, destroys or labels.
    Follows,
    /// It opens an error scope.
    Push,
    /// It closes one.
    Pop,
}

#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    grain: Grain,
    facts: Facts,
}

/// The place of an event in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It belongs to a node.
    Of(NodeId),
    /// It is an error in one of the commands from the first place up to the second.
    Error(NodeId, u64, u64),
    /// It belongs to the session.
    Session,
}

/// The result of [`Graph::unit`].
struct Unit {
    node: Option<NodeId>,
    part: Part,
}

/// Adds to a list in which a node counts once. Repetitions are removed when the list has doubled.
fn add(nodes: &mut Vec<NodeId>, on: NodeId) {
    if nodes.last() == Some(&on) {
        return;
    }
    nodes.push(on);
    if nodes.len() >= 32 && nodes.len().is_power_of_two() {
        nodes.sort_unstable();
        nodes.dedup();
    }
}

/// True for objects that record commands.
pub(crate) fn is_recorder(kind: Kind) -> bool {
    matches!(kind, Kind::CommandEncoder | Kind::RenderPass | Kind::ComputePass | Kind::RenderBundleEncoder)
}

impl Graph {
    /// An empty graph.
    pub fn new(grain: Grain) -> Self {
        Self { grain, ..Self::default() }
    }

    /// Makes a node.
    pub fn node(&mut self) -> NodeId {
        let id = NodeId::try_from(self.nodes.len()).unwrap_or(NO_NODE);
        self.nodes.push(Node::default());
        id
    }

    fn get(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id as usize)
    }

    /// Adds a need of one node.
    #[inline]
    pub fn need(&mut self, node: NodeId, on: NodeId) {
        if node == on || on == NO_NODE {
            return;
        }
        let Some(node) = self.get(node) else { return };
        add(&mut node.needs, on);
    }

    /// Records that a node reads contents that another made.
    fn cause(&mut self, node: NodeId, on: NodeId) {
        match self.grain {
            Grain::Units => self.need(node, on),
            Grain::Commands if node == on || on == NO_NODE => {}
            Grain::Commands => {
                if let Some(node) = self.get(node) {
                    add(&mut node.causes, on);
                }
            }
        }
    }

    /// Processes a command, at a place in the stream.
    pub fn command(&mut self, session: &mut Session, place: u64, command: &Command<'_>) -> Role {
        let mut facts = std::mem::take(&mut self.facts);
        facts.read(command);
        let role = self.role(session, place, command, &facts);
        if role.part != Part::Follows || self.grain == Grain::Commands {
            for object in facts.needs() {
                self.need(role.node, session.node_of(object));
            }
        }
        if let Some(made) = facts.makes {
            session.put(made, role.node);
        }
        if let Some(request) = facts.request {
            session.requests.entry(request.0).or_insert((role.node, place, None));
        }
        self.contents(session, place, role.node, command);
        if let Some(dropped) = facts.drops {
            session.put(dropped, NO_NODE);
        }
        self.facts = facts;
        role
    }

    /// The node of a command, and the command's part in it.
    fn role(&mut self, session: &mut Session, place: u64, command: &Command<'_>, facts: &Facts) -> Role {
        let first = facts.objects.first().copied();
        let role = self.unit(session, place, command, facts, first);
        match self.grain {
            Grain::Units => Role { node: role.node.unwrap_or_else(|| self.node()), part: role.part },
            Grain::Commands => Role { node: self.node(), part: role.part },
        }
    }

    /// The unit that a command belongs to; without a node it begins one.
    fn unit(
        &mut self,
        session: &mut Session,
        place: u64,
        command: &Command<'_>,
        facts: &Facts,
        first: Option<Object>,
    ) -> Unit {
        let of_first = |session: &Session| first.map_or(NO_NODE, |object| session.node_of(object));
        let active = |node: Option<NodeId>| Unit { node, part: Part::Active };
        match command.description().effect {
            // Commands that use the device observe its loss.
            Effect::Destroy if matches!(first, Some(Object::Device(_))) => active(Some(of_first(session))),
            Effect::Destroy | Effect::Drop | Effect::Label => {
                Unit { node: Some(of_first(session)), part: Part::Follows }
            }
            Effect::PushScope => {
                let node = self.node();
                if let Some(Object::Device(device)) = first {
                    session.scopes.entry(device).or_default().push((node, place));
                }
                Unit { node: Some(node), part: Part::Push }
            }
            Effect::PopScope => {
                let scope = match first {
                    Some(Object::Device(device)) => session.scopes.get_mut(&device).and_then(Vec::pop),
                    _ => None,
                };
                let (node, from) = scope.unwrap_or_else(|| (self.node(), place));
                if let Some(request) = facts.request {
                    session.requests.insert(request.0, (node, place, Some(from)));
                }
                Unit { node: Some(node), part: Part::Pop }
            }
            Effect::Unmap => {
                let buffer = first.and_then(|buffer| session.contents.resource(buffer));
                let map = buffer.map(|buffer| buffer.name.serial).and_then(|serial| session.maps.remove(&serial));
                active(map.map(|(_, node)| node))
            }
            Effect::Stage => {
                let node = session.staged.unwrap_or_else(|| self.node());
                session.staged = Some(node);
                active(Some(node))
            }
            Effect::Record | Effect::Begin | Effect::Finish if of_first(session) != NO_NODE => {
                active(Some(of_first(session)))
            }
            Effect::Record
            | Effect::Begin
            | Effect::Finish
            | Effect::Create
            | Effect::Submit
            | Effect::Write
            | Effect::Map
            | Effect::Raise
            | Effect::Query => match command.payload() {
                Some(Payload::Staged { .. }) => active(session.staged.take()),
                Some(Payload::Inline(_) | Payload::Shared { .. }) | None => active(None),
            },
        }
    }

    /// Tracks contents and maps.
    fn contents(&mut self, session: &mut Session, place: u64, node: NodeId, command: &Command<'_>) {
        let operations = session.contents.command(place, command);
        self.maps(session, node, command);
        match command.description().effect {
            Effect::Submit => {
                if let Some(node) = self.get(node) {
                    node.is_submit = true;
                }
            }
            // A recorded command depends on contents too, long before the queue executes it.
            Effect::Finish if self.grain == Grain::Commands => {
                if let Command::FinishCommandEncoder(c) = command {
                    let recorded = session.contents.recorded(c.command_buffer).iter();
                    let reads: Vec<_> = recorded.flat_map(Operation::reads).collect();
                    reads.iter().for_each(|span| self.read(session, node, span));
                }
            }
            Effect::Create
            | Effect::Record
            | Effect::Begin
            | Effect::Finish
            | Effect::Write
            | Effect::Stage
            | Effect::Map
            | Effect::Unmap
            | Effect::Destroy
            | Effect::Label
            | Effect::Drop
            | Effect::PushScope
            | Effect::PopScope
            | Effect::Raise
            | Effect::Query => {}
        }
        for operation in &operations {
            self.execute(session, node, operation);
        }
    }

    /// Tracks maps.
    fn maps(&mut self, session: &mut Session, node: NodeId, command: &Command<'_>) {
        if let Command::CreateBuffer(c) = command
            && c.mapped_at_creation
        {
            session.map(Object::Buffer(c.buffer), node);
        } else if let Command::MapBuffer(c) = command {
            let Some(buffer) = session.contents.resource(Object::Buffer(c.buffer)).cloned() else { return };
            if c.mode == MapMode::Read {
                let range = c.offset.min(buffer.len)..c.offset.saturating_add(c.size).min(buffer.len);
                self.read(session, node, &Span { resource: buffer, range });
            }
            session.map(Object::Buffer(c.buffer), node);
        } else if let Command::WriteMapped(c) = command {
            let buffer = session.contents.resource(Object::Buffer(c.buffer));
            let map = buffer.and_then(|buffer| session.maps.get(&buffer.name.serial)).map(|(_, map)| *map);
            self.need(node, map.unwrap_or(NO_NODE));
        }
    }

    fn execute(&mut self, session: &mut Session, node: NodeId, operation: &Operation) {
        for span in operation.reads() {
            self.read(session, node, &span);
        }
        for write in operation.writes() {
            session.wrote(node, &write.span);
            let name = &write.span.resource.name;
            if let Some(node) = self.get(node)
                && node.wrote.last().is_none_or(|last| last.serial != name.serial)
                && !node.wrote.iter().take(MAX_WRITERS).any(|wrote| wrote.serial == name.serial)
            {
                node.wrote.push(Arc::clone(name));
            }
        }
    }

    /// Makes a node that reads contents depend on their writers.
    fn read(&mut self, session: &mut Session, node: NodeId, span: &Span) {
        let Some((_, map)) = session.written.get_mut(&span.resource.name.serial) else { return };
        let mut writers: Vec<_> = map.over(span.range.clone()).map(|(_, writer)| writer).collect();
        writers.sort_unstable();
        writers.dedup();
        if writers.len() > MAX_WRITERS {
            let all = self.node();
            for &writer in &writers {
                self.cause(all, writer);
            }
            map.change(span.range.clone(), |_| Some(all));
            writers = vec![all];
        }
        for writer in writers {
            self.cause(node, writer);
        }
    }

    /// Processes an event.
    pub fn event(&mut self, session: &mut Session, event: &Event<'_>) -> Heard {
        match event {
            Event::Uncaptured { device, .. } => {
                let node = self.node();
                self.need(node, session.node_of(Object::Device(*device)));
                Heard::Error(node, session.answered, u64::MAX)
            }
            Event::DeviceLost { device, .. } => match session.node_of(Object::Device(*device)) {
                NO_NODE => Heard::Session,
                node => Heard::Of(node),
            },
            _ => match event.request() {
                Some(request) => self.answer(session, request, event),
                None => Heard::Session,
            },
        }
    }

    fn answer(&mut self, session: &mut Session, request: RequestId, event: &Event<'_>) -> Heard {
        let Some((node, place, scope)) = session.requests.remove(&request.0) else { return Heard::Of(NO_NODE) };
        session.answered = session.answered.max(place);
        match (event, scope) {
            (Event::ScopePopped { result: Ok(Some(_)), .. }, Some(from)) => Heard::Error(node, from, place),
            _ => Heard::Of(node),
        }
    }

    /// Marks nodes and their transitive needs.
    pub fn reach(&self, kept: &mut [bool], roots: impl IntoIterator<Item = NodeId>, forgotten: &HashSet<NodeId>) {
        let mut open: Vec<NodeId> = roots.into_iter().collect();
        while let Some(id) = open.pop() {
            let (Some(seen), Some(node)) = (kept.get_mut(id as usize), self.nodes.get(id as usize)) else { continue };
            if *seen || forgotten.contains(&id) {
                continue;
            }
            *seen = true;
            open.extend(&node.needs);
        }
    }

    /// Removes the nodes that are not kept. Returns the new number of each.
    pub fn compact<'s>(&mut self, kept: &[bool], sessions: impl Iterator<Item = &'s mut Session>) -> Vec<NodeId> {
        let mut next = 0;
        let numbers: Vec<_> = kept
            .iter()
            .map(|&kept| {
                let number = if kept { next } else { NO_NODE };
                next += NodeId::from(kept);
                number
            })
            .collect();
        let new = |id: NodeId| numbers.get(id as usize).copied().unwrap_or(NO_NODE);
        let mut old = kept.iter();
        self.nodes.retain_mut(|node| {
            node.needs.iter_mut().for_each(|id| *id = new(*id));
            node.needs.retain(|&id| id != NO_NODE);
            old.next().copied().unwrap_or_default()
        });
        sessions.for_each(|session| session.renumber(&new));
        numbers
    }
}
