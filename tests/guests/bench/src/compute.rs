//! Counting dispatches: the case `dispatches`, the first result, and the test whether an adapter computes.

use std::cell::Cell;

use guest_support::gpu::{GpuBindGroup, GpuBindingResource, GpuBuffer, GpuBufferUsage, GpuComputePipeline};
use guest_support::passes::{bind, compute_pass};
use guest_support::{ErrorScopes, Gpu, Outcome, fail};

use crate::bench::{Bench, Watch, report};

const PASSES: u32 = 4;
/// Dispatches per pass.
const DISPATCHES: u32 = 2000;
/// Bind groups that a pass cycles through, so that no group is set twice in a row.
const GROUPS: usize = 4;

/// A pipeline whose dispatches count into the buffer of the current bind group.
pub struct Counter {
    pipeline: GpuComputePipeline,
    groups: Vec<(GpuBuffer, GpuBindGroup)>,
}

impl Counter {
    pub async fn new(gpu: &Gpu, groups: usize) -> Outcome<Counter> {
        let pipeline = gpu.compute_pipeline("counter", include_str!("counter.wgsl"), "main").await?;
        let layout = pipeline.get_bind_group_layout(0);
        let group = |_| {
            let buffer = gpu.buffer("count", 4, GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_SRC);
            let group = gpu.bind_group(&layout, vec![GpuBindingResource::GpuBuffer(&buffer)]);
            (buffer, group)
        };
        Ok(Counter { pipeline, groups: (0..groups).map(group).collect() })
    }

    /// Submits one pass of `dispatches`, each with the next bind group.
    pub fn count_to(&self, gpu: &Gpu, dispatches: u32) -> Outcome {
        let encoder = gpu.encoder("dispatches");
        let pass = compute_pass(&encoder, "dispatches");
        pass.set_pipeline(&self.pipeline);
        for (_, (_, group)) in (0..dispatches).zip(self.groups.iter().cycle()) {
            bind(&pass, 0, group)?;
            pass.dispatch_workgroups(1, None, None);
        }
        pass.end();
        gpu.submit(&encoder);
        Ok(())
    }

    /// The count of each bind group.
    pub async fn read(&self, gpu: &Gpu) -> Outcome<Vec<u32>> {
        let mut counts = Vec::new();
        for (buffer, _) in &self.groups {
            counts.extend(gpu.download_range::<u32>(buffer, 0, 4).await?);
        }
        Ok(counts)
    }
}

/// The time of set-bind-group and dispatch, per pair of calls.
pub async fn dispatches(bench: &Bench) -> Outcome {
    let gpu = &bench.gpu;
    let counter = Counter::new(gpu, GROUPS).await?;
    let scopes = ErrorScopes::open(&gpu.device);
    let repetitions = Cell::new(0);
    let work = async || {
        repetitions.set(repetitions.get() + 1);
        let watch = Watch::start();
        for _ in 0..PASSES {
            counter.count_to(gpu, DISPATCHES)?;
        }
        let held = watch.ns();
        bench.wait().await?;
        Ok([watch.ns(), held].map(|ns| ns / f64::from(PASSES * DISPATCHES * 2)))
    };
    let [whole, held] = bench.repeat(work).await?;
    scopes.close("dispatches").await?;
    if bench.computes {
        let expected = repetitions.get() * PASSES * DISPATCHES / GROUPS as u32;
        let counts = counter.read(gpu).await?;
        if counts != [expected; GROUPS] {
            fail!("the dispatches count to {counts:?}, expected {expected} each");
        }
    }
    bench.report("whole", whole);
    bench.report("held", held);
    Ok(())
}

/// The time from the guest's start to the first 4 bytes that the GPU computed. The parent process times the arrival of the
/// line.
pub async fn first_result(case: &str) -> Outcome {
    let watch = Watch::start();
    let gpu = Gpu::request("bench").await?;
    let counter = Counter::new(&gpu, 1).await?;
    counter.count_to(&gpu, 1)?;
    let counts = counter.read(&gpu).await?;
    report(&gpu, case, "in-guest", ("ns", watch.ns()), counts == [1]);
    if counts != [1] && counts != [0] {
        fail!("one dispatch counts to {counts:?}");
    }
    Ok(())
}
