//! Immediate data of an encoder (WebGPU, "GPUBindingCommandsMixin", `setImmediates`).
//!
//! In WebGPU the data belongs to the encoder: it may be set before or after a pipeline, up to the device's limit, and
//! persists. In wgpu-core it belongs to the pipeline's layout: it cannot be set without a pipeline or beyond the layout, and
//! another layout resets it to zeros. So this module stores it and passes it to wgpu before the next draw or dispatch.

use std::ops::Range;

/// Alignment of offsets and lengths in bytes.
const WORD: usize = 4;

/// Upper bound in words: no adapter's limit is higher, and wgpu-core has a bit for each.
const MAX_WORDS: usize = 64;

/// Immediate data of an encoder.
#[derive(Debug)]
pub struct Immediates {
    data: [u8; MAX_WORDS * WORD],
    /// The words that were set.
    set: u64,
    /// The words that were not passed to wgpu yet.
    pending: u64,
    /// Bytes of immediate data in the pipeline's layout.
    of_pipeline: u32,
}

impl Default for Immediates {
    fn default() -> Self {
        Self { data: [0; MAX_WORDS * WORD], set: 0, pending: 0, of_pipeline: 0 }
    }
}

impl Immediates {
    /// Sets bytes; the error makes the encoder's finish fail.
    pub fn set(&mut self, offset: u32, data: &[u8], limit: u32) -> Result<(), String> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        if !start.is_multiple_of(WORD) || !data.len().is_multiple_of(WORD) {
            return Err(format!("{} bytes of immediate data at {offset}: both are multiples of {WORD}", data.len()));
        }
        let end = start.saturating_add(data.len());
        let max = usize::try_from(limit).unwrap_or(usize::MAX);
        let place = self.data.get_mut(start..end).filter(|_| end <= max);
        let Some(place) = place else {
            return Err(format!("{} bytes of immediate data at {offset} exceed the limit of {limit}", data.len()));
        };
        place.copy_from_slice(data);
        let words = bits(start / WORD..end / WORD);
        self.set |= words;
        self.pending |= words;
        Ok(())
    }

    /// Records another pipeline, with the bytes of immediate data in its layout.
    pub fn pipeline(&mut self, bytes: u32) {
        self.of_pipeline = bytes;
        // With another layout, wgpu has reset the data to zeros.
        self.pending = self.set;
    }

    /// Passes the pending words that the pipeline may read to wgpu: calls `give` with each run of bytes.
    #[inline]
    pub fn hand_over(&mut self, mut give: impl FnMut(u32, &[u8])) {
        if self.pending != 0 && self.of_pipeline > 0 {
            let words = (self.of_pipeline as usize / WORD).min(MAX_WORDS);
            let ready = self.pending & bits(0..words);
            self.pending &= !ready;
            for run in runs(ready) {
                let offset = u32::try_from(run.start * WORD).unwrap_or(u32::MAX);
                if let Some(data) = self.data.get(run.start * WORD..run.end * WORD) {
                    give(offset, data);
                }
            }
        }
    }
}

/// The bits of a range of words.
fn bits(words: Range<usize>) -> u64 {
    words.filter_map(|word| 1_u64.checked_shl(u32::try_from(word).ok()?)).fold(0, |all, bit| all | bit)
}

/// The runs of ones, from the lowest bit up.
fn runs(bits: u64) -> impl Iterator<Item = Range<usize>> {
    let is_set = move |at: usize| at < MAX_WORDS && bits >> at & 1 == 1;
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = (at..MAX_WORDS).find(|&at| is_set(at))?;
        at = (start..=MAX_WORDS).find(|&at| !is_set(at))?;
        Some(start..at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handed(immediates: &mut Immediates) -> Vec<(u32, Vec<u8>)> {
        let mut all = Vec::new();
        immediates.hand_over(|offset, data| all.push((offset, data.to_vec())));
        all
    }

    #[test]
    fn data_is_handed_over_once_and_again_with_another_pipeline() {
        let mut immediates = Immediates::default();
        assert_eq!(immediates.set(4, &[1; 8], 64), Ok(()));
        assert_eq!(immediates.set(16, &[2; 4], 64), Ok(()));
        assert_eq!(handed(&mut immediates), []);
        immediates.pipeline(12);
        assert_eq!(handed(&mut immediates), [(4, vec![1; 8])]);
        assert_eq!(handed(&mut immediates), []);
        immediates.pipeline(64);
        assert_eq!(handed(&mut immediates), [(4, vec![1; 8]), (16, vec![2; 4])]);
    }

    #[test]
    fn ranges_are_checked() {
        let mut immediates = Immediates::default();
        for (offset, len, fits) in
            [(0, 64, true), (64, 0, true), (60, 4, true), (60, 8, false), (2, 4, false), (0, 3, false)]
        {
            assert_eq!(immediates.set(offset, &vec![0; len], 64).is_ok(), fits, "{offset} {len}");
        }
        assert!(immediates.set(u32::MAX - 3, &[0; 4], u32::MAX).is_err());
        assert_eq!(immediates.set(252, &[0; 4], 256), Ok(()));
    }

    #[test]
    fn runs_are_found() {
        assert_eq!(runs(0b1101).collect::<Vec<_>>(), [0..1, 2..4]);
        assert_eq!(runs(u64::MAX).map(|run| (run.start, run.end)).collect::<Vec<_>>(), [(0, 64)]);
        assert_eq!(runs(0).count(), 0);
    }
}
