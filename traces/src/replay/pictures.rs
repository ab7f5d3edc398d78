//! Differences of pictures and floats on another processor or adapter: measures, and the pictures themselves.

use super::{
    alike::{Alike, Compared, Measure, rgb8},
    flip,
    picture::Picture,
    report::{NotCompared, Rounded},
};

/// Maximum notes of one kind. A run of a million frames must not fill the memory.
const MAX_NOTES: usize = 10_000;

/// Maximum bytes of the kept pictures, both sides together.
const MAX_KEPT: usize = 64 << 20;

/// Maximum texels of a kept picture: FLIP takes a second for some millions of them.
const MAX_TEXELS: u64 = 4 << 20;

/// Readbacks that differ by rounding, readbacks that cannot be compared, and pictures.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    pub rounded: Vec<Rounded>,
    pub incomparable: Vec<NotCompared>,
    pub pictures: Vec<Picture>,
    kept: usize,
}

impl Elsewhere {
    /// Records the measures of a comparison.
    pub fn measured(&mut self, command: u64, buffer: &str, mut compared: Compared, bytes: (&[u8], &[u8])) {
        for (place, texels) in &compared.pictures {
            let (width, height, _) = texels.size;
            let is_small = u64::from(width) * u64::from(height) <= MAX_TEXELS;
            let fits = |picture: &Picture| {
                self.kept.saturating_add(picture.expected.len()).saturating_add(picture.found.len()) <= MAX_KEPT
            };
            let (Some(expected), Some(found)) = (rgb8(bytes.0, texels), rgb8(bytes.1, texels)) else { continue };
            let picture = Picture { command, width, height, expected, found };
            if !is_small || !fits(&picture) {
                continue;
            }
            if let Some(measure) = compared.measures.get_mut(*place) {
                measure.flip = flip::mean(&picture);
            }
            self.kept = self.kept.saturating_add(picture.expected.len() + picture.found.len());
            self.pictures.push(picture);
        }
        if compared.alike == Alike::Rounded {
            let rounded = |measure: Measure| Rounded { command, buffer: buffer.to_owned(), measure };
            let room = MAX_NOTES.saturating_sub(self.rounded.len());
            self.rounded.extend(compared.measures.into_iter().map(rounded).take(room));
        }
    }

    /// Records a readback that cannot be compared.
    pub fn incomparable(&mut self, command: u64, what: String, why: &str) {
        if self.incomparable.len() < MAX_NOTES {
            self.incomparable.push(NotCompared { command, what, why: why.to_owned() });
        }
    }
}
