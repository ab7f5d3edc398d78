//! The case `draws` of the guest `bench`, with the commands of a pass as one list.

use airlock_passes::{List, Offsets, Token};
use guest_support::{Outcome, gpu::GpuRenderPassEncoder};
use measure::{Bench, Draws};

use crate::bindings::passes;

/// The case's name.
const CASE: &str = "draws-lists";

/// Measures `count` repetitions, or as many as take 0.6 s.
pub async fn run(count: Option<u32>) -> Outcome {
    let bench = Bench::new(CASE, count).await?;
    let draws = Draws::new(&bench.gpu).await?;
    let pipeline = Token::of(passes::render_pipeline_token(&draws.pipeline));
    let groups: Vec<_> = draws.groups.iter().map(|group| Token::of(passes::bind_group_token(group))).collect();
    let mut list = List::new();
    let record = |pass: &GpuRenderPassEncoder, number| {
        list.clear();
        list.set_pipeline(pipeline);
        for (group, instance) in Draws::of_pass(number) {
            list.set_bind_group(0, Some(groups[group]), Offsets::NONE);
            list.draw(3, 1, 0, instance);
        }
        passes::encode_render_pass(pass, list.bytes());
        Ok(())
    };
    draws.measure(&bench, record).await
}
