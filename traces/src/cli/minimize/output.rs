//! The files of a search: the smallest trace so far, and the current candidate.

use std::path::{Path, PathBuf};

use crate::{
    cli::{ToolError, write_error},
    edit::tools::output::Output,
    file::trace::Trace,
};

/// A file's name with a suffix, in the same folder.
pub(super) fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(what);
    path.with_file_name(name)
}

/// Writes a trace in place of the last one.
pub(super) fn save(trace: &Trace, path: &Path) -> Result<(), ToolError> {
    let (output, file) = Output::create(path).map_err(write_error(path))?;
    trace
        .write(file)
        .map_err(|cause| ToolError::Write { file: path.display().to_string(), cause: cause.to_string() })?;
    output.commit().map_err(write_error(path))
}
