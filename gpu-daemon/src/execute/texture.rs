//! `GPUTexture`, `GPUTextureView`, `GPUSampler`.

use std::{borrow::Cow, cell::Cell, rc::Rc};

use airlock_protocol::commands::texture::{CreateSampler, CreateTexture, CreateTextureView, DestroyTexture};
use wgpu_core::{
    command::{RenderPassColorAttachment, RenderPassDescriptor},
    id,
    resource::{SamplerDescriptor, TextureDescriptor, TextureViewDescriptor},
};
use wgpu_types as wgt;

use crate::{
    convert::{
        self,
        texture::{
            address_mode, aspect, compare_function, extent, filter_mode, mipmap_filter_mode, texture_dimension,
            texture_format, texture_usage, view_dimension,
        },
    },
    gpu::{
        device::Device,
        made::Made,
        memory::Charge,
        objects::{Object, Texture, TextureView, ViewObject},
        refusal::Refusal,
        sizes::texture_bytes,
        violation::{Outcome, check_list},
    },
    session::Session,
};

impl Session {
    pub(super) fn create_texture(&mut self, c: CreateTexture<'_>) -> Outcome {
        const CALL: &str = "GPUDevice.createTexture";
        check_list(&c.view_formats)?;
        let device = Rc::clone(self.devices.get(c.device)?);
        self.textures.free(c.texture)?;
        let descriptor = TextureDescriptor {
            label: convert::label(c.label),
            size: extent(c.size),
            mip_level_count: c.mip_level_count,
            sample_count: c.sample_count,
            dimension: texture_dimension(c.dimension),
            format: texture_format(c.format),
            usage: texture_usage(c.usage),
            view_formats: c.view_formats.iter().copied().map(texture_format).collect(),
        };
        let mut valid = false;
        let (charge, id) = match self.charge_texture(&device, &descriptor) {
            Ok(charge) => {
                let made = device.global.device_create_texture(device.id, &descriptor, None);
                valid = made.1.is_none();
                (charge.filter(|_| valid), device.created(CALL, c.label, made))
            }
            Err(refusal) => {
                self.out_of_memory(&device, CALL, c.label, &refusal);
                (None, device.global.create_texture_error(device.id, None, &descriptor))
            }
        };
        if charge.is_some() {
            self.initialize_volume(&device, id, &descriptor);
        }
        let descriptor = descriptor.map_label(|_| None);
        let made = Rc::new(Made { descriptor, valid, destroyed: Cell::new(false) });
        self.textures.insert(c.texture, Texture { object: Object { id, device }, charge, made })
    }

    /// Makes wgpu clear a volume that passes may draw to.
    ///
    /// wgpu-core tracks initialization per mip level, and treats a pass that stores one slice as a write of all slices:
    /// the others would expose earlier contents of the memory. A pass that loads a slice of each level makes wgpu-core
    /// clear the whole level before.
    fn initialize_volume(&self, device: &Device, texture: id::TextureId, descriptor: &TextureDescriptor<'_>) {
        let is_target = descriptor.usage.contains(wgt::TextureUsages::RENDER_ATTACHMENT);
        if descriptor.dimension != wgt::TextureDimension::D3 || !is_target {
            return;
        }
        let global = &device.global;
        let label = wgt::CommandEncoderDescriptor { label: None };
        let (encoder, _) = global.device_create_command_encoder(device.id, &label, None);
        for level in 0..descriptor.mip_level_count {
            let descriptor = TextureViewDescriptor {
                label: None,
                format: None,
                dimension: None,
                usage: Some(wgt::TextureUsages::RENDER_ATTACHMENT),
                range: wgt::ImageSubresourceRange {
                    base_mip_level: level,
                    mip_level_count: Some(1),
                    ..wgt::ImageSubresourceRange::default()
                },
            };
            let (view, _) = global.texture_create_view(texture, &descriptor, None);
            let attachment = RenderPassColorAttachment {
                view,
                depth_slice: Some(0),
                resolve_target: None,
                load_op: wgt::LoadOp::Load,
                store_op: wgt::StoreOp::Store,
            };
            let descriptor = RenderPassDescriptor {
                color_attachments: Cow::Owned(vec![Some(attachment)]),
                ..RenderPassDescriptor::default()
            };
            let (mut pass, _) = global.command_encoder_begin_render_pass(encoder, &descriptor);
            let ended = global.render_pass_end(&mut pass);
            tracing::trace!("level {level} of a volume is cleared: {ended:?}");
            global.texture_view_drop(view);
        }
        let label = wgt::CommandBufferDescriptor { label: None };
        let (commands, _) = global.command_encoder_finish(encoder, &label, None);
        self.wait_for_queue(device);
        if let Err(error) = self.hand_in(&device.core, &[commands]) {
            // Occurs only on a lost device, whose contents cannot be read any more.
            tracing::debug!("a volume is not cleared: {error}");
        }
        global.command_buffer_drop(commands);
        global.command_encoder_drop(encoder);
    }

