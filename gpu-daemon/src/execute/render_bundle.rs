//! `GPURenderBundleEncoder` and `GPURenderBundle`.
//!
//! wgpu treats an invalid bundle encoder like an ended one and would report each command, where WebGPU reports nothing
//! before the finish. It checks neither debug groups in bundles nor offsets of indirect arguments; this module checks both.

use std::{borrow::Cow, rc::Rc};

use airlock_protocol::{
    commands::render_bundle::{
        BundleDraw, BundleDrawIndexed, BundleDrawIndexedIndirect, BundleDrawIndirect, BundleInsertDebugMarker,
        BundlePopDebugGroup, BundlePushDebugGroup, BundleSetBindGroup, BundleSetImmediates, BundleSetIndexBuffer,
        BundleSetPipeline, BundleSetVertexBuffer, CreateRenderBundleEncoder, FinishRenderBundle,
    },
    ids::Id,
};
use wgpu_core::command::{PassStateError, RenderBundleDescriptor, RenderBundleEncoderDescriptor};
use wgpu_types as wgt;

use crate::{
    convert::{self, pipeline::index_format, texture::texture_format},
    gpu::{
        aliases::Groups,
        immediates::Immediates,
        objects::{Flaws, Named, Object, RenderBundle},
        passes::RenderBundleEncoder,
        violation::{Outcome, check_list},
    },
    session::Session,
};

use super::buffer_range::{aligned_indices, range};

impl Session {
    pub(super) fn create_render_bundle_encoder(&mut self, c: CreateRenderBundleEncoder<'_>) -> Outcome {
        check_list(&c.color_formats)?;
        let device = Rc::clone(self.devices.get(c.device)?);
        self.render_bundle_encoders.vacant(c.encoder)?;
        let mut formats: Vec<_> = c.color_formats.iter().map(|format| format.map(texture_format)).collect();
        convert::used_slots(&mut formats, device.global.device_limits(device.id).max_color_attachments);
        let descriptor = RenderBundleEncoderDescriptor {
            label: convert::label(c.label),
            color_formats: Cow::Owned(formats),
            depth_stencil: c.depth_stencil_format.map(|format| wgt::RenderBundleDepthStencil {
                format: texture_format(format),
                depth_read_only: c.depth_read_only,
                stencil_read_only: c.stencil_read_only,
            }),
            sample_count: c.sample_count,
            multiview: None,
        };
        let (raw, error) = device.global.device_create_render_bundle_encoder(device.id, &descriptor);
        let valid = error.is_none();
        let raw = device.created("GPUDevice.createRenderBundleEncoder", c.label, (raw, error));
        let encoder = RenderBundleEncoder {
            raw,
            device,
            valid,
            depth_read_only: c.depth_read_only,
            stencil_read_only: c.stencil_read_only,
            immediates: Immediates::default(),
            groups: Groups::default(),
            flaws: Flaws::default(),
            named: Named::default(),
        };
        self.render_bundle_encoders.insert(c.encoder, encoder)
    }

    pub(super) fn bundle_set_pipeline(&mut self, c: BundleSetPipeline) -> Outcome {
        let pipeline = self.render_pipelines.get(c.pipeline)?;
        let encoder = self.render_bundle_encoders.get_mut(c.encoder)?;
        encoder.immediates.pipeline(pipeline.immediates);
        encoder.groups.pipeline(&pipeline.layout);
        let pipeline = pipeline.id;
        encoder.named.add(c.pipeline.object());
        let result = encoder.device.global.render_bundle_encoder_set_pipeline(&mut encoder.raw, pipeline);
        encoder.check("setPipeline", result);
        Ok(())
    }

    pub(super) fn bundle_set_index_buffer(&mut self, c: BundleSetIndexBuffer) -> Outcome {
        let buffer = self.buffers.get(c.buffer)?;
        let (buffer, buffer_size) = (buffer.id, buffer.size);
        let encoder = self.render_bundle_encoders.get_mut(c.encoder)?;
        encoder.named.add(c.buffer.object());
        let (global, format) = (&encoder.device.global, index_format(c.format));
        if let Some((offset, size)) = aligned_indices(c.offset, c.size) {
            let _ = global.render_bundle_encoder_set_index_buffer(&mut encoder.raw, buffer, format, offset, size);
        }
        let (offset, size) = range(c.offset, c.size, buffer_size);
        let result = global.render_bundle_encoder_set_index_buffer(&mut encoder.raw, buffer, format, offset, size);
        encoder.check("setIndexBuffer", result);
        Ok(())
    }

