//! PNG pictures: decoding and encoding.

use std::cell::RefCell;
use std::io::{self, Cursor, Write};
use std::rc::Rc;

use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Limits, StreamWriter, Transformations};

use crate::files;
use crate::start::{Failure, Outcome};

/// The maximum size of a decoded picture in bytes: well above 4000 x 3000 RGBA, and low enough that a small file of a huge
/// picture cannot exhaust a guest's memory.
const MAX_DECODED_BYTES: usize = 512 << 20;

/// A picture as rows of 8-bit RGBA.
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub rgba: Vec<u8>,
}

impl Picture {
    /// The four channels of a pixel.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 4] {
        let at = (y as usize * self.width as usize + x as usize) * 4;
        [self.rgba[at], self.rgba[at + 1], self.rgba[at + 2], self.rgba[at + 3]]
    }

    /// Reads a PNG of any colour type and depth; 16-bit samples lose their low byte.
    pub async fn read(path: &str) -> Outcome<Picture> {
        let bytes = files::read(path).await?;
        decode(bytes, MAX_DECODED_BYTES)
            .map_err(|error| Failure::new(format!("{path} is not a PNG that can be read: {error}")))
    }

    /// Decodes a PNG of any colour type and depth into at most `max_bytes` of 8-bit RGBA.
    pub fn decode(bytes: Vec<u8>, max_bytes: usize) -> Outcome<Picture> {
        decode(bytes, max_bytes).map_err(|error| Failure::new(format!("not a PNG that can be read: {error}")))
    }

    /// Writes an 8-bit PNG: RGB if every pixel is opaque, else RGBA.
    pub async fn write(self, path: &str) -> Outcome {
        let png = self.encode().map_err(|error| Failure::new(format!("cannot encode {path}: {error}")))?;
        files::write(path, png).await
    }

    /// An 8-bit PNG: RGB if every pixel is opaque, else RGBA.
    pub fn encode(mut self) -> Result<Vec<u8>, png::EncodingError> {
        let opaque = self.rgba.chunks_exact(4).all(|pixel| pixel[3] == 255);
        if opaque {
            pack_rgb(&mut self.rgba);
        }
        let mut png = Vec::new();
        let mut encoder = Encoder::new(&mut png, self.width, self.height);
        encoder.set_color(if opaque { ColorType::Rgb } else { ColorType::Rgba });
        encoder.set_depth(BitDepth::Eight);
        encoder.set_compression(Compression::Fast);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgba)?;
        writer.finish()?;
        Ok(png)
    }
}

/// Drops every fourth byte, in place.
fn pack_rgb(pixels: &mut Vec<u8>) {
    let count = pixels.len() / 4;
    for i in 1..count {
        pixels.copy_within(i * 4..i * 4 + 3, i * 3);
    }
    pixels.truncate(count * 3);
}

fn decode(bytes: Vec<u8>, max_bytes: usize) -> Result<Picture, png::DecodingError> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: max_bytes });
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info()?;
    let (color, _) = reader.output_color_type();
    let (width, height) = reader.info().size();
    let size = (width as usize).checked_mul(height as usize).and_then(|pixels| pixels.checked_mul(4));
    let size = size.filter(|size| *size <= max_bytes).ok_or(png::DecodingError::LimitsExceeded)?;
    let mut rgba = Vec::with_capacity(size);
    if reader.info().interlaced {
        let mut data = vec![0; reader.output_buffer_size().ok_or(png::DecodingError::LimitsExceeded)?];
        let frame = reader.next_frame(&mut data)?;
        push_rgba(&mut rgba, &data[..frame.buffer_size()], color);
    } else {
        // Row by row, so that a large picture is not in memory twice.
        while let Some(row) = reader.next_row()? {
            push_rgba(&mut rgba, row.data(), color);
        }
    }
    rgba.resize(size, 0);
    Ok(Picture { width, height, rgba })
}

/// Appends pixels of any colour type, 8 bits per channel, as RGBA.
fn push_rgba(rgba: &mut Vec<u8>, data: &[u8], color: ColorType) {
    match color {
        ColorType::Rgba => rgba.extend_from_slice(data),
        ColorType::Rgb => rgba.extend(data.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255])),
        ColorType::GrayscaleAlpha => rgba.extend(data.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]])),
        ColorType::Grayscale | ColorType::Indexed => rgba.extend(data.iter().flat_map(|&g| [g, g, g, 255])),
    }
}

/// Encodes an RGB PNG from bands of RGBA rows, so that the picture is never in memory as a whole.
pub struct BandEncoder {
    stream: StreamWriter<'static, Shared>,
    png: Shared,
}

impl BandEncoder {
    pub fn new(width: u32, height: u32) -> Outcome<BandEncoder> {
        let png = Shared::default();
        let mut encoder = Encoder::new(png.clone(), width, height);
        encoder.set_color(ColorType::Rgb);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_compression(Compression::Fast);
        let stream = encoder.write_header().and_then(png::Writer::into_stream_writer);
        Ok(BandEncoder { stream: stream.map_err(|error| encoding_failed(&error))?, png })
    }

    /// Appends whole rows; alpha is dropped.
    pub fn push(&mut self, mut rgba: Vec<u8>) -> Outcome {
        pack_rgb(&mut rgba);
        self.stream.write_all(&rgba).map_err(|error| encoding_failed(&error))
    }

    /// The finished file.
    pub fn finish(self) -> Outcome<Vec<u8>> {
        self.stream.finish().map_err(|error| encoding_failed(&error))?;
        Ok(self.png.0.take())
    }
}

fn encoding_failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("cannot encode the picture: {error}"))
}

/// A growing file that the encoder writes and its owner takes.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
