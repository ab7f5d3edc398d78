//! The report as text for a terminal.

use std::fmt::Write as _;

use airlock_traces::cli::terminal::{Paint, harmless};

use super::report::{AdapterReport, Facility, Finding, Report};

/// Column at which lines are wrapped.
const WIDTH: usize = 100;

/// Limits that guests reach first: WebGPU's name, the displayed name, and true for a size in bytes.
const MAIN_LIMITS: [(&str, &str, bool); 6] = [
    ("maxTextureDimension2D", "2D texture", false),
    ("maxBufferSize", "buffer", true),
    ("maxStorageBufferBindingSize", "storage binding", true),
    ("maxBindGroups", "bind groups", false),
    ("maxComputeInvocationsPerWorkgroup", "workgroup", false),
    ("maxComputeWorkgroupStorageSize", "workgroup storage", true),
];

/// The whole report.
pub fn render(report: &Report, paint: Paint, verbose: bool) -> String {
    let mut text = Text { text: String::new(), paint };
    text.versions(report);
    text.daemon(report);
    text.adapters(report.adapters.as_deref(), verbose);
    text.jail(report);
    text.system(report);
    text.verdict(report);
    // Adapter names and daemon messages are foreign; the colours are this program's.
    if paint.is_on() { text.text } else { harmless(&text.text).into_owned() }
}

struct Text {
    text: String,
    paint: Paint,
}

/// Mark of a line.
#[derive(Clone, Copy)]
enum Mark {
    Good,
    Bad,
    Unknown,
}

impl Text {
    // Writing to a string cannot fail.
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{line}");
    }

    fn heading(&mut self, heading: &str, note: &str) {
        let line = format!("{}{}", self.paint.bold(heading), self.paint.dim(note));
        self.line(&line);
    }

    fn marked(&mut self, mark: Mark, line: &str) {
        let mark = match mark {
            Mark::Good => self.paint.good("ok"),
            Mark::Bad => self.paint.bad("no"),
            Mark::Unknown => self.paint.warn("??"),
        };
        self.line(&format!("  {mark}  {line}"));
    }

    fn versions(&mut self, report: &Report) {
        let versions = &report.versions;
        self.heading(&format!("airlock {}", versions.airlock), "");
        self.line(&format!("  protocol   {}, schema {}", versions.protocol, versions.schema));
        let [newest, alias, deployed] = versions.wasi_webgpu_versions;
        let wasi = versions.wasi.join(" and ");
        self.line(&format!("  guests     WASI {wasi}, wasi:webgpu {newest}, {alias} and {deployed}"));
        self.line(&format!("  wasmtime   {}", versions.wasmtime));
        self.line("");
    }

    fn daemon(&mut self, report: &Report) {
        self.heading("GPU daemon", "");
        let daemon = &report.daemon;
        let path = daemon.path.as_deref().map_or_else(|| "gpu-daemon".to_owned(), |path| harmless(path).into_owned());
        match (&daemon.error, daemon.is_socket) {
            (Some(_), _) => self.marked(Mark::Bad, &path),
            (None, true) => self.marked(Mark::Good, &format!("{path} (running)")),
            (None, false) => self.marked(Mark::Good, &format!("{path} (one worker per guest)")),
        }
        self.line("");
    }

    fn adapters(&mut self, adapters: Option<&[AdapterReport]>, verbose: bool) {
        self.heading("Adapters", "");
        match adapters {
            None => self.marked(Mark::Unknown, "only the daemon can tell"),
            Some([]) => self.marked(Mark::Bad, "none"),
            Some(adapters) => {
                for adapter in adapters {
                    self.adapter(adapter, verbose);
                }
            }
        }
        self.line("");
    }

    fn adapter(&mut self, adapter: &AdapterReport, verbose: bool) {
        let kind = if adapter.software { self.paint.warn("software") } else { self.paint.good("hardware") };
        let name = self.paint.bold(&harmless(&adapter.name));
        self.line(&format!("  {:>2}  {name}, {kind}", adapter.index));
        let about: Vec<_> = [&adapter.backend, &adapter.driver, &adapter.driver_info]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        let about: Vec<_> = about.into_iter().map(|part| harmless(part).into_owned()).collect();
        self.list("driver", about, ", ");
        self.list("features", adapter.features.iter().map(|&name| name.to_owned()).collect(), ", ");
        if verbose {
            self.list("limits", Vec::new(), "");
            for (name, value) in &adapter.limits {
                self.line(&format!("        {name:<42}{value:>12}"));
            }
        } else {
            let main = MAIN_LIMITS.iter().filter_map(|&(name, ours, is_size)| {
                let &value = adapter.limits.get(name)?;
                Some(format!("{ours} {}", if is_size { size(value) } else { value.to_string() }))
            });
            self.list("limits", main.collect(), ", ");
        }
    }

    /// A list of words after a caption, wrapped.
    fn list(&mut self, caption: &str, words: Vec<String>, between: &str) {
        let mut line = format!("      {caption:<10}");
        let indent = line.len();
        let last = words.len().saturating_sub(1);
        for (index, word) in words.into_iter().enumerate() {
            if line.len() > indent && line.len() + word.len() > WIDTH {
                self.line(line.trim_end());
                line = " ".repeat(indent);
            }
            line.push_str(&word);
            if index != last {
                line.push_str(between);
            }
        }
        self.line(line.trim_end());
    }

    fn jail(&mut self, report: &Report) {
        let Some(jail) = &report.jail else { return };
        self.heading("Jail of a worker", "  each layer was tried by doing what it forbids");
        for layer in &jail.layers {
            let mark = if layer.holds { Mark::Good } else { Mark::Bad };
            let why = self.paint.dim(&harmless(layer.why.as_deref().unwrap_or_default()));
            self.marked(mark, format!("{:<30}{why}", harmless(&layer.layer)).trim_end());
        }
        if !jail.drivers.is_empty() {
            let drivers: Vec<_> = jail.drivers.iter().map(|name| harmless(name).into_owned()).collect();
            self.line(&format!("      system calls are narrowed to drivers of: {}", drivers.join(", ")));
        }
        for upload in &jail.uploads {
            let how = match &upload.why {
                _ if upload.imported => "the GPU reads it from shared memory".to_owned(),
                why => format!("the worker copies it: {}", harmless(why.as_deref().unwrap_or("for an unknown reason"))),
            };
            self.line(&format!("      data for {}: {how}", harmless(&upload.adapter)));
        }
        self.line("");
    }

    fn system(&mut self, report: &Report) {
        if !report.system.jail.is_empty() {
            self.heading(&report.system.name, "  what jails are made from");
            for facility in &report.system.jail {
                self.facility(facility);
            }
            self.line("");
        }
    }

    fn facility(&mut self, facility: &Facility) {
        let mark = match facility.available {
            Some(true) => Mark::Good,
            Some(false) => Mark::Bad,
            None => Mark::Unknown,
        };
        self.marked(mark, format!("{:<30}{}", facility.name, self.paint.dim(&facility.detail)).trim_end());
        if let Some(remedy) = &facility.remedy {
            self.line(&format!("        {remedy}"));
        }
    }

    fn verdict(&mut self, report: &Report) {
        for finding in &report.findings {
            self.finding(finding);
        }
        if report.ready {
            let ready = self.paint.good("Ready.");
            self.line(&format!("{ready} Run a guest with: airlock run app.wasm"));
        } else {
            let not_ready = self.paint.bad("Not ready.");
            self.line(&format!("{not_ready} A guest that needs a GPU cannot run."));
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let kind = if finding.necessary { self.paint.bad("missing:") } else { self.paint.warn("note:") };
        self.line(&format!("{kind} {}", harmless(&finding.problem)));
        if let Some(remedy) = &finding.remedy {
            self.line(&format!("  try: {remedy}"));
        }
    }
}

