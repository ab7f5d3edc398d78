//! A minimal font made of strokes.
//!
//! A glyph is a list of strokes, a stroke a list of points, a point two digits: x from 0 to 4, y from 0 (descenders) over 2
//! (the baseline) and 6 (the x-height) to 8 (the cap height).

use crate::shapes::{Point, Shape};

/// Heights of the grid: from the baseline to the cap height, and of the baseline.
const CAP_HEIGHT: f32 = 6.0;
const LINE: f32 = 2.0;
/// The space between two glyphs, and the width of a space.
const GAP: f32 = 1.7;
const SPACE: f32 = 3.0;

fn strokes(character: char) -> &'static str {
    match character {
        '0' | 'O' => "03 07 18 38 47 43 32 12 03",
        '1' => "06 28 22,02 42",
        '2' => "07 18 38 47 46 02 42",
        '3' => "07 18 38 47 46 35 25,35 44 43 32 12 03",
        '4' => "32 38 04 44",
        '5' => "48 08 05 35 44 43 32 12 03",
        '6' => "47 38 18 07 03 12 32 43 44 35 15 04",
        '7' => "08 48 12",
        '8' => "15 06 07 18 38 47 46 35 15 04 03 12 32 43 44 35",
        '9' => "03 12 32 43 47 38 18 07 06 15 35 46",
        'A' => "02 28 42,14 34",
        'B' => "02 08 38 47 46 35 05,35 44 43 32 02",
        'C' => "47 38 18 07 03 12 32 43",
        'D' => "02 08 28 46 44 22 02",
        'E' => "48 08 02 42,05 35",
        'F' => "48 08 02,05 35",
        'G' => "47 38 18 07 03 12 32 43 45 25",
        'H' => "02 08,42 48,05 45",
        'I' => "22 28,12 32,18 38",
        'J' => "03 12 22 33 38",
        'K' => "02 08,48 04,15 42",
        'L' => "08 02 42",
        'M' => "02 08 25 48 42",
        'N' => "02 08 42 48",
        'P' => "02 08 38 47 46 35 05",
        'Q' => "03 07 18 38 47 43 32 12 03,24 42",
        'R' => "02 08 38 47 46 35 05,25 42",
        'S' => "47 38 18 07 06 15 35 44 43 32 12 03",
        'T' => "08 48,28 22",
        'U' => "08 03 12 32 43 48",
        'V' => "08 22 48",
        'W' => "08 12 25 32 48",
        'X' => "02 48,08 42",
        'Y' => "08 25 48,25 22",
        'Z' => "08 48 02 42",
        'a' => "16 36 45 42,44 14 03 12 32 43",
        'b' => "08 02,05 16 36 45 43 32 12 03",
        'c' => "45 36 16 05 03 12 32 43",
        'd' => "48 42,45 36 16 05 03 12 32 43",
        'e' => "04 44 45 36 16 05 03 12 32 43",
        'f' => "38 28 17 12,06 36",
        'g' => "45 36 16 05 04 13 33 44,46 41 30 10 01",
        'h' => "08 02,05 16 36 45 42",
        'i' => "26 22,28 28",
        'j' => "26 21 10,28 28",
        'k' => "08 02,46 04,25 42",
        'l' => "18 13 22",
        'm' => "02 06,05 16 25 22,25 36 45 42",
        'n' => "02 06,05 16 36 45 42",
        'o' => "05 16 36 45 43 32 12 03 05",
        'p' => "06 00,05 16 36 45 43 32 12 03",
        'q' => "46 40,45 36 16 05 03 12 32 43",
        'r' => "06 02,05 16 36",
        's' => "46 16 05 14 34 43 32 02",
        't' => "18 13 22 32,06 36",
        'u' => "06 03 12 32 43,46 42",
        'v' => "06 22 46",
        'w' => "06 12 25 32 46",
        'x' => "02 46,06 42",
        'y' => "06 22,46 10",
        'z' => "06 46 02 42",
        '.' => "22 22",
        ',' => "22 11",
        ':' => "22 22,25 25",
        ';' => "22 11,25 25",
        '-' | '\u{2212}' => "05 45",
        '+' => "05 45,27 23",
        '=' => "04 44,06 46",
        '*' => "16 34,36 14,27 23",
        '/' => "02 48",
        '%' => "02 48,07 08 18 17 07,32 33 43 42 32",
        '(' => "38 27 23 31",
        ')' => "18 27 23 11",
        '[' => "38 18 12 32",
        ']' => "18 38 32 12",
        '_' => "01 41",
        '\'' => "28 26",
        '"' => "18 16,38 36",
        '<' => "46 04 42",
        '>' => "06 44 02",
        '!' => "28 24,22 22",
        '?' => "07 18 38 47 46 24,22 22",
        '°' => "17 28 37 26 17",
        _ => "02 08 48 42 02",
    }
}

fn point(text: &str) -> Point {
    let digit = |i: usize| f32::from(text.as_bytes()[i] - b'0');
    [digit(0), digit(1)]
}

/// The minimum and maximum x of a glyph.
fn extent(character: char) -> (f32, f32) {
    let xs = strokes(character).split([',', ' ']).map(|text| point(text)[0]);
    xs.fold((4.0, 0.0), |(low, high), x| (x.min(low), x.max(high)))
}

fn advance(character: char) -> f32 {
    if character == ' ' {
        return SPACE;
    }
    let (low, high) = extent(character);
    high - low + GAP
}

/// The width of a text with capitals of `height` pixels.
pub fn width(text: &str, height: f32) -> f32 {
    let units: f32 = text.chars().map(advance).sum();
    (units - GAP).max(0.0) * height / CAP_HEIGHT
}

/// Appends the strokes of a text that starts at `at`, the left end of its baseline.
pub fn write(text: &str, at: Point, height: f32, shapes: &mut Vec<Shape>) {
    let scale = height / CAP_HEIGHT;
    let mut left = at[0];
    for character in text.chars() {
        if character != ' ' {
            let (low, _) = extent(character);
            let place = |text| {
                let [x, y] = point(text);
                [left + (x - low) * scale, at[1] - (y - LINE) * scale]
            };
            for stroke in strokes(character).split(',') {
                let points: Vec<Point> = stroke.split(' ').map(place).collect();
                for pair in points.windows(2) {
                    shapes.push(Shape::Capsule { from: pair[0], to: pair[1], radius: (height * 0.065).max(0.7) });
                }
            }
        }
        left += advance(character) * scale;
    }
}
