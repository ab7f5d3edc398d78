//! The bodies, and their simulation on the GPU.

use guest_support::gpu::{
    GpuBindGroup, GpuBindGroupLayoutDescriptor, GpuBindGroupLayoutEntry, GpuBindingResource, GpuBuffer,
    GpuBufferBindingLayout, GpuBufferBindingType, GpuBufferUsage, GpuComputePipeline, GpuComputePipelineDescriptor,
    GpuLayoutMode, GpuPipelineLayoutDescriptor, GpuProgrammableStage, GpuShaderStage,
};
use guest_support::passes::{bind, compute_pass};
use guest_support::{ErrorScopes, Failure, Gpu, Outcome};

/// Time units per step; a star crosses the ball in about 2.
pub const TIME_STEP: f32 = 0.005;
/// The length below which gravity is softened, so that a close encounter does not need a shorter step.
pub const SOFTENING: f32 = 0.05;
/// The shader's `TILE`.
const WORKGROUP_SIZE: u32 = 64;

/// Positions (with the mass as the fourth number) and velocities.
#[derive(Clone)]
pub struct Bodies {
    pub places: Vec<[f32; 4]>,
    pub velocities: Vec<[f32; 4]>,
}

impl Bodies {
    /// A Plummer ball of total mass 1 in equilibrium: density falls off as (1 + r^2)^(-5/2), speeds fit the pull.
    pub fn ball(count: u32) -> Bodies {
        let mut random = Random(0x5eed_0000_1234_5678);
        let mut bodies = Bodies { places: Vec::new(), velocities: Vec::new() };
        let mass = 1.0 / count as f32;
        while bodies.places.len() < count as usize {
            let r = (random.next().max(1e-6).powf(-2.0 / 3.0) - 1.0).max(0.0).sqrt();
            // The far halo is cut off: the few bodies there would only enlarge the picture.
            if r > 8.0 {
                continue;
            }
            // The share q of the escape speed has the density q^2 (1 - q^2)^(7/2): rejection sampling.
            let q = loop {
                let (q, height) = (random.next(), 0.1 * random.next());
                if height < q * q * (1.0 - q * q).powf(3.5) {
                    break q;
                }
            };
            let speed = q * 2f64.sqrt() * (1.0 + r * r).powf(-0.25);
            let [x, y, z] = random.direction().map(|c| (c * r) as f32);
            let [vx, vy, vz] = random.direction().map(|c| (c * speed) as f32);
            bodies.places.push([x, y, z, mass]);
            bodies.velocities.push([vx, vy, vz, 0.0]);
        }
        bodies
    }

    pub fn truncate(&mut self, count: usize) {
        self.places.truncate(count);
        self.velocities.truncate(count);
    }
}

/// xorshift64*, with the same ball on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A point on the unit sphere.
    fn direction(&mut self) -> [f64; 3] {
        let z = 2.0 * self.next() - 1.0;
        let angle = std::f64::consts::TAU * self.next();
        let across = (1.0 - z * z).sqrt();
        [across * angle.cos(), across * angle.sin(), z]
    }
}

/// Buffers, pipelines and the bind group of one ball.
pub struct Simulation {
    places: GpuBuffer,
    velocities: GpuBuffer,
    group: GpuBindGroup,
    kick_drift: GpuComputePipeline,
    accelerate: GpuComputePipeline,
    kick: GpuComputePipeline,
    workgroups: u32,
}

impl Simulation {
    /// Uploads the bodies, and computes their first accelerations.
    pub async fn new(gpu: &Gpu, bodies: &Bodies) -> Outcome<Simulation> {
        let count = bodies.places.len() as u32;
        let module = gpu.shader("nbody", include_str!("nbody.wgsl")).await?;
        let scopes = ErrorScopes::open(&gpu.device);

        let buffer = |binding, kind| GpuBindGroupLayoutEntry {
            binding,
            visibility: GpuShaderStage::COMPUTE,
            buffer: Some(GpuBufferBindingLayout { type_: Some(kind), ..Default::default() }),
            sampler: None,
            texture: None,
            storage_texture: None,
        };
        let group_layout = gpu.device.create_bind_group_layout(&GpuBindGroupLayoutDescriptor {
            entries: vec![
                buffer(0, GpuBufferBindingType::Uniform),
                buffer(1, GpuBufferBindingType::Storage),
                buffer(2, GpuBufferBindingType::Storage),
                buffer(3, GpuBufferBindingType::Storage),
            ],
            label: Some("nbody".to_string()),
        });
        let layout = gpu.device.create_pipeline_layout(&GpuPipelineLayoutDescriptor {
            bind_group_layouts: vec![Some(&group_layout)],
            immediate_size: None,
            label: Some("nbody".to_string()),
        });
        let pipeline = |entry: &str| {
            gpu.device.create_compute_pipeline(GpuComputePipelineDescriptor {
                compute: GpuProgrammableStage {
                    module: &module,
                    entry_point: Some(entry.to_string()),
                    constants: None,
                },
                layout: GpuLayoutMode::Specific(&layout),
                label: Some(entry.to_string()),
            })
        };

        let params = [count, TIME_STEP.to_bits(), (SOFTENING * SOFTENING).to_bits(), 0];
        let params = gpu.buffer_with("params", &params, GpuBufferUsage::UNIFORM)?;
        let usage = GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_SRC;
        let places = gpu.buffer_with("places", &bodies.places, usage)?;
        let velocities = gpu.buffer_with("velocities", &bodies.velocities, usage)?;
        let accelerations = gpu.buffer("accelerations", places.size(), usage);
        let resources = [&params, &places, &velocities, &accelerations].map(GpuBindingResource::GpuBuffer);
        let group = gpu.bind_group(&group_layout, Vec::from(resources));

        let simulation = Simulation {
            places,
            velocities,
            group,
            kick_drift: pipeline("kick_drift"),
            accelerate: pipeline("accelerate"),
            kick: pipeline("kick"),
            workgroups: count.div_ceil(WORKGROUP_SIZE),
        };
        simulation.dispatch(gpu, &[&simulation.accelerate])?;
        scopes.close("setting up").await?;
        Ok(simulation)
    }

    /// One leapfrog step, one submit.
    pub fn step(&self, gpu: &Gpu) -> Outcome {
        self.dispatch(gpu, &[&self.kick_drift, &self.accelerate, &self.kick])
    }

    fn dispatch(&self, gpu: &Gpu, pipelines: &[&GpuComputePipeline]) -> Outcome {
        let encoder = gpu.encoder("step");
        let pass = compute_pass(&encoder, "step");
        bind(&pass, 0, &self.group)?;
        for pipeline in pipelines {
            pass.set_pipeline(pipeline);
            pass.dispatch_workgroups(self.workgroups, None, None);
        }
        pass.end();
        gpu.submit(&encoder);
        Ok(())
    }

    /// The position of body 0 after all submitted steps.
    pub async fn first_body(&self, gpu: &Gpu) -> Outcome<[f32; 4]> {
        let found: Vec<[f32; 4]> = gpu.download_range(&self.places, 0, 16).await?;
        found.first().copied().ok_or_else(|| Failure::new("the readback of body 0 is empty"))
    }

    pub async fn download(&self, gpu: &Gpu) -> Outcome<Bodies> {
        let places = gpu.download(&self.places).await?;
        let velocities = gpu.download(&self.velocities).await?;
        Ok(Bodies { places, velocities })
    }
}
