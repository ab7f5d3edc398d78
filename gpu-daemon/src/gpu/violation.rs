//! Protocol violations, each of which ends the session. The guest's own mistakes are WebGPU errors, raised elsewhere, so a
//! violation means a broken or hostile client.

use airlock_protocol::{
    limits::{MAX_LIST, MAX_OBJECTS, MAX_PENDING, MAX_SCOPES, MAX_SHADER_SOURCE, MAX_STAGED},
    transport::RingError,
};
use thiserror::Error;

use airlock_jail::worker::JailError;

use crate::gpu::refusal::Refusal;

/// Result of a command: `Err` ends the session.
pub type Outcome = Result<(), Violation>;

/// A violation of the protocol.
#[derive(Debug, Error)]
pub enum Violation {
    /// A create command for an id in use.
    #[error("{kind} {id} is alive already")]
    Alive {
        /// The object's kind.
        kind: &'static str,
        /// Its number.
        id: u32,
    },
    /// A command for an id that is not in use.
    #[error("{kind} {id} is not alive")]
    Dead {
        /// The object's kind.
        kind: &'static str,
        /// Its number.
        id: u32,
    },
    /// An id above the bound.
    #[error("{kind} {id} is above the {MAX_OBJECTS} objects of a kind that a session may have")]
    TooMany {
        /// The object's kind.
        kind: &'static str,
        /// Its number.
        id: u32,
    },
    /// The jail cannot be narrowed in strict mode.
    #[error(transparent)]
    Jail(#[from] JailError),
    /// A list above the bound.
    #[error("a list has {found} elements, {MAX_LIST} are allowed")]
    List {
        /// Its length.
        found: usize,
    },
    /// A shader above the bound.
    #[error("a shader has {found} bytes, {MAX_SHADER_SOURCE} are allowed")]
    Shader {
        /// Its length.
        found: usize,
    },
    /// More staged bytes than the bound.
    #[error("{found} bytes are staged for one command, {MAX_STAGED} are allowed")]
    Staged {
        /// Their number with the rejected piece.
        found: u64,
    },
    /// A payload whose length differs from that of the staged bytes.
    #[error("a command takes {expected} staged bytes, {found} are there")]
    StagedLength {
        /// Length in the command.
        expected: u64,
        /// Number of staged bytes.
        found: u64,
    },
    /// Staged bytes staged again.
    #[error("a piece to be staged is said to be staged already")]
    StagedPiece,
    /// A piece that the ring does not hold.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// More live objects than the quota.
    #[error("{0}")]
    Quota(Refusal),
    /// More nested error scopes than the bound.
    #[error("more than {MAX_SCOPES} error scopes are open")]
    Scopes,
    /// More pending requests than the bound.
    #[error("more than {MAX_PENDING} requests wait for an answer")]
    Pending,
    /// A write to a buffer that is not mapped for writing, or beyond the mapped range.
    #[error("{len} bytes at {offset} do not lie in a range of buffer {buffer} that is mapped for writing")]
    NotMapped {
        /// The buffer's number.
        buffer: u32,
        /// Offset of the write.
        offset: u64,
        /// Length of the write.
        len: u64,
    },
}

impl Violation {
    /// True for a violation that a guest can cause through a correct client.
    pub fn is_quota(&self) -> bool {
        matches!(self, Violation::Quota(_))
    }
}

/// Checks the length of a client's list against [`MAX_LIST`].
pub fn check_list<T>(list: &[T]) -> Outcome {
    if list.len() > MAX_LIST { Err(Violation::List { found: list.len() }) } else { Ok(()) }
}
