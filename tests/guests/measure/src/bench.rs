//! Shared parts of all cases: a device, a wait for it, repetition, and the line of a figure.

use std::time::Duration;

use guest_support::gpu::{GpuBuffer, GpuBufferUsage, GpuMapMode};
use guest_support::{Failure, Gpu, Outcome, outln};

use crate::Counter;

/// The minimum duration of a case's repetitions, if no count is given.
const LONG_ENOUGH: Duration = Duration::from_millis(600);
/// The minimum number of repetitions for a meaningful median.
const FEWEST: usize = 5;
/// The maximum number of repetitions: more add no precision.
const MOST: usize = 1000;

/// A running case.
pub struct Bench {
    pub gpu: Gpu,
    /// False on an adapter that executes nothing: its results are not checked.
    pub computes: bool,
    case: &'static str,
    count: Option<u32>,
    fence: Fence,
}

impl Bench {
    /// Requests a device, and tests whether it computes.
    pub async fn new(case: &'static str, count: Option<u32>) -> Outcome<Bench> {
        let gpu = Gpu::request("bench").await?;
        let fence = Fence::new(&gpu);
        let counter = Counter::new(&gpu, 1).await?;
        counter.count_to(&gpu, 1)?;
        let computes = match counter.read(&gpu).await?[..] {
            [1] => true,
            [0] => false,
            ref other => return Err(Failure::new(format!("one dispatch counts to {other:?}"))),
        };
        Ok(Bench { gpu, computes, case, count, fence })
    }

    /// Waits until the device has completed all submitted work.
    pub async fn wait(&self) -> Outcome {
        self.fence.wait(&self.gpu).await
    }

    /// Repeats the work, after a warm-up that does not count, and returns the median of each of its times. Two lines mark
    /// the repetitions, between which the benchmark's runner counts processor time.
    pub async fn repeat<const N: usize>(&self, mut work: impl AsyncFnMut() -> Outcome<[f64; N]>) -> Outcome<[f64; N]> {
        work().await?;
        outln!(r#"{{"case":"{}","repetitions":"begin"}}"#, self.case);
        let watch = Watch::start();
        let mut all: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
        let mut done = 0;
        loop {
            let times = work().await?;
            all.iter_mut().zip(times).for_each(|(all, time)| all.push(time));
            done += 1;
            let enough = match self.count {
                Some(count) => done >= count as usize,
                None => done >= MOST || (done >= FEWEST && watch.ns() >= LONG_ENOUGH.as_nanos() as f64),
            };
            if enough {
                outln!(r#"{{"case":"{}","repetitions":"end","ns":{:.0}}}"#, self.case, watch.ns());
                // One that does not count, so that all processes are still there when the line is read.
                work().await?;
                return Ok(all.map(median));
            }
        }
    }

    /// Prints a figure in nanoseconds.
    pub fn report(&self, figure: &str, ns: f64) {
        report(&self.gpu, self.case, figure, ("ns", ns), self.computes);
    }

    /// Prints the size of the guest's own memory, which the host has to keep.
    pub fn report_memory(&self) {
        #[cfg(target_arch = "wasm32")]
        let pages = core::arch::wasm32::memory_size(0);
        #[cfg(not(target_arch = "wasm32"))]
        let pages = 0;
        report(&self.gpu, self.case, "guest-memory", ("bytes", pages as f64 * 65_536.0), self.computes);
    }
}

/// Prints a figure with its unit as a line of JSON.
pub fn report(gpu: &Gpu, case: &str, figure: &str, (unit, value): (&str, f64), checked: bool) {
    // Rust's quoting is valid JSON for names without control characters.
    let adapter = gpu.adapter_name().replace(char::is_control, " ");
    outln!(
        r#"{{"case":"{case}","figure":"{figure}","unit":"{unit}","value":{value:.1},"checked":{checked},"adapter":{adapter:?}}}"#
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
    let lower = values.get((values.len().max(1) - 1) / 2).copied().unwrap_or(f64::NAN);
    (lower + upper) / 2.0
}

/// A stopwatch in nanoseconds.
pub struct Watch(guest_support::env::Stopwatch);

impl Watch {
    pub fn start() -> Watch {
        Watch(guest_support::env::Stopwatch::start())
    }

    /// Nanoseconds since the start.
    pub fn ns(&self) -> f64 {
        self.0.ms() * 1e6
    }
}

/// A wait for the device that every host supports: copies 4 bytes to a buffer, and maps it.
struct Fence {
    source: GpuBuffer,
    target: GpuBuffer,
}

impl Fence {
    fn new(gpu: &Gpu) -> Fence {
        let source = gpu.buffer("fence's source", 4, GpuBufferUsage::COPY_SRC);
        let target = gpu.buffer("fence", 4, GpuBufferUsage::MAP_READ | GpuBufferUsage::COPY_DST);
        Fence { source, target }
    }

    async fn wait(&self, gpu: &Gpu) -> Outcome {
        let encoder = gpu.encoder("fence");
        encoder.copy_buffer_to_buffer(&self.source, Some(0), &self.target, Some(0), Some(4));
        gpu.submit(&encoder);
        map(&self.target).await?;
        unmap(&self.target)
    }
}

/// Maps a whole buffer for reading.
pub async fn map(buffer: &GpuBuffer) -> Outcome {
    let mapped = buffer.map_async(GpuMapMode::READ, None, None).await;
    mapped.map_err(|error| Failure::new(format!("cannot map a buffer: {}", error.message)))
}

/// Unmaps a buffer.
pub fn unmap(buffer: &GpuBuffer) -> Outcome {
    buffer.unmap().map_err(|error| Failure::new(format!("cannot unmap a buffer: {}", error.message)))
}
