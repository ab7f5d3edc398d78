//! Conversion of WebGPU's records and enums, as the protocol defines them, to wgpu's types and back.
//!
//! Every match is exhaustive, so that a value added to the protocol does not compile until it is converted here. The
//! modules depend on neither sessions nor ids.

pub mod adapter;
pub mod binding;
pub mod pipeline;
pub mod texture;

use std::borrow::Cow;

use airlock_protocol::{
    commands::buffer::BufferUsage,
    limits::{MAX_LABEL, cut},
};
use wgpu_types as wgt;

/// A label for wgpu's messages. It is cut here too, because the daemon trusts no length that a client sends.
pub fn label(label: &str) -> wgpu_core::Label<'_> {
    if label.is_empty() { None } else { Some(Cow::Borrowed(cut(label, MAX_LABEL))) }
}

/// Removes unused slots at the end, which WebGPU ignores ("GPURenderPassLayout": two layouts are equal but for nulls at
/// the end of their formats) and wgpu does not. A list that is too long is left for wgpu to refuse.
pub fn used_slots<T>(slots: &mut Vec<Option<T>>, max: u32) {
    if slots.len() <= max as usize {
        slots.truncate(slots.iter().rposition(Option::is_some).map_or(0, |last| last.saturating_add(1)));
    }
}

/// `GPUBufferUsage`, whose bits wgpu shares. An unknown bit becomes one that wgpu rejects.
pub fn buffer_usage(usage: BufferUsage) -> wgt::BufferUsages {
    // wgpu's own bits for ray tracing lie above WebGPU's: they must not be reachable by their number.
    if BufferUsage::all().contains(usage) {
        wgt::BufferUsages::from_bits_retain(usage.bits())
    } else {
        wgt::BufferUsages::from_bits_retain(1 << 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffer_usages_have_the_same_bits() {
        let pairs = [
            (BufferUsage::MAP_READ, wgt::BufferUsages::MAP_READ),
            (BufferUsage::MAP_WRITE, wgt::BufferUsages::MAP_WRITE),
            (BufferUsage::COPY_SRC, wgt::BufferUsages::COPY_SRC),
            (BufferUsage::COPY_DST, wgt::BufferUsages::COPY_DST),
            (BufferUsage::INDEX, wgt::BufferUsages::INDEX),
            (BufferUsage::VERTEX, wgt::BufferUsages::VERTEX),
            (BufferUsage::UNIFORM, wgt::BufferUsages::UNIFORM),
            (BufferUsage::STORAGE, wgt::BufferUsages::STORAGE),
            (BufferUsage::INDIRECT, wgt::BufferUsages::INDIRECT),
            (BufferUsage::QUERY_RESOLVE, wgt::BufferUsages::QUERY_RESOLVE),
        ];
        for (ours, theirs) in pairs {
            assert_eq!(buffer_usage(ours), theirs);
        }
    }

    #[test]
    fn unused_slots_at_the_end_go() {
        for (mut slots, left) in [
            (vec![Some(1), None, Some(2), None, None], 3),
            (vec![None, None], 0),
            (vec![], 0),
            (vec![Some(1); 9], 9),
            (vec![None; 9], 9),
        ] {
            used_slots(&mut slots, 8);
            assert_eq!(slots.len(), left, "{slots:?}");
        }
    }

    #[test]
    fn unknown_buffer_usages_stay_unknown() {
        for bit in [10, 11, 20, 31] {
            let usage = buffer_usage(BufferUsage::from_bits_retain(1 << bit));
            assert!(!wgt::BufferUsages::all().contains(usage), "bit {bit}");
        }
    }
}
