//! What a well-behaved client never does. Each ends the session: the guest's own mistakes are WebGPU errors and come
//! elsewhere, so these can only be a broken or a hostile client.

use airlock_protocol::{
    limits::{MAX_LIST, MAX_OBJECTS, MAX_PENDING, MAX_SCOPES, MAX_SHADER_SOURCE, MAX_STAGED},
    transport::RingError,
};
use thiserror::Error;

use crate::{gpu::refusal::Refusal, jail::JailError};

/// The result of a command, as far as the session is concerned.
pub type Outcome = Result<(), Violation>;

/// A breach of the protocol.
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
    /// The jail cannot be narrowed, and must be.
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
        /// How many there would be.
        found: u64,
    },
    /// A payload of another length than what was staged.
    #[error("a command takes {expected} staged bytes, {found} are there")]
    StagedLength {
        /// What the command says.
        expected: u64,
        /// What was staged.
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
    /// More waiting requests than the bound.
    #[error("more than {MAX_PENDING} requests wait for an answer")]
    Pending,
    /// Contents for a buffer that is not mapped for writing, or beyond its range.
    #[error("{len} bytes at {offset} do not lie in a range of buffer {buffer} that is mapped for writing")]
    NotMapped {
        /// The buffer's number.
        buffer: u32,
        /// Where they should go.
        offset: u64,
        /// How many there are.
        len: u64,
    },
}

impl Violation {
    /// True for what a guest can bring about through a client that does nothing wrong.
    pub fn is_quota(&self) -> bool {
        matches!(self, Violation::Quota(_))
    }
}

/// Checks a list of the client's against [`MAX_LIST`].
pub fn check_list<T>(list: &[T]) -> Outcome {
    if list.len() > MAX_LIST { Err(Violation::List { found: list.len() }) } else { Ok(()) }
}
