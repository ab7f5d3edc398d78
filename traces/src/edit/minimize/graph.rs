//! The dependences of each command of a trace, so that other commands can be left out.
//!
//! Ids are reused after a drop: here an object is identified by the command that made it, its *maker*.

use std::collections::{HashMap, HashSet};

use airlock_protocol::{
    Command, Event, Payload,
    codec::{self, DecodeError},
    commands::{Description, Effect, End, Pair},
    ids::{Kind, Object},
};
use thiserror::Error;

use crate::{
    edit::analysis::{self, Grain, is_recorder},
    file::trace::{Trace, What},
    schema::facts::Facts,
};

use super::set::Set;

/// A trace with an invalid command or event.
#[derive(Debug, Error)]
pub enum GraphError {
    /// An invalid command.
    #[error("command {number} of the trace: {cause}")]
    Command {
        /// Its number.
        number: u64,
        /// The damage.
        cause: DecodeError,
    },
    /// An invalid event.
    #[error("an event after command {number} of the trace: {cause}")]
    Event {
        /// The number of the next command.
        number: u64,
        /// The damage.
        cause: DecodeError,
    },
}

/// A command with its replies, or an event without a request: the unit that a candidate keeps or leaves out.
#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    /// Its place in the trace.
    pub entry: usize,
    /// The command's number; `None` for an event.
    pub number: Option<u64>,
    /// The session.
    pub session: u32,
    /// The command's description; `None` for an event.
    pub description: Option<&'static Description>,
    /// Items that it needs: makers, the other end of a pair, staged data and its taker.
    pub needs: Vec<usize>,
    /// Objects in a list that may be shortened, with their makers. The item is left out when its list becomes empty.
    pub list: Vec<(Object, usize)>,
    /// Places of the replies and readbacks.
    pub answers: Vec<usize>,
    /// The kind of the object that it makes.
    pub makes: Option<Kind>,
    /// Commands recorded into it, of an encoder, a pass or a bundle encoder.
    pub recorded: Vec<usize>,
    /// Commands that change its state: maps, unmaps, destroys.
    pub states: Vec<usize>,
    /// Commands that made the contents that it reads.
    pub causes: Vec<usize>,
}

impl Item {
    /// The command's effect.
    pub fn effect(&self) -> Option<Effect> {
        self.description.map(|description| description.effect)
    }
}

/// The depth of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Objects and their state: enough for an error that does not depend on contents.
    State,
    /// Also the commands that made the contents that are read.
    Contents,
}

/// One use of a resource that can be used again (an object with an id, a map of a buffer), with the command that ends
/// it. When two uses are kept, the end of the first must be kept too.
#[derive(Clone, Copy, Debug)]
struct Link {
    begin: usize,
    end: Option<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Commands and unrequested events in the trace's order.
    pub items: Vec<Item>,
    /// For each place in the trace with an `Unknown` record, the makers of its objects.
    pub unknown: HashMap<usize, Vec<(Object, usize)>>,
    /// For each item, the items that need it.
    dependents: Vec<Vec<usize>>,
    chains: Vec<Vec<Link>>,
}

impl Graph {
    /// Builds the graph of a trace.
    pub fn of(trace: &Trace) -> Result<Self, GraphError> {
        let (refused, analysis) = (refused(trace), analysis::Graph::new(Grain::Commands));
        let mut builder = Builder { refused, analysis, ..Builder::default() };
        let mut number = 0;
        for (place, entry) in trace.entries.iter().enumerate() {
            let session = entry.session;
            match &entry.what {
                What::Session => {
                    builder.live.insert(session, Live::default());
                    builder.sessions.insert(session, analysis::Session::default());
                }
                What::Command(bytes) => {
                    let command =
                        codec::decode_command(bytes).map_err(|cause| GraphError::Command { number, cause })?;
                    builder.command((place, number, session), &command, &Facts::of(&command));
                    number += 1;
                }
                What::Event(bytes) => {
                    let event = codec::decode_event(bytes).map_err(|cause| GraphError::Event { number, cause })?;
                    builder.event(place, session, &event);
                }
                What::Readback(readback) => builder.answer(place, session, readback.request.0),
                What::Unknown(objects) => {
                    let live = builder.live.entry(session).or_default();
                    let makers = objects.iter().filter_map(|&object| Some((object, *live.makers.get(&object)?)));
                    builder.graph.unknown.insert(place, makers.collect());
                }
                What::Flush | What::Piece(_) | What::End(_) | What::Stopped(_) => {}
            }
        }
        builder.causes();
        let mut graph = builder.graph;
        graph.dependents = vec![Vec::new(); graph.items.len()];
        for (index, item) in graph.items.iter().enumerate() {
            for &need in item.needs.iter().chain(item.list.iter().map(|(_, maker)| maker)) {
                if let Some(dependents) = graph.dependents.get_mut(need) {
                    dependents.push(index);
                }
            }
        }
        // The only use needs no end.
        graph.chains.retain(|chain| chain.len() > 1);
        Ok(graph)
    }

