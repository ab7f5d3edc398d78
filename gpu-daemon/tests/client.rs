//! Client and session in one process, over the in-memory transport: no worker, no socket, no driver.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{task::Poll, thread::JoinHandle};

use airlock_client::{
    AdapterChoice, Client,
    binding::{BindGroupEntry, BindingResource},
    buffer::{Buffer, BufferDescriptor, BufferMapState},
    device::Device,
    error::popped,
    object::DeviceObject as _,
    pipeline::{ComputePipelineDescriptor, Layout, ProgrammableStage},
};
use airlock_protocol::{
    commands::{
        buffer::{BufferUsage, MapMode},
        error::ErrorFilter,
    },
    connect::Connection,
    events::{DeviceLostReason, PipelineErrorReason},
};
use gpu_daemon::fuzzing;

/// Size of a Unix socket's buffer.
const ROOM: usize = 208 << 10;

fn session() -> (Client, JoinHandle<Result<(), String>>) {
    let (connection, channels) = Connection::in_memory(ROOM).unwrap();
    let daemon = fuzzing::serve(channels).unwrap();
    let mut client = Client::builder().adapter(AdapterChoice::Noop).build();
    client.adopt(connection);
    (client, daemon)
}

fn device(client: &mut Client) -> Device {
    let (reply, adapter) = client.request_adapter(Default::default()).unwrap();
    let mut adapter = adapter.finish(client, reply.wait()).expect("the noop adapter is always there");
    let (reply, device) = adapter.request_device(client, Default::default()).unwrap();
    device.finish(client, Some(&mut adapter), reply.wait()).unwrap()
}

fn buffer(client: &mut Client, device: &Device, size: u64, usage: BufferUsage) -> Buffer {
    device.create_buffer(client, BufferDescriptor { size, usage, ..BufferDescriptor::default() })
}

#[test]
fn a_program_runs_from_its_adapter_to_its_readback() {
    let (mut client, daemon) = session();
    let device = device(&mut client);
    device.push_error_scope(&mut client, ErrorFilter::Validation);
    let code = "@group(0) @binding(0) var<storage, read_write> data: array<u32>;
        @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) { data[id.x] += 1; }";
    let module = device.create_shader_module(&mut client, None, code);
    let info = module.compilation_info(&mut client);
    assert_eq!(info.wait().unwrap(), []);
    let storage =
        buffer(&mut client, &device, 4 << 20, BufferUsage::STORAGE | BufferUsage::COPY_SRC | BufferUsage::COPY_DST);
    let mut readback = buffer(&mut client, &device, 4 << 20, BufferUsage::MAP_READ | BufferUsage::COPY_DST);
    let queue = device.queue();
    // Three times the size of the ring, so that its credit must be returned.
    for _ in 0..6 {
        queue.write_buffer(&mut client, &storage, 0, &vec![7; 4 << 20], None, None).unwrap();
    }
    let stage = ProgrammableStage { module: &module, entry_point: None, constants: Vec::new() };
    let descriptor = ComputePipelineDescriptor { label: None, layout: Layout::Auto, compute: stage };
    let (reply, pipeline) = device.create_compute_pipeline_async(&mut client, descriptor);
    let pipeline = pipeline.finish(&mut client, reply.wait()).unwrap();
    let layout = pipeline.bind_group_layout(&mut client, 0);
    let resource = BindingResource::Buffer { buffer: &storage, offset: None, size: None };
    let group = device.create_bind_group(&mut client, None, &layout, vec![BindGroupEntry { binding: 0, resource }]);
    let encoder = device.create_command_encoder(&mut client, None);
    let pass = encoder.begin_compute_pass(&mut client, Default::default());
    pass.set_pipeline(&mut client, &pipeline);
    pass.set_bind_group(&mut client, 0, Some(&group), Default::default()).unwrap();
    pass.dispatch_workgroups(&mut client, 64, None, None);
    pass.end(&mut client);
    encoder.copy_buffer_to_buffer(&mut client, (&storage, None), (&readback, None), Some(4 << 20));
    let commands = encoder.finish(&mut client, None);
    queue.submit(&mut client, [&commands]);
    queue.on_submitted_work_done(&mut client).wait().unwrap();
    let (reply, map) = readback.map_async(&mut client, Some(MapMode::Read), None, None).unwrap();
    map.finish(&mut client, Some(&mut readback), reply.wait()).unwrap();
    // The contents are unspecified: this adapter executes nothing.
    assert_eq!(readback.mapped_range(None, None).unwrap().len(), 4 << 20);
    readback.unmap(&mut client);
    let caught = device.pop_error_scope(&mut client).unwrap();
    assert_eq!(popped(caught.wait()).unwrap(), None, "all of it is valid");
    let report = client.report().unwrap().wait().unwrap();
    assert!(report.commands > 20, "{report:?}");
    drop(client);
    daemon.join().unwrap().expect("the client has ended the session");
}

#[test]
fn errors_come_back_where_webgpu_puts_them() {
    let (mut client, daemon) = session();
    let device = device(&mut client);
    let uncaptured = device.uncaptured_errors(&mut client);
    device.push_error_scope(&mut client, ErrorFilter::Validation);
    let mut invalid = buffer(&mut client, &device, 16, BufferUsage::MAP_READ | BufferUsage::MAP_WRITE);
    let caught = device.pop_error_scope(&mut client).unwrap();
    let error = popped(caught.wait()).unwrap().expect("both map usages together are invalid");
    assert_eq!(error.kind, ErrorFilter::Validation);
    let (reply, map) = invalid.map_async(&mut client, Some(MapMode::Read), None, None).unwrap();
    map.finish(&mut client, Some(&mut invalid), reply.wait()).expect_err("an invalid buffer is not mapped");
    assert_eq!(invalid.map_state(), BufferMapState::Unmapped);
    let module = device.create_shader_module(&mut client, None, "fn main( {");
    let messages = module.compilation_info(&mut client).wait().unwrap();
    assert!(!messages.is_empty());
    let stage = ProgrammableStage { module: &module, entry_point: None, constants: Vec::new() };
    let descriptor = ComputePipelineDescriptor { label: None, layout: Layout::Auto, compute: stage };
    let (reply, pipeline) = device.create_compute_pipeline_async(&mut client, descriptor);
    let error = pipeline.finish(&mut client, reply.wait()).expect_err("a module that is none");
    assert_eq!(error.reason, PipelineErrorReason::Validation);
    invalid.release(&mut client);
    device.destroy(&mut client);
    let lost = device.lost(&mut client).wait().unwrap();
    assert_eq!(lost.reason, DeviceLostReason::Destroyed);
    // The errors of the shader and the map, and no more.
    let mut errors = 0;
    while let Poll::Ready(Some(_)) = uncaptured.try_next() {
        errors += 1;
    }
    assert!(errors >= 1);
    drop(client);
    daemon.join().unwrap().expect("errors of WebGPU end no session");
}
