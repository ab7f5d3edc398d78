//! Objects in the session's slabs: wgpu's ids with their owners. Dropping one drops wgpu's object.

use std::{any::Any, cell::RefCell, collections::HashSet, ops::Deref, rc::Rc, sync::Arc};

use airlock_protocol::{commands::shader::CompilationMessage, ids};
use wgpu_core::{global::Global, id, resource::TextureViewDescriptor};
use wgpu_types as wgt;

use crate::{
    gpu::{
        aliases::{Bindings, Layout, Slots},
        device::Device,
        made::Made,
        memory::Charge,
    },
    shaders::Code,
};

/// A wgpu id that can be dropped.
pub trait Release: Copy {
    /// Drops wgpu's object. The id is dead afterwards: wgpu panics on further use.
    fn release(self, global: &Global);
}

macro_rules! release {
    ($($Id:ident => $drop:ident,)*) => {
        $(impl Release for id::$Id {
            fn release(self, global: &Global) {
                global.$drop(self);
            }
        })*
    };
}

release! {
    BufferId => buffer_drop,
    TextureId => texture_drop,
    TextureViewId => texture_view_drop,
    SamplerId => sampler_drop,
    BindGroupLayoutId => bind_group_layout_drop,
    PipelineLayoutId => pipeline_layout_drop,
    BindGroupId => bind_group_drop,
    ShaderModuleId => shader_module_drop,
    ComputePipelineId => compute_pipeline_drop,
    RenderPipelineId => render_pipeline_drop,
    CommandEncoderId => command_encoder_drop,
    CommandBufferId => command_buffer_drop,
    RenderBundleId => render_bundle_drop,
    QuerySetId => query_set_drop,
}

/// A wgpu object with the device that created it. wgpu's ids of failed creations refer to invalid objects: using them
/// raises the errors that WebGPU requires, so this code does not distinguish the two.
#[derive(Debug)]
pub struct Object<I: Release> {
    pub id: I,
    pub device: Rc<Device>,
}

impl<I: Release> Drop for Object<I> {
    fn drop(&mut self) {
        self.id.release(&self.device.global);
    }
}

/// `GPUBuffer`, with its size, which some of the daemon's checks need.
#[derive(Debug)]
pub struct Buffer {
    pub object: Object<id::BufferId>,
    /// In bytes.
    pub size: u64,
    /// Allowed usages.
    pub usage: wgt::BufferUsages,
    /// Its creation succeeded.
    pub valid: bool,
    /// The client has destroyed it.
    pub destroyed: bool,
    /// Its GPU memory, until it is destroyed.
    pub charge: Option<Charge>,
    /// GPU memory of wgpu's staging buffer, until the unmap: a buffer that is mapped at creation and has no MAP_WRITE
    /// is written through one.
    pub staging: Option<Charge>,
}

/// `GPUCommandEncoder`. Its passes keep it alive, because its finish reports their errors.
#[derive(Debug)]
pub struct CommandEncoder {
    pub object: Object<id::CommandEncoderId>,
    /// Errors of the daemon's own checks, which make its finish fail.
    pub flaws: RefCell<Flaws>,
    /// Resources of empty copies.
    pub named: RefCell<Vec<NamedInVain>>,
}

/// A resource of an empty copy. wgpu omits such a copy, and with it the resource, which WebGPU checks at the submit.
#[derive(Clone, Debug)]
pub enum NamedInVain {
    /// The client's id, and wgpu's, which differs when the client's is reused.
    Buffer(ids::BufferId, id::BufferId),
    Texture(Rc<Made>),
}

impl CommandEncoder {
    /// Counts a debug group. wgpu counts them too, but reports only its first error.
    pub fn group(&self, count: impl FnOnce(&mut Flaws)) {
        if let Ok(mut flaws) = self.flaws.try_borrow_mut() {
            count(&mut flaws);
        }
    }

    /// Records an error for the finish to report.
    pub fn flaw(&self, reason: String) {
        // The borrow succeeds: no code that holds one calls this.
        if let Ok(mut flaws) = self.flaws.try_borrow_mut() {
            flaws.add(reason);
        }
    }
}

/// `GPUCommandBuffer`.
#[derive(Debug)]
pub struct CommandBuffer {
    pub object: Object<id::CommandBufferId>,
    /// See [`CommandEncoder::named`].
    pub named: Vec<NamedInVain>,
}

