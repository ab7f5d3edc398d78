//! `gpu-texture` and `gpu-texture-view`: every dimension, mip levels, samples, views of all kinds, and invalid descriptors.

use guest_support::gpu::*;
use guest_support::textures::{descriptor, whole};
use guest_support::{Gpu, Outcome};

use crate::check::{Check, check_label, plain_device};

const FORMAT: GpuTextureFormat = GpuTextureFormat::Rgba8unorm;
const SAMPLED: GpuTextureUsage = GpuTextureUsage::TEXTURE_BINDING;

fn size(width: u32, height: u32, layers: u32) -> GpuExtent3D {
    GpuExtent3D { width, height: Some(height), depth_or_array_layers: Some(layers) }
}

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("texture").await?;
    getters(check, &gpu).await;
    views(check, &gpu).await;
    refusals(check, &gpu).await;
    destruction(check, &gpu).await
}

async fn getters(check: &mut Check, gpu: &Gpu) {
    let device = &gpu.device;
    // Only the required fields; the others have defaults.
    let plain = GpuTextureDescriptor {
        size: GpuExtent3D { width: 5, height: None, depth_or_array_layers: None },
        label: None,
        ..descriptor("", 0, 0, FORMAT, SAMPLED)
    };
    let texture = check.valid(device, "a texture of one row", || device.create_texture(&plain)).await;
    check.same("default height", texture.height(), 1);
    check.same("default layers", texture.depth_or_array_layers(), 1);
    check.same("default mip levels", texture.mip_level_count(), 1);
    check.same("default samples", texture.sample_count(), 1);
    check.same("default dimension", texture.dimension(), GpuTextureDimension::D2);
    check.same("default label", texture.label(), String::new());

    let attachment = SAMPLED | GpuTextureUsage::RENDER_ATTACHMENT;
    use GpuTextureDimension::{D1, D2, D3};
    for (what, dimension, [width, height, layers], mips, samples, usage) in [
        ("1d", D1, [16, 1, 1], 1, 1, SAMPLED | GpuTextureUsage::COPY_DST),
        ("2d", D2, [16, 8, 1], 1, 1, GpuTextureUsage::COPY_SRC),
        ("2d with mip levels", D2, [16, 8, 1], 5, 1, SAMPLED),
        ("2d array", D2, [16, 8, 6], 4, 1, attachment),
        ("multisampled", D2, [16, 8, 1], 1, 4, attachment),
        ("3d", D3, [16, 8, 4], 5, 1, GpuTextureUsage::STORAGE_BINDING | SAMPLED),
    ] {
        let wanted = GpuTextureDescriptor {
            size: size(width, height, layers),
            dimension: Some(dimension),
            mip_level_count: Some(mips),
            sample_count: Some(samples),
            view_formats: Some(vec![GpuTextureFormat::Rgba8unormSrgb]),
            ..descriptor("texture", 0, 0, FORMAT, usage)
        };
        let texture = check.valid(device, what, || device.create_texture(&wanted)).await;
        let found = [texture.width(), texture.height(), texture.depth_or_array_layers()];
        check.same(&format!("{what}: size"), found, [width, height, layers]);
        check.same(&format!("{what}: dimension"), texture.dimension(), dimension);
        check.same(&format!("{what}: mip levels"), texture.mip_level_count(), mips);
        check.same(&format!("{what}: samples"), texture.sample_count(), samples);
        check.same(&format!("{what}: format"), texture.format(), FORMAT);
        check.same(&format!("{what}: usage"), texture.usage(), usage);
        // For compatibility mode; a core device returns nothing or the descriptor's value.
        let binding = texture.texture_binding_view_dimension();
        check.that(&format!("{what}: no view dimension was named"), binding.is_none() || samples >= 1);
        check_label!(check, texture, "texture");
    }
}

