//! `--save-frames` and `--save-video`: a thread for each, so that the guest draws while frames are compressed and written. Every
//! frame is kept: a guest that is faster than the thread blocks.

use std::{
    io,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

use airlock::surface::{Frame, FrameSink, Interest};
use airlock_protocol::frames;
use airlock_traces::tools::output::Output;

use super::{picture::Picture, video::Video};
use crate::error::plain;

/// Maximum number of frames that wait for a thread; each has up to 64 MiB.
const MAX_QUEUED: usize = 2;

/// A thread that writes frames.
#[derive(Debug)]
pub struct Saver {
    path: PathBuf,
    frames: SyncSender<Picture>,
    thread: JoinHandle<(u64, Option<String>)>,
}

/// Result of a thread.
pub struct Saved {
    /// The folder or file.
    pub path: PathBuf,
    /// Number of written frames.
    pub frames: u64,
    /// The error that ended it.
    pub error: Option<String>,
}

impl Saver {
    /// Writes a picture for each frame into a folder.
    pub fn pictures(folder: PathBuf) -> io::Result<Self> {
        let to = folder.clone();
        Self::start(folder, move |picture| write_png(&to, picture).map_err(|error| plain(&error)))
    }

    /// Writes a video.
    pub fn video(path: PathBuf, mut video: Video) -> io::Result<Self> {
        Self::start(path, move |picture| video.frame(picture))
    }

    fn start(path: PathBuf, write: impl FnMut(&Picture) -> Result<(), String> + Send + 'static) -> io::Result<Self> {
        let (frames, queue) = sync_channel(MAX_QUEUED);
        let thread = thread::Builder::new().name("frames".to_owned()).spawn(move || work(&queue, write))?;
        Ok(Self { path, frames, thread })
    }

    /// A sink that sends frames to the thread.
    pub fn frames(&self) -> Box<dyn FrameSink> {
        Box::new(ToThread(Some(self.frames.clone())))
    }

    /// Waits until all frames are written. The sinks must have been dropped.
    pub fn finish(self) -> Saved {
        drop(self.frames);
        let (frames, error) =
            self.thread.join().unwrap_or((0, Some("the thread that writes frames has failed".to_owned())));
        Saved { path: self.path, frames, error }
    }
}

/// Writes frames until the queue ends or a write fails, and returns their number and the error.
fn work(queue: &Receiver<Picture>, mut write: impl FnMut(&Picture) -> Result<(), String>) -> (u64, Option<String>) {
    let mut frames = 0;
    for picture in queue {
        if let Err(error) = write(&picture) {
            // Dropping the queue disables the sink.
            return (frames, Some(error));
        }
        frames += 1;
    }
    (frames, None)
}

/// A sender to the thread; `None` after an error, which is reported at the end of the run.
struct ToThread(Option<SyncSender<Picture>>);

impl FrameSink for ToThread {
    fn interest(&mut self) -> Interest {
        if self.0.is_some() { Interest::Every } else { Interest::None }
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        let picture = Picture { number: frame.number, size: (frame.width, frame.height), rgba: frame.rgba() };
        self.0.take_if(|thread| thread.send(picture).is_err());
    }
}

fn write_png(folder: &Path, picture: &Picture) -> io::Result<()> {
    let (width, height) = picture.size;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&picture.rgba)?;
    writer.finish()?;
    Output::write(&folder.join(frames::name(picture.number) + ".png"), &bytes)
}
