//! `GPURenderPassEncoder`.

use std::{borrow::Cow, rc::Rc};

use airlock_protocol::{
    commands::render_pass::{
        BeginOcclusionQuery, BeginRenderPass, ColorAttachment, EndOcclusionQuery, EndRenderPass, ExecuteBundles,
        RenderPassDraw, RenderPassDrawIndexed, RenderPassDrawIndexedIndirect, RenderPassDrawIndirect,
        RenderPassInsertDebugMarker, RenderPassPopDebugGroup, RenderPassPushDebugGroup, RenderPassSetBindGroup,
        RenderPassSetImmediates, RenderPassSetIndexBuffer, RenderPassSetPipeline, RenderPassSetVertexBuffer,
        SetBlendConstant, SetScissorRect, SetStencilReference, SetViewport,
    },
    limits::{MAX_LABEL, cut},
};
use wgpu_core::command::{
    self, PassStateError, RenderBundleDescriptor, RenderBundleEncoderDescriptor, RenderPassDescriptor,
};
use wgpu_types as wgt;

use super::buffer_range::{aligned_indices, range};
use crate::{
    convert::{self, pipeline::index_format},
    gpu::{
        aliases::Groups,
        device::Device,
        discards::Discards,
        immediates::Immediates,
        objects::RenderBundle,
        passes::{PassLayout, PassState, Recorder, RenderPass},
        violation::{Outcome, check_list},
    },
    session::Session,
};

impl Session {
    /// As for compute passes, wgpu always returns a pass.
    pub(super) fn begin_render_pass(&mut self, c: BeginRenderPass<'_>) -> Outcome {
        check_list(&c.color_attachments)?;
        let encoder = Rc::clone(self.command_encoders.get(c.encoder)?);
        let device = Rc::clone(&encoder.device);
        self.render_passes.vacant(c.pass)?;
        let refused = self.attachment_to_be_refused(&c.color_attachments)?;
        let colors = match &refused {
            Some(_) => std::slice::from_ref(&refused),
            None => c.color_attachments.as_slice(),
        };
        let mut colors = colors.to_vec();
        convert::used_slots(&mut colors, device.global.device_limits(device.id).max_color_attachments);
        let mut discards = Discards::default();
        let layout = self.pass_layout(&colors, c.depth_stencil_attachment.as_ref())?;
        let mut color = |attachment: &Option<ColorAttachment>| {
            attachment.as_ref().map(|attachment| self.color_attachment(attachment, &mut discards)).transpose()
        };
        let colors = colors.iter().map(&mut color).collect::<Result<Vec<_>, _>>()?;
        let depth_stencil = c.depth_stencil_attachment.as_ref();
        let depth_stencil = depth_stencil.map(|a| self.depth_stencil_attachment(a, &mut discards)).transpose()?;
        let occlusion = c.occlusion_query_set.map(|id| self.query_sets.get(id)).transpose()?;
        let queries = occlusion.map(|set| set.count);
        let descriptor = RenderPassDescriptor {
            label: convert::label(c.label),
            color_attachments: Cow::Owned(colors),
            depth_stencil_attachment: depth_stencil,
            timestamp_writes: self.timestamp_writes(&encoder, c.timestamp_writes)?,
            occlusion_query_set: occlusion.map(|set| set.id),
            multiview_mask: None,
        };
        let begun = device.global.command_encoder_begin_render_pass(encoder.id, &descriptor);
        let mut raw = Box::new(device.created("GPUCommandEncoder.beginRenderPass", c.label, begun));
        // WebGPU, "beginRenderPass": the initial blend constant is transparent black. wgpu requires it to be set.
        let constant = device.global.render_pass_set_blend_constant(&mut raw, wgt::Color::TRANSPARENT);
        tracing::trace!("the first blend constant: {constant:?}");
        let (discards, immediates, groups) = (discards.some(), Immediates::default(), Groups::default());
        let state = Box::new(PassState { layout, discards, queries, immediates, groups });
        self.render_passes.insert(c.pass, Recorder { raw, device, encoder, ended: false, state })
    }

