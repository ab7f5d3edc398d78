//! Texels of each format: as PNG samples, and as numbers that can be compared.
//!
//! | format | PNG |
//! |---|---|
//! | 8 bits a channel | 8 bits, as they are; signed ones with their middle at 128 |
//! | 16-bit normalized, 16-bit integers | 16 bits, as they are; signed ones with their middle at 32768 |
//! | 32-bit integers | 16 bits, clamped to their range |
//! | floats, depth | 16 bits, 0 to 1; other values are clamped, NaN is 0 |
//! | packed 10 and 11 bits, shared exponents | 16 bits; floats as above, `rgb10a2uint` as it is |
//!
//! One channel is grey, two are red and green, the others by their names. sRGB formats are written as they are stored.

use airlock_protocol::commands::texture::{TextureAspect, TextureFormat};
use png::{BitDepth, ColorType};

/// The encoding of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    Unsigned8,
    Signed8,
    Unsigned16,
    Signed16,
    Float16,
    Unsigned32,
    Signed32,
    Float32,
}

/// The encoding of a texel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Texel {
    /// A number of channels.
    Channels(Channel, usize),
    /// Blue first.
    Bgra8,
    Rgb10a2Unorm,
    Rgb10a2Uint,
    Rg11b10,
    Rgb9e5,
}

/// One aspect of a format that can be copied and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The copied aspect.
    pub aspect: TextureAspect,
    /// The suffix of the file's name.
    pub suffix: &'static str,
    texel: Texel,
}

/// The aspects of a format that can be copied and shown; none for block-compressed formats and depths without a defined
/// layout.
pub(crate) fn layouts(format: TextureFormat) -> Vec<Layout> {
    use TextureFormat as F;
    let of = |aspect, suffix, texel| Layout { aspect, suffix, texel };
    let depth = |channel| of(TextureAspect::DepthOnly, "", Texel::Channels(channel, 1));
    let stencil = |suffix| of(TextureAspect::StencilOnly, suffix, Texel::Channels(Channel::Unsigned8, 1));
    match format {
        F::Depth16unorm => vec![depth(Channel::Unsigned16)],
        F::Depth32float => vec![depth(Channel::Float32)],
        F::Depth32floatStencil8 => vec![depth(Channel::Float32), stencil("-stencil")],
        F::Depth24plusStencil8 => vec![stencil("-stencil")],
        F::Stencil8 => vec![stencil("")],
        _ => color(format).map(|texel| of(TextureAspect::All, "", texel)).into_iter().collect(),
    }
}

fn color(format: TextureFormat) -> Option<Texel> {
    use Channel::{Float16, Float32, Signed8, Signed16, Signed32, Unsigned8, Unsigned16, Unsigned32};
    use TextureFormat as F;
    Some(match format {
        F::R8unorm | F::R8uint => Texel::Channels(Unsigned8, 1),
        F::R8snorm | F::R8sint => Texel::Channels(Signed8, 1),
        F::R16unorm | F::R16uint => Texel::Channels(Unsigned16, 1),
        F::R16snorm | F::R16sint => Texel::Channels(Signed16, 1),
        F::R16float => Texel::Channels(Float16, 1),
        F::Rg8unorm | F::Rg8uint => Texel::Channels(Unsigned8, 2),
        F::Rg8snorm | F::Rg8sint => Texel::Channels(Signed8, 2),
        F::R32uint => Texel::Channels(Unsigned32, 1),
        F::R32sint => Texel::Channels(Signed32, 1),
        F::R32float => Texel::Channels(Float32, 1),
        F::Rg16unorm | F::Rg16uint => Texel::Channels(Unsigned16, 2),
        F::Rg16snorm | F::Rg16sint => Texel::Channels(Signed16, 2),
        F::Rg16float => Texel::Channels(Float16, 2),
        F::Rgba8unorm | F::Rgba8unormSrgb | F::Rgba8uint => Texel::Channels(Unsigned8, 4),
        F::Rgba8snorm | F::Rgba8sint => Texel::Channels(Signed8, 4),
        F::Bgra8unorm | F::Bgra8unormSrgb => Texel::Bgra8,
        F::Rgb9e5ufloat => Texel::Rgb9e5,
        F::Rgb10a2uint => Texel::Rgb10a2Uint,
        F::Rgb10a2unorm => Texel::Rgb10a2Unorm,
        F::Rg11b10ufloat => Texel::Rg11b10,
        F::Rg32uint => Texel::Channels(Unsigned32, 2),
        F::Rg32sint => Texel::Channels(Signed32, 2),
        F::Rg32float => Texel::Channels(Float32, 2),
        F::Rgba16unorm | F::Rgba16uint => Texel::Channels(Unsigned16, 4),
        F::Rgba16snorm | F::Rgba16sint => Texel::Channels(Signed16, 4),
        F::Rgba16float => Texel::Channels(Float16, 4),
        F::Rgba32uint => Texel::Channels(Unsigned32, 4),
        F::Rgba32sint => Texel::Channels(Signed32, 4),
        F::Rgba32float => Texel::Channels(Float32, 4),
        _ => return None,
    })
}

