//! Which commands need which: a graph whose nodes are commands that are kept together.
//!
//! - All that is recorded with an encoder, its passes included, is one node.
//! - What drops, destroys or labels an object belongs to the node that made it; an unmap to that of the map.
//! - A node needs those that made the objects it names, and those that made the contents it reads: the last that wrote
//!   each part. One that leaves something of what was there needs what made that, too.

use std::{collections::HashSet, sync::Arc};

use airlock_protocol::{
    Command, Event, Payload,
    commands::buffer::MapMode,
    ids::{Kind, Object, RequestId},
};

use super::{
    contents::Operation,
    names::Names,
    resources::{Name, Span},
    session::Session,
};

/// A node's number.
pub(crate) type NodeId = u32;

/// No node: what belongs to the session, or to nothing that is left.
pub(crate) const NO_NODE: NodeId = NodeId::MAX;

/// Different writers of the parts of one span; with more, they get a node that stands for all of them, so that reading a
/// buffer that was filled bit by bit does not cost so many edges each time.
const MAX_WRITERS: usize = 64;

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub needs: Vec<NodeId>,
    /// What it wrote: such a node does nothing but make contents.
    pub wrote: Vec<Arc<Name>>,
    /// It is a submit.
    pub is_submit: bool,
}

/// What a command means for the one who keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub node: NodeId,
    pub part: Part,
}

/// See [`Role`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It does something.
    Active,
    /// It only follows the object that it drops, destroys or labels.
    Follows,
    /// It opens an error scope.
    Push,
    /// It closes one.
    Pop,
}

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    names: Names,
}

/// An event, as a graph sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It belongs to a node.
    Of(NodeId),
    /// It is an error in one of the commands from the first place up to the second.
    Error(NodeId, u64, u64),
    /// It belongs to the session.
    Session,
}

fn is_recorder(kind: Kind) -> bool {
    matches!(kind, Kind::CommandEncoder | Kind::RenderPass | Kind::ComputePass | Kind::RenderBundleEncoder)
}

impl Graph {
    /// Makes a node.
    pub fn node(&mut self) -> NodeId {
        let id = NodeId::try_from(self.nodes.len()).unwrap_or(NO_NODE);
        self.nodes.push(Node::default());
        id
    }

