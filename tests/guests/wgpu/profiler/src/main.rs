//! `wgpu-profiler`: the GPU time of a compute pass, from timestamp queries.

use wgpu_profiler::{GpuProfiler, GpuProfilerSettings};

const SHADER: &str = "
    @group(0) @binding(0) var<storage, read_write> sums: array<u32>;
    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) id: vec3<u32>) {
        var sum = 0u;
        for (var i = 0u; i < 4096u; i += 1u) {
            sum = sum * 31u + i;
        }
        sums[id.x] = sum;
    }
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (device, queue) = support::device(wgpu::Features::TIMESTAMP_QUERY)?;
    let mut profiler = GpuProfiler::new(&device, GpuProfilerSettings::default())?;
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("sums"),
        size: 4096 * 4,
        usage: wgpu::BufferUsages::STORAGE,
        mapped_at_creation: false,
    });
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(SHADER.into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: None,
        compilation_options: Default::default(),
        cache: None,
    });
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[wgpu::BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() }],
    });

    for frame in 0..3 {
        let mut encoder = device.create_command_encoder(&Default::default());
        {
            let mut scope = profiler.scope("frame", &mut encoder);
            for name in ["first", "second"] {
                let mut pass = scope.scoped_compute_pass(name);
                pass.set_pipeline(&pipeline);
                pass.set_bind_group(0, &group, &[]);
                pass.dispatch_workgroups(64, 1, 1);
            }
        }
        profiler.resolve_queries(&mut encoder);
        queue.submit([encoder.finish()]);
        profiler.end_frame()?;
        device.poll(wgpu::PollType::wait_indefinitely())?;
        let results =
            profiler.process_finished_frame(queue.get_timestamp_period()).ok_or("the frame is not finished")?;
        println!("frame {frame}: {}", describe(&results));
    }
    Ok(())
}

/// The scopes by name, each with whether its time is plausible: the times differ in every run.
fn describe(results: &[wgpu_profiler::GpuTimerQueryResult]) -> String {
    let scopes: Vec<String> = results
        .iter()
        .map(|result| {
            let time = match &result.time {
                None => "no time",
                Some(time) if time.start > 0.0 && time.end >= time.start => "a time",
                Some(_) => "a time that makes no sense",
            };
            format!("{} has {time} [{}]", result.label, describe(&result.nested_queries))
        })
        .collect();
    scopes.join(", ")
}