/// The layout of texels after a copy of an aspect into a buffer; `None` where it cannot be shown.
pub(crate) fn copied(format: TextureFormat, aspect: TextureAspect) -> Option<Layout> {
    let layouts = layouts(format);
    match aspect {
        // A format with one aspect may be copied by either name.
        TextureAspect::All => layouts.first().copied().filter(|_| layouts.len() == 1),
        _ => layouts.iter().find(|layout| layout.aspect == aspect).or(layouts.first()).copied(),
    }
}

/// True for integers: they are the same on every adapter.
fn is_integer(format: TextureFormat) -> bool {
    format!("{format:?}").ends_with("int")
}

/// True for colors that a render pass can resolve from several samples.
pub(crate) fn resolves(format: TextureFormat) -> bool {
    use Channel::{Float16, Unsigned8, Unsigned16};
    let texel = color(format);
    !is_integer(format)
        && matches!(
            texel,
            Some(Texel::Bgra8 | Texel::Rgb10a2Unorm | Texel::Rg11b10)
                | Some(Texel::Channels(Unsigned8 | Unsigned16 | Float16, _))
        )
}

impl Channel {
    fn bytes(self) -> usize {
        match self {
            Channel::Unsigned8 | Channel::Signed8 => 1,
            Channel::Unsigned16 | Channel::Signed16 | Channel::Float16 => 2,
            Channel::Unsigned32 | Channel::Signed32 | Channel::Float32 => 4,
        }
    }

    /// The stored bits as a number; integers from 0 to 1 as if they were normalized.
    fn number(self, bits: u32) -> f32 {
        match self {
            Channel::Unsigned8 => f32::from(bits as u8) / 255.0,
            Channel::Signed8 => (f32::from(bits as u8 as i8) / 127.0).max(-1.0),
            Channel::Unsigned16 => f32::from(bits as u16) / 65535.0,
            Channel::Signed16 => (f32::from(bits as u16 as i16) / 32767.0).max(-1.0),
            Channel::Float16 => half(bits as u16),
            Channel::Unsigned32 => (f64::from(bits) / f64::from(u32::MAX)) as f32,
            Channel::Signed32 => (f64::from(bits.cast_signed()) / f64::from(i32::MAX)) as f32,
            Channel::Float32 => f32::from_bits(bits),
        }
    }

    /// The stored bits, in PNG's range.
    fn value(self, bits: u32) -> u16 {
        let (low8, low16) = (bits as u8, bits as u16);
        match self {
            Channel::Unsigned8 => low8.into(),
            Channel::Signed8 => (low8 ^ 0x80).into(),
            Channel::Unsigned16 => low16,
            Channel::Signed16 => low16 ^ 0x8000,
            Channel::Float16 => unit(half(low16)),
            Channel::Unsigned32 => u16::try_from(bits).unwrap_or(u16::MAX),
            Channel::Signed32 => u16::try_from(bits.cast_signed().max(0)).unwrap_or(u16::MAX),
            Channel::Float32 => unit(f32::from_bits(bits)),
        }
    }
}

/// 0 to 1 in 16 bits. The conversion clamps, and turns NaN into 0.
fn unit(value: f32) -> u16 {
    (value.clamp(0.0, 1.0) * 65535.0).round() as u16
}

