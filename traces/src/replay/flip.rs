//! FLIP: the perceived difference of two pictures when flipping between them (Andersson and others, "FLIP: A Difference
//! Evaluator for Alternating Images", 2020).

use crate::replay::Picture;

/// A picture's mean error, from 0 (equal) to 1; `None` where its bytes are not a picture of its size.
pub(crate) fn mean(picture: &Picture) -> Option<f32> {
    Some(map(picture)?.statistics().mean)
}

/// The error of each texel as a color, from black (none) over red to white; `None` as for [`mean`].
pub(crate) fn difference(picture: &Picture) -> Option<Vec<u8>> {
    Some(map(picture)?.colorize().ok()?.pixels().iter().map(|&channel| byte(channel)).collect())
}

/// The error of each texel, from 0 to 1, on a screen of 3840 pixels that is as wide as it is far away.
fn map(picture: &Picture) -> Option<flip_rs::ErrorMap> {
    let size = |length: u32| usize::try_from(length).ok();
    let (width, height) = (size(picture.width)?, size(picture.height)?);
    let image = |rgb: &[u8]| flip_rs::RgbImage::new(width, height, rgb.to_vec()).ok();
    flip_rs::ldr_flip(&image(&picture.expected)?, &image(&picture.found)?, flip_rs::DEFAULT_PPD).ok()
}

/// A channel from 0 to 1 as a byte.
fn byte(channel: f32) -> u8 {
    (channel.clamp(0.0, 1.0) * 255.0).round() as u8
}

#[cfg(test)]
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
