//! What a render pass discards, and wgpu-core does not clear.
//!
//! WebGPU lets a discarded attachment read as zeros. wgpu-core keeps count of it and clears before the next use, but
//!
//! - by whole levels, of which a volume has one for all its slices: a slice that is discarded takes the others with it;
//! - not at all, where a pass loads one of depth and stencil, clears the other, and discards both.
//!
//! These are stored instead, and cleared by a pass of their own right after.

use std::{borrow::Cow, rc::Rc};

use airlock_protocol::commands::render_pass::{ColorAttachment, DepthStencilAttachment, StoreOp};
use wgpu_core::{
    command::{PassChannel, RenderPassColorAttachment, RenderPassDepthStencilAttachment, RenderPassDescriptor},
    id,
};
use wgpu_types as wgt;

use crate::gpu::objects::{CommandEncoder, Object, TextureView};

type View = Rc<Object<id::TextureViewId>>;

/// The attachments to be cleared.
#[derive(Debug, Default)]
pub struct Discards {
    slices: Vec<(View, Option<u32>)>,
    depth_stencil: Option<View>,
}

impl Discards {
    /// What the attachment of a color does at the end of its pass.
    pub fn color(&mut self, attachment: &ColorAttachment, view: &TextureView) -> StoreOp {
        if attachment.store_op == StoreOp::Discard && view.volume {
            self.slices.push((Rc::clone(&view.object), attachment.depth_slice));
            return StoreOp::Store;
        }
        attachment.store_op
    }

    /// What depth and stencil do at the end of their pass.
    pub fn depth_stencil(&mut self, attachment: &DepthStencilAttachment, view: &TextureView) -> [Option<StoreOp>; 2] {
        let stores = [attachment.depth_store_op, attachment.stencil_store_op];
        let both = view.format.has_depth_aspect() && view.format.has_stencil_aspect();
        if both && stores == [Some(StoreOp::Discard); 2] && attachment.depth_load_op != attachment.stencil_load_op {
            self.depth_stencil = Some(Rc::clone(&view.object));
            return [Some(StoreOp::Store); 2];
        }
        stores
    }

    /// `None` when there is nothing to clear.
    pub fn some(self) -> Option<Self> {
        (!self.slices.is_empty() || self.depth_stencil.is_some()).then_some(self)
    }

    /// Clears it all, after the pass. They were attachments of one pass, so they can be of another.
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
        // An encoder that has ended, or is invalid, says so itself.
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
