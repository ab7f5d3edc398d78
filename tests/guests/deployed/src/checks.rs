//! What differs from later versions: masks are numbers, `lost` blocks, errors make a pollable ready.

use crate::bindings::wasi::frame_buffer::frame_buffer;
use crate::bindings::wasi::graphics_context::graphics_context::Context;
use crate::bindings::wasi::io::poll::poll;
use crate::bindings::wasi::surface::surface::{CreateDesc, Surface};
use crate::bindings::wasi::webgpu::webgpu::*;
use crate::gpu::{buffer, caught, module, pipeline, request, texture};
use crate::{Checked, check, line};

const SHADER: &str = "
@vertex fn vertex() -> @builtin(position) vec4f { return vec4f(); }
@fragment fn fragment() -> @location(0) vec4f { return vec4f(); }
";

/// A bit that no mask defines.
const UNKNOWN: u32 = 1 << 20;

pub fn run() -> Checked {
    constants()?;
    let (adapter, device) = request()?;
    adapter.is_fallback_adapter();
    check(get_gpu().get_preferred_canvas_format() == GpuTextureFormat::Bgra8unorm, "the preferred format")?;
    masks(&device)?;
    objects(&device)?;
    connections(&device)?;
    device.destroy();
    let lost = device.lost();
    check(lost.reason() == GpuDeviceLostReason::Destroyed, "the reason of the loss")?;
    line(&format!("lost: {}", lost.message()));
    Ok(())
}

/// The functions return WebGPU's bits.
fn constants() -> Checked {
    let of_buffers = [
        GpuBufferUsage::map_read(),
        GpuBufferUsage::map_write(),
        GpuBufferUsage::copy_src(),
        GpuBufferUsage::copy_dst(),
        GpuBufferUsage::index(),
        GpuBufferUsage::vertex(),
        GpuBufferUsage::uniform(),
        GpuBufferUsage::storage(),
        GpuBufferUsage::indirect(),
        GpuBufferUsage::query_resolve(),
    ];
    let of_textures = [
        GpuTextureUsage::copy_src(),
        GpuTextureUsage::copy_dst(),
        GpuTextureUsage::texture_binding(),
        GpuTextureUsage::storage_binding(),
        GpuTextureUsage::render_attachment(),
    ];
    let of_shaders = [GpuShaderStage::vertex(), GpuShaderStage::fragment(), GpuShaderStage::compute()];
    let of_colors = [GpuColorWrite::red(), GpuColorWrite::green(), GpuColorWrite::blue(), GpuColorWrite::alpha()];
    let of_maps = [GpuMapMode::read(), GpuMapMode::write()];
    for bits in [&of_buffers[..], &of_textures, &of_shaders, &of_colors, &of_maps] {
        let expected: Vec<u32> = (0..bits.len()).map(|bit| 1 << bit).collect();
        check(bits == expected, "the bits of a mask")?;
    }
    check(GpuColorWrite::all() == 15, "the mask of all colours")
}

/// An unknown bit is a validation error in every mask.
fn masks(device: &GpuDevice) -> Checked {
    let is_invalid = |what: &str, work: &dyn Fn()| -> Checked {
        match caught(device, work)? {
            Some(GpuErrorKind::ValidationError) => Ok(()),
            other => Err(format!("an unknown bit in {what} is {other:?}")),
        }
    };
    is_invalid("a buffer's usage", &|| drop(buffer(device, 16, GpuBufferUsage::copy_dst() | UNKNOWN)))?;
    is_invalid("a buffer's usage, alone", &|| drop(buffer(device, 16, UNKNOWN)))?;
    is_invalid("a texture's usage", &|| drop(texture(device, GpuTextureUsage::copy_dst() | UNKNOWN)))?;
    let usable = texture(device, GpuTextureUsage::copy_dst() | GpuTextureUsage::texture_binding());
    is_invalid("a view's usage", &|| {
        drop(usable.create_view(Some(&GpuTextureViewDescriptor {
            usage: Some(GpuTextureUsage::texture_binding() | UNKNOWN),
            ..view()
        })));
    })?;
    is_invalid("a visibility", &|| {
        let sampler = Some(GpuSamplerBindingLayout { type_: None });
        let entry = GpuBindGroupLayoutEntry {
            binding: 0,
            visibility: GpuShaderStage::fragment() | UNKNOWN,
            buffer: None,
            sampler,
            texture: None,
            storage_texture: None,
        };
        drop(device.create_bind_group_layout(&GpuBindGroupLayoutDescriptor { entries: vec![entry], label: None }));
    })?;
    let module = module(device, SHADER);
    let target = |mask| pipeline(&module, GpuTextureFormat::Rgba8unorm, Some(mask));
    is_invalid("a write mask", &|| {
        drop(device.create_render_pipeline(target(GpuColorWrite::all() | UNKNOWN)));
    })?;
    match device.create_render_pipeline_async(target(16)) {
        Err(error) => check(
            matches!(error.kind, CreatePipelineErrorKind::GpuPipelineError(GpuPipelineErrorReason::Validation)),
            "the reason of a pipeline's error",
        )?,
        Ok(_) => return Err("an unknown bit in a write mask is no error".to_owned()),
    }
    let known = caught(device, || drop(device.create_render_pipeline(target(GpuColorWrite::red()))))?;
    check(known.is_none(), "a write mask of one bit")?;
    let mapped = buffer(device, 16, GpuBufferUsage::map_read() | GpuBufferUsage::copy_dst());
    for mode in [0, 3, 4, GpuMapMode::read() | UNKNOWN] {
        let mut kind = None;
        let error = caught(device, || kind = mapped.map_async(mode, None, None).err().map(|error| error.kind))?;
        check(matches!(kind, Some(MapAsyncErrorKind::OperationError)), "the error of a map mode")?;
        check(matches!(error, Some(GpuErrorKind::ValidationError)), "the validation error of a map mode")?;
    }
    Ok(())
}

