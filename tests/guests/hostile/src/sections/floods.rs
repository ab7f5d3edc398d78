//! Floods of unread results: scopes, maps, requests, errors, adapters, cancelled waits.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use guest_support::gpu::*;
use guest_support::tasks::{First, race, sleep_ms};
use guest_support::{Gpu, Outcome, gpu};

use crate::check::Check;
use crate::objects::{COMPUTE, compute_pipeline, good_job, idle, module};

/// Drives all futures to their ends.
async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done = Vec::new();
    poll_fn(|context| {
        waiting.retain_mut(|future| match future.as_mut().poll(context) {
            Poll::Ready(value) => {
                done.push(value);
                false
            }
            Poll::Pending => true,
        });
        if waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done
}

/// Polls a future once, and drops it.
async fn begin<T>(future: impl Future<Output = T>) {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}

/// Ten thousand nested scopes, an error in each, and more pops than pushes.
pub async fn scopes(check: &mut Check) -> Outcome {
    const DEPTH: usize = 10_000;
    let gpu = Gpu::request("scopes").await?;
    for number in 0..DEPTH {
        let filters = [GpuErrorFilter::Validation, GpuErrorFilter::OutOfMemory, GpuErrorFilter::Internal];
        gpu.device.push_error_scope(filters[number % 3]);
        gpu.buffer("mistake", 4, GpuBufferUsage::empty());
    }
    let mut popped = 0;
    for _ in 0..DEPTH {
        popped += usize::from(gpu.device.pop_error_scope().await.is_ok());
    }
    check.same("scopes that were popped", popped, DEPTH);
    for _ in 0..1000 {
        check.that("no scope is left", gpu.device.pop_error_scope().await.is_err());
    }
    // Pops that overlap, and scopes whose pops are cancelled.
    (0..1000).for_each(|_| gpu.device.push_error_scope(GpuErrorFilter::Validation));
    let pops = all((0..1001).map(|_| gpu.device.pop_error_scope())).await;
    check.same("pops at once", pops.iter().filter(|pop| pop.is_ok()).count(), 1000);
    for _ in 0..1000 {
        gpu.device.push_error_scope(GpuErrorFilter::Validation);
        begin(gpu.device.pop_error_scope()).await;
    }
    check.that("all of them are gone", gpu.device.pop_error_scope().await.is_err());
    good_job(&gpu).await
}

/// Maps and unmaps in all orders, with and without waits.
pub async fn maps(check: &mut Check) -> Outcome {
    let gpu = Gpu::request("maps").await?;
    let read = gpu.buffer("read", 256, GpuBufferUsage::MAP_READ | GpuBufferUsage::COPY_DST);
    let write = gpu.buffer("write", 1 << 18, GpuBufferUsage::MAP_WRITE | GpuBufferUsage::COPY_SRC);
    for round in 0..2_000u32 {
        begin(read.map_async(GpuMapMode::READ, None, None)).await;
        match round % 5 {
            0 => drop(read.unmap()),
            1 => drop(read.map_async(GpuMapMode::READ, None, None).await),
            2 => drop(read.get_mapped_range_get_with_copy(None, None)),
            3 => drop(read.map_async(GpuMapMode::WRITE, None, None).await),
            _ => gpu.queue.submit(&[&gpu.encoder("").finish(None)]),
        }
    }
    read.unmap().ok();
    check.that("a map afterwards", read.map_async(GpuMapMode::READ, None, None).await.is_ok());
    check.that("a second one", read.map_async(GpuMapMode::READ, None, None).await.is_err());
    check.that(
        "a write to a mapped range for reading",
        read.get_mapped_range_set_with_copy(&[0; 8], None, None).is_ok(),
    );
    check.same("unmapped", read.unmap().is_ok() && read.unmap().is_ok(), true);
    let done = all((0..2000).map(|_| read.map_async(GpuMapMode::READ, None, None))).await;
    check.same("one of 2000 maps at once", done.iter().filter(|map| map.is_ok()).count(), 1);
    read.destroy();

    // Every other eight bytes, backwards: the worst case for the list of written ranges.
    check.that("a map to write", write.map_async(GpuMapMode::WRITE, None, None).await.is_ok());
    let mut failed = 0;
    for place in (0..1u64 << 14).rev() {
        failed += usize::from(write.get_mapped_range_set_with_copy(&[7; 4], Some(place * 16), Some(4)).is_err());
        failed += usize::from(write.get_mapped_range_set_with_copy(&[], Some(place * 16 + 8), Some(0)).is_err());
    }
    check.same("writes that failed", failed, 0);
    check.that("unmap", write.unmap().is_ok());
    check.that("a map to read back", write.map_async(GpuMapMode::WRITE, None, None).await.is_ok());
    let bytes = write.get_mapped_range_get_with_copy(None, None).unwrap_or_default();
    check.that("what was written", idle(&gpu) || bytes.chunks(16).all(|c| c[..8] == [7, 7, 7, 7, 0, 0, 0, 0]));

    // More than a session may have mapped: buffers of 250 MiB mapped at creation.
    let large: Vec<_> = (0..5)
        .map(|_| {
            gpu.device.push_error_scope(GpuErrorFilter::OutOfMemory);
            gpu.device.create_buffer(&GpuBufferDescriptor {
                size: 250 << 20,
                usage: GpuBufferUsage::COPY_SRC,
                mapped_at_creation: Some(true),
                label: None,
            })
        })
        .collect();
    let mut refused = 0;
    for _ in &large {
        refused += usize::from(matches!(gpu.device.pop_error_scope().await, Ok(Some(_))));
    }
    check.that("not all of 1.2 GiB is mapped", refused >= 1);
    drop(large);
    good_job(&gpu).await
}

/// The maximum number of a component's concurrent waits, without a read of their results.
pub async fn questions(check: &mut Check) -> Outcome {
    let gpu = Gpu::request("questions").await?;
    let shader = module(&gpu, COMPUTE);
    let mut waiting: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
    for number in 0..30_000 {
        let mut question: Pin<Box<dyn Future<Output = ()> + '_>> = match number % 7 {
            0 => Box::pin(async { drop(shader.get_compilation_info().await) }),
            1 => Box::pin(async { drop(gpu.device.pop_error_scope().await) }),
            _ => Box::pin(gpu.queue.on_submitted_work_done()),
        };
        let begun = poll_fn(|context| Poll::Ready(question.as_mut().poll(context))).await;
        if begun.is_pending() {
            waiting.push(question);
        }
    }
    drop(waiting);
    for _ in 0..20_000 {
        begin(gpu.queue.on_submitted_work_done()).await;
    }
    gpu.queue.on_submitted_work_done().await;
    check.that("questions are answered again", gpu.device.pop_error_scope().await.is_err());
    good_job(&gpu).await
}

