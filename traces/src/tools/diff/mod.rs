//! What differs between two traces.
//!
//! Both are rows of items: commands, and starts and ends of sessions. They are aligned by hashes that leave out what
//! changes without a reason in the guest: numbers of questions, and ids, which are replaced with what made the object.
//! Then the two rows are walked side by side, and every pair is compared strictly, with each object of one trace bound to
//! its partner in the other: a use of the wrong one of two equal buffers is a difference, a use of a changed one is not.
//!
//! Events count with the command that asked for them. Those that come unasked are compared in their order, since their
//! places among the commands are chance. Times and the ends of batches are not compared.

mod align;
mod fields;
mod items;
mod walk;

use std::{io, sync::Arc, time::Duration};

use serde::Serialize;

use crate::{reader::TraceFile, tools::Error};

/// Time that the alignment may take before it settles for a longer list of differences.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// One line of the comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "row", rename_all = "snake_case")]
pub enum Row {
    /// A place, before the rows that are there: numbers of commands in both traces.
    Place {
        /// In the first trace.
        a: u64,
        /// In the second.
        b: u64,
    },
    /// The same in both.
    Same {
        /// Its number in the first trace; `None` for what is no command.
        a: Option<u64>,
        /// Its number in the second trace.
        b: Option<u64>,
        /// Its text in the first trace.
        text: String,
    },
    /// Only in the first trace.
    Removed {
        /// Its number.
        a: Option<u64>,
        /// Its text.
        text: String,
    },
    /// Only in the second trace.
    Added {
        /// Its number.
        b: Option<u64>,
        /// Its text.
        text: String,
    },
    /// In both, and not the same.
    Changed {
        /// Its number in the first trace.
        a: Option<u64>,
        /// Its number in the second trace.
        b: Option<u64>,
        /// Its text in the first trace.
        text: String,
        /// What differs.
        fields: Vec<Change>,
    },
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its path in the command: `layout.bytes_per_row`.
    pub field: String,
    /// Its value in the first trace; `None` where it has none.
    pub old: Option<String>,
    /// Its value in the second trace.
    pub new: Option<String>,
}

/// How much differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Pairs that are the same.
    pub same: u64,
    /// Only in the first trace.
    pub removed: u64,
    /// Only in the second.
    pub added: u64,
    /// In both, and not the same.
    pub changed: u64,
}

impl Summary {
    /// True when nothing differs.
    pub fn is_same(&self) -> bool {
        self.removed == 0 && self.added == 0 && self.changed == 0
    }
}

/// Fields of the headers that differ: the component, the program's version, the adapters.
pub fn headers(a: &TraceFile, b: &TraceFile) -> Vec<Change> {
    let value = |file: &TraceFile| {
        let mut header = file.header().clone();
        // What tools have done is told by the traces themselves.
        header.history.clear();
        serde_json::json!({ "header": header, "devices": file.devices() })
    };
    fields::json_changes(&value(a), &value(b))
}

/// Compares two traces; gives every row that differs, with `context` rows around it. What adapters and devices say of
/// themselves is compared only with `adapters`.
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
