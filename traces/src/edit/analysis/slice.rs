//! Cuts a window out of a log, with its dependences from before the window.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
};

use airlock_protocol::codec;

use crate::{
    file::trace::{Entry, What},
    schema::facts::Facts,
};

use super::{
    graph::Part,
    log::{Group, Item, Kind, Log},
    node::{NO_NODE, NodeId},
};

/// The part of a log that is kept.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(super) window: Range<u64>,
    pub(super) nodes: Vec<bool>,
    pub(super) sessions: HashSet<u32>,
    /// Places of replies that arrive after the window.
    pub(super) answers: HashSet<u64>,
}

/// A resource whose contents come from before the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromBefore {
    /// The resource: `Buffer 3 "positions"`.
    pub resource: String,
    /// The submits before the window that made its contents and are kept.
    pub submits: u64,
}

impl Log {
    /// Selects a window and its dependences.
    pub fn select(&self, window: Range<u64>) -> Selection {
        self.selection(window, Vec::new(), &HashSet::new())
    }

    pub(super) fn selection(
        &self,
        window: Range<u64>,
        mut roots: Vec<NodeId>,
        forgotten: &HashSet<NodeId>,
    ) -> Selection {
        let (mut sessions, mut scopes) = (HashSet::new(), HashMap::new());
        // An error that arrives after the window, but before any later command, belongs to the window.
        let mut commands_after = false;
        for item in &self.items {
            match item.kind {
                Kind::Command(Part::Push) if item.place < window.start => drop(scopes.insert(item.node, item.session)),
                Kind::Command(Part::Pop) if item.place < window.start => drop(scopes.remove(&item.node)),
                Kind::Command(_) if item.place >= window.end => commands_after = true,
                Kind::Command(Part::Follows) => {}
                // Most commands have the node of the one before them.
                Kind::Command(_) if window.contains(&item.place) && roots.last() != Some(&item.node) => {
                    roots.push(item.node);
                    sessions.insert(item.session);
                }
                Kind::Uncaptured if item.place >= window.start && !commands_after => roots.push(item.node),
                _ => {}
            }
        }
        let open = scopes.into_iter().filter(|(_, session)| sessions.contains(session));
        roots.extend(open.map(|(node, _)| node));
        let mut nodes = vec![false; self.graph.nodes.len()];
        self.graph.reach(&mut nodes, roots, forgotten);
        self.close_groups(&window, &mut nodes, forgotten);
        let answers = self.answers(&window, &nodes);
        Selection { window, nodes, sessions, answers }
    }

    /// Keeps all members of a group that may have caused an error, if one of them or the error is kept.
    fn close_groups(&self, window: &Range<u64>, nodes: &mut [bool], forgotten: &HashSet<NodeId>) {
        let is_kept = |nodes: &[bool], node: NodeId| nodes.get(node as usize).copied().unwrap_or_default();
        loop {
            let mut found = Vec::new();
            for group in &self.groups {
                let error = is_kept(nodes, group.node);
                // A group that ends after the window has its errors there.
                if group.to >= window.end && !error {
                    continue;
                }
                let members = self.members(group, window.end);
                if members.iter().any(|node| forgotten.contains(node)) {
                    continue;
                }
                if error || members.iter().any(|&node| is_kept(nodes, node)) {
                    found.extend(members.into_iter().chain([group.node]).filter(|&node| !is_kept(nodes, node)));
                }
            }
            if found.is_empty() {
                return;
            }
            self.graph.reach(nodes, found, forgotten);
        }
    }

    /// The nodes of the commands that may have caused an error.
    fn members(&self, group: &Group, end: u64) -> Vec<NodeId> {
        let from = self.items.partition_point(|item| item.place < group.from);
        let items = self.items.iter().skip(from).take_while(|item| item.place <= group.to && item.place < end);
        let active = items.filter(|item| item.session == group.session && item.kind == Kind::Command(Part::Active));
        let mut nodes: Vec<_> = active.map(|item| item.node).filter(|&node| node != NO_NODE).collect();
        nodes.dedup();
        nodes
    }