    pub(super) fn render_pass_set_pipeline(&mut self, c: RenderPassSetPipeline) -> Outcome {
        let pipeline = self.render_pipelines.get(c.pipeline)?;
        let Recorder { raw, device, state, .. } = self.render_passes.get_mut(c.pass)?;
        state.immediates.pipeline(pipeline.immediates);
        state.groups.pipeline(&pipeline.layout);
        let pipeline = pipeline.id;
        device.check("GPURenderPassEncoder.setPipeline", device.global.render_pass_set_pipeline(raw, pipeline));
        Ok(())
    }

    pub(super) fn render_pass_set_index_buffer(&mut self, c: RenderPassSetIndexBuffer) -> Outcome {
        let buffer = self.buffers.get(c.buffer)?;
        let (buffer, buffer_size) = (buffer.id, buffer.size);
        let Recorder { raw, device, .. } = self.render_passes.get_mut(c.pass)?;
        let format = index_format(c.format);
        if let Some((offset, size)) = aligned_indices(c.offset, c.size) {
            // Any error occurs in the next call too, which reports it.
            let _ = device.global.render_pass_set_index_buffer(raw, buffer, format, offset, size);
        }
        let (offset, size) = range(c.offset, c.size, buffer_size);
        let result = device.global.render_pass_set_index_buffer(raw, buffer, format, offset, size);
        device.check("GPURenderPassEncoder.setIndexBuffer", result);
        Ok(())
    }

    pub(super) fn render_pass_set_vertex_buffer(&mut self, c: RenderPassSetVertexBuffer) -> Outcome {
        let buffer = c.buffer.map(|id| self.buffers.get(id)).transpose()?;
        let (buffer, buffer_size) = (buffer.map(|buffer| buffer.id), buffer.map_or(0, |buffer| buffer.size));
        let Recorder { raw, device, .. } = self.render_passes.get_mut(c.pass)?;
        let (offset, size) = range(c.offset, c.size, buffer_size);
        let result = device.global.render_pass_set_vertex_buffer(raw, c.slot, buffer, offset, size);
        device.check("GPURenderPassEncoder.setVertexBuffer", result);
        Ok(())
    }

    pub(super) fn render_pass_draw(&mut self, c: RenderPassDraw) -> Outcome {
        let Recorder { raw, device, .. } = ready_to_draw(self.render_passes.get_mut(c.pass)?);
        let global = &device.global;
        let result = global.render_pass_draw(raw, c.vertex_count, c.instance_count, c.first_vertex, c.first_instance);
        device.check("GPURenderPassEncoder.draw", result);
        Ok(())
    }

    pub(super) fn render_pass_draw_indexed(&mut self, c: RenderPassDrawIndexed) -> Outcome {
        let Recorder { raw, device, .. } = ready_to_draw(self.render_passes.get_mut(c.pass)?);
        let result = device.global.render_pass_draw_indexed(
            raw,
            c.index_count,
            c.instance_count,
            c.first_index,
            c.base_vertex,
            c.first_instance,
        );
        device.check("GPURenderPassEncoder.drawIndexed", result);
        Ok(())
    }

    pub(super) fn render_pass_draw_indirect(&mut self, c: RenderPassDrawIndirect) -> Outcome {
        let buffer = self.buffers.get(c.buffer)?.id;
        let Recorder { raw, device, .. } = ready_to_draw(self.render_passes.get_mut(c.pass)?);
        let result = device.global.render_pass_draw_indirect(raw, buffer, c.offset);
        device.check("GPURenderPassEncoder.drawIndirect", result);
        Ok(())
    }

    pub(super) fn render_pass_draw_indexed_indirect(&mut self, c: RenderPassDrawIndexedIndirect) -> Outcome {
        let buffer = self.buffers.get(c.buffer)?.id;
        let Recorder { raw, device, .. } = ready_to_draw(self.render_passes.get_mut(c.pass)?);
        let result = device.global.render_pass_draw_indexed_indirect(raw, buffer, c.offset);
        device.check("GPURenderPassEncoder.drawIndexedIndirect", result);
        Ok(())
    }

    pub(super) fn render_pass_set_bind_group(&mut self, c: RenderPassSetBindGroup) -> Outcome {
        check_list(&c.dynamic_offsets)?;
        let group = c.bind_group.map(|id| self.bind_groups.get(id)).transpose()?;
        let Recorder { raw, device, state, .. } = self.render_passes.get_mut(c.pass)?;
        state.groups.set(c.index, group.map(|group| &group.bindings), &c.dynamic_offsets);
        let group = group.map(|group| group.id);
        let result = device.global.render_pass_set_bind_group(raw, c.index, group, &c.dynamic_offsets);
        device.check("GPURenderPassEncoder.setBindGroup", result);
        Ok(())
    }

