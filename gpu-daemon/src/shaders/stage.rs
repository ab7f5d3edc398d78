//! Checks of a pipeline stage: constants, workgroup limits, and a trial run of the code generator.

use naga::{
    AddressSpace, Expression, Handle, Module, Override, ScalarKind, ShaderStage, TypeInner,
    back::{pipeline_constants::process_overrides, spv},
    valid::ModuleInfo,
};
use wgpu_types as wgt;

use super::{
    code::{Code, Stage},
    guard::guarded,
    rules::argument_flaw,
};

/// Checks a stage before wgpu; returns the reason if it is invalid.
pub fn prepare(stage: &Stage<'_>, limits: &wgt::Limits) -> Option<String> {
    for &(key, value) in stage.constants {
        if let Some(reason) = constant_flaw(&stage.code.module, key, value) {
            return Some(reason);
        }
    }
    let entry = stage.entry()?;
    if let Some(reason) = group_flaw(stage, entry, limits) {
        return Some(reason);
    }
    let work = || generate(stage, &entry.name, limits);
    guarded(work).unwrap_or_else(|panic| Some(format!("the shader compiler fails on this shader: {panic}")))
}

/// WebGPU, "validating GPUProgrammableStage": each key identifies a constant of the module, and each value is within its
/// type's range. naga checks only the constants that the entry point uses, and parses a key as a number where possible.
fn constant_flaw(module: &Module, key: &str, value: f64) -> Option<String> {
    let number = key.parse::<u16>().ok();
    if number.is_some_and(|number| number.to_string() != key) {
        return Some(format!(
            "`{key}` is no identifier of a pipeline constant: a number is written without zeros before it"
        ));
    }
    let is_meant = |constant: &Override| match constant.id {
        Some(id) => number == Some(id),
        None => constant.name.as_deref() == Some(key),
    };
    let Some((_, constant)) = module.overrides.iter().find(|(_, constant)| is_meant(constant)) else {
        return Some(format!("the shader has no pipeline constant `{key}`"));
    };
    let TypeInner::Scalar(scalar) = module.types.get_handle(constant.ty).ok()?.inner else { return None };
    let in_range = match (scalar.kind, scalar.width) {
        _ if !value.is_finite() => return Some(format!("the pipeline constant `{key}` is {value}")),
        (ScalarKind::Bool, _) => return None,
        (ScalarKind::Sint, _) => {
            let whole = value.trunc();
            (f64::from(i32::MIN) <= whole && whole <= f64::from(i32::MAX)).then_some(())
        }
        (ScalarKind::Uint, _) => {
            let whole = value.trunc();
            (0.0 <= whole && whole <= f64::from(u32::MAX)).then_some(())
        }
        // Halfway between the largest value and its missing successor rounds to infinity.
        (ScalarKind::Float, 2) => (value.abs() < 65520.0).then_some(()),
        (ScalarKind::Float, _) => (value as f32).is_finite().then_some(()),
        (ScalarKind::AbstractInt | ScalarKind::AbstractFloat, _) => return None,
    };
    in_range
        .is_none()
        .then(|| format!("the pipeline constant `{key}` cannot be {value}: it is out of its type's range"))
}

/// WebGPU, "create a default pipeline layout": no group is at or above the limit, as in explicit layouts.
fn group_flaw(stage: &Stage<'_>, entry: &naga::EntryPoint, limits: &wgt::Limits) -> Option<String> {
    let Code { module, info } = stage.code;
    let index = module.entry_points.iter().position(|other| std::ptr::eq(other, entry))?;
    let uses = info.get_entry_point(index);
    let used = module.global_variables.iter().filter(|&(handle, _)| !uses[handle].is_empty());
    let max = limits.max_bind_groups;
    let group =
        used.filter_map(|(_, variable)| variable.binding).map(|binding| binding.group).find(|&group| group >= max)?;
    Some(format!("the shader uses bind group {group}, and there are {max}"))
}

