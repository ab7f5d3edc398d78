//! A worker from its client's side: the tests start the process, talk to it over the real transport, and end it.
//!
//! The tests need an adapter. On a machine without a GPU, lavapipe provides one (Debian and Ubuntu:
//! mesa-vulkan-drivers).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::process::{Command as Process, Stdio};

use airlock_protocol::{
    Command, Event, Payload,
    commands::{
        adapter::RequestDevice,
        binding::{BindGroupEntry, BindingResource, CreateBindGroup},
        buffer::{BufferUsage, CreateBuffer, DestroyBuffer, MapBuffer, MapMode, UnmapBuffer, WriteMapped},
        command_encoder::{CopyBufferToBuffer, CopyTextureToBuffer, CreateCommandEncoder, FinishCommandEncoder},
        compute_pass::{
            BeginComputePass, ComputePassSetBindGroup, ComputePassSetPipeline, DispatchWorkgroups, EndComputePass,
        },
        device::DestroyDevice,
        error::{ErrorFilter, PopErrorScope, PushErrorScope},
        instance::{AdapterSelector, ListAdapters},
        pipeline::{
            ColorTargetState, ColorWrite, CreateComputePipeline, CreateRenderPipeline, CullMode, FragmentState,
            FrontFace, GetBindGroupLayout, MultisampleState, PipelineId, PrimitiveState, PrimitiveTopology,
        },
        queue::{OnSubmittedWorkDone, Submit, WriteBuffer, WriteTexture},
        render_bundle::{
            BundleDraw, BundleSetPipeline, BundleSetVertexBuffer, CreateRenderBundleEncoder, FinishRenderBundle,
        },
        render_pass::{BeginRenderPass, ColorAttachment, EndRenderPass, ExecuteBundles, LoadOp, StoreOp},
        session::{DropObject, ReportStats, Stage},
        shader::{CreateShaderModule, GetCompilationInfo},
        texture::{
            CreateTexture, CreateTextureView, Extent3d, Origin3d, TexelCopyBufferInfo, TexelCopyBufferLayout,
            TexelCopyTextureInfo, TextureAspect, TextureDimension, TextureFormat, TextureUsage,
        },
    },
    events::{DeviceLostReason, MapErrorKind},
    ids::{
        AdapterId, BindGroupId, BindGroupLayoutId, BufferId, CommandBufferId, CommandEncoderId, ComputePassId,
        ComputePipelineId, DeviceId, Object, RenderBundleEncoderId, RenderBundleId, RenderPassId, RenderPipelineId,
        ShaderModuleId, TextureId, TextureViewId,
    },
};
use common::{
    PROGRAM,
    client::{Client, DEVICE, bytes, stage, words},
};

#[test]
fn adapters_are_listed_and_chosen() {
    let mut client = Client::start();
    let request = client.request();
    client.push(ListAdapters { request });
    let adapters = client.wait(|event| match event {
        Event::AdapterList { request: of, adapters } if of == request => Some(adapters),
        _ => None,
    });
    assert!(!adapters.is_empty(), "no adapter: install a driver, for example the package mesa-vulkan-drivers");
    for (index, listed) in adapters.iter().enumerate() {
        let chosen = client.request_adapter(AdapterSelector::Index(index as u32)).unwrap();
        assert_eq!(*chosen, *listed);
        client.push(DropObject { object: Object::Adapter(AdapterId(0)) });
        let name = chosen.info.description.to_uppercase();
        client.request_adapter(AdapterSelector::Name(&name)).unwrap();
        client.push(DropObject { object: Object::Adapter(AdapterId(0)) });
    }
    let reason = client.request_adapter(AdapterSelector::Index(99)).unwrap_err();
    assert!(reason.contains(&adapters[0].info.description), "{reason}");
    assert!(client.request_adapter(AdapterSelector::Name("no such thing")).is_err());
}

#[test]
fn the_noop_backend_is_available_on_request_only() {
    let mut client = Client::start();
    assert_eq!(client.request_adapter(AdapterSelector::Noop).unwrap().info.backend, "noop");
    client.request_device();
    let buffer = client.create_buffer(0, 16, BufferUsage::MAP_READ | BufferUsage::COPY_DST);
    assert_eq!(client.map(buffer, MapMode::Read, 16), Ok(vec![0; 16]));
}

