//! Commands of a session: labels and drops of any object, bulk data, statistics.

use airlock_protocol_derive::command;

use crate::{
    ids::{Object, RequestId},
    payload::Payload,
};

/// `set-label` of any object. wgpu fixes labels at creation: a later label serves messages and readers of the stream.
#[command(effect = Label)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetLabel<'a> {
    pub object: Object,
    pub label: &'a str,
}

/// The guest dropped its last handle: frees the id. Unlike `destroy`, it does not affect submitted work.
#[command(effect = Drop, drops = object)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropObject {
    pub object: Object,
}

/// One piece of bulk data that exceeds the length of a piece. Pieces gather until a [`Payload::Staged`] takes them all.
#[command(effect = Stage)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage<'a> {
    pub data: Payload<'a>,
}

/// Requests the daemon's statistics. The reply is [`Event::Report`](crate::Event::Report).
#[command(effect = Query, reply = Report)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportStats {
    pub request: RequestId,
}
