//! What objects send: their defaults, their ids, their end.

use airlock_client::{
    Client,
    binding::{BindGroupEntry, BindGroupLayoutEntry, BindingResource, BufferBindingLayout, DynamicOffsets},
    buffer::BufferDescriptor,
    object::DeviceObject as _,
    pipeline::{ComputePipelineDescriptor, Layout, ProgrammableStage},
    render_pass::{ColorAttachment, RenderPassDescriptor},
    texture::{Extent3d, TextureDescriptor, TextureViewDescriptor},
};
use airlock_protocol::{
    Command,
    commands::{
        binding::{BindingType, BufferBindingType, ShaderStage},
        buffer::BufferUsage,
        error::ErrorFilter,
        query_set::QueryType,
        render_pass::{LoadOp, StoreOp},
        texture::{self, TextureDimension, TextureFormat, TextureUsage},
    },
    ids::{BufferId, Object, RenderPassId},
    limits::{MAX_LABEL, MAX_SHADER_SOURCE},
};

use crate::daemon::Daemon;

fn texture() -> TextureDescriptor {
    TextureDescriptor {
        label: Some("target".to_owned()),
        size: Extent3d { width: 4, ..Extent3d::default() },
        mip_level_count: None,
        sample_count: None,
        dimension: None,
        format: TextureFormat::Rgba8unorm,
        usage: TextureUsage::RENDER_ATTACHMENT,
        view_formats: Vec::new(),
    }
}

fn buffer() -> BufferDescriptor {
    BufferDescriptor { size: 16, usage: BufferUsage::COPY_DST, ..BufferDescriptor::default() }
}

#[test]
fn a_client_and_its_objects_go_to_any_thread() {
    fn shared<T: Send + Sync>() {}
    shared::<Client>();
    shared::<airlock_client::device::Device>();
    shared::<airlock_client::buffer::Buffer>();
    shared::<airlock_client::Wait<()>>();
    shared::<airlock_client::ErrorStream>();
}

#[test]
fn descriptors_have_webgpus_defaults() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let texture = device.create_texture(&mut client, texture());
    let view = texture.create_view(&mut client, TextureViewDescriptor::default());
    let encoder = device.create_command_encoder(&mut client, None);
    let attachment = ColorAttachment {
        view: &view,
        depth_slice: None,
        resolve_target: None,
        clear_value: None,
        load_op: LoadOp::Clear,
        store_op: StoreOp::Store,
    };
    let pass = encoder.begin_render_pass(
        &mut client,
        RenderPassDescriptor { color_attachments: vec![Some(attachment), None], ..Default::default() },
    );
    pass.draw(&mut client, 3, None, None, Some(2));
    pass.draw_indexed(&mut client, 6, None, None, None, None);
    pass.end(&mut client);
    let commands = encoder.finish(&mut client, None);
    device.queue().submit(&mut client, [&commands]);
    let sent = daemon.sent();
    let Command::CreateTexture(created) = &sent[0] else { panic!("{:?}", sent[0]) };
    assert_eq!(created.size, texture::Extent3d { width: 4, height: 1, depth_or_array_layers: 1 });
    assert_eq!((created.mip_level_count, created.sample_count, created.dimension), (1, 1, TextureDimension::D2));
    assert_eq!(created.label, "target");
    let Command::BeginRenderPass(begun) = &sent[3] else { panic!("{:?}", sent[3]) };
    assert_eq!(begun.color_attachments.len(), 2);
    assert_eq!(begun.color_attachments[0].unwrap().clear_value, [0.0; 4]);
    let Command::RenderPassDraw(draw) = &sent[4] else { panic!("{:?}", sent[4]) };
    assert_eq!((draw.pass, draw.vertex_count), (RenderPassId(0), 3));
    assert_eq!((draw.instance_count, draw.first_vertex, draw.first_instance), (1, 0, 2));
    let names: Vec<_> = sent[5..].iter().map(Command::name).collect();
    assert_eq!(names, ["RenderPassDrawIndexed", "EndRenderPass", "FinishCommandEncoder", "Submit"]);
}

#[test]
fn ids_are_dense_and_come_back_after_a_release() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let first = device.create_buffer(&mut client, buffer());
    let second = device.create_buffer(&mut client, buffer());
    first.release(&mut client);
    let third = device.create_buffer(&mut client, buffer());
    device.queue().submit(&mut client, []);
    let ids: Vec<_> = daemon
        .sent()
        .iter()
        .filter_map(|command| match command {
            Command::CreateBuffer(c) => Some(Object::Buffer(c.buffer)),
            Command::DropObject(c) => Some(c.object),
            _ => None,
        })
        .collect();
    assert_eq!(ids, [0, 1, 0, 0].map(|id| Object::Buffer(BufferId(id))));
    second.release(&mut client);
    third.release(&mut client);
}

