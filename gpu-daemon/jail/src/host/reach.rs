//! The access that a process keeps, and the results of its layers.

use std::path::PathBuf;

/// Files and folders that stay accessible.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Folders with all file operations of WASI: the guest's, and others that this process writes to.
    pub folders: Vec<PathBuf>,
    /// Files that this process writes. They must exist.
    pub files: Vec<PathBuf>,
}

/// The system-call filter's rule for `accept4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// Denied: the process runs a guest.
    Nothing,
    /// Allowed, on listening sockets that the process holds already: a front process.
    Connections,
}

/// The name of a layer, with the reason where it does not hold.
pub type Layer = (&'static str, Result<(), String>);
