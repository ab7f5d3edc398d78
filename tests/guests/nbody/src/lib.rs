//! Gravity: a ball of stars (a Plummer model in equilibrium) moves by leapfrog, one submit per step.
//!
//! Three criteria: the CPU repeats the first steps in double precision, the total energy must be conserved, and the device
//! must not be lost. When the *device* is lost, the guest detects it during a wait, reports it on standard error and ends
//! with exit code 3.

mod cpu;
mod simulation;
mod watch;

use guest_support::{Failure, Gpu, Outcome, env, fail, outln};
use simulation::{Bodies, Simulation};
use watch::LossWatch;

guest_support::main!(run);

const USAGE: &str =
    "nbody [--no-watch] [--report-every N] [BODIES [STEPS]]    (512 bodies, 400 steps, 4 reports by default)";
/// The number of bodies: fewer make a few close encounters instead of a ball, more take too long in the CPU's check of the
/// energy.
const BODIES: std::ops::RangeInclusive<u32> = 64..=16384;
/// Steps between two readbacks, which bound the work in the queue.
const STEPS_PER_LOOK: u32 = 20;
/// The number of steps that the CPU repeats, and the maximum number of bodies for that.
const CHECKED_STEPS: u32 = 4;
const CHECKED_BODIES: u32 = 2048;
/// The maximum distance between the GPU's and the CPU's bodies after the checked steps; the ball's radius is about 1.
const PLACE_TOLERANCE: f64 = 1e-5;
/// The maximum relative change of the energy.
const DRIFT_BOUND: f64 = 5e-3;

async fn run() -> Outcome {
    let mut args = env::args();
    // For hosts that do not report a loss.
    let watched = args.first().is_none_or(|first| first != "--no-watch");
    if !watched {
        args.remove(0);
    }
    let own_interval = args.first().is_some_and(|first| first == "--report-every");
    let interval: Option<u32> =
        own_interval.then(|| env::number_or(&args, 1, "N of --report-every", 0, USAGE)).transpose()?;
    if own_interval {
        args.drain(..args.len().min(2));
    }
    let count: u32 = env::number_or(&args, 0, "BODIES", 512, USAGE)?;
    let steps: u32 = env::number_or(&args, 1, "STEPS", 400, USAGE)?;
    if args.len() > 2 || !BODIES.contains(&count) {
        return Err(Failure::usage(format!("BODIES is from {} to {}", BODIES.start(), BODIES.end()), USAGE));
    }

    let gpu = Gpu::request("nbody").await?;
    outln!("adapter: {}", gpu.adapter_name());
    let mut watch = LossWatch::new(watched.then_some(&gpu.device));
    let start = Bodies::ball(count);

    watch.over(check_first_steps(&gpu, &start)).await?;

    let simulation = watch.over(Simulation::new(&gpu, &start)).await?;
    let energy_before = cpu::energy(&start);
    outln!("{count} bodies, {steps} steps; energy at the start: {energy_before:.6}");

    let clock = env::Stopwatch::start();
    let mut done = 0;
    let interval = interval.unwrap_or(steps / 4).max(1);
    let mut next_report = interval;
    while done < steps {
        let now = STEPS_PER_LOOK.min(steps - done);
        for _ in 0..now {
            simulation.step(&gpu)?;
        }
        done += now;
        let [x, y, z, _] = watch.over(simulation.first_body(&gpu)).await?;
        if done >= next_report {
            outln!("  step {done:>6}: body 0 is at ({x:+.3}, {y:+.3}, {z:+.3})");
            next_report = next_report.saturating_add(interval);
        }
    }
    let end = watch.over(simulation.download(&gpu)).await?;
    let seconds = clock.ms() / 1e3;

    let energy_after = cpu::energy(&end);
    let drift = ((energy_after - energy_before) / energy_before).abs();
    outln!("energy at the end:   {energy_after:.6}, drift {drift:.1e} (bound {DRIFT_BOUND:.0e})");
    outln!("{:.0} steps/s, one submit each", f64::from(steps) / seconds.max(1e-9));
    if drift.is_nan() || drift > DRIFT_BOUND {
        fail!("the energy drifted by {drift:.1e}, more than {DRIFT_BOUND:.0e}");
    }
    outln!("ok: the energy is kept");
    Ok(())
}

/// Runs a few steps on both sides and compares the positions.
async fn check_first_steps(gpu: &Gpu, start: &Bodies) -> Outcome {
    let mut checked = start.clone();
    checked.truncate(CHECKED_BODIES as usize);
    let simulation = Simulation::new(gpu, &checked).await?;
    for _ in 0..CHECKED_STEPS {
        simulation.step(gpu)?;
    }
    let found = simulation.download(gpu).await?;
    let expected = cpu::leapfrog(&checked, CHECKED_STEPS);
    let mut worst = 0.0;
    for (body, (f, e)) in found.places.iter().zip(&expected).enumerate() {
        let distance = (0..3).map(|i| (f64::from(f[i]) - e[i]).powi(2)).sum::<f64>().sqrt();
        if distance.is_nan() || distance > PLACE_TOLERANCE {
            fail!("after {CHECKED_STEPS} steps body {body} is at {:?}, the CPU has it at {e:?}", &f[..3]);
        }
        worst = f64::max(worst, distance);
    }
    outln!(
        "first {CHECKED_STEPS} steps of {} bodies agree with the CPU (largest distance {worst:.1e})",
        checked.places.len()
    );
    Ok(())
}
