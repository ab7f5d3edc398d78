//! Checks that the picture shows the data: the pixel at a data point has the colour of the topmost series there.

use guest_support::pictures::Picture;
use guest_support::{Outcome, fail};

use crate::chart::Chart;

/// The maximum number of checked points per series.
const MAX_POINTS: usize = 500;
/// The distance of a pixel's centre from a shape's edge at which the pixel is fully inside or outside: half its diagonal.
const HALF_PIXEL: f32 = 0.75;
/// Levels of 255; blending four equal samples may round.
const TOLERANCE: u8 = 2;

/// Returns the number of data points found in the picture, and the number under the edge of another series.
pub fn check(picture: &Picture, chart: &Chart) -> Outcome<(usize, usize)> {
    let (mut found, mut unclear) = (0, 0);
    for (layer, points) in &chart.data {
        let every = points.len().div_ceil(MAX_POINTS).max(1);
        for &[x, y] in points.iter().step_by(every) {
            let pixel = (x as u32, y as u32);
            let center = [pixel.0 as f32 + 0.5, pixel.1 as f32 + 0.5];
            // From the top: the first layer that covers the whole pixel is visible.
            let mut top = None;
            for (index, above) in chart.layers.iter().enumerate().skip(*layer).rev() {
                let depth = above.shapes.iter().map(|shape| shape.depth(center)).fold(f32::NEG_INFINITY, f32::max);
                if depth > -HALF_PIXEL {
                    top = (depth >= HALF_PIXEL).then_some(index);
                    break;
                }
            }
            let Some(top) = top else {
                unclear += 1;
                continue;
            };
            let (shown, expected) = (picture.pixel(pixel.0, pixel.1), chart.layers[top].color);
            if shown.iter().zip(expected).any(|(s, e)| s.abs_diff(e) > TOLERANCE) {
                fail!("the pixel at data point {pixel:?} is {shown:?}, expected {expected:?}");
            }
            found += 1;
        }
    }
    if found == 0 {
        fail!("no data point could be checked");
    }
    Ok((found, unclear))
}
