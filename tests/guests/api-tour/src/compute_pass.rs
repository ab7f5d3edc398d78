//! `gpu-compute-pass-encoder`: direct and indirect dispatches, immediates, debug groups, and invalid commands.

use guest_support::gpu::*;
use guest_support::passes::{bind, compute_pass};
use guest_support::{Gpu, Outcome};

use crate::check::{Check, check_label, needed, plain_device, rich_device};

const COUNT: &str = "
    @group(0) @binding(0) var<storage, read_write> count: array<atomic<u32>>;
    @compute @workgroup_size(2, 2, 1) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
        atomicAdd(&count[0], 1u);
        atomicMax(&count[1], id.x);
        atomicMax(&count[2], id.y);
        atomicMax(&count[3], id.z);
    }";

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("compute pass").await?;
    dispatches(check, &gpu).await?;
    refusals(check, &gpu).await?;
    let rich = rich_device("immediates").await?;
    immediates(check, &rich).await
}

async fn dispatches(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let pipeline = gpu.compute_pipeline("count", COUNT, "main").await?;
    let count = gpu.buffer("count", 16, GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_SRC);
    let group = gpu.bind_group(&pipeline.get_bind_group_layout(0), vec![GpuBindingResource::GpuBuffer(&count)]);
    let indirect = gpu.buffer_with("indirect", &[0u32, 3, 2, 1], GpuBufferUsage::INDIRECT)?;

    let encoder = gpu.encoder("dispatches");
    let unnamed = encoder.begin_compute_pass(None);
    check_label!(check, unnamed, "");
    unnamed.end();
    let pass = compute_pass(&encoder, "pass");
    check_label!(check, pass, "pass");
    pass.push_debug_group("group");
    pass.insert_debug_marker("marker");
    pass.set_pipeline(&pipeline);
    bind(&pass, 0, &group)?;
    pass.dispatch_workgroups(5, None, None);
    pass.dispatch_workgroups(1, Some(4), Some(3));
    pass.dispatch_workgroups(0, Some(7), None);
    pass.pop_debug_group();
    pass.dispatch_workgroups_indirect(&indirect, 4);
    pass.end();
    check.valid(device, "dispatches", || gpu.submit(&encoder)).await;
    // 5 + 12 + 3 * 2 * 1 workgroups of four invocations.
    check.same_list("the count", &gpu.download::<u32>(&count).await?, &[4 * 23, 9, 7, 2]);
    Ok(())
}

