//! `GPUTexture`, `GPUTextureView`, `GPUSampler`.

use std::rc::Rc;

use airlock_protocol::commands::texture::{CreateSampler, CreateTexture, CreateTextureView, DestroyTexture};
use wgpu_core::resource::{SamplerDescriptor, TextureDescriptor, TextureViewDescriptor};
use wgpu_types as wgt;

use crate::{
    convert::{
        self,
        texture::{
            address_mode, aspect, compare_function, extent, filter_mode, mipmap_filter_mode, texture_dimension,
            texture_format, texture_usage, view_dimension,
        },
    },
    device::Device,
    objects::{Object, Texture, TextureView},
    quotas::{Charge, Refusal, texture_bytes},
    session::Session,
    violation::{Outcome, check_list},
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
        let (charge, id) = match self.charge_texture(&device, &descriptor) {
            Ok(charge) => {
                let made = device.global.device_create_texture(device.id, &descriptor, None);
                let charge = charge.filter(|_| made.1.is_none());
                (charge, device.created(CALL, c.label, made))
            }
            Err(refusal) => {
                self.out_of_memory(&device, CALL, c.label, &refusal);
                (None, device.global.create_texture_error(device.id, None, &descriptor))
            }
        };
        let (format, flat) = (descriptor.format, descriptor.dimension == wgt::TextureDimension::D2);
        self.textures.insert(c.texture, Texture { object: Object { id, device }, charge, format, flat })
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

    /// wgpu resolves absent fields as WebGPU does: `texture` of wgpu's `create_texture_view`.
    pub(super) fn create_texture_view(&mut self, c: CreateTextureView<'_>) -> Outcome {
        let texture = self.textures.get(c.texture)?;
        let (format, flat) = (texture.format, texture.flat);
        let (texture, device) = (texture.id, Rc::clone(&texture.device));
        self.texture_views.vacant(c.view)?;
        let descriptor = TextureViewDescriptor {
            label: convert::label(c.label),
            format: c.format.map(texture_format),
            dimension: c.dimension.map(view_dimension),
            // An empty set is WebGPU's way to say "the texture's".
            usage: c.usage.filter(|usage| !usage.is_empty()).map(texture_usage),
            range: wgt::ImageSubresourceRange {
                aspect: aspect(c.aspect),
                base_mip_level: c.base_mip_level,
                mip_level_count: c.mip_level_count,
                base_array_layer: c.base_array_layer,
                array_layer_count: c.array_layer_count,
            },
        };
        let made = device.global.texture_create_view(texture, &descriptor, None);
        let id = device.created("GPUTexture.createView", c.label, made);
        let colored = descriptor.format.unwrap_or(format).target_pixel_byte_cost().is_some();
        let flat = descriptor.dimension.map_or(flat, |dimension| {
            matches!(dimension, wgt::TextureViewDimension::D2 | wgt::TextureViewDimension::D2Array)
        });
        self.texture_views.insert(c.view, TextureView { object: Object { id, device }, colored, flat })
    }

    pub(super) fn destroy_texture(&mut self, c: DestroyTexture) -> Outcome {
        let texture = self.textures.get_mut(c.texture)?;
        texture.device.global.texture_destroy(texture.id);
        texture.charge = None;
        Ok(())
    }

    pub(super) fn create_sampler(&mut self, c: CreateSampler<'_>) -> Outcome {
        const CALL: &str = "GPUDevice.createSampler";
        let device = Rc::clone(self.devices.get(c.device)?);
        self.samplers.free(c.sampler)?;
        let refusal = self.samplers.refusal();
        // wgpu compares the clamps, which lets NaN through to the driver. It refuses a negative one.
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
            // wgpu refuses none.
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