    /// Leaves out items with missing needs, and adds the drops without which an id would be made twice.
    pub fn shrink(&self, keep: &mut Set) {
        let lacking: Vec<_> = keep.iter().filter(|&item| !self.can_be(item, keep)).collect();
        let mut gone = lacking;
        while let Some(item) = gone.pop() {
            if keep.remove(item) {
                let dependents = self.dependents.get(item).into_iter().flatten();
                gone.extend(dependents.filter(|&&item| keep.has(item) && !self.can_be(item, keep)));
            }
        }
        self.end_what_begins_again(keep);
    }

    fn can_be(&self, item: usize, keep: &Set) -> bool {
        let Some(item) = self.items.get(item) else { return false };
        let whole = item.needs.iter().all(|&need| keep.has(need));
        whole && (item.list.is_empty() || item.list.iter().any(|&(_, maker)| keep.has(maker)))
    }

    fn end_what_begins_again(&self, keep: &mut Set) {
        for chain in &self.chains {
            let kept: Vec<_> = chain.iter().filter(|link| keep.has(link.begin)).collect();
            for link in kept.iter().take(kept.len().saturating_sub(1)) {
                if let Some(end) = link.end {
                    keep.insert(end);
                }
            }
        }
    }

    /// Adds all needs.
    pub fn grow(&self, keep: &mut Set) {
        let mut look: Vec<_> = keep.iter().collect();
        while let Some(item) = look.pop() {
            let needs = self.items.get(item).into_iter().flat_map(|item| &item.needs);
            look.extend(needs.copied().filter(|&need| keep.insert(need)));
        }
        self.end_what_begins_again(keep);
    }

    /// The roots and their possible causes. Of the items after the last root, only those that complete a pair.
    pub fn slice(&self, roots: &[usize], depth: Depth) -> Set {
        let mut keep = Set::none(self.items.len());
        let last = roots.iter().copied().max().unwrap_or(0);
        let mut look = roots.to_vec();
        while let Some(index) = look.pop() {
            let Some(item) = self.items.get(index).filter(|_| keep.insert(index)) else { continue };
            look.extend(item.needs.iter().chain(item.list.iter().map(|(_, maker)| maker)).chain(&item.recorded));
            look.extend(item.states.iter().filter(|&&state| state <= last));
            if depth == Depth::Contents {
                look.extend(item.causes.iter().filter(|&&cause| cause <= last));
            }
        }
        self.grow(&mut keep);
        keep
    }

    /// The item of a command.
    pub fn command(&self, number: u64) -> Option<usize> {
        self.items.iter().position(|item| item.number == Some(number))
    }

    /// The item of an event: itself, or the command that it replies to.
    pub fn of_event(&self, place: usize) -> Option<usize> {
        self.items.iter().position(|item| item.entry == place || item.answers.contains(&place))
    }

    /// The number of kept commands.
    pub fn commands(&self, keep: &Set) -> usize {
        keep.iter().filter(|&item| self.items.get(item).is_some_and(|item| item.number.is_some())).count()
    }
}

/// Requests whose reply was an error: they have made nothing.
fn refused(trace: &Trace) -> HashSet<(u32, u64)> {
    let events = trace.entries.iter().filter_map(|entry| match &entry.what {
        What::Event(bytes) => Some((entry.session, codec::decode_event(bytes).ok()?)),
        _ => None,
    });
    let refusals = events.filter_map(|(session, event)| match event {
        Event::AdapterReply { request, result: Err(_) } | Event::DeviceReply { request, result: Err(_) } => {
            Some((session, request.0))
        }
        _ => None,
    });
    refusals.collect()
}

