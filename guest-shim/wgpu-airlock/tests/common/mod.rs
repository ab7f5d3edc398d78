//! Helpers of the tests.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use wgpu::util::DeviceExt;

/// Maximum time until a state that a test waits for is reached, on the slowest machine.
const LIMIT: Duration = Duration::from_secs(300);

/// Waits until `reached` returns true.
pub fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < LIMIT, "waited in vain: {what}");
        std::thread::yield_now();
    }
}

/// An example that cargo has built with the tests.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(|deps| deps.parent()).unwrap();
    target.join("examples").join(name)
}

/// An empty folder for this run.
pub fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The first adapter.
pub fn adapter(instance: &wgpu::Instance) -> wgpu::Adapter {
    pollster::block_on(instance.request_adapter(&Default::default())).unwrap()
}

/// A device of the adapter.
pub fn device(adapter: &wgpu::Adapter) -> (wgpu::Device, wgpu::Queue) {
    pollster::block_on(adapter.request_device(&Default::default())).unwrap()
}

/// A device of an instance with these options.
pub fn device_with(options: wgpu_airlock::Options) -> (wgpu::Device, wgpu::Queue) {
    device(&adapter(&wgpu_airlock::instance(options).unwrap()))
}

/// A buffer with contents.
pub fn buffer(device: &wgpu::Device, contents: &[u8], usage: wgpu::BufferUsages) -> wgpu::Buffer {
    device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: None, contents, usage })
}

/// Maps a buffer for reading; the receiver gets the callback's result.
pub fn map(buffer: &wgpu::Buffer) -> mpsc::Receiver<Result<(), wgpu::BufferAsyncError>> {
    let (sender, receiver) = mpsc::channel();
    buffer.map_async(wgpu::MapMode::Read, .., move |result| sender.send(result).unwrap());
    receiver
}

/// A compute pipeline whose one binding is a storage buffer of numbers.
pub fn compute(device: &wgpu::Device, body: &str) -> wgpu::ComputePipeline {
    let code = format!(
        "@group(0) @binding(0) var<storage, read_write> numbers: array<u32>;
         @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3<u32>) {{ {body} }}"
    );
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(code.into()),
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: None,
        compilation_options: Default::default(),
        cache: None,
    })
}

/// Submits `pipeline` on as many workgroups as the buffer has numbers, and a copy of them that can be mapped.
pub fn dispatch(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    pipeline: &wgpu::ComputePipeline,
    numbers: &wgpu::Buffer,
) -> wgpu::Buffer {
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[wgpu::BindGroupEntry { binding: 0, resource: numbers.as_entire_binding() }],
    });
    let readback = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: numbers.size(),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(pipeline);
    pass.set_bind_group(0, &group, &[]);
    pass.dispatch_workgroups(u32::try_from(numbers.size() / 4).unwrap(), 1, 1);
    drop(pass);
    encoder.copy_buffer_to_buffer(numbers, 0, &readback, 0, numbers.size());
    queue.submit([encoder.finish()]);
    readback
}

/// The numbers from 0, each multiplied by `factor` on the GPU.
pub fn multiples(device: &wgpu::Device, queue: &wgpu::Queue, factor: u32) -> Vec<u32> {
    let numbers: Vec<u8> = (0u32..8).flat_map(u32::to_le_bytes).collect();
    let numbers = buffer(device, &numbers, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC);
    let pipeline = compute(device, &format!("numbers[id.x] *= {factor}u;"));
    let readback = dispatch(device, queue, &pipeline, &numbers);
    let mapped = map(&readback);
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    // The callback may run on another thread that polls.
    mapped.recv().unwrap().unwrap();
    let view = readback.slice(..).get_mapped_range().unwrap();
    view.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
}

/// Child processes of this one that run the worker's program.
pub fn workers() -> Vec<u32> {
    let me = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers
        .filter(|number| {
            // The name in parentheses may have spaces; the parent is the second field behind it.
            let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
            parent == Some(&me) && stat.contains("(gpu-daemon)")
        })
        .collect()
}

/// Kills the one worker with SIGKILL, as a crash of the driver would end it.
pub fn kill_the_driver() {
    let workers = workers();
    assert_eq!(workers.len(), 1, "one worker is there: {workers:?}");
    let killed = Command::new("kill").arg("-9").arg(workers[0].to_string()).status().unwrap();
    assert!(killed.success());
}
