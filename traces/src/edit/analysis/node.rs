//! Numbers of a graph's nodes.

/// A node's number.
pub(crate) type NodeId = u32;

/// No node: what belongs to the session, or to nothing that is left.
pub(crate) const NO_NODE: NodeId = NodeId::MAX;
