//! `--save-frames` and `--save-video`: a thread for each, so that the guest draws while frames are compressed and written. When
//! it is late, the guest waits: every frame is wanted.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

use airlock::surface::{Frame, FrameSink, Interest};
use airlock_protocol::frames;

use super::video::Video;
use crate::error::plain;

/// Frames between the guest and a thread.
const QUEUED: usize = 2;

/// A frame as it is written.
pub struct Picture {
    /// Its number.
    pub number: u64,
    /// Width and height.
    pub size: (u32, u32),
    /// Rows of red, green, blue and alpha.
    pub rgba: Vec<u8>,
}

/// A thread that writes frames.
#[derive(Debug)]
pub struct Saver {
    path: PathBuf,
    frames: SyncSender<Picture>,
    thread: JoinHandle<(u64, Option<String>)>,
}

/// What was written.
pub struct Saved {
    /// Where.
    pub path: PathBuf,
    /// How many frames.
    pub frames: u64,
    /// Why there are not more.
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
        let (frames, queue) = sync_channel(QUEUED);
        let thread = thread::Builder::new().name("frames".to_owned()).spawn(move || work(&queue, write))?;
        Ok(Self { path, frames, thread })
    }

    /// Where the frames go.
    pub fn frames(&self) -> Box<dyn FrameSink> {
        Box::new(To(Some(self.frames.clone())))
    }

    /// Waits until everything is written. Every sink is gone by then.
    pub fn finish(self) -> Saved {
        drop(self.frames);
        let (frames, error) =
            self.thread.join().unwrap_or((0, Some("the thread that writes frames has failed".to_owned())));
        Saved { path: self.path, frames, error }
    }
}

/// Writes frames until there are no more; after an error none.
fn work(queue: &Receiver<Picture>, mut write: impl FnMut(&Picture) -> Result<(), String>) -> (u64, Option<String>) {
    let mut frames = 0;
    for picture in queue {
        if let Err(error) = write(&picture) {
            // Dropping the queue has the sink take no more.
            return (frames, Some(error));
        }
        frames += 1;
    }
    (frames, None)
}

/// `None` after an error, which is told at the end.
struct To(Option<SyncSender<Picture>>);

impl FrameSink for To {
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
    let file = File::create(folder.join(frames::name(picture.number) + ".png"))?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&picture.rgba)?;
    Ok(writer.finish()?)
}
