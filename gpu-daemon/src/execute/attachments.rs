//! Attachments of a render pass.

use airlock_protocol::{
    commands::render_pass::{ColorAttachment, DepthStencilAttachment, LoadOp, StoreOp},
    ids::TextureViewId,
};
use wgpu_core::{
    command::{PassChannel, RenderPassColorAttachment, RenderPassDepthStencilAttachment},
    id,
};
use wgpu_types as wgt;

use crate::{
    gpu::{discards::Discards, objects::TextureView, passes::PassLayout, violation::Violation},
    session::Session,
};

impl Session {
    /// The layout of a pass with these attachments, which its bundles must match.
    pub(super) fn pass_layout(
        &self,
        colors: &[Option<ColorAttachment>],
        depth_stencil: Option<&DepthStencilAttachment>,
    ) -> Result<PassLayout, Violation> {
        let mut samples = 1;
        let mut formats = Vec::with_capacity(colors.len());
        for attachment in colors {
            let view = attachment.as_ref().map(|attachment| self.texture_views.get(attachment.view)).transpose()?;
            samples = view.map_or(samples, |view| view.texture.descriptor.sample_count);
            formats.push(view.map(TextureView::format));
        }
        let view = depth_stencil.map(|attachment| self.texture_views.get(attachment.view)).transpose()?;
        samples = view.map_or(samples, |view| view.texture.descriptor.sample_count);
        Ok(PassLayout {
            colors: formats,
            depth_stencil: view.map(TextureView::format),
            samples,
            depth_read_only: depth_stencil.is_some_and(|attachment| attachment.depth_read_only),
            stencil_read_only: depth_stencil.is_some_and(|attachment| attachment.stencil_read_only),
        })
    }

    /// Finds an attachment on which wgpu panics: it reads the size of all color attachments' formats, and the layer of
    /// resolve targets, before it checks that they have one. A pass with such an attachment begins with that one alone, as
    /// a color attachment without a slice, so that wgpu reaches the checks that refuse it.
    pub(super) fn attachment_to_be_refused(
        &self,
        attachments: &[Option<ColorAttachment>],
    ) -> Result<Option<ColorAttachment>, Violation> {
        for attachment in attachments.iter().flatten() {
            let plain = ColorAttachment { depth_slice: None, resolve_target: None, ..*attachment };
            if !self.texture_views.get(attachment.view)?.is_colored() {
                return Ok(Some(plain));
            }
            if let Some(view) = attachment.resolve_target
                && !self.texture_views.get(view)?.is_flat()
            {
                return Ok(Some(ColorAttachment { view, ..plain }));
            }
        }
        Ok(None)
    }

    pub(super) fn color_attachment(
        &self,
        a: &ColorAttachment,
        discards: &mut Discards,
    ) -> Result<RenderPassColorAttachment, Violation> {
        let store = discards.color(a, self.texture_views.get(a.view)?);
        let [r, g, b, a_] = a.clear_value;
        let resolve = a.resolve_target.map(|view| self.view(view)).transpose()?;
        Ok(RenderPassColorAttachment {
            view: self.view(a.view)?,
            depth_slice: a.depth_slice,
            resolve_target: resolve,
            load_op: load_op(a.load_op, wgt::Color { r, g, b, a: a_ }),
            store_op: store_op(store),
        })
    }

    pub(super) fn depth_stencil_attachment(
        &self,
        a: &DepthStencilAttachment,
        discards: &mut Discards,
    ) -> Result<RenderPassDepthStencilAttachment<id::TextureViewId>, Violation> {
        let [depth_store, stencil_store] = discards.depth_stencil(a, self.texture_views.get(a.view)?);
        Ok(RenderPassDepthStencilAttachment {
            view: self.view(a.view)?,
            depth: PassChannel {
                load_op: a.depth_load_op.map(|op| load_op(op, a.depth_clear_value)),
                store_op: depth_store.map(store_op),
                read_only: a.depth_read_only,
            },
            stencil: PassChannel {
                load_op: a.stencil_load_op.map(|op| load_op(op, Some(a.stencil_clear_value))),
                store_op: stencil_store.map(store_op),
                read_only: a.stencil_read_only,
            },
        })
    }

    fn view(&self, view: TextureViewId) -> Result<id::TextureViewId, Violation> {
        self.texture_views.get(view).map(|view| view.id)
    }
}

fn load_op<V>(op: LoadOp, clear: V) -> wgt::LoadOp<V> {
    match op {
        LoadOp::Load => wgt::LoadOp::Load,
        LoadOp::Clear => wgt::LoadOp::Clear(clear),
    }
}

fn store_op(op: StoreOp) -> wgt::StoreOp {
    match op {
        StoreOp::Store => wgt::StoreOp::Store,
        StoreOp::Discard => wgt::StoreOp::Discard,
    }
}
