//! What passes and render bundles read and write: gathered while they are recorded, cheap for every draw.

use std::{ops::Range, sync::Arc};

use airlock_protocol::commands::{
    binding::{BindGroupLayoutEntry, BindingType, BufferBindingType, StorageTextureAccess},
    render_pass::{ColorAttachment, DepthStencilAttachment, LoadOp, TimestampWrites},
};

use super::resources::{Resource, Shape, Span, Write, all, part};

/// What a pass may do with something that is bound.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub span: Span,
    pub reads: bool,
    pub writes: bool,
}

/// Several accesses under one name: a bind group, or all of a bundle.
pub(crate) type Group = Arc<[Access]>;

impl Access {
    /// Something bound to a slot of a layout. Without the slot's description the usage says what may happen.
    pub fn bound(span: Span, slot: Option<&BindGroupLayoutEntry>) -> Self {
        let (reads, writes) = match slot.map(|slot| slot.ty) {
            Some(BindingType::Buffer { ty, .. }) => (true, ty == BufferBindingType::Storage),
            Some(BindingType::StorageTexture { access, .. }) => {
                (access != StorageTextureAccess::WriteOnly, access != StorageTextureAccess::ReadOnly)
            }
            Some(_) => (true, false),
            None => (true, span.resource.has_storage_usage()),
        };
        Self { span, reads, writes }
    }
}

/// A pass or bundle that is being recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    /// The encoder of a pass, as [`Contents`](super::contents::Contents) numbers them.
    pub encoder: u64,
    /// Read beside what groups and buffers say.
    pub reads: Vec<Span>,
    /// Written beside what groups say.
    pub writes: Vec<Write>,
    /// The pass's occlusion queries.
    pub queries: Option<Arc<Resource>>,
    groups: Vec<Group>,
    buffers: Vec<Arc<Resource>>,
}

/// Adds to a list in which a thing matters once. Repetitions are sorted out when the list has doubled.
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

    /// A bind group is set, or a bundle executed.
    pub fn group(&mut self, group: &Group) {
        add(&mut self.groups, group);
    }

    /// A vertex, index or indirect buffer is set.
    pub fn buffer(&mut self, buffer: &Arc<Resource>) {
        add(&mut self.buffers, buffer);
    }

    /// The attachment and where it is resolved to.
    pub fn color(&mut self, attachment: &ColorAttachment, view: &[Span], resolve: Option<&[Span]>) {
        let slice = attachment.depth_slice.is_some();
        self.attachment(view, attachment.load_op == LoadOp::Load, slice);
        if let Some(resolve) = resolve {
            self.attachment(resolve, false, false);
        }
    }

    /// The depth-stencil attachment. It is whole only if neither aspect keeps what was there.
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
        // An attachment is one subresource; anything else is not valid, and takes nothing away.
        let one = matches!(view, [span] if span.range.end - span.range.start == 1);
        if load {
            self.reads.extend(view.iter().cloned());
        }
        self.writes.extend(view.iter().map(|span| Write { span: span.clone(), whole: one && !load && !in_part }));
    }

    /// Timestamps at the start and the end.
    pub fn timestamps(&mut self, queries: &Arc<Resource>, writes: &TimestampWrites) {
        let places = [writes.beginning_of_pass_write_index, writes.end_of_pass_write_index];
        for place in places.into_iter().flatten() {
            self.writes.push(Write { span: part(queries, place.into(), 1), whole: true });
        }
    }

    /// An occlusion query counts.
    pub fn occlusion(&mut self, query: u32) {
        if let Some(queries) = &self.queries {
            self.writes.push(Write { span: part(queries, query.into(), 1), whole: true });
        }
    }

    /// All that a bundle does, as one group.
    pub fn into_group(mut self) -> Group {
        unique(&mut self.groups);
        unique(&mut self.buffers);
        let buffers = self.buffers.iter().map(|buffer| Access { span: all(buffer), reads: true, writes: false });
        self.groups.iter().flat_map(|group| group.iter().cloned()).chain(buffers).collect()
    }

    /// All that the pass reads and writes.
    pub fn finish(mut self) -> (Vec<Span>, Vec<Write>) {
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
        (reads, writes)
    }
}

/// The part of a buffer that a binding shows. A dynamic offset moves it.
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
