//! Random calls: epochs with objects of two devices and of a lost one, then calls of any function on any of them.

use std::cell::RefCell;

use guest_support::tasks::{join, race, sleep_ms};
use guest_support::{Gpu, Outcome, gpu, outln};

use crate::calls::{FUNCTIONS, Made, Pools, call};
use crate::objects::{self, good_job_on_a_new_device};
use crate::world::{KINDS, LOST_DEVICE, Random};

/// Calls per epoch, which has one set of devices.
const EPOCH: u32 = 400;
/// Calls between additions of open encoders.
const REFILL: u32 = 25;
/// The time limit of a call in milliseconds, longer than an answer takes; a wait beyond it is cancelled.
const PATIENCE_MS: u64 = 2_000;

/// Makes `calls` calls, and prints the kinds of arguments that each function met. `idle`: the adapter executes nothing.
pub async fn run(seed: u64, calls: u32, idle: bool) -> Outcome {
    let g = Random::new(seed, idle, FUNCTIONS.len());
    let mut made = 0;
    while made < calls {
        let mut pools = Pools::default();
        pools.gpu.keep(gpu::get_gpu(), 0, &g);
        // The lost device comes first, so that the last objects of the pools are not all of it.
        for device in [LOST_DEVICE, 1, 0] {
            let gpu = Gpu::request("random").await?;
            if device == LOST_DEVICE {
                gpu.device.destroy();
            }
            objects::fill(&mut pools, gpu, device, &g).await;
        }
        let fresh = Gpu::request("recorders").await?;
        let view = objects::target(&fresh).create_view(None);
        for number in 0..EPOCH.min(calls - made) {
            if number % REFILL == 0 {
                objects::recorders(&mut pools, &fresh, &view, 3, &g);
            }
            step(&mut pools, &g).await;
            made += 1;
        }
        drop(pools);
        good_job_on_a_new_device().await?;
    }
    for ((name, _), (calls, kinds)) in FUNCTIONS.iter().zip(g.report()) {
        let kinds: Vec<_> = (0..KINDS.len()).filter(|bit| kinds >> bit & 1 == 1).map(|bit| KINDS[bit]).collect();
        outln!("call {name} {calls} {}", kinds.join(","));
    }
    outln!("ok: {made} calls with seed {seed}");
    Ok(())
}

/// Makes one call, or two at a time, which complete or are cancelled.
async fn step(pools: &mut Pools, g: &Random) {
    let made: RefCell<Vec<Made>> = RefCell::default();
    let (first, second) = (function(g), function(g));
    let patience = [PATIENCE_MS, PATIENCE_MS, PATIENCE_MS, 0][g.below(4)];
    let limit = async {
        match patience {
            0 => std::future::ready(()).await,
            patience => sleep_ms(patience).await,
        }
    };
    {
        let mut calls = std::pin::pin!(async {
            if g.below(4) == 0 {
                join(call(first, pools, g, &made), call(second, pools, g, &made)).await;
            } else {
                call(first, pools, g, &made).await;
            }
        });
        // Calls that are still pending are cancelled here.
        race(calls.as_mut(), limit).await;
    }
    for object in made.into_inner() {
        pools.keep(object, g);
    }
}

/// A random function; those without arguments beyond their object come less often.
fn function(g: &Random) -> usize {
    let mut number = g.below(FUNCTIONS.len());
    for _ in 0..1 {
        if FUNCTIONS[number].1 {
            break;
        }
        number = g.below(FUNCTIONS.len());
    }
    number
}
