//! What concerns a whole session: labels and drops of any object, bulk data, statistics.

use airlock_protocol_derive::command;

use crate::{
    ids::{Object, RequestId},
    payload::Payload,
};

/// `set-label` of any object. wgpu fixes labels at creation: a later label serves messages and readers of the stream.
#[command(effect = Label)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetLabel<'a> {
    /// The object.
    pub object: Object,
    /// Its label from now on.
    pub label: &'a str,
}

/// The guest dropped its last handle; the id is free from now on. Not `destroy`: work that was submitted goes on.
#[command(effect = Drop, drops = object)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropObject {
    /// The object.
    pub object: Object,
}

/// One piece of data that is longer than a piece may be. Pieces gather until a [`Payload::Staged`] takes them all.
#[command(effect = Stage)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage<'a> {
    /// The piece.
    pub data: Payload<'a>,
}

/// Asks what the daemon has done so far. Answered by [`Event::Report`](crate::Event::Report).
#[command(effect = Query, reply = Report)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportStats {
    /// The answer's number.
    pub request: RequestId,
}
