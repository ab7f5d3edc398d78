//! `GPURenderPassEncoder`.

use std::collections::BTreeSet;

use airlock_protocol::commands::{render_pass::*, texture::*};

use crate::{
    draws::Shape,
    model::{Model, Verdict, View},
    texture::format,
};

impl Model {
    pub fn begin_render_pass(&mut self, c: &BeginRenderPass<'_>) -> Verdict {
        let mut shape = None;
        let (mut valid, mut textures, mut written, mut cost) = (true, BTreeSet::new(), BTreeSet::new(), 0_u32);
        let is_empty = c.color_attachments.iter().flatten().count() == 0 && c.depth_stencil_attachment.is_none();
        valid &= !is_empty && c.color_attachments.len() <= 8;
        for attachment in c.color_attachments.iter().flatten() {
            let view = self.views.get(&attachment.view.0)?;
            textures.insert(view.texture);
            let resolve = attachment.resolve_target.map(|id| self.views.get(&id.0));
            if let Some(target) = resolve {
                textures.insert(target?.texture);
            }
            if !self.color(attachment, view) {
                valid = false;
                continue;
            }
            valid &= self.fits(view, &mut shape);
            let (bytes, alignment) = format(self.textures.get(&view.texture)?.format).cost;
            cost = cost.next_multiple_of(alignment) + bytes;
            let slice = attachment.depth_slice.unwrap_or(view.layer);
            valid &= written.insert((view.texture, view.level, slice));
            if let Some(target) = resolve.flatten() {
                valid &= self.resolve(view, target) && written.insert((target.texture, target.level, target.layer));
            }
        }
        valid &= cost <= 32;
        if let Some(attachment) = &c.depth_stencil_attachment {
            let view = self.views.get(&attachment.view.0)?;
            textures.insert(view.texture);
            valid &= self.depth_stencil(attachment, view) && self.fits(view, &mut shape);
        }
        let queries = match c.occlusion_query_set {
            None => None,
            Some(id) => {
                let set = self.query_sets.get(&id.0)?;
                valid &= set.valid;
                Some(set.count)
            }
        };
        let extent = shape.map_or((0, 0), |(width, height, _)| (width, height));
        let of = |view: &airlock_protocol::ids::TextureViewId| {
            Some(self.textures.get(&self.views.get(&view.0)?.texture)?.format)
        };
        let colors = c.color_attachments.iter().map(|a| a.as_ref().and_then(|a| of(&a.view))).collect();
        let depth_stencil = c.depth_stencil_attachment.as_ref();
        let samples = shape.map_or(1, |(_, _, samples)| samples);
        let layout = Shape::new(colors, depth_stencil.and_then(|a| of(&a.view)), samples);
        let (mut pass, ended) = self.begin(c.encoder.0, valid, extent, queries, |used| {
            used.textures.extend(textures);
            used.query_sets.extend(c.occlusion_query_set.map(|id| id.0));
        })?;
        pass.shape = layout;
        pass.read_only = depth_stencil.map_or([false; 2], |a| [a.depth_read_only, a.stencil_read_only]);
        self.render_passes.insert(c.pass.0, pass);
        Some(ended)
    }

    /// All attachments must have the same size and sample count.
    fn fits(&self, view: &View, shape: &mut Option<(u32, u32, u32)>) -> bool {
        let Some(texture) = self.textures.get(&view.texture) else { return false };
        if !view.valid {
            return false;
        }
        let Extent3d { width, height, .. } = texture.level(view.level);
        *shape.get_or_insert((width, height, texture.samples)) == (width, height, texture.samples)
    }

    /// "Renderable texture view": one level of one layer, or of a volume.
    fn is_renderable(view: &View, volumes: bool) -> bool {
        let one = match view.dimension {
            TextureViewDimension::D2 | TextureViewDimension::D2Array => true,
            TextureViewDimension::D3 => volumes,
            _ => false,
        };
        view.valid
            && one
            && view.usage.contains(TextureUsage::RENDER_ATTACHMENT)
            && view.levels == 1
            && view.layers == 1
    }

