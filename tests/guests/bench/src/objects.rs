//! Objects created and dropped at once.

use guest_support::gpu::{GpuBufferUsage, GpuTextureFormat, GpuTextureUsage};
use guest_support::{ErrorScopes, Outcome};

use measure::{Bench, Watch};

/// Objects per repetition.
const OBJECTS: u32 = 20_000;

/// The kind of object.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A view of the same texture: little work for a driver.
    View,
    /// A sampler with defaults.
    Sampler,
    /// A buffer of 256 bytes, which needs an allocation.
    Buffer,
}

/// The time to create and drop an object.
pub async fn create_drop(bench: &Bench, kind: Kind) -> Outcome {
    let gpu = &bench.gpu;
    let scopes = ErrorScopes::open(&gpu.device);
    let texture = gpu.texture("viewed", 16, 16, GpuTextureFormat::Rgba8unorm, GpuTextureUsage::TEXTURE_BINDING);
    let work = async || {
        let watch = Watch::start();
        for _ in 0..OBJECTS {
            match kind {
                Kind::View => drop(texture.create_view(None)),
                Kind::Sampler => drop(gpu.device.create_sampler(None)),
                Kind::Buffer => drop(gpu.buffer("", 256, GpuBufferUsage::UNIFORM)),
            }
        }
        bench.wait().await?;
        Ok([watch.ns() / f64::from(OBJECTS)])
    };
    let [whole] = bench.repeat(work).await?;
    scopes.close("create and drop").await?;
    bench.report("whole", whole);
    Ok(())
}