    /// The replies that arrive after a window to requests in it.
    fn answers(&self, window: &Range<u64>, nodes: &[bool]) -> HashSet<u64> {
        let mut asked = HashSet::new();
        let mut answers = HashSet::new();
        let mut facts = Facts::default();
        if self.items.last().is_none_or(|last| last.place < window.end) {
            return answers;
        }
        for item in self.items.iter().filter(|item| nodes.get(item.node as usize).copied().unwrap_or_default()) {
            let request = match item.kind {
                Kind::Command(_) if item.place < window.end => {
                    if let Ok(command) = codec::decode_command(self.bytes_of(item)) {
                        facts.read(&command);
                        asked.extend(facts.request.map(|request| (item.session, request.0)));
                    }
                    None
                }
                Kind::Event => codec::decode_event(self.bytes_of(item)).ok().and_then(|event| event.request()),
                Kind::Readback => match self.others.get(item.at) {
                    Some(What::Readback(readback)) => Some(readback.request),
                    _ => None,
                },
                _ => None,
            };
            if let Some(request) = request
                && item.place >= window.end
                && asked.contains(&(item.session, request.0))
            {
                answers.insert(item.place);
            }
        }
        answers
    }

    pub(super) fn bytes_of(&self, item: &Item) -> &[u8] {
        self.bytes.get(item.at..).and_then(|rest| rest.get(..item.len as usize)).unwrap_or_default()
    }

    fn what_of(&self, item: &Item) -> Option<What> {
        Some(match item.kind {
            Kind::Command(_) => What::Command(self.bytes_of(item).into()),
            Kind::Event | Kind::News | Kind::Uncaptured => What::Event(self.bytes_of(item).into()),
            Kind::Flush => What::Flush,
            Kind::Piece | Kind::Readback | Kind::Session | Kind::Unknown => self.others.get(item.at)?.clone(),
        })
    }

    /// The entries of a selection, pieces right before their commands.
    pub fn cut(&self, selection: &Selection) -> impl Iterator<Item = Entry> + '_ {
        let items: Vec<_> = self.items.iter().filter(|item| selection.wants(item)).collect();
        let mut full = HashMap::new();
        items.into_iter().filter_map(move |item| {
            // A batch without any kept entry gets no end.
            match item.kind {
                Kind::Command(_) => drop(full.insert(item.session, true)),
                Kind::Flush => full.insert(item.session, false).filter(|&full| full).map(drop)?,
                _ => {}
            }
            Some(Entry { session: item.session, time: item.time, what: self.what_of(item)? })
        })
    }

    /// The submits in a selection's window.
    pub fn submits_in(&self, selection: &Selection) -> u64 {
        let within = self.items.iter().filter(|item| selection.window.contains(&item.place) && selection.wants(item));
        let commands = within.filter(|item| matches!(item.kind, Kind::Command(_)));
        commands.filter(|item| self.graph.nodes.get(item.node as usize).is_some_and(|node| node.is_submit)).count()
            as u64
    }

    /// The resources whose contents are made before a selection's window, and the submits there that are kept.
    pub fn before_window(&self, selection: &Selection) -> (u64, Vec<FromBefore>) {
        let mut counts: BTreeMap<u64, (String, u64)> = BTreeMap::new();
        let mut submits = 0;
        let before = self.items.iter().take_while(|item| item.place < selection.window.start);
        for item in before.filter(|item| matches!(item.kind, Kind::Command(_)) && selection.wants(item)) {
            let node = self.graph.nodes.get(item.node as usize).filter(|node| node.is_submit);
            submits += u64::from(node.is_some());
            for name in node.into_iter().flat_map(|node| &node.wrote) {
                counts.entry(name.serial).or_insert_with(|| (name.describe(), 0)).1 += 1;
            }
        }
        (submits, counts.into_values().map(|(resource, submits)| FromBefore { resource, submits }).collect())
    }
}

impl Selection {
    pub(super) fn wants(&self, item: &Item) -> bool {
        let node = || self.nodes.get(item.node as usize).copied().unwrap_or_default();
        let before_end = item.place < self.window.end;
        match item.kind {
            Kind::Command(_) | Kind::Piece | Kind::Unknown => before_end && node(),
            Kind::Event | Kind::Readback => node() && (before_end || self.answers.contains(&item.place)),
            Kind::Uncaptured => node(),
            Kind::Flush | Kind::Session | Kind::News => before_end && self.sessions.contains(&item.session),
        }
    }
}
