//! A rendered scene: several hundred lit and textured shapes in a sunflower spiral, over a plain that fades into the haze of
//! an evening sky.
//!
//! It uses a renderer's features: vertex and index buffers, one indexed draw per object with a dynamic uniform offset, a
//! depth buffer, a shadow map, a texture with mipmaps drawn by the GPU, anisotropic sampling, and 4x multisampling with a
//! resolve. A probe pass writes each pixel's object and depth, which a ray caster on the CPU checks.

mod check;
mod math;
mod mesh;
mod render;
mod tiles;
mod world;

use guest_support::pictures::Picture;
use guest_support::{Failure, Gpu, Outcome, env, outln};
use world::Camera;

guest_support::main!(run);

const USAGE: &str = "scene [OUT.png [WIDTH HEIGHT]]    (1280 x 720 by default)";
const SIZES: std::ops::RangeInclusive<u32> = 64..=4096;

async fn run() -> Outcome {
    let args = env::args();
    let width: u32 = env::number_or(&args, 1, "WIDTH", 1280, USAGE)?;
    let height: u32 = env::number_or(&args, 2, "HEIGHT", 720, USAGE)?;
    if args.len() > 3 || args.len() == 2 || !SIZES.contains(&width) || !SIZES.contains(&height) {
        let reason = format!("WIDTH and HEIGHT are from {} to {}", SIZES.start(), SIZES.end());
        return Err(Failure::usage(reason, USAGE));
    }

    let gpu = Gpu::request("scene").await?;
    outln!("adapter: {}", gpu.adapter_name());
    let clock = env::Stopwatch::start();
    let camera = Camera::new(width as f32 / height as f32);
    let objects = world::objects();
    let rendered = render::render(&gpu, width, height, &camera, &objects).await?;
    outln!("{width} x {height}, {} objects, {} draws, {:.0} ms", objects.len(), rendered.draws, clock.ms());

    let checked = check::check(&rendered, (width, height), &camera, &objects);
    // The picture is written before the verdict, so that a wrong one can be inspected.
    if let Some(path) = args.first() {
        Picture { width, height, rgba: rendered.picture }.write(path).await?;
        outln!("wrote {path}");
    }
    let report = checked?;
    outln!(
        "ok: {} pixels and {} objects' centres agree with the ray caster, {} pixels with the sky; {} objects visible",
        report.pixels,
        report.centers,
        report.sky_pixels,
        report.visible_objects
    );
    Ok(())
}
