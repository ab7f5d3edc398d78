//! The commands that the `airlock` program offers for traces: one file each, with its arguments and its `run`, which gives
//! the exit code.

pub mod diff;
pub mod dump;
pub mod extract;
pub mod info;
pub mod minimize;
pub mod recover;
pub mod redact;
pub mod replay;
mod replay_text;
pub mod size;
pub mod terminal;
pub mod trace;
pub mod trim;
pub mod verify;
pub mod verify_file;

use std::{io, path::Path, sync::Arc};

use airlock_protocol::connect::ConnectError;
use thiserror::Error;

use crate::reader::{ReadError, TraceFile};

/// The exit code where all is as it should be.
pub const SAME: u8 = 0;
/// The exit code where something differs: a replay that diverges, two traces that are not the same.
pub const DIFFERENT: u8 = 1;

/// Why a command cannot do what it is asked. The exit code is 2.
#[derive(Debug, Error)]
pub enum ToolError {
    /// The trace cannot be read.
    #[error("cannot read {file}: {cause}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        cause: ReadError,
    },
    /// A file cannot be written.
    #[error("cannot write {file}: {cause}")]
    Write {
        /// The file.
        file: String,
        /// Why.
        cause: String,
    },
    /// There is no worker to replay with.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// What was asked makes no sense for this trace.
    #[error("{0}")]
    Refused(String),
}

/// Opens a trace.
pub fn open(path: &Path) -> Result<Arc<TraceFile>, ToolError> {
    TraceFile::open(path).map(Arc::new).map_err(|cause| ToolError::Read { file: path.display().to_string(), cause })
}

/// An error in a trace that was opened.
pub fn read_error(path: &Path) -> impl Fn(ReadError) -> ToolError {
    let file = path.display().to_string();
    move |cause| ToolError::Read { file: file.clone(), cause }
}

/// An error in a file that is written.
pub fn write_error(path: &Path) -> impl Fn(io::Error) -> ToolError {
    let file = path.display().to_string();
    move |cause| ToolError::Write { file: file.clone(), cause: cause.to_string() }
}