async fn views(check: &mut Check, gpu: &Gpu) {
    let device = &gpu.device;
    let make = |dimension, [width, height, layers]: [u32; 3], mips| {
        device.create_texture(&GpuTextureDescriptor {
            size: size(width, height, layers),
            dimension: Some(dimension),
            mip_level_count: Some(mips),
            view_formats: Some(vec![GpuTextureFormat::Rgba8unormSrgb]),
            ..descriptor("texture", 0, 0, FORMAT, SAMPLED)
        })
    };
    let line = make(GpuTextureDimension::D1, [16, 1, 1], 1);
    let plane = make(GpuTextureDimension::D2, [16, 16, 1], 5);
    let stack = make(GpuTextureDimension::D2, [16, 16, 12], 5);
    let block = make(GpuTextureDimension::D3, [16, 16, 4], 5);

    let view = check.valid(device, "a view without a descriptor", || plane.create_view(None)).await;
    check_label!(check, view, "");
    let dimension = |dimension| GpuTextureViewDescriptor { dimension: Some(dimension), ..Default::default() };
    use GpuTextureViewDimension::{Cube, CubeArray, D1, D2, D2Array, D3};
    for (what, texture, wanted) in [
        ("1d", &line, dimension(D1)),
        ("2d", &plane, dimension(D2)),
        ("2d as array", &plane, dimension(D2Array)),
        ("one layer", &stack, GpuTextureViewDescriptor { base_array_layer: Some(11), ..dimension(D2) }),
        (
            "layers of an array",
            &stack,
            GpuTextureViewDescriptor {
                base_array_layer: Some(2),
                array_layer_count: Some(3),
                base_mip_level: Some(1),
                mip_level_count: Some(4),
                aspect: Some(GpuTextureAspect::All),
                usage: Some(SAMPLED),
                label: Some("view".to_string()),
                ..dimension(D2Array)
            },
        ),
        ("cube", &stack, GpuTextureViewDescriptor { array_layer_count: Some(6), ..dimension(Cube) }),
        // A cube has six layers by default.
        ("cube by default", &stack, dimension(Cube)),
        ("cube array", &stack, dimension(CubeArray)),
        ("3d", &block, dimension(D3)),
        (
            "another format",
            &plane,
            GpuTextureViewDescriptor { format: Some(GpuTextureFormat::Rgba8unormSrgb), ..Default::default() },
        ),
    ] {
        let label = wanted.label.clone().unwrap_or_default();
        let view = check.valid(device, what, || texture.create_view(Some(&wanted))).await;
        check_label!(check, view, label);
    }
    for (what, texture, wanted) in [
        ("a cube of 12 layers", &stack, GpuTextureViewDescriptor { array_layer_count: Some(12), ..dimension(Cube) }),
        ("a 3d view of a plane", &plane, dimension(D3)),
        ("a 2d view of a block", &block, dimension(D2)),
        (
            "a mip level that is not there",
            &plane,
            GpuTextureViewDescriptor { base_mip_level: Some(5), ..Default::default() },
        ),
        (
            "more layers than there are",
            &stack,
            GpuTextureViewDescriptor { base_array_layer: Some(10), array_layer_count: Some(3), ..dimension(D2Array) },
        ),
        (
            "a format that was not named",
            &plane,
            GpuTextureViewDescriptor { format: Some(GpuTextureFormat::R32float), ..Default::default() },
        ),
        (
            "the depth of a colour",
            &plane,
            GpuTextureViewDescriptor { aspect: Some(GpuTextureAspect::DepthOnly), ..Default::default() },
        ),
        (
            "a swizzle without the feature",
            &plane,
            GpuTextureViewDescriptor { swizzle: Some("bgra".to_string()), ..Default::default() },
        ),
    ] {
        check.invalid(device, what, || texture.create_view(Some(&wanted))).await;
    }
}

async fn refusals(check: &mut Check, gpu: &Gpu) {
    let device = &gpu.device;
    let plain = || descriptor("refused", 16, 16, FORMAT, SAMPLED);
    let limit = device.limits().max_texture_dimension2_d();
    let attachment = GpuTextureUsage::RENDER_ATTACHMENT;
    for (what, wanted) in [
        ("no width", GpuTextureDescriptor { size: size(0, 16, 1), ..plain() }),
        ("no layers", GpuTextureDescriptor { size: size(16, 16, 0), ..plain() }),
        ("too wide", GpuTextureDescriptor { size: size(limit + 1, 1, 1), ..plain() }),
        ("no usage", GpuTextureDescriptor { usage: GpuTextureUsage::empty(), ..plain() }),
        ("no mip levels", GpuTextureDescriptor { mip_level_count: Some(0), ..plain() }),
        ("too many mip levels", GpuTextureDescriptor { mip_level_count: Some(6), ..plain() }),
        ("three samples", GpuTextureDescriptor { sample_count: Some(3), usage: attachment, ..plain() }),
        ("samples that are no attachment", GpuTextureDescriptor { sample_count: Some(4), ..plain() }),
        (
            "samples and mip levels",
            GpuTextureDescriptor { sample_count: Some(4), mip_level_count: Some(2), usage: attachment, ..plain() },
        ),
        (
            "a line with two rows",
            GpuTextureDescriptor { dimension: Some(GpuTextureDimension::D1), size: size(16, 2, 1), ..plain() },
        ),
        (
            "a block of depth",
            GpuTextureDescriptor {
                dimension: Some(GpuTextureDimension::D3),
                format: GpuTextureFormat::Depth32float,
                ..plain()
            },
        ),
        (
            "storage of a format that has none",
            GpuTextureDescriptor {
                format: GpuTextureFormat::Rgba8unormSrgb,
                usage: GpuTextureUsage::STORAGE_BINDING,
                ..plain()
            },
        ),
        (
            "a view format of another kind",
            GpuTextureDescriptor { view_formats: Some(vec![GpuTextureFormat::R32float]), ..plain() },
        ),
    ] {
        let texture = check.invalid(device, what, || device.create_texture(&wanted)).await;
        check.same(&format!("{what}: the width stays"), texture.width(), wanted.size.width);
        // An invalid object remains an object: its use is a validation error.
        check.invalid(device, &format!("{what}: a view of it"), || texture.create_view(None)).await;
    }
}

async fn destruction(check: &mut Check, gpu: &Gpu) -> Outcome {
    let usage = GpuTextureUsage::COPY_SRC | GpuTextureUsage::COPY_DST;
    let texture = gpu.texture("doomed", 4, 4, FORMAT, usage);
    let fresh = gpu.download_rgba(&texture, 4, 4).await?;
    check.same_list("a new texture is zero", &fresh, &[0; 64]);
    let other = gpu.texture("other", 4, 4, FORMAT, usage);
    let encoder = gpu.encoder("copy");
    encoder.copy_texture_to_texture(&whole(&texture), &whole(&other), size(4, 4, 1));
    let commands = encoder.finish(None);
    texture.destroy();
    texture.destroy();
    check.same("a destroyed texture keeps its format", texture.format(), FORMAT);
    check.invalid(&gpu.device, "a submit with a destroyed texture", || gpu.queue.submit(&[&commands])).await;
    Ok(())
}