/// `GPUPipelineLayout`.
#[derive(Debug)]
pub struct PipelineLayout {
    pub object: Object<id::PipelineLayoutId>,
    /// Bytes of immediate data.
    pub immediates: u32,
    /// Bindings of its groups that can overlap.
    pub layout: Layout,
}

/// `GPUBindGroupLayout`.
#[derive(Debug)]
pub struct BindGroupLayout {
    pub object: Object<id::BindGroupLayoutId>,
    /// Bindings that can overlap.
    pub slots: Slots,
}

/// `GPUBindGroup`.
#[derive(Debug)]
pub struct BindGroup {
    pub object: Object<id::BindGroupId>,
    /// Bindings that can overlap.
    pub bindings: Rc<Bindings>,
}

/// `GPUComputePipeline` or `GPURenderPipeline`.
#[derive(Debug)]
pub struct Pipeline<I: Release> {
    pub object: Object<I>,
    /// Bytes of immediate data of its layout.
    pub immediates: u32,
    /// Bindings of its layout that can overlap.
    pub layout: Layout,
}

impl<I: Release> Deref for Pipeline<I> {
    type Target = Object<I>;

    fn deref(&self) -> &Object<I> {
        &self.object
    }
}

/// `GPURenderBundle`, with the flags that a pass must match.
#[derive(Debug)]
pub struct RenderBundle {
    pub object: Object<id::RenderBundleId>,
    /// The bundle writes no depth.
    pub depth_read_only: bool,
    /// The bundle writes no stencil.
    pub stencil_read_only: bool,
}

/// `GPUTexture`.
#[derive(Debug)]
pub struct Texture {
    pub object: Object<id::TextureId>,
    /// Its GPU memory, until it is destroyed.
    pub charge: Option<Charge>,
    /// Its properties, which views need after it is dropped.
    pub made: Rc<Made>,
}

/// `GPUTextureView`.
#[derive(Debug)]
pub struct TextureView {
    pub object: ViewObject,
    /// Properties of the texture.
    pub texture: Rc<Made>,
    /// The descriptor passed to wgpu, without the label.
    pub descriptor: TextureViewDescriptor<'static>,
}

/// wgpu's view. Guests make views for every pass, so that most are not worth an allocation.
#[derive(Debug)]
pub enum ViewObject {
    Own(Object<id::TextureViewId>),
    /// Passes that discard it clear it at their end, see `discards`, when the client may have dropped it.
    Shared(Rc<Object<id::TextureViewId>>),
}

impl ViewObject {
    /// Shares the view where a pass may have to clear it: a view of a 3D texture, or of a format with depth and stencil.
    pub fn new(object: Object<id::TextureViewId>, format: wgt::TextureFormat, volume: bool) -> Self {
        if volume || format.has_depth_aspect() && format.has_stencil_aspect() {
            Self::Shared(Rc::new(object))
        } else {
            Self::Own(object)
        }
    }

    /// The view for a pass that clears it at its end.
    pub fn shared(&self) -> Option<Rc<Object<id::TextureViewId>>> {
        match self {
            Self::Own(_) => None,
            Self::Shared(object) => Some(Rc::clone(object)),
        }
    }
}

impl Deref for ViewObject {
    type Target = Object<id::TextureViewId>;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Own(object) => object,
            Self::Shared(object) => object,
        }
    }
}

impl TextureView {
    pub fn format(&self) -> wgt::TextureFormat {
        self.descriptor.format.unwrap_or(self.texture.descriptor.format)
    }

    /// True when the format has a size as a color attachment.
    pub fn is_colored(&self) -> bool {
        self.format().target_pixel_byte_cost().is_some()
    }

    /// True for a 2D or 2D array view.
    pub fn is_flat(&self) -> bool {
        use wgt::TextureViewDimension as D;
        let default = self.texture.descriptor.dimension == wgt::TextureDimension::D2;
        self.descriptor.dimension.map_or(default, |dimension| matches!(dimension, D::D2 | D::D2Array))
    }

    /// Number of array layers; `None` for all from the base layer on.
    pub fn layers(&self) -> Option<u32> {
        use wgt::TextureViewDimension as D;
        self.descriptor.range.array_layer_count.or(match self.descriptor.dimension {
            Some(D::D1 | D::D2 | D::D3) => Some(1),
            Some(D::Cube) => Some(6),
            Some(D::D2Array | D::CubeArray) | None => None,
        })
    }
}

