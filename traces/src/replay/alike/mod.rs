//! Comparison of two contents that differ: the same but for rounding, or another result.
//!
//! - Integers, and the guest's own bytes, are the same everywhere.
//! - A float may differ by a small part of itself ([`FLOAT`], [`HALF`]).
//! - A texel may differ by [`STEPS`] steps of its format. One that differs by more is taken for an edge that was rounded to
//!   the other side when both its values occur around it in the other picture, within one texel, and when there are few of
//!   them ([`MAX_EDGES`](measure::MAX_EDGES)).

mod measure;
mod picture;

use std::{collections::HashMap, ops::Range};

use crate::{
    edit::{
        analysis::{Form, Formed, Latitude, Texels},
        wgsl::{Scalar, Type},
    },
    replay::texels::half,
};
use picture::Pair;

use measure::{FLOAT, HALF, relative};

pub use measure::Measure;
pub(super) use measure::value;
pub(super) use picture::rgb8;

/// The result of a comparison.
#[derive(Debug, PartialEq)]
pub(super) enum Alike {
    /// The same but for rounding.
    Rounded,
    /// Another result: the first byte that shows it, and both values in words. `exact` for an integer, or for the
    /// guest's own bytes.
    Another { offset: usize, exact: bool, expected: String, found: String },
    /// A shader stored the byte, with unknown types.
    Unknown { offset: usize },
}

/// The result, with the measures of differing contents and their pictures.
#[derive(Debug)]
pub(super) struct Compared {
    pub alike: Alike,
    pub measures: Vec<Measure>,
    /// The texels of measures of pictures, by the measure's index.
    pub pictures: Vec<(usize, Texels)>,
}

/// Compares two contents of the same length.
pub(super) fn compare(expected: &[u8], found: &[u8], latitude: &Latitude) -> Compared {
    let compared = Compared { alike: Alike::Rounded, measures: Vec::new(), pictures: Vec::new() };
    let mut work = Work { expected, found, latitude, compared };
    work.exact_bytes();
    let mut forms: Vec<(&Form, Vec<Range<u64>>)> = Vec::new();
    let mut places = HashMap::new();
    for Formed { range, form } in &latitude.forms {
        let place = *places.entry(form).or_insert(forms.len());
        match forms.get_mut(place) {
            Some((_, ranges)) => ranges.push(range.clone()),
            None => forms.push((form, vec![range.clone()])),
        }
    }
    forms.into_iter().for_each(|(form, ranges)| work.form(form, &ranges));
    work.compared
}

struct Work<'w> {
    expected: &'w [u8],
    found: &'w [u8],
    latitude: &'w Latitude,
    compared: Compared,
}