    fn get(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id as usize)
    }

    /// One node needs another.
    #[inline]
    pub fn need(&mut self, node: NodeId, on: NodeId) {
        if node == on || on == NO_NODE {
            return;
        }
        let Some(node) = self.get(node) else { return };
        if node.needs.last() == Some(&on) {
            return;
        }
        node.needs.push(on);
        if node.needs.len() >= 32 && node.needs.len().is_power_of_two() {
            node.needs.sort_unstable();
            node.needs.dedup();
        }
    }

    /// A command goes by, at a place in the stream.
    pub fn command(&mut self, session: &mut Session, place: u64, command: &Command<'_>) -> Role {
        let mut names = std::mem::take(&mut self.names);
        names.read(command);
        let role = self.role(session, place, command, &names);
        if role.part != Part::Follows {
            for object in names.needs() {
                self.need(role.node, session.node_of(object));
            }
        }
        if let Some(made) = names.makes {
            session.put(made, role.node);
        }
        if let Some(request) = names.request {
            session.questions.entry(request.0).or_insert((role.node, place, None));
        }
        self.contents(session, place, role.node, command);
        if let Command::DropObject(c) = command {
            session.put(c.object, NO_NODE);
        }
        self.names = names;
        role
    }

    /// Which node a command belongs to.
    fn role(&mut self, session: &mut Session, place: u64, command: &Command<'_>, names: &Names) -> Role {
        let active = |node| Role { node, part: Part::Active };
        let first = names.objects.first().copied();
        match command {
            Command::DropObject(_)
            | Command::SetLabel(_)
            | Command::DestroyBuffer(_)
            | Command::DestroyTexture(_)
            | Command::DestroyQuerySet(_) => {
                Role { node: first.map_or(NO_NODE, |object| session.node_of(object)), part: Part::Follows }
            }
            Command::DestroyDevice(c) => active(session.node_of(Object::Device(c.device))),
            Command::PushErrorScope(c) => {
                let node = self.node();
                session.scopes.entry(c.device).or_default().push((node, place));
                Role { node, part: Part::Push }
            }
            Command::PopErrorScope(c) => {
                let scope = session.scopes.get_mut(&c.device).and_then(Vec::pop);
                let (node, from) = scope.unwrap_or_else(|| (self.node(), place));
                session.questions.insert(c.request.0, (node, place, Some(from)));
                Role { node, part: Part::Pop }
            }
            Command::UnmapBuffer(c) => {
                let serial = session.contents.resource(Object::Buffer(c.buffer)).map(|buffer| buffer.name.serial);
                let map = serial.and_then(|serial| session.maps.remove(&serial));
                active(map.map_or_else(|| self.node(), |(_, node)| node))
            }
            Command::Stage(_) => {
                let node = session.staged.unwrap_or_else(|| self.node());
                session.staged = Some(node);
                active(node)
            }
            _ => match first {
                Some(recorder) if is_recorder(recorder.kind()) && session.node_of(recorder) != NO_NODE => {
                    active(session.node_of(recorder))
                }
                _ => {
                    let staged = matches!(command.payload(), Some(Payload::Staged { .. }));
                    let waiting = if staged { session.staged.take() } else { None };
                    active(waiting.unwrap_or_else(|| self.node()))
                }
            },
        }
    }

    /// What a command does to contents and maps.
    fn contents(&mut self, session: &mut Session, place: u64, node: NodeId, command: &Command<'_>) {
        let operations = session.contents.command(place, command);
        match command {
            Command::CreateBuffer(c) if c.mapped_at_creation => session.map(Object::Buffer(c.buffer), node),
            Command::MapBuffer(c) => {
                if let Some(buffer) = session.contents.resource(Object::Buffer(c.buffer)).cloned() {
                    if c.mode == MapMode::Read {
                        let range = c.offset.min(buffer.len)..c.offset.saturating_add(c.size).min(buffer.len);
                        self.read(session, node, &Span { resource: buffer, range });
                    }
                    session.map(Object::Buffer(c.buffer), node);
                }
            }
            Command::WriteMapped(c) => {
                let buffer = session.contents.resource(Object::Buffer(c.buffer));
                let map = buffer.and_then(|buffer| session.maps.get(&buffer.name.serial)).map(|(_, map)| *map);
                self.need(node, map.unwrap_or(NO_NODE));
            }
            Command::Submit(_) => {
                if let Some(node) = self.get(node) {
                    node.is_submit = true;
                }
            }
            _ => {}
        }
        for operation in operations {
            self.execute(session, node, operation);
        }
    }

    fn execute(&mut self, session: &mut Session, node: NodeId, operation: Operation) {
        let (reads, writes) = match operation {
            Operation::Copy { from, to } | Operation::Resolve { from, to, .. } => (vec![from], vec![to]),
            Operation::Work { reads, writes, .. } => (reads, writes),
        };
        for span in &reads {
            self.read(session, node, span);
        }
        for write in writes.iter().filter(|write| !write.whole) {
            self.read(session, node, &write.span);
        }
        for write in writes {
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

    /// A node reads contents: it needs who wrote them.
    fn read(&mut self, session: &mut Session, node: NodeId, span: &Span) {
        let Some((_, map)) = session.written.get_mut(&span.resource.name.serial) else { return };
        let mut writers: Vec<_> = map.over(span.range.clone()).map(|(_, writer)| writer).collect();
        writers.sort_unstable();
        writers.dedup();
        if writers.len() > MAX_WRITERS {
            let all = self.node();
            for &writer in &writers {
                self.need(all, writer);
            }
            map.change(span.range.clone(), |_| Some(all));
            writers = vec![all];
        }
        for writer in writers {
            self.need(node, writer);
        }
    }

    /// An event goes by.
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
        let Some((node, place, scope)) = session.questions.remove(&request.0) else { return Heard::Of(NO_NODE) };
        session.answered = session.answered.max(place);
        match (event, scope) {
            (Event::ScopePopped { result: Ok(Some(_)), .. }, Some(from)) => Heard::Error(node, from, place),
            _ => Heard::Of(node),
        }
    }

    /// Everything that some nodes need, themselves included, added to what is kept already.
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

    /// Takes out the nodes that are not kept. Gives the new number of each.
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
