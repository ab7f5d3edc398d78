//! That something takes long: on standard error, and only on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A spinner, for work of unknown length.
pub fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    if !bar.is_hidden() {
        bar.enable_steady_tick(std::time::Duration::from_millis(200));
    }
    bar
}

/// A bar, for work on `len` bytes.
pub fn bytes(what: &str, len: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}");
    let bar = ProgressBar::new(len).with_message(what.to_owned());
    // The template is a constant; the default one would show the same progress.
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