/// Live objects and open pairs of a session.
#[derive(Debug, Default)]
struct Live {
    /// The makers of live objects.
    makers: HashMap<Object, usize>,
    /// The last maker of every id, for events that come late.
    last: HashMap<Object, usize>,
    /// The chain of every id.
    ids: HashMap<Object, usize>,
    /// The chain of every buffer's maps, by its maker.
    maps: HashMap<usize, usize>,
    /// The commands of pending requests.
    requests: HashMap<u64, usize>,
    /// Pieces that wait for their command.
    staged: Vec<usize>,
    /// Open pairs.
    open: HashMap<(Pair, usize), Vec<usize>>,
}

#[derive(Debug, Default)]
struct Builder {
    graph: Graph,
    refused: HashSet<(u32, u64)>,
    live: HashMap<u32, Live>,
    /// The analysis that finds the writers of contents.
    analysis: analysis::Graph,
    sessions: HashMap<u32, analysis::Session>,
    /// The items of the analysis' nodes.
    nodes: HashMap<analysis::NodeId, usize>,
}

impl Builder {
    fn command(&mut self, (entry, number, session): (usize, u64, u32), command: &Command<'_>, facts: &Facts) {
        let index = self.graph.items.len();
        let live = self.live.entry(session).or_default();
        let description = command.description();
        let mut item = Item { entry, number: Some(number), session, description: Some(description), ..Item::default() };
        let refused = facts.request.is_some_and(|request| self.refused.contains(&(session, request.0)));
        let makes = facts.makes.filter(|_| !refused);
        let named: Vec<_> = facts
            .objects
            .iter()
            .filter(|&&object| Some(object) != facts.makes)
            .filter_map(|&object| Some((object, *live.makers.get(&object)?)))
            .collect();
        for &(object, maker) in &named {
            let is_member = description.list == Some(object.kind());
            if is_member { item.list.push((object, maker)) } else { item.needs.push(maker) }
        }
        if let Some(request) = facts.request {
            live.requests.insert(request.0, index);
        }
        match command.payload() {
            Some(_) if description.effect == Effect::Stage => live.staged.push(index),
            Some(Payload::Staged { .. }) => {
                for piece in live.staged.drain(..) {
                    item.needs.push(piece);
                    self.graph.items.get_mut(piece).into_iter().for_each(|piece| piece.needs.push(index));
                }
            }
            Some(Payload::Inline(_) | Payload::Shared { .. }) | None => {}
        }
        if let Some((end, what)) = description.pair
            && let Some(on) = if facts.makes.is_some() { Some(index) } else { named.first().map(|&(_, maker)| maker) }
        {
            let waiting = live.open.entry((what, on)).or_default();
            if end == End::Opens {
                waiting.push(index);
            } else if let Some(begin) = waiting.pop() {
                item.needs.push(begin);
                self.graph.items.get_mut(begin).into_iter().for_each(|begin| begin.needs.push(index));
            }
        }
        link_maps(live, &mut self.graph.chains, &mut item, (index, command), &named);
        if let Some(object) = makes {
            item.makes = Some(object.kind());
            live.makers.insert(object, index);
            live.last.insert(object, index);
            let chain = *live.ids.entry(object).or_insert_with(|| new_chain(&mut self.graph.chains));
            self.graph.chains.get_mut(chain).into_iter().for_each(|chain| chain.push(Link { begin: index, end: None }));
        }
        if let Some(object) = facts.drops {
            live.makers.remove(&object);
            let chain = live.ids.get(&object).and_then(|&chain| self.graph.chains.get_mut(chain));
            chain.and_then(|chain| chain.last_mut()).into_iter().for_each(|link| link.end = Some(index));
        }
        self.belongs(index, description.effect, &named);
        let role = self.analysis.command(self.sessions.entry(session).or_default(), number, command);
        self.nodes.insert(role.node, index);
        self.graph.items.push(item);
    }

