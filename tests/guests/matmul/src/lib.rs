//! A matrix product with a tiled kernel: a typical numerical program, and a test of a GPU's arithmetic and memory.
//!
//! M, K and N need not be multiples of the tiles. The criterion is the relative error ||found - exact|| / ||exact||
//! (Frobenius norm) against a double-precision product on the CPU, over all rows or, for large matrices, over evenly spread
//! rows.

use guest_support::gpu::{GpuBindingResource, GpuBuffer, GpuBufferUsage};
use guest_support::passes::{bind, compute_pass};
use guest_support::{ErrorScopes, Failure, Gpu, Outcome, env, fail, outln};

guest_support::main!(run);

const USAGE: &str = "matmul [M K N]    (M x K times K x N, 256 192 320 by default)";
/// The edge of the tile of the product that a workgroup computes.
const TILE: u32 = 64;
/// The maximum number of rows and columns, within the dispatch limits of every device.
const MAX_SIZE: u32 = 16384;
/// The maximum number of multiplications on the CPU, about a second, before it samples rows.
const CPU_BUDGET: u64 = 1 << 29;
/// The maximum relative error: single precision, with room for long sums.
const ERROR_BOUND: f64 = 2e-6;

struct Sizes {
    m: u32,
    k: u32,
    n: u32,
}

async fn run() -> Outcome {
    let args = env::args();
    if ![0, 3].contains(&args.len()) {
        return Err(Failure::usage("there are three sizes or none", USAGE));
    }
    let sizes = Sizes {
        m: env::number_or(&args, 0, "M", 256, USAGE)?,
        k: env::number_or(&args, 1, "K", 192, USAGE)?,
        n: env::number_or(&args, 2, "N", 320, USAGE)?,
    };
    if [sizes.m, sizes.k, sizes.n].iter().any(|size| !(1..=MAX_SIZE).contains(size)) {
        return Err(Failure::usage(format!("sizes are from 1 to {MAX_SIZE}"), USAGE));
    }

    let gpu = Gpu::request("matmul").await?;
    outln!("adapter: {}", gpu.adapter_name());
    check_limits(&gpu, &sizes)?;
    let left = random_matrix(sizes.m, sizes.k, 1);
    let right = random_matrix(sizes.k, sizes.n, 2);

    let clock = env::Stopwatch::start();
    let product = multiply(&gpu, &sizes, &left, &right).await?;
    let ms = clock.ms();

    let operations = 2.0 * f64::from(sizes.m) * f64::from(sizes.k) * f64::from(sizes.n);
    let gflops = operations / ms.max(1e-6) / 1e6;
    outln!("{} x {} times {} x {}: {ms:.1} ms", sizes.m, sizes.k, sizes.k, sizes.n);
    outln!("{gflops:.2} GFLOP/s, compiling and transfers included");

    let (error, rows) = relative_error(&sizes, &left, &right, &product);
    let which = if rows == sizes.m { "all rows".to_string() } else { format!("{rows} of {} rows, sampled", sizes.m) };
    outln!("relative error against double precision: {error:.2e} ({which}; bound {ERROR_BOUND:.0e})");
    if error.is_nan() || error > ERROR_BOUND {
        fail!("the relative error {error:.2e} is above {ERROR_BOUND:.0e}");
    }
    outln!("ok: the product agrees with the CPU");
    Ok(())
}

fn check_limits(gpu: &Gpu, sizes: &Sizes) -> Outcome {
    let limits = gpu.device.limits();
    let most = limits.max_storage_buffer_binding_size().min(limits.max_buffer_size());
    for (name, rows, columns) in
        [("left", sizes.m, sizes.k), ("right", sizes.k, sizes.n), ("product", sizes.m, sizes.n)]
    {
        let bytes = u64::from(rows) * u64::from(columns) * 4;
        if bytes > most {
            fail!("the {name} matrix takes {bytes} bytes, a storage buffer of this device may take {most}");
        }
    }
    Ok(())
}

async fn multiply(gpu: &Gpu, sizes: &Sizes, left: &[f32], right: &[f32]) -> Outcome<Vec<f32>> {
    let pipeline = gpu.compute_pipeline("matmul", include_str!("matmul.wgsl"), "main").await?;
    let scopes = ErrorScopes::open(&gpu.device);

    let uniform = gpu.buffer_with("sizes", &[sizes.m, sizes.k, sizes.n, 0], GpuBufferUsage::UNIFORM)?;
    let left = gpu.buffer_with("left", left, GpuBufferUsage::STORAGE)?;
    let right = gpu.buffer_with("right", right, GpuBufferUsage::STORAGE)?;
    let bytes = u64::from(sizes.m) * u64::from(sizes.n) * 4;
    let product: GpuBuffer = gpu.buffer("product", bytes, GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_SRC);
    let resources = [&uniform, &left, &right, &product].map(GpuBindingResource::GpuBuffer);
    let group = gpu.bind_group(&pipeline.get_bind_group_layout(0), Vec::from(resources));

    let encoder = gpu.encoder("matmul");
    let pass = compute_pass(&encoder, "matmul");
    pass.set_pipeline(&pipeline);
    bind(&pass, 0, &group)?;
    pass.dispatch_workgroups(sizes.n.div_ceil(TILE), Some(sizes.m.div_ceil(TILE)), None);
    pass.end();
    gpu.submit(&encoder);

    let found = gpu.download(&product).await?;
    scopes.close("multiplying").await?;
    Ok(found)
}

/// Pseudorandom numbers from -1 to 1, the same on every machine.
fn random_matrix(rows: u32, columns: u32, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..rows as usize * columns as usize).map(|_| next()).collect()
}

/// The relative error over a number of rows within the CPU's budget, and that number.
fn relative_error(sizes: &Sizes, left: &[f32], right: &[f32], product: &[f32]) -> (f64, u32) {
    let (k, n) = (sizes.k as usize, sizes.n as usize);
    let rows = (CPU_BUDGET / (k * n) as u64).clamp(1, u64::from(sizes.m)) as u32;
    let (mut difference, mut norm) = (0.0, 0.0);
    let mut exact = vec![0.0f64; n];
    for i in 0..u64::from(rows) {
        let row = (i * u64::from(sizes.m) / u64::from(rows)) as usize;
        exact.fill(0.0);
        for (a, right_row) in left[row * k..(row + 1) * k].iter().zip(right.chunks_exact(n)) {
            for (sum, b) in exact.iter_mut().zip(right_row) {
                *sum += f64::from(*a) * f64::from(*b);
            }
        }
        for (found, exact) in product[row * n..(row + 1) * n].iter().zip(&exact) {
            difference += (f64::from(*found) - exact).powi(2);
            norm += exact * exact;
        }
    }
    ((difference / norm).sqrt(), rows)
}
