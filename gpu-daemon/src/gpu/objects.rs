//! The objects in the session's slabs: wgpu's ids with their owners, dropped with them.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::HashSet,
    ops::Deref,
    rc::Rc,
    sync::Arc,
};

use airlock_protocol::{commands::shader::CompilationMessage, ids};
use wgpu_core::{
    global::Global,
    id,
    resource::{TextureDescriptor, TextureViewDescriptor},
};
use wgpu_types as wgt;

use crate::{
    gpu::{device::Device, memory::Charge},
    shaders::Code,
};

/// wgpu's id of one kind of object, which knows how it is dropped.
pub trait Release: Copy {
    /// Drops wgpu's object. The id is dead afterwards: wgpu panics when it sees it again.
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

/// An object of wgpu's with the device that made it. wgpu's ids of failed creations are ids of invalid objects: using
/// them gives the errors that WebGPU asks for, so nothing here tells the two apart.
#[derive(Debug)]
pub struct Object<I: Release> {
    /// wgpu's id.
    pub id: I,
    /// The device.
    pub device: Rc<Device>,
}

impl<I: Release> Drop for Object<I> {
    fn drop(&mut self) {
        self.id.release(&self.device.global);
    }
}

/// A buffer with its size, which some of the checks here need.
#[derive(Debug)]
pub struct Buffer {
    /// wgpu's buffer.
    pub object: Object<id::BufferId>,
    /// In bytes.
    pub size: u64,
    /// What it may be used for.
    pub usage: wgt::BufferUsages,
    /// Its creation succeeded.
    pub valid: bool,
    /// The client has destroyed it.
    pub destroyed: bool,
    /// Its GPU memory, until it is destroyed.
    pub charge: Option<Charge>,
    /// What wgpu has beside it for the contents, until it is unmapped: a buffer that is mapped at its creation and cannot
    /// be mapped for writing is written through another.
    pub staging: Option<Charge>,
}

/// A command encoder, which its passes keep: what is wrong with a pass is reported by the encoder's finish.
#[derive(Debug)]
pub struct CommandEncoder {
    /// wgpu's encoder.
    pub object: Object<id::CommandEncoderId>,
    /// What is found here and not by wgpu, and makes its finish fail.
    pub flaws: RefCell<Flaws>,
}

impl CommandEncoder {
    /// Counts a debug group. wgpu does, too, but says only what is wrong first.
    pub fn group(&self, count: impl FnOnce(&mut Flaws)) {
        if let Ok(mut flaws) = self.flaws.try_borrow_mut() {
            count(&mut flaws);
        }
    }

    /// Notes a reason for the finish to fail.
    pub fn flaw(&self, reason: String) {
        // The borrow is free: no code that holds it calls another.
        if let Ok(mut flaws) = self.flaws.try_borrow_mut() {
            flaws.add(reason);
        }
    }
}

/// A command buffer.
#[derive(Debug)]
pub struct CommandBuffer {
    /// wgpu's command buffer.
    pub object: Object<id::CommandBufferId>,
}

/// A pipeline layout.
#[derive(Debug)]
pub struct PipelineLayout {
    /// wgpu's layout.
    pub object: Object<id::PipelineLayoutId>,
    /// Bytes of immediate data.
    pub immediates: u32,
}

/// A pipeline.
#[derive(Debug)]
pub struct Pipeline<I: Release> {
    /// wgpu's pipeline.
    pub object: Object<I>,
    /// Bytes of immediate data of its layout.
    pub immediates: u32,
}

impl<I: Release> Deref for Pipeline<I> {
    type Target = Object<I>;