    pub(super) fn bundle_set_vertex_buffer(&mut self, c: BundleSetVertexBuffer) -> Outcome {
        let buffer = c.buffer.map(|id| self.buffers.get(id)).transpose()?;
        let (buffer, buffer_size) = (buffer.map(|buffer| buffer.id), buffer.map_or(0, |buffer| buffer.size));
        let encoder = self.render_bundle_encoders.get_mut(c.encoder)?;
        if let Some(buffer) = c.buffer {
            encoder.named.add(buffer.object());
        }
        let (offset, size) = range(c.offset, c.size, buffer_size);
        let global = &encoder.device.global;
        let result = global.render_bundle_encoder_set_vertex_buffer(&mut encoder.raw, c.slot, buffer, offset, size);
        encoder.check("setVertexBuffer", result);
        Ok(())
    }

    pub(super) fn bundle_draw(&mut self, c: BundleDraw) -> Outcome {
        let encoder = self.render_bundle_encoders.get_mut(c.encoder)?;
        encoder.hand_over();
        let result = encoder.device.global.render_bundle_encoder_draw(
            &mut encoder.raw,
            c.vertex_count,
            c.instance_count,
            c.first_vertex,
            c.first_instance,
        );
        encoder.check("draw", result);
        Ok(())
    }

    pub(super) fn bundle_draw_indexed(&mut self, c: BundleDrawIndexed) -> Outcome {
        let encoder = self.render_bundle_encoders.get_mut(c.encoder)?;
        encoder.hand_over();
        let result = encoder.device.global.render_bundle_encoder_draw_indexed(
            &mut encoder.raw,
            c.index_count,
            c.instance_count,
            c.first_index,
            c.base_vertex,
            c.first_instance,
        );
        encoder.check("drawIndexed", result);
        Ok(())
    }

    pub(super) fn bundle_draw_indirect(&mut self, c: BundleDrawIndirect) -> Outcome {
        let buffer = self.buffers.get(c.buffer)?;
        let (buffer, size) = (buffer.id, buffer.size);
        let encoder = self.render_bundle_encoders.get_mut(c.encoder)?;
        encoder.hand_over();
        encoder.named.add(c.buffer.object());
        if let Some(reason) = indirect_flaw(c.offset, 16, size) {
            encoder.flaws.add(reason);
            return Ok(());
        }
        let result = encoder.device.global.render_bundle_encoder_draw_indirect(&mut encoder.raw, buffer, c.offset);
        encoder.check("drawIndirect", result);
        Ok(())
    }

    pub(super) fn bundle_draw_indexed_indirect(&mut self, c: BundleDrawIndexedIndirect) -> Outcome {
        let buffer = self.buffers.get(c.buffer)?;
        let (buffer, size) = (buffer.id, buffer.size);
        let encoder = self.render_bundle_encoders.get_mut(c.encoder)?;
        encoder.hand_over();
        encoder.named.add(c.buffer.object());
        if let Some(reason) = indirect_flaw(c.offset, 20, size) {
            encoder.flaws.add(reason);
            return Ok(());
        }
        let global = &encoder.device.global;
        let result = global.render_bundle_encoder_draw_indexed_indirect(&mut encoder.raw, buffer, c.offset);
        encoder.check("drawIndexedIndirect", result);
        Ok(())
    }

    pub(super) fn bundle_set_bind_group(&mut self, c: BundleSetBindGroup) -> Outcome {
        check_list(&c.dynamic_offsets)?;
        let group = c.bind_group.map(|id| self.bind_groups.get(id)).transpose()?;
        let encoder = self.render_bundle_encoders.get_mut(c.encoder)?;
        encoder.groups.set(c.index, group.map(|group| &group.bindings), &c.dynamic_offsets);
        let group = group.map(|group| group.id);
        if let Some(group) = c.bind_group {
            encoder.named.add(group.object());
        }
        let (global, offsets) = (&encoder.device.global, &c.dynamic_offsets);
        let result = global.render_bundle_encoder_set_bind_group(&mut encoder.raw, c.index, group, offsets);
        encoder.check("setBindGroup", result);
        Ok(())
    }

    pub(super) fn bundle_set_immediates(&mut self, c: BundleSetImmediates<'_>) -> Outcome {
        let encoder = self.render_bundle_encoders.get_mut(c.encoder)?;
        if encoder.named.is_finished() && encoder.valid {
            encoder.device.invalid("GPURenderBundleEncoder.setImmediates", "", "the render bundle encoder has ended");
            return Ok(());
        }
        let limit = encoder.device.global.device_limits(encoder.device.id).max_immediate_size;
        if let Err(reason) = encoder.immediates.set(c.offset, c.data, limit) {
            encoder.flaws.add(reason);
        }
        Ok(())
    }

