//! Pixels between pictures and textures: parts of a picture, premultiplication, colour spaces, formats, other sizes.
//!
//! Components are bytes or floats of 32 bits; the library converts halves, by its typed arrays. In between, a pixel is four
//! floats from 0 to 1.

use rquickjs::Object;

/// The maximum number of pixels of a result: 1 GiB of floats, the size of a script's memory.
const MAX_PIXELS: usize = 1 << 26;

/// Components in memory.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Byte,
    Float,
    /// Ten bits for each colour and two for alpha, in one word.
    Packed,
}

/// One side of a conversion.
struct Side {
    unit: Unit,
    /// 1, 2 or 4: red, green and blue, alpha.
    components: usize,
    /// Blue comes first.
    swapped: bool,
    premultiplied: bool,
    wide: bool,
}

impl Side {
    /// Reads `{ unit, components, swapped, premultiplied, wide }`; `wide` is the colour space display-p3.
    fn new(object: &Object<'_>) -> rquickjs::Result<Side> {
        let unit: String = object.get("unit")?;
        Ok(Side {
            unit: match unit.as_str() {
                "float" => Unit::Float,
                "packed" => Unit::Packed,
                _ => Unit::Byte,
            },
            components: object.get::<_, usize>("components")?.clamp(1, 4),
            swapped: object.get("swapped")?,
            premultiplied: object.get("premultiplied")?,
            wide: object.get("wide")?,
        })
    }

    fn pixel_size(&self) -> usize {
        match self.unit {
            Unit::Byte => self.components,
            Unit::Float => self.components * 4,
            Unit::Packed => 4,
        }
    }

    /// The pixel at the start of `bytes`; components that it lacks are 0, alpha 1.
    fn load(&self, bytes: &[u8]) -> [f32; 4] {
        let mut pixel = [0.0, 0.0, 0.0, 1.0];
        for (index, component) in pixel.iter_mut().enumerate().take(self.components) {
            let value = match self.unit {
                Unit::Byte => bytes.get(index).map(|&byte| f32::from(byte) / 255.0),
                _ => float(bytes, index),
            };
            *component = value.unwrap_or_default();
        }
        if self.swapped {
            pixel.swap(0, 2);
        }
        pixel
    }

    fn store(&self, mut pixel: [f32; 4], out: &mut Vec<u8>) {
        if self.swapped {
            pixel.swap(0, 2);
        }
        match self.unit {
            Unit::Byte => out.extend(pixel[..self.components].iter().map(|value| scaled(*value, 255.0) as u8)),
            Unit::Float => out.extend(pixel[..self.components].iter().flat_map(|value| value.to_le_bytes())),
            Unit::Packed => {
                let [r, g, b] = [0, 1, 2].map(|index| scaled(pixel[index], 1023.0));
                let word = r | g << 10 | b << 20 | scaled(pixel[3], 3.0) << 30;
                out.extend(word.to_le_bytes());
            }
        }
    }
}

fn scaled(value: f32, max: f32) -> u32 {
    (value * max).round().clamp(0.0, max) as u32
}

fn float(bytes: &[u8], index: usize) -> Option<f32> {
    bytes.get(index * 4..index * 4 + 4)?.try_into().ok().map(f32::from_le_bytes)
}

/// Space for the result's pixels, or the problem with its size.
fn room(width: usize, height: usize, pixel: usize) -> Result<Vec<u8>, String> {
    match width.checked_mul(height) {
        Some(pixels) if pixels <= MAX_PIXELS => Ok(Vec::with_capacity(pixels * pixel)),
        _ => Err(format!("{width} x {height} pixels are more than {MAX_PIXELS}")),
    }
}

/// Converts a part of a picture: `{ from, to, stride, columns, rows, x, y, width, height, flipY, opaque }`. `stride` is the
/// distance of rows in pixels, of which the picture has `columns`; `x` and `y` may be negative. Pixels outside of the picture
/// are transparent black.
pub fn convert(bytes: &[u8], options: &Object<'_>) -> rquickjs::Result<Result<Vec<u8>, String>> {
    let (from, to) = (Side::new(&options.get("from")?)?, Side::new(&options.get("to")?)?);
    let [stride, columns, rows, width, height] = ["stride", "columns", "rows", "width", "height"]
        .map(|name| options.get::<_, f64>(name).map(|value| value as usize));
    let (stride, columns, rows, width, height) = (stride?, columns?, rows?, width?, height?);
    let (left, top) = (options.get::<_, f64>("x")? as i64, options.get::<_, f64>("y")? as i64);
    let (flip, opaque): (bool, bool) = (options.get("flipY")?, options.get("opaque")?);
    let mut out = match room(width, height, to.pixel_size()) {
        Ok(out) => out,
        Err(problem) => return Ok(Err(problem)),
    };
    let inside = |start: i64, step: usize, end: usize| {
        usize::try_from(start.saturating_add_unsigned(step as u64)).ok().filter(|&at| at < end)
    };
    for row in 0..height {
        let y = inside(top, if flip { height - 1 - row } else { row }, rows);
        for column in 0..width {
            let at = y.zip(inside(left, column, columns)).map(|(y, x)| (y * stride + x) * from.pixel_size());
            let pixel = at.and_then(|at| bytes.get(at..)).map_or([0.0; 4], |bytes| {
                let mut pixel = from.load(bytes);
                if opaque {
                    pixel[3] = 1.0;
                }
                change(pixel, &from, &to, opaque)
            });
            to.store(pixel, &mut out);
        }
    }
    Ok(Ok(out))
}

