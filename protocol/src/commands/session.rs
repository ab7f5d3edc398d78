//! What concerns a whole session: labels and drops of any object, bulk data, statistics.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{Object, RequestId},
    payload::Payload,
};

/// `set-label` of any object. wgpu fixes labels at creation: a later label serves messages and readers of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetLabel<'a> {
    /// The object.
    pub object: Object,
    /// Its label from now on.
    pub label: &'a str,
}

/// The guest dropped its last handle; the id is free from now on. Not `destroy`: work that was submitted goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropObject {
    /// The object.
    pub object: Object,
}

/// One piece of data that is longer than a piece may be. Pieces gather until a [`Payload::Staged`] takes them all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage<'a> {
    /// The piece.
    #[serde(borrow)]
    pub data: Payload<'a>,
}

/// Asks what the daemon has done so far. Answered by [`Event::Report`](crate::Event::Report).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportStats {
    /// The answer's number.
    pub request: RequestId,
}
