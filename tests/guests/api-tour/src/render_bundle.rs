//! `gpu-render-bundle-encoder` and `gpu-render-bundle`: draws recorded once and executed in several passes.

use guest_support::gpu::*;
use guest_support::passes::render_pass;
use guest_support::{Gpu, Outcome};

use crate::check::{Check, check_error, check_label, check_success, plain_device, rich_device};
use crate::render_pass::{BLUE, GREEN, Quads, RED, Target};

const BLACK: [u8; 4] = [0, 0, 0, 255];

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("render bundle").await?;
    draws(check, &gpu).await?;
    refusals(check, &gpu).await?;
    let rich = rich_device("immediates in a bundle").await?;
    immediates(check, &rich).await
}

fn encoder(gpu: &Gpu, format: GpuTextureFormat) -> GpuRenderBundleEncoder {
    gpu.device.create_render_bundle_encoder(&GpuRenderBundleEncoderDescriptor {
        depth_read_only: None,
        stencil_read_only: None,
        color_formats: vec![Some(format)],
        depth_stencil_format: None,
        sample_count: Some(1),
        label: Some("bundle encoder".to_string()),
    })
}

fn set(bundle: &GpuRenderBundleEncoder, quads: &Quads) {
    bundle.set_pipeline(&quads.pipeline);
    bundle.set_vertex_buffer(0, Some(&quads.corners), Some(0), None);
    bundle.set_vertex_buffer(1, Some(&quads.colors), None, Some(16));
    bundle.set_index_buffer(&quads.indices, GpuIndexFormat::Uint16, None, Some(12));
}