    fn charge_texture(
        &mut self,
        device: &Device,
        descriptor: &TextureDescriptor<'_>,
    ) -> Result<Option<Charge>, Refusal> {
        if let Some(refusal) = self.textures.refusal() {
            return Err(refusal);
        }
        let bytes = texture_bytes(descriptor, &device.global.device_limits(device.id));
        bytes.map(|bytes| self.reserve(bytes, true)).transpose()
    }

    /// Absent fields are left to wgpu's `create_texture_view`, which resolves them as WebGPU does.
    pub(super) fn create_texture_view(&mut self, c: CreateTextureView<'_>) -> Outcome {
        let texture = self.textures.get(c.texture)?;
        let (id, device, texture) = (texture.id, Rc::clone(&texture.device), Rc::clone(&texture.made));
        self.texture_views.vacant(c.view)?;
        let descriptor = TextureViewDescriptor {
            label: None,
            format: c.format.map(texture_format),
            dimension: c.dimension.map(view_dimension),
            // In WebGPU an empty usage stands for the texture's.
            usage: c.usage.filter(|usage| !usage.is_empty()).map(texture_usage),
            range: wgt::ImageSubresourceRange {
                aspect: aspect(c.aspect),
                base_mip_level: c.base_mip_level,
                mip_level_count: c.mip_level_count,
                base_array_layer: c.base_array_layer,
                array_layer_count: c.array_layer_count,
            },
        };
        let labelled =
            convert::label(c.label).map(|label| TextureViewDescriptor { label: Some(label), ..descriptor.clone() });
        let stand_in = texture.needs_stand_in().then(|| self.texture_stand_in(&device, &texture).ok()).flatten();
        let viewed = stand_in.as_ref().map_or(id, |(stand_in, _)| *stand_in);
        let made = device.global.texture_create_view(viewed, labelled.as_ref().unwrap_or(&descriptor), None);
        drop(stand_in);
        let id = device.created("GPUTexture.createView", c.label, made);
        let format = descriptor.format.unwrap_or(texture.descriptor.format);
        let object = ViewObject::new(Object { id, device }, format, texture.is_volume());
        self.texture_views.insert(c.view, TextureView { object, texture, descriptor })
    }

    pub(super) fn destroy_texture(&mut self, c: DestroyTexture) -> Outcome {
        let texture = self.textures.get_mut(c.texture)?;
        texture.device.global.texture_destroy(texture.id);
        texture.made.destroyed.set(true);
        texture.charge = None;
        Ok(())
    }

    pub(super) fn create_sampler(&mut self, c: CreateSampler<'_>) -> Outcome {
        const CALL: &str = "GPUDevice.createSampler";
        let device = Rc::clone(self.devices.get(c.device)?);
        self.samplers.free(c.sampler)?;
        let refusal = self.samplers.refusal();
        // wgpu's comparisons of the clamps let NaN through to the driver; it refuses a negative clamp.
        let finite = c.lod_min_clamp.is_finite() && c.lod_max_clamp.is_finite();
        let descriptor = SamplerDescriptor {
            label: convert::label(c.label),
            address_modes: c.address_modes.map(address_mode),
            mag_filter: filter_mode(c.mag_filter),
            min_filter: filter_mode(c.min_filter),
            mipmap_filter: mipmap_filter_mode(c.mipmap_filter),
            lod_min_clamp: if finite { c.lod_min_clamp } else { -1.0 },
            lod_max_clamp: c.lod_max_clamp,
            compare: c.compare.map(compare_function),
            // wgpu refuses zero.
            anisotropy_clamp: if refusal.is_some() { 0 } else { c.max_anisotropy },
            border_color: None,
        };
        let made = device.global.device_create_sampler(device.id, &descriptor, None);
        let id = match refusal {
            None => device.created(CALL, c.label, made),
            Some(refusal) => {
                self.out_of_memory(&device, CALL, c.label, &refusal);
                made.0
            }
        };
        self.samplers.insert(c.sampler, Object { id, device })
    }
}
