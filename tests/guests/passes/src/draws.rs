//! Many small draws: a bind group and a draw per pixel, one list or many calls a pass.

use airlock_passes::{List, Offsets, Token};
use guest_support::gpu::{GpuBindingResource, GpuBufferUsage, GpuTextureFormat, GpuTextureUsage};
use guest_support::passes::{color_attachment, color_target, render_descriptor, render_pass};
use guest_support::{Failure, Gpu, Outcome, env, fail, outln};

use crate::{Way, bindings::passes};

const SIZE: u32 = 64;
pub const PIXELS: u32 = SIZE * SIZE;
/// The bind groups' values; draws cycle through them.
const VALUES: [u32; 4] = [1, 20, 300, 4000];

pub async fn run(gpu: &Gpu, way: Way, passes_count: u32, draws: u32) -> Outcome {
    let module = gpu.shader("draws", include_str!("../../draws/src/draws.wgsl")).await?;
    let target = color_target(GpuTextureFormat::Rgba32uint);
    let pipeline = gpu.render_pipeline(render_descriptor("draws", &module, target)).await?;
    let usage = GpuTextureUsage::RENDER_ATTACHMENT | GpuTextureUsage::COPY_SRC;
    let picture = gpu.texture("picture", SIZE, SIZE, GpuTextureFormat::Rgba32uint, usage);
    let view = picture.create_view(None);
    let layout = pipeline.get_bind_group_layout(0);
    let mut groups = Vec::new();
    for value in VALUES {
        let buffer = gpu.buffer_with("value", &[value, value + 1, 0, 7], GpuBufferUsage::UNIFORM)?;
        groups.push(gpu.bind_group(&layout, vec![GpuBindingResource::GpuBuffer(&buffer)]));
    }
    let pipeline_token = Token::of(passes::render_pipeline_token(&pipeline));
    let tokens: Vec<_> = groups.iter().map(|group| Token::of(passes::bind_group_token(group))).collect();

    let mut list = List::new();
    let watch = env::Stopwatch::start();
    for pass_number in 0..passes_count {
        let encoder = gpu.encoder("draws");
        let pass = render_pass(&encoder, "draws", vec![color_attachment(&view, [0.0; 4])]);
        match way {
            Way::Lists => {
                list.clear();
                list.set_pipeline(pipeline_token);
                for draw in 0..draws {
                    list.set_bind_group(0, Some(tokens[group_of(pass_number, draw)]), Offsets::NONE);
                    list.draw(3, 1, 0, draw);
                }
                passes::encode_render_pass(&pass, list.bytes());
            }
            Way::Calls => {
                pass.set_pipeline(&pipeline);
                for draw in 0..draws {
                    pass.set_bind_group(0, Some(&groups[group_of(pass_number, draw)]), None, None, None)
                        .map_err(|error| Failure::new(format!("cannot set a bind group: {}", error.message)))?;
                    pass.draw(3, None, None, Some(draw));
                }
            }
        }
        pass.end();
        gpu.submit(&encoder);
    }
    let held = watch.ms();
    let texels = gpu.download_rows(&picture, SIZE, 16, 0, SIZE).await?;
    let whole = watch.ms();

    let calls = f64::from(passes_count) * f64::from(draws) * 2.0;
    outln!("{passes_count} passes of {draws} draws: {whole:.1} ms, {:.0} ns a command", whole * 1e6 / calls);
    outln!("held until the last submit: {held:.1} ms, {:.0} ns a command", held * 1e6 / calls);
    check(&texels, passes_count - 1, draws)?;
    outln!("ok: all pixels agree with the CPU");
    Ok(())
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
