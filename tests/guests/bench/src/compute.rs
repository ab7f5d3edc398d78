//! Counting dispatches: the case `dispatches`, and the first result.

use std::cell::Cell;

use guest_support::{ErrorScopes, Gpu, Outcome, fail};
use measure::{Bench, Counter, Watch, report};

const PASSES: u32 = 4;
/// Dispatches per pass.
const DISPATCHES: u32 = 2000;
/// Bind groups that a pass cycles through, so that no group is set twice in a row.
const GROUPS: usize = 4;

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
