//! The tools of `airlock trace` that need no GPU, as functions: the commands in [`crate::cli`] are thin wrappers.
//!
//! All of them process a file record by record and keep little of it, so that a trace may be longer than the memory.

pub mod check;
pub mod diff;
pub mod dump;
pub mod extract;
pub mod info;
pub(crate) mod input;
mod labels;
pub mod load;
pub mod output;
pub mod recover;
pub mod redact;
pub mod trim;

use std::io;

use airlock_protocol::{
    Command,
    codec::{self, BatchReader},
    limits::MAX_MAPPED,
};
use thiserror::Error;

use crate::{
    file::{
        format::{Body, Digest, Readback, Record},
        reader::{ReadError, TraceFile},
    },
    schema::{node::NodeError, notation::NotationError},
};

/// A failed tool.
#[derive(Debug, Error)]
pub enum Error {
    /// The trace cannot be read any further.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// The output cannot be written.
    #[error("{0}")]
    Write(io::Error),
    /// A command or an event has no tree, or a changed tree is not a command any more.
    #[error("{0}")]
    Node(#[from] NodeError),
    /// A command or an event has no text.
    #[error("{0}")]
    Notation(#[from] NotationError),
}

/// Visits the commands of a batch one by one: a decoded batch of the maximum length would be far longer.
pub(crate) fn commands<E: From<ReadError>>(
    file: &TraceFile,
    before: u64,
    record: &Record,
    mut visit: impl FnMut(u64, &Command<'_>, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let Body::Batch(bytes) = &record.body else { return Ok(()) };
    let mut number = before;
    let fail = |number: u64, cause| file.stream_error(record, number, cause);
    let mut reader = BatchReader::new(bytes, codec::sequence(bytes)).map_err(|cause| fail(number, cause))?;
    loop {
        let start = reader.offset();
        let Some(command) = reader.next().map_err(|cause| fail(number, cause))? else { return Ok(()) };
        visit(number, &command, bytes.get(start..reader.offset()).unwrap_or_default())?;
        number = number.saturating_add(1);
    }
}

/// The start of a digest, for texts.
pub(crate) fn short(digest: Digest) -> String {
    let mut text = digest.to_string();
    text.truncate(16);
    text
}

/// Passes the bytes of a readback to `piece`, piece by piece; false where the trace does not have all of them. A
/// hostile trace could claim terabytes for a readback, hence the bound.
pub(crate) fn readback_bytes<E: From<ReadError>>(
    file: &TraceFile,
    readback: &Readback,
    mut piece: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<bool, E> {
    if readback.len > MAX_MAPPED || readback.pieces.is_empty() && readback.len > 0 {
        return Ok(false);
    }
    for &(len, digest) in &readback.pieces {
        let bytes = file.payload(digest)?;
        if bytes.len() as u64 != u64::from(len) {
            return Ok(false);
        }
        piece(&bytes)?;
    }
    Ok(true)
}

/// The start of a text, so short that two of them fit a line.
pub(crate) fn short_text(text: &str) -> &str {
    text.char_indices().nth(MAX_SHORT).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Characters of a [`short_text`].
const MAX_SHORT: usize = 60;
