//! Numbers of a graph's nodes.

/// A node's number.
pub(crate) type NodeId = u32;

/// No node: the entry belongs to the session, or to a removed node.
pub(crate) const NO_NODE: NodeId = NodeId::MAX;
