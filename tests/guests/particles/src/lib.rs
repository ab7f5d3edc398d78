//! Particles around a centre, on a surface: each frame, a compute pass moves them and a render pass draws them, without
//! readbacks. The first particle is white, and drawn last.
//!
//! With `--state`, each frame prints that particle's texel, computed by the same steps on the CPU, to standard output.

use guest_support::gpu::*;
use guest_support::passes::{bind, color_attachment, color_target, compute_pass, render_descriptor, render_pass};
use guest_support::{Failure, Gpu, Outcome, bytemuck, env, outln};
use window::{App, Window};

guest_support::main!(run);

const USAGE: &str = "particles [--state] [FRAMES [PARTICLES]]    (endless, 4096 by default)";
const WORKGROUP: u32 = 64;
const MOST: u32 = 1 << 20;
/// The duration of a frame in seconds, and the strength of the centre's pull, the same as in the shader.
const STEP: f32 = 1.0 / 64.0;
const PULL: f32 = 1.5;

/// Position and velocity, in halves of the picture.
type Particle = [f32; 4];

struct Particles {
    gpu: Gpu,
    size: (u32, u32),
    count: u32,
    compute: GpuComputePipeline,
    compute_group: GpuBindGroup,
    render: GpuRenderPipeline,
    render_group: GpuBindGroup,
    first: Particle,
    frame: u64,
    last: Option<u64>,
    tell: bool,
}

async fn run() -> Outcome {
    let mut args = env::args();
    let tell = args.first().is_some_and(|first| first == "--state");
    if tell {
        args.remove(0);
    }
    let last = match args.first() {
        Some(_) => Some(env::number_or(&args, 0, "FRAMES", 0, USAGE)?),
        None => None,
    };
    let count: u32 = env::number_or(&args, 1, "PARTICLES", 4096, USAGE)?;
    if args.len() > 2 || !(1..=MOST).contains(&count) {
        return Err(Failure::usage(format!("PARTICLES is from 1 to {MOST}"), USAGE));
    }
    let gpu = Gpu::request("particles").await?;
    let window = Window::open(&gpu);
    let size = (window.surface.width(), window.surface.height());
    outln!("adapter: {}, {} x {}, {count} particles", gpu.adapter_name(), size.0, size.1);

    let code = include_str!("particles.wgsl");
    let compute = gpu.compute_pipeline("move", code, "advance").await?;
    let module = gpu.shader("particles", code).await?;
    let render = gpu.render_pipeline(render_descriptor("particles", &module, color_target(window.format))).await?;
    let particles: Vec<Particle> = (0..count).map(|number| start(number, count)).collect();
    let usage = GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_DST;
    let buffer = gpu.buffer("particles", u64::from(count) * 16, usage);
    let bytes: &[u8] = bytemuck::cast_slice(&particles);
    gpu.queue.write_buffer_with_copy(&buffer, 0, bytes, None, None).map_err(|error| Failure::new(error.message))?;
    let all = || GpuBindingResource::GpuBufferBinding(GpuBufferBinding { buffer: &buffer, offset: None, size: None });
    let compute_group = gpu.bind_group(&compute.get_bind_group_layout(0), vec![all()]);
    // The vertex stage reads the same buffer through another, read-only binding.
    let render_group = gpu.device.create_bind_group(&GpuBindGroupDescriptor {
        layout: &render.get_bind_group_layout(0),
        entries: vec![GpuBindGroupEntry { binding: 1, resource: all() }],
        label: None,
    });
    let first = particles[0];
    let app = Particles { gpu, size, count, compute, compute_group, render, render_group, first, frame: 0, last, tell };
    window.run(app).await;
    outln!("ok");
    Ok(())
}

/// A particle's initial state: on a spiral, moving around the centre.
fn start(number: u32, count: u32) -> Particle {
    let share = number as f32 / count as f32;
    let (radius, angle) = (0.35 + 0.5 * share, number as f32 * 2.399_963);
    let (sin, cos) = angle.sin_cos();
    let speed = radius * PULL.sqrt() * (0.7 + 0.3 * share);
    [radius * cos, radius * sin, -speed * sin, speed * cos]
}

impl App for Particles {
    fn resize(&mut self, width: u32, height: u32) {
        self.size = (width, height);
    }

    fn frame(&mut self, texture: &GpuTexture) -> bool {
        self.frame += 1;
        let encoder = self.gpu.encoder("frame");
        let pass = compute_pass(&encoder, "move");
        pass.set_pipeline(&self.compute);
        let _ = bind(&pass, 0, &self.compute_group);
        pass.dispatch_workgroups(self.count.div_ceil(WORKGROUP), None, None);
        pass.end();
        let view = texture.create_view(None);
        let pass = render_pass(&encoder, "draw", vec![color_attachment(&view, [0.0, 0.0, 0.05, 1.0])]);
        pass.set_pipeline(&self.render);
        let _ = pass.set_bind_group(0, Some(&self.render_group), None, None, None);
        pass.draw(6, Some(self.count - 1), None, Some(1));
        pass.draw(6, Some(1), None, Some(0));
        pass.end();
        self.gpu.submit(&encoder);

        let [x, y, vx, vy] = self.first;
        let (vx, vy) = (vx - PULL * x * STEP, vy - PULL * y * STEP);
        self.first = [x + vx * STEP, y + vy * STEP, vx, vy];
        if self.tell {
            let [x, y, ..] = self.first;
            let (width, height) = (self.size.0 as f32, self.size.1 as f32);
            let texel = ((x * 0.5 + 0.5) * width, (0.5 - y * 0.5) * height);
            outln!("frame {}: white at {} {}", self.frame, texel.0 as u32, texel.1 as u32);
        }
        self.last.is_none_or(|last| self.frame < last)
    }
}
