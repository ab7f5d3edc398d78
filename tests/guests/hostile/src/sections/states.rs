//! Objects in unusable states: ended, destroyed, dropped, of another device, of a lost one.

use std::future::IntoFuture;
use std::pin::pin;

use guest_support::gpu::*;
use guest_support::passes::{bind, color_attachment, compute_pass, render_pass};
use guest_support::tasks::{First, join, race, sleep_ms};
use guest_support::{Failure, Gpu, Outcome};

use crate::check::Check;
use crate::objects::{
    COMPUTE, RENDER, bundle_encoder, compute_pipeline, good_job, idle, module, query_set, render_pipeline, target,
};

const COPY: GpuBufferUsage = GpuBufferUsage::COPY_SRC.union(GpuBufferUsage::COPY_DST);

/// Uses of ended objects, and finishes of open ones.
pub async fn ended(check: &mut Check) -> Outcome {
    let gpu = Gpu::request("ended").await?;
    let view = target(&gpu).create_view(None);
    let buffer = gpu.buffer("buffer", 64, COPY);

    let encoder = gpu.encoder("computing");
    let pass = compute_pass(&encoder, "pass");
    pass.end();
    check.refused(&gpu, "a second end of a compute pass", || pass.end()).await;
    check.refused(&gpu, "a dispatch after the end", || pass.dispatch_workgroups(1, None, None)).await;
    let commands = check.fine(&gpu, "the first finish", || encoder.finish(None)).await;
    check.refused(&gpu, "a second finish", || encoder.finish(None)).await;
    check.refused(&gpu, "a copy after the finish", || encoder.clear_buffer(&buffer, None, None)).await;
    check.refused(&gpu, "a pass after the finish", || compute_pass(&encoder, "late")).await;
    check.fine(&gpu, "a submit", || gpu.queue.submit(&[&commands])).await;
    check.refused(&gpu, "a second submit", || gpu.queue.submit(&[&commands])).await;
    let twice = gpu.encoder("twice").finish(None);
    check.refused(&gpu, "the same commands twice", || gpu.queue.submit(&[&twice, &twice])).await;

    let encoder = gpu.encoder("rendering");
    let pass = render_pass(&encoder, "pass", vec![color_attachment(&view, [f64::NAN; 4])]);
    pass.end();
    check.refused(&gpu, "a second end of a render pass", || pass.end()).await;
    check.refused(&gpu, "a draw after the end", || pass.draw(3, None, None, None)).await;

    let encoder = gpu.encoder("locked");
    let _open = compute_pass(&encoder, "open");
    check.refused(&gpu, "a finish while a pass is open", || encoder.finish(None)).await;
    let encoder = gpu.encoder("locked");
    let open = compute_pass(&encoder, "open");
    encoder.clear_buffer(&buffer, None, None);
    open.end();
    check.refused(&gpu, "a copy while a pass was open", || encoder.finish(None)).await;
    let encoder = gpu.encoder("two");
    let _first = compute_pass(&encoder, "first");
    let _second = compute_pass(&encoder, "second");
    check.refused(&gpu, "two passes at once", || encoder.finish(None)).await;

    let encoder = bundle_encoder(&gpu);
    let bundle = check.fine(&gpu, "a bundle", || encoder.finish(None)).await;
    check.refused(&gpu, "a second finish of a bundle", || encoder.finish(None)).await;
    check.refused(&gpu, "a draw after a bundle's finish", || encoder.draw(3, None, None, None)).await;
    drop(bundle);

    let encoder = gpu.encoder("groups");
    let pass = compute_pass(&encoder, "pass");
    pass.pop_debug_group();
    pass.end();
    check.refused(&gpu, "a group that was not pushed", || encoder.finish(None)).await;
    let encoder = gpu.encoder("groups");
    (0..10_000).for_each(|_| encoder.push_debug_group("deeper"));
    check.refused(&gpu, "10 000 open groups", || encoder.finish(None)).await;
    good_job(&gpu).await
}

