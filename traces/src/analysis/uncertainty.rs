//! Which bytes of a readback need not be the same in a replay: timestamps, and what was made from them; contents that a
//! trace does not have.

use std::ops::Range;

use airlock_protocol::{
    Command,
    ids::{Object, RequestId},
};

/// Follows a stream, one session after the other.
#[derive(Clone, Debug, Default)]
pub struct Uncertainty {}

/// Bytes of a readback that need not be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncertain {
    /// Where they are, in bytes from the start of what was read back.
    pub range: Range<u64>,
    /// Why, for a person: `timestamps that command 41 (ResolveQuerySet) wrote`.
    pub why: String,
}

impl Uncertainty {
    /// A session begins: nothing is left of the one before.
    pub fn session(&mut self) {
        *self = Self::default();
    }

    /// A command goes by. Call it before the answer to the command is looked at.
    pub fn command(&mut self, number: u64, command: &Command<'_>) {
        let _ = (number, command);
    }

    /// The contents of these objects are not known from here on.
    pub fn unknown(&mut self, objects: &[Object]) {
        let _ = objects;
    }

    /// What is uncertain in the answer to a `MapBuffer`, at the time of that command. Ranges in order, without overlap.
    pub fn readback(&mut self, request: RequestId) -> Vec<Uncertain> {
        let _ = request;
        Vec::new()
    }
}
