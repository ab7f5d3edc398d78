//! Compute, hello world: the number of steps that the numbers 1 to N take to reach 1, when even ones are halved and odd ones
//! become 3n + 1.
//!
//! Uploads one storage buffer, runs one dispatch, reads the buffer back. The CPU counts the same steps, and a difference
//! ends the guest with exit code 1.

use guest_support::gpu::{GpuBindingResource, GpuBufferUsage};
use guest_support::passes::{bind, compute_pass};
use guest_support::{ErrorScopes, Failure, Gpu, Outcome, env, fail, outln};

guest_support::main!(run);

const USAGE: &str = "collatz [N]    (the steps of 1 to N, 12 by default)";
const WORKGROUP_SIZE: u32 = 64;
/// 65535 workgroups, the maximum of a dispatch in one dimension on every device.
const MAX_N: u32 = 65535 * WORKGROUP_SIZE;
/// The maximum number of printed results; the longest run is always printed.
const MAX_PRINTED: usize = 24;
/// The shader's result for a number whose run exceeds 32 bits.
const OVERFLOW: u32 = u32::MAX;

async fn run() -> Outcome {
    let args = env::args();
    let n: u32 = env::number_or(&args, 0, "N", 12, USAGE)?;
    if args.len() > 1 || n == 0 || n > MAX_N {
        return Err(Failure::usage(format!("N is a number from 1 to {MAX_N}"), USAGE));
    }

    let gpu = Gpu::request("collatz").await?;
    outln!("adapter: {}", gpu.adapter_name());

    let numbers: Vec<u32> = (1..=n).collect();
    let found = steps_on_gpu(&gpu, &numbers).await?;

    for (number, steps) in numbers.iter().zip(&found).take(MAX_PRINTED) {
        let plural = if *steps == 1 { "" } else { "s" };
        outln!("{number:>4} reaches 1 in {steps} step{plural}");
    }
    if found.len() > MAX_PRINTED {
        outln!(" ... and {} more", found.len() - MAX_PRINTED);
    }
    let longest = (0..found.len()).filter(|&i| found[i] != OVERFLOW).max_by_key(|&i| found[i]).unwrap_or(0);
    outln!("longest: {} with {} steps", numbers[longest], found[longest]);

    for (&number, &steps) in numbers.iter().zip(&found) {
        let expected = steps_on_cpu(number);
        if steps != expected {
            fail!("{number} takes {expected} steps, the GPU found {steps}");
        }
    }
    outln!("ok: {} numbers agree with the CPU", numbers.len());
    Ok(())
}

async fn steps_on_gpu(gpu: &Gpu, numbers: &[u32]) -> Outcome<Vec<u32>> {
    let pipeline = gpu.compute_pipeline("collatz", include_str!("collatz.wgsl"), "main").await?;
    let scopes = ErrorScopes::open(&gpu.device);

    let buffer = gpu.buffer_with("numbers", numbers, GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_SRC)?;
    let group = gpu.bind_group(&pipeline.get_bind_group_layout(0), vec![GpuBindingResource::GpuBuffer(&buffer)]);

    let encoder = gpu.encoder("collatz");
    let pass = compute_pass(&encoder, "collatz");
    pass.set_pipeline(&pipeline);
    bind(&pass, 0, &group)?;
    pass.dispatch_workgroups((numbers.len() as u32).div_ceil(WORKGROUP_SIZE), None, None);
    pass.end();
    gpu.submit(&encoder);

    let steps = gpu.download(&buffer).await?;
    scopes.close("counting on the GPU").await?;
    Ok(steps)
}

fn steps_on_cpu(start: u32) -> u32 {
    let mut n = start;
    let mut count = 0;
    while n > 1 {
        n = if n.is_multiple_of(2) {
            n / 2
        } else {
            match n.checked_mul(3).and_then(|n| n.checked_add(1)) {
                Some(n) => n,
                None => return OVERFLOW,
            }
        };
        count += 1;
    }
    count
}
