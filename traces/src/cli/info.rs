//! `airlock trace info`: the contents of a trace, without reading its stream.

use std::{fmt::Write as _, io, path::PathBuf};

use clap::Args;

use super::{
    ToolError, open, print, print_json,
    size::describe,
    terminal::{Paint, counted, one_line},
};
use crate::{edit::tools::info::Info, file::header::DeviceRecord};

const EXAMPLES: &str = "\
Examples:
  airlock trace info bug.airtrace
  airlock trace info --verbose bug.airtrace    every command's count, every feature and limit
  airlock trace info --json bug.airtrace | jq .totals.commands
";

/// Names of commands that are printed without `--verbose`.
const FEW: usize = 12;

/// Print the contents of a trace
///
/// The information comes from the header and the index, however long the trace is. A recording that was not closed has
/// no index and is read once.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The trace
    trace: PathBuf,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    /// Print every command's count, and every feature and limit of the devices
    #[arg(long, short)]
    verbose: bool,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<u8, ToolError> {
    let file = open(&arguments.trace)?;
    let info = Info::of(&file);
    if arguments.json {
        print_json(&info)?;
    } else {
        let mut page = Page { paint: Paint::of(&io::stdout()), text: String::new() };
        page.info(&info, arguments.verbose);
        print(&page.text)?;
    }
    Ok(super::SAME)
}

struct Page {
    paint: Paint,
    text: String,
}

impl Page {
    fn line(&mut self, name: &str, value: &str) {
        let name = self.paint.bold(&format!("{name:<11}"));
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{name} {value}");
    }

    fn info(&mut self, info: &Info, verbose: bool) {
        let (header, totals) = (&info.header, &info.totals);
        let component = header.component.as_ref();
        let component = component.map_or_else(
            || "not named".to_owned(),
            |component| format!("{}, blake3 {}", one_line(&component.name), one_line(&component.blake3)),
        );
        self.line("component", &component);
        let (os, arch) = (one_line(&header.platform.os), one_line(&header.platform.arch));
        let (airlock, webgpu) = (one_line(&header.airlock), one_line(&header.webgpu));
        self.line("made by", &format!("airlock {airlock} on {os} {arch}, wasi:webgpu {webgpu}"));
        for step in &header.history {
            self.line("", &one_line(step));
        }
        for device in &info.devices {
            self.device(device, verbose);
        }
        self.line(
            "holds",
            &format!(
                "{}, {}, {}, {}, {}, {}",
                counted(totals.sessions, "session"),
                counted(totals.batches, "batch"),
                counted(totals.commands, "command"),
                counted(totals.submits, "submit"),
                counted(totals.events, "event"),
                counted(totals.readbacks, "readback")
            ),
        );
        #[allow(clippy::cast_precision_loss)]
        let seconds = totals.duration_ns as f64 / 1e9;
        self.line("duration", &format!("{seconds:.3} s"));
        let sizes = &info.sizes;
        self.line("file", &describe(sizes.file));
        self.line(
            "stream",
            &format!("{} as it crossed, {} stored", describe(totals.stream_bytes), describe(sizes.stream_stored)),
        );
        self.line(
            "data",
            &format!(
                "{} as it crossed, {} without repetitions ({}), {} stored",
                describe(sizes.data),
                describe(sizes.data_once),
                counted(sizes.payloads, "payload"),
                describe(sizes.data_stored)
            ),
        );
        let errors = format!("{} uncaptured, {} lost", totals.uncaptured, counted(totals.lost, "device"));
        let errors = if totals.uncaptured + totals.lost > 0 { self.paint.warn(&errors) } else { errors };
        self.line("errors", &errors);
        self.end(info);
        self.commands(info, verbose);
    }

    fn device(&mut self, device: &DeviceRecord, verbose: bool) {
        let adapter = one_line(&device.adapter.describe());
        let (features, limits) = (device.features.len(), device.limits.len());
        self.line("device", &format!("{adapter}, session {}, {features} features, {limits} limits", device.session));
        if let Some(processor) = &device.processor {
            self.line("", &one_line(&format!("compiled for {processor}")));
        }
        if verbose {
            for feature in &device.features {
                self.line("", &one_line(feature));
            }
            for (name, value) in &device.limits {
                self.line("", &one_line(&format!("{name} {value}")));
            }
        }
    }

    fn end(&mut self, info: &Info) {
        for end in &info.ends {
            self.line("ended", &format!("session {}: {}", end.session, one_line(&end.reason)));
        }
        if let Some(reason) = &info.stopped {
            let text = self.paint.warn(&format!("before the run did: {}", one_line(reason)));
            self.line("stopped", &text);
        }
        if let Some(error) = &info.unreadable {
            let text = self.paint.bad(&one_line(error));
            self.line("unreadable", &text);
        }
        let text = match (&info.damage, info.closed) {
            (Some(damage), _) => {
                self.paint.bad(&format!("{}; {} are lost", one_line(damage), describe(info.lost_bytes)))
            }
            (None, true) => self.paint.good("closed"),
            (None, false) => self.paint.warn("not closed; whole up to its end"),
        };
        self.line("state", &text);
    }

    fn commands(&mut self, info: &Info, verbose: bool) {
        let by_name = &info.totals.by_name;
        let shown = if verbose { by_name.len() } else { FEW };
        for (place, (name, count)) in by_name.iter().take(shown).enumerate() {
            self.line(if place == 0 { "commands" } else { "" }, &format!("{count:>10} {}", one_line(name)));
        }
        if let Some(more) = by_name.len().checked_sub(shown).filter(|&more| more > 0) {
            let text = self.paint.dim(&format!("{:>10} more names; --verbose has them", more));
            self.line("", &text);
        }
    }
}