#[test]
fn a_compute_shader_doubles_numbers() {
    let mut client = Client::with_device();
    let numbers: Vec<u32> = (0..1000).collect();
    let size = numbers.len() as u64 * 4;
    let storage = client.create_buffer(0, size, BufferUsage::STORAGE | BufferUsage::COPY_DST | BufferUsage::COPY_SRC);
    let read = client.create_buffer(1, size, BufferUsage::MAP_READ | BufferUsage::COPY_DST);
    client.push(WriteBuffer { device: DEVICE, buffer: storage, offset: 0, data: Payload::Inline(&bytes(&numbers)) });
    let (module, pipeline) = (ShaderModuleId(0), ComputePipelineId(0));
    let code = "@group(0) @binding(0) var<storage, read_write> numbers: array<u32>;
        @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
            if id.x < arrayLength(&numbers) { numbers[id.x] *= 2u; }
        }";
    client.push(CreateShaderModule { device: DEVICE, module, label: "", code });
    let request = client.request();
    client.push(CreateComputePipeline {
        device: DEVICE,
        pipeline,
        request: Some(request),
        label: "",
        layout: None,
        compute: stage(module),
    });
    client
        .wait(|event| match event {
            Event::PipelineReply { request: of, result } if of == request => Some(result),
            _ => None,
        })
        .unwrap();
    let (layout, bind_group) = (BindGroupLayoutId(0), BindGroupId(0));
    client.push(GetBindGroupLayout { pipeline: PipelineId::Compute(pipeline), index: 0, layout });
    let resource = BindingResource::Buffer { buffer: storage, offset: 0, size: None };
    let entries = vec![BindGroupEntry { binding: 0, resource }];
    client.push(CreateBindGroup { device: DEVICE, bind_group, label: "", layout, entries });
    client.submit(|client, encoder| {
        let pass = ComputePassId(0);
        client.push(BeginComputePass { encoder, pass, label: "", timestamp_writes: None });
        client.push(ComputePassSetPipeline { pass, pipeline });
        let bind_group = Some(bind_group);
        client.push(ComputePassSetBindGroup { pass, index: 0, bind_group, dynamic_offsets: vec![] });
        client.push(DispatchWorkgroups { pass, x: 16, y: 1, z: 1 });
        client.push(EndComputePass { pass });
        client.push(DropObject { object: Object::ComputePass(pass) });
        client.push(CopyBufferToBuffer {
            encoder,
            source: storage,
            source_offset: 0,
            destination: read,
            destination_offset: 0,
            size: None,
        });
    });
    let contents = client.map(read, MapMode::Read, size).unwrap();
    assert_eq!(words(&contents), numbers.iter().map(|number| number * 2).collect::<Vec<_>>());
    client.push(UnmapBuffer { buffer: read });
    let request = client.request();
    client.push(OnSubmittedWorkDone { request, device: DEVICE });
    client.wait(|event| matches!(event, Event::WorkDone { request: of } if of == request).then_some(()));
    let request = client.request();
    client.push(ReportStats { request });
    let report = client.wait(|event| match event {
        Event::Report { request: of, report } if of == request => Some(report),
        _ => None,
    });
    assert!(report.batches >= 5 && report.commands > 20 && report.busy_ns > 0, "{report:?}");
}

#[test]
fn bulk_data_arrives_by_the_ring_and_staged() {
    let mut client = Client::with_device();
    let data: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let size = data.len() as u64;
    let buffer = client.create_buffer(0, size, BufferUsage::MAP_READ | BufferUsage::COPY_DST);
    // One unstaged piece.
    let first = &data[..1_000_000];
    let start = client.worker.ring.write(first).unwrap();
    let payload = Payload::Shared { start, len: first.len() as u32 };
    client.push(WriteBuffer { device: DEVICE, buffer, offset: 0, data: payload });
    // The rest in several pieces.
    for piece in data[1_000_000..].chunks(700_000) {
        let start = client.worker.ring.write(piece).unwrap();
        client.push(Stage { data: Payload::Shared { start, len: piece.len() as u32 } });
    }
    let payload = Payload::Staged { len: 2_000_000 };
    client.push(WriteBuffer { device: DEVICE, buffer, offset: 1_000_000, data: payload });
    // A rejected write consumes its piece nevertheless.
    let start = client.worker.ring.write(&[1; 8]).unwrap();
    let refused = client.caught(|client| {
        let payload = Payload::Shared { start, len: 8 };
        client.push(WriteBuffer { device: DEVICE, buffer, offset: size, data: payload });
    });
    assert!(refused.is_some());
    let contents = client.map(buffer, MapMode::Read, size).unwrap();
    assert!(contents == data, "the buffer has other contents");
}