/// A half-precision float.
pub(crate) fn half(bits: u16) -> f32 {
    let (sign, exponent, mantissa) = (bits >> 15, i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    let value = match exponent {
        0 => mantissa * 2.0_f32.powi(-24),
        31 if mantissa == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + mantissa / 1024.0) * 2.0_f32.powi(exponent - 15),
    };
    if sign == 1 { -value } else { value }
}

/// An unsigned float with five bits of exponent and `mantissa` bits of mantissa: a half float without its last bits.
fn small_float(bits: u32, mantissa: u32) -> f32 {
    half((bits << (10 - mantissa)) as u16)
}

impl Layout {
    /// Bytes of a texel.
    pub fn texel_bytes(&self) -> u32 {
        match self.texel {
            Texel::Channels(channel, count) => u32::try_from(channel.bytes() * count).unwrap_or(16),
            _ => 4,
        }
    }

    /// PNG's color type and bit depth for it.
    pub fn png(&self) -> (ColorType, BitDepth) {
        match self.texel {
            Texel::Channels(channel, count) => {
                let color = match count {
                    1 => ColorType::Grayscale,
                    2 => ColorType::Rgb,
                    _ => ColorType::Rgba,
                };
                (color, if channel.bytes() == 1 { BitDepth::Eight } else { BitDepth::Sixteen })
            }
            Texel::Bgra8 => (ColorType::Rgba, BitDepth::Eight),
            Texel::Rgb10a2Unorm | Texel::Rgb10a2Uint => (ColorType::Rgba, BitDepth::Sixteen),
            Texel::Rg11b10 | Texel::Rgb9e5 => (ColorType::Rgb, BitDepth::Sixteen),
        }
    }

    /// One step of the format's numbers, from 0 to 1: the difference of neighbours. 0 for floats, `None` for integers.
    pub fn step(&self, format: TextureFormat) -> Option<f32> {
        if is_integer(format) || self.aspect == TextureAspect::StencilOnly {
            return None;
        }
        Some(match self.texel {
            Texel::Channels(Channel::Unsigned8, _) | Texel::Bgra8 => 1.0 / 255.0,
            Texel::Channels(Channel::Signed8, _) => 1.0 / 127.0,
            Texel::Channels(Channel::Unsigned16, _) => 1.0 / 65535.0,
            Texel::Channels(Channel::Signed16, _) => 1.0 / 32767.0,
            Texel::Rgb10a2Unorm => 1.0 / 1023.0,
            Texel::Channels(Channel::Float16 | Channel::Float32, _) | Texel::Rg11b10 | Texel::Rgb9e5 => 0.0,
            Texel::Channels(Channel::Unsigned32 | Channel::Signed32, _) | Texel::Rgb10a2Uint => return None,
        })
    }

    /// The channels of a texel: normalized ones from 0 or -1 to 1, floats as they are. Missing channels are 0. Not for
    /// integers.
    pub fn values(&self, texel: &[u8]) -> [f32; 4] {
        let word = || texel.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let mut values = [0.0; 4];
        let put = |values: &mut [f32; 4], from: &mut dyn Iterator<Item = f32>| {
            values.iter_mut().zip(from).for_each(|(slot, value)| *slot = value);
        };
        match self.texel {
            Texel::Channels(channel, count) => {
                let bits = |bytes: &[u8]| bytes.iter().rev().fold(0, |bits: u32, &byte| bits << 8 | u32::from(byte));
                let channels = texel.chunks_exact(channel.bytes()).take(count);
                put(&mut values, &mut channels.map(|bytes| channel.number(bits(bytes))));
            }
            Texel::Bgra8 => {
                let [blue, green, red, alpha] = word().to_le_bytes();
                put(&mut values, &mut [red, green, blue, alpha].into_iter().map(|byte| f32::from(byte) / 255.0));
            }
            Texel::Rgb10a2Unorm | Texel::Rgb10a2Uint => {
                let parts = [(0, 1023_u16), (10, 1023), (20, 1023), (30, 3)].into_iter();
                let part = |(shift, mask): (u32, u16)| f32::from((word() >> shift) as u16 & mask) / f32::from(mask);
                put(&mut values, &mut parts.map(part));
            }
            Texel::Rg11b10 => {
                let parts = [(0, 11), (11, 11), (22, 10)].into_iter();
                put(
                    &mut values,
                    &mut parts.map(|(shift, bits)| small_float(word() >> shift & ((1 << bits) - 1), bits - 5)),
                );
            }
            Texel::Rgb9e5 => {
                let scale = 2.0_f32.powi(i32::try_from(word() >> 27).unwrap_or(0) - 15 - 9);
                put(
                    &mut values,
                    &mut [0, 9, 18].into_iter().map(|shift| f32::from((word() >> shift & 511) as u16) * scale),
                );
            }
        }
        values
    }

