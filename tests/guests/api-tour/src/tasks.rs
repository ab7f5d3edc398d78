//! Concurrency: overlapping waits, completed in any order.

use guest_support::buffers::read_mapped;
use guest_support::gpu::*;
use guest_support::passes::{bind, compute_pass};
use guest_support::tasks::join;
use guest_support::{Gpu, Outcome};

use crate::check::{Check, check_success, plain_device};

const ROUNDS: u32 = 20_000;
const CODE: &str = "
    @group(0) @binding(0) var<storage, read_write> numbers: array<u32>;
    override rounds: u32;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
        var x = numbers[id.x];
        for (var i = 0u; i < rounds; i++) { x = x * 1664525u + 1013904223u; }
        numbers[id.x] = x;
    }";

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("tasks").await?;
    slow_work(check, &gpu).await?;
    two_devices(check, &gpu).await
}

/// Starts a slow computation and returns the buffer for its results.
async fn start(gpu: &Gpu, seed: u32) -> Outcome<GpuBuffer> {
    let module = gpu.shader("slow", CODE).await?;
    let constants = RecordGpuPipelineConstantValue::new();
    constants.add("rounds", f64::from(ROUNDS));
    let pipeline = gpu.device.create_compute_pipeline(GpuComputePipelineDescriptor {
        compute: GpuProgrammableStage { module: &module, entry_point: None, constants: Some(constants) },
        layout: GpuLayoutMode::Auto,
        label: None,
    });
    let numbers: Vec<u32> = (0..256).map(|i| i + seed).collect();
    let buffer = gpu.buffer_with("numbers", &numbers, GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_SRC)?;
    let staging = gpu.buffer("staging", 1024, GpuBufferUsage::MAP_READ | GpuBufferUsage::COPY_DST);
    let group = gpu.bind_group(&pipeline.get_bind_group_layout(0), vec![GpuBindingResource::GpuBuffer(&buffer)]);
    let encoder = gpu.encoder("slow");
    let pass = compute_pass(&encoder, "slow");
    pass.set_pipeline(&pipeline);
    bind(&pass, 0, &group)?;
    pass.dispatch_workgroups(4, None, None);
    pass.end();
    encoder.copy_buffer_to_buffer(&buffer, None, &staging, None, None);
    gpu.submit(&encoder);
    Ok(staging)
}

fn expected(seed: u32) -> Vec<u8> {
    let value = |start: u32| {
        (0..ROUNDS).fold(start, |x, _| x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)).to_le_bytes()
    };
    (0..256).flat_map(|i| value(i + seed)).collect()
}

async fn slow_work(check: &mut Check, gpu: &Gpu) -> Outcome {
    let staging = start(gpu, 1).await?;
    let other = gpu.buffer("other", 64, GpuBufferUsage::MAP_WRITE | GpuBufferUsage::COPY_SRC);
    // Three waits and a scope at once; ordinary calls continue meanwhile.
    gpu.device.push_error_scope(GpuErrorFilter::Validation);
    let ((read, written), (done, caught)) = join(
        join(read_mapped(&staging), async {
            let mapped = other.map_async(GpuMapMode::WRITE, None, None).await;
            (mapped, other.get_mapped_range_set_with_copy(&[3; 64], None, None), other.unmap())
        }),
        join(
            async {
                gpu.queue.on_submitted_work_done().await;
                gpu.buffer("made in between", 16, GpuBufferUsage::UNIFORM).size()
            },
            gpu.device.pop_error_scope(),
        ),
    )
    .await;
    check.same_list("the slow results", &read?, &expected(1));
    check_success!(check, "another buffer mapped meanwhile", written.0);
    check_success!(check, "written meanwhile", written.1);
    check_success!(check, "unmapped meanwhile", written.2);
    check.same("a buffer made meanwhile", done, 16);
    check.that("nothing went wrong meanwhile", matches!(caught, Ok(None)));
    check.same_list("what was written", &gpu.download::<u8>(&other).await?, &[3; 64]);
    Ok(())
}

async fn two_devices(check: &mut Check, gpu: &Gpu) -> Outcome {
    let second = plain_device("second").await?;
    let (a, b) = join(start(gpu, 7), start(&second, 8)).await;
    let (a, b) = (a?, b?);
    let (a, b) = join(read_mapped(&a), read_mapped(&b)).await;
    check.same_list("the first device's results", &a?, &expected(7));
    check.same_list("the second device's results", &b?, &expected(8));
    // An object of another device is invalid.
    let foreign = gpu.encoder("foreign").finish(None);
    check.invalid(&second.device, "a submit to another device's queue", || second.queue.submit(&[&foreign])).await;
    Ok(())
}
