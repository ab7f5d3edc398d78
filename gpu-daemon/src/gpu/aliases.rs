//! Bindings of one draw or dispatch that overlap (WebGPU, "encoder bind groups alias a writable resource").
//!
//! Two bindings of one stage must not overlap if a shader may write through one of them. Usage scopes, which wgpu-core
//! checks, allow it: they apply to whole passes, where two draws may write the same buffer.

use std::{ops::Range, rc::Rc};

use wgpu_core::id;
use wgpu_types as wgt;

use crate::{gpu::made::Made, shaders};

/// Maximum number of recorded groups: no adapter has more, and wgpu-core refuses a group above its device's limit.
const MAX_GROUPS: usize = 32;

/// A binding of a bind group layout that can overlap another: a buffer or a storage texture.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    pub binding: u32,
    pub stages: wgt::ShaderStages,
    /// A shader may write through it.
    pub writable: bool,
    /// Each `setBindGroup` sets an offset for it.
    pub dynamic: bool,
}

/// The slots of a bind group layout, in the order of their bindings.
pub type Slots = Rc<[Slot]>;

/// The slots of a pipeline layout by group; `None` for a missing group.
pub type Layout = Rc<[Option<Slots>]>;

/// The slots of a layout's entries.
pub fn slots(entries: &[wgt::BindGroupLayoutEntry]) -> Slots {
    let slot = |entry: &wgt::BindGroupLayoutEntry| {
        let (writable, dynamic) = match entry.ty {
            wgt::BindingType::Buffer { ty, has_dynamic_offset, .. } => {
                (ty == wgt::BufferBindingType::Storage { read_only: false }, has_dynamic_offset)
            }
            wgt::BindingType::StorageTexture { access, .. } => (access != wgt::StorageTextureAccess::ReadOnly, false),
            _ => return None,
        };
        Some(Slot { binding: entry.binding, stages: entry.visibility, writable, dynamic })
    };
    in_order(entries.iter().filter_map(slot).collect())
}

/// The slots of an automatic layout, from the bindings that the pipeline's shaders use.
pub fn automatic(used: &[shaders::Used]) -> Layout {
    let mut groups: Vec<Option<Vec<Slot>>> = Vec::new();
    for &shaders::Used { group, binding, stage, writable } in used {
        let Some(index) = usize::try_from(group).ok().filter(|&index| index < MAX_GROUPS) else { continue };
        if groups.len() <= index {
            groups.resize(index.saturating_add(1), None);
        }
        let Some(slots) = groups.get_mut(index).map(|slots| slots.get_or_insert_default()) else { continue };
        match slots.iter_mut().find(|slot| slot.binding == binding) {
            Some(slot) => {
                slot.stages |= stage;
                slot.writable |= writable;
            }
            None => slots.push(Slot { binding, stages: stage, writable, dynamic: false }),
        }
    }
    groups.into_iter().map(|slots| slots.map(in_order)).collect()
}

fn in_order(mut slots: Vec<Slot>) -> Slots {
    slots.sort_by_key(|slot| slot.binding);
    slots.into()
}

/// A resource that a bind group binds to a [`Slot`].
#[derive(Clone, Debug)]
pub enum Resource {
    /// A range of a buffer in bytes.
    Buffer(id::BufferId, Range<u64>),
    /// Mip levels and array layers of a texture.
    Texture(Rc<Made>, Range<u32>, Range<u32>),
}

/// The bindings of a bind group that can overlap others.
#[derive(Debug, Default)]
pub struct Bindings {
    all: Vec<(Slot, Resource)>,
    writes: bool,
}

impl Bindings {
    /// The bindings of a group: its entries' resources by binding.
    pub fn new(slots: &[Slot], mut resource: impl FnMut(u32) -> Option<Resource>) -> Self {
        let all: Vec<_> = slots.iter().filter_map(|&slot| Some((slot, resource(slot.binding)?))).collect();
        let writes = all.iter().any(|(slot, _)| slot.writable);
        Self { all, writes }
    }
}

/// The bind groups of an encoder.
#[derive(Debug, Default)]
pub struct Groups {
    set: Vec<Option<(Rc<Bindings>, Vec<u32>)>>,
    layout: Option<Layout>,
    unchecked: bool,
}