#[test]
fn mapped_contents_reach_the_buffer() {
    let mut client = Client::with_device();
    let (upload, read) = (BufferId(0), BufferId(1));
    let usage = BufferUsage::MAP_WRITE | BufferUsage::COPY_SRC;
    client.push(CreateBuffer { device: DEVICE, buffer: upload, label: "", size: 16, usage, mapped_at_creation: true });
    // Offsets of any alignment.
    client.push(WriteMapped { buffer: upload, offset: 3, data: Payload::Inline(&[7; 5]) });
    client.push(UnmapBuffer { buffer: upload });
    client.create_buffer(1, 16, BufferUsage::MAP_READ | BufferUsage::COPY_DST);
    let copy = |client: &mut Client| {
        client.submit(|client, encoder| {
            client.push(CopyBufferToBuffer {
                encoder,
                source: upload,
                source_offset: 0,
                destination: read,
                destination_offset: 0,
                size: Some(16),
            });
        });
    };
    copy(&mut client);
    assert_eq!(client.map(read, MapMode::Read, 16), Ok(vec![0, 0, 0, 7, 7, 7, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0]));
    client.push(UnmapBuffer { buffer: read });
    // A map for writing transfers the contents too.
    assert_eq!(client.map(upload, MapMode::Write, 8), Ok(vec![0, 0, 0, 7, 7, 7, 7, 7]));
    client.push(WriteMapped { buffer: upload, offset: 0, data: Payload::Inline(&[1; 8]) });
    client.push(UnmapBuffer { buffer: upload });
    copy(&mut client);
    let expected = [[1; 8], [0; 8]].concat();
    assert_eq!(client.map(read, MapMode::Read, 16), Ok(expected));
}

#[test]
fn maps_fail_as_specified() {
    let mut client = Client::with_device();
    let buffer = client.create_buffer(0, 16, BufferUsage::MAP_READ | BufferUsage::COPY_DST);
    // Wrong mode: an error in the scope and a failed map.
    let mut failed = None;
    let error = client.caught(|client| failed = Some(client.map(buffer, MapMode::Write, 16)));
    assert_eq!(failed, Some(Err(MapErrorKind::Operation)));
    assert!(error.is_some());
    // Out of range.
    let error = client.caught(|client| assert!(client.map(buffer, MapMode::Read, 32).is_err()));
    assert!(error.is_some());
    // Ended by an unmap, a destroy, a drop: at any progress of the GPU, there is exactly one reply.
    let ends: [fn(BufferId) -> Command<'static>; 3] = [
        |buffer| UnmapBuffer { buffer }.into(),
        |buffer| DestroyBuffer { buffer }.into(),
        |buffer| DropObject { object: Object::Buffer(buffer) }.into(),
    ];
    for (id, end) in (10..).zip(ends) {
        let buffer = client.create_buffer(id, 16, BufferUsage::MAP_READ | BufferUsage::COPY_DST);
        let request = client.request();
        client.push(MapBuffer { request, buffer, mode: MapMode::Read, offset: 0, size: 16 });
        client.push(end(buffer));
        let mut answers = 0;
        let last = client.request();
        client.push(OnSubmittedWorkDone { request: last, device: DEVICE });
        client.wait(|event| match event {
            Event::Mapped { request: of, result } if of == request => {
                answers += 1;
                assert!(result.is_ok() || result.is_err_and(|error| error.kind == MapErrorKind::Abort));
                None
            }
            Event::WorkDone { request: of } => (of == last).then_some(()),
            _ => None,
        });
        assert_eq!(answers, 1);
    }
    // A second request beside a pending one is rejected without a validation error.
    let invalid = client.create_buffer(1, 16, BufferUsage::MAP_READ | BufferUsage::MAP_WRITE);
    let error =
        client.caught(|client| assert_eq!(client.map(invalid, MapMode::Read, 16), Err(MapErrorKind::Operation)));
    assert!(error.is_some());
    assert!(client.map(buffer, MapMode::Read, 16).is_ok());
    let error = client.caught(|client| assert_eq!(client.map(buffer, MapMode::Read, 16), Err(MapErrorKind::Operation)));
    assert!(error.is_some_and(|error| error.message.contains("mapped already")));
}