/// Converts premultiplication and the colour space. An opaque picture is the same with and without premultiplication.
fn change(mut pixel: [f32; 4], from: &Side, to: &Side, opaque: bool) -> [f32; 4] {
    let spaces = from.wide != to.wide;
    if opaque && !spaces || from.premultiplied == to.premultiplied && !spaces {
        return pixel;
    }
    let alpha = pixel[3];
    let multiply = |pixel: &mut [f32; 4], by: f32| pixel[..3].iter_mut().for_each(|value| *value *= by);
    if from.premultiplied && !opaque {
        multiply(&mut pixel, if alpha > 0.0 { 1.0 / alpha } else { 0.0 });
    }
    if spaces {
        let matrix = if to.wide { TO_WIDE } else { FROM_WIDE };
        let linear = [0, 1, 2].map(|index| decode(pixel[index]));
        for (value, row) in pixel.iter_mut().zip(matrix) {
            *value = encode(row.iter().zip(linear).map(|(factor, value)| factor * value).sum());
        }
    }
    if to.premultiplied && !opaque {
        multiply(&mut pixel, alpha);
    }
    pixel
}

/// From linear sRGB to linear display-p3: both have the white point D65.
const TO_WIDE: [[f32; 3]; 3] =
    [[0.822_462, 0.177_538, 0.0], [0.033_194, 0.966_806, 0.0], [0.017_083, 0.072_397, 0.910_520]];
const FROM_WIDE: [[f32; 3]; 3] =
    [[1.224_940, -0.224_940, 0.0], [-0.042_057, 1.042_057, 0.0], [-0.019_638, -0.078_636, 1.098_274]];

/// The transfer function of sRGB and display-p3, extended beyond 0 to 1 by its mirror image.
fn decode(value: f32) -> f32 {
    let size = value.abs();
    let linear = if size <= 0.04045 { size / 12.92 } else { ((size + 0.055) / 1.055).powf(2.4) };
    linear.copysign(value)
}

fn encode(linear: f32) -> f32 {
    let size = linear.abs();
    let value = if size <= 0.003_130_8 { size * 12.92 } else { 1.055 * size.powf(1.0 / 2.4) - 0.055 };
    value.copysign(linear)
}

/// The pixels of a picture in another size: `{ unit, width, height, toWidth, toHeight, quality }`. They must be
/// premultiplied, so that transparent ones have no colour.
pub fn resize(bytes: &[u8], options: &Object<'_>) -> rquickjs::Result<Result<Vec<u8>, String>> {
    let [width, height, to_width, to_height] =
        ["width", "height", "toWidth", "toHeight"].map(|name| options.get::<_, f64>(name).map(|value| value as usize));
    let (width, height, to_width, to_height) = (width?, height?, to_width?, to_height?);
    let quality: String = options.get("quality")?;
    let unit = if options.get::<_, String>("unit")? == "float" { Unit::Float } else { Unit::Byte };
    let side = Side { unit, components: 4, swapped: false, premultiplied: true, wide: false };
    let size = side.pixel_size();
    let mut out = match room(to_width, to_height, size) {
        Ok(out) if (1..=bytes.len() as u64).contains(&(width as u64 * height as u64 * size as u64)) => out,
        Ok(_) => return Ok(Err("the picture is empty".to_owned())),
        Err(problem) => return Ok(Err(problem)),
    };
    let columns: Vec<_> = (0..to_width).map(|at| weights(at, width, to_width, &quality)).collect();
    for row in (0..to_height).map(|at| weights(at, height, to_height, &quality)) {
        for column in &columns {
            let mut pixel = [0.0; 4];
            for &(y, share) in &row {
                for &(x, part) in column {
                    let loaded = bytes.get((y * width + x) * size..).map_or([0.0; 4], |bytes| side.load(bytes));
                    pixel.iter_mut().zip(loaded).for_each(|(sum, value)| *sum += value * share * part);
                }
            }
            side.store(pixel, &mut out);
        }
    }
    Ok(Ok(out))
}

/// The pixels of a row, or of a column, that one pixel of the result is made of, with their shares.
fn weights(at: usize, length: usize, to_length: usize, quality: &str) -> Vec<(usize, f32)> {
    let scale = length as f64 / to_length as f64;
    let last = length - 1;
    let middle = (at as f64 + 0.5) * scale;
    if quality == "pixelated" {
        // Between two pixels, the first one.
        return vec![((middle.ceil() as usize).saturating_sub(1).min(last), 1.0)];
    }
    if quality == "low" || scale <= 1.0 {
        // Between the centres of two pixels.
        let place = (middle - 0.5).clamp(0.0, last as f64);
        let (first, share) = (place as usize, place.fract() as f32);
        return vec![(first, 1.0 - share), ((first + 1).min(last), share)];
    }
    // All pixels that the result's pixel covers, by the parts that it covers.
    let (start, end) = (at as f64 * scale, (at + 1) as f64 * scale);
    let covered = start as usize..=(end.ceil() as usize).saturating_sub(1).min(last);
    covered
        .map(|pixel| {
            let part = end.min((pixel + 1) as f64) - start.max(pixel as f64);
            (pixel, (part / scale) as f32)
        })
        .collect()
}
