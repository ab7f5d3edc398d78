//! Surfaces without a screen: their size and pace, and what becomes of their frames.
//!
//! What a person asks for is made ready before the process confines itself ([`SurfaceOptions::prepare`]): folders and files are
//! there by then. Threads start afterwards ([`Prepared::start`]), so that they are confined, too.

mod options;
mod save;
mod sinks;
mod video;

use std::{fs, path::PathBuf};

use airlock::{
    confine::Reach,
    surface::{Display, DisplayOptions, SurfaceCtx},
};
use airlock_traces::cli::{jail::JailMode, terminal};

use super::{
    component::ComponentFile,
    error::{CliError, plain},
    view::View,
};
use save::Saver;
use sinks::Sinks;
use video::Video;

pub use options::SurfaceOptions;

/// What is ready for frames.
#[derive(Debug)]
pub struct Prepared {
    display: DisplayOptions,
    folder: Option<PathBuf>,
    video: Option<(PathBuf, Video)>,
    view: Option<View>,
}

/// What is done with frames while the guest runs.
#[derive(Debug)]
pub struct Showing {
    display: Display,
    savers: Vec<Saver>,
}

impl SurfaceOptions {
    /// Makes files, folders and the live view ready; `records` says whether there will be a flight recorder.
    pub fn prepare(&self, file: &ComponentFile, jail: JailMode, records: bool) -> Result<Prepared, CliError> {
        if let Some(option) = self.first()
            && !file.imports_surface()
        {
            return Err(CliError::NoSurface { file: file.file.clone(), option });
        }
        let unusable = |option, path: &PathBuf, cause: &std::io::Error| CliError::Frames {
            option,
            path: path.display().to_string(),
            cause: plain(cause),
        };
        if let Some(folder) = &self.save_frames {
            fs::create_dir_all(folder).map_err(|error| unusable("--save-frames", folder, &error))?;
        }
        let display = self.display();
        let video = match &self.save_video {
            Some(path) => {
                let video =
                    Video::create(path, display.rate).map_err(|error| unusable("--save-video", path, &error))?;
                Some((path.clone(), video))
            }
            None => None,
        };
        let view = self.view.start(jail, records)?;
        Ok(Prepared { display, folder: self.save_frames.clone(), video, view })
    }
}

impl Prepared {
    /// What stays in reach of this process.
    pub fn reach(&self, mut reach: Reach) -> Reach {
        reach.folders.extend(self.folder.clone());
        reach
    }

    /// Starts what takes the frames. `snapshot` has the flight recorder write its trace.
    pub fn start(self, snapshot: impl Fn() + Send + 'static) -> Result<(SurfaceCtx, Showing), CliError> {
        let Self { display, folder, video, view } = self;
        let display = Display::new(display);
        let mut savers = Vec::new();
        if let Some(folder) = folder {
            savers.push(Saver::pictures(folder));
        }
        if let Some((path, video)) = video {
            savers.push(Saver::video(path, video));
        }
        let threads = |cause| CliError::Runtime { cause };
        let savers = savers.into_iter().collect::<Result<Vec<_>, _>>().map_err(threads)?;
        let mut sinks: Vec<_> = savers.iter().map(Saver::frames).collect();
        if let Some(view) = view {
            sinks.push(view.show(display.clone(), snapshot).map_err(threads)?);
        }
        let sinks = Sinks::new(sinks);
        Ok((SurfaceCtx::new(display.clone(), Box::new(sinks)), Showing { display, savers }))
    }
}

impl Showing {
    /// Waits until everything is written, once the surfaces are gone, and says what was.
    pub fn finish(self) {
        for saver in self.savers {
            let saved = saver.finish();
            let plural = if saved.frames == 1 { "" } else { "s" };
            eprintln!("airlock: saved {} frame{plural} to {}", saved.frames, saved.path.display());
            if let Some(why) = saved.error {
                terminal::error(&format!("{}: {why}", saved.path.display()));
            }
        }
        tracing::debug!("{} frames were presented", self.display.presented());
    }
}
