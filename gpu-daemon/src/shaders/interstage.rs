//! Inter-stage interfaces between vertex and fragment stage.

use std::collections::BTreeMap;

use naga::{Binding, Interpolation, Module, Sampling, ShaderStage, Type, TypeInner};

use super::code::Stage;

/// An inter-stage variable.
#[derive(Clone, Debug, PartialEq)]
struct Varying {
    ty: TypeInner,
    interpolation: Option<Interpolation>,
    sampling: Option<Sampling>,
}

/// WebGPU, "validating inter-stage interfaces": each input of the fragment stage has an output of the vertex stage with
/// the same location, type and interpolation. wgpu-core accepts an input with fewer components than the output.
pub fn interface_flaw(vertex: &Stage<'_>, fragment: &Stage<'_>) -> Option<String> {
    let given = outputs(&vertex.code.module, vertex.entry()?);
    let asked = inputs(&fragment.code.module, fragment.entry()?);
    asked.into_iter().find_map(|(location, asked)| match given.get(&location) {
        Some(given) if given.ty != asked.ty => {
            Some(format!("the vertex stage's output at location {location} has another type than the fragment's input"))
        }
        // wgpu reports the rest.
        _ => None,
    })
}

fn inputs(module: &Module, entry: &naga::EntryPoint) -> BTreeMap<u32, Varying> {
    let mut found = BTreeMap::new();
    for argument in &entry.function.arguments {
        gather(module, argument.ty, argument.binding.as_ref(), &mut found);
    }
    found
}

fn outputs(module: &Module, entry: &naga::EntryPoint) -> BTreeMap<u32, Varying> {
    let mut found = BTreeMap::new();
    if let Some(result) = &entry.function.result {
        gather(module, result.ty, result.binding.as_ref(), &mut found);
    }
    found
}

fn gather(module: &Module, ty: naga::Handle<Type>, binding: Option<&Binding>, found: &mut BTreeMap<u32, Varying>) {
    let Ok(Type { inner, .. }) = module.types.get_handle(ty) else { return };
    match (binding, inner) {
        (Some(&Binding::Location { location, interpolation, sampling, .. }), inner) => {
            found.insert(location, Varying { ty: inner.clone(), interpolation, sampling });
        }
        (None, TypeInner::Struct { members, .. }) => {
            for member in members {
                // Structures do not nest at an interface.
                if let Some(binding) = &member.binding {
                    gather(module, member.ty, Some(binding), found);
                }
            }
        }
        _ => {}
    }
}

/// Makes the defaults of interpolation attributes explicit, so that `flat` and `flat, first` are equal to wgpu-core, as
/// they are in WGSL.
pub fn complete(module: &mut Module) {
    for entry in &mut module.entry_points {
        if !matches!(entry.stage, ShaderStage::Vertex | ShaderStage::Fragment) {
            continue;
        }
        let arguments = entry.function.arguments.iter_mut().map(|argument| &mut argument.binding);
        for binding in arguments.chain(entry.function.result.iter_mut().map(|result| &mut result.binding)) {
            complete_binding(binding);
        }
    }
    let structures: Vec<_> = module.types.iter().map(|(handle, ty)| (handle, ty.clone())).collect();
    for (handle, mut ty) in structures {
        let TypeInner::Struct { members, .. } = &mut ty.inner else { continue };
        let mut changed = false;
        for member in members {
            changed |= complete_binding(&mut member.binding);
        }
        if changed {
            module.types.replace(handle, ty);
        }
    }
}

/// Completes one binding; returns true if it changed.
fn complete_binding(binding: &mut Option<Binding>) -> bool {
    let Some(Binding::Location { interpolation: Some(interpolation), sampling, .. }) = binding else { return false };
    let default = match interpolation {
        Interpolation::Flat => Sampling::First,
        Interpolation::Perspective | Interpolation::Linear => Sampling::Center,
        Interpolation::PerVertex => return false,
    };
    let missing = sampling.is_none();
    sampling.get_or_insert(default);
    missing
}

/// The types of a fragment stage's outputs by location.
pub(super) fn fragment_outputs(module: &Module, entry: &naga::EntryPoint) -> BTreeMap<u32, TypeInner> {
    outputs(module, entry).into_iter().map(|(location, varying)| (location, varying.ty)).collect()
}
