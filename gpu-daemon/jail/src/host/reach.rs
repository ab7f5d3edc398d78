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

/// The role of a confined process, which selects its filter of system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It runs a guest.
    Guest,
    /// It loads a guest's machine code first.
    Loader,
    /// It accepts connections on listening sockets that it holds already: a front process.
    Front,
}

/// The name of a layer, with the reason where it does not hold.
pub type Layer = (&'static str, Result<(), String>);
