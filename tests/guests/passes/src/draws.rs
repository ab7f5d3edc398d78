//! Many small draws: a bind group and a draw per pixel, one list or many calls a pass.

use airlock_passes::{List, Offsets, Token};
use guest_support::passes::{color_attachment, render_pass};
use guest_support::{Failure, Gpu, Outcome, env, fail, outln};
use measure::{
    Draws,
    draws::{SIZE, VALUES, group_of, texel},
};

use crate::{Way, bindings::passes};

pub const PIXELS: u32 = SIZE * SIZE;

pub async fn run(gpu: &Gpu, way: Way, passes_count: u32, draws: u32) -> Outcome {
    let shader = include_str!("../../draws/src/draws.wgsl");
    let Draws { pipeline, groups, picture, view } = Draws::with_shader(gpu, shader).await?;
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

fn check(texels: &[u8], last: u32, draws: u32) -> Outcome {
    for (pixel, bytes) in (0..).zip(texels.chunks_exact(16)) {
        let expected = if pixel < draws { texel(VALUES[group_of(last, pixel)]) } else { [0; 4] };
        let found: Vec<u32> = bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        if found != expected {
            fail!("pixel {pixel} is {found:?}, expected {expected:?}");
        }
    }
    Ok(())
}
