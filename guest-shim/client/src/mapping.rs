//! The contents of mapped ranges. They are in this process: a map transfers them, an unmap sends the written parts.

use std::{
    ops::{Deref, Range},
    sync::Arc,
};

use airlock_protocol::{commands::buffer::MapMode, ids::RequestId};

/// Separate written ranges of one mapping. Each takes an entry in a sorted list, and a command at the unmap.
const MAX_WRITTEN: usize = 1 << 10;

/// A buffer's map state, and the mapped contents.
#[derive(Debug)]
pub(crate) enum MapState {
    Unmapped,
    Pending {
        request: RequestId,
        /// The length of the mapped range.
        bytes: usize,
    },
    Mapped(Mapping),
}

impl MapState {
    /// Bytes of this process's memory that the mapping takes, or will take once it is there.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            MapState::Unmapped => 0,
            MapState::Pending { bytes, .. } => *bytes,
            MapState::Mapped(mapping) => mapping.data.len(),
        }
    }
}

/// A mapped range.
#[derive(Debug)]
pub(crate) struct Mapping {
    pub(crate) mode: MapMode,
    /// Start in bytes from the buffer's start.
    pub(crate) offset: u64,
    /// Shared with readers of its parts; copied if the guest writes to it meanwhile.
    data: Arc<Vec<u8>>,
    /// The ranges that the guest wrote, in bytes from the range's start; disjoint and in order.
    written: Vec<Range<usize>>,
}

/// A part of a mapped range, to be read without a copy. Later writes and the end of the mapping do not change it.
#[derive(Clone, Debug)]
pub struct MappedBytes {
    owner: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Deref for MappedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.owner.get(self.range.clone()).unwrap_or_default()
    }
}

impl AsRef<[u8]> for MappedBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// A mapping that was taken out of its buffer, with the destination of a write. Its owner puts it back.
#[derive(Debug)]
pub struct LiftedMapping {
    pub(crate) mapping: Mapping,
    pub(crate) range: Range<usize>,
}

impl LiftedMapping {
    /// Writes the data, whose length was passed when the mapping was lifted.
    pub fn write(&mut self, data: &[u8]) {
        self.mapping.write(self.range.clone(), data);
    }
}

impl Mapping {
    pub(crate) fn new(mode: MapMode, offset: u64, data: Vec<u8>) -> Self {
        Self { mode, offset, data: Arc::new(data), written: Vec::new() }
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.data.len()
    }

    /// A part, without a copy.
    pub(crate) fn share(&self, range: Range<usize>) -> MappedBytes {
        MappedBytes { owner: Arc::clone(&self.data), range }
    }

    /// Takes the mapping out of its buffer; the caller puts it back.
    pub(crate) fn take(&mut self) -> Self {
        let none = Self::new(self.mode, self.offset, Vec::new());
        std::mem::replace(self, none)
    }

    /// Writes to a range within the mapping, of the data's length.
    pub(crate) fn write(&mut self, range: Range<usize>, data: &[u8]) {
        if let Some(place) = Arc::make_mut(&mut self.data).get_mut(range.clone())
            && place.len() == data.len()
        {
            place.copy_from_slice(data);
            self.wrote(range);
        }
    }

    /// As [`Mapping::write`]; data that covers the whole mapping becomes its memory.
    pub(crate) fn give(&mut self, range: Range<usize>, data: Vec<u8>) {
        if range == (0..self.len()) && data.len() == self.len() {
            self.data = Arc::new(data);
            self.wrote(range);
        } else {
            self.write(range, &data);
        }
    }

    /// The ranges that the guest wrote: offset in the buffer, and bytes.
    pub(crate) fn writes(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.written.iter().map(|range| {
            let data = self.data.get(range.clone()).unwrap_or_default();
            (self.offset.saturating_add(range.start as u64), data)
        })
    }

    /// Records a written range, joined with those that it touches.
    fn wrote(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let first = self.written.partition_point(|known| known.end < range.start);
        let last = self.written.partition_point(|known| known.start <= range.end);
        let touched = self.written.get(first..last).unwrap_or_default();
        let start = touched.first().map_or(range.start, |known| known.start.min(range.start));
        let end = touched.last().map_or(range.end, |known| known.end.max(range.end));
        self.written.splice(first..last.max(first), std::iter::once(start..end));
        if self.written.len() > MAX_WRITTEN
            && let (Some(first), Some(last)) = (self.written.first(), self.written.last())
        {
            // The bytes between are unchanged, so that they may be sent too.
            let whole = first.start..last.end;
            self.written.clear();
            self.written.push(whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_ranges_join_where_they_touch() {
        let mut mapping = Mapping::new(MapMode::Write, 0, Vec::new());
        for range in [8..12, 0..4, 20..24, 4..8, 10..22, 30..32] {
            mapping.wrote(range);
        }
        assert_eq!(mapping.written, [0..24, 30..32]);
        mapping.wrote(24..24);
        assert_eq!(mapping.written, [0..24, 30..32]);
        mapping.wrote(0..40);
        assert_eq!(mapping.written.len(), 1);
        assert_eq!(mapping.written.first(), Some(&(0..40)));
    }

    #[test]
    fn many_written_ranges_become_one() {
        let mut mapping = Mapping::new(MapMode::Write, 0, Vec::new());
        for place in (0..=MAX_WRITTEN).rev() {
            assert!(mapping.written.len() <= MAX_WRITTEN);
            mapping.wrote(place * 8..place * 8 + 4);
        }
        assert_eq!(mapping.written.len(), 1);
        assert_eq!(mapping.written.first(), Some(&(0..MAX_WRITTEN * 8 + 4)));
    }

    #[test]
    fn what_was_given_out_does_not_change_and_costs_no_copy_once_it_is_gone() {
        let mut mapping = Mapping::new(MapMode::Write, 16, vec![0; 8]);
        let given = mapping.share(0..4);
        mapping.write(2..4, &[1, 2]);
        assert_eq!(*given, [0; 4]);
        drop(given);
        let place = mapping.data.as_ptr();
        mapping.write(4..5, &[3]);
        assert_eq!(mapping.data.as_ptr(), place);
        assert_eq!(mapping.writes().collect::<Vec<_>>(), [(18, &[1, 2, 3][..])]);
        assert_eq!(*mapping.share(6..20), []);
    }

    #[test]
    fn memory_that_is_given_is_taken_over_where_it_is_the_whole_mapping() {
        let mut mapping = Mapping::new(MapMode::Write, 0, vec![0; 8]);
        mapping.give(4..6, vec![1, 2]);
        assert_eq!(*mapping.share(0..8), [0, 0, 0, 0, 1, 2, 0, 0]);
        let given = vec![3; 8];
        let place = given.as_ptr();
        mapping.give(0..8, given);
        assert_eq!(mapping.data.as_ptr(), place);
        assert_eq!(mapping.writes().collect::<Vec<_>>(), [(0, &[3; 8][..])]);
    }
}
