//! Recorders: render passes, compute passes and render bundle encoders.

use std::rc::Rc;

use wgpu_core::command;
use wgpu_types as wgt;

use crate::gpu::{
    aliases::Groups,
    device::Device,
    discards::Discards,
    immediates::Immediates,
    objects::{CommandEncoder, Flaws, Named},
};

/// A pass, which wgpu returns by value. It may be dropped at any time: an unfinished pass leaves its encoder locked, which
/// the encoder's finish reports.
#[derive(Debug)]
pub struct Recorder<T, S> {
    /// wgpu's pass; boxed, because it is large and slots are many.
    pub raw: Box<T>,
    pub device: Rc<Device>,
    pub encoder: Rc<CommandEncoder>,
    /// The client has ended it.
    pub ended: bool,
    /// State by kind of pass.
    pub state: S,
}

/// `GPURenderPassEncoder`.
pub type RenderPass = Recorder<command::RenderPass, Box<PassState>>;
/// `GPUComputePassEncoder`.
pub type ComputePass = Recorder<command::ComputePass, ComputeState>;

/// State of a compute pass.
#[derive(Debug, Default)]
pub struct ComputeState {
    pub immediates: Immediates,
    pub groups: Groups,
}

/// State of a render pass.
#[derive(Debug)]
pub struct PassState {
    /// The layout that a bundle must match.
    pub layout: PassLayout,
    /// Attachments to clear once it has ended.
    pub discards: Option<Discards>,
    /// Number of queries in its occlusion query set.
    pub queries: Option<u32>,
    pub immediates: Immediates,
    pub groups: Groups,
}

/// `GPURenderPassLayout` of a pass.
#[derive(Debug)]
pub struct PassLayout {
    /// Formats of the color attachments.
    pub colors: Vec<Option<wgt::TextureFormat>>,
    /// Format of the depth-stencil attachment.
    pub depth_stencil: Option<wgt::TextureFormat>,
    /// Samples per texel.
    pub samples: u32,
    pub depth_read_only: bool,
    pub stencil_read_only: bool,
}

/// `GPURenderBundleEncoder`.
#[derive(Debug)]
pub struct RenderBundleEncoder {
    pub raw: Box<command::RenderBundleEncoder>,
    pub device: Rc<Device>,
    /// Its creation succeeded.
    pub valid: bool,
    pub depth_read_only: bool,
    pub stencil_read_only: bool,
    pub immediates: Immediates,
    pub groups: Groups,
    /// Errors of the daemon's own checks, which make its finish fail.
    pub flaws: Flaws,
    /// Objects that its commands refer to.
    pub named: Named,
}