/// Uses of destroyed objects, destroyed again.
pub async fn destroyed(check: &mut Check) -> Outcome {
    let gpu = Gpu::request("destroyed").await?;
    let (source, sink) = (gpu.buffer("source", 64, COPY), gpu.buffer("sink", 64, COPY));
    let (texture, set) = (target(&gpu), query_set(&gpu).ok_or_else(|| Failure::new("no query set"))?);
    let view = texture.create_view(None);
    let copies = gpu.encoder("copies");
    copies.copy_buffer_to_buffer(&source, None, &sink, None, None);
    let copies = copies.finish(None);
    let passes = gpu.encoder("passes");
    render_pass(&passes, "pass", vec![color_attachment(&view, [0.0; 4])]).end();
    let passes = passes.finish(None);
    for _ in 0..1000 {
        source.destroy();
        texture.destroy();
        set.destroy();
    }
    check.refused(&gpu, "a copy from a destroyed buffer", || gpu.queue.submit(&[&copies])).await;
    check.refused(&gpu, "a pass into a destroyed texture", || gpu.queue.submit(&[&passes])).await;
    let late = gpu.encoder("late");
    late.copy_buffer_to_buffer(&sink, None, &source, None, None);
    let late = late.finish(None);
    check.refused(&gpu, "a copy to a destroyed buffer", || gpu.queue.submit(&[&late])).await;
    check
        .refused(&gpu, "a write to a destroyed buffer", || {
            gpu.queue.write_buffer_with_copy(&source, 0, &[0; 4], None, None)
        })
        .await
        .ok();
    check.same("the size of a destroyed buffer", source.size(), 64);
    check.same("the width of a destroyed texture", texture.width(), 16);
    let mapped = gpu.buffer("mapped", 64, GpuBufferUsage::MAP_READ);
    mapped.destroy();
    check.that("a map of a destroyed buffer fails", mapped.map_async(GpuMapMode::READ, None, None).await.is_err());
    check.that("so does its range", mapped.get_mapped_range_get_with_copy(None, None).is_err());
    check.that("its unmap does nothing", mapped.unmap().is_ok());
    good_job(&gpu).await
}

/// Dependencies of an object are dropped first; the work still succeeds.
pub async fn dropped(check: &mut Check) -> Outcome {
    let gpu = Gpu::request("dropped").await?;
    let buffer = gpu.buffer_with("data", &[3u32; 64], GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_SRC)?;
    let encoder = gpu.encoder("work");
    let pass = compute_pass(&encoder, "work");
    {
        let module = module(&gpu, COMPUTE);
        let pipeline = compute_pipeline(&gpu, &module);
        drop(module);
        let layout = pipeline.get_bind_group_layout(0);
        let group = gpu.bind_group(&layout, vec![GpuBindingResource::GpuBuffer(&buffer)]);
        drop(layout);
        pass.set_pipeline(&pipeline);
        bind(&pass, 0, &group)?;
    }
    pass.dispatch_workgroups(1, None, None);
    pass.end();
    drop(pass);
    gpu.submit(&encoder);
    drop(encoder);
    let found = gpu.download::<u32>(&buffer).await?;
    check.that("the squares", idle(&gpu) || found == [10; 64]);

    // The device's handle is dropped before all that it created; the queue's last.
    let Gpu { adapter, device, queue } = Gpu::request("orphans").await?;
    let parts: Vec<_> = (0..100)
        .map(|_| {
            let descriptor = GpuBufferDescriptor { size: 64, usage: COPY, mapped_at_creation: Some(true), label: None };
            device.create_buffer(&descriptor)
        })
        .collect();
    let encoder = device.create_command_encoder(None);
    drop((device, adapter));
    encoder.clear_buffer(&parts[0], None, None);
    queue.submit(&[&encoder.finish(None)]);
    drop(parts);
    queue.on_submitted_work_done().await;
    drop(queue);

    // A pass without an end, a bundle without a finish, a mapped buffer.
    let half = Gpu::request("half").await?;
    for _ in 0..100 {
        let encoder = half.encoder("half");
        let pass = compute_pass(&encoder, "half");
        drop(encoder);
        pass.dispatch_workgroups(1, None, None);
        let bundle = bundle_encoder(&half);
        let pipeline = render_pipeline(&half, &module(&half, RENDER));
        bundle.set_pipeline(&pipeline);
    }
    good_job(&gpu).await
}

