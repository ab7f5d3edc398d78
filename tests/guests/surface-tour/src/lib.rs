//! Calls every function of `wasi-gfx:surface` and `wasi-gfx:frame-buffer`, and checks the results that do not need a viewer.
//! It presents four frames: red by the GPU, then blue by the GPU at another size, then two of bytes, whose upper left texel
//! is blue 10, green 20, red 30, and the same with a first byte of 99.

use guest_support::gpu::*;
use guest_support::passes::{color_attachment, render_pass};
use guest_support::{ErrorScopes, Gpu, Outcome, fail, outln};
use window::surface::{CreateDesc, Surface};
use window::surface_webgpu::ContextConfiguration;
use window::{Window, surface_frame_buffer, surface_webgpu};

guest_support::main!(run);

async fn run() -> Outcome {
    let gpu = Gpu::request("surface-tour").await?;
    let fixed = guest_support::env::args().iter().any(|argument| argument == "fixed");
    webgpu(&gpu, fixed).await?;
    mistakes(&gpu).await?;
    frame_buffer().await?;
    outln!("ok: every function of surfaces does what it should");
    Ok(())
}

fn clear(gpu: &Gpu, texture: &GpuTexture, color: [f64; 4]) {
    let view = texture.create_view(None);
    let encoder = gpu.encoder("clear");
    render_pass(&encoder, "clear", vec![color_attachment(&view, color)]).end();
    gpu.submit(&encoder);
}

/// Tests a surface of the GPU. `fixed`: the host was given the size.
async fn webgpu(gpu: &Gpu, fixed: bool) -> Outcome {
    let window = Window::of_size(gpu, Some((320, 200)));
    let size = || (window.surface.width(), window.surface.height());
    let before = size();
    if !fixed && before != (320, 200) {
        fail!("a surface of 320 x 200 is {before:?}");
    }
    let mut resizes = window.surface.on_resize();
    let mut beats = window.surface.on_frame();
    if beats.next().await.is_none() {
        fail!("no beat comes");
    }

    let texture = window.context.get_current_texture();
    if (texture.width(), texture.height()) != before || texture.format() != window.format {
        fail!("the texture is {} x {}, {:?}", texture.width(), texture.height(), texture.format());
    }
    if !texture.usage().contains(GpuTextureUsage::RENDER_ATTACHMENT) {
        fail!("the texture cannot be drawn to: {:?}", texture.usage());
    }
    // The texture stays the same until it is presented: a draw through the second handle is in the frame.
    let scopes = ErrorScopes::open(&gpu.device);
    drop(texture);
    let again = window.context.get_current_texture();
    clear(gpu, &again, [1.0, 0.0, 0.0, 1.0]);
    window.context.present();
    scopes.close("the first frame").await?;
    // The texture has expired with its frame (WebGPU, "expire the current texture").
    let scopes = ErrorScopes::open(&gpu.device);
    clear(gpu, &again, [0.0, 1.0, 0.0, 1.0]);
    if scopes.close("an expired texture").await.is_ok() {
        fail!("a texture can be drawn to after its frame");
    }
    // A present without a current texture.
    window.context.present();

    window.surface.request_set_size(Some(100), None);
    if !fixed {
        match resizes.next().await {
            Some(event) if (event.width, event.height) == (320, 100) && size() == (320, 100) => {}
            other => fail!("a request for 100 rows gives {other:?}, {:?}", size()),
        }
    } else if size() != before {
        fail!("a fixed surface has changed to {:?}", size());
    }
    let scopes = ErrorScopes::open(&gpu.device);
    let texture = window.context.get_current_texture();
    if (texture.width(), texture.height()) != size() {
        fail!("the next texture is {} x {}", texture.width(), texture.height());
    }
    clear(gpu, &texture, [0.0, 0.0, 1.0, 1.0]);
    window.context.present();
    scopes.close("the second frame").await?;
    Ok(())
}

/// Errors that WebGPU throws are validation errors or invalid textures here.
async fn mistakes(gpu: &Gpu) -> Outcome {
    let surface = Surface::new(CreateDesc { height: None, width: None });
    let context = surface_webgpu::Context::new(&surface);
    let configuration = |format| ContextConfiguration {
        device: &gpu.device,
        format,
        usage: Some(GpuTextureUsage::RENDER_ATTACHMENT | GpuTextureUsage::TEXTURE_BINDING),
        view_formats: Some(vec![]),
        color_space: Some(PredefinedColorSpace::Srgb),
        tone_mapping: Some(GpuCanvasToneMapping { mode: Some(GpuCanvasToneMappingMode::Standard) }),
        alpha_mode: Some(GpuCanvasAlphaMode::Premultiplied),
    };
    let refused = async |what: &str| {
        let scopes = ErrorScopes::open(&gpu.device);
        clear(gpu, &context.get_current_texture(), [0.0; 4]);
        context.present();
        if scopes.close(what).await.is_ok() {
            fail!("{what} can be drawn to");
        }
        Ok(())
    };
    refused("a context without a configuration").await?;
    let scopes = ErrorScopes::open(&gpu.device);
    context.configure(&configuration(GpuTextureFormat::R8unorm));
    if scopes.close("a format that cannot be shown").await.is_ok() {
        fail!("a surface takes r8unorm");
    }
    refused("a context with a wrong format").await?;
    let scopes = ErrorScopes::open(&gpu.device);
    context.configure(&configuration(GpuTextureFormat::Rgba16float));
    if context.get_current_texture().format() != GpuTextureFormat::Rgba16float {
        fail!("the format is another one");
    }
    scopes.close("rgba16float").await?;
    context.unconfigure();
    refused("a context whose configuration is gone").await?;
    // Unread streams, which end with the surface.
    let pointers = [surface.on_pointer_up(), surface.on_pointer_down(), surface.on_pointer_move()];
    let keys = [surface.on_key_up(), surface.on_key_down()];
    drop(context);
    drop(surface);
    for mut stream in pointers {
        if stream.next().await.is_some() {
            fail!("a pointer moves on a surface that is gone");
        }
    }
    for mut stream in keys {
        if stream.next().await.is_some() {
            fail!("a key goes down on a surface that is gone");
        }
    }
    Ok(())
}

async fn frame_buffer() -> Outcome {
    let surface = Surface::new(CreateDesc { height: Some(4), width: Some(8) });
    let length = (surface.width() * surface.height() * 4) as usize;
    let context = surface_frame_buffer::Context::new(&surface);
    let buffer = context.get_current_buffer();
    if buffer.get_with_copy() != vec![0; length] {
        fail!("a new frame buffer is not {length} zeros");
    }
    let texels: Vec<u8> = [10, 20, 30, 0].into_iter().cycle().take(length).collect();
    // Bytes beyond the end are dropped.
    buffer.set_with_copy(&[&texels[..], &[1, 2, 3]].concat());
    if context.get_current_buffer().get_with_copy() != texels {
        fail!("a frame buffer has other bytes than were set");
    }
    context.present();
    // Too few bytes replace the first ones.
    buffer.set_with_copy(&[99]);
    if buffer.get_with_copy()[..2] != [99, 20] {
        fail!("a short write changes {:?}", &buffer.get_with_copy()[..2]);
    }
    context.present();
    Ok(())
}