#[test]
fn many_maps_and_unmaps_each_have_one_reply() {
    let mut client = Client::with_device();
    let buffer = client.create_buffer(0, 1 << 20, BufferUsage::MAP_READ | BufferUsage::COPY_DST);
    let rounds = 200;
    let (mut requests, mut answered) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let request = client.request();
        requests.push(request);
        let data = [round as u8; 4];
        client.push(WriteBuffer { device: DEVICE, buffer, offset: 0, data: Payload::Inline(&data) });
        client.push(MapBuffer { request, buffer, mode: MapMode::Read, offset: 0, size: 1 << 20 });
        if round % 3 == 0 {
            client.flush();
        }
        // Some have their reply before the unmap.
        if round % 7 == 0 {
            client.wait(|event| {
                let Event::Mapped { request: of, .. } = event else { return None };
                answered.push(of);
                (of == request).then_some(())
            });
        }
        client.push(UnmapBuffer { buffer });
    }
    let last = client.request();
    client.push(OnSubmittedWorkDone { request: last, device: DEVICE });
    client.wait(|event| match event {
        Event::Mapped { request, .. } => {
            answered.push(request);
            None
        }
        Event::WorkDone { request } => (request == last).then_some(()),
        _ => None,
    });
    assert_eq!(answered, requests);
}

#[test]
fn errors_go_to_the_innermost_matching_scope() {
    let mut client = Client::with_device();
    client.push(PushErrorScope { device: DEVICE, filter: ErrorFilter::Validation });
    client.push(PushErrorScope { device: DEVICE, filter: ErrorFilter::OutOfMemory });
    let usage = BufferUsage::MAP_READ | BufferUsage::MAP_WRITE;
    let buffer = BufferId(0);
    client.push(CreateBuffer { device: DEVICE, buffer, label: "mine", size: 4, usage, mapped_at_creation: false });
    assert_eq!(client.pop(), Ok(None));
    let error = client.pop().unwrap().unwrap();
    assert_eq!(error.kind, ErrorFilter::Validation);
    assert!(error.message.contains("createBuffer") && error.message.contains("mine"), "{}", error.message);
    assert_eq!(client.pop(), Err(()));
    // Without a scope it is uncaptured. The invalid buffer makes its users invalid.
    client.submit(|client, encoder| {
        client.push(CopyBufferToBuffer {
            encoder,
            source: buffer,
            source_offset: 0,
            destination: buffer,
            destination_offset: 0,
            size: None,
        });
    });
    for _ in ["finish", "submit"] {
        let error = client.wait(|event| match event {
            Event::Uncaptured { device: DEVICE, error } => Some(error),
            _ => None,
        });
        assert!(error.message.contains("mine") && error.message.contains("invalid"), "{}", error.message);
    }
}