/// Objects of one device in calls of another.
pub async fn foreign(check: &mut Check) -> Outcome {
    let (gpu, other) = (Gpu::request("ours").await?, Gpu::request("theirs").await?);
    // Beyond all buffers of the writing device, which has none yet.
    let far: Vec<_> = (0..5_000).map(|_| other.buffer("far", 4, COPY)).collect();
    for buffer in &far {
        gpu.queue.write_buffer_with_copy(buffer, 0, &[1; 4], None, None).ok();
    }
    let usage = COPY | GpuBufferUsage::STORAGE | GpuBufferUsage::INDEX | GpuBufferUsage::INDIRECT;
    let (mine, theirs) = (gpu.buffer("mine", 64, usage), other.buffer("theirs", 64, usage));
    let encoder = gpu.encoder("copy");
    encoder.copy_buffer_to_buffer(&theirs, None, &mine, None, None);
    check.refused(&gpu, "a copy between devices", || encoder.finish(None)).await;
    check
        .refused(&gpu, "a write to another device's buffer", || {
            gpu.queue.write_buffer_with_copy(&theirs, 0, &[0; 4], None, None)
        })
        .await
        .ok();
    let foreign = other.encoder("theirs").finish(None);
    check.refused(&gpu, "another device's commands", || gpu.queue.submit(&[&foreign])).await;

    let (ours, theirs_compute) = (module(&gpu, COMPUTE), module(&other, COMPUTE));
    let pipeline = compute_pipeline(&gpu, &ours);
    check.refused(&gpu, "a pipeline of another device's module", || compute_pipeline(&gpu, &theirs_compute)).await;
    let layout = pipeline.get_bind_group_layout(0);
    check
        .refused(&gpu, "a group with another device's buffer", || {
            gpu.bind_group(&layout, vec![GpuBindingResource::GpuBuffer(&theirs)])
        })
        .await;
    let their_pipeline = compute_pipeline(&other, &theirs_compute);
    let their_layout = their_pipeline.get_bind_group_layout(0);
    check
        .refused(&gpu, "a group of another device's layout", || {
            gpu.bind_group(&their_layout, vec![GpuBindingResource::GpuBuffer(&mine)])
        })
        .await;
    let their_group = other.bind_group(&their_layout, vec![GpuBindingResource::GpuBuffer(&theirs)]);
    let encoder = gpu.encoder("compute");
    let pass = compute_pass(&encoder, "foreign");
    pass.set_pipeline(&their_pipeline);
    bind(&pass, 0, &their_group)?;
    pass.dispatch_workgroups_indirect(&theirs, 0);
    pass.end();
    check.refused(&gpu, "another device's pipeline and group", || encoder.finish(None)).await;

    let view = target(&other).create_view(None);
    let encoder = gpu.encoder("render");
    render_pass(&encoder, "foreign", vec![color_attachment(&view, [0.0; 4])]).end();
    check.refused(&gpu, "another device's attachment", || encoder.finish(None)).await;
    let view = target(&gpu).create_view(None);
    let bundle = bundle_encoder(&other).finish(None);
    let encoder = gpu.encoder("bundle");
    let pass = render_pass(&encoder, "foreign", vec![color_attachment(&view, [0.0; 4])]);
    pass.execute_bundles(&[&bundle]);
    pass.set_index_buffer(&theirs, GpuIndexFormat::Uint16, None, None);
    pass.end();
    check.refused(&gpu, "another device's bundle", || encoder.finish(None)).await;
    let set = query_set(&other).ok_or_else(|| Failure::new("no query set"))?;
    let encoder = gpu.encoder("queries");
    encoder.resolve_query_set(&set, 0, 1, &mine, 0);
    check.refused(&gpu, "another device's queries", || encoder.finish(None)).await;
    good_job(&gpu).await?;
    good_job(&other).await
}

