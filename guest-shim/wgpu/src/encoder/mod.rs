//! Encoders of passes and bundles: each command is a call of the interface or, with the feature `passes`, a part of a list that
//! crosses to the host in one call.
//!
//! Both kinds have the same methods, named as WebGPU's. [`Object`] is the handle of an object that commands name.

#[cfg(not(feature = "passes"))]
mod calls;
#[cfg(feature = "passes")]
mod lists;

use std::ops::Range;

#[cfg(not(feature = "passes"))]
pub use calls::{Encoder, Object};
#[cfg(feature = "passes")]
pub use lists::{Encoder, Object};

/// Number of elements of a range. wgpu-core wraps if the end is before the start; the host then finds it out of range.
fn length(range: &Range<u32>) -> u32 {
    range.end.wrapping_sub(range.start)
}
