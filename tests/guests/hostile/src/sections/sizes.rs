//! Values that are too many, too long, too large, or empty.

use guest_support::gpu::*;
use guest_support::passes::{color_attachment, compute_pass, render_descriptor, render_pass};
use guest_support::{Gpu, Outcome, gpu};

use crate::check::Check;
use crate::objects::{COMPUTE, RENDER, bundle_encoder, compute_pipeline, good_job, module, target};

const FORMAT: GpuTextureFormat = GpuTextureFormat::Rgba8unorm;

/// A million objects one after the other, and the maximum number of a component's live handles.
pub async fn objects(check: &mut Check) -> Outcome {
    const LIVE: usize = 90_000;
    let gpu = Gpu::request("objects").await?;
    for number in 0..1_000_000u32 {
        match number % 4 {
            0 => drop(gpu.device.create_sampler(None)),
            1 => drop(gpu.device.create_command_encoder(None)),
            2 => drop(gpu.buffer("", 4, GpuBufferUsage::UNIFORM)),
            _ => drop(
                gpu.device.create_bind_group_layout(&GpuBindGroupLayoutDescriptor { entries: vec![], label: None }),
            ),
        }
    }
    let live: Vec<_> = (0..LIVE).map(|_| gpu.buffer("", 4, GpuBufferUsage::UNIFORM)).collect();
    check.same("the last one's size", live.last().map(GpuBuffer::size), Some(4));
    drop(live);
    good_job(&gpu).await
}

/// Empty descriptors, and descriptors beyond every limit.
pub async fn descriptors(check: &mut Check) -> Outcome {
    let gpu = Gpu::request("descriptors").await?;
    let d = &gpu.device;
    let any = GpuBufferUsage::COPY_DST;
    for size in [u64::MAX, u64::MAX - 3, 1 << 63, 1 << 53, (256 << 20) + 4] {
        check.refused(&gpu, &format!("a buffer of {size}"), || gpu.buffer("", size, any)).await;
        check
            .refused(&gpu, &format!("a mapped buffer of {size}"), || {
                d.create_buffer(&GpuBufferDescriptor { size, usage: any, mapped_at_creation: Some(true), label: None })
            })
            .await;
    }
    check.refused(&gpu, "no usage", || gpu.buffer("", 4, GpuBufferUsage::empty())).await;
    check.fine(&gpu, "no bytes", || gpu.buffer("", 0, any)).await;
    let sized = |width, height, layers, mips, samples, dimension| GpuTextureDescriptor {
        size: GpuExtent3D { width, height: Some(height), depth_or_array_layers: Some(layers) },
        mip_level_count: Some(mips),
        sample_count: Some(samples),
        dimension: Some(dimension),
        format: FORMAT,
        usage: GpuTextureUsage::RENDER_ATTACHMENT,
        view_formats: Some(vec![]),
        texture_binding_view_dimension: None,
        label: None,
    };
    const MAX: u32 = u32::MAX;
    use GpuTextureDimension::{D1, D2, D3};
    for (w, h, l, m, s, dim) in [
        (0, 1, 1, 1, 1, D2),
        (1, 0, 1, 1, 1, D2),
        (1, 1, 0, 1, 1, D2),
        (1, 1, 1, 0, 1, D2),
        (1, 1, 1, 1, 0, D2),
        (MAX, MAX, MAX, MAX, MAX, D2),
        (MAX, 1, 1, 1, 1, D1),
        (1, 1, MAX, 1, 1, D3),
        (1, 1, 1, MAX, 1, D2),
        (1, 1, 1, 1, MAX, D2),
        (8193, 1, 1, 1, 1, D2),
        (1, 1, 257, 1, 1, D2),
    ] {
        let what = format!("a texture of {w} x {h} x {l}, {m} levels, {s} samples");
        let texture = check.refused(&gpu, &what, || d.create_texture(&sized(w, h, l, m, s, dim))).await;
        check.same("its width", texture.width(), w);
        let view =
            GpuTextureViewDescriptor { base_mip_level: Some(MAX), mip_level_count: Some(MAX), ..Default::default() };
        check.refused(&gpu, "its view", || texture.create_view(Some(&view))).await;
    }
    let texture = target(&gpu);
    for (base, count) in [(MAX, MAX), (0, 0), (0, MAX), (1, MAX), (MAX, 1)] {
        let levels =
            GpuTextureViewDescriptor { base_mip_level: Some(base), mip_level_count: Some(count), ..Default::default() };
        check.refused(&gpu, &format!("levels {base} and {count}"), || texture.create_view(Some(&levels))).await;
        let layers = GpuTextureViewDescriptor {
            base_array_layer: Some(base),
            array_layer_count: Some(count),
            ..Default::default()
        };
        check.refused(&gpu, &format!("layers {base} and {count}"), || texture.create_view(Some(&layers))).await;
    }
    for count in [MAX, 4097] {
        let set = GpuQuerySetDescriptor { type_: GpuQueryType::Occlusion, count, label: None };
        check.refused(&gpu, &format!("{count} queries"), || d.create_query_set(&set)).await.ok();
    }
    let encoder = gpu.encoder("no attachments");
    render_pass(&encoder, "none", vec![]).end();
    check.refused(&gpu, "a pass without attachments", || encoder.finish(None)).await;
    check
        .refused(&gpu, "a bundle without formats", || {
            d.create_render_bundle_encoder(&GpuRenderBundleEncoderDescriptor {
                depth_read_only: None,
                stencil_read_only: None,
                color_formats: vec![],
                depth_stencil_format: None,
                sample_count: Some(MAX),
                label: None,
            })
        })
        .await;
    let nothing = module(&gpu, "");
    check.refused(&gpu, "a pipeline of no shader", || compute_pipeline(&gpu, &nothing)).await;
    good_job(&gpu).await
}

