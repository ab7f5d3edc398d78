//! The state of a session's graph: live objects, the writers of their contents, open maps and scopes.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use airlock_protocol::{
    ids::{DeviceId, Kind, Object, RequestId},
    limits::MAX_OBJECTS,
};

use super::{
    contents::Contents,
    node::{NO_NODE, NodeId},
    ranges::RangeMap,
    resources::{Resource, Span},
};

/// One session's state.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(super) contents: Contents,
    pub(super) live: Vec<Vec<NodeId>>,
    /// The writers of each resource, by its serial number.
    pub(super) written: HashMap<u64, (Weak<Resource>, RangeMap<NodeId>)>,
    pub(super) tidy_at: usize,
    /// The mapped buffers, with the nodes of their maps.
    pub(super) maps: HashMap<u64, (Weak<Resource>, NodeId)>,
    pub(super) scopes: HashMap<DeviceId, Vec<(NodeId, u64)>>,
    /// Pending requests: their nodes and places, and for a popped scope the place where it began.
    pub(super) requests: HashMap<u64, (NodeId, u64, Option<u64>)>,
    /// The node of pieces that wait for their command.
    pub(super) staged: Option<NodeId>,
    /// The place of the last command that is known to be executed.
    pub(super) answered: u64,
    pub(super) over: bool,
}

impl Session {
    /// Ends the session: no entry follows.
    pub fn end(&mut self) {
        self.over = true;
    }

    /// True after [`Session::end`].
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The node that made an object.
    pub fn node_of(&self, object: Object) -> NodeId {
        let ids = self.live.get(object.kind() as usize);
        ids.and_then(|ids| ids.get(object.describe().1 as usize)).copied().unwrap_or(NO_NODE)
    }

    /// Sets the node of an object that is made, or dropped.
    pub fn put(&mut self, object: Object, node: NodeId) {
        let (kind, index) = (object.kind() as usize, object.describe().1);
        // The daemon rejects higher ids.
        if index >= MAX_OBJECTS {
            return;
        }
        self.live.resize_with(Kind::COUNT, Vec::new);
        let Some(ids) = self.live.get_mut(kind) else { return };
        let index = index as usize;
        if ids.len() <= index {
            ids.resize(index + 1, NO_NODE);
        }
        if let Some(slot) = ids.get_mut(index) {
            *slot = node;
        }
    }

    /// Records the map of a buffer, unless it is mapped already.
    pub fn map(&mut self, object: Object, node: NodeId) {
        if let Some(buffer) = self.contents.resource(object) {
            self.maps.entry(buffer.name.serial).or_insert_with(|| (Arc::downgrade(buffer), node));
        }
    }

    /// Records a node's write of contents.
    pub fn wrote(&mut self, node: NodeId, span: &Span) {
        if self.written.len() >= self.tidy_at.max(64) {
            self.written.retain(|_, (resource, _)| resource.strong_count() > 0);
            self.tidy_at = self.written.len() * 2;
        }
        let fresh = || (Arc::downgrade(&span.resource), RangeMap::default());
        let (_, map) = self.written.entry(span.resource.name.serial).or_insert_with(fresh);
        map.set(span.range.clone(), node);
    }

    /// The nodes that the rest of the stream may refer to: live objects, contents that can still be read, open maps and
    /// scopes.
    pub fn roots(&mut self) -> Vec<NodeId> {
        self.written.retain(|_, (resource, _)| resource.strong_count() > 0);
        self.maps.retain(|_, (resource, _)| resource.strong_count() > 0);
        let mut roots: Vec<_> = self.maps.values().map(|&(_, node)| node).collect();
        for (kind, ids) in Kind::ALL.iter().zip(&self.live) {
            let objects = (0..).zip(ids).filter(|&(_, &node)| node != NO_NODE);
            roots.extend(objects.filter(|&(id, _)| self.contents.is_pending(kind.object(id))).map(|(_, &node)| node));
        }
        roots.extend(self.written.values().flat_map(|(_, map)| map.parts().map(|(_, node)| node)));
        roots.extend(self.scopes.values().flatten().map(|&(node, _)| node));
        roots.extend(self.staged);
        roots.sort_unstable();
        roots.dedup();
        roots
    }

    /// The node of a pending request.
    pub fn asked(&self, request: RequestId) -> NodeId {
        self.requests.get(&request.0).map_or(NO_NODE, |&(node, ..)| node)
    }

    /// Renumbers the nodes.
    pub fn renumber(&mut self, new: &impl Fn(NodeId) -> NodeId) {
        self.live.iter_mut().flatten().for_each(|id| *id = new(*id));
        for (_, map) in self.written.values_mut() {
            map.change(0..u64::MAX, |id| Some(new(id)).filter(|&id| id != NO_NODE));
        }
        self.maps.values_mut().for_each(|(_, id)| *id = new(*id));
        self.scopes.values_mut().flatten().for_each(|(id, _)| *id = new(*id));
        self.requests.values_mut().for_each(|(id, ..)| *id = new(*id));
        self.staged = self.staged.map(new);
    }
}