#[test]
fn a_command_buffer_is_submitted_once() {
    let mut client = Client::with_device();
    let (encoder, command_buffer) = (CommandEncoderId(0), CommandBufferId(0));
    client.push(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
    client.push(FinishCommandEncoder { encoder, command_buffer, label: "" });
    let submit = |client: &mut Client| client.push(Submit { device: DEVICE, command_buffers: vec![command_buffer] });
    assert_eq!(client.caught(submit), None);
    assert!(client.caught(submit).is_some());
    let error = client.caught(|client| {
        client.push(FinishCommandEncoder { encoder, command_buffer: CommandBufferId(1), label: "" });
    });
    assert!(error.is_some());
}

#[test]
fn a_pass_that_never_ends_makes_its_encoder_fail() {
    let mut client = Client::with_device();
    let (encoder, pass) = (CommandEncoderId(0), ComputePassId(0));
    let error = client.caught(|client| {
        client.push(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
        client.push(BeginComputePass { encoder, pass, label: "", timestamp_writes: None });
        client.push(DispatchWorkgroups { pass, x: 1, y: 1, z: 1 });
        client.push(DropObject { object: Object::ComputePass(pass) });
        client.push(FinishCommandEncoder { encoder, command_buffer: CommandBufferId(0), label: "" });
    });
    assert!(error.is_some());
}

#[test]
fn shader_errors_have_lines_and_columns() {
    let mut client = Client::with_device();
    let info = |client: &mut Client, module, code| {
        let module = ShaderModuleId(module);
        let error = client.caught(|client| client.push(CreateShaderModule { device: DEVICE, module, label: "", code }));
        let request = client.request();
        client.push(GetCompilationInfo { request, module });
        let messages = client.wait(|event| match event {
            Event::CompilationInfo { request: of, messages } if of == request => Some(messages),
            _ => None,
        });
        (error, messages)
    };
    let (error, messages) = info(&mut client, 0, "// ü 𝄞\nfn f() {\n  /* 𝄞 */ let x = nowhere;\n}");
    assert!(error.is_some_and(|error| error.message.contains("nowhere")));
    let [message] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!((message.line_num, message.line_pos, message.length), (3, 20, 7), "{message:?}");
    assert_eq!(message.offset, 36, "{message:?}");
    assert!(message.message.contains("nowhere"), "{message:?}");
    let (error, messages) = info(&mut client, 1, "fn f() -> i32 { return 1u; }");
    assert!(error.is_some());
    assert_eq!(messages.first().map(|message| message.line_num), Some(1), "{messages:?}");
    assert_eq!(info(&mut client, 2, "fn f() {}"), (None, vec![]));
    // Arbitrary depth: an error, not the end of the process.
    let deep = format!("const x = {}1{};", "(".repeat(100_000), ")".repeat(100_000));
    let (error, _) = info(&mut client, 3, &deep);
    assert!(error.is_some());
}

#[test]
fn a_triangle_is_drawn_by_a_pass_and_by_a_bundle() {
    let mut client = Client::with_device();
    let (module, pipeline) = (ShaderModuleId(0), RenderPipelineId(0));
    let code = "@vertex fn vertex(@builtin(vertex_index) n: u32) -> @builtin(position) vec4f {
            let corners = array(vec2f(-1, -1), vec2f(3, -1), vec2f(-1, 3));
            return vec4f(corners[n], 0, 1);
        }
        @fragment fn fragment() -> @location(0) vec4f { return vec4f(0, 1, 0, 1); }";
    let format = TextureFormat::Rgba8unorm;
    client.push(CreateShaderModule { device: DEVICE, module, label: "", code });
    let target = ColorTargetState { format, blend: None, write_mask: ColorWrite::all() };
    client.push(CreateRenderPipeline {
        device: DEVICE,
        pipeline,
        request: None,
        label: "",
        layout: None,
        vertex: stage(module),
        vertex_buffers: vec![],
        primitive: PrimitiveState {
            topology: PrimitiveTopology::TriangleList,
            strip_index_format: None,
            front_face: FrontFace::Ccw,
            cull_mode: CullMode::None,
            unclipped_depth: false,
        },
        depth_stencil: None,
        multisample: MultisampleState { count: 1, mask: u32::MAX, alpha_to_coverage_enabled: false },
        fragment: Some(FragmentState { stage: stage(module), targets: vec![Some(target)] }),
    });
    let (texture, view) = (TextureId(0), TextureViewId(0));
    let size = Extent3d { width: 64, height: 2, depth_or_array_layers: 1 };
    client.push(CreateTexture {
        device: DEVICE,
        texture,
        label: "",
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: TextureDimension::D2,
        format,
        usage: TextureUsage::RENDER_ATTACHMENT | TextureUsage::COPY_SRC | TextureUsage::COPY_DST,
        view_formats: vec![],
    });
    client.push(CreateTextureView {
        texture,
        view,
        label: "",
        format: None,
        dimension: None,
        usage: None,
        aspect: TextureAspect::All,
        base_mip_level: 0,
        mip_level_count: None,
        base_array_layer: 0,
        array_layer_count: None,
    });
    let (bundle_encoder, bundle) = (RenderBundleEncoderId(0), RenderBundleId(0));
    client.push(CreateRenderBundleEncoder {
        device: DEVICE,
        encoder: bundle_encoder,
        label: "",
        color_formats: vec![Some(format)],
        depth_stencil_format: None,
        sample_count: 1,
        depth_read_only: false,
        stencil_read_only: false,
    });
    client.push(BundleSetPipeline { encoder: bundle_encoder, pipeline });
    let encoder = bundle_encoder;
    client.push(BundleDraw { encoder, vertex_count: 3, instance_count: 1, first_vertex: 0, first_instance: 0 });
    // A guest may drop bound objects; the ids then refer to other objects.
    let bound = client.create_buffer(9, 64, BufferUsage::VERTEX);
    client.push(BundleSetVertexBuffer { encoder, slot: 0, buffer: Some(bound), offset: 0, size: None });
    client.push(DropObject { object: Object::Buffer(bound) });
    client.push(DropObject { object: Object::RenderPipeline(pipeline) });
    client.create_buffer(9, 4, BufferUsage::COPY_DST);
    client.push(FinishRenderBundle { encoder: bundle_encoder, bundle, label: "" });
    let read = client.create_buffer(0, 512, BufferUsage::MAP_READ | BufferUsage::COPY_DST);
    let whole = TexelCopyTextureInfo { texture, mip_level: 0, origin: Origin3d::default(), aspect: TextureAspect::All };
    let layout = TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(256), rows_per_image: None };
    let draw = |client: &mut Client, bundles: Vec<RenderBundleId>| {
        client.submit(|client, encoder| {
            let pass = RenderPassId(0);
            client.push(BeginRenderPass {
                encoder,
                pass,
                label: "",
                color_attachments: vec![Some(ColorAttachment {
                    view,
                    depth_slice: None,
                    resolve_target: None,
                    clear_value: [1.0, 0.0, 0.0, 1.0],
                    load_op: LoadOp::Clear,
                    store_op: StoreOp::Store,
                })],
                depth_stencil_attachment: None,
                occlusion_query_set: None,
                timestamp_writes: None,
            });
            client.push(ExecuteBundles { pass, bundles });
            client.push(EndRenderPass { pass });
            client.push(DropObject { object: Object::RenderPass(pass) });
            let destination = TexelCopyBufferInfo { buffer: read, layout };
            client.push(CopyTextureToBuffer { encoder, source: whole, destination, size });
        });
        let contents = client.map(read, MapMode::Read, 512).unwrap();
        client.push(UnmapBuffer { buffer: read });
        contents
    };
    assert_eq!(draw(&mut client, vec![]), [255, 0, 0, 255].repeat(128));
    assert_eq!(draw(&mut client, vec![bundle]), [0, 255, 0, 255].repeat(128));
    // Written texels.
    let texels: Vec<u8> = (0..512).map(|n| n as u8).collect();
    client.push(WriteTexture { device: DEVICE, destination: whole, layout, size, data: Payload::Inline(&texels) });
    client.submit(|client, encoder| {
        let destination = TexelCopyBufferInfo { buffer: read, layout };
        client.push(CopyTextureToBuffer { encoder, source: whole, destination, size });
    });
    assert_eq!(client.map(read, MapMode::Read, 512).unwrap(), texels);
    assert_eq!(client.caught(|_| {}), None);
}

