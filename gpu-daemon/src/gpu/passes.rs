//! Passes and bundle encoders, which record until they end.

use std::rc::Rc;

use wgpu_core::command;
use wgpu_types as wgt;

use crate::gpu::{
    device::Device,
    discards::Discards,
    immediates::Immediates,
    objects::{CommandEncoder, Flaws, Named},
};

/// A pass, which wgpu hands out by value. It may be dropped at any time: a pass that never ended
/// leaves its encoder locked, and the encoder's finish says so.
#[derive(Debug)]
pub struct Recorder<T, S> {
    /// wgpu's recorder; boxed, because it is large and slots are many.
    pub raw: Box<T>,
    /// The device.
    pub device: Rc<Device>,
    /// The encoder.
    pub encoder: Rc<CommandEncoder>,
    /// The client has ended it.
    pub ended: bool,
    /// What is known of the pass beside that.
    pub state: S,
}

/// A render pass.
pub type RenderPass = Recorder<command::RenderPass, Box<PassState>>;
/// A compute pass.
pub type ComputePass = Recorder<command::ComputePass, Immediates>;

/// What a render pass needs to know.
#[derive(Debug)]
pub struct PassState {
    /// What a bundle must have in common with it.
    pub layout: PassLayout,
    /// What is to be cleared once it has ended.
    pub discards: Option<Discards>,
    /// How many queries its occlusion query set has.
    pub queries: Option<u32>,
    /// Its immediate data.
    pub immediates: Immediates,
}

/// The attachments of a pass, as a bundle sees them.
#[derive(Debug)]
pub struct PassLayout {
    /// The formats of its color attachments.
    pub colors: Vec<Option<wgt::TextureFormat>>,
    /// The format of its depth-stencil attachment.
    pub depth_stencil: Option<wgt::TextureFormat>,
    /// How many samples a texel has.
    pub samples: u32,
    /// The depth is not written.
    pub depth_read_only: bool,
    /// The stencil is not written.
    pub stencil_read_only: bool,
}

/// A bundle encoder.
#[derive(Debug)]
pub struct RenderBundleEncoder {
    /// wgpu's encoder.
    pub raw: Box<command::RenderBundleEncoder>,
    /// The device.
    pub device: Rc<Device>,
    /// Its creation succeeded.
    pub valid: bool,
    /// It writes no depth.
    pub depth_read_only: bool,
    /// It writes no stencil.
    pub stencil_read_only: bool,
    /// Its immediate data.
    pub immediates: Immediates,
    /// What is found here and not by wgpu, and makes its finish fail.
    pub flaws: Flaws,
    /// What its commands have named.
    pub named: Named,
}
