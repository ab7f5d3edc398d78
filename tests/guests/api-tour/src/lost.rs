//! `gpu-device.destroy`, `lost` and `gpu-device-lost-info`: the loss of a device, and calls after it.

use std::future::IntoFuture;
use std::pin::pin;

use guest_support::gpu::*;
use guest_support::passes::compute_pass;
use guest_support::tasks::{First, join, race, sleep_ms};
use guest_support::{Failure, Gpu, Outcome};

use crate::check::{Check, plain_device};

/// The time limit in milliseconds for a report of a loss.
const PATIENCE_MS: u64 = 10_000;

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("lost").await?;
    let buffer = gpu.buffer("buffer", 64, GpuBufferUsage::MAP_READ | GpuBufferUsage::COPY_DST);
    let encoder = gpu.encoder("before");
    let commands = gpu.encoder("before").finish(None);
    {
        let mut lost = pin!(gpu.device.lost().into_future());
        let early = race(lost.as_mut(), sleep_ms(20)).await;
        check.that("a healthy device is not lost", matches!(early, First::Right(())));

        // A pending map completes as well when the device is destroyed.
        let (aborted, ()) = join(buffer.map_async(GpuMapMode::READ, None, None), async { gpu.device.destroy() }).await;
        check.that("a map that waits fails", aborted.is_err());
        match race(lost.as_mut(), sleep_ms(PATIENCE_MS)).await {
            First::Right(()) => return Err(Failure::new("lost does not resolve")),
            First::Left(info) => {
                check.same("the reason", info.reason(), GpuDeviceLostReason::Destroyed);
                check.same("the message, asked twice", info.message(), info.message());
            }
        }
    }
    let mut again = pin!(gpu.device.lost().into_future());
    match race(again.as_mut(), sleep_ms(PATIENCE_MS)).await {
        First::Left(info) => check.same("asked after the loss", info.reason(), GpuDeviceLostReason::Destroyed),
        First::Right(()) => check.fail("lost, asked after the loss, does not resolve"),
    }
    after(check, &gpu, &buffer, &encoder, &commands).await?;

    let next = plain_device("the next").await?;
    let fresh = next.buffer_with("fresh", &[1u32, 2, 3], GpuBufferUsage::COPY_SRC)?;
    check.same_list("a new device works", &next.download::<u32>(&fresh).await?, &[1, 2, 3]);
    Ok(())
}

/// Calls on a lost device have no effect, and return.
async fn after(
    check: &mut Check,
    gpu: &Gpu,
    buffer: &GpuBuffer,
    encoder: &GpuCommandEncoder,
    commands: &GpuCommandBuffer,
) -> Outcome {
    let device = &gpu.device;
    device.destroy();
    // A lost device reports no errors.
    let made = check
        .valid(device, "making things", || {
            let buffer = gpu.buffer("late", 16, GpuBufferUsage::MAP_READ | GpuBufferUsage::COPY_DST);
            let format = GpuTextureFormat::Rgba8unorm;
            let texture = gpu.texture("late", 4, 4, format, GpuTextureUsage::COPY_DST);
            let view = texture.create_view(None);
            let sampler = device.create_sampler(None);
            let module = device.create_shader_module(&GpuShaderModuleDescriptor {
                code: "@compute @workgroup_size(1) fn main() {}".to_string(),
                compilation_hints: None,
                label: None,
            });
            (buffer, texture, view, sampler, module)
        })
        .await;
    check.same("a late buffer's size", made.0.size(), 16);
    check.same("a late texture's width", made.1.width(), 4);
    check
        .valid(device, "recording and submitting", || {
            compute_pass(encoder, "late").end();
            gpu.submit(encoder);
            gpu.queue.submit(&[commands]);
        })
        .await;
    let written = gpu.queue.write_buffer_with_copy(buffer, 0, &[0; 8], None, None);
    check.that("a late write is not the host's error", written.is_ok());
    check.that("a late map fails", made.0.map_async(GpuMapMode::READ, None, None).await.is_err());
    let messages = made.4.get_compilation_info().await.messages();
    check.that("late compilation info answers", messages.len() < 100);
    let late = device
        .create_compute_pipeline_async(GpuComputePipelineDescriptor {
            compute: GpuProgrammableStage { module: &made.4, entry_point: None, constants: None },
            layout: GpuLayoutMode::Auto,
            label: Some("late".to_string()),
        })
        .await;
    // A lost device may create pipelines without effect, or reject them.
    check.that("a late pipeline answers", late.is_ok() || late.is_err());
    gpu.queue.on_submitted_work_done().await;
    check.that("late work is done", true);
    check.same("limits stay", device.limits().max_bind_groups(), 4);
    check.that("features stay", device.features().has("core-features-and-limits"));
    Ok(())
}
