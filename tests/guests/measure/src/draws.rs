//! Many small draws: a bind group and a draw each, one in a hundred of which colours a pixel.

use guest_support::gpu::{
    GpuBindGroup, GpuBindingResource, GpuBufferUsage, GpuRenderPassEncoder, GpuRenderPipeline, GpuTexture,
    GpuTextureFormat, GpuTextureUsage, GpuTextureView,
};
use guest_support::passes::{color_attachment, color_target, render_descriptor, render_pass};
use guest_support::{ErrorScopes, Gpu, Outcome, fail};

use crate::{Bench, Watch};

const PASSES: u32 = 50;
const DRAWS: u32 = 2000;
/// The picture's width and height, the same as in `draws.wgsl`.
pub const SIZE: u32 = 64;
/// The bind groups' values; draws cycle through them.
pub const VALUES: [u32; 4] = [1, 20, 300, 4000];

/// Pipeline, bind groups and target of the draws.
pub struct Draws {
    /// The pipeline of all draws.
    pub pipeline: GpuRenderPipeline,
    /// The bind groups that they cycle through.
    pub groups: Vec<GpuBindGroup>,
    /// The target, [`SIZE`] texels wide and high.
    pub picture: GpuTexture,
    /// The view of all of it.
    pub view: GpuTextureView,
}

impl Draws {
    /// Creates them on the device, with the shader of [`Draws::measure`].
    pub async fn new(gpu: &Gpu) -> Outcome<Draws> {
        Self::with_shader(gpu, include_str!("draws.wgsl")).await
    }

    /// Creates them on the device. The shader has one uniform, a `vec4u`, and draws to a target of four 32-bit numbers.
    pub async fn with_shader(gpu: &Gpu, shader: &str) -> Outcome<Draws> {
        let module = gpu.shader("draws", shader).await?;
        let target = color_target(GpuTextureFormat::Rgba32uint);
        let pipeline = gpu.render_pipeline(render_descriptor("draws", &module, target)).await?;
        let scopes = ErrorScopes::open(&gpu.device);
        let usage = GpuTextureUsage::RENDER_ATTACHMENT | GpuTextureUsage::COPY_SRC;
        let picture = gpu.texture("picture", SIZE, SIZE, GpuTextureFormat::Rgba32uint, usage);
        let view = picture.create_view(None);
        let layout = pipeline.get_bind_group_layout(0);
        let mut groups = Vec::new();
        for value in VALUES {
            let buffer = gpu.buffer_with("value", &texel(value), GpuBufferUsage::UNIFORM)?;
            groups.push(gpu.bind_group(&layout, vec![GpuBindingResource::GpuBuffer(&buffer)]));
        }
        scopes.close("what is drawn").await?;
        Ok(Draws { pipeline, groups, picture, view })
    }

    /// The draws of the pass with this number: the bind group and the instance of each.
    pub fn of_pass(pass: u32) -> impl Iterator<Item = (usize, u32)> {
        (0..DRAWS).map(move |draw| (group_of(pass, draw), draw))
    }

    /// Measures passes that `record` records from their number: the pipeline is set, and for each of [`Draws::of_pass`] the bind
    /// group, with a draw of three vertices of that instance. Reports the time of set-bind-group and draw, per pair of calls: until
    /// the device has completed all, and until the last submit returns.
    pub async fn measure(
        &self,
        bench: &Bench,
        mut record: impl FnMut(&GpuRenderPassEncoder, u32) -> Outcome,
    ) -> Outcome {
        let gpu = &bench.gpu;
        let scopes = ErrorScopes::open(&gpu.device);
        let work = async || {
            let watch = Watch::start();
            for number in 0..PASSES {
                let encoder = gpu.encoder("draws");
                let pass = render_pass(&encoder, "draws", vec![color_attachment(&self.view, [0.0; 4])]);
                record(&pass, number)?;
                pass.end();
                gpu.submit(&encoder);
            }
            let held = watch.ns();
            bench.wait().await?;
            Ok([watch.ns(), held].map(|ns| ns / f64::from(PASSES * DRAWS * 2)))
        };
        let [whole, held] = bench.repeat(work).await?;
        scopes.close("draws").await?;
        if bench.computes {
            check(&gpu.download_rows(&self.picture, SIZE, 16, 0, SIZE).await?)?;
        }
        bench.report("whole", whole);
        bench.report("held", held);
        Ok(())
    }
}

/// The bind group of a draw, in the pass with this number.
pub fn group_of(pass: u32, draw: u32) -> usize {
    (pass + draw) as usize % VALUES.len()
}

/// What a draw with this value leaves in a texel.
pub fn texel(value: u32) -> [u32; 4] {
    [value, value + 1, 0, 7]
}

/// Checks that the picture is the last pass's.
fn check(texels: &[u8]) -> Outcome {
    for (pixel, bytes) in (0..).zip(texels.chunks_exact(16)) {
        let drawn = texel(VALUES[group_of(PASSES - 1, pixel)]);
        let expected = if pixel < DRAWS && pixel % 100 == 0 { drawn } else { [0; 4] };
        let found: Vec<u32> = guest_support::bytemuck::allocation::pod_collect_to_vec(bytes);
        if found != expected {
            fail!("pixel {pixel} is {found:?}, expected {expected:?}");
        }
    }
    Ok(())
}
