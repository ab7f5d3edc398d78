//! A frame as its sink receives it.

use airlock_client::canvas::FrameInfo;
use airlock_protocol::commands::texture::TextureFormat;

/// The frames that a sink wants. Others are not read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interest {
    /// None.
    None,
    /// The latest; frames may be dropped while others are in flight.
    Latest,
    /// Every one; the guest waits if necessary.
    Every,
}

/// Receiver of frames.
pub trait FrameSink: Send {
    /// Returns the interest in the next frame.
    fn interest(&mut self) -> Interest;

    /// Takes a frame. Called on the guest's thread: long work belongs on another.
    fn frame(&mut self, frame: &Frame<'_>);
}

/// State of the display when a frame was presented.
#[derive(Clone, Copy, Debug)]
pub(super) struct Presented {
    pub(super) input: u64,
}

/// A frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Number of the frame, from 1.
    pub number: u64,
    /// Width in texels.
    pub width: u32,
    /// Height in texels.
    pub height: u32,
    /// Number of the last input that the guest had read when it presented the frame; 0 for none.
    pub input: u64,
    format: TextureFormat,
    bytes_per_row: u32,
    opaque: bool,
    texels: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(super) fn of_canvas(info: FrameInfo, texels: &'a [u8], presented: Presented) -> Self {
        let FrameInfo { number, size: (width, height), format, bytes_per_row, opaque } = info;
        Self { number, width, height, input: presented.input, format, bytes_per_row, opaque, texels }
    }

    /// Rows of a frame buffer: blue, green, red, and an unused byte.
    pub(super) fn of_bytes(number: u64, (width, height): (u32, u32), texels: &'a [u8], presented: Presented) -> Self {
        let (format, bytes_per_row) = (TextureFormat::Bgra8unorm, width.saturating_mul(4));
        Self { number, width, height, input: presented.input, format, bytes_per_row, opaque: true, texels }
    }

    /// Texels as rows without padding, from the top: red, green, blue and straight alpha, 8 bits each. The encoding is the
    /// frame's own: the texture's values, in sRGB.
    pub fn rgba(&self) -> Vec<u8> {
        let mut rgba = Vec::with_capacity((self.width as usize).saturating_mul(self.height as usize).saturating_mul(4));
        let texel_bytes = self.format.texel_bytes().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(4);
        let row_bytes = (self.width as usize).saturating_mul(texel_bytes);
        let rows = self.texels.chunks(self.bytes_per_row.max(1) as usize).take(self.height as usize);
        for row in rows {
            let row = row.get(..row_bytes).unwrap_or(row);
            match self.format {
                TextureFormat::Bgra8unorm | TextureFormat::Bgra8unormSrgb => {
                    let texels = row.as_chunks::<4>().0.iter();
                    rgba.extend(texels.flat_map(|&[b, g, r, a]| self.straight([r, g, b, a])));
                }
                TextureFormat::Rgba16float => {
                    let texels = row.as_chunks::<8>().0.iter();
                    rgba.extend(texels.flat_map(|&[r0, r1, g0, g1, b0, b1, a0, a1]| {
                        self.straight(
                            [[r0, r1], [g0, g1], [b0, b1], [a0, a1]].map(|half| unorm(u16::from_le_bytes(half))),
                        )
                    }));
                }
                _ => {
                    let texels = row.as_chunks::<4>().0.iter();
                    rgba.extend(texels.flat_map(|&texel| self.straight(texel)));
                }
            }
        }
        rgba
    }

    /// A texel with straight alpha.
    fn straight(&self, [r, g, b, a]: [u8; 4]) -> [u8; 4] {
        match a {
            _ if self.opaque => [r, g, b, 255],
            0 => [0; 4],
            255 => [r, g, b, a],
            _ => {
                let color = |c: u8| u8::try_from((u32::from(c) * 255 + u32::from(a) / 2) / u32::from(a)).unwrap_or(255);
                [color(r), color(g), color(b), a]
            }
        }
    }
}

/// The value of a half-precision float (IEEE 754, binary16), from 0 to 1, in 255 steps.
fn unorm(half: u16) -> u8 {
    let (exponent, fraction) = (i32::from(half >> 10 & 0x1f), f32::from(half & 0x3ff));
    if half >> 15 == 1 || exponent == 0x1f && fraction > 0.0 {
        return 0;
    }
    let value = match exponent {
        0 => fraction * 2f32.powi(-24),
        0x1f => f32::INFINITY,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    };
    // As in WebGPU's conversions: rounded to the nearest.
    (value.min(1.0) * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame<'a>(format: TextureFormat, bytes_per_row: u32, opaque: bool, texels: &'a [u8]) -> Frame<'a> {
        Frame { number: 1, width: 2, height: 2, input: 0, format, bytes_per_row, opaque, texels }
    }

    #[test]
    fn rows_lose_their_gaps_and_channels_change_places() {
        let texels = [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 11, 12, 13, 14, 15, 16, 17, 18, 0, 0];
        let opaque = [3, 2, 1, 255, 7, 6, 5, 255, 13, 12, 11, 255, 17, 16, 15, 255];
        assert_eq!(frame(TextureFormat::Bgra8unorm, 10, true, &texels).rgba(), opaque);
        let rgba = frame(TextureFormat::Rgba8unorm, 10, true, &texels).rgba();
        assert_eq!(rgba.first_chunk(), Some(&[1, 2, 3, 255]));
    }

    #[test]
    fn premultiplied_colours_are_divided() {
        let texels = [64, 128, 0, 128, 9, 9, 9, 0, 200, 1, 2, 255, 255, 1, 1, 2];
        let rgba = frame(TextureFormat::Rgba8unorm, 8, false, &texels).rgba();
        assert_eq!(rgba, [128, 255, 0, 128, 0, 0, 0, 0, 200, 1, 2, 255, 255, 128, 128, 2]);
    }

    #[test]
    fn halves_become_bytes() {
        // 0, the smallest, 0.5, 1, 2, infinity, -1, NaN.
        let halves = [0x0000, 0x0001, 0x3800, 0x3c00, 0x4000, 0x7c00, 0xbc00, 0x7e00];
        assert_eq!(halves.map(unorm), [0, 0, 128, 255, 255, 255, 0, 0]);
    }

    #[test]
    fn too_few_texels_are_no_harm() {
        assert_eq!(frame(TextureFormat::Rgba8unorm, 8, true, &[1, 2, 3, 4, 5]).rgba(), [1, 2, 3, 255]);
        assert!(frame(TextureFormat::Rgba8unorm, 0, true, &[]).rgba().is_empty());
    }
}
