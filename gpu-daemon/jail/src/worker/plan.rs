//! Parameters of a jail, and the results of applying them.

use std::path::PathBuf;

use super::layer::Layer;

/// Parameters of a jail.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Result of `prepare`.
    pub prepared: Prepared,
    /// Folder of the listening socket. Files may be removed in it, and nowhere else.
    pub folder: Option<PathBuf>,
    /// Quota of GPU memory in bytes.
    pub memory: u64,
    /// Bytes of the folder in memory for a shader cache; `None` for no such folder.
    pub cache: Option<u64>,
}

/// Result of applying a plan.
#[derive(Debug)]
pub struct Entered {
    /// Each layer, with the reason where it does not hold.
    pub layers: Vec<(Layer, Result<(), String>)>,
    /// The folder of the shader cache, or the reason why there is none; `None` where the plan had none.
    pub cache: Option<Result<PathBuf, String>>,
}

/// Layers applied before a worker opens a descriptor of its own.
#[derive(Clone, Debug, Default)]
pub struct Prepared(pub Vec<(Layer, Result<(), String>)>);
