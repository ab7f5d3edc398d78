//! Many small draws: a bind group and a draw each, one in a hundred of which colours a pixel.

use guest_support::gpu::{
    GpuBindGroup, GpuBindingResource, GpuBufferUsage, GpuRenderPipeline, GpuTextureFormat, GpuTextureUsage,
    GpuTextureView,
};
use guest_support::passes::{color_attachment, color_target, render_descriptor, render_pass};
use guest_support::{ErrorScopes, Failure, Gpu, Outcome, fail};

use crate::bench::{Bench, Watch};

const PASSES: u32 = 50;
const DRAWS: u32 = 2000;
/// The picture's width and height, the same as in `draws.wgsl`.
const SIZE: u32 = 64;
/// The bind groups' values; draws cycle through them.
const VALUES: [u32; 4] = [1, 20, 300, 4000];

/// The time of set-bind-group and draw, per pair of calls: until the device has completed all, and until the last submit
/// returns.
pub async fn draws(bench: &Bench) -> Outcome {
    let gpu = &bench.gpu;
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
        let buffer = gpu.buffer_with("value", &texel(value), GpuBufferUsage::UNIFORM)?;
        groups.push(gpu.bind_group(&layout, vec![GpuBindingResource::GpuBuffer(&buffer)]));
    }

    let work = async || {
        let watch = Watch::start();
        for first in 0..PASSES {
            submit_pass(gpu, &pipeline, &view, &groups, first)?;
        }
        let held = watch.ns();
        bench.wait().await?;
        Ok([watch.ns(), held].map(|ns| ns / f64::from(PASSES * DRAWS * 2)))
    };
    let [whole, held] = bench.repeat(work).await?;
    scopes.close("draws").await?;
    if bench.computes {
        check(&gpu.download_rows(&picture, SIZE, 16, 0, SIZE).await?)?;
    }
    bench.report("whole", whole);
    bench.report("held", held);
    Ok(())
}

/// Submits one pass over the picture; `first` is the first pixel's bind group.
fn submit_pass(
    gpu: &Gpu,
    pipeline: &GpuRenderPipeline,
    view: &GpuTextureView,
    groups: &[GpuBindGroup],
    first: u32,
) -> Outcome {
    let encoder = gpu.encoder("draws");
    let pass = render_pass(&encoder, "draws", vec![color_attachment(view, [0.0; 4])]);
    pass.set_pipeline(pipeline);
    for draw in 0..DRAWS {
        let group = &groups[(first + draw) as usize % VALUES.len()];
        pass.set_bind_group(0, Some(group), None, None, None)
            .map_err(|error| Failure::new(format!("cannot set a bind group: {}", error.message)))?;
        pass.draw(3, None, None, Some(draw));
    }
    pass.end();
    gpu.submit(&encoder);
    Ok(())
}

fn texel(value: u32) -> [u32; 4] {
    [value, value + 1, 0, 7]
}

/// Checks that the picture is the last pass's.
fn check(texels: &[u8]) -> Outcome {
    for (pixel, bytes) in (0..).zip(texels.chunks_exact(16)) {
        let drawn = texel(VALUES[(PASSES - 1 + pixel) as usize % VALUES.len()]);
        let expected = if pixel < DRAWS && pixel % 100 == 0 { drawn } else { [0; 4] };
        let found: Vec<u32> = guest_support::bytemuck::allocation::pod_collect_to_vec(bytes);
        if found != expected {
            fail!("pixel {pixel} is {found:?}, expected {expected:?}");
        }
    }
    Ok(())
}