#[test]
fn a_destroyed_device_is_lost_and_silent() {
    let mut client = Client::with_device();
    let buffer = client.create_buffer(0, 16, BufferUsage::MAP_READ | BufferUsage::COPY_DST);
    let (map, work) = (client.request(), client.request());
    client.push(MapBuffer { request: map, buffer, mode: MapMode::Read, offset: 0, size: 16 });
    client.push(OnSubmittedWorkDone { request: work, device: DEVICE });
    client.push(DestroyDevice { device: DEVICE });
    client.push(DestroyDevice { device: DEVICE });
    let (mut mapped, mut done) = (None, false);
    client.wait(|event| match event {
        Event::Mapped { request, result } if request == map => {
            mapped = Some(result.map_err(|error| error.kind));
            None
        }
        Event::WorkDone { request } => {
            done |= request == work;
            None
        }
        Event::DeviceLost { device, reason, .. } => {
            assert_eq!((device, reason), (DEVICE, DeviceLostReason::Destroyed));
            Some(())
        }
        _ => None,
    });
    // Unless it was done before the destroy.
    assert!(matches!(mapped, Some(Ok(()) | Err(MapErrorKind::Abort))), "{mapped:?}");
    assert!(done);
    // Later requests raise no errors and have replies.
    client.push(PushErrorScope { device: DEVICE, filter: ErrorFilter::Validation });
    client.create_buffer(1, 16, BufferUsage::MAP_READ | BufferUsage::MAP_WRITE);
    client.submit(|_, _| {});
    assert_eq!(client.pop(), Ok(None));
    assert_eq!(client.map(buffer, MapMode::Read, 16), Err(MapErrorKind::Abort));
    let request = client.request();
    client.push(OnSubmittedWorkDone { request, device: DEVICE });
    client.wait(|event| match event {
        Event::WorkDone { request: of } => (of == request).then_some(()),
        Event::DeviceLost { .. } | Event::Uncaptured { .. } => panic!("{event:?}"),
        _ => None,
    });
}

