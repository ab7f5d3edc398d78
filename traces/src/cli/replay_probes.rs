//! The probes of `airlock replay`: pictures, readbacks, times.

use std::path::PathBuf;

use airlock_protocol::{Event, codec, commands::adapter::FeatureName};
use clap::Args;

use super::{ToolError, print, read_error, terminal, write_error};
use crate::{
    edit::tools::output::Output,
    file::{reader::TraceFile, trace::What},
    replay::{
        Probe,
        probes::{FreeIds, SaveBuffers, SaveImages, Saved, Timing},
    },
};

/// Options for saving parts of a replay.
#[derive(Clone, Debug, Args)]
pub struct SaveOptions {
    /// Save every texture that was rendered to or read back, in its last state, as PNG named by its label
    #[arg(long, value_name = "DIR", conflicts_with = "times")]
    save_images: Option<PathBuf>,
    /// Save the bytes of every readback, named by the buffer's label
    #[arg(long, value_name = "DIR", conflicts_with = "times")]
    save_buffers: Option<PathBuf>,
    /// Time every pass on the GPU and every submit, and write it as JSON to the file, or to standard output
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    #[arg(conflicts_with_all = ["times", "json"])]
    timing: Option<PathBuf>,
}

/// The probes of one replay.
#[derive(Debug, Default)]
pub struct Saving {
    images: Option<SaveImages>,
    buffers: Option<SaveBuffers>,
    timing: Option<Timing>,
}

impl SaveOptions {
    /// Makes the probes. `chosen` when another adapter than the recorded one may be used: then only submits are timed,
    /// since it is unknown whether that has timestamps.
    pub fn start(&self, file: &TraceFile, chosen: bool) -> Result<Saving, ToolError> {
        let mut saving = Saving::default();
        if self.save_images.is_some() || self.timing.is_some() {
            let trace = PathBuf::from("the trace");
            let mut free = FreeIds::of_file(file).map_err(read_error(&trace))?;
            if let Some(folder) = &self.save_images {
                saving.images = Some(SaveImages::new(folder, &mut free).map_err(write_error(folder))?);
            }
            if self.timing.is_some() {
                saving.timing = Some(Timing::new(&mut free, !chosen && has_timestamps(file)));
            }
        }
        if let Some(folder) = &self.save_buffers {
            saving.buffers = Some(SaveBuffers::new(folder).map_err(write_error(folder))?);
        }
        Ok(saving)
    }

    /// True when the times are written to standard output.
    pub fn takes_stdout(&self) -> bool {
        self.timing.as_ref().is_some_and(|path| path.as_os_str() == "-")
    }

    /// Writes the rest, and reports saved and skipped files on standard error.
    pub fn finish(&self, saving: Saving) -> Result<(), ToolError> {
        if let (Some(images), Some(folder)) = (saving.images, &self.save_images) {
            tell("picture", &images.finish().map_err(write_error(folder))?, folder);
        }
        if let (Some(buffers), Some(folder)) = (saving.buffers, &self.save_buffers) {
            tell("readback", &buffers.finish().map_err(write_error(folder))?, folder);
        }
        if let (Some(timing), Some(path)) = (saving.timing, &self.timing) {
            let times = timing.finish();
            notes(&times.notes);
            let json = serde_json::to_string_pretty(&times).map_err(|error| ToolError::Refused(error.to_string()))?;
            if self.takes_stdout() {
                print(&(json + "\n"))?;
            } else {
                Output::write(path, (json + "\n").as_bytes()).map_err(write_error(path))?;
            }
        }
        Ok(())
    }
}

impl Saving {
    /// The probes, for the replay.
    pub fn probes(&mut self) -> Vec<&mut dyn Probe> {
        let mut probes: Vec<&mut dyn Probe> = Vec::new();
        probes.extend(self.images.as_mut().map(|probe| probe as &mut dyn Probe));
        probes.extend(self.buffers.as_mut().map(|probe| probe as &mut dyn Probe));
        probes.extend(self.timing.as_mut().map(|probe| probe as &mut dyn Probe));
        probes
    }
}

/// True when every adapter of the recorded run had timestamps.
fn has_timestamps(file: &TraceFile) -> bool {
    let mut adapters = file.entries().filter_map(Result::ok).filter_map(|entry| match entry.what {
        What::Event(bytes) => match codec::decode_event(&bytes) {
            Ok(Event::AdapterReply { result: Ok(adapter), .. }) => {
                Some(adapter.features.contains(&FeatureName::TimestampQuery))
            }
            _ => None,
        },
        _ => None,
    });
    adapters.all(|has| has)
}

fn tell(what: &str, saved: &Saved, folder: &std::path::Path) {
    let plural = if saved.files.len() == 1 { "" } else { "s" };
    terminal::note(&format!("saved {} {what}{plural} to {}", saved.files.len(), folder.display()));
    notes(&saved.notes);
}

fn notes(notes: &[String]) {
    /// Maximum lines about skipped files; a trace with thousands of such textures must not fill the screen.
    const MAX: usize = 10;
    for note in notes.iter().take(MAX) {
        terminal::note(&format!("not saved: {}", terminal::one_line(note)));
    }
    if notes.len() > MAX {
        terminal::note(&format!("not saved: and {} more", notes.len() - MAX));
    }
}