/// Strings of a megabyte and more, with NULs, in every place for a string.
pub async fn texts(check: &mut Check) -> Outcome {
    const LONG: usize = 1 << 20;
    let gpu = Gpu::request("texts").await?;
    for text in ["\0", "a\0b", "x", "\u{1f980}", "\u{1b}[2J\u{7}\u{202e}"] {
        let long = text.repeat(LONG / text.len() * 3);
        for text in [text, &long] {
            let label = || Some(text.to_owned());
            let buffer = check.fine(&gpu, "a label", || gpu.buffer(text, 64, GpuBufferUsage::COPY_DST)).await;
            buffer.set_label(text);
            // A long label is truncated.
            check.that("the label", text.starts_with(&buffer.label()));
            gpu.device.set_label(text);
            gpu.queue.set_label(text);
            let encoder = gpu.encoder(text);
            encoder.push_debug_group(text);
            encoder.insert_debug_marker(text);
            let pass = compute_pass(&encoder, text);
            pass.push_debug_group(text);
            pass.insert_debug_marker(text);
            pass.pop_debug_group();
            pass.end();
            encoder.pop_debug_group();
            let descriptor = GpuCommandBufferDescriptor { label: label() };
            let commands = check.fine(&gpu, "markers", || encoder.finish(Some(&descriptor))).await;
            check.fine(&gpu, "their submit", || gpu.queue.submit(&[&commands])).await;
            let bundle = bundle_encoder(&gpu);
            bundle.push_debug_group(text);
            bundle.insert_debug_marker(text);
            bundle.pop_debug_group();
            check.fine(&gpu, "markers of a bundle", || bundle.finish(None)).await;
            let shader = check.refused(&gpu, "code", || module(&gpu, text)).await;
            let messages = shader.get_compilation_info().await.messages();
            check.that("few messages", messages.len() < 10);
            let swizzle = GpuTextureViewDescriptor { swizzle: label(), label: label(), ..Default::default() };
            check.refused(&gpu, "a swizzle", || target(&gpu).create_view(Some(&swizzle))).await;
            let good = module(&gpu, COMPUTE);
            let constants = RecordGpuPipelineConstantValue::new();
            for number in 0..100 {
                constants.add(&format!("{number}{text}"), 0.0);
            }
            constants.keys();
            let descriptor = GpuComputePipelineDescriptor {
                compute: GpuProgrammableStage { module: &good, entry_point: label(), constants: Some(constants) },
                layout: GpuLayoutMode::Auto,
                label: label(),
            };
            check.that("a function's name", gpu.device.create_compute_pipeline_async(descriptor).await.is_err());
            let device = GpuDeviceDescriptor {
                label: label(),
                default_queue: Some(GpuQueueDescriptor { label: label() }),
                ..Default::default()
            };
            if let Some(adapter) = gpu::get_gpu().request_adapter(None).await {
                check.that("a device's label", adapter.request_device(Some(device)).await.is_ok());
            }
        }
    }
    for bytes in [4 << 20, (4 << 20) + 1, 16 << 20] {
        let code = format!("{COMPUTE}//{}", "x".repeat(bytes - COMPUTE.len() - 2));
        let limit = bytes <= 4 << 20;
        gpu.device.push_error_scope(GpuErrorFilter::Validation);
        let shader = module(&gpu, &code);
        let error = gpu.device.pop_error_scope().await;
        check.that(&format!("{bytes} bytes of code"), matches!(error, Ok(error) if error.is_none() == limit));
        shader.get_compilation_info().await.messages();
    }
    good_job(&gpu).await
}