async fn draws(check: &mut Check, gpu: &Gpu) -> Outcome {
    let quads = Quads::new(gpu, |_| ()).await?;
    let target = Target::new(gpu);
    type Draw<'a> = &'a dyn Fn(&GpuRenderBundleEncoder);
    let cases: [(&str, Draw<'_>, [u8; 4], [u8; 4]); 4] = [
        ("draw", &|bundle| bundle.draw(6, Some(1), Some(6), Some(1)), GREEN, BLACK),
        ("draw-indexed", &|bundle| bundle.draw_indexed(6, None, None, Some(6), Some(2)), BLUE, BLACK),
        ("draw-indirect", &|bundle| bundle.draw_indirect(&quads.indirect, 20), RED, RED),
        ("draw-indexed-indirect", &|bundle| bundle.draw_indexed_indirect(&quads.indirect, 0), RED, BLACK),
    ];
    for (what, draw, left, right) in cases {
        let bundle = encoder(gpu, GpuTextureFormat::Rgba8unorm);
        check_label!(check, bundle, "bundle encoder");
        bundle.push_debug_group("group");
        bundle.insert_debug_marker("marker");
        set(&bundle, &quads);
        draw(&bundle);
        bundle.pop_debug_group();
        let named = GpuRenderBundleDescriptor { label: Some("bundle".to_string()) };
        let bundle = check.valid(&gpu.device, what, || bundle.finish(Some(&named))).await;
        check_label!(check, bundle, "bundle");
        // In two passes, twice in the second one.
        let encoder = gpu.encoder("bundles");
        for bundles in [vec![&bundle], vec![&bundle, &bundle], vec![]] {
            let pass = render_pass(&encoder, "bundles", vec![target.black()]);
            let attached = !bundles.is_empty();
            pass.execute_bundles(&bundles);
            if !attached {
                pass.execute_bundles(&[&bundle]);
            }
            pass.end();
        }
        check.valid(&gpu.device, what, || gpu.submit(&encoder)).await;
        target.halves(check, gpu, what, left, right).await?;
    }
    Ok(())
}

async fn refusals(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let quads = Quads::new(gpu, |_| ()).await?;
    let target = Target::new(gpu);
    let limit = device.limits().max_immediate_size();
    type Mistake<'a> = &'a dyn Fn(&GpuRenderBundleEncoder);
    let mistakes: [(&str, Mistake<'_>); 5] = [
        ("no pipeline", &|bundle| bundle.draw(3, None, None, None)),
        ("more vertices than there are", &|bundle| {
            set(bundle, &quads);
            bundle.draw(100, None, None, None);
        }),
        ("an open debug group", &|bundle| bundle.push_debug_group("never closed")),
        ("an index buffer without the usage", &|bundle| {
            bundle.set_index_buffer(&quads.corners, GpuIndexFormat::Uint32, None, None);
        }),
        ("immediates above the limit", &|bundle| bundle.set_immediates(limit, &[0; 4], None, None)),
    ];
    for (what, mistake) in mistakes {
        let bundle = encoder(gpu, GpuTextureFormat::Rgba8unorm);
        mistake(&bundle);
        check.invalid(device, what, || bundle.finish(None)).await;
    }

    let layout = device.create_bind_group_layout(&GpuBindGroupLayoutDescriptor { entries: vec![], label: None });
    let group = gpu.bind_group(&layout, vec![]);
    let bundle = encoder(gpu, GpuTextureFormat::Rgba8unorm);
    check_success!(check, "set a group", bundle.set_bind_group(1, Some(&group), None, None, None));
    check_success!(check, "take it away", bundle.set_bind_group(1, None, None, None, None));
    let wrong = bundle.set_bind_group(0, Some(&group), Some(&[]), Some(0), Some(1));
    check_error!(check, "offsets over the end", wrong, SetBindGroupErrorKind::RangeError);
    check.valid(device, "groups", || bundle.finish(None)).await;

    let other = encoder(gpu, GpuTextureFormat::Bgra8unorm).finish(None);
    let commands = gpu.encoder("formats");
    let pass = render_pass(&commands, "formats", vec![target.black()]);
    pass.execute_bundles(&[&other]);
    pass.end();
    check.invalid(device, "a bundle for another format", || commands.finish(None)).await;
    check
        .invalid(device, "a bundle for no attachment", || {
            device.create_render_bundle_encoder(&GpuRenderBundleEncoderDescriptor {
                depth_read_only: Some(true),
                stencil_read_only: Some(true),
                color_formats: vec![],
                depth_stencil_format: None,
                sample_count: None,
                label: None,
            })
        })
        .await;
    Ok(())
}

/// Immediates in a bundle and in a pass, if the device has any.
async fn immediates(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    if device.limits().max_immediate_size() < 16 {
        return Ok(());
    }
    let code = "
        var<immediate> color: vec4<f32>;
        @vertex fn vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
            return vec4(f32(i & 1u) * 4.0 - 1.0, f32(i & 2u) * 2.0 - 1.0, 0.0, 1.0);
        }
        @fragment fn fragment() -> @location(0) vec4<f32> { return color; }";
    let module = gpu.shader("immediates", code).await?;
    let layout = device.create_pipeline_layout(&GpuPipelineLayoutDescriptor {
        bind_group_layouts: vec![],
        immediate_size: Some(16),
        label: None,
    });
    let target_state = guest_support::passes::color_target(GpuTextureFormat::Rgba8unorm);
    let mut descriptor = guest_support::passes::render_descriptor("immediates", &module, target_state);
    descriptor.layout = GpuLayoutMode::Specific(&layout);
    let pipeline = gpu.render_pipeline(descriptor).await?;
    let color = |rgba: [f32; 4]| rgba.iter().flat_map(|c| c.to_le_bytes()).collect::<Vec<u8>>();
    let target = Target::new(gpu);

    let bundle = encoder(gpu, GpuTextureFormat::Rgba8unorm);
    bundle.set_pipeline(&pipeline);
    bundle.set_immediates(0, &color([0.0, 1.0, 0.0, 1.0]), Some(0), Some(16));
    bundle.draw(3, None, None, None);
    let bundle = check.valid(device, "a bundle with immediates", || bundle.finish(None)).await;
    let encoder = gpu.encoder("immediates");
    let pass = render_pass(&encoder, "immediates", vec![target.black()]);
    pass.execute_bundles(&[&bundle]);
    pass.set_pipeline(&pipeline);
    pass.set_scissor_rect(0, 0, 4, 8);
    pass.set_immediates(0, &color([0.0, 0.0, 1.0, 1.0]), None, None);
    pass.draw(3, None, None, None);
    pass.end();
    check.valid(device, "a pass with immediates", || gpu.submit(&encoder)).await;
    target.halves(check, gpu, "immediates of a pass and a bundle", BLUE, GREEN).await
}