/// wgpu looks a buffer up among those of the queue's device before it checks the owner, beyond the end of its table.
#[test]
fn a_queue_writes_to_no_buffer_of_another_device() {
    for selector in [AdapterSelector::Noop, AdapterSelector::Any] {
        let mut client = Client::start();
        client.request_adapter(selector).expect("an adapter");
        client.request_device();
        let (request, adapter, device) = (client.request(), AdapterId(0), DeviceId(1));
        let (required_features, required_limits) = (vec![], vec![]);
        client.push(RequestDevice { request, adapter, device, label: "", required_features, required_limits });
        // A buffer of the other device, with an index beyond this device's table.
        let buffers = (0..5000).map(|id| client.create_buffer(id, 64, BufferUsage::COPY_DST));
        let buffer = buffers.last().unwrap();
        for len in [64, 4, 0] {
            let scope = PushErrorScope { device, filter: ErrorFilter::Validation };
            client.push(scope);
            client.push(WriteBuffer { device, buffer, offset: 0, data: Payload::Inline(&[0; 64][..len]) });
            let request = client.request();
            client.push(PopErrorScope { request, device });
            let caught = client.wait(|event| match event {
                Event::ScopePopped { request: of, result } if of == request => Some(result),
                _ => None,
            });
            let message = caught.unwrap().expect("an error").message;
            assert!(message.contains("doesn't match"), "{message}");
        }
        // Its own device's queue still accepts it.
        let own = client.caught(|client| {
            client.push(WriteBuffer { device: DEVICE, buffer, offset: 0, data: Payload::Inline(&[0; 64]) });
        });
        assert_eq!(own, None);
    }
}

#[test]
fn breaches_of_the_protocol_end_the_session() {
    type Breach = fn(&mut Client);
    let breaches: [(Breach, &str); 6] = [
        (
            |client| {
                client.create_buffer(3, 4, BufferUsage::COPY_DST);
                client.create_buffer(3, 4, BufferUsage::COPY_DST);
            },
            "(CreateBuffer): Buffer 3 is alive already",
        ),
        (|client| client.push(UnmapBuffer { buffer: BufferId(5) }), "(UnmapBuffer): Buffer 5 is not alive"),
        (|client| _ = client.create_buffer(u32::MAX, 4, BufferUsage::COPY_DST), "is above the 1048576 objects"),
        (
            |client| {
                let buffer = client.create_buffer(0, 4, BufferUsage::COPY_DST);
                client.push(WriteMapped { buffer, offset: 0, data: Payload::Inline(&[0]) });
            },
            "do not lie in a range of buffer 0 that is mapped for writing",
        ),
        (|client| client.push(Stage { data: Payload::Shared { start: 9, len: 1 } }), "does not lie in the ring"),
        (|client| client.push(Stage { data: Payload::Staged { len: 1 } }), "staged"),
    ];
    for (breach, reason) in breaches {
        let mut client = Client::with_device();
        breach(&mut client);
        let said = client.closed();
        assert!(said.contains(reason), "{said}");
        assert_eq!(client.worker.exit().code(), Some(1));
    }
}

