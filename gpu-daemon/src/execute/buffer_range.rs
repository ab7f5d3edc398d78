//! Ranges of index and vertex buffers, for render passes and bundles.

use std::num::NonZeroU64;

/// A range of an index or vertex buffer in wgpu's form. wgpu has no size of zero and takes `None` as the rest of the
/// buffer, so an empty range becomes the rest at the buffer's end.
pub(super) fn range(offset: u64, size: Option<u64>, buffer_size: u64) -> (u64, Option<NonZeroU64>) {
    let end = buffer_size - buffer_size % 4;
    // An invalid offset is passed on for wgpu to refuse.
    let empty = size == Some(0) && offset <= end && offset.is_multiple_of(4);
    (if empty { end } else { offset }, size.and_then(NonZeroU64::new))
}

/// The range to bind before a range of 16-bit indices that starts in the middle of a word.
///
/// wgpu-core 30 zeroes the unwritten parts of a bound range, and panics at submit when a part starts off a word
/// (`initialize_buffer_memory`), which is valid for indices. Binding the same range from the word's start first zeroes
/// it by then; the next binding replaces it at once.
pub(super) fn aligned_indices(offset: u64, size: Option<u64>) -> Option<(u64, Option<NonZeroU64>)> {
    if offset % 4 != 2 {
        return None;
    }
    let size = match size {
        None => None,
        Some(size) => Some(size.checked_add(2)?),
    };
    Some((offset - 2, size.and_then(NonZeroU64::new)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_off_a_word_are_bound_from_its_start_first() {
        assert_eq!(aligned_indices(0, Some(6)), None);
        assert_eq!(aligned_indices(4, None), None);
        assert_eq!(aligned_indices(3, None), None, "that is an error of its own");
        assert_eq!(aligned_indices(6, Some(6)), Some((4, NonZeroU64::new(8))));
        assert_eq!(aligned_indices(2, None), Some((0, None)));
        assert_eq!(aligned_indices(2, Some(u64::MAX)), None);
    }

    #[test]
    fn an_empty_range_stays_empty() {
        assert_eq!(range(8, Some(4), 64), (8, NonZeroU64::new(4)));
        assert_eq!(range(8, None, 64), (8, None));
        assert_eq!(range(8, Some(0), 64), (64, None));
        assert_eq!(range(68, Some(0), 64), (68, None), "refused by wgpu");
        assert_eq!(range(3, Some(0), 64), (3, None), "refused by wgpu");
    }
}