    pub(super) fn finish_render_bundle(&mut self, c: FinishRenderBundle<'_>) -> Outcome {
        const CALL: &str = "GPURenderBundleEncoder.finish";
        self.render_bundles.vacant(c.bundle)?;
        let encoder = self.render_bundle_encoders.get_mut(c.encoder)?;
        let device = Rc::clone(&encoder.device);
        let descriptor = RenderBundleDescriptor { label: convert::label(c.label) };
        let mut made = device.global.render_bundle_encoder_finish(&mut encoder.raw, &descriptor, None);
        if !encoder.valid {
            device.invalid(CALL, c.label, "the render bundle encoder is invalid");
            made.1 = None;
        } else if made.1.is_none()
            && let Some(reason) = encoder.flaws.finish()
        {
            device.invalid(CALL, c.label, &reason);
            // wgpu found no error, so its bundle is valid. Finishing the ended encoder again returns an invalid one.
            device.global.render_bundle_drop(made.0);
            made = device.global.render_bundle_encoder_finish(&mut encoder.raw, &descriptor, None);
            made.1 = None;
        }
        encoder.named.finish();
        let id = device.created(CALL, c.label, made);
        let (depth_read_only, stencil_read_only) = (encoder.depth_read_only, encoder.stencil_read_only);
        let object = Object { id, device };
        self.render_bundles.insert(c.bundle, RenderBundle { object, depth_read_only, stencil_read_only })
    }

    pub(super) fn bundle_push_debug_group(&mut self, c: BundlePushDebugGroup<'_>) -> Outcome {
        let encoder = self.render_bundle_encoders.get_mut(c.encoder)?;
        let result = encoder.device.global.render_bundle_encoder_push_debug_group(&mut encoder.raw, c.label);
        encoder.flaws.push_group();
        encoder.check("pushDebugGroup", result);
        Ok(())
    }

    pub(super) fn bundle_pop_debug_group(&mut self, c: BundlePopDebugGroup) -> Outcome {
        let encoder = self.render_bundle_encoders.get_mut(c.encoder)?;
        let result = encoder.device.global.render_bundle_encoder_pop_debug_group(&mut encoder.raw);
        encoder.flaws.pop_group();
        encoder.check("popDebugGroup", result);
        Ok(())
    }

    pub(super) fn bundle_insert_debug_marker(&mut self, c: BundleInsertDebugMarker<'_>) -> Outcome {
        let encoder = self.render_bundle_encoders.get_mut(c.encoder)?;
        let result = encoder.device.global.render_bundle_encoder_insert_debug_marker(&mut encoder.raw, c.label);
        encoder.check("insertDebugMarker", result);
        Ok(())
    }
}

impl RenderBundleEncoder {
    /// Checks the bind groups, and passes pending immediate data to wgpu, before a draw.
    fn hand_over(&mut self) {
        let Self { raw, device, immediates, groups, flaws, named, valid, .. } = self;
        if !named.is_finished()
            && let Some(reason) = groups.flaw()
        {
            flaws.add(reason);
        }
        immediates.hand_over(|offset, data| {
            let result = device.global.render_bundle_encoder_set_immediates(raw, offset, data);
            if let (Err(error), true) = (result, *valid) {
                device.report("GPURenderBundleEncoder.setImmediates", "", &error);
            }
        });
    }

    /// Raises an error for the use of an ended encoder.
    fn check(&self, call: &str, result: Result<(), PassStateError>) {
        if let Err(error) = result
            && self.valid
        {
            self.device.report(&format!("GPURenderBundleEncoder.{call}"), "", &error);
        }
    }
}

/// Checks the arguments of an indirect draw. wgpu-core checks those of passes, but not of bundles: it asserts on some,
/// and reads out of bounds with others.
fn indirect_flaw(offset: u64, args: u64, size: u64) -> Option<String> {
    if !offset.is_multiple_of(4) {
        return Some(format!("the offset {offset} of indirect arguments is not a multiple of 4"));
    }
    if offset.checked_add(args).is_none_or(|end| end > size) {
        return Some(format!("{args} bytes of indirect arguments at {offset} exceed the buffer's {size} bytes"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indirect_arguments_lie_in_their_buffer() {
        assert_eq!(indirect_flaw(0, 16, 16), None);
        assert_eq!(indirect_flaw(12, 20, 32), None);
        for (offset, size) in [(0, 12), (4, 16), (2, 64), (u64::MAX - 3, 64)] {
            assert!(indirect_flaw(offset, 16, size).is_some(), "{offset} {size}");
        }
    }
}
