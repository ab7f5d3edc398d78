//! The same filters on the CPU, for comparison.

use guest_support::pictures::Picture;
use guest_support::{Outcome, fail};

use crate::scale::Filter;

/// The maximum difference in levels, from rounding: of an average, and of edges, which add the roundings of eight averages.
const SHRINK_TOLERANCE: u8 = 1;
const EDGES_TOLERANCE: u8 = 9;

/// Fails at the first pixel that differs.
pub fn compare(picture: &Picture, found: &Picture, filter: Filter) -> Outcome {
    let small = shrink(picture, found.width, found.height);
    let (expected, tolerance) = match filter {
        Filter::None => (small, SHRINK_TOLERANCE),
        Filter::Edges => (edges(&small), EDGES_TOLERANCE),
    };
    for y in 0..found.height {
        for x in 0..found.width {
            let (expected, found) = (expected.pixel(x, y), found.pixel(x, y));
            if expected.iter().zip(&found).any(|(e, f)| e.abs_diff(*f) > tolerance) {
                fail!("pixel ({x}, {y}) is {found:?}, the CPU has {expected:?}");
            }
        }
    }
    Ok(())
}

fn shrink(picture: &Picture, width: u32, height: u32) -> Picture {
    let range = |at: u32, from: u32, to: u32| {
        let first = at * from / to;
        first..((at + 1) * from / to).max(first + 1)
    };
    let mut rgba = Vec::with_capacity(width as usize * height as usize * 4);
    for y in 0..height {
        let rows = range(y, picture.height, height);
        for x in 0..width {
            let columns = range(x, picture.width, width);
            let mut sum = [0_u64; 4];
            for row in rows.clone() {
                for column in columns.clone() {
                    let pixel = picture.pixel(column, row);
                    sum.iter_mut().zip(pixel).for_each(|(sum, channel)| *sum += u64::from(channel));
                }
            }
            let count = (rows.len() * columns.len()) as u64;
            rgba.extend(sum.map(|sum| ((sum + count / 2) / count) as u8));
        }
    }
    Picture { width, height, rgba }
}

fn edges(picture: &Picture) -> Picture {
    let (right, bottom) = (i64::from(picture.width) - 1, i64::from(picture.height) - 1);
    let mut rgba = Vec::with_capacity(picture.rgba.len());
    for y in 0..i64::from(picture.height) {
        for x in 0..i64::from(picture.width) {
            let at = |dx: i64, dy: i64, channel: usize| {
                let (x, y) = ((x + dx).clamp(0, right), (y + dy).clamp(0, bottom));
                f32::from(picture.pixel(x as u32, y as u32)[channel])
            };
            for channel in 0..3 {
                let at = |dx, dy| at(dx, dy, channel);
                let across = at(1, -1) + 2.0 * at(1, 0) + at(1, 1) - at(-1, -1) - 2.0 * at(-1, 0) - at(-1, 1);
                let down = at(-1, 1) + 2.0 * at(0, 1) + at(1, 1) - at(-1, -1) - 2.0 * at(0, -1) - at(1, -1);
                rgba.push(across.hypot(down).min(255.0).round() as u8);
            }
            rgba.push(255);
        }
    }
    Picture { width: picture.width, height: picture.height, rgba }
}
