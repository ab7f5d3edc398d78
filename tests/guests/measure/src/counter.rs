//! Dispatches that count.

use guest_support::gpu::{GpuBindGroup, GpuBindingResource, GpuBuffer, GpuBufferUsage, GpuComputePipeline};
use guest_support::passes::{bind, compute_pass};
use guest_support::{Gpu, Outcome};

/// A pipeline whose dispatches count into the buffer of the current bind group.
pub struct Counter {
    pipeline: GpuComputePipeline,
    groups: Vec<(GpuBuffer, GpuBindGroup)>,
}

impl Counter {
    /// Makes the pipeline, and this many bind groups with a count of zero.
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
