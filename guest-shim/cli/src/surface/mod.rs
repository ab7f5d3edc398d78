//! Surfaces without a screen: options for their size and pace, and sinks for their frames.
//!
//! Folders, files and the front process of the view are made before the process confines itself ([`SurfaceOptions::prepare`]).
//! Threads start afterwards ([`Prepared::start`]), so that they are confined, too.

mod options;
mod picture;
mod save;
mod sinks;
mod video;

use std::{fs, path::PathBuf};

use airlock::{
    confine::Reach,
    surface::{Display, DisplayOptions, SurfaceCtx},
};
use airlock_protocol::printing;
use airlock_traces::cli::{jail::JailMode, terminal};

use super::{
    component::ComponentFile,
    error::{CliError, plain},
};
#[cfg(target_os = "linux")]
use crate::view::View;
use save::Saver;
use sinks::Sinks;
use video::Video;

pub use options::SurfaceOptions;

/// Files and processes that will take frames.
#[derive(Debug)]
pub struct Prepared {
    display: DisplayOptions,
    folder: Option<PathBuf>,
    video: Option<(PathBuf, Video)>,
    #[cfg(target_os = "linux")]
    view: Option<View>,
}

/// The sinks of frames while the guest runs.
#[derive(Debug)]
pub struct Showing {
    display: Display,
    savers: Vec<Saver>,
}

impl SurfaceOptions {
    /// Creates files, folders and the live view; `records` is true with a flight recorder.
    #[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "they are for the live view"))]
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
        Ok(Prepared {
            display,
            folder: self.save_frames.clone(),
            video,
            #[cfg(target_os = "linux")]
            view: self.view.start(jail, records)?,
        })
    }
}

impl Prepared {
    /// Adds the folder of pictures to the paths that stay accessible.
    pub fn reach(&self, mut reach: Reach) -> Reach {
        reach.folders.extend(self.folder.clone());
        reach
    }

    /// Starts the sinks. `snapshot` has the flight recorder write its trace.
    #[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "only the live view asks for traces"))]
    pub fn start(self, snapshot: impl Fn() + Send + 'static) -> Result<(SurfaceCtx, Showing), CliError> {
        let display = Display::new(self.display);
        let mut savers = Vec::new();
        if let Some(folder) = self.folder {
            savers.push(Saver::pictures(folder));
        }
        if let Some((path, video)) = self.video {
            savers.push(Saver::video(path, video));
        }
        let threads = |cause| CliError::Runtime { cause };
        let savers = savers.into_iter().collect::<Result<Vec<_>, _>>().map_err(threads)?;
        #[cfg_attr(not(target_os = "linux"), expect(unused_mut, reason = "only the live view is added"))]
        let mut sinks: Vec<_> = savers.iter().map(Saver::frames).collect();
        #[cfg(target_os = "linux")]
        if let Some(view) = self.view {
            sinks.push(view.show(display.clone(), snapshot).map_err(threads)?);
        }
        let sinks = Sinks::new(sinks);
        Ok((SurfaceCtx::new(display.clone(), Box::new(sinks)), Showing { display, savers }))
    }
}

impl Showing {
    /// Waits until every frame is written, and reports how many were. The surfaces must be gone.
    pub fn finish(self) {
        for saver in self.savers {
            let saved = saver.finish();
            let plural = if saved.frames == 1 { "" } else { "s" };
            printing::note(&format!("airlock: saved {} frame{plural} to {}", saved.frames, saved.path.display()));
            if let Some(why) = saved.error {
                terminal::error(&format!("{}: {why}", saved.path.display()));
            }
        }
        tracing::debug!("{} frames were presented", self.display.presented());
    }
}
/// Surfaces of a service, whose linker has no interface that makes one.
#[cfg(target_os = "linux")]
pub fn none() -> SurfaceCtx {
    SurfaceCtx::new(Display::new(DisplayOptions::default()), Box::new(Sinks::new(Vec::new())))
}