/// Views that are invalid attachments: of a depth format beside a color, of a cube, of a 3D or 1D texture.
pub async fn attachments(check: &mut Check) -> Outcome {
    let gpu = Gpu::request("attachments").await?;
    let usage = GpuTextureUsage::RENDER_ATTACHMENT | GpuTextureUsage::TEXTURE_BINDING;
    let texture = |format, layers, samples, dimension| {
        gpu.device.create_texture(&GpuTextureDescriptor {
            size: GpuExtent3D { width: 16, height: Some(16), depth_or_array_layers: Some(layers) },
            mip_level_count: None,
            sample_count: Some(samples),
            dimension: Some(dimension),
            format,
            usage,
            view_formats: None,
            texture_binding_view_dimension: None,
            label: None,
        })
    };
    use GpuTextureDimension::{D2, D3};
    let color = GpuTextureFormat::Rgba8unorm;
    let plain = texture(color, 1, 1, D2).create_view(None);
    let sampled = texture(color, 1, 4, D2).create_view(None);
    let depths = [
        GpuTextureFormat::Depth32float,
        GpuTextureFormat::Depth24plus,
        GpuTextureFormat::Depth24plusStencil8,
        GpuTextureFormat::Depth16unorm,
        GpuTextureFormat::Stencil8,
        GpuTextureFormat::Rgb9e5ufloat,
        GpuTextureFormat::Bc1RgbaUnorm,
        GpuTextureFormat::Etc2Rgb8unorm,
        GpuTextureFormat::Astc4x4Unorm,
    ];
    for format in depths {
        let view = texture(format, 1, 1, D2).create_view(None);
        for attachments in [[&plain, &view], [&view, &plain], [&view, &view]] {
            let encoder = gpu.encoder("formats");
            render_pass(&encoder, "", attachments.map(|view| color_attachment(view, [0.0; 4])).into()).end();
            check.refused(&gpu, &format!("{format:?}"), || encoder.finish(None)).await;
        }
    }
    let layered = texture(color, 6, 1, D2);
    let volume = texture(color, 6, 1, D3);
    use GpuTextureViewDimension as V;
    for (texture, dimension) in [
        (&layered, Some(V::Cube)),
        (&layered, Some(V::CubeArray)),
        (&layered, Some(V::D2Array)),
        (&layered, None),
        (&volume, Some(V::D3)),
        (&volume, None),
        (&volume, Some(V::D2)),
        (&layered, Some(V::D1)),
    ] {
        let view = texture.create_view(Some(&GpuTextureViewDescriptor { dimension, ..Default::default() }));
        for slice in [None, Some(0), Some(u32::MAX)] {
            let what = format!("{dimension:?} {slice:?}");
            let encoder = gpu.encoder("resolve");
            let mut attachment = color_attachment(&sampled, [0.0; 4]);
            (attachment.resolve_target, attachment.depth_slice) = (Some(&view), slice);
            render_pass(&encoder, "", vec![attachment]).end();
            check.refused(&gpu, &format!("resolve to {what}"), || encoder.finish(None)).await;
            let encoder = gpu.encoder("view");
            let mut attachment = color_attachment(&view, [0.0; 4]);
            attachment.depth_slice = slice;
            render_pass(&encoder, "", vec![attachment]).end();
            let commands = encoder.finish(None);
            if slice != Some(0) {
                check.refused(&gpu, &format!("submit to {what}"), || gpu.queue.submit(&[&commands])).await;
            }
        }
    }
    good_job(&gpu).await
}

/// A device is lost amid pending work; its objects have no effect afterwards.
pub async fn lost(check: &mut Check) -> Outcome {
    let gpu = Gpu::request("lost").await?;
    let buffer = gpu.buffer("read", 64, GpuBufferUsage::MAP_READ | GpuBufferUsage::COPY_DST);
    let written = gpu.device.create_buffer(&GpuBufferDescriptor {
        size: 64,
        usage: GpuBufferUsage::COPY_SRC,
        mapped_at_creation: Some(true),
        label: None,
    });
    let view = target(&gpu).create_view(None);
    let encoder = gpu.encoder("open");
    let pass = render_pass(&encoder, "open", vec![color_attachment(&view, [0.0; 4])]);
    let (mapped, ()) = join(buffer.map_async(GpuMapMode::READ, None, None), async {
        for _ in 0..100 {
            gpu.device.destroy();
        }
    })
    .await;
    check.that("a map that waits is aborted", mapped.is_err());
    let mut lost = pin!(gpu.device.lost().into_future());
    match race(lost.as_mut(), sleep_ms(10_000)).await {
        First::Left(info) => check.same("the reason", info.reason(), GpuDeviceLostReason::Destroyed),
        First::Right(()) => check.that("lost resolves", false),
    }
    check.that("its ranges are gone", written.get_mapped_range_set_with_copy(&[0; 8], None, None).is_err());
    check.that("unmap does nothing", written.unmap().is_ok());
    pass.draw(3, None, None, None);
    pass.end();
    pass.end();
    gpu.queue.submit(&[&encoder.finish(None), &encoder.finish(None)]);
    for round in 0..2000u32 {
        let late = gpu.buffer("late", u64::MAX - u64::from(round), GpuBufferUsage::from_bits_retain(u16::MAX));
        check.same("the size of a late buffer", late.size(), u64::MAX - u64::from(round));
        late.destroy();
        module(&gpu, "nonsense");
        query_set(&gpu);
    }
    check.that("a lost device has no errors", matches!(gpu.device.pop_error_scope().await, Err(_) | Ok(None)));
    gpu.device.push_error_scope(GpuErrorFilter::Validation);
    module(&gpu, "nonsense");
    check.that("not in scopes either", matches!(gpu.device.pop_error_scope().await, Ok(None)));
    let late = buffer.map_async(GpuMapMode::READ, None, None).await;
    check.that("a late map fails", late.is_err());
    gpu.queue.on_submitted_work_done().await;
    let mut errors = gpu.device.on_uncaptured_error();
    check.that("the stream of errors ends", errors.next().await.is_none());
    Ok(())
}