impl Work<'_> {
    /// Records another result. The first of several is reported.
    fn another(&mut self, offset: usize, exact: bool, words: Option<(String, String)>) {
        let first = match &self.compared.alike {
            // An integer takes precedence: it is the same on every adapter.
            Alike::Another { offset: known, exact: known_exact, .. } => (!exact, offset) < (!*known_exact, *known),
            Alike::Rounded | Alike::Unknown { .. } => true,
        };
        if first {
            let (expected, found) = words.unwrap_or_else(|| (value(self.expected, offset), value(self.found, offset)));
            self.compared.alike = Alike::Another { offset, exact, expected, found };
        }
    }

    fn left_out(&self, offset: u64) -> bool {
        self.latitude.uncertain.iter().any(|uncertain| uncertain.range.contains(&offset))
    }

    /// The first differing byte of a range, outside the uncertain parts.
    fn first_difference(&self, range: Range<u64>) -> Option<usize> {
        if range.is_empty() {
            return None;
        }
        let bytes = self.both(&range)?;
        let start = usize::try_from(range.start).ok()?;
        let differing = bytes.0.iter().zip(bytes.1).enumerate().filter(|(_, (a, b))| a != b);
        differing.map(|(at, _)| start.saturating_add(at)).find(|&at| !self.left_out(at as u64))
    }

    fn both(&self, range: &Range<u64>) -> Option<(&[u8], &[u8])> {
        let at = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(self.expected.len());
        let range = at(range.start)..at(range.end);
        Some((self.expected.get(range.clone())?, self.found.get(range)?))
    }

    /// Compares bytes without a form.
    fn exact_bytes(&mut self) {
        let forms = self.latitude.forms.iter().map(|formed| formed.range.clone());
        let ends = std::iter::once(0).chain(forms.clone().map(|range| range.end));
        let starts = forms.map(|range| range.start).chain(std::iter::once(u64::MAX));
        let first = ends.zip(starts).find_map(|(end, start)| self.first_difference(end..start));
        first.into_iter().for_each(|offset| self.another(offset, true, None));
    }

    fn form(&mut self, form: &Form, ranges: &[Range<u64>]) {
        match form {
            Form::Values(ty, start) => self.floats(ty, *start, ranges),
            Form::Texels(texels) => self.picture(texels, ranges),
            Form::Computed | Form::Unknown => {
                let first = ranges.iter().find_map(|range| self.first_difference(range.clone()));
                if let (Some(offset), Alike::Rounded) = (first, &self.compared.alike) {
                    self.compared.alike = Alike::Unknown { offset };
                }
            }
        }
    }

    fn exactly(&mut self, ranges: &[Range<u64>]) {
        let first = ranges.iter().find_map(|range| self.first_difference(range.clone()));
        first.into_iter().for_each(|offset| self.another(offset, true, None));
    }

    fn floats(&mut self, ty: &Type, start: u64, ranges: &[Range<u64>]) {
        let mut measure = Measure { what: "floats".to_owned(), ..Measure::default() };
        for range in ranges {
            measure.values += range.end.saturating_sub(range.start) / 4;
            let Some((a, b)) = self.both(range) else { continue };
            // Most words are equal, and need no search.
            let words = a.chunks(4).zip(b.chunks(4)).enumerate().filter(|(_, (a, b))| a != b);
            let offsets: Vec<_> = words.map(|(word, _)| range.start.saturating_add(word as u64 * 4)).collect();
            for offset in offsets {
                self.word(ty, start, offset, &mut measure);
            }
        }
        if measure.differing > 0 {
            self.compared.measures.push(measure);
        }
    }

    /// Compares four differing bytes: one integer or float, or two 16-bit floats.
    fn word(&mut self, ty: &Type, start: u64, word: u64, measure: &mut Measure) {
        let mut offset = word;
        while offset < word + 4 {
            let scalar = offset.checked_sub(start).and_then(|within| ty.scalar_at(within));
            let bytes = scalar.map_or(4, |(_, scalar)| scalar.bytes());
            let range = offset..offset.saturating_add(bytes);
            offset = range.end;
            let Some((a, b)) = self.both(&range) else { continue };
            if a == b || self.left_out(range.start) {
                continue;
            }
            let float = match (scalar, a, b) {
                (Some((_, Scalar::Float32)), &[a, b, c, d], &[e, f, g, h]) => {
                    Some((f32::from_le_bytes([a, b, c, d]), f32::from_le_bytes([e, f, g, h]), FLOAT))
                }
                (Some((_, Scalar::Float16)), &[a, b], &[c, d]) => {
                    Some((half(u16::from_le_bytes([a, b])), half(u16::from_le_bytes([c, d])), HALF))
                }
                _ => None,
            };
            let apart = float.map(|(a, b, by)| (relative(a, b), by));
            match apart {
                Some((apart, by)) if apart <= by => {
                    measure.differing += 1;
                    measure.largest = measure.largest.max(apart);
                }
                _ => self.another(usize::try_from(range.start).unwrap_or(usize::MAX), float.is_none(), None),
            }
        }
    }

    fn picture(&mut self, texels: &Texels, ranges: &[Range<u64>]) {
        let Some((layout, step)) = picture::comparable(texels) else { return self.exactly(ranges) };
        let pair = Pair::new(self.expected, self.found, texels, layout, step);
        let is_compared = |offset| contains(ranges, offset) && !self.left_out(offset);
        let (measure, beyond) = pair.compare(&is_compared);
        if measure.differing == 0 {
            return;
        }
        if let Some(beyond) = beyond {
            self.another(beyond.offset, false, Some((beyond.expected, beyond.found)));
        }
        self.compared.pictures.push((self.compared.measures.len(), texels.clone()));
        self.compared.measures.push(measure);
    }
}

/// True where one of the sorted ranges contains a byte.
fn contains(ranges: &[Range<u64>], byte: u64) -> bool {
    let next = ranges.partition_point(|range| range.end <= byte);
    ranges.get(next).is_some_and(|range| range.contains(&byte))
}

#[cfg(test)]
mod tests;
