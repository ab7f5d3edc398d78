//! The steps of Collatz' sequence, compared with those that the CPU counts.

use crate::bindings::wasi::webgpu::webgpu::*;
use crate::gpu::{buffer, module, read, request};
use crate::{Checked, check, line};

/// How many numbers, from 1.
const COUNT: u32 = 1000;

const SHADER: &str = "
@group(0) @binding(0) var<storage, read_write> numbers: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= arrayLength(&numbers) {
        return;
    }
    var n = numbers[id.x];
    var steps = 0u;
    while n > 1u {
        n = select(n / 2u, 3u * n + 1u, n % 2u == 1u);
        steps++;
    }
    numbers[id.x] = steps;
}
";

fn steps(mut n: u64) -> u32 {
    let mut steps = 0;
    while n > 1 {
        n = if n % 2 == 1 { 3 * n + 1 } else { n / 2 };
        steps += 1;
    }
    steps
}

pub fn run() -> Checked {
    let (adapter, device) = request()?;
    line(&format!("adapter: {}", adapter.info().description()));
    let size = u64::from(COUNT) * 4;
    let usage = GpuBufferUsage::storage() | GpuBufferUsage::copy_dst() | GpuBufferUsage::copy_src();
    let numbers = buffer(&device, size, usage);
    let result = buffer(&device, size, GpuBufferUsage::map_read() | GpuBufferUsage::copy_dst());
    let input: Vec<u8> = (1..=COUNT).flat_map(u32::to_le_bytes).collect();
    let queue = device.queue();
    queue.write_buffer_with_copy(&numbers, 0, &input, None, None).map_err(|error| error.message)?;

    let module = module(&device, SHADER);
    let layout = device.create_bind_group_layout(&GpuBindGroupLayoutDescriptor {
        entries: vec![GpuBindGroupLayoutEntry {
            binding: 0,
            visibility: GpuShaderStage::compute(),
            buffer: Some(GpuBufferBindingLayout {
                type_: Some(GpuBufferBindingType::Storage),
                has_dynamic_offset: None,
                min_binding_size: None,
            }),
            sampler: None,
            texture: None,
            storage_texture: None,
        }],
        label: None,
    });
    let pipeline_layout = device
        .create_pipeline_layout(&GpuPipelineLayoutDescriptor { bind_group_layouts: vec![Some(&layout)], label: None });
    let pipeline = device.create_compute_pipeline_async(GpuComputePipelineDescriptor {
        compute: GpuProgrammableStage { module: &module, entry_point: Some("main".to_owned()), constants: None },
        layout: GpuLayoutMode::Specific(&pipeline_layout),
        label: None,
    });
    let pipeline = pipeline.map_err(|error| error.message)?;
    let bind_group = device.create_bind_group(&GpuBindGroupDescriptor {
        layout: &layout,
        entries: vec![GpuBindGroupEntry {
            binding: 0,
            resource: GpuBindingResource::GpuBufferBinding(GpuBufferBinding {
                buffer: &numbers,
                offset: None,
                size: None,
            }),
        }],
        label: None,
    });

    let encoder = device.create_command_encoder(None);
    let pass = encoder.begin_compute_pass(None);
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, Some(&bind_group), None, None, None).map_err(|error| error.message)?;
    pass.dispatch_workgroups(COUNT.div_ceil(64), None, None);
    pass.end();
    encoder.copy_buffer_to_buffer(&numbers, 0, &result, 0, size);
    queue.submit(&[&encoder.finish(None)]);
    queue.on_submitted_work_done();

    let found: Vec<u32> = read(&result)?.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
    let expected: Vec<u32> = (1..=COUNT).map(|n| steps(n.into())).collect();
    check(found == expected, "the GPU counts other steps than the CPU")?;
    line(&format!("{COUNT} numbers, {} steps", expected.iter().sum::<u32>()));
    Ok(())
}
