//! Compaction of a log: drops entries that are not needed any more.

use std::collections::{HashMap, HashSet};

use airlock_protocol::ids::Object;

use crate::file::{format::Digest, trace::What};

use super::{
    log::{ITEM, Item, Kind, Log, NODE},
    node::{NO_NODE, NodeId},
    session::Session,
    slice::Selection,
};

/// An object whose contents were dropped.
struct Unknown {
    object: Object,
    /// The node that made it.
    maker: NodeId,
}

impl Log {
    /// Drops entries that neither the window nor any later command needs. `fits` returns true where this many bytes
    /// with these payloads may stay; where they may not, contents made before the window are dropped.
    pub fn compact(&mut self, start: u64, fits: impl Fn(usize, &HashSet<Digest>) -> bool) {
        self.sessions.retain(|_, session| !session.is_over());
        let roots: Vec<_> = self.sessions.values_mut().flat_map(Session::roots).collect();
        let mut forgotten = HashSet::new();
        let mut selection = self.selection(start..u64::MAX, roots.clone(), &forgotten);
        selection.sessions.extend(self.sessions.keys());
        let mut candidates = None;
        while !self.would_fit(&selection, &fits) {
            let candidates = candidates.get_or_insert_with(|| self.contents_before(start, &selection));
            if candidates.is_empty() {
                break;
            }
            let half = candidates.len().div_ceil(2);
            forgotten.extend(candidates.drain(..half));
            let sessions = std::mem::take(&mut selection.sessions);
            selection = Selection { sessions, ..self.selection(start..u64::MAX, roots.clone(), &forgotten) };
        }
        let unknown = self.unknown(&forgotten, &selection);
        self.rebuild(&selection, unknown);
    }

    /// The nodes before a place that only make contents, in the order in which they are dropped: submits first, because
    /// their results are unknown where their inputs are; each kind oldest first.
    fn contents_before(&self, start: u64, selection: &Selection) -> Vec<NodeId> {
        let makes = |node: NodeId| self.graph.nodes.get(node as usize).is_some_and(|node| !node.wrote.is_empty());
        let mut seen = vec![false; self.graph.nodes.len()];
        let mut first = |node: NodeId| seen.get_mut(node as usize).is_some_and(|seen| !std::mem::replace(seen, true));
        let from = self.items.partition_point(|item| item.place < start);
        self.items.iter().skip(from).for_each(|item| _ = first(item.node));
        let before = self.items.iter().take_while(|item| item.place < start).filter(|item| selection.wants(item));
        let mut nodes: Vec<_> = before.map(|item| item.node).filter(|&node| makes(node) && first(node)).collect();
        nodes.sort_by_key(|&node| self.graph.nodes.get(node as usize).is_some_and(|node| !node.is_submit));
        nodes
    }

    fn would_fit(&self, selection: &Selection, fits: &impl Fn(usize, &HashSet<Digest>) -> bool) -> bool {
        let (mut bytes, mut digests) = (0, HashSet::new());
        for item in self.items.iter().filter(|item| selection.wants(item)) {
            bytes += ITEM + item.len as usize;
            match (item.kind, self.others.get(item.at)) {
                (Kind::Piece, Some(What::Piece(piece))) => drop(digests.insert(piece.digest)),
                (Kind::Readback, Some(What::Readback(readback))) => {
                    digests.extend(readback.pieces.iter().map(|&(_, digest)| digest));
                }
                _ => {}
            }
        }
        let nodes = selection.nodes.iter().filter(|&&kept| kept).count();
        fits(bytes + nodes * NODE, &digests)
    }

    /// The objects whose contents were dropped, by the places of the last commands that made them: a kept write may
    /// stand before these, and does not make them known again.
    fn unknown(&self, forgotten: &HashSet<NodeId>, selection: &Selection) -> HashMap<u64, Vec<Unknown>> {
        let mut last: HashMap<NodeId, u64> = HashMap::new();
        for item in self.items.iter().filter(|item| forgotten.contains(&item.node)) {
            last.insert(item.node, item.place);
        }
        let mut places: HashMap<u64, (u64, Object)> = HashMap::new();
        for (node, &place) in last.iter().filter_map(|(&id, place)| Some((self.graph.nodes.get(id as usize)?, place))) {
            for name in &node.wrote {
                let latest = places.entry(name.made).or_insert((place, name.object));
                latest.0 = latest.0.max(place);
            }
        }
        let mut unknown: HashMap<u64, Vec<Unknown>> = HashMap::new();
        for (made, (place, object)) in places {
            let at = self.items.partition_point(|item| item.place < made);
            let maker = self.items.get(at).filter(|item| item.place == made && selection.wants(item));
            if let Some(maker) = maker {
                unknown.entry(place).or_default().push(Unknown { object, maker: maker.node });
            }
        }
        unknown
    }

    fn rebuild(&mut self, selection: &Selection, unknown: HashMap<u64, Vec<Unknown>>) {
        let items = std::mem::take(&mut self.items);
        let (bytes, others) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.others));
        let numbers = self.graph.compact(&selection.nodes, self.sessions.values_mut());
        let new = |node: NodeId| numbers.get(node as usize).copied().unwrap_or(NO_NODE);
        for item in &items {
            let place = item.place;
            if selection.wants(item) {
                self.keep(Item { node: new(item.node), ..*item }, &bytes, &others);
            }
            for unknown in unknown.get(&place).into_iter().flatten() {
                // Kept for as long as the command that made the object.
                let node = new(unknown.maker);
                self.others.push(What::Unknown(vec![unknown.object]));
                let (place, at) = (place + 1, self.others.len() - 1);
                self.items.push(Item { place, node, kind: Kind::Unknown, at, len: 0, ..*item });
            }
        }
        self.groups.iter_mut().for_each(|group| group.node = new(group.node));
        self.groups.retain(|group| group.node != NO_NODE);
    }

    /// Copies an item from the old log.
    fn keep(&mut self, mut item: Item, bytes: &[u8], others: &[What]) {
        match item.kind {
            Kind::Command(_) | Kind::Event | Kind::News | Kind::Uncaptured => {
                let range = item.at..item.at.saturating_add(item.len as usize);
                item.at = self.bytes.len();
                self.bytes.extend_from_slice(bytes.get(range).unwrap_or_default());
            }
            Kind::Flush => {}
            Kind::Piece | Kind::Readback | Kind::Session | Kind::Unknown => {
                let Some(other) = others.get(item.at) else { return };
                item.at = self.others.len();
                self.others.push(other.clone());
            }
        }
        self.items.push(item);
    }
}