fn view() -> GpuTextureViewDescriptor {
    GpuTextureViewDescriptor {
        format: None,
        dimension: None,
        usage: None,
        aspect: None,
        base_mip_level: None,
        mip_level_count: None,
        base_array_layer: None,
        array_layer_count: None,
        label: None,
    }
}

/// Getters, and objects whose descriptors have other types than in later versions.
fn objects(device: &GpuDevice) -> Checked {
    let usage = GpuBufferUsage::copy_src() | GpuBufferUsage::indirect();
    check(buffer(device, 16, usage).usage() == usage, "a buffer's usage")?;
    let usage = GpuTextureUsage::copy_src() | GpuTextureUsage::render_attachment();
    let target = texture(device, usage);
    check(target.usage() == usage, "a texture's usage")?;
    check(target.format() == GpuTextureFormat::Rgba8unorm, "a texture's format")?;
    check(target.label() == "a texture", "a texture's label")?;

    let broken = caught(device, || {
        let messages = module(device, "fn main( {").get_compilation_info().messages();
        line(&format!("{} message of a shader with an error", messages.len()));
    })?;
    check(broken.is_some(), "the error of a shader")?;

    // A bundle, drawn to a texture that is then read.
    let module = module(
        device,
        "
        @vertex fn vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
            return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0.5, 1);
        }
        @fragment fn fragment() -> @location(0) vec4f { return vec4f(1, 0.2, 0.4, 0.6); }
    ",
    );
    let mut descriptor = pipeline(&module, GpuTextureFormat::Rgba8unorm, Some(GpuColorWrite::red() | 8));
    descriptor.depth_stencil = None;
    let pipeline = device.create_render_pipeline_async(descriptor).map_err(|error| error.message)?;
    let bundle = device.create_render_bundle_encoder(&GpuRenderBundleEncoderDescriptor {
        depth_read_only: None,
        stencil_read_only: None,
        color_formats: vec![Some(GpuTextureFormat::Rgba8unorm)],
        depth_stencil_format: None,
        sample_count: None,
        label: None,
    });
    bundle.set_pipeline(&pipeline);
    bundle.draw(3, None, None, None);
    let bundle = bundle.finish(None);
    let result = buffer(device, 4 * 256, GpuBufferUsage::map_read() | GpuBufferUsage::copy_dst());
    let encoder = device.create_command_encoder(None);
    let view = target.create_view(None);
    let pass = encoder.begin_render_pass(&GpuRenderPassDescriptor {
        color_attachments: vec![Some(GpuRenderPassColorAttachment {
            view: &view,
            depth_slice: None,
            resolve_target: None,
            clear_value: None,
            load_op: GpuLoadOp::Clear,
            store_op: GpuStoreOp::Store,
        })],
        depth_stencil_attachment: None,
        occlusion_query_set: None,
        timestamp_writes: None,
        max_draw_count: None,
        label: None,
    });
    pass.execute_bundles(&[&bundle]);
    pass.end();
    encoder.copy_texture_to_buffer(
        &GpuTexelCopyTextureInfo { texture: &target, mip_level: None, origin: None, aspect: None },
        &GpuTexelCopyBufferInfo { buffer: &result, offset: None, bytes_per_row: Some(256), rows_per_image: None },
        GpuExtent3D { width: 4, height: Some(4), depth_or_array_layers: None },
    );
    device.queue().submit(&[&encoder.finish(None)]);
    // Red and alpha alone are written.
    let bytes = crate::gpu::read(&result)?;
    check(bytes.first_chunk() == Some(&[255, 0, 0, 153]), "the texel of a bundle")
}

/// Contexts without a surface or a device, and buffers of the other kind.
fn connections(device: &GpuDevice) -> Checked {
    let context = Context::new();
    context.present();
    drop(context.get_current_buffer());
    let invalid = |context: &Context| {
        caught(device, || drop(GpuTexture::from_graphics_buffer(context.get_current_buffer()).create_view(None)))
    };
    invalid(&context)?;
    device.connect_graphics_context(&context);
    check(invalid(&context)?.is_none(), "a texture of no device")?;
    let surface = Surface::new(CreateDesc { width: Some(8), height: Some(4) });
    surface.connect_graphics_context(&context);
    let texture = GpuTexture::from_graphics_buffer(context.get_current_buffer());
    check(texture.format() == GpuTextureFormat::Bgra8unorm, "the format of a context")?;
    check((texture.width(), texture.height()) == (surface.width(), surface.height()), "the size of a context")?;
    // The frame of another source is no texture of the device.
    frame_buffer::Device::new().connect_graphics_context(&context);
    let texture = GpuTexture::from_graphics_buffer(context.get_current_buffer());
    check((texture.width(), texture.height()) == (1, 1), "a frame buffer as a texture")
}

/// An error that only a pollable reports: the wait sends the commands that cause it.
pub fn watch() -> Checked {
    let (_, device) = request()?;
    let errors = device.onuncapturederror_subscribe();
    check(!errors.ready(), "ready before there is an error")?;
    drop(buffer(&device, 16, UNKNOWN));
    check(poll(&[&errors]) == [0], "what is ready")?;
    check(!errors.ready(), "ready after the only error")?;
    drop(buffer(&device, 16, UNKNOWN));
    errors.block();
    Ok(())
}
