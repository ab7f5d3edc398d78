//! Accesses of passes and render bundles, gathered while they are recorded at little cost per draw.

use std::{ops::Range, sync::Arc};

use airlock_protocol::commands::{
    binding::{
        BindGroupEntry, BindGroupLayoutEntry, BindingResource, BindingType, BufferBindingType, StorageTextureAccess,
    },
    render_pass::{ColorAttachment, DepthStencilAttachment, LoadOp, TimestampWrites},
};

use super::{
    form::Form,
    resources::{Resource, Shape, Span, Write, all, part},
};
use crate::edit::wgsl::{StorageTypes, Type};

/// The access of a pass to a bound resource.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub span: Span,
    pub reads: bool,
    pub writes: bool,
    slot: Slot,
}

/// Further properties of an access.
#[derive(Clone, Debug)]
enum Slot {
    Other,
    /// A buffer's binding that starts at `start`, or further on by a dynamic offset.
    Binding {
        binding: u32,
        start: u64,
        dynamic: bool,
    },
    /// A shader of a bundle stores a value of this form.
    Stored(Form),
}

/// A range of a buffer that a shader may have stored to.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub span: Span,
    pub form: Form,
}

/// Distinct bind group indices; no adapter has more (WebGPU, "Limits", `maxBindGroups`).
const MAX_GROUPS: u32 = 16;

/// Distinct stores of one pass that are remembered. Beyond them, contents count as exact.
const MAX_STORED: usize = 4 << 10;

/// Stores that are searched for a repetition.
const RECENT: usize = 16;

/// Several accesses under one name: of a bind group, or of a whole bundle.
pub(crate) type Group = Arc<[Access]>;

impl Access {
    /// A resource bound to a slot of a layout. Without the slot's description, the resource's usage decides.
    pub fn bound(span: Span, entry: &BindGroupEntry, slot: Option<&BindGroupLayoutEntry>) -> Self {
        let (reads, writes) = match slot.map(|slot| slot.ty) {
            Some(BindingType::Buffer { ty, .. }) => (true, ty == BufferBindingType::Storage),
            Some(BindingType::StorageTexture { access, .. }) => {
                (access != StorageTextureAccess::WriteOnly, access != StorageTextureAccess::ReadOnly)
            }
            Some(_) => (true, false),
            None => (true, span.resource.has_storage_usage()),
        };
        let slot = match entry.resource {
            BindingResource::Buffer { offset, .. } => {
                let dynamic =
                    slot.is_some_and(|slot| matches!(slot.ty, BindingType::Buffer { has_dynamic_offset: true, .. }));
                Slot::Binding { binding: entry.binding, start: offset, dynamic }
            }
            _ => Slot::Other,
        };
        Self { span, reads, writes, slot }
    }

    /// The store of a shader to this binding's variable.
    fn stored(&self, wanted: u32, ty: Option<&Arc<Type>>) -> Option<Stored> {
        let Slot::Binding { binding, start, dynamic } = self.slot else { return None };
        let form = || match ty {
            Some(ty) if !dynamic || ty.is_uniform() => Form::Values(Arc::clone(ty), start),
            _ => Form::Unknown,
        };
        (binding == wanted && self.writes).then(|| Stored { span: self.span.clone(), form: form() })
    }
}

/// A pass or bundle that is being recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    /// The encoder of a pass, as [`Contents`](super::contents::Contents) numbers them.
    pub encoder: u64,
    /// Reads beside those of groups and buffers.
    pub reads: Vec<Span>,
    /// Writes beside those of groups.
    pub writes: Vec<Write>,
    /// The pass's occlusion queries.
    pub queries: Option<Arc<Resource>>,
    groups: Vec<Group>,
    buffers: Vec<Arc<Resource>>,
    /// The pipeline's writable storage buffers.
    pipeline: Option<Arc<StorageTypes>>,
    /// The groups by their index.
    bound: Vec<Option<Group>>,
    /// Something was set since the last draw or dispatch.
    changed: bool,
    stored: Vec<Stored>,
}

/// Adds to a list in which an element counts once. Repetitions are removed when the list has doubled.
fn add<T: ?Sized>(list: &mut Vec<Arc<T>>, item: &Arc<T>) {
    if list.last().is_some_and(|last| Arc::ptr_eq(last, item)) {
        return;
    }
    list.push(Arc::clone(item));
    if list.len() >= 16 && list.len().is_power_of_two() {
        unique(list);
    }
}

fn unique<T: ?Sized>(list: &mut Vec<Arc<T>>) {
    list.sort_unstable_by_key(|item| Arc::as_ptr(item).cast::<()>());
    list.dedup_by(|a, b| Arc::ptr_eq(a, b));
}

impl Recording {
    /// A pass of an encoder.
    pub fn of(encoder: u64) -> Self {
        Self { encoder, ..Self::default() }
    }

    /// Sets a bind group.
    pub fn group(&mut self, index: u32, group: &Group) {
        add(&mut self.groups, group);
        if index < MAX_GROUPS {
            let index = index as usize;
            if self.bound.len() <= index {
                self.bound.resize_with(index + 1, || None);
            }
            if let Some(slot) = self.bound.get_mut(index) {
                *slot = Some(Arc::clone(group));
            }
        }
        self.changed = true;
    }

