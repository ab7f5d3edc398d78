//! Shader front end: parses, validates and generates code under a panic guard, and checks the rules of WGSL and WebGPU
//! that naga and wgpu-core do not check.
//!
//! wgpu-core receives naga's module and not the text, so that the text is parsed once.

mod code;
mod control;
pub mod guard;
mod interstage;
mod outputs;
mod pointers;
mod stage;

use std::borrow::Cow;

use naga::{
    Module,
    error::ShaderError,
    front::wgsl::{Frontend, Options},
    valid::{ValidationFlags, Validator},
};
use wgpu_core::{device::features_to_naga_capabilities, pipeline::CreateShaderModuleError};
use wgpu_types as wgt;

pub use code::{Code, Stage};
pub use interstage::interface_flaw;
pub use outputs::output_flaw;
pub use stage::prepare;

/// A rejected shader.
#[derive(Debug)]
pub enum Refused {
    /// naga's error, as wgpu reports it.
    Compiler(Box<CreateShaderModuleError>),
    /// A rule that naga does not check, or a panic of naga; with the byte range in the source.
    Rule(String, Option<std::ops::Range<usize>>),
}

/// Parses and validates a shader for a device.
pub fn read(text: &str, label: &str, features: wgt::Features, downlevel: wgt::DownlevelFlags) -> Result<Code, Refused> {
    let capabilities = features_to_naga_capabilities(features, downlevel);
    let work = || {
        let mut options = Options::new();
        options.capabilities = capabilities;
        let mut module = Frontend::new_with_options(options)
            .parse(text)
            .map_err(|inner| refuse(CreateShaderModuleError::Parsing(shader_error(text, label, inner))))?;
        interstage::complete(&mut module);
        if let Some((reason, place)) = pointers::flaw(&module).or_else(|| control::endless(&module)) {
            return Err(Refused::Rule(reason, place.to_range()));
        }
        let mut validator = Validator::new(ValidationFlags::all(), capabilities);
        let info = validator
            .validate(&module)
            .map_err(|inner| refuse(CreateShaderModuleError::Validation(shader_error(text, label, inner))))?;
        if let Some((reason, place)) = control::without_workgroup(&module, &info) {
            return Err(Refused::Rule(reason, place.to_range()));
        }
        Ok(Code { module, info })
    };
    guard::guarded(work)
        .unwrap_or_else(|panic| Err(Refused::Rule(format!("the shader compiler fails on this shader: {panic}"), None)))
}

fn refuse(error: CreateShaderModuleError) -> Refused {
    Refused::Compiler(Box::new(error))
}

fn shader_error<E>(text: &str, label: &str, inner: E) -> ShaderError<E> {
    let label = (!label.is_empty()).then(|| label.to_owned());
    ShaderError { source: text.to_owned(), label, inner: Box::new(inner) }
}

/// The module in wgpu's form.
pub fn for_wgpu(code: &Code) -> Cow<'static, Module> {
    Cow::Owned(code.module.clone())
}
