//! The smallest rendering: a triangle with three coloured corners on a 256 x 256 texture.
//!
//! The CPU computes the same triangle. Every pixel clearly inside must have the blend of the corners' colours, every pixel
//! clearly outside the background; pixels on an edge may have either. With an argument the picture is written to that file
//! as PNG.

use guest_support::gpu::{GpuTextureFormat, GpuTextureUsage};
use guest_support::passes::{color_attachment, color_target, render_descriptor, render_pass};
use guest_support::pictures::Picture;
use guest_support::{ErrorScopes, Failure, Gpu, Outcome, env, fail, outln};

guest_support::main!(run);

const USAGE: &str = "triangle [OUT.png]";
const SIZE: u32 = 256;
/// Dark blue, in sixteenths so that 8 bits hold it exactly.
const BACKGROUND: [u8; 4] = [16, 24, 48, 255];
/// The corners in pixels: the shader's, with y down.
const CORNERS: [[f32; 2]; 3] = [[128.0, 25.6], [25.6, 230.4], [230.4, 230.4]];
/// The maximum difference of a blended colour from the CPU's, in steps of 1/255.
const TOLERANCE: f32 = 1.5;

async fn run() -> Outcome {
    let args = env::args();
    if args.len() > 1 {
        return Err(Failure::usage("there is at most one argument", USAGE));
    }
    let gpu = Gpu::request("triangle").await?;
    outln!("adapter: {}", gpu.adapter_name());

    let picture = draw(&gpu).await?;
    let covered = check(&picture)?;
    let share = 100.0 * f64::from(covered) / f64::from(SIZE * SIZE);
    outln!("coverage: {covered} of {} pixels, {share:.1} % (geometry says 32.0 %)", SIZE * SIZE);

    if let Some(path) = args.first() {
        picture.write(path).await?;
        outln!("wrote {path}");
    }
    outln!("ok: all pixels agree with the CPU");
    Ok(())
}

async fn draw(gpu: &Gpu) -> Outcome<Picture> {
    let format = GpuTextureFormat::Rgba8unorm;
    let module = gpu.shader("triangle", include_str!("triangle.wgsl")).await?;
    let pipeline = gpu.render_pipeline(render_descriptor("triangle", &module, color_target(format))).await?;

    let scopes = ErrorScopes::open(&gpu.device);
    let usage = GpuTextureUsage::RENDER_ATTACHMENT | GpuTextureUsage::COPY_SRC;
    let target = gpu.texture("picture", SIZE, SIZE, format, usage);
    let view = target.create_view(None);

    let encoder = gpu.encoder("triangle");
    let background = BACKGROUND.map(|channel| f64::from(channel) / 255.0);
    let pass = render_pass(&encoder, "triangle", vec![color_attachment(&view, background)]);
    pass.set_pipeline(&pipeline);
    pass.draw(3, None, None, None);
    pass.end();
    gpu.submit(&encoder);

    let rgba = gpu.download_rgba(&target, SIZE, SIZE).await?;
    scopes.close("drawing").await?;
    Ok(Picture { width: SIZE, height: SIZE, rgba })
}

/// Compares every pixel that is not on an edge; returns the number of pixels that the triangle covers.
fn check(picture: &Picture) -> Outcome<u32> {
    let mut covered = 0;
    for y in 0..SIZE {
        for x in 0..SIZE {
            let found = picture.pixel(x, y);
            covered += u32::from(found != BACKGROUND);
            let weights = corner_weights(x as f32 + 0.5, y as f32 + 0.5);
            let nearest_edge = weights.into_iter().fold(f32::INFINITY, f32::min);
            // A weight is a share of the triangle's height of about 200 pixels: this skips a pixel around each edge.
            if nearest_edge.abs() < 0.006 {
                continue;
            }
            let expected = if nearest_edge > 0.0 {
                [weights[0] * 255.0, weights[1] * 255.0, weights[2] * 255.0, 255.0]
            } else {
                BACKGROUND.map(f32::from)
            };
            let far = found.iter().zip(expected).any(|(&f, e)| (f32::from(f) - e).abs() > TOLERANCE);
            if far {
                fail!("pixel ({x}, {y}) is {found:?}, expected about {expected:.0?}");
            }
        }
    }
    Ok(covered)
}

/// The barycentric weights of the three corners at a point; all positive inside the triangle.
fn corner_weights(x: f32, y: f32) -> [f32; 3] {
    let [[ax, ay], [bx, by], [cx, cy]] = CORNERS;
    let whole = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy);
    let a = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / whole;
    let b = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / whole;
    [a, b, 1.0 - a - b]
}
