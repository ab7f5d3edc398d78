//! The differences of two traces.
//!
//! Both are sequences of items: commands, and starts and ends of sessions. They are aligned by hashes that leave out
//! values that change without a reason in the guest: numbers of requests, and ids, which are replaced with the object's
//! maker. Then the two sequences are walked side by side, and every pair is compared strictly, with each object of one
//! trace bound to its partner in the other: a use of the wrong one of two equal buffers is a difference, a use of a
//! changed one is not.
//!
//! Replies are compared with their command. Unrequested events are compared in their order, since their places among
//! the commands are chance. Times and the ends of batches are not compared.

mod align;
mod fields;
mod items;
mod rows;
mod walk;

use std::{io, sync::Arc};

use crate::{edit::tools::Error, file::reader::TraceFile};

pub use rows::{Change, DEADLINE, Row, Summary};

/// Fields of the headers that differ: the component, the program's version, the adapters.
pub fn headers(a: &TraceFile, b: &TraceFile) -> Vec<Change> {
    let value = |file: &TraceFile| {
        let mut header = file.header().clone();
        // The history of tools is not compared.
        header.history.clear();
        serde_json::json!({ "header": header, "devices": file.devices() })
    };
    fields::json_changes(&value(a), &value(b))
}

/// Compares two traces; returns every row that differs, with `context` rows around it. Adapters' and devices'
/// descriptions of themselves are compared only with `adapters`.
pub fn diff(
    a: &Arc<TraceFile>,
    b: &Arc<TraceFile>,
    context: usize,
    adapters: bool,
    row: &mut dyn FnMut(Row) -> io::Result<()>,
) -> Result<Summary, Error> {
    let (left, right) = (items::Side::read(a)?, items::Side::read(b)?);
    let steps = align::align(&left.hashes, &right.hashes);
    walk::Walk::new(&left, &right, context, adapters, row).run(&steps)
}