    /// A texel's color in 8 bits, for a picture of the difference: values outside 0 to 1 are clamped.
    pub fn rgb8(&self, texel: &[u8]) -> [u8; 3] {
        let [red, green, blue, _] = self.values(texel);
        let gray = matches!(self.texel, Texel::Channels(_, 1));
        (if gray { [red; 3] } else { [red, green, blue] }).map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8)
    }

    /// Appends a texel as PNG samples.
    pub fn convert(&self, texel: &[u8], to: &mut Vec<u8>) {
        let word = || texel.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        match self.texel {
            Texel::Channels(channel, count) => {
                for bytes in texel.chunks_exact(channel.bytes()).take(count) {
                    let bits = bytes.iter().rev().fold(0, |bits: u32, &byte| bits << 8 | u32::from(byte));
                    push(channel.value(bits), channel.bytes() == 1, to);
                }
                if count == 2 {
                    push(0, channel.bytes() == 1, to);
                }
            }
            Texel::Bgra8 => {
                let [blue, green, red, alpha] = word().to_le_bytes();
                to.extend([red, green, blue, alpha]);
            }
            Texel::Rgb10a2Unorm | Texel::Rgb10a2Uint => {
                let scale =
                    if self.texel == Texel::Rgb10a2Unorm { (65535.0 / 1023.0, 65535.0 / 3.0) } else { (1.0, 1.0) };
                for (shift, mask, scale) in
                    [(0, 1023, scale.0), (10, 1023, scale.0), (20, 1023, scale.0), (30, 3, scale.1)]
                {
                    push((f64::from(word() >> shift & mask) * scale).round() as u16, false, to);
                }
            }
            Texel::Rg11b10 => {
                for (shift, bits) in [(0, 11), (11, 11), (22, 10)] {
                    push(unit(small_float(word() >> shift & ((1 << bits) - 1), bits - 5)), false, to);
                }
            }
            Texel::Rgb9e5 => {
                let exponent = i32::try_from(word() >> 27).unwrap_or(0) - 15 - 9;
                for shift in [0, 9, 18] {
                    let mantissa = f32::from((word() >> shift & 511) as u16);
                    push(unit(mantissa * 2.0_f32.powi(exponent)), false, to);
                }
            }
        }
    }
}

