//! Measures of differences, and their limits.

use std::fmt;

use serde::Serialize;

/// Relative error of 32-bit floats, and absolute error of those near 0: some hundred roundings of 2^-24.
pub const FLOAT: f32 = 1e-4;

/// The same for 16-bit floats, which round at 2^-11.
pub const HALF: f32 = 4e-3;

/// Absolute error beside a relative one, as a part of it: values this near to 0 are differences of larger numbers.
const NEAR_ZERO: f32 = 1e-2;

/// Steps of a normalized format.
pub const STEPS: f32 = 2.0;

/// The share of a picture's texels that may lie on rounded edges.
pub const MAX_EDGES: f64 = 0.01;

/// The measure of a readback that is the same but for rounding.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Measure {
    /// `picture of 320 x 200 texels`, or `floats`.
    pub what: String,
    /// Texels or floats that were compared.
    pub values: u64,
    /// The number that differ at all.
    pub differing: u64,
    /// Texels on edges that were rounded to the other side.
    pub edges: u64,
    /// The largest difference of the other ones: of a channel from 0 to 1, or as a part of a float.
    pub largest: f32,
    /// The mean of NVIDIA's FLIP over the picture, from 0 (equal) to 1; absent for floats and for large pictures.
    pub flip: Option<f32>,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = self.differing as f64 * 100.0 / (self.values as f64).max(1.0);
        write!(f, "{}: {} of {} ({share:.2} %) differ", self.what, self.differing, self.values)?;
        match self.largest {
            // Only texels on edges.
            0.0 => {}
            largest if largest < 1e-3 => write!(f, ", by {largest:.1e} at most")?,
            largest => write!(f, ", by {largest:.4} at most")?,
        }
        if self.edges > 0 {
            write!(f, " and {} on edges", self.edges)?;
        }
        self.flip.map_or(Ok(()), |flip| write!(f, "; FLIP {flip:.5}"))
    }
}

/// The difference of two floats as a part of the larger one.
pub(super) fn relative(a: f32, b: f32) -> f32 {
    if a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) {
        return 0.0;
    }
    finite((a - b).abs() / a.abs().max(b.abs()).max(NEAR_ZERO))
}

/// The difference, or infinity in place of NaN.
pub(super) fn finite(apart: f32) -> f32 {
    if apart.is_finite() { apart } else { f32::INFINITY }
}

/// The value around a byte: the 32-bit word where there is a whole one.
pub(crate) fn value(bytes: &[u8], offset: usize) -> String {
    let word = bytes.get(offset / 4 * 4..).and_then(<[u8]>::first_chunk);
    match (word, bytes.get(offset)) {
        (Some(word), Some(byte)) => {
            let number = u32::from_le_bytes(*word);
            format!("0x{byte:02x} (word 0x{number:08x}, u32 {number}, f32 {:?})", f32::from_bits(number))
        }
        (None, Some(byte)) => format!("0x{byte:02x}"),
        _ => String::new(),
    }
}
