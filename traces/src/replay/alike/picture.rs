//! Two pictures: texels that differ by a little, and those that lie on edges.

use super::measure::{HALF, MAX_EDGES, Measure, STEPS, finite, relative};
use crate::{
    edit::analysis::Texels,
    replay::texels::{Layout, copied},
};

/// A recorded picture, and the one of the replay.
pub(super) struct Pair<'p> {
    expected: View<'p>,
    found: View<'p>,
    step: f32,
}

/// A texel that differs by more than rounding.
pub(super) struct Beyond {
    /// The first byte that differs.
    pub offset: usize,
    /// The recorded value, in words.
    pub expected: String,
    /// The replay's value, in words.
    pub found: String,
}

/// The layout of texels that may differ a little, and one step of their format; `None` for integers, and for formats
/// without separate texels.
pub(super) fn comparable(texels: &Texels) -> Option<(Layout, f32)> {
    let layout = copied(texels.format, texels.aspect)?;
    Some((layout, layout.step(texels.format)?))
}

/// The first image as 8-bit red, green and blue; `None` where texels are missing.
pub fn rgb8(bytes: &[u8], texels: &Texels) -> Option<Vec<u8>> {
    let (layout, _) = comparable(texels)?;
    let view = View { bytes, texels, layout };
    let (width, height, _) = texels.size;
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let colors: Option<Vec<_>> = places.map(|(x, y)| view.texel(x, y, 0).map(|texel| layout.rgb8(texel))).collect();
    Some(colors?.concat())
}

impl<'p> Pair<'p> {
    pub fn new(expected: &'p [u8], found: &'p [u8], texels: &'p Texels, layout: Layout, step: f32) -> Self {
        let view = |bytes| View { bytes, texels, layout };
        Self { expected: view(expected), found: view(found), step }
    }

    /// Measures the differences of the bytes that are to be compared.
    pub fn compare(&self, is_compared: &dyn Fn(u64) -> bool) -> (Measure, Option<Beyond>) {
        let texels = self.expected.texels;
        let (width, height, depth) = texels.size;
        let slices = if depth > 1 { format!(" x {depth}") } else { String::new() };
        let format = format!("{:?}", texels.format).to_lowercase();
        let what = format!("picture of {width} x {height}{slices} texels, {format}");
        let mut measure = Measure { what, ..Measure::default() };
        let (mut beyond, mut first) = (None, None);
        for (z, y) in (0..depth).flat_map(|z| (0..height).map(move |y| (z, y))) {
            if !self.expected.offset(0, y, z).is_some_and(is_compared) {
                continue;
            }
            measure.values = measure.values.saturating_add(width.into());
            if self.expected.row(y, z) == self.found.row(y, z) {
                continue;
            }
            for place in (0..width).map(|x| (x, y, z)) {
                let Some(offset) = self.expected.offset(place.0, y, z).filter(|&offset| is_compared(offset)) else {
                    continue;
                };
                if self.texel(place, &mut measure) {
                    first.get_or_insert((offset, place));
                } else {
                    beyond = beyond.or(Some((offset, place)));
                }
            }
        }
        let too_many = measure.edges as f64 > MAX_EDGES * measure.values as f64;
        let place = beyond.or(first.filter(|_| too_many));
        let beyond = place.map(|(offset, place)| self.explain(offset, place, &measure, beyond.is_none()));
        (measure, beyond)
    }

    /// Compares one texel; false where it is neither close nor on an edge.
    fn texel(&self, place: (u32, u32, u32), measure: &mut Measure) -> bool {
        let (x, y, z) = place;
        let (Some(a), Some(b)) = (self.expected.texel(x, y, z), self.found.texel(x, y, z)) else { return true };
        if a == b {
            return true;
        }
        measure.differing = measure.differing.saturating_add(1);
        let (a, b) = (self.expected.layout.values(a), self.expected.layout.values(b));
        let apart = a.iter().zip(&b).map(|(&a, &b)| self.apart(a, b)).fold(0.0, f32::max);
        if apart <= self.tolerated() {
            measure.largest = measure.largest.max(apart);
            return true;
        }
        measure.edges = measure.edges.saturating_add(1);
        self.surrounds(&self.found, place, a) && self.surrounds(&self.expected, place, b)
    }

