//! The refusals of a session's quotas.

use airlock_protocol::size::{Size, describe};
use thiserror::Error;

/// Why a quota refuses something.
#[derive(Debug, Error)]
pub enum Refusal {
    /// GPU memory.
    #[error("{} beside the {} that the session has are more than its {} of GPU memory (--max-gpu-memory)",
        describe(*.more), describe(*.has), describe(.most.0))]
    Memory {
        /// What is asked for.
        more: u64,
        /// What there is.
        has: u64,
        /// The quota.
        most: Size,
    },
    /// GPU memory of textures.
    #[error("{} beside the {} that the session has are more than its {} of textures (--max-texture-memory)",
        describe(*.more), describe(*.has), describe(.most.0))]
    Textures {
        /// What is asked for.
        more: u64,
        /// What there is.
        has: u64,
        /// The quota.
        most: Size,
    },
    /// Live objects of a kind.
    #[error("the session has the {most} {kind} objects that it may have (--max-objects)")]
    Objects {
        /// The kind.
        kind: &'static str,
        /// The quota.
        most: u32,
    },
    /// Data of one command.
    #[error("{} of data are more than the {} that may be on their way to the GPU (--max-in-flight)",
        describe(*.bytes), describe(.most.0))]
    InFlight {
        /// What would be held for the write.
        bytes: u64,
        /// The quota.
        most: Size,
    },
    /// A shader that its compiler would not get through.
    #[error("{0}")]
    Source(String),
    /// A shader's source.
    #[error("{} of source are more than the {} that a shader may have (--max-shader-source)",
        describe(*.bytes), describe(.most.0))]
    Shader {
        /// Its length.
        bytes: u64,
        /// The quota.
        most: Size,
    },
}
