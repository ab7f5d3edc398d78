//! Files beside a trace.

use std::path::Path;

use crate::edit::tools::output::Output;

/// A file's name, for messages.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Writes a file.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    Output::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", name(path)))
}