    pub(super) fn render_pass_set_immediates(&mut self, c: RenderPassSetImmediates<'_>) -> Outcome {
        let Recorder { device, encoder, ended, state, .. } = self.render_passes.get_mut(c.pass)?;
        if *ended {
            device.invalid("GPURenderPassEncoder.setImmediates", "", "the pass has ended");
            return Ok(());
        }
        let limit = device.global.device_limits(device.id).max_immediate_size;
        if let Err(reason) = state.immediates.set(c.offset, c.data, limit) {
            encoder.flaw(reason);
        }
        Ok(())
    }

    pub(super) fn set_viewport(&mut self, c: SetViewport) -> Outcome {
        let Recorder { raw, device, .. } = self.render_passes.get_mut(c.pass)?;
        // WebGPU requires finite values; wgpu's comparisons let NaN through. A negative width is always refused.
        let finite = [c.x, c.y, c.width, c.height, c.min_depth, c.max_depth].iter().all(|value| value.is_finite());
        let width = if finite { c.width } else { -1.0 };
        let global = &device.global;
        let result = global.render_pass_set_viewport(raw, c.x, c.y, width, c.height, c.min_depth, c.max_depth);
        device.check("GPURenderPassEncoder.setViewport", result);
        Ok(())
    }

    pub(super) fn set_scissor_rect(&mut self, c: SetScissorRect) -> Outcome {
        let Recorder { raw, device, .. } = self.render_passes.get_mut(c.pass)?;
        let result = device.global.render_pass_set_scissor_rect(raw, c.x, c.y, c.width, c.height);
        device.check("GPURenderPassEncoder.setScissorRect", result);
        Ok(())
    }

    pub(super) fn set_blend_constant(&mut self, c: SetBlendConstant) -> Outcome {
        let Recorder { raw, device, .. } = self.render_passes.get_mut(c.pass)?;
        let [r, g, b, a] = c.color;
        let result = device.global.render_pass_set_blend_constant(raw, wgt::Color { r, g, b, a });
        device.check("GPURenderPassEncoder.setBlendConstant", result);
        Ok(())
    }

    pub(super) fn set_stencil_reference(&mut self, c: SetStencilReference) -> Outcome {
        let Recorder { raw, device, .. } = self.render_passes.get_mut(c.pass)?;
        let result = device.global.render_pass_set_stencil_reference(raw, c.reference);
        device.check("GPURenderPassEncoder.setStencilReference", result);
        Ok(())
    }

    pub(super) fn begin_occlusion_query(&mut self, c: BeginOcclusionQuery) -> Outcome {
        let Recorder { raw, device, encoder, ended, state } = self.render_passes.get_mut(c.pass)?;
        if state.queries == Some(0) && !*ended {
            encoder.flaw("a query begins of a set without queries".to_owned());
        }
        let result = device.global.render_pass_begin_occlusion_query(raw, c.query_index);
        device.check("GPURenderPassEncoder.beginOcclusionQuery", result);
        Ok(())
    }

    pub(super) fn end_occlusion_query(&mut self, c: EndOcclusionQuery) -> Outcome {
        let Recorder { raw, device, .. } = self.render_passes.get_mut(c.pass)?;
        device.check("GPURenderPassEncoder.endOcclusionQuery", device.global.render_pass_end_occlusion_query(raw));
        Ok(())
    }

    pub(super) fn execute_bundles(&mut self, c: ExecuteBundles) -> Outcome {
        check_list(&c.bundles)?;
        let bundles = c.bundles.iter().map(|&id| self.render_bundles.get(id)).collect::<Result<Vec<_>, _>>()?;
        let Recorder { raw, device, encoder, ended, state } = self.render_passes.get_mut(c.pass)?;
        (state.immediates, state.groups) = (Immediates::default(), Groups::default());
        let layout = &state.layout;
        // wgpu compares only the aspects that the format has.
        if !*ended && bundles.iter().any(|bundle| layout.is_written_by(bundle)) {
            encoder.flaw("a bundle that writes depth or stencil is executed in a pass that only reads it".to_owned());
        }
        let ids: Vec<_> = bundles.iter().map(|bundle| bundle.id).collect();
        let result = match ids.as_slice() {
            [] => execute_nothing(device, raw, layout),
            ids => device.global.render_pass_execute_bundles(raw, ids),
        };
        device.check("GPURenderPassEncoder.executeBundles", result);
        Ok(())
    }

