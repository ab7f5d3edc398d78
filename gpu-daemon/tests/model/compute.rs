//! Compute passes: pipelines, bind groups, dispatches, and what they compute.

use airlock_protocol::commands::{binding::*, compute_pass::*};

use crate::{
    contents::Effect,
    model::{Model, Pass, Verdict},
};

/// The module of all compute pipelines.
pub const MODULE: &str = "@group(0) @binding(0) var<storage, read_write> a: array<u32>;
    @group(1) @binding(0) var<storage, read> b: array<u32>;
    @group(1) @binding(0) var<storage, read_write> c: array<u32>;
    @compute @workgroup_size(1) fn scale(@builtin(global_invocation_id) id: vec3u) {
        if id.x < arrayLength(&a) { a[id.x] = a[id.x] * 3u + id.x + 1u; }
    }
    @compute @workgroup_size(1) fn add(@builtin(global_invocation_id) id: vec3u) {
        if id.x < min(arrayLength(&a), arrayLength(&b)) { a[id.x] += b[id.x]; }
    }
    @compute @workgroup_size(1) fn both(@builtin(global_invocation_id) id: vec3u) {
        if id.x < min(arrayLength(&a), arrayLength(&c)) { a[id.x] ^= 5u; c[id.x] += 2u; }
    }";

/// An entry point of [`MODULE`].
#[derive(Clone, Copy, Debug)]
pub enum Kernel {
    Scale,
    Add,
    Both,
}

/// The layouts of bind groups that each worker has, from number 1 on.
pub fn layouts() -> Vec<BindGroupLayoutEntry> {
    let entry = |ty, has_dynamic_offset| BindGroupLayoutEntry {
        binding: 0,
        visibility: ShaderStage::COMPUTE,
        ty: BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: 0 },
    };
    let (storage, read_only) = (BufferBindingType::Storage, BufferBindingType::ReadOnlyStorage);
    vec![entry(storage, false), entry(read_only, false), entry(storage, true)]
}

/// The compute pipelines that each worker has, from number 1 on, with the numbers of their groups' layouts.
pub const PIPELINES: [(&str, Kernel, &[u32]); 4] = [
    ("scale", Kernel::Scale, &[1]),
    ("add", Kernel::Add, &[1, 2]),
    ("scale", Kernel::Scale, &[3]),
    ("both", Kernel::Both, &[1, 1]),
];

/// What a bind group binds.
#[derive(Clone, Copy)]
pub enum Bound {
    /// Its offset and size in bytes.
    Buffer(u32, u64, u64),
    /// A view of this texture.
    Texture(u32),
}

/// A bind group of one binding.
#[derive(Clone, Copy)]
pub struct Group {
    pub valid: bool,
    pub layout: Option<BindGroupLayoutEntry>,
    pub bound: Option<Bound>,
}

/// The state of a compute pass.
#[derive(Clone, Default)]
pub struct Dispatches {
    pipeline: Option<u32>,
    /// Each with its dynamic offset.
    groups: [Option<(Group, u64)>; 4],
}

impl Group {
    fn has_dynamic_offset(&self) -> bool {
        self.layout.is_some_and(|entry| matches!(entry.ty, BindingType::Buffer { has_dynamic_offset: true, .. }))
    }
}

impl Model {
    pub fn compute_set_pipeline(&mut self, c: &ComputePassSetPipeline) -> Verdict {
        Self::in_pass(self.compute_passes.get_mut(&c.pass.0)?, |pass| {
            pass.dispatches.pipeline = Some(c.pipeline.0);
            true
        })
    }

    /// "GPUBindingCommandsMixin", `setBindGroup`. What it binds is used, whether or not a dispatch uses it.
    pub fn compute_set_group(&mut self, c: &ComputePassSetBindGroup) -> Verdict {
        let group = match c.bind_group {
            Some(id) => Some(*self.groups.get(&id.0)?),
            None => None,
        };
        let offset = c.dynamic_offsets.first().map_or(0, |&offset| u64::from(offset));
        let wanted = group.is_some_and(|group| group.has_dynamic_offset());
        let within = match group.and_then(|group| group.bound) {
            Some(Bound::Buffer(buffer, start, size)) if wanted => {
                let end = self.buffers.get(&buffer)?.size;
                start.checked_add(size).and_then(|sum| sum.checked_add(offset)).is_some_and(|sum| sum <= end)
            }
            _ => true,
        };
        let valid = c.index < 4
            && group.is_none_or(|group| group.valid)
            && c.dynamic_offsets.len() == usize::from(wanted)
            && offset.is_multiple_of(256)
            && within;
        let pass = self.compute_passes.get_mut(&c.pass.0)?;
        if pass.begun && !pass.ended {
            let used = &mut self.encoders.get_mut(&pass.encoder)?.used;
            match group.and_then(|group| group.bound) {
                Some(Bound::Buffer(buffer, ..)) => _ = used.buffers.insert(buffer),
                Some(Bound::Texture(texture)) => _ = used.textures.insert(texture),
                None => {}
            }
        }
        Self::in_pass(pass, |pass| {
            if let Some(place) = pass.dispatches.groups.get_mut(c.index as usize) {
                *place = group.map(|group| (group, offset));
            }
            valid
        })
    }

    pub fn dispatch(&mut self, c: &DispatchWorkgroups) -> Verdict {
        let pass = self.compute_passes.get(&c.pass.0)?;
        let effect = self.dispatched(pass, [c.x, c.y, c.z]);
        let pass = self.compute_passes.get_mut(&c.pass.0)?;
        if pass.begun && !pass.ended {
            self.encoders.get_mut(&pass.encoder)?.used.effects.extend(effect.clone());
        }
        Self::in_pass(pass, |_| effect.is_some())
    }

    /// "Valid to dispatch": what a dispatch does, or `None` for an invalid one.
    fn dispatched(&self, pass: &Pass, size: [u32; 3]) -> Option<Effect> {
        let number = pass.dispatches.pipeline?.checked_sub(1)?;
        let &(_, kernel, wanted) = PIPELINES.get(number as usize)?;
        let mut ranges: Vec<(u32, u64, u64, bool)> = Vec::new();
        for (&layout, group) in wanted.iter().zip(&pass.dispatches.groups) {
            let &(group, offset) = group.as_ref()?;
            let entry = self.layouts.get(&layout)?.0?;
            let Some(Bound::Buffer(buffer, start, size)) = group.bound else { return None };
            let writes = matches!(entry.ty, BindingType::Buffer { ty: BufferBindingType::Storage, .. });
            // An array of unknown length has at least one element.
            if !group.valid || group.layout != Some(entry) || size < 4 {
                return None;
            }
            ranges.push((buffer, start + offset, size, writes));
        }
        // One buffer is read, or written in ranges that do not overlap.
        for (place, &(buffer, start, size, writes)) in ranges.iter().enumerate() {
            for &(_, other_start, other_size, other) in ranges.iter().skip(place + 1).filter(|other| other.0 == buffer)
            {
                let meet = start < other_start + other_size && other_start < start + size;
                if writes != other || (writes && meet) {
                    return None;
                }
            }
        }
        let [x, y, z] = size;
        let count = u64::from(if y == 0 || z == 0 { 0 } else { x });
        let ranges = ranges.into_iter().map(|(buffer, start, size, _)| (buffer, start, size)).collect();
        size.iter().all(|&groups| groups <= 65535).then_some(Effect::Dispatch { kernel, ranges, count })
    }
}