    /// "GPURenderPassColorAttachment Valid Usage".
    fn color(&self, attachment: &ColorAttachment, view: &View) -> bool {
        let Some(texture) = self.textures.get(&view.texture) else { return false };
        let slice = match (view.dimension, attachment.depth_slice) {
            (TextureViewDimension::D3, Some(slice)) => {
                view.valid && slice < texture.level(view.level).depth_or_array_layers
            }
            (TextureViewDimension::D3, None) => false,
            (_, slice) => slice.is_none(),
        };
        let of = format(texture.format);
        Self::is_renderable(view, true) && of.is_color() && of.renderable && slice
    }

    /// Its rules for the resolve target.
    fn resolve(&self, view: &View, target: &View) -> bool {
        let (Some(from), Some(to)) = (self.textures.get(&view.texture), self.textures.get(&target.texture)) else {
            return false;
        };
        Self::is_renderable(target, false)
            && from.samples > 1
            && to.samples == 1
            && from.format == to.format
            && format(to.format).resolvable
            && from.level(view.level).width == to.level(target.level).width
            && from.level(view.level).height == to.level(target.level).height
    }

    /// "GPURenderPassDepthStencilAttachment Valid Usage".
    fn depth_stencil(&self, a: &DepthStencilAttachment, view: &View) -> bool {
        let Some(texture) = self.textures.get(&view.texture) else { return false };
        let of = format(texture.format);
        let ops = |has: bool, read_only: bool, load: Option<LoadOp>, store: Option<StoreOp>| {
            let wanted = has && !read_only;
            load.is_some() == wanted && store.is_some() == wanted
        };
        let clears = a.depth_load_op != Some(LoadOp::Clear)
            || a.depth_clear_value.is_some_and(|value| (0.0..=1.0).contains(&value));
        Self::is_renderable(view, false)
            && !of.is_color()
            && (view.aspect == TextureAspect::All || of.depth != of.stencil)
            && ops(of.depth, a.depth_read_only, a.depth_load_op, a.depth_store_op)
            && ops(of.stencil, a.stencil_read_only, a.stencil_load_op, a.stencil_store_op)
            && clears
    }

    pub fn set_viewport(&mut self, c: &SetViewport) -> Verdict {
        Self::in_pass(self.render_passes.get_mut(&c.pass.0)?, |_| {
            let most = 8192.0;
            let range = most * 2.0;
            c.x >= -range
                && c.y >= -range
                && (0.0..=most).contains(&c.width)
                && (0.0..=most).contains(&c.height)
                && c.x + c.width <= range - 1.0
                && c.y + c.height <= range - 1.0
                && (0.0..=1.0).contains(&c.min_depth)
                && (0.0..=1.0).contains(&c.max_depth)
                && c.min_depth <= c.max_depth
        })
    }

    pub fn set_scissor(&mut self, c: &SetScissorRect) -> Verdict {
        Self::in_pass(self.render_passes.get_mut(&c.pass.0)?, |pass| {
            let within = |origin: u32, size: u32, all: u32| origin.checked_add(size).is_some_and(|end| end <= all);
            within(c.x, c.width, pass.extent.0) && within(c.y, c.height, pass.extent.1)
        })
    }

    pub fn begin_query(&mut self, c: &BeginOcclusionQuery) -> Verdict {
        Self::in_pass(self.render_passes.get_mut(&c.pass.0)?, |pass| {
            let is_there = pass.queries.is_some_and(|count| c.query_index < count);
            let valid = is_there && !pass.open_query && pass.asked.insert(c.query_index);
            pass.open_query |= valid;
            valid
        })
    }

    pub fn end_query(&mut self, c: &EndOcclusionQuery) -> Verdict {
        Self::in_pass(self.render_passes.get_mut(&c.pass.0)?, |pass| std::mem::take(&mut pass.open_query))
    }
}