impl Groups {
    /// Records `setBindGroup`.
    pub fn set(&mut self, index: u32, group: Option<&Rc<Bindings>>, offsets: &[u32]) {
        let Some(index) = usize::try_from(index).ok().filter(|&index| index < MAX_GROUPS) else { return };
        if self.set.len() <= index {
            self.set.resize(index.saturating_add(1), None);
        }
        if let Some(place) = self.set.get_mut(index) {
            *place = group.map(|group| (Rc::clone(group), offsets.to_vec()));
        }
        self.unchecked = true;
    }

    /// Records `setPipeline`.
    pub fn pipeline(&mut self, layout: &Layout) {
        self.layout = Some(Rc::clone(layout));
        self.unchecked = true;
    }

    /// Checks a draw or dispatch with these groups; returns the reason if it is invalid. Later calls with the same groups and
    /// pipeline return `None`.
    #[inline]
    pub fn flaw(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.unchecked) { None } else { self.look() }
    }

    fn look(&self) -> Option<String> {
        let layout = self.layout.as_ref()?;
        let groups =
            self.set.iter().zip(layout.iter()).filter_map(|(group, slots)| group.as_ref().filter(|_| slots.is_some()));
        if !groups.clone().any(|(bindings, _)| bindings.writes) {
            return None;
        }
        let (mut buffers, mut textures) = (Vec::new(), Vec::new());
        for (bindings, offsets) in groups {
            let mut offsets = offsets.iter();
            for (slot, resource) in &bindings.all {
                let offset = if slot.dynamic { offsets.next().copied().unwrap_or(0) } else { 0 };
                match resource {
                    Resource::Buffer(id, range) => {
                        let moved = |end: u64| end.saturating_add(u64::from(offset));
                        buffers.push((*id, moved(range.start), moved(range.end), slot));
                    }
                    Resource::Texture(texture, levels, layers) => textures.push((texture, levels, layers, slot)),
                }
            }
        }
        buffers.sort_by_key(|&(id, start, ..)| (id, start));
        textures.sort_by_key(|(texture, ..)| Rc::as_ptr(texture));
        for stage in [wgt::ShaderStages::VERTEX, wgt::ShaderStages::FRAGMENT, wgt::ShaderStages::COMPUTE] {
            let seen = buffers.iter().filter(|(.., slot)| slot.stages.contains(stage));
            if let Some(flaw) = overlapping_buffers(seen.map(|&(id, start, end, slot)| (id, start, end, slot))) {
                return Some(flaw);
            }
            for (place, (texture, levels, layers, slot)) in textures.iter().enumerate() {
                let others = textures.iter().skip(place.saturating_add(1));
                let others = others.take_while(|(other, ..)| Rc::ptr_eq(texture, other));
                for (_, other_levels, other_layers, other) in others {
                    let both = slot.stages & other.stages;
                    if both.contains(stage)
                        && (slot.writable || other.writable)
                        && meet(levels, other_levels)
                        && meet(layers, other_layers)
                    {
                        return Some(reason("subresources of a texture", slot, other));
                    }
                }
            }
        }
        None
    }
}

/// Finds the first overlap with a writable binding; `ranges` are sorted.
fn overlapping_buffers<'a>(ranges: impl Iterator<Item = (id::BufferId, u64, u64, &'a Slot)>) -> Option<String> {
    // Of the current buffer: the binding that reaches furthest, of all and of the writable ones.
    let mut furthest: [Option<(id::BufferId, u64, &Slot)>; 2] = [None; 2];
    for (id, start, end, slot) in ranges {
        let [any, written] = furthest.map(|reach| reach.filter(|&(of, reach, _)| of == id && start < reach));
        if let Some((_, _, other)) = written.or(any.filter(|_| slot.writable)) {
            return Some(reason("ranges of a buffer", slot, other));
        }
        let [any, written] = &mut furthest;
        for reach in [Some(any), slot.writable.then_some(written)].into_iter().flatten() {
            if reach.is_none_or(|(of, reach, _)| of != id || reach < end) {
                *reach = Some((id, end, slot));
            }
        }
    }
    None
}

fn meet(one: &Range<u32>, other: &Range<u32>) -> bool {
    one.start < other.end && other.start < one.end
}

fn reason(what: &str, one: &Slot, other: &Slot) -> String {
    format!(
        "bindings {} and {} are overlapping {what}, and a shader may write to one of them",
        other.binding, one.binding
    )
}