#[test]
fn a_malformed_batch_ends_the_session() {
    for (batch, reason) in [(vec![0; 3], "header"), (vec![9; 16], "batch"), (vec![], "header")] {
        let mut client = Client::start();
        client.worker.batches.send(&batch).unwrap();
        let said = client.expect(|event| match event {
            Event::Closed { reason } => Some(reason),
            _ => None,
        });
        assert!(said.contains(reason), "{said}");
        assert_eq!(client.worker.exit().code(), Some(1));
    }
}

#[test]
fn the_end_of_standard_input_ends_the_worker() {
    let mut client = Client::with_device();
    drop(client.worker.link.take());
    assert_eq!(client.worker.exit().code(), Some(0));
}

#[test]
fn a_hung_gpu_does_not_keep_the_worker_alive() {
    let mut client = Client::with_device();
    let (module, pipeline) = (ShaderModuleId(0), ComputePipelineId(0));
    let code = "@group(0) @binding(0) var<storage, read_write> n: atomic<u32>;
        @compute @workgroup_size(1) fn main() { loop { if atomicAdd(&n, 1u) == 0xfffffff0u { break; } } }";
    client.push(CreateShaderModule { device: DEVICE, module, label: "", code });
    let compute = stage(module);
    client.push(CreateComputePipeline { device: DEVICE, pipeline, request: None, label: "", layout: None, compute });
    let buffer = client.create_buffer(0, 4, BufferUsage::STORAGE | BufferUsage::COPY_SRC);
    let (layout, bind_group) = (BindGroupLayoutId(0), BindGroupId(0));
    client.push(GetBindGroupLayout { pipeline: PipelineId::Compute(pipeline), index: 0, layout });
    let resource = BindingResource::Buffer { buffer, offset: 0, size: None };
    let entries = vec![BindGroupEntry { binding: 0, resource }];
    client.push(CreateBindGroup { device: DEVICE, bind_group, label: "", layout, entries });
    let encoder = CommandEncoderId(0);
    let pass = ComputePassId(0);
    client.push(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
    client.push(BeginComputePass { encoder, pass, label: "", timestamp_writes: None });
    client.push(ComputePassSetPipeline { pass, pipeline });
    client.push(ComputePassSetBindGroup { pass, index: 0, bind_group: Some(bind_group), dynamic_offsets: vec![] });
    // llvmpipe aborts a loop after 65535 iterations, hence the many workgroups.
    client.push(DispatchWorkgroups { pass, x: 65535, y: 65535, z: 1 });
    client.push(EndComputePass { pass });
    client.push(FinishCommandEncoder { encoder, command_buffer: CommandBufferId(0), label: "" });
    client.push(Submit { device: DEVICE, command_buffers: vec![CommandBufferId(0)] });
    let request = client.request();
    client.push(OnSubmittedWorkDone { request, device: DEVICE });
    // A destroy does not block on the thread that waits for the GPU, and later requests have their replies before that.
    client.push(DestroyBuffer { buffer });
    client.push(PushErrorScope { device: DEVICE, filter: ErrorFilter::Validation });
    let popped = client.request();
    client.push(PopErrorScope { request: popped, device: DEVICE });
    let first = client.wait(|event| match event {
        Event::ScopePopped { request, result } if request == popped => Some(Some(result)),
        Event::WorkDone { .. } | Event::DeviceLost { .. } => Some(None),
        _ => None,
    });
    assert_eq!(first, Some(Ok(None)), "the GPU's work is over before it");
    drop(client.worker.link.take());
    assert_eq!(client.worker.exit().code(), Some(0));
}

#[test]
fn a_worker_started_by_hand_exits_with_a_message() {
    let output = Process::new(PROGRAM).arg("worker").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8(output.stderr).unwrap().contains("airlock run"));
}