    fn explain(&self, offset: u64, (x, y, z): (u32, u32, u32), measure: &Measure, edges: bool) -> Beyond {
        let values = |view: &View<'_>| view.texel(x, y, z).map(|texel| view.layout.values(texel)).unwrap_or_default();
        let place = format!("texel ({x}, {y}) of the {}", measure.what);
        let more = match edges {
            true => format!(", and more than 1 % lie on edges that moved: {} of {}", measure.edges, measure.values),
            false => format!(", {} texels differ", measure.differing),
        };
        Beyond {
            offset: usize::try_from(offset).unwrap_or(usize::MAX),
            expected: format!("{place}: {:?}", values(&self.expected)),
            found: format!("{:?}{more}", values(&self.found)),
        }
    }

    /// The difference of two channels: absolute for a normalized format, relative for floats.
    fn apart(&self, a: f32, b: f32) -> f32 {
        if self.step > 0.0 { finite((a - b).abs()) } else { relative(a, b) }
    }

    fn tolerated(&self) -> f32 {
        // Half a step more, for the rounding of the difference itself.
        if self.step > 0.0 { self.step * (STEPS + 0.5) } else { HALF }
    }

    /// True where each channel lies between the smallest and the largest around a place.
    fn surrounds(&self, view: &View<'_>, (x, y, z): (u32, u32, u32), wanted: [f32; 4]) -> bool {
        let (mut low, mut high) = ([f32::INFINITY; 4], [f32::NEG_INFINITY; 4]);
        for y in y.saturating_sub(1)..=y.saturating_add(1) {
            for x in x.saturating_sub(1)..=x.saturating_add(1) {
                let Some(texel) = view.texel(x, y, z) else { continue };
                for ((low, high), value) in low.iter_mut().zip(&mut high).zip(view.layout.values(texel)) {
                    (*low, *high) = (low.min(value), high.max(value));
                }
            }
        }
        let near = |a, b| self.apart(a, b) <= self.tolerated();
        let mut channels = wanted.iter().zip(low.iter().zip(&high));
        channels.all(|(&value, (&low, &high))| (low..=high).contains(&value) || near(value, low) || near(value, high))
    }
}

/// A picture in a buffer.
#[derive(Clone, Copy)]
struct View<'v> {
    bytes: &'v [u8],
    texels: &'v Texels,
    layout: Layout,
}

impl<'v> View<'v> {
    /// The position of a texel; `None` where it is outside the buffer.
    fn offset(&self, x: u32, y: u32, z: u32) -> Option<u64> {
        let Texels { start, row, image, size, .. } = self.texels;
        if x >= size.0 || y >= size.1 || z >= size.2 {
            return None;
        }
        let row_number = u64::from(z).checked_mul(*image)?.checked_add(y.into())?;
        let within = u64::from(x).checked_mul(self.layout.texel_bytes().into())?;
        let within = row_number.checked_mul(*row)?.checked_add(within)?;
        u64::try_from(start.checked_add(i64::try_from(within).ok()?)?).ok()
    }

    /// A texel's bytes.
    fn texel(&self, x: u32, y: u32, z: u32) -> Option<&'v [u8]> {
        self.part(self.offset(x, y, z)?, self.layout.texel_bytes() as usize)
    }

    fn row(&self, y: u32, z: u32) -> Option<&'v [u8]> {
        let length = (self.layout.texel_bytes() as usize).checked_mul(self.texels.size.0 as usize)?;
        self.part(self.offset(0, y, z)?, length)
    }

    fn part(&self, offset: u64, length: usize) -> Option<&'v [u8]> {
        let start = usize::try_from(offset).ok()?;
        self.bytes.get(start..start.checked_add(length)?)
    }
}
