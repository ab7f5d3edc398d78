//! Training and inference on wgpu: a small network learns from 256 points which of them lie in a ring, and then draws the ring.

use std::error::Error;

use wgpu::util::DeviceExt;

/// Units of the hidden layer, as in the shader.
const HIDDEN: u32 = 24;
/// Number of parameters, as in the shader.
const PARAMETERS: u32 = 4 * HIDDEN + 1;
/// Examples on each side of the square, and texels on each side of the picture.
const SIDE: u32 = 16;
const SIZE: u32 = 64;
/// Steps of training, by submit.
const STEPS: [u32; 3] = [100; 3];
/// Texels that must be right after training, of 100.
const RIGHT: usize = 95;

/// A pipeline with its bindings.
struct Kernel {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
}

impl Kernel {
    fn new(
        device: &wgpu::Device,
        module: &wgpu::ShaderModule,
        entry_point: &str,
        resources: &[(u32, wgpu::BindingResource<'_>)],
    ) -> Kernel {
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(entry_point),
            layout: None,
            module,
            entry_point: Some(entry_point),
            compilation_options: Default::default(),
            cache: None,
        });
        let entries: Vec<_> = resources
            .iter()
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding: *binding, resource: resource.clone() })
            .collect();
        let layout = pipeline.get_bind_group_layout(0);
        let descriptor = wgpu::BindGroupDescriptor { label: Some(entry_point), layout: &layout, entries: &entries };
        let group = device.create_bind_group(&descriptor);
        Kernel { pipeline, group }
    }

    fn run(&self, pass: &mut wgpu::ComputePass<'_>, x: u32, y: u32) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.dispatch_workgroups(x, y, 1);
    }
}

/// The middle of a cell of the square from -1 to 1.
fn middle(index: u32, cells: u32) -> f32 {
    (index as f32 + 0.5) / (cells as f32 / 2.0) - 1.0
}

fn is_in_ring(x: f32, y: f32) -> bool {
    (0.35..0.75).contains(&x.hypot(y))
}

fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn examples() -> Vec<f32> {
    let example = |index| {
        let (x, y) = (middle(index % SIDE, SIDE), middle(index / SIDE, SIDE));
        [x, y, f32::from(u8::from(is_in_ring(x, y))), 0.0]
    };
    (0..SIDE * SIDE).flat_map(example).collect()
}

/// Parameters before training: Marsaglia's xorshift, the same on every machine.
fn parameters() -> Vec<f32> {
    let mut state = 20u32;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / (1u32 << 31) as f32 - 1.0
    };
    let mut parameters: Vec<f32> =
        (0..HIDDEN).flat_map(|_| [3.0 * random(), 3.0 * random(), 2.0 * random(), 0.5 * random()]).collect();
    parameters.push(0.0);
    parameters
}

fn main() -> Result<(), Box<dyn Error>> {
    let (device, queue) = support::device(wgpu::Features::empty())?;
    let module = device.create_shader_module(wgpu::include_wgsl!("learn.wgsl"));
    let storage = |label: &str, contents: &[u8]| {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: Some(label), contents, usage })
    };
    let buffers = [
        storage("examples", &bytes(&examples())),
        storage("parameters", &bytes(&parameters())),
        storage("errors", &bytes(&[0.0; (SIDE * SIDE) as usize])),
        storage("gradients", &bytes(&[0.0; PARAMETERS as usize])),
        storage("moments", &bytes(&[0.0; 2 * PARAMETERS as usize])),
        storage("steps", &[0; 4]),
    ];
    let target = support::target(&device, SIZE, SIZE, wgpu::TextureFormat::Rgba8Unorm);
    let view = target.create_view(&Default::default());
    let kernel = |entry_point: &str, bindings: &[u32]| {
        let resource = |binding: &u32| match buffers.get(*binding as usize) {
            Some(buffer) => (*binding, buffer.as_entire_binding()),
            None => (*binding, wgpu::BindingResource::TextureView(&view)),
        };
        let resources: Vec<_> = bindings.iter().map(resource).collect();
        Kernel::new(&device, &module, entry_point, &resources)
    };
    let forward = kernel("forward", &[0, 1, 2, 5]);
    let backward = kernel("backward", &[0, 1, 2, 3]);
    let update = kernel("update", &[1, 3, 4, 5]);
    let paint = kernel("paint", &[1, 6]);

    let [_, _, errors, ..] = &buffers;
    let readback = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("readback"),
        size: errors.size(),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut step = 0;
    for steps in STEPS {
        let mut encoder = device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for _ in 0..steps {
                forward.run(&mut pass, (SIDE * SIDE).div_ceil(64), 1);
                backward.run(&mut pass, PARAMETERS.div_ceil(32), 1);
                update.run(&mut pass, PARAMETERS.div_ceil(32), 1);
            }
        }
        encoder.copy_buffer_to_buffer(errors, 0, &readback, 0, errors.size());
        queue.submit([encoder.finish()]);
        step += steps;
        println!("step {step}: loss {:.4}", loss(&support::read_buffer(&device, &readback)?));
    }

    let mut encoder = device.create_command_encoder(&Default::default());
    paint.run(&mut encoder.begin_compute_pass(&Default::default()), SIZE.div_ceil(8), SIZE.div_ceil(8));
    queue.submit([encoder.finish()]);
    let texels = support::read_texture(&device, &queue, &target)?;
    let answers = (0..SIZE * SIZE).zip(texels.as_chunks::<4>().0);
    let right = answers
        .filter(|(index, texel)| (texel[0] > 127) == is_in_ring(middle(index % SIZE, SIZE), middle(index / SIZE, SIZE)))
        .count();
    if right * 100 < RIGHT * (SIZE * SIZE) as usize {
        return Err(format!("only {right} of {} texels are right", SIZE * SIZE).into());
    }
    println!("{right} of {} texels are right", SIZE * SIZE);
    support::write_picture(&device, &queue, &target)
}

/// The mean cross entropy, from the differences of answers and labels.
fn loss(errors: &[u8]) -> f32 {
    let errors = errors.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    errors.map(|error| -(1.0 - error.abs()).ln()).sum::<f32>() / (SIDE * SIDE) as f32
}