/// Unread errors, beside streams that are open, dropped and awaited.
pub async fn errors(check: &mut Check) -> Outcome {
    let gpu = Gpu::request("errors").await?;
    let mut streams: Vec<_> = (0..500).map(|_| gpu.device.on_uncaptured_error()).collect();
    for _ in 0..20_000 {
        gpu.buffer("mistake", 4, GpuBufferUsage::empty());
    }
    let mut first = pin!(streams[0].next());
    match race(first.as_mut(), sleep_ms(10_000)).await {
        First::Left(error) => check.that("an error", error.is_some_and(|error| !error.message().is_empty())),
        First::Right(()) => check.that("an error within ten seconds", false),
    }
    for _ in 0..5_000 {
        drop(gpu.device.on_uncaptured_error());
        drop(gpu.device.lost());
    }
    good_job(&gpu).await
}

/// Requests for adapters and devices, many at a time, awaited or cancelled.
pub async fn adapters(check: &mut Check) -> Outcome {
    let entry = gpu::get_gpu();
    let requests = |n: usize| all((0..n).map(|_| entry.request_adapter(None)));
    let adapters = requests(500).await;
    check.same("adapters", adapters.iter().flatten().count(), 500);
    for _ in 0..500 {
        begin(entry.request_adapter(None)).await;
    }
    let adapters: Vec<_> = adapters.into_iter().flatten().take(40).collect();
    let twice = adapters.iter().flat_map(|adapter| [adapter, adapter]);
    let devices = all(twice.map(|adapter| adapter.request_device(None))).await;
    check.same("one device each", devices.iter().filter(|device| device.is_ok()).count(), adapters.len());
    for device in devices.iter().flatten().take(20) {
        device.destroy();
    }
    drop(devices);
    for adapter in requests(20).await.iter().flatten() {
        begin(adapter.request_device(None)).await;
        begin(adapter.request_device(None)).await;
    }
    let gpu = Gpu::request("after").await?;
    // Pipelines cancelled during their creation.
    let shader = module(&gpu, COMPUTE);
    for _ in 0..500 {
        begin(gpu.device.create_compute_pipeline_async(GpuComputePipelineDescriptor {
            compute: GpuProgrammableStage { module: &shader, entry_point: None, constants: None },
            layout: GpuLayoutMode::Auto,
            label: None,
        }))
        .await;
    }
    compute_pipeline(&gpu, &shader);
    good_job(&gpu).await
}

/// Waits until its GPU process is killed, then requests many adapters at once.
pub async fn reconnect(check: &mut Check) -> Outcome {
    let gpu = Gpu::request("reconnect").await?;
    let mut lost = pin!(gpu.device.lost().into_future());
    if let First::Right(()) = race(lost.as_mut(), sleep_ms(60_000)).await {
        check.that("somebody kills the GPU process", false);
    }
    let entry = gpu::get_gpu();
    let adapters = all((0..200).map(|_| entry.request_adapter(None))).await;
    check.same("adapters", adapters.iter().flatten().count(), 200);
    good_job(&Gpu::request("after").await?).await
}