    /// Records a command with the makers of the objects that it is recorded into, or whose state it changes.
    fn belongs(&mut self, index: usize, effect: Effect, named: &[(Object, usize)]) {
        match effect {
            Effect::Record | Effect::Begin | Effect::Finish => {
                for (_, recorder) in named.iter().filter(|(object, _)| is_recorder(object.kind())) {
                    self.graph.items.get_mut(*recorder).into_iter().for_each(|item| item.recorded.push(index));
                }
            }
            Effect::Map | Effect::Unmap | Effect::Destroy => {
                let of = named.first().and_then(|(_, maker)| self.graph.items.get_mut(*maker));
                of.into_iter().for_each(|item| item.states.push(index));
            }
            Effect::Create
            | Effect::Submit
            | Effect::Write
            | Effect::Stage
            | Effect::Label
            | Effect::Drop
            | Effect::PushScope
            | Effect::PopScope
            | Effect::Raise
            | Effect::Query => {}
        }
    }

    /// Copies the writers of the contents that each command reads from the analysis.
    fn causes(&mut self) {
        for (&node, &index) in &self.nodes {
            let mut seen = HashSet::new();
            let mut look = vec![node];
            while let Some(node) = look.pop() {
                for &cause in self.analysis.nodes.get(node as usize).into_iter().flat_map(|node| &node.causes) {
                    // A node without a command stands for many writers.
                    match self.nodes.get(&cause) {
                        Some(&cause) => {
                            self.graph.items.get_mut(index).into_iter().for_each(|item| item.causes.push(cause));
                        }
                        None if seen.insert(cause) => look.push(cause),
                        None => {}
                    }
                }
            }
        }
    }

    fn event(&mut self, entry: usize, session: u32, event: &Event<'_>) {
        if let Some(request) = event.request() {
            return self.answer(entry, session, request.0);
        }
        let live = self.live.entry(session).or_default();
        let needs = match event {
            Event::Uncaptured { device, .. } | Event::DeviceLost { device, .. } => {
                live.last.get(&Object::Device(*device)).copied().into_iter().collect()
            }
            _ => Vec::new(),
        };
        self.graph.items.push(Item { entry, session, needs, ..Item::default() });
    }

    fn answer(&mut self, entry: usize, session: u32, request: u64) {
        let asked = self.live.get(&session).and_then(|live| live.requests.get(&request));
        let item = asked.and_then(|&item| self.graph.items.get_mut(item));
        item.into_iter().for_each(|item| item.answers.push(entry));
    }
}

fn new_chain(chains: &mut Vec<Vec<Link>>) -> usize {
    chains.push(Vec::new());
    chains.len().saturating_sub(1)
}

/// The step of a command in a buffer's maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MapStep {
    Begins,
    Writes,
    Ends,
}

/// Links writes into a mapped range to their map, and a map to the end of the one before it.
fn link_maps(
    live: &mut Live,
    chains: &mut Vec<Vec<Link>>,
    item: &mut Item,
    (index, command): (usize, &Command<'_>),
    named: &[(Object, usize)],
) {
    let first = named.first().copied();
    let of_buffer = first.filter(|(object, _)| object.kind() == Kind::Buffer).map(|(_, maker)| maker);
    let (buffer, step) = match command.description().effect {
        Effect::Create => {
            let is_mapped = matches!(command, Command::CreateBuffer(c) if c.mapped_at_creation);
            (is_mapped.then_some(index), MapStep::Begins)
        }
        Effect::Map => (of_buffer, MapStep::Begins),
        Effect::Write => (of_buffer.filter(|_| matches!(command, Command::WriteMapped(_))), MapStep::Writes),
        Effect::Unmap | Effect::Destroy => (of_buffer, MapStep::Ends),
        Effect::Record
        | Effect::Begin
        | Effect::Finish
        | Effect::Submit
        | Effect::Stage
        | Effect::Label
        | Effect::Drop
        | Effect::PushScope
        | Effect::PopScope
        | Effect::Raise
        | Effect::Query => return,
    };
    let Some(buffer) = buffer else { return };
    let chain = *live.maps.entry(buffer).or_insert_with(|| new_chain(chains));
    let Some(chain) = chains.get_mut(chain) else { return };
    match step {
        MapStep::Begins => chain.push(Link { begin: index, end: None }),
        MapStep::Writes => item.needs.extend(chain.last().map(|link| link.begin)),
        MapStep::Ends => {
            if let Some(link) = chain.last_mut().filter(|link| link.end.is_none()) {
                link.end = Some(index);
            }
        }
    }
}