/// Lists of a hundred thousand elements, and of the maximum number of handles that a call may lend.
pub async fn lists(check: &mut Check) -> Outcome {
    const LONG: usize = 100_000;
    const LENT: usize = 45_000;
    let gpu = Gpu::request("lists").await?;
    let d = &gpu.device;
    let view = target(&gpu).create_view(None);
    let commands = gpu.encoder("").finish(None);
    check.refused(&gpu, "a submit", || gpu.queue.submit(&vec![&commands; 2 * LENT])).await;
    let entry = GpuBindGroupLayoutEntry {
        binding: 0,
        visibility: GpuShaderStage::COMPUTE,
        buffer: Some(Default::default()),
        sampler: None,
        texture: None,
        storage_texture: None,
    };
    let entries = |n: usize| (0..n as u32).map(|binding| GpuBindGroupLayoutEntry { binding, ..entry }).collect();
    check
        .refused(&gpu, "a layout", || {
            d.create_bind_group_layout(&GpuBindGroupLayoutDescriptor { entries: entries(LONG), label: None })
        })
        .await;
    let layout = d.create_bind_group_layout(&GpuBindGroupLayoutDescriptor { entries: entries(1), label: None });
    let buffer = gpu.buffer("", 64, GpuBufferUsage::UNIFORM);
    check
        .refused(&gpu, "a group", || {
            gpu.bind_group(&layout, (0..2 * LENT).map(|_| GpuBindingResource::GpuBuffer(&buffer)).collect())
        })
        .await;
    check
        .refused(&gpu, "a pipeline layout", || {
            d.create_pipeline_layout(&GpuPipelineLayoutDescriptor {
                bind_group_layouts: vec![Some(&layout); 2 * LENT],
                immediate_size: None,
                label: None,
            })
        })
        .await;
    check
        .fine(&gpu, "a layout of nothing but gaps", || {
            d.create_pipeline_layout(&GpuPipelineLayoutDescriptor {
                bind_group_layouts: vec![],
                immediate_size: None,
                label: None,
            })
        })
        .await;
    let encoder = gpu.encoder("");
    render_pass(&encoder, "", (0..LENT).map(|_| color_attachment(&view, [0.0; 4])).collect()).end();
    check.refused(&gpu, "attachments", || encoder.finish(None)).await;
    check
        .refused(&gpu, "formats of a bundle", || {
            d.create_render_bundle_encoder(&GpuRenderBundleEncoderDescriptor {
                depth_read_only: None,
                stencil_read_only: None,
                color_formats: vec![Some(FORMAT); LONG],
                depth_stencil_format: None,
                sample_count: None,
                label: None,
            })
        })
        .await;
    let formats = GpuTextureDescriptor {
        size: GpuExtent3D { width: 1, height: None, depth_or_array_layers: None },
        mip_level_count: None,
        sample_count: None,
        dimension: None,
        format: FORMAT,
        usage: GpuTextureUsage::COPY_DST,
        view_formats: Some(vec![GpuTextureFormat::Depth24plus; LONG]),
        texture_binding_view_dimension: None,
        label: None,
    };
    check.refused(&gpu, "formats of views", || d.create_texture(&formats)).await;
    let encoder = gpu.encoder("");
    let pass = compute_pass(&encoder, "");
    let group = gpu.bind_group(&layout, vec![GpuBindingResource::GpuBuffer(&buffer)]);
    pass.set_bind_group(0, Some(&group), Some(&vec![u32::MAX; LONG]), None, None).ok();
    check.that(
        "no such offsets",
        pass.set_bind_group(0, Some(&group), Some(&[0]), Some(u64::MAX), Some(u32::MAX)).is_err(),
    );
    pass.set_immediates(u32::MAX, &vec![0; LONG], Some(u64::MAX), Some(u64::MAX));
    pass.end();
    check.refused(&gpu, "dynamic offsets and immediates", || encoder.finish(None)).await;
    let bundle = bundle_encoder(&gpu).finish(None);
    let encoder = gpu.encoder("");
    let pass = render_pass(&encoder, "", vec![color_attachment(&view, [0.0; 4])]);
    pass.execute_bundles(&vec![&bundle; 2 * LENT]);
    pass.end();
    encoder.finish(None);
    let features = vec![GpuFeatureName::CoreFeaturesAndLimits; LONG];
    let limits = RecordOptionGpuSize64::new();
    for number in 0..LONG {
        limits.add(&number.to_string(), Some(1));
    }
    check.that("not that many names are kept", limits.keys().len() <= LONG);
    let descriptor = GpuDeviceDescriptor {
        required_features: Some(features),
        required_limits: Some(limits),
        default_queue: None,
        label: None,
    };
    if let Some(adapter) = gpu::get_gpu().request_adapter(None).await {
        check.that("no such limits", adapter.request_device(Some(descriptor)).await.is_err());
    }
    good_job(&gpu).await
}

