//! The lines of a comparison.

use std::time::Duration;

use serde::Serialize;

/// Time limit of the alignment, after which it returns a longer list of differences.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// One line of the comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "row", rename_all = "snake_case")]
pub enum Row {
    /// The position of the rows that follow: numbers of commands in both traces.
    Place {
        /// In the first trace.
        a: u64,
        /// In the second.
        b: u64,
    },
    /// The same in both.
    Same {
        /// Its number in the first trace; `None` if it is not a command.
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
    /// In both, with differences.
    Changed {
        /// Its number in the first trace.
        a: Option<u64>,
        /// Its number in the second trace.
        b: Option<u64>,
        /// Its text in the first trace.
        text: String,
        /// The differences.
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

/// The totals of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Equal pairs.
    pub same: u64,
    /// Only in the first trace.
    pub removed: u64,
    /// Only in the second.
    pub added: u64,
    /// Pairs with differences.
    pub changed: u64,
}

impl Summary {
    /// True when nothing differs.
    pub fn is_same(&self) -> bool {
        self.removed == 0 && self.added == 0 && self.changed == 0
    }
}
