//! Many small draws: a bind group and a draw per pixel, 2000 pixels a pass, and one submit per pass. The GPU has little to
//! do, so that the time is that of the calls.
//!
//! With a third argument, that draw of the middle pass uses an incompatible bind group: one validation error among thousands
//! of calls, for tools that search for one.
//!
//! The CPU computes each pixel's value from the last pass, and a difference ends the guest with exit code 1.

use guest_support::gpu::{
    GpuBindGroup, GpuBindGroupDescriptor, GpuBindGroupEntry, GpuBindGroupLayoutDescriptor, GpuBindGroupLayoutEntry,
    GpuBindingResource, GpuBufferBindingLayout, GpuBufferBindingType, GpuBufferUsage, GpuShaderStage, GpuTextureFormat,
    GpuTextureUsage,
};
use guest_support::passes::{color_attachment, color_target, render_descriptor, render_pass};
use guest_support::{ErrorScopes, Failure, Gpu, Outcome, env, fail, outln};

guest_support::main!(run);

const USAGE: &str = "draws [PASSES [DRAWS [MISTAKE]]]    (50 passes of 2000 draws, no mistake by default)";
const SIZE: u32 = 64;
/// The bind groups' values; draws cycle through them.
const VALUES: [u32; 4] = [1, 20, 300, 4000];

async fn run() -> Outcome {
    let args = env::args();
    let passes: u32 = env::number_or(&args, 0, "PASSES", 50, USAGE)?;
    let draws: u32 = env::number_or(&args, 1, "DRAWS", 2000, USAGE)?;
    let mistake: u32 = env::number_or(&args, 2, "MISTAKE", u32::MAX, USAGE)?;
    if args.len() > 3 || passes == 0 || draws == 0 || draws > SIZE * SIZE {
        return Err(Failure::usage(format!("PASSES is above 0, DRAWS from 1 to {}", SIZE * SIZE), USAGE));
    }
    let gpu = Gpu::request("draws").await?;
    outln!("adapter: {}", gpu.adapter_name());

    let module = gpu.shader("draws", include_str!("draws.wgsl")).await?;
    let target = color_target(GpuTextureFormat::Rgba32uint);
    let pipeline = gpu.render_pipeline(render_descriptor("draws", &module, target)).await?;
    let scopes = ErrorScopes::open(&gpu.device);
    let usage = GpuTextureUsage::RENDER_ATTACHMENT | GpuTextureUsage::COPY_SRC;
    let picture = gpu.texture("picture", SIZE, SIZE, GpuTextureFormat::Rgba32uint, usage);
    let view = picture.create_view(None);
    let layout = pipeline.get_bind_group_layout(0);
    let mut groups = Vec::new();
    for value in VALUES {
        let buffer = gpu.buffer_with("value", &[value, value + 1, 0, 7], GpuBufferUsage::UNIFORM)?;
        groups.push(gpu.bind_group(&layout, vec![GpuBindingResource::GpuBuffer(&buffer)]));
    }

    let odd = odd_group(&gpu);

    let watch = env::Stopwatch::start();
    for pass_number in 0..passes {
        let encoder = gpu.encoder("draws");
        let pass = render_pass(&encoder, "draws", vec![color_attachment(&view, [0.0; 4])]);
        pass.set_pipeline(&pipeline);
        for draw in 0..draws {
            let wrong = draw == mistake && pass_number == passes / 2;
            let group = if wrong { &odd } else { &groups[group_of(pass_number, draw)] };
            pass.set_bind_group(0, Some(group), None, None, None)
                .map_err(|error| Failure::new(format!("cannot set a bind group: {}", error.message)))?;
            pass.draw(3, None, None, Some(draw));
        }
        pass.end();
        gpu.submit(&encoder);
    }
    let held = watch.ms();
    let texels = gpu.download_rows(&picture, SIZE, 16, 0, SIZE).await?;
    let whole = watch.ms();
    scopes.close("drawing").await?;

    let calls = f64::from(passes) * f64::from(draws) * 2.0;
    outln!("{passes} passes of {draws} draws: {whole:.1} ms, {:.0} ns a call", whole * 1e6 / calls);
    outln!("held until the last submit: {held:.1} ms, {:.0} ns a call", held * 1e6 / calls);
    check(&texels, passes - 1, draws)?;
    outln!("ok: all pixels agree with the CPU");
    Ok(())
}

/// A bind group with a binding that the pipeline does not have.
fn odd_group(gpu: &Gpu) -> GpuBindGroup {
    let label = || Some("odd".to_string());
    let buffer = GpuBufferBindingLayout {
        type_: Some(GpuBufferBindingType::Uniform),
        has_dynamic_offset: None,
        min_binding_size: None,
    };
    let entry = GpuBindGroupLayoutEntry {
        binding: 3,
        visibility: GpuShaderStage::FRAGMENT,
        buffer: Some(buffer),
        sampler: None,
        texture: None,
        storage_texture: None,
    };
    let descriptor = GpuBindGroupLayoutDescriptor { entries: vec![entry], label: label() };
    let layout = gpu.device.create_bind_group_layout(&descriptor);
    let buffer = gpu.buffer("odd", 16, GpuBufferUsage::UNIFORM);
    let entries = vec![GpuBindGroupEntry { binding: 3, resource: GpuBindingResource::GpuBuffer(&buffer) }];
    gpu.device.create_bind_group(&GpuBindGroupDescriptor { layout: &layout, entries, label: label() })
}

fn group_of(pass: u32, draw: u32) -> usize {
    (pass as usize + draw as usize) % VALUES.len()
}

fn check(texels: &[u8], last: u32, draws: u32) -> Outcome {
    for (pixel, texel) in (0..).zip(texels.chunks_exact(16)) {
        let value = if pixel < draws { VALUES[group_of(last, pixel)] } else { 0 };
        let expected = if pixel < draws { [value, value + 1, 0, 7] } else { [0; 4] };
        let found: Vec<u32> = texel.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        if found != expected {
            fail!("pixel {pixel} is {found:?}, expected {expected:?}");
        }
    }
    Ok(())
}