    /// Executes a bundle.
    pub fn bundle(&mut self, bundle: &Group) {
        add(&mut self.groups, bundle);
        for access in bundle.iter() {
            if let Slot::Stored(form) = &access.slot {
                self.store(Stored { span: access.span.clone(), form: form.clone() });
            }
        }
        // Executing a bundle resets the pipeline and the bindings (WebGPU, `executeBundles`).
        (self.pipeline, self.changed) = (None, false);
        self.bound.clear();
    }

    /// Sets a pipeline.
    pub fn pipeline(&mut self, types: &Arc<StorageTypes>) {
        self.pipeline = Some(Arc::clone(types)).filter(|types| !types.is_empty());
        self.changed = true;
    }

    /// Records a draw or a dispatch: shaders may store to the bindings.
    pub fn work(&mut self) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let Some(types) = self.pipeline.clone() else { return };
        for ((group, binding), ty) in types.iter() {
            let Some(Some(group)) = self.bound.get(group as usize).cloned() else { continue };
            for stored in group.iter().filter_map(|access| access.stored(binding, ty)) {
                self.store(stored);
            }
        }
    }

    fn store(&mut self, stored: Stored) {
        let same = |other: &Stored| {
            Arc::ptr_eq(&other.span.resource, &stored.span.resource)
                && other.span.range == stored.span.range
                && other.form == stored.form
        };
        if self.stored.len() < MAX_STORED && !self.stored.iter().rev().take(RECENT).any(same) {
            self.stored.push(stored);
        }
    }

    /// Records a vertex, index or indirect buffer.
    pub fn buffer(&mut self, buffer: &Arc<Resource>) {
        add(&mut self.buffers, buffer);
    }

    /// Records a color attachment and its resolve target.
    pub fn color(&mut self, attachment: &ColorAttachment, view: &[Span], resolve: Option<&[Span]>) {
        let slice = attachment.depth_slice.is_some();
        self.attachment(view, attachment.load_op == LoadOp::Load, slice);
        if let Some(resolve) = resolve {
            self.attachment(resolve, false, false);
        }
    }

    /// Records the depth-stencil attachment. It is overwritten as a whole only if both aspects are cleared.
    pub fn depth_stencil(&mut self, attachment: &DepthStencilAttachment, view: &[Span]) {
        let a = attachment;
        let kept = |read_only: bool, load: Option<LoadOp>| read_only || load == Some(LoadOp::Load);
        let (depth, stencil) = (a.depth_load_op, a.stencil_load_op);
        if depth.is_none() && stencil.is_none() {
            self.reads.extend(view.iter().cloned());
            return;
        }
        let load = kept(a.depth_read_only, depth) || kept(a.stencil_read_only, stencil);
        self.attachment(view, load, false);
    }

    fn attachment(&mut self, view: &[Span], load: bool, in_part: bool) {
        // An attachment is one subresource; a view of several is invalid, and overwrites nothing.
        let one = matches!(view, [span] if span.range.end - span.range.start == 1);
        if load {
            self.reads.extend(view.iter().cloned());
        }
        self.writes.extend(view.iter().map(|span| Write { span: span.clone(), whole: one && !load && !in_part }));
    }

    /// Records timestamps at the start and the end.
    pub fn timestamps(&mut self, queries: &Arc<Resource>, writes: &TimestampWrites) {
        let places = [writes.beginning_of_pass_write_index, writes.end_of_pass_write_index];
        for place in places.into_iter().flatten() {
            self.writes.push(Write { span: part(queries, place.into(), 1), whole: true });
        }
    }

    /// Records the result of an occlusion query.
    pub fn occlusion(&mut self, query: u32) {
        if let Some(queries) = &self.queries {
            self.writes.push(Write { span: part(queries, query.into(), 1), whole: true });
        }
    }

    /// All accesses of a bundle, as one group.
    pub fn into_group(mut self) -> Group {
        unique(&mut self.groups);
        unique(&mut self.buffers);
        let access = |span, writes: bool, slot| Access { span, reads: !writes, writes, slot };
        let buffers = self.buffers.iter().map(|buffer| access(all(buffer), false, Slot::Other));
        let stored = self.stored.into_iter().map(|stored| access(stored.span, true, Slot::Stored(stored.form)));
        self.groups.iter().flat_map(|group| group.iter().cloned()).chain(buffers).chain(stored).collect()
    }

    /// All reads and writes of the pass, and the stores of its shaders to buffers.
    pub fn finish(mut self) -> (Vec<Span>, Vec<Write>, Vec<Stored>) {
        unique(&mut self.groups);
        unique(&mut self.buffers);
        let (mut reads, mut writes) = (self.reads, self.writes);
        reads.extend(self.buffers.iter().map(all));
        for access in self.groups.iter().flat_map(|group| group.iter()) {
            if access.reads {
                reads.push(access.span.clone());
            }
            if access.writes {
                writes.push(Write { span: access.span.clone(), whole: false });
            }
        }
        (reads, writes, self.stored)
    }
}

/// The part of a buffer that a binding exposes. A dynamic offset moves it.
pub(crate) fn binding_range(
    buffer: &Arc<Resource>,
    offset: u64,
    size: Option<u64>,
    slot: Option<&BindGroupLayoutEntry>,
) -> Span {
    let fixed = matches!(slot.map(|slot| slot.ty), Some(BindingType::Buffer { has_dynamic_offset: false, .. }));
    let Range { start, end } = part(buffer, offset, size.unwrap_or(u64::MAX)).range;
    let is_buffer = matches!(buffer.shape, Shape::Buffer { .. });
    Span { resource: Arc::clone(buffer), range: if fixed && is_buffer { start..end } else { 0..buffer.len } }
}