/// `GPUQuerySet`.
#[derive(Debug)]
pub struct QuerySet {
    pub object: Object<id::QuerySetId>,
    /// Number of queries.
    pub count: u32,
    /// Its GPU memory, until it is destroyed.
    pub charge: Option<Charge>,
}

macro_rules! deref {
    ($($Kind:ident => $Id:ident),*) => {
        $(impl Deref for $Kind {
            type Target = Object<id::$Id>;

            fn deref(&self) -> &Self::Target {
                &self.object
            }
        })*
    };
}

deref!(
    Buffer => BufferId, Texture => TextureId, TextureView => TextureViewId, QuerySet => QuerySetId,
    CommandEncoder => CommandEncoderId, CommandBuffer => CommandBufferId, RenderBundle => RenderBundleId,
    PipelineLayout => PipelineLayoutId, BindGroupLayout => BindGroupLayoutId, BindGroup => BindGroupId
);

/// `GPUAdapter`.
#[derive(Debug)]
pub struct Adapter {
    /// The wgpu instance of the id.
    pub global: Arc<Global>,
    pub id: id::AdapterId,
}

impl Drop for Adapter {
    fn drop(&mut self) {
        self.global.adapter_drop(self.id);
    }
}

/// `GPUShaderModule`, with its compilation messages.
#[derive(Debug)]
pub struct ShaderModule {
    pub object: Object<id::ShaderModuleId>,
    /// The reply to `getCompilationInfo`.
    pub messages: Vec<CompilationMessage>,
    /// naga's module for the checks of pipelines; `None` for an invalid module.
    pub code: Option<Rc<Code>>,
}

/// Objects referenced by an unfinished bundle encoder. Unlike a pass, wgpu's bundle encoder stores ids, looks them up
/// at its finish, and panics on dead ones; so an object that the client drops before is kept until then.
#[derive(Debug, Default)]
pub struct Named {
    ids: HashSet<ids::Object>,
    kept: Vec<Rc<dyn Any>>,
    finished: bool,
}

impl Named {
    /// Records an object that a command refers to.
    pub fn add(&mut self, object: ids::Object) {
        if !self.finished {
            self.ids.insert(object);
        }
    }

    /// True once the encoder has finished.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// True when a command refers to the object, so that the finish looks it up.
    pub fn contains(&self, object: ids::Object) -> bool {
        self.ids.contains(&object)
    }

    /// Keeps an object whose id is freed, if a command refers to it.
    pub fn keep(&mut self, object: ids::Object, value: &Rc<dyn Any>) {
        if self.ids.remove(&object) {
            self.kept.push(Rc::clone(value));
        }
    }

    /// Releases the objects after the finish.
    pub fn finish(&mut self) {
        *self = Self { finished: true, ..Self::default() };
    }
}

/// Errors of a recording that wgpu accepts: the first reason, and unbalanced debug groups.
#[derive(Debug, Default)]
pub struct Flaws {
    first: Option<String>,
    groups: u64,
}

impl Flaws {
    /// Records a reason, if it is the first.
    pub fn add(&mut self, reason: String) {
        self.first.get_or_insert(reason);
    }

    /// Opens a debug group.
    pub fn push_group(&mut self) {
        self.groups = self.groups.saturating_add(1);
    }

    /// Closes a debug group; records an error if none is open.
    pub fn pop_group(&mut self) {
        match self.groups.checked_sub(1) {
            Some(groups) => self.groups = groups,
            None => self.add("a debug group is popped while none is open".to_owned()),
        }
    }

    /// Returns the first reason, at the recording's finish.
    pub fn finish(&mut self) -> Option<String> {
        if self.groups > 0 {
            self.add("a debug group is still open".to_owned());
        }
        self.first.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_groups_must_match() {
        let mut flaws = Flaws::default();
        flaws.push_group();
        flaws.pop_group();
        assert_eq!(flaws.finish(), None);
        flaws.push_group();
        assert_eq!(flaws.finish().as_deref(), Some("a debug group is still open"));
        let mut flaws = Flaws::default();
        flaws.pop_group();
        flaws.push_group();
        flaws.add("later".to_owned());
        assert_eq!(flaws.finish().as_deref(), Some("a debug group is popped while none is open"));
    }
}
