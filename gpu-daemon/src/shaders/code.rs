//! Valid shader modules and their stages.

use naga::{Module, ShaderStage, valid::ModuleInfo};

/// A valid shader module.
#[derive(Debug)]
pub struct Code {
    /// naga's module, with explicit interpolation attributes.
    pub module: Module,
    /// Result of naga's validator.
    pub info: ModuleInfo,
}

/// `GPUProgrammableStage`.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a> {
    pub code: &'a Code,
    pub stage: ShaderStage,
    /// The entry point's name; `None` for the stage's only one.
    pub entry_point: Option<&'a str>,
    /// Values of `override` declarations.
    pub constants: &'a [(&'a str, f64)],
}

impl Stage<'_> {
    /// The entry point; `None` where it is missing or ambiguous, which wgpu reports.
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
