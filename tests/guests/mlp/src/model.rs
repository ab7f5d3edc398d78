//! The trained network and the test images, in the formats of `train.py`.
//!
//! `weights.bin`: "MLP1", the number of sizes as u32, the sizes as u32 (inputs, hidden layers, outputs), then for each layer
//! its weights (inputs x outputs) and its bias as f32. `test.bin`: "DIG1", the number of images as u32, the number of them
//! that the trainer's double-precision inference classifies right as u32, a label per image as u8, then 64 pixels per image
//! as u8 from 0 to 16. All numbers are little-endian.

use guest_support::{Failure, Outcome};

pub const PIXELS: usize = 64;
/// The value of a pixel that is all ink.
pub const INK: u8 = 16;

pub struct Layer {
    pub inputs: usize,
    pub outputs: usize,
    pub weights: Vec<f32>,
    pub bias: Vec<f32>,
}

pub struct Images {
    pub labels: Vec<u8>,
    pub pixels: Vec<u8>,
    /// The number of images that the trainer classifies right.
    pub trained_right: usize,
}

impl Images {
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    pub fn pixels_of(&self, image: usize) -> &[u8] {
        &self.pixels[image * PIXELS..(image + 1) * PIXELS]
    }

    /// The network's input: ink from 0 to 1.
    pub fn inputs(&self) -> Vec<f32> {
        self.pixels.iter().map(|&p| f32::from(p) / f32::from(INK)).collect()
    }
}

pub fn layers() -> Outcome<Vec<Layer>> {
    let mut file = Reader::new("weights.bin", include_bytes!("../data/weights.bin"), b"MLP1")?;
    let count = file.number()?;
    let sizes = (0..count).map(|_| file.number()).collect::<Outcome<Vec<usize>>>()?;
    sizes
        .windows(2)
        .map(|pair| {
            let (inputs, outputs) = (pair[0], pair[1]);
            Ok(Layer { inputs, outputs, weights: file.floats(inputs * outputs)?, bias: file.floats(outputs)? })
        })
        .collect()
}

pub fn images() -> Outcome<Images> {
    let mut file = Reader::new("test.bin", include_bytes!("../data/test.bin"), b"DIG1")?;
    let (count, trained_right) = (file.number()?, file.number()?);
    Ok(Images { labels: file.bytes(count)?.to_vec(), pixels: file.bytes(count * PIXELS)?.to_vec(), trained_right })
}

struct Reader {
    name: &'static str,
    rest: &'static [u8],
}

impl Reader {
    fn new(name: &'static str, rest: &'static [u8], magic: &[u8]) -> Outcome<Reader> {
        let mut reader = Reader { name, rest };
        if reader.bytes(magic.len())? != magic {
            return Err(Failure::new(format!("{name} does not start with {:?}", String::from_utf8_lossy(magic))));
        }
        Ok(reader)
    }

    fn bytes(&mut self, count: usize) -> Outcome<&'static [u8]> {
        let (bytes, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or_else(|| Failure::new(format!("{} ends {} bytes early", self.name, count - self.rest.len())))?;
        self.rest = rest;
        Ok(bytes)
    }

    fn number(&mut self) -> Outcome<usize> {
        let bytes = self.bytes(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
    }

    fn floats(&mut self, count: usize) -> Outcome<Vec<f32>> {
        let bytes = self.bytes(count * 4)?;
        Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }
}
