//! A map from ranges of numbers to values.

use std::{collections::BTreeMap, ops::Range};

/// Values of ranges that do not overlap. Neighbours with the same value become one.
#[derive(Clone, Debug)]
pub(crate) struct RangeMap<V>(BTreeMap<u64, (u64, V)>);

impl<V> Default for RangeMap<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<V: Copy + PartialEq> RangeMap<V> {
    /// True when no part has a value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes the values of a range.
    pub fn clear(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let before = self.0.range(..range.start).next_back().map(|(&start, &(end, value))| (start, end, value));
        if let Some((start, end, value)) = before
            && end > range.start
        {
            self.0.insert(start, (range.start, value));
            if end > range.end {
                self.0.insert(range.end, (end, value));
            }
        }
        while let Some((&start, &(end, value))) = self.0.range(range.clone()).next() {
            self.0.remove(&start);
            if end > range.end {
                self.0.insert(range.end, (end, value));
            }
        }
    }

    /// Sets the value of a range.
    pub fn set(&mut self, mut range: Range<u64>, value: V) {
        if range.is_empty() {
            return;
        }
        self.clear(range.clone());
        if let Some((&start, &(end, left))) = self.0.range(..range.start).next_back()
            && end == range.start
            && left == value
        {
            range.start = start;
        }
        if let Some(&(end, right)) = self.0.get(&range.end)
            && right == value
        {
            self.0.remove(&range.end);
            range.end = end;
        }
        self.0.insert(range.start, (range.end, value));
    }

    /// The parts of a range that have a value.
    pub fn over(&self, range: Range<u64>) -> impl Iterator<Item = (Range<u64>, V)> + '_ {
        let before = self.0.range(..range.start).next_back().filter(|(_, (end, _))| *end > range.start);
        // An empty range may end before it starts.
        let within = self.0.range(range.start..range.end.max(range.start));
        let Range { start, end } = range;
        let parts = before.into_iter().filter(move |_| start < end).chain(within);
        parts.map(move |(&from, &(to, value))| (from.max(start)..to.min(end), value))
    }

    /// All parts that have a value.
    pub fn parts(&self) -> impl Iterator<Item = (Range<u64>, V)> + '_ {
        self.0.iter().map(|(&start, &(end, value))| (start..end, value))
    }

    /// Replaces values; parts whose new value is `None` lose theirs.
    pub fn change(&mut self, range: Range<u64>, mut change: impl FnMut(V) -> Option<V>) {
        let parts: Vec<_> = self.over(range).collect();
        for (part, value) in parts {
            match change(value) {
                Some(value) => self.set(part, value),
                None => self.clear(part),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_map_is_an_array() {
        let (mut map, mut array) = (RangeMap::default(), [None; 40]);
        let mut state = 7_u64;
        for _ in 0..3000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (from, len, value) = ((state >> 33) % 40, (state >> 40) % 12, (state >> 50) % 3);
            let range = from..(from + len).min(40);
            let cells = range.clone().map(|at| usize::try_from(at).unwrap());
            let value = (value > 0).then_some(value);
            cells.for_each(|at| array[at] = value);
            match value {
                Some(value) => map.set(range, value),
                None => map.clear(range),
            }
            let mut seen = [None; 40];
            map.over(3..38)
                .for_each(|(part, value)| part.for_each(|at| seen[usize::try_from(at).unwrap()] = Some(value)));
            assert_eq!(seen[3..38], array[3..38]);
            let parts: Vec<_> = map.parts().collect();
            assert!(parts.windows(2).all(|two| two[0].0.end < two[1].0.start || two[0].1 != two[1].1), "{parts:?}");
        }
        assert_eq!(map.over(5..5).count(), 0);
    }
}
