//! `GPUCommandEncoder` and `GPUCommandBuffer`.
//!
//! wgpu keeps an encoder's errors until its finish, as WebGPU does, except for the use of an encoder that has ended, which
//! it reports at once.

use std::{cell::RefCell, rc::Rc};

use airlock_protocol::commands::command_encoder::{
    ClearBuffer, CopyBufferToBuffer, CopyBufferToTexture, CopyTextureToBuffer, CopyTextureToTexture,
    CreateCommandEncoder, EncoderInsertDebugMarker, EncoderPopDebugGroup, EncoderPushDebugGroup, FinishCommandEncoder,
    ResolveQuerySet,
};
use airlock_protocol::commands::texture::{Extent3d, TexelCopyBufferInfo, TexelCopyTextureInfo};
use airlock_protocol::ids::{BufferId, TextureId};
use airlock_protocol::limits::{MAX_LABEL, cut};
use wgpu_core::id;
use wgpu_types as wgt;

use crate::{
    convert::{
        self,
        texture::{copy_layout, copy_texture, extent},
    },
    gpu::{
        errors,
        objects::{CommandBuffer, CommandEncoder, Flaws, NamedInVain, Object},
        violation::{Outcome, Violation},
    },
    session::Session,
};

impl Session {
    pub(super) fn create_command_encoder(&mut self, c: CreateCommandEncoder<'_>) -> Outcome {
        let device = Rc::clone(self.devices.get(c.device)?);
        self.command_encoders.vacant(c.encoder)?;
        let descriptor = wgt::CommandEncoderDescriptor { label: convert::label(c.label) };
        let made = device.global.device_create_command_encoder(device.id, &descriptor, None);
        let id = device.created("GPUDevice.createCommandEncoder", c.label, made);
        let (object, flaws, named) = (Object { id, device }, RefCell::default(), RefCell::default());
        let encoder = CommandEncoder { object, flaws, named };
        self.command_encoders.insert(c.encoder, Rc::new(encoder))
    }

    pub(super) fn copy_buffer_to_buffer(&mut self, c: CopyBufferToBuffer) -> Outcome {
        let encoder = self.command_encoders.get(c.encoder)?;
        let result = encoder.device.global.command_encoder_copy_buffer_to_buffer(
            encoder.id,
            self.buffers.get(c.source)?.id,
            c.source_offset,
            self.buffers.get(c.destination)?.id,
            c.destination_offset,
            c.size,
        );
        encoder.device.check("GPUCommandEncoder.copyBufferToBuffer", result);
        Ok(())
    }

    pub(super) fn copy_buffer_to_texture(&mut self, c: CopyBufferToTexture) -> Outcome {
        let encoder = self.command_encoders.get(c.encoder)?;
        let (source, destination) = (self.buffer_info(&c.source)?, self.texture_info(&c.destination)?);
        let global = &encoder.device.global;
        let result = global.command_encoder_copy_buffer_to_texture(encoder.id, &source, &destination, &extent(c.size));
        encoder.device.check("GPUCommandEncoder.copyBufferToTexture", result);
        self.name_in_vain(encoder, c.size, Some(c.source.buffer), &[c.destination.texture])?;
        Ok(())
    }

    pub(super) fn copy_texture_to_buffer(&mut self, c: CopyTextureToBuffer) -> Outcome {
        let encoder = self.command_encoders.get(c.encoder)?;
        let (source, destination) = (self.texture_info(&c.source)?, self.buffer_info(&c.destination)?);
        let global = &encoder.device.global;
        let result = global.command_encoder_copy_texture_to_buffer(encoder.id, &source, &destination, &extent(c.size));
        encoder.device.check("GPUCommandEncoder.copyTextureToBuffer", result);
        self.name_in_vain(encoder, c.size, Some(c.destination.buffer), &[c.source.texture])?;
        Ok(())
    }

    pub(super) fn copy_texture_to_texture(&mut self, c: CopyTextureToTexture) -> Outcome {
        let encoder = self.command_encoders.get(c.encoder)?;
        let (source, destination) = (self.texture_info(&c.source)?, self.texture_info(&c.destination)?);
        let global = &encoder.device.global;
        let result = global.command_encoder_copy_texture_to_texture(encoder.id, &source, &destination, &extent(c.size));
        encoder.device.check("GPUCommandEncoder.copyTextureToTexture", result);
        self.name_in_vain(encoder, c.size, None, &[c.source.texture, c.destination.texture])?;
        // WebGPU, "the set of subresources for texture copy": a level of a volume is one subresource, while wgpu compares slices.
        if c.source.texture == c.destination.texture
            && c.source.mip_level == c.destination.mip_level
            && self.textures.get(c.source.texture)?.made.is_volume()
        {
            encoder.flaw("a level of a 3D texture is copied to itself".to_owned());
        }
        Ok(())
    }

    pub(super) fn clear_buffer(&mut self, c: ClearBuffer) -> Outcome {
        let encoder = self.command_encoders.get(c.encoder)?;
        let buffer = self.buffers.get(c.buffer)?.id;
        let result = encoder.device.global.command_encoder_clear_buffer(encoder.id, buffer, c.offset, c.size);
        encoder.device.check("GPUCommandEncoder.clearBuffer", result);
        Ok(())
    }