/// Appends a number in PNG's byte order, big-endian.
fn push(value: u16, eight: bool, to: &mut Vec<u8>) {
    if eight { to.push(value as u8) } else { to.extend(value.to_be_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(format: TextureFormat, texel: &[u8]) -> Vec<u8> {
        let layout = layouts(format)[0];
        assert_eq!(layout.texel_bytes() as usize, texel.len());
        let mut to = Vec::new();
        layout.convert(texel, &mut to);
        let (color, depth) = layout.png();
        assert_eq!(to.len(), color.samples() * if depth == BitDepth::Eight { 1 } else { 2 });
        to
    }

    fn wide(values: &[u16]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes()).collect()
    }

    #[test]
    fn texels_are_converted() {
        use TextureFormat as F;
        assert_eq!(convert(F::Rgba8unorm, &[1, 2, 3, 4]), [1, 2, 3, 4]);
        assert_eq!(convert(F::Bgra8unormSrgb, &[1, 2, 3, 4]), [3, 2, 1, 4]);
        assert_eq!(convert(F::R8unorm, &[9]), [9]);
        assert_eq!(convert(F::Rg8unorm, &[8, 9]), [8, 9, 0]);
        assert_eq!(convert(F::R8snorm, &[0x80]), [0]);
        assert_eq!(convert(F::R8snorm, &[0]), [128]);
        assert_eq!(convert(F::R16unorm, &[0x34, 0x12]), [0x12, 0x34]);
        assert_eq!(convert(F::R32uint, &[1, 0, 1, 0]), wide(&[65535]));
        assert_eq!(convert(F::R32uint, &[1, 2, 0, 0]), wide(&[513]));
        assert_eq!(convert(F::R32sint, &(-5_i32).to_le_bytes()), wide(&[0]));
        for (value, expected) in [(0.0, 0), (0.5, 32768), (1.0, 65535), (7.0, 65535), (-1.0, 0), (f32::NAN, 0)] {
            assert_eq!(convert(F::R32float, &f32::to_le_bytes(value)), wide(&[expected]), "{value}");
            assert_eq!(convert(F::Depth32float, &f32::to_le_bytes(value)), wide(&[expected]), "{value}");
        }
        // 1.0, 0.5, the smallest positive half, infinity.
        let halves = [0x3c00_u16, 0x3800, 1, 0x7c00].map(u16::to_le_bytes).concat();
        assert_eq!(convert(F::Rgba16float, &halves), wide(&[65535, 32768, 0, 65535]));
        let packed = 1023_u32 | 512 << 10 | 3 << 30;
        assert_eq!(convert(F::Rgb10a2unorm, &packed.to_le_bytes()), wide(&[65535, 32800, 0, 65535]));
        assert_eq!(convert(F::Rgb10a2uint, &packed.to_le_bytes()), wide(&[1023, 512, 0, 3]));
        // 1.0 is exponent 15 with nothing behind it; 0.5 exponent 14.
        let packed = 15_u32 << 6 | 14 << 6 << 11 | 15 << 5 << 22;
        assert_eq!(convert(F::Rg11b10ufloat, &packed.to_le_bytes()), wide(&[65535, 32768, 65535]));
        // 256 * 2^(16 - 24) = 1, 128 of it are a half.
        let packed = 256_u32 | 128 << 9 | 16 << 27;
        assert_eq!(convert(F::Rgb9e5ufloat, &packed.to_le_bytes()), wide(&[65535, 32768, 0]));
    }

    #[test]
    fn texels_are_numbers_that_can_be_compared() {
        use TextureFormat as F;
        let values = |format, texel: &[u8]| layouts(format)[0].values(texel);
        let step = |format| layouts(format)[0].step(format);
        assert_eq!(values(F::Bgra8unorm, &[0, 51, 255, 102]), [1.0, 0.2, 0.0, 0.4]);
        assert_eq!(values(F::R8snorm, &[0x81]), [-1.0, 0.0, 0.0, 0.0]);
        assert_eq!(values(F::Rg32float, &[2.5_f32, -7.0].map(f32::to_le_bytes).concat()), [2.5, -7.0, 0.0, 0.0]);
        assert_eq!(values(F::Rgb10a2unorm, &(1023_u32 | 3 << 30).to_le_bytes()), [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(layouts(F::R8unorm)[0].rgb8(&[7]), [7; 3]);
        assert_eq!((step(F::Rgba8unorm), step(F::R32float)), (Some(1.0 / 255.0), Some(0.0)));
        for exact in [F::Rgba8uint, F::R32sint, F::Rgb10a2uint, F::Stencil8] {
            assert_eq!(step(exact), None, "{exact:?}");
        }
        assert_eq!(
            copied(F::Depth32floatStencil8, TextureAspect::StencilOnly).map(|layout| layout.texel_bytes()),
            Some(1)
        );
        assert!(
            copied(F::Depth32float, TextureAspect::All).is_some()
                && copied(F::Depth24plusStencil8, TextureAspect::All).is_some()
        );
    }

    #[test]
    fn what_cannot_be_shown_has_no_layout() {
        assert_eq!(layouts(TextureFormat::Depth24plus), []);
        assert_eq!(layouts(TextureFormat::Bc1RgbaUnorm), []);
        assert_eq!(layouts(TextureFormat::Depth32floatStencil8).len(), 2);
        assert!(resolves(TextureFormat::Rgba8unorm) && !resolves(TextureFormat::Rgba8uint));
        assert!(!resolves(TextureFormat::Depth32float) && !resolves(TextureFormat::R16sint));
    }
}