/// Substitutes the constants and generates SPIR-V, as wgpu will.
fn generate(stage: &Stage<'_>, entry_point: &str, limits: &wgt::Limits) -> Option<String> {
    let Code { module, info } = stage.code;
    let constants = stage.constants.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
    let (module, info) = match process_overrides(module, info, Some((stage.stage, entry_point)), &constants) {
        Ok(processed) => processed,
        Err(error) => return Some(format!("the pipeline constants do not fit the shader: {error}")),
    };
    if let Some((reason, _)) = argument_flaw(&module) {
        return Some(reason);
    }
    if stage.stage == ShaderStage::Compute
        && let Some(reason) = workgroup_flaw(&module, &info, entry_point, limits)
    {
        return Some(reason);
    }
    let options = spv::Options {
        lang_version: (1, 6),
        // All options that an adapter may enable: the output is discarded.
        bounds_check_policies: naga::proc::BoundsCheckPolicies {
            index: naga::proc::BoundsCheckPolicy::Restrict,
            buffer: naga::proc::BoundsCheckPolicy::Restrict,
            image_load: naga::proc::BoundsCheckPolicy::Restrict,
            binding_array: naga::proc::BoundsCheckPolicy::Unchecked,
        },
        fake_missing_bindings: true,
        ..spv::Options::default()
    };
    let pipeline = spv::PipelineOptions { shader_stage: stage.stage, entry_point: entry_point.to_owned() };
    if let Err(error) = spv::write_vec(&module, &info, &options, Some(&pipeline)) {
        // An error of the generator, not of the guest: wgpu reports it as an internal error.
        tracing::debug!("no SPIR-V can be written for {entry_point}: {error}");
    }
    None
}

/// WebGPU, "createComputePipeline": the limits of a workgroup, with the constants substituted. wgpu-core checks the
/// sizes before that, and the storage not at all.
fn workgroup_flaw(module: &Module, info: &ModuleInfo, entry_point: &str, limits: &wgt::Limits) -> Option<String> {
    let is_meant = |entry: &naga::EntryPoint| entry.stage == ShaderStage::Compute && entry.name == entry_point;
    let (index, entry) = module.entry_points.iter().enumerate().find(|(_, entry)| is_meant(entry))?;
    let [x, y, z] = entry.workgroup_size;
    let of_dimension =
        [limits.max_compute_workgroup_size_x, limits.max_compute_workgroup_size_y, limits.max_compute_workgroup_size_z];
    for (size, max) in entry.workgroup_size.into_iter().zip(of_dimension) {
        if size == 0 || size > max {
            return Some(format!("a workgroup of {x} x {y} x {z}: {size} is not within 1 and {max}"));
        }
    }
    let invocations = u64::from(x).saturating_mul(u64::from(y)).saturating_mul(u64::from(z));
    let max = limits.max_compute_invocations_per_workgroup;
    if invocations > u64::from(max) {
        return Some(format!("a workgroup of {x} x {y} x {z} has {invocations} invocations, {max} are allowed"));
    }
    let uses = info.get_entry_point(index);
    let bytes = module
        .global_variables
        .iter()
        .filter(|&(handle, variable)| variable.space == AddressSpace::WorkGroup && !uses[handle].is_empty())
        .map(|(_, variable)| bytes_of(module, variable.ty).next_multiple_of(16))
        .fold(0, u64::saturating_add);
    let max = limits.max_compute_workgroup_storage_size;
    (bytes > u64::from(max)).then(|| format!("the shader's workgroup variables take {bytes} bytes, {max} are allowed"))
}

/// Size of a type in bytes. naga computes it in 32 bits, where an array of 4 GiB overflows.
fn bytes_of(module: &Module, ty: Handle<naga::Type>) -> u64 {
    let Ok(found) = module.types.get_handle(ty) else { return 0 };
    match found.inner {
        TypeInner::Array { base, size, stride } => {
            let count = match size {
                naga::ArraySize::Constant(count) => u64::from(count.get()),
                naga::ArraySize::Pending(constant) => array_length(module, constant).unwrap_or(u64::from(u32::MAX)),
                naga::ArraySize::Dynamic => 1,
            };
            let _ = base;
            u64::from(stride).saturating_mul(count)
        }
        ref inner => u64::from(inner.size(module.to_ctx())),
    }
}

/// Length of an array that an `override` sets, after the constants are substituted.
fn array_length(module: &Module, constant: Handle<Override>) -> Option<u64> {
    let init = module.overrides.try_get(constant).ok()?.init?;
    match module.global_expressions.try_get(init).ok()? {
        Expression::Literal(naga::Literal::U32(count)) => Some(u64::from(*count)),
        Expression::Literal(naga::Literal::I32(count)) => u64::try_from(*count).ok(),
        _ => None,
    }
}
