//! Bindings that an entry point uses, of those that can overlap.

use naga::{AddressSpace, ImageClass, ShaderStage, StorageAccess, TypeInner};
use wgpu_types as wgt;

use super::code::{Code, Stage};

/// A buffer or storage texture of a shader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    pub group: u32,
    pub binding: u32,
    pub stage: wgt::ShaderStages,
    /// The declaration allows writes.
    pub writable: bool,
}

/// Lists the bindings that a stage's entry point uses; empty where the entry point is missing.
pub fn used(stage: &Stage<'_>) -> Vec<Used> {
    let Code { module, info } = stage.code;
    let entry = stage.entry();
    let index = entry.and_then(|entry| module.entry_points.iter().position(|other| std::ptr::eq(other, entry)));
    let Some(index) = index else { return Vec::new() };
    let uses = info.get_entry_point(index);
    let seen_by = match stage.stage {
        ShaderStage::Vertex => wgt::ShaderStages::VERTEX,
        ShaderStage::Fragment => wgt::ShaderStages::FRAGMENT,
        _ => wgt::ShaderStages::COMPUTE,
    };
    let variables = module.global_variables.iter().filter(|&(handle, _)| !uses[handle].is_empty());
    let found = variables.filter_map(|(_, variable)| {
        let naga::ResourceBinding { group, binding } = variable.binding?;
        let access = match variable.space {
            AddressSpace::Uniform => StorageAccess::LOAD,
            AddressSpace::Storage { access } => access,
            _ => match module.types.get_handle(variable.ty).ok()?.inner {
                TypeInner::Image { class: ImageClass::Storage { access, .. }, .. } => access,
                _ => return None,
            },
        };
        Some(Used { group, binding, stage: seen_by, writable: access.contains(StorageAccess::STORE) })
    });
    found.collect()
}