/// A size in the largest unit that keeps it whole or above ten.
fn size(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        let whole = bytes >> shift;
        if whole >= 10 || whole > 0 && whole << shift == bytes {
            return format!("{whole} {unit}");
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::report::{DaemonReport, System, Versions};
    use airlock_protocol::commands::adapter::{AdapterInfo, Capabilities, FeatureName};

    fn report() -> Report {
        let adapter = Capabilities {
            info: AdapterInfo {
                description: "A GPU\x1b[31m".to_owned(),
                backend: "vulkan".to_owned(),
                is_fallback_adapter: true,
                ..AdapterInfo::default()
            },
            features: FeatureName::ALL.to_vec(),
            ..Capabilities::default()
        };
        Report {
            ready: true,
            versions: Versions::default(),
            daemon: DaemonReport { path: Some("gpu-daemon".to_owned()), is_socket: false, error: None, remedy: None },
            adapters: Some(vec![AdapterReport::new((0, &adapter))]),
            jail: None,
            system: System { name: "Linux".to_owned(), jail: Vec::new() },
            findings: Vec::new(),
        }
    }

    #[test]
    fn lines_stay_within_the_width_and_escapes_are_shown() {
        let text = render(&report(), Paint::none(), false);
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.contains("   0  A GPU\\u{1b}[31m, software\n"), "{text}");
        assert!(text.contains("2D texture 8192, buffer 256 MiB, storage binding 128 MiB"), "{text}");
    }

    #[test]
    fn every_limit_is_shown_on_request() {
        let text = render(&report(), Paint::none(), true);
        assert!(text.contains("maxColorAttachmentBytesPerSample"), "{text}");
    }

    #[test]
    fn sizes() {
        assert_eq!(size(2 << 30), "2 GiB");
        assert_eq!(size((2 << 30) - 1), "2047 MiB");
        assert_eq!(size(16 << 10), "16 KiB");
        assert_eq!(size(100), "100 bytes");
    }
}
