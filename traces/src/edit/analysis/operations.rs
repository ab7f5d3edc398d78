//! Operations on contents, as the queue executes them.

use std::sync::Arc;

use super::{
    form::Texels,
    passes::Stored,
    resources::{Span, Write},
};

/// An operation on contents.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// Copies bytes of a buffer to another, each to its place.
    Copy { from: Span, to: Write },
    /// Resolves queries to 8 bytes each.
    Resolve { number: u64, from: Span, to: Write },
    /// Work of a pass: everything that is written depends on everything that is read.
    Work { reads: Vec<Span>, writes: Vec<Write>, made: Made },
}

/// The origin of written contents.
#[derive(Clone, Debug)]
pub(crate) enum Made {
    /// The guest's data, or a copy.
    Moved,
    /// A texture's texels were copied; `None` where their place in the buffer is not known.
    Texels(Option<Arc<Texels>>),
    /// A pass made them; shaders stored these.
    Pass(Vec<Stored>),
}

impl Operation {
    /// The spans that it depends on: those that it reads, and those that it overwrites only in part.
    pub fn reads(&self) -> Vec<Span> {
        let (reads, writes) = match self {
            Operation::Copy { from, to } | Operation::Resolve { from, to, .. } => {
                (std::slice::from_ref(from), std::slice::from_ref(to))
            }
            Operation::Work { reads, writes, .. } => (reads.as_slice(), writes.as_slice()),
        };
        let left = writes.iter().filter(|write| !write.whole).map(|write| &write.span);
        reads.iter().chain(left).cloned().collect()
    }

    /// The spans that it writes.
    pub fn writes(&self) -> &[Write] {
        match self {
            Operation::Copy { to, .. } | Operation::Resolve { to, .. } => std::slice::from_ref(to),
            Operation::Work { writes, .. } => writes,
        }
    }

    pub(super) fn write(write: Write) -> Self {
        Operation::Work { reads: Vec::new(), writes: vec![write], made: Made::Moved }
    }
}
