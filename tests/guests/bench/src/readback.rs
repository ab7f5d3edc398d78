//! Readback of bytes, and the wait for the device alone.

use std::pin::pin;

use guest_support::gpu::GpuBufferUsage;
use guest_support::tasks::{First, race, sleep_ms};
use guest_support::{ErrorScopes, Failure, Outcome, errln, fail};

use crate::upload::pattern;
use measure::{Bench, Watch, map, unmap};

/// Waits per repetition.
const WAITS: u32 = 50;
/// The time limit in milliseconds after which the function counts as one that never completes.
const PATIENCE_MS: u64 = 500;

/// The time from a copy's encoder to its bytes in the guest.
pub async fn round_trips(bench: &Bench, size: u32, trips: u32) -> Outcome {
    let gpu = &bench.gpu;
    let data = pattern(size);
    let scopes = ErrorScopes::open(&gpu.device);
    let source = gpu.buffer_with("source", &data, GpuBufferUsage::COPY_SRC)?;
    let target = gpu.buffer("target", u64::from(size), GpuBufferUsage::MAP_READ | GpuBufferUsage::COPY_DST);
    let mut last = Vec::new();
    let work = async || {
        let watch = Watch::start();
        for _ in 0..trips {
            // Frees the memory of the last trip for this one.
            last = Vec::new();
            let encoder = gpu.encoder("readback");
            encoder.copy_buffer_to_buffer(&source, Some(0), &target, Some(0), Some(u64::from(size)));
            gpu.submit(&encoder);
            map(&target).await?;
            last = target
                .get_mapped_range_get_with_copy(None, None)
                .map_err(|error| Failure::new(format!("cannot read the mapped buffer: {}", error.message)))?;
            unmap(&target)?;
        }
        Ok([watch.ns() / f64::from(trips)])
    };
    let [trip] = bench.repeat(work).await?;
    scopes.close("reading back").await?;
    if bench.computes && last != data {
        fail!("other bytes come back than were written");
    }
    bench.report("round-trip", trip);
    Ok(())
}

/// The time from an empty submit to the completion of `on-submitted-work-done`, and that of a wait by mapping 4 bytes. On a
/// host where the former never completes, only the latter is reported.
pub async fn submit_to_done(bench: &Bench) -> Outcome {
    let queue = &bench.gpu.queue;
    queue.submit(&[]);
    let mut done = pin!(queue.on_submitted_work_done());
    let ends = match race(done.as_mut(), sleep_ms(PATIENCE_MS)).await {
        First::Left(()) => true,
        First::Right(()) => {
            errln!("bench: on-submitted-work-done does not end here, and is not measured");
            false
        }
    };
    if ends {
        let work = async || {
            let watch = Watch::start();
            for _ in 0..WAITS {
                queue.submit(&[]);
                queue.on_submitted_work_done().await;
            }
            Ok([watch.ns() / f64::from(WAITS)])
        };
        let [wait] = bench.repeat(work).await?;
        bench.report("whole", wait);
    }
    let work = async || {
        let watch = Watch::start();
        for _ in 0..WAITS {
            bench.wait().await?;
        }
        Ok([watch.ns() / f64::from(WAITS)])
    };
    let [wait] = bench.repeat(work).await?;
    bench.report("by-map", wait);
    Ok(())
}
