//! Uncompressed video: YUV4MPEG2, a line of text and then planes of bytes, which ffmpeg, mpv and GStreamer read. No codec is
//! chosen here; `ffmpeg -i run.y4m run.mp4` makes a compressed file.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::Path,
};

use airlock::surface::Rate;
use airlock_traces::tools::output::Output;

use super::picture::Picture;
use crate::error::plain;

/// Frames per second in the header of a video whose frames have no rate (`max`).
const RATE: f64 = 60.0;

/// A video file.
#[derive(Debug)]
pub struct Video {
    file: BufWriter<File>,
    rate: f64,
    /// Width and height of its frames, from the first one on.
    size: Option<(u32, u32)>,
}

impl Video {
    /// Creates the file.
    pub fn create(path: &Path, rate: Rate) -> io::Result<Self> {
        if path.extension().is_some_and(|extension| !extension.eq_ignore_ascii_case("y4m")) {
            return Err(io::Error::other("its name must end in .y4m, the format that is written"));
        }
        let rate = match rate {
            Rate::PerSecond(rate) => rate,
            Rate::Max => RATE,
        };
        Ok(Self { file: BufWriter::new(Output::in_place(path)?), rate, size: None })
    }

    /// Writes a frame.
    pub fn frame(&mut self, picture: &Picture) -> Result<(), String> {
        let (width, height) = picture.size;
        match self.size {
            None => self.header(width, height).map_err(|error| plain(&error))?,
            Some(size) if size == picture.size => {}
            Some((first_width, first_height)) => {
                return Err(format!(
                    "frame {} is {width}x{height}, and a video cannot change from {first_width}x{first_height}; \
                     --surface fixes the size",
                    picture.number
                ));
            }
        }
        self.size = Some(picture.size);
        self.planes(&picture.rgba).map_err(|error| plain(&error))
    }

    fn header(&mut self, width: u32, height: u32) -> io::Result<()> {
        // Thousandths are enough for 59.94.
        let rate = (self.rate * 1000.0).round();
        writeln!(self.file, "YUV4MPEG2 W{width} H{height} F{rate:.0}:1000 Ip A1:1 C444 XCOLORRANGE=LIMITED")
    }

    /// Planes of luma and the two colour differences, in limited range (ITU-R BT.601).
    fn planes(&mut self, rgba: &[u8]) -> io::Result<()> {
        const PLANES: [([f32; 3], f32); 3] =
            [([65.481, 128.553, 24.966], 16.0), ([-37.797, -74.203, 112.0], 128.0), ([112.0, -93.786, -18.214], 128.0)];
        writeln!(self.file, "FRAME")?;
        for ([red, green, blue], zero) in PLANES {
            let plane = rgba.as_chunks::<4>().0.iter().map(|&[r, g, b, _]| {
                let value = zero + (red * f32::from(r) + green * f32::from(g) + blue * f32::from(b)) / 255.0;
                value.round() as u8
            });
            self.file.write_all(&plane.collect::<Vec<_>>())?;
        }
        self.file.flush()
    }
}
