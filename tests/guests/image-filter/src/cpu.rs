//! The same filters on the CPU, row by row, for comparison.

use guest_support::pictures::Picture;
use guest_support::{Outcome, fail};

/// The blur's radius in texels.
pub const RADIUS: usize = 6;
/// The Gaussian's standard deviation, in texels.
const SIGMA: f32 = 2.0;
/// Both sides round twice while blurring (to 8 bits between the directions) and once for the edges; each tie that they round
/// differently costs a level.
const BLUR_TOLERANCE: u8 = 2;
const EDGES_TOLERANCE: u8 = 1;

/// The weights of the texels 0 to [`RADIUS`] away; both sides together weigh 1.
pub fn weights() -> [f32; RADIUS + 1] {
    let bell: [f32; RADIUS + 1] = std::array::from_fn(|i| (-((i * i) as f32) / (2.0 * SIGMA * SIGMA)).exp());
    let total = bell[0] + 2.0 * bell[1..].iter().sum::<f32>();
    bell.map(|weight| weight / total)
}

/// Compares blurred rows from `top` on with the CPU's; returns the maximum difference.
pub fn compare_blur(picture: &Picture, top: u32, found: &[u8]) -> Outcome<u8> {
    let width = picture.width as usize;
    let rows = found.len() / (width * 4);
    let weights = weights();
    let height = picture.height as i64;
    // The rows that the vertical blur reads, blurred horizontally; rows beyond the edge repeat the outermost.
    let first = i64::from(top) - RADIUS as i64;
    let along_rows: Vec<Vec<u8>> = (0..rows + 2 * RADIUS)
        .map(|i| {
            let y = (first + i as i64).clamp(0, height - 1) as usize;
            blur_row(&picture.rgba[y * width * 4..(y + 1) * width * 4], &weights)
        })
        .collect();
    let mut worst = 0;
    for row in 0..rows {
        for x in 0..width {
            for channel in 0..3 {
                let at = x * 4 + channel;
                let mut sum = 0.0;
                for (i, source) in along_rows[row..=row + 2 * RADIUS].iter().enumerate() {
                    sum += weights[i.abs_diff(RADIUS)] * f32::from(source[at]);
                }
                let found = found[row * width * 4 + at];
                let difference = found.abs_diff(sum.round() as u8);
                if difference > BLUR_TOLERANCE {
                    let y = top as usize + row;
                    fail!("blurred pixel ({x}, {y}), channel {channel}, is {found}, the CPU has {sum:.1}");
                }
                worst = worst.max(difference);
            }
        }
    }
    Ok(worst)
}

fn blur_row(row: &[u8], weights: &[f32]) -> Vec<u8> {
    let width = row.len() / 4;
    let mut blurred = vec![255; row.len()];
    for x in 0..width {
        for channel in 0..3 {
            let texel = |x: usize| f32::from(row[x * 4 + channel]);
            let mut sum = weights[0] * texel(x);
            for (away, weight) in weights.iter().enumerate().skip(1) {
                sum += weight * (texel(x.saturating_sub(away)) + texel((x + away).min(width - 1)));
            }
            blurred[x * 4 + channel] = sum.round() as u8;
        }
    }
    blurred
}

/// Compares rows of edges from `top` on with those computed from the blurred rows, which start at `blurred_top` and include
/// a neighbour on each side if there is one; returns the maximum difference.
pub fn compare_edges(width: u32, height: u32, blurred_top: u32, blurred: &[u8], top: u32, found: &[u8]) -> Outcome<u8> {
    let stride = width as usize * 4;
    let mut worst = 0;
    for row in 0..(found.len() / stride) as u32 {
        let y = top + row;
        let line = |y: u32| &blurred[(y - blurred_top) as usize * stride..][..stride];
        let (above, here, below) = (line(y.saturating_sub(1)), line(y), line((y + 1).min(height - 1)));
        for x in 0..width as usize {
            let (left, right) = (x.saturating_sub(1), (x + 1).min(width as usize - 1));
            for channel in 0..3 {
                let at = |line: &[u8], x: usize| f32::from(line[x * 4 + channel]);
                let across = (at(above, right) + 2.0 * at(here, right) + at(below, right))
                    - (at(above, left) + 2.0 * at(here, left) + at(below, left));
                let down = (at(below, left) + 2.0 * at(below, x) + at(below, right))
                    - (at(above, left) + 2.0 * at(above, x) + at(above, right));
                let strength = across.hypot(down).min(255.0);
                let found = found[row as usize * stride + x * 4 + channel];
                let difference = found.abs_diff(strength.round() as u8);
                if difference > EDGES_TOLERANCE {
                    fail!("edge pixel ({x}, {y}), channel {channel}, is {found}, the CPU has {strength:.1}");
                }
                worst = worst.max(difference);
            }
        }
    }
    Ok(worst)
}