#[test]
fn a_device_is_dropped_with_its_last_object() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let buffer = device.create_buffer(&mut client, buffer());
    let queue = device.queue();
    device.release(&mut client);
    queue.release(&mut client);
    let other = Daemon::names(&mut daemon);
    assert!(other.is_empty(), "nothing has left yet: {other:?}");
    buffer.release(&mut client);
    drop(client);
    let dropped: Vec<_> = daemon
        .sent()
        .iter()
        .filter_map(|command| match command {
            Command::DropObject(c) => Some(c.object.kind().name()),
            _ => None,
        })
        .collect();
    assert_eq!(dropped, ["Buffer", "Device"]);
}

#[test]
fn labels_are_kept_and_bounded() {
    let (mut client, mut daemon, mut device) = Daemon::with_device();
    let mut buffer = device.create_buffer(&mut client, buffer());
    buffer.set_label(&mut client, "ä".repeat(MAX_LABEL));
    assert_eq!(buffer.label().len(), MAX_LABEL);
    device.set_label(&mut client, "device".to_owned());
    let queue = device.queue();
    queue.set_label("queue".to_owned());
    assert_eq!((device.label(), device.queue().label().as_str()), ("device", "queue"));
    queue.submit(&mut client, []);
    let labels: Vec<_> = daemon
        .sent()
        .iter()
        .filter_map(|command| match command {
            Command::SetLabel(c) => Some((c.object.kind().name(), c.label.len())),
            _ => None,
        })
        .collect();
    assert_eq!(labels, [("Buffer", MAX_LABEL), ("Device", 6)]);
}

#[test]
fn what_cannot_be_named_makes_an_inert_object_and_one_error() {
    let (mut client, _first, lost) = Daemon::with_device();
    let foreign = lost.create_buffer(&mut client, buffer());
    let (mut daemon, device) = Daemon::grant(&mut client);
    let layout = device.create_bind_group_layout(
        &mut client,
        None,
        vec![BindGroupLayoutEntry {
            binding: 0,
            visibility: ShaderStage::COMPUTE,
            buffer: Some(BufferBindingLayout::default()),
            sampler: None,
            texture: None,
            storage_texture: None,
        }],
    );
    let resource = BindingResource::Buffer { buffer: &foreign, offset: None, size: None };
    let group = device.create_bind_group(&mut client, None, &layout, vec![BindGroupEntry { binding: 0, resource }]);
    let encoder = device.create_command_encoder(&mut client, None);
    let pass = encoder.begin_compute_pass(&mut client, Default::default());
    pass.set_bind_group(&mut client, 0, Some(&group), DynamicOffsets::default()).unwrap();
    device.queue().submit(&mut client, []);
    let sent = daemon.sent();
    let Command::CreateBindGroupLayout(created) = &sent[0] else { panic!("{:?}", sent[0]) };
    let uniform =
        BindingType::Buffer { ty: BufferBindingType::Uniform, has_dynamic_offset: false, min_binding_size: 0 };
    assert_eq!(created.entries[0].ty, uniform);
    let names: Vec<_> = sent[1..].iter().map(Command::name).collect();
    // Of the buffer for the group, and of the group for the pass.
    assert_eq!(names, ["RaiseError", "CreateCommandEncoder", "BeginComputePass", "RaiseError", "Submit"]);
    let Command::RaiseError(error) = &sent[1] else { panic!("{:?}", sent[1]) };
    assert_eq!(error.kind, ErrorFilter::Validation);
    assert!(error.message.contains("Buffer belongs to a device that is lost"), "{}", error.message);
}

#[test]
fn what_needs_no_daemon_is_refused_here() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let module = device.create_shader_module(&mut client, None, &" ".repeat(MAX_SHADER_SOURCE + 1));
    let stage = ProgrammableStage { module: &module, entry_point: None, constants: Vec::new() };
    let descriptor = ComputePipelineDescriptor { label: None, layout: Layout::Auto, compute: stage };
    let (reply, pipeline) = device.create_compute_pipeline_async(&mut client, descriptor);
    assert!(reply.is_ready(), "nobody was asked");
    pipeline.finish(&mut client, reply.wait()).expect("a pipeline that does nothing");
    device.create_query_set(&mut client, None, QueryType::Timestamp, 2).expect("the device has the feature");
    let pass = device.create_command_encoder(&mut client, None).begin_compute_pass(&mut client, Default::default());
    let offsets = DynamicOffsets { data: Some(vec![0, 256]), start: Some(1), length: Some(2) };
    let error = pass.set_bind_group(&mut client, 0, None, offsets).unwrap_err();
    assert!(error.to_string().contains("within 2 dynamic offsets"), "{error}");
    device.queue().submit(&mut client, []);
    let names = daemon.names();
    let expected = ["RaiseError", "RaiseError", "CreateQuerySet", "CreateCommandEncoder", "BeginComputePass", "Submit"];
    assert_eq!(names, expected);
    let nowhere = airlock_client::device::Device::nowhere();
    nowhere.create_query_set(&mut client, None, QueryType::Timestamp, 2).unwrap_err();
    nowhere.create_buffer(&mut client, buffer()).release(&mut client);
    device.queue().submit(&mut client, []);
    assert_eq!(daemon.names(), ["Submit"]);
}
