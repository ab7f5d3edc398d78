//! FLIP: the perceived difference of two pictures when flipping between them (Andersson and others, "FLIP: A Difference
//! Evaluator for Alternating Images", 2020), by NVIDIA's own code.

use crate::replay::Picture;

/// A picture's mean error, from 0 (equal) to 1; `None` where this program was built without the measure.
#[cfg(feature = "flip")]
pub(crate) fn mean(picture: &Picture) -> Option<f32> {
    Some(nv_flip::FlipPool::from_image(&map(picture)?).mean())
}

/// Without the feature, there is no measure.
#[cfg(not(feature = "flip"))]
pub(crate) fn mean(_: &Picture) -> Option<f32> {
    None
}

/// The error of each texel as a color, from black (none) over red to white; `None` as for [`mean`].
#[cfg(feature = "flip")]
pub(crate) fn difference(picture: &Picture) -> Option<Vec<u8>> {
    Some(map(picture)?.apply_color_lut(&nv_flip::magma_lut()).to_vec())
}

/// Without the feature, there is no picture.
#[cfg(not(feature = "flip"))]
pub(crate) fn difference(_: &Picture) -> Option<Vec<u8>> {
    None
}

#[cfg(feature = "flip")]
fn map(picture: &Picture) -> Option<nv_flip::FlipImageFloat> {
    let Picture { width, height, expected, found, .. } = picture;
    // The library does not check the lengths.
    let length = usize::try_from(u64::from(*width).checked_mul((*height).into())?.checked_mul(3)?).ok()?;
    if length == 0 || expected.len() != length || found.len() != length {
        return None;
    }
    let image = |rgb: &[u8]| nv_flip::FlipImageRgb8::with_data(*width, *height, rgb);
    Some(nv_flip::flip(image(expected), image(found), nv_flip::DEFAULT_PIXELS_PER_DEGREE))
}

#[cfg(all(test, feature = "flip"))]
mod tests {
    use super::*;

    #[test]
    fn flip_grows_with_the_difference() {
        let picture = |found: [u8; 3]| Picture {
            command: 0,
            width: 16,
            height: 8,
            expected: [100, 100, 100].repeat(128),
            found: found.repeat(128),
        };
        let [equal, near, far] =
            [[100, 100, 100], [102, 100, 100], [255, 0, 0]].map(|found| mean(&picture(found)).unwrap());
        assert!(equal == 0.0 && near > 0.0 && near < far && far <= 1.0, "{equal} {near} {far}");
        assert_eq!(difference(&picture([0; 3])).map(|rgb| rgb.len()), Some(16 * 8 * 3));
        let cut = Picture { found: vec![0; 5], ..picture([0; 3]) };
        assert_eq!(mean(&cut), None);
    }
}
