//! The case `draws`: each command of a pass is a call.

use guest_support::{Failure, Outcome, gpu::GpuRenderPassEncoder};
use measure::{Bench, Draws};

/// The time of set-bind-group and draw, per pair of calls: until the device has completed all, and until the last submit
/// returns.
pub async fn draws(bench: &Bench) -> Outcome {
    let draws = Draws::new(&bench.gpu).await?;
    let record = |pass: &GpuRenderPassEncoder, number| {
        pass.set_pipeline(&draws.pipeline);
        for (group, instance) in Draws::of_pass(number) {
            pass.set_bind_group(0, Some(&draws.groups[group]), None, None, None)
                .map_err(|error| Failure::new(format!("cannot set a bind group: {}", error.message)))?;
            pass.draw(3, None, None, Some(instance));
        }
        Ok(())
    };
    draws.measure(bench, record).await
}
