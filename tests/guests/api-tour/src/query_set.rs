//! `gpu-query-set`: occlusion queries and, if the adapter supports them, timestamps.

use guest_support::gpu::*;
use guest_support::{Gpu, Outcome};

use crate::check::{Check, check_error, check_label, needed, plain_device, rich_device};
use crate::render_pass::{Quads, Target};

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("query set").await?;
    let descriptor = |type_, count| GpuQuerySetDescriptor { type_, count, label: Some("queries".to_string()) };
    let device = &gpu.device;
    let made = check
        .valid(device, "an occlusion query set", || device.create_query_set(&descriptor(GpuQueryType::Occlusion, 4)))
        .await;
    let set = needed("an occlusion query set", made)?;
    check.same("its type", set.type_(), GpuQueryType::Occlusion);
    check.same("its count", set.count(), 4);
    check_label!(check, set, "queries");
    occlusion(check, &gpu, &set).await?;
    set.destroy();
    set.destroy();
    check.same("a destroyed set keeps its count", set.count(), 4);

    let without = device.create_query_set(&descriptor(GpuQueryType::Timestamp, 2));
    check_error!(check, "timestamps without the feature", without, CreateQuerySetErrorKind::TypeError);
    let many = check
        .invalid(device, "4097 queries", || device.create_query_set(&descriptor(GpuQueryType::Occlusion, 4097)))
        .await;
    check.same("an invalid set keeps its count", needed("4097 queries", many)?.count(), 4097);

    let rich = rich_device("timestamps").await?;
    if rich.device.features().has("timestamp-query") {
        timestamps(check, &rich).await?;
    }
    Ok(())
}

fn result_buffer(gpu: &Gpu) -> GpuBuffer {
    gpu.buffer("results", 512, GpuBufferUsage::QUERY_RESOLVE | GpuBufferUsage::COPY_SRC)
}

async fn occlusion(check: &mut Check, gpu: &Gpu, set: &GpuQuerySet) -> Outcome {
    let device = &gpu.device;
    let quads = Quads::new(gpu, |_| ()).await?;
    let target = Target::new(gpu);
    let results = result_buffer(gpu);
    let begin = |encoder: &GpuCommandEncoder| {
        let pass = encoder.begin_render_pass(&GpuRenderPassDescriptor {
            color_attachments: vec![Some(target.black())],
            depth_stencil_attachment: None,
            occlusion_query_set: Some(set),
            timestamp_writes: None,
            max_draw_count: None,
            label: None,
        });
        pass.set_pipeline(&quads.pipeline);
        pass.set_vertex_buffer(0, Some(&quads.corners), None, None);
        pass.set_vertex_buffer(1, Some(&quads.colors), None, None);
        pass
    };
    let encoder = gpu.encoder("occlusion");
    let pass = begin(&encoder);
    pass.begin_occlusion_query(0);
    pass.draw(6, None, None, None);
    pass.end_occlusion_query();
    pass.begin_occlusion_query(2);
    pass.set_scissor_rect(0, 0, 0, 0);
    pass.draw(6, None, None, None);
    pass.end_occlusion_query();
    pass.begin_occlusion_query(3);
    pass.set_scissor_rect(7, 7, 1, 1);
    pass.draw(6, None, None, None);
    pass.end_occlusion_query();
    pass.end();
    encoder.resolve_query_set(set, 0, 4, &results, 0);
    encoder.resolve_query_set(set, 2, 2, &results, 256);
    check.valid(device, "occlusion queries", || gpu.submit(&encoder)).await;
    let found = gpu.download::<u64>(&results).await?;
    // An occlusion result only distinguishes zero from nonzero.
    let seen: Vec<bool> = found.iter().map(|samples| *samples > 0).collect();
    check.same_list("drawn, never begun, cut away, one pixel", &seen[..4], &[true, false, false, true]);
    check.same_list("the last two again", &seen[32..34], &[false, true]);

    type Mistake<'a> = &'a dyn Fn(&GpuCommandEncoder);
    let small = gpu.buffer("small", 16, GpuBufferUsage::QUERY_RESOLVE);
    let wrong = gpu.buffer("wrong", 512, GpuBufferUsage::COPY_DST);
    let mistakes: [(&str, Mistake<'_>); 7] = [
        ("a query above the count", &|encoder| {
            let pass = begin(encoder);
            pass.begin_occlusion_query(4);
            pass.end_occlusion_query();
            pass.end();
        }),
        ("a query inside a query", &|encoder| {
            let pass = begin(encoder);
            pass.begin_occlusion_query(0);
            pass.begin_occlusion_query(1);
            pass.end_occlusion_query();
            pass.end();
        }),
        ("the end of no query", &|encoder| {
            let pass = begin(encoder);
            pass.end_occlusion_query();
            pass.end();
        }),
        ("results of more than there are", &|encoder| encoder.resolve_query_set(set, 2, 3, &results, 0)),
        ("results at an odd place", &|encoder| encoder.resolve_query_set(set, 0, 1, &results, 8)),
        ("results over the end", &|encoder| encoder.resolve_query_set(set, 0, 4, &small, 0)),
        ("results without the usage", &|encoder| encoder.resolve_query_set(set, 0, 1, &wrong, 0)),
    ];
    for (what, mistake) in mistakes {
        let encoder = gpu.encoder("mistake");
        mistake(&encoder);
        check.invalid(device, what, || encoder.finish(None)).await;
    }
    Ok(())
}

async fn timestamps(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let descriptor = GpuQuerySetDescriptor { type_: GpuQueryType::Timestamp, count: 4, label: None };
    let set = needed("a timestamp query set", device.create_query_set(&descriptor))?;
    check.same("its type", set.type_(), GpuQueryType::Timestamp);
    let results = result_buffer(gpu);
    let target = Target::new(gpu);
    let encoder = gpu.encoder("timestamps");
    let pass = encoder.begin_compute_pass(Some(&GpuComputePassDescriptor {
        timestamp_writes: Some(GpuComputePassTimestampWrites {
            query_set: &set,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        }),
        label: None,
    }));
    pass.end();
    let pass = encoder.begin_render_pass(&GpuRenderPassDescriptor {
        color_attachments: vec![Some(target.black())],
        depth_stencil_attachment: None,
        occlusion_query_set: None,
        timestamp_writes: Some(GpuRenderPassTimestampWrites {
            query_set: &set,
            beginning_of_pass_write_index: Some(2),
            end_of_pass_write_index: Some(3),
        }),
        max_draw_count: None,
        label: None,
    });
    pass.end();
    encoder.resolve_query_set(&set, 0, 4, &results, 0);
    check.valid(device, "timestamps", || gpu.submit(&encoder)).await;
    let found = gpu.download::<u64>(&results).await?;
    // Timestamps of passes without work may be coarse, but never decrease.
    check
        .that(&format!("a pass ends after it begins: {:?}", &found[..4]), found[0] <= found[1] && found[2] <= found[3]);
    check.that("time is not zero", found[3] > 0);
    Ok(())
}