async fn refusals(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let pipeline = gpu.compute_pipeline("count", COUNT, "main").await?;
    let count = gpu.buffer("count", 16, GpuBufferUsage::STORAGE);
    let group = gpu.bind_group(&pipeline.get_bind_group_layout(0), vec![GpuBindingResource::GpuBuffer(&count)]);
    let indirect = gpu.buffer("indirect", 16, GpuBufferUsage::INDIRECT);
    let most = device.limits().max_compute_workgroups_per_dimension();
    type Mistake<'a> = &'a dyn Fn(&GpuComputePassEncoder);
    let mistakes: [(&str, Mistake<'_>); 10] = [
        ("no pipeline", &|pass| pass.dispatch_workgroups(1, None, None)),
        ("no group", &|pass| {
            pass.set_pipeline(&pipeline);
            pass.dispatch_workgroups(1, None, None);
        }),
        ("a group taken away", &|pass| {
            pass.set_pipeline(&pipeline);
            let _ = pass.set_bind_group(0, Some(&group), None, None, None);
            let _ = pass.set_bind_group(0, None, None, None, None);
            pass.dispatch_workgroups(1, None, None);
        }),
        ("a group above the limit", &|pass| {
            let _ = pass.set_bind_group(4, Some(&group), None, None, None);
        }),
        ("too many workgroups", &|pass| {
            pass.set_pipeline(&pipeline);
            let _ = pass.set_bind_group(0, Some(&group), None, None, None);
            pass.dispatch_workgroups(1, Some(most + 1), None);
        }),
        ("an indirect buffer without the usage", &|pass| {
            pass.set_pipeline(&pipeline);
            let _ = pass.set_bind_group(0, Some(&group), None, None, None);
            pass.dispatch_workgroups_indirect(&count, 0);
        }),
        ("an indirect dispatch over the end", &|pass| {
            pass.set_pipeline(&pipeline);
            let _ = pass.set_bind_group(0, Some(&group), None, None, None);
            pass.dispatch_workgroups_indirect(&indirect, 8);
        }),
        ("an open debug group", &|pass| pass.push_debug_group("never closed")),
        ("a debug group that was never opened", &|pass| pass.pop_debug_group()),
        // Four bytes past the device's limit.
        ("immediates above the limit", &|pass| {
            pass.set_immediates(device.limits().max_immediate_size(), &[0; 4], None, None);
        }),
    ];
    for (what, mistake) in mistakes {
        let encoder = gpu.encoder("mistake");
        let pass = compute_pass(&encoder, "mistake");
        mistake(&pass);
        pass.end();
        check.invalid(device, what, || encoder.finish(None)).await;
    }

    let encoder = gpu.encoder("two passes at once");
    let first = compute_pass(&encoder, "first");
    let second = compute_pass(&encoder, "second");
    // The report of this error is unspecified here: by the second pass's end, by finish, or by both.
    device.push_error_scope(GpuErrorFilter::Validation);
    second.end();
    first.end();
    let _ = device.pop_error_scope().await;
    check.invalid(device, "a pass inside a pass", || encoder.finish(None)).await;
    let encoder = gpu.encoder("twice");
    let pass = compute_pass(&encoder, "ended");
    pass.end();
    check.invalid(device, "the second end", || pass.end()).await;
    Ok(())
}

/// Immediates, if the device has any: eight bytes within the command stream.
async fn immediates(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    if device.limits().max_immediate_size() < 16 {
        return Ok(());
    }
    let code = "
        var<immediate> numbers: vec4<u32>;
        @group(0) @binding(0) var<storage, read_write> result: array<vec4<u32>>;
        @compute @workgroup_size(1) fn main() { result[numbers.w] = numbers; }";
    let module = gpu.shader("immediates", code).await?;
    let result = gpu.buffer("result", 32, GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_SRC);
    let entry = crate::binding::buffer_entry(0, GpuBufferBindingType::Storage, false);
    let group_layout =
        device.create_bind_group_layout(&GpuBindGroupLayoutDescriptor { entries: vec![entry], label: None });
    let layout = device.create_pipeline_layout(&GpuPipelineLayoutDescriptor {
        bind_group_layouts: vec![Some(&group_layout)],
        immediate_size: Some(16),
        label: None,
    });
    let pipeline = needed(
        "a pipeline with immediates",
        device
            .create_compute_pipeline_async(GpuComputePipelineDescriptor {
                compute: GpuProgrammableStage { module: &module, entry_point: None, constants: None },
                layout: GpuLayoutMode::Specific(&layout),
                label: None,
            })
            .await,
    )?;
    let group = gpu.bind_group(&group_layout, vec![GpuBindingResource::GpuBuffer(&result)]);
    let encoder = gpu.encoder("immediates");
    let pass = compute_pass(&encoder, "immediates");
    pass.set_pipeline(&pipeline);
    bind(&pass, 0, &group)?;
    let bytes = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    pass.set_immediates(0, &bytes(&[10, 11, 12, 0]), None, None);
    pass.dispatch_workgroups(1, None, None);
    // Only the second and the last number change; the data's offset and size count bytes as well.
    pass.set_immediates(4, &bytes(&[99, 21, 99]), Some(4), Some(4));
    pass.set_immediates(12, &bytes(&[1]), None, None);
    pass.dispatch_workgroups(1, None, None);
    pass.end();
    check.valid(device, "dispatches with immediates", || gpu.submit(&encoder)).await;
    let found = gpu.download::<u32>(&result).await?;
    check.same_list("what the shader saw", &found, &[10, 11, 12, 0, 10, 21, 12, 1]);
    Ok(())
}