    pub(super) fn resolve_query_set(&mut self, c: ResolveQuerySet) -> Outcome {
        let encoder = self.command_encoders.get(c.encoder)?;
        let set = self.query_sets.get(c.query_set)?;
        if set.count == 0 {
            encoder.flaw("queries of a set without queries are resolved".to_owned());
        }
        let result = encoder.device.global.command_encoder_resolve_query_set(
            encoder.id,
            set.id,
            c.first_query,
            c.query_count,
            self.buffers.get(c.destination)?.id,
            c.destination_offset,
        );
        encoder.device.check("GPUCommandEncoder.resolveQuerySet", result);
        Ok(())
    }

    /// The ended encoder lives until the client drops it.
    pub(super) fn finish_command_encoder(&mut self, c: FinishCommandEncoder<'_>) -> Outcome {
        const CALL: &str = "GPUCommandEncoder.finish";
        let encoder = Rc::clone(self.command_encoders.get(c.encoder)?);
        let device = Rc::clone(&encoder.device);
        self.command_buffers.vacant(c.command_buffer)?;
        let descriptor = wgt::CommandBufferDescriptor { label: convert::label(c.label) };
        let (mut id, error) = device.global.command_encoder_finish(encoder.id, &descriptor, None);
        let flaw = encoder.flaws.try_borrow_mut().ok().and_then(|mut flaws| flaws.finish());
        match (error, flaw) {
            // In WebGPU a destroyed resource fails at the submit, which finds this command buffer invalid.
            (Some((label, error)), None) if is_destroyed(&errors::describe(CALL, &label, &error)) => {}
            (Some((label, error)), _) => device.report(CALL, &label, &error),
            (None, Some(reason)) => {
                device.invalid(CALL, c.label, &reason);
                // wgpu found no error. Finishing the ended encoder again returns an invalid command buffer.
                device.global.command_buffer_drop(id);
                (id, _) = device.global.command_encoder_finish(encoder.id, &descriptor, None);
            }
            (None, None) => {}
        }
        let (object, named) = (Object { id, device }, encoder.named.take());
        self.command_buffers.insert(c.command_buffer, CommandBuffer { object, named })
    }

    pub(super) fn encoder_push_debug_group(&mut self, c: EncoderPushDebugGroup<'_>) -> Outcome {
        let encoder = self.command_encoders.get(c.encoder)?;
        encoder.group(Flaws::push_group);
        let label = cut(c.label, MAX_LABEL);
        let result = encoder.device.global.command_encoder_push_debug_group(encoder.id, label);
        encoder.device.check("GPUCommandEncoder.pushDebugGroup", result);
        Ok(())
    }

    pub(super) fn encoder_pop_debug_group(&mut self, c: EncoderPopDebugGroup) -> Outcome {
        let encoder = self.command_encoders.get(c.encoder)?;
        encoder.group(Flaws::pop_group);
        let result = encoder.device.global.command_encoder_pop_debug_group(encoder.id);
        encoder.device.check("GPUCommandEncoder.popDebugGroup", result);
        Ok(())
    }

    pub(super) fn encoder_insert_debug_marker(&mut self, c: EncoderInsertDebugMarker<'_>) -> Outcome {
        let encoder = self.command_encoders.get(c.encoder)?;
        let label = cut(c.label, MAX_LABEL);
        let result = encoder.device.global.command_encoder_insert_debug_marker(encoder.id, label);
        encoder.device.check("GPUCommandEncoder.insertDebugMarker", result);
        Ok(())
    }

    /// Records the resources of a texture copy of size zero.
    fn name_in_vain(
        &self,
        encoder: &CommandEncoder,
        size: Extent3d,
        buffer: Option<BufferId>,
        textures: &[TextureId],
    ) -> Outcome {
        if size.width > 0 && size.height > 0 && size.depth_or_array_layers > 0 {
            return Ok(());
        }
        let Ok(mut named) = encoder.named.try_borrow_mut() else { return Ok(()) };
        if let Some(buffer) = buffer {
            named.push(NamedInVain::Buffer(buffer, self.buffers.get(buffer)?.id));
        }
        for &texture in textures {
            named.push(NamedInVain::Texture(Rc::clone(&self.textures.get(texture)?.made)));
        }
        // Repeated empty copies name few resources.
        named.dedup_by(|one, other| match (one, other) {
            (NamedInVain::Buffer(_, one), NamedInVain::Buffer(_, other)) => one == other,
            (NamedInVain::Texture(one), NamedInVain::Texture(other)) => Rc::ptr_eq(one, other),
            _ => false,
        });
        Ok(())
    }

    fn buffer_info(&self, info: &TexelCopyBufferInfo) -> Result<wgt::TexelCopyBufferInfo<id::BufferId>, Violation> {
        let buffer = self.buffers.get(info.buffer)?.id;
        Ok(wgt::TexelCopyBufferInfo { buffer, layout: copy_layout(&info.layout) })
    }

    fn texture_info(&self, info: &TexelCopyTextureInfo) -> Result<wgt::TexelCopyTextureInfo<id::TextureId>, Violation> {
        Ok(copy_texture(info, self.textures.get(info.texture)?.id))
    }
}

/// True for wgpu's error about a destroyed resource, which is the last of its causes.
fn is_destroyed(description: &str) -> bool {
    description.ends_with(" has been destroyed")
}
