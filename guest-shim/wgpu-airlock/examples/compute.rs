//! Squares numbers on the GPU.

use wgpu::util::DeviceExt;

fn main() {
    // In place of wgpu::Instance::default(). An argument is the file of a trace for `airlock replay`.
    let options = wgpu_airlock::Options { record: std::env::args_os().nth(1).map(Into::into), ..Default::default() };
    let instance = wgpu_airlock::instance(options).expect("a GPU process");
    let adapter = pollster::block_on(instance.request_adapter(&Default::default())).expect("an adapter");
    let (device, queue) = pollster::block_on(adapter.request_device(&Default::default())).expect("a device");

    let numbers: Vec<u8> = (1u32..=8).flat_map(u32::to_le_bytes).collect();
    let storage = device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
        label: Some("numbers"),
        contents: &numbers,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
    });
    let readback = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("readback"),
        size: storage.size(),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let code = "
        @group(0) @binding(0) var<storage, read_write> numbers: array<u32>;
        @compute @workgroup_size(8)
        fn main(@builtin(global_invocation_id) id: vec3<u32>) { numbers[id.x] *= numbers[id.x]; }
    ";
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("squares"),
        source: wgpu::ShaderSource::Wgsl(code.into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("squares"),
        layout: None,
        module: &module,
        entry_point: None,
        compilation_options: Default::default(),
        cache: None,
    });
    let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[wgpu::BindGroupEntry { binding: 0, resource: storage.as_entire_binding() }],
    });

    let mut encoder = device.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, &bind_group, &[]);
    pass.dispatch_workgroups(1, 1, 1);
    drop(pass);
    encoder.copy_buffer_to_buffer(&storage, 0, &readback, 0, storage.size());
    queue.submit([encoder.finish()]);

    readback.map_async(wgpu::MapMode::Read, .., |result| result.expect("a mapped buffer"));
    device.poll(wgpu::PollType::wait_indefinitely()).expect("a device that works");
    let bytes = readback.get_mapped_range(..).expect("the range that was mapped").to_vec();
    let squares: Vec<u32> = bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
    println!("{} says {squares:?}", adapter.get_info().name);
}
