//! Discarded attachments that wgpu-core does not clear.
//!
//! In WebGPU a discarded attachment reads as zeros. wgpu-core tracks that and clears before the next use, but
//!
//! - per mip level, which all slices of a volume share: discarding a slice discards the others with it;
//! - not at all, where a pass loads one of depth and stencil, clears the other, and discards both.
//!
//! These attachments are stored instead, and cleared by an extra pass right after.

use std::{borrow::Cow, rc::Rc};

use airlock_protocol::commands::render_pass::{ColorAttachment, DepthStencilAttachment, StoreOp};
use wgpu_core::{
    command::{PassChannel, RenderPassColorAttachment, RenderPassDepthStencilAttachment, RenderPassDescriptor},
    id,
};
use wgpu_types as wgt;

use crate::gpu::objects::{CommandEncoder, Object, TextureView};

type View = Rc<Object<id::TextureViewId>>;

/// Attachments to clear after a pass.
#[derive(Debug, Default)]
pub struct Discards {
    slices: Vec<(View, Option<u32>)>,
    depth_stencil: Option<View>,
}

impl Discards {
    /// The store operation for a color attachment; adds it if it needs clearing.
    pub fn color(&mut self, attachment: &ColorAttachment, view: &TextureView) -> StoreOp {
        if attachment.store_op == StoreOp::Discard
            && view.texture.is_volume()
            && let Some(object) = view.object.shared()
        {
            self.slices.push((object, attachment.depth_slice));
            return StoreOp::Store;
        }
        attachment.store_op
    }

    /// The store operations for depth and stencil; adds them if they need clearing.
    pub fn depth_stencil(&mut self, attachment: &DepthStencilAttachment, view: &TextureView) -> [Option<StoreOp>; 2] {
        let stores = [attachment.depth_store_op, attachment.stencil_store_op];
        let format = view.format();
        let both = format.has_depth_aspect() && format.has_stencil_aspect();
        if both
            && stores == [Some(StoreOp::Discard); 2]
            && attachment.depth_load_op != attachment.stencil_load_op
            && let Some(object) = view.object.shared()
        {
            self.depth_stencil = Some(object);
            return [Some(StoreOp::Store); 2];
        }
        stores
    }

    /// `None` when no attachment needs clearing.
    pub fn some(self) -> Option<Self> {
        (!self.slices.is_empty() || self.depth_stencil.is_some()).then_some(self)
    }

    /// Clears the attachments after the pass. They were attachments of one pass, so they can be of another.
    pub fn clear(&self, encoder: &CommandEncoder) {
        let clear = |(view, depth_slice): &(View, Option<u32>)| {
            Some(RenderPassColorAttachment {
                view: view.id,
                depth_slice: *depth_slice,
                resolve_target: None,
                load_op: wgt::LoadOp::Clear(wgt::Color::TRANSPARENT),
                store_op: wgt::StoreOp::Store,
            })
        };
        let descriptor = RenderPassDescriptor {
            label: None,
            color_attachments: Cow::Owned(self.slices.iter().map(clear).collect()),
            depth_stencil_attachment: self.depth_stencil.as_ref().map(|view| RenderPassDepthStencilAttachment {
                view: view.id,
                depth: cleared(0.0),
                stencil: cleared(0),
            }),
            timestamp_writes: None,
            occlusion_query_set: None,
            multiview_mask: None,
        };
        let global = &encoder.device.global;
        let (mut pass, error) = global.command_encoder_begin_render_pass(encoder.id, &descriptor);
        let ended = global.render_pass_end(&mut pass);
        // An ended or invalid encoder reports its own errors.
        tracing::trace!("discards cleared: {error:?}, {ended:?}");
    }
}

fn cleared<V>(value: V) -> PassChannel<Option<V>> {
    PassChannel {
        load_op: Some(wgt::LoadOp::Clear(Some(value))),
        store_op: Some(wgt::StoreOp::Store),
        read_only: false,
    }
}