    fn deref(&self) -> &Object<I> {
        &self.object
    }
}

/// A render bundle, with what a pass must have in common with it.
#[derive(Debug)]
pub struct RenderBundle {
    /// wgpu's bundle.
    pub object: Object<id::RenderBundleId>,
    /// It writes no depth.
    pub depth_read_only: bool,
    /// It writes no stencil.
    pub stencil_read_only: bool,
}

/// A texture, with what the checks of copies and of its views as attachments need.
#[derive(Debug)]
pub struct Texture {
    /// wgpu's texture.
    pub object: Object<id::TextureId>,
    /// Its GPU memory, until it is destroyed.
    pub charge: Option<Charge>,
    /// The format of its texels.
    pub format: wgt::TextureFormat,
    /// How many samples a texel has.
    pub samples: u32,
    /// Whether it is a 3D texture.
    pub volume: bool,
    /// Whether views of it are 2D, unless they ask for something else.
    pub flat: bool,
    /// What its views know of it when it is gone.
    pub made: Rc<Made>,
}

/// How a texture was made, and whether it is destroyed.
#[derive(Debug)]
pub struct Made {
    /// As wgpu had it, without the label.
    pub descriptor: TextureDescriptor<'static>,
    /// Its creation succeeded.
    pub valid: bool,
    /// The client has destroyed it.
    pub destroyed: Cell<bool>,
}

impl Made {
    /// Whether another texture stands in for it from now on: wgpu makes nothing of one that is destroyed.
    pub fn needs_stand_in(&self) -> bool {
        self.valid && self.destroyed.get()
    }
}

/// A view, with what the checks of attachments need.
#[derive(Debug)]
pub struct TextureView {
    /// wgpu's view, which a pass keeps that has work to do at its end.
    pub object: Rc<Object<id::TextureViewId>>,
    /// The format that it shows.
    pub format: wgt::TextureFormat,
    /// How many samples a texel has.
    pub samples: u32,
    /// Whether it is of a 3D texture.
    pub volume: bool,
    /// Whether a format has a size as a color attachment.
    pub colored: bool,
    /// Whether the view is 2D, or an array of that.
    pub flat: bool,
    /// The texture.
    pub texture: Rc<Made>,
    /// What it was made with, without the label.
    pub descriptor: TextureViewDescriptor<'static>,
}

/// A query set.
#[derive(Debug)]
pub struct QuerySet {
    /// wgpu's query set.
    pub object: Object<id::QuerySetId>,
    /// How many queries it has.
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
    PipelineLayout => PipelineLayoutId
);

/// An adapter.
#[derive(Debug)]
pub struct Adapter {
    /// The wgpu instance that the id belongs to.
    pub global: Arc<Global>,
    /// wgpu's id.
    pub id: id::AdapterId,
}

impl Drop for Adapter {
    fn drop(&mut self) {
        self.global.adapter_drop(self.id);
    }
}

/// A shader module with what its compiler said.
#[derive(Debug)]
pub struct ShaderModule {
    /// wgpu's module.
    pub object: Object<id::ShaderModuleId>,
    /// What `getCompilationInfo` answers.
    pub messages: Vec<CompilationMessage>,
    /// What the checks of pipelines look at; `None` for an invalid module.
    pub code: Option<Rc<Code>>,
}

/// What the commands of an unfinished bundle encoder have named. Unlike a pass, wgpu's bundle encoder keeps ids, looks them
/// up at its finish, and panics at one that is dead by then; so an object that is dropped before is kept until then.
#[derive(Debug, Default)]
pub struct Named {
    ids: HashSet<ids::Object>,
    kept: Vec<Rc<dyn Any>>,
    finished: bool,
}

impl Named {
    /// A command names an object.
    pub fn add(&mut self, object: ids::Object) {
        if !self.finished {
            self.ids.insert(object);
        }
    }

    /// True once the encoder has finished.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// True when a command has named the object, and the finish will look it up.
    pub fn contains(&self, object: ids::Object) -> bool {
        self.ids.contains(&object)
    }

    /// Takes over an object whose id is free from now on, if it was named.
    pub fn keep(&mut self, object: ids::Object, value: &Rc<dyn Any>) {
        if self.ids.remove(&object) {
            self.kept.push(Rc::clone(value));
        }
    }

    /// Nothing is looked up any more.
    pub fn finish(&mut self) {
        *self = Self { finished: true, ..Self::default() };
    }
}

/// What makes a recording invalid although wgpu takes it: the first reason, and groups that do not match.
#[derive(Debug, Default)]
pub struct Flaws {
    first: Option<String>,
    groups: u64,
}

impl Flaws {
    /// Notes a reason.
    pub fn add(&mut self, reason: String) {
        self.first.get_or_insert(reason);
    }

    /// A debug group opens.
    pub fn push_group(&mut self) {
        self.groups = self.groups.saturating_add(1);
    }

    /// A debug group closes, if one is open.
    pub fn pop_group(&mut self) {
        match self.groups.checked_sub(1) {
            Some(groups) => self.groups = groups,
            None => self.add("a debug group is popped while none is open".to_owned()),
        }
    }

    /// The reason, at the recording's finish.
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
