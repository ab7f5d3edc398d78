//! Shader modules that naga accepts, and their stages.

use naga::{Module, ShaderStage, valid::ModuleInfo};

/// A shader module that naga accepts.
#[derive(Debug)]
pub struct Code {
    /// naga's module, its interpolation attributes complete.
    pub module: Module,
    /// What naga's validator found out about it.
    pub info: ModuleInfo,
}

/// What a pipeline asks of a module.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a> {
    /// The module.
    pub code: &'a Code,
    /// Which stage it is for.
    pub stage: ShaderStage,
    /// The entry point's name; `None` for the only one of the stage.
    pub entry_point: Option<&'a str>,
    /// Values of `override` declarations.
    pub constants: &'a [(&'a str, f64)],
}

impl Stage<'_> {
    /// The entry point; `None` where there is none, or more than one without a name, which is wgpu's to report.
    pub fn entry(&self) -> Option<&naga::EntryPoint> {
        let mut found = self
            .code
            .module
            .entry_points
            .iter()
            .filter(|entry| entry.stage == self.stage && self.entry_point.is_none_or(|name| entry.name == name));
        found.next().filter(|_| found.next().is_none())
    }
}
