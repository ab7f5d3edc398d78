//! Shader front end: parses, validates and generates code under a panic guard, and checks the rules of WGSL and WebGPU
//! that naga and wgpu-core do not check.
//!
//! wgpu-core receives naga's module instead of the text, which is parsed only once.

mod alias;
mod bindings;
mod code;
mod control;
mod diagnostics;
pub mod guard;
mod interstage;
mod lets;
mod outputs;
mod pointers;
mod rules;
mod stage;
pub mod tokens;

use std::borrow::Cow;

use naga::{
    Module,
    error::ShaderError,
    front::wgsl::{Frontend, Options},
    valid::{ValidationFlags, Validator},
};
use wgpu_core::{device::features_to_naga_capabilities, pipeline::CreateShaderModuleError};
use wgpu_types as wgt;

pub use bindings::{Used, used};
pub use code::{Code, Stage};
pub use interstage::interface_flaw;
pub use outputs::{coverage_flaw, output_flaw};
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
    let parse = |text: &str| {
        let mut options = Options::new();
        options.capabilities = capabilities;
        let mut module = Frontend::new_with_options(options)
            .parse(text)
            .map_err(|inner| refuse(CreateShaderModuleError::Parsing(shader_error(text, label, inner))))?;
        interstage::complete(&mut module);
        control::complete_endings(&mut module);
        lets::lower_largest_index(&mut module);
        Ok::<_, Refused>(module)
    };
    let work = || {
        let mut module = parse(text).or_else(|error| match diagnostics::blanked(text) {
            Some(changed) => parse(&changed).map_err(|_| error),
            None => Err(error),
        })?;
        if let Some((reason, place)) = pointers::flaw(&module)
            .or_else(|| alias::flaw(&module))
            .or_else(|| control::endless(&module))
            .or_else(|| rules::argument_flaw(&module))
        {
            return Err(Refused::Rule(reason, place.to_range()));
        }
        let mut validator = Validator::new(ValidationFlags::all(), capabilities);
        let mut validated = validator.validate(&module);
        if validated.as_ref().is_err_and(lets::is_index_error)
            && let Ok(changed) = parse(&lets::as_variables(text))
            && let Ok(info) = validator.validate(&changed)
        {
            (module, validated) = (changed, Ok(info));
        }
        let info =
            validated.map_err(|inner| refuse(CreateShaderModuleError::Validation(shader_error(text, label, inner))))?;
        let flaw = control::without_workgroup(&module, &info).or_else(|| rules::flaw(&module, &info));
        if let Some((reason, place)) = flaw {
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

/// The module for wgpu, with the group of each binding clamped below the device's limit. wgpu refuses a module with a group
/// above it, and WebGPU only a pipeline that uses such a group, which [`prepare`] checks.
pub fn for_wgpu(code: &Code, max_bind_groups: u32) -> Cow<'static, Module> {
    let mut module = code.module.clone();
    for (_, variable) in module.global_variables.iter_mut() {
        if let Some(binding) = &mut variable.binding {
            binding.group = binding.group.min(max_bind_groups.saturating_sub(1));
        }
    }
    Cow::Owned(module)
}
