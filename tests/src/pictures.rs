//! Pictures of the programs under test, and their comparison.
#![allow(clippy::expect_used, clippy::panic)]

use std::{fs, io::Cursor, path::Path};

/// Maximum difference of a channel between two adapters: the drivers round differently.
pub const ROUNDING: u8 = 2;
/// Pixels per thousand that may differ by more: those on edges, which one driver covers and another does not.
const OUTLIERS: usize = 5;

/// A picture as RGBA of 8 bits.
#[derive(Debug, PartialEq, Eq)]
pub struct Picture {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// 4 bytes for each pixel, row by row.
    pub rgba: Vec<u8>,
}

impl Picture {
    /// Reads a PNG file.
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        Self::decode(&fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }

    /// Decodes a PNG.
    #[track_caller]
    pub fn decode(png: &[u8]) -> Self {
        let mut decoder = png::Decoder::new(Cursor::new(png));
        decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
        let mut reader = decoder.read_info().expect("a PNG");
        let mut rgba = vec![0; reader.output_buffer_size().expect("its size")];
        let info = reader.next_frame(&mut rgba).expect("its pixels");
        rgba.truncate(info.buffer_size());
        assert_eq!(info.color_type, png::ColorType::Rgba, "a picture with colours");
        Self { width: info.width, height: info.height, rgba }
    }

    /// Number of different colours.
    pub fn colours(&self) -> usize {
        self.rgba.chunks_exact(4).collect::<std::collections::HashSet<_>>().len()
    }

    /// Fails the test unless the pictures have one size, and all but a few pixels are equal up to rounding.
    #[track_caller]
    pub fn is_alike(&self, expected: &Self) {
        assert_eq!((self.width, self.height), (expected.width, expected.height), "the picture's size");
        let pixels = || self.rgba.chunks_exact(4).zip(expected.rgba.chunks_exact(4)).enumerate();
        let further = |(found, expected): (&[u8], &[u8])| {
            found.iter().zip(expected).any(|(found, expected)| found.abs_diff(*expected) > ROUNDING)
        };
        let different: Vec<_> = pixels().filter(|(_, pair)| further(*pair)).collect();
        if let Some((index, (found, expected))) = different.first()
            && different.len() * 1000 > pixels().count() * OUTLIERS
        {
            let (x, y) = (index % self.width as usize, index / self.width as usize);
            let count = different.len();
            panic!("{count} pixels differ; the first at {x}, {y}: {found:?}, expected {expected:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(value: u8) -> Picture {
        Picture { width: 100, height: 10, rgba: vec![value; 4000] }
    }

    #[test]
    fn a_few_pixels_and_rounding_are_let_pass() {
        let mut picture = grey(100 + ROUNDING);
        picture.rgba[..20].fill(0);
        picture.is_alike(&grey(100));
    }

    #[test]
    #[should_panic(expected = "6 pixels differ; the first at 0, 0: [0, 0, 0, 0], expected [100, 100, 100, 100]")]
    fn more_pixels_are_not() {
        let mut picture = grey(100);
        picture.rgba[..24].fill(0);
        picture.is_alike(&grey(100));
    }

    #[test]
    #[should_panic(expected = "1000 pixels differ")]
    fn another_shade_is_not() {
        grey(100 - ROUNDING - 1).is_alike(&grey(100));
    }
}