    pub(super) fn end_render_pass(&mut self, c: EndRenderPass) -> Outcome {
        let Recorder { raw, device, encoder, ended, state } = self.render_passes.get_mut(c.pass)?;
        *ended = true;
        device.check("GPURenderPassEncoder.end", device.global.render_pass_end(raw));
        if let Some(discards) = state.discards.take() {
            discards.clear(encoder);
        }
        Ok(())
    }

    pub(super) fn render_pass_push_debug_group(&mut self, c: RenderPassPushDebugGroup<'_>) -> Outcome {
        let Recorder { raw, device, .. } = self.render_passes.get_mut(c.pass)?;
        let result = device.global.render_pass_push_debug_group(raw, cut(c.label, MAX_LABEL), 0);
        device.check("GPURenderPassEncoder.pushDebugGroup", result);
        Ok(())
    }

    pub(super) fn render_pass_pop_debug_group(&mut self, c: RenderPassPopDebugGroup) -> Outcome {
        let Recorder { raw, device, .. } = self.render_passes.get_mut(c.pass)?;
        device.check("GPURenderPassEncoder.popDebugGroup", device.global.render_pass_pop_debug_group(raw));
        Ok(())
    }

    pub(super) fn render_pass_insert_debug_marker(&mut self, c: RenderPassInsertDebugMarker<'_>) -> Outcome {
        let Recorder { raw, device, .. } = self.render_passes.get_mut(c.pass)?;
        let result = device.global.render_pass_insert_debug_marker(raw, cut(c.label, MAX_LABEL), 0);
        device.check("GPURenderPassEncoder.insertDebugMarker", result);
        Ok(())
    }
}

/// Checks the bind groups, and passes pending immediate data to wgpu, before a draw.
fn ready_to_draw(pass: &mut RenderPass) -> &mut RenderPass {
    let Recorder { raw, device, encoder, ended, state } = pass;
    // A command of an ended pass is an error by itself, and not part of the recording.
    if !*ended && let Some(reason) = state.groups.flaw() {
        encoder.flaw(reason);
    }
    state.immediates.hand_over(|offset, data| {
        device.check("GPURenderPassEncoder.setImmediates", device.global.render_pass_set_immediates(raw, offset, data));
    });
    pass
}

/// Executes an empty bundle. `executeBundles` resets a pass's pipeline, bind groups and buffers even for an empty list;
/// wgpu resets them with the last bundle.
fn execute_nothing(device: &Device, raw: &mut command::RenderPass, layout: &PassLayout) -> Result<(), PassStateError> {
    let descriptor = RenderBundleEncoderDescriptor {
        label: None,
        color_formats: Cow::Borrowed(&layout.colors),
        depth_stencil: layout.depth_stencil.map(|format| wgt::RenderBundleDepthStencil {
            format,
            depth_read_only: layout.depth_read_only,
            stencil_read_only: layout.stencil_read_only,
        }),
        sample_count: layout.samples,
        multiview: None,
    };
    let (mut encoder, error) = device.global.device_create_render_bundle_encoder(device.id, &descriptor);
    if error.is_some() {
        // The pass is invalid for the same reason, which its encoder's finish reports.
        return device.global.render_pass_execute_bundles(raw, &[]);
    }
    let descriptor = RenderBundleDescriptor { label: None };
    let (bundle, _) = device.global.render_bundle_encoder_finish(&mut encoder, &descriptor, None);
    let result = device.global.render_pass_execute_bundles(raw, &[bundle]);
    device.global.render_bundle_drop(bundle);
    result
}

impl PassLayout {
    /// True for a bundle that may write an aspect that the pass only reads.
    fn is_written_by(&self, bundle: &RenderBundle) -> bool {
        (self.depth_read_only && !bundle.depth_read_only) || (self.stencil_read_only && !bundle.stencil_read_only)
    }
}
