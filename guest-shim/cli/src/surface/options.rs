//! The options of surfaces.

use std::path::PathBuf;

use airlock::surface::{DisplayOptions, MAX_SIZE, Rate};
use clap::Args;

#[cfg(target_os = "linux")]
use crate::view::ViewOptions;

/// Minimum rate in frames per second: the period must be a time that a timer can wait for.
const MIN_RATE: f64 = 0.001;

/// Maximum rate in frames per second; `max` stands for higher ones.
const MAX_RATE: f64 = 1000.0;

/// Options of surfaces and their frames.
#[derive(Clone, Debug, Args)]
pub struct SurfaceOptions {
    /// Size of the guest's surfaces and frames per second, whatever it asks for [default: the guest's size, or 1280x720, @60]
    #[arg(long, value_name = "WIDTHxHEIGHT[@RATE]", value_parser = surface)]
    surface: Option<(u32, u32, Option<Pace>)>,
    /// Frames per second, or `max`: as fast as the guest draws
    #[arg(long, value_name = "RATE", value_parser = pace)]
    surface_rate: Option<Pace>,
    /// End the run after so many frames
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,
    /// Write every frame to this folder, as frame-000001.png and so on
    #[arg(long, value_name = "DIR")]
    pub(super) save_frames: Option<PathBuf>,
    /// Write every frame to this file, as uncompressed video (Y4M), which ffmpeg and mpv read
    #[arg(long, value_name = "FILE.y4m")]
    pub(super) save_video: Option<PathBuf>,
    #[cfg(target_os = "linux")]
    #[command(flatten)]
    pub(super) view: ViewOptions,
}

/// A rate in the form of the command line.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pace(Rate);

impl SurfaceOptions {
    /// Name of the first given option.
    pub(super) fn first(&self) -> Option<&'static str> {
        [
            ("--surface", self.surface.is_some()),
            ("--surface-rate", self.surface_rate.is_some()),
            ("--frames", self.frames.is_some()),
            ("--save-frames", self.save_frames.is_some()),
            ("--save-video", self.save_video.is_some()),
            #[cfg(target_os = "linux")]
            ("--view", self.view.is_given()),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }

    /// The configured display.
    pub(super) fn display(&self) -> DisplayOptions {
        let default = DisplayOptions::default();
        let pace = self.surface_rate.or(self.surface.and_then(|(_, _, pace)| pace));
        DisplayOptions {
            size: self.surface.map(|(width, height, _)| (width, height)),
            rate: pace.map_or(default.rate, |Pace(rate)| rate),
            frames: self.frames,
        }
    }
}

fn surface(text: &str) -> Result<(u32, u32, Option<Pace>), String> {
    let wrong = || {
        format!("a size such as 1280x720, up to {MAX_SIZE}x{MAX_SIZE}, and a rate after it if you like: 1280x720@60")
    };
    let (size, rate) = match text.split_once('@') {
        Some((size, rate)) => (size, Some(pace(rate)?)),
        None => (text, None),
    };
    let number = |text: &str| text.parse().ok().filter(|size| (1..=MAX_SIZE).contains(size));
    let (width, height) = size.split_once('x').ok_or_else(wrong)?;
    Ok((number(width).ok_or_else(wrong)?, number(height).ok_or_else(wrong)?, rate))
}

fn pace(text: &str) -> Result<Pace, String> {
    if text == "max" {
        return Ok(Pace(Rate::Max));
    }
    match text.parse::<f64>() {
        Ok(rate) if (MIN_RATE..=MAX_RATE).contains(&rate) => Ok(Pace(Rate::PerSecond(rate))),
        _ => Err(format!("frames per second from {MIN_RATE} to {MAX_RATE}, or `max`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_rates() {
        let rate = |rate| Some(Pace(Rate::PerSecond(rate)));
        assert_eq!(surface("1280x720"), Ok((1280, 720, None)));
        assert_eq!(surface("1x4096@59.94"), Ok((1, 4096, rate(59.94))));
        assert_eq!(surface("640x360@max"), Ok((640, 360, Some(Pace(Rate::Max)))));
        for wrong in [
            "",
            "x",
            "1280",
            "0x720",
            "1280x0",
            "5000x10",
            "-1x10",
            "10x10@",
            "10x10@0",
            "10x10@-1",
            "10x10@1e9",
            "10x10@1e-9",
            "10 x10",
            "10x10@NaN",
        ] {
            assert!(surface(wrong).is_err(), "{wrong}");
        }
    }
}