/// Pipelines with nested lists: the longest possible command.
pub async fn pipelines(check: &mut Check) -> Outcome {
    let gpu = Gpu::request("pipelines").await?;
    let shader = module(&gpu, RENDER);
    for (buffers, attributes) in [(0, 0), (9, 1), (1, 31), (1024, 1024), (2000, 200), (1, 100_000), (100_000, 0)] {
        let attribute =
            GpuVertexAttribute { format: GpuVertexFormat::Float32x4, offset: u64::MAX - 15, shader_location: u32::MAX };
        let buffer = || GpuVertexBufferLayout {
            array_stride: u64::MAX,
            step_mode: None,
            attributes: vec![attribute; attributes],
        };
        let constants = || {
            let constants = RecordGpuPipelineConstantValue::new();
            if buffers > 1000 {
                (0..1024).for_each(|n| constants.add(&format!("{n}{}", "k".repeat(4000)), f64::MAX));
            }
            constants
        };
        let plain = render_descriptor("", &shader, None);
        let descriptor = GpuRenderPipelineDescriptor {
            vertex: GpuVertexState {
                buffers: Some((0..buffers).map(|_| Some(buffer())).collect()),
                constants: Some(constants()),
                ..plain.vertex
            },
            fragment: plain.fragment.map(|fragment| GpuFragmentState {
                targets: (0..buffers + 1)
                    .map(|_| Some(GpuColorTargetState { format: FORMAT, blend: None, write_mask: None }))
                    .collect(),
                constants: Some(constants()),
                ..fragment
            }),
            ..plain
        };
        let what = format!("{buffers} buffers of {attributes} attributes");
        let pipeline = gpu.device.create_render_pipeline_async(descriptor).await;
        check.that(&what, pipeline.is_ok() == (buffers == 0));
    }
    let descriptor = |attributes: usize| {
        let attribute =
            GpuVertexAttribute { format: GpuVertexFormat::Float32x4, offset: u64::MAX, shader_location: u32::MAX };
        let buffer =
            GpuVertexBufferLayout { array_stride: 4, step_mode: None, attributes: vec![attribute; attributes] };
        let plain = render_descriptor("", &shader, None);
        GpuRenderPipelineDescriptor {
            vertex: GpuVertexState { buffers: Some(vec![Some(buffer); 1024]), ..plain.vertex },
            ..plain
        }
    };
    let pipeline =
        check.refused(&gpu, "the longest pipeline", || gpu.device.create_render_pipeline(descriptor(1024))).await;
    check.refused(&gpu, "its layout", || pipeline.get_bind_group_layout(0)).await;
    good_job(&gpu).await
}
