//! Refusals by a session's quotas.

use airlock_protocol::size::{Size, describe};
use thiserror::Error;

/// A request that exceeds a quota.
#[derive(Debug, Error)]
pub enum Refusal {
    /// GPU memory.
    #[error("{} beside the {} that the session has are more than its {} of GPU memory (--max-gpu-memory)",
        describe(*.more), describe(*.used), describe(.max.0))]
    Memory {
        /// Requested bytes.
        more: u64,
        /// Bytes in use.
        used: u64,
        max: Size,
    },
    /// GPU memory of textures.
    #[error("{} beside the {} that the session has are more than its {} of textures (--max-texture-memory)",
        describe(*.more), describe(*.used), describe(.max.0))]
    Textures {
        /// Requested bytes.
        more: u64,
        /// Bytes in use.
        used: u64,
        max: Size,
    },
    /// Live objects of a kind.
    #[error("the session has the {max} {kind} objects that it may have (--max-objects)")]
    Objects {
        /// Kind of object.
        kind: &'static str,
        max: u32,
    },
    /// Data of one command in flight to the GPU.
    #[error("{} of data are more than the {} that may be on their way to the GPU (--max-in-flight)",
        describe(*.bytes), describe(.max.0))]
    InFlight {
        /// Staging memory of the write in bytes.
        bytes: u64,
        max: Size,
    },
    /// A shader beyond the complexity bounds.
    #[error("{0}")]
    Source(String),
    /// A shader's source.
    #[error("{} of source are more than the {} that a shader may have (--max-shader-source)",
        describe(*.bytes), describe(.max.0))]
    Shader {
        /// Length in bytes.
        bytes: u64,
        max: Size,
    },
}
