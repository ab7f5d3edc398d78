//! Quotas: exceeding one is an error in the guest or the end of its session, and freed objects return their share.
//!
//! Most sessions use the noop backend, which needs no driver; the tests of a driver's counters need an adapter. On a
//! machine without a GPU, lavapipe provides one (Debian and Ubuntu: mesa-vulkan-drivers).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

mod limited;

use airlock_protocol::{
    Event, Payload,
    commands::{
        binding::{BindGroupEntry, BindGroupLayoutEntry, BindingResource, CreateBindGroup, CreateBindGroupLayout},
        buffer::{BufferUsage, CreateBuffer, DestroyBuffer, UnmapBuffer, WriteMapped},
        command_encoder::CreateCommandEncoder,
        error::ErrorFilter,
        query_set::{CreateQuerySet, DestroyQuerySet, QueryType},
        queue::{Submit, WriteBuffer, WriteTexture},
        render_bundle::CreateRenderBundleEncoder,
        session::{DropObject, Stage},
        shader::{CreateShaderModule, GetCompilationInfo},
        texture::{
            CreateTexture, DestroyTexture, Extent3d, Origin3d, TexelCopyBufferLayout, TexelCopyTextureInfo,
            TextureAspect, TextureDimension, TextureFormat, TextureUsage,
        },
    },
    ids::{
        BindGroupId, BindGroupLayoutId, BufferId, CommandEncoderId, DeviceId, Object, QuerySetId,
        RenderBundleEncoderId, ShaderModuleId, TextureId,
    },
};
use gpu_daemon::status::End;
use limited::{Client, DEVICE};

const KIB: u64 = 1 << 10;

impl Client {
    /// The error of creating a buffer of this size.
    fn buffer(&mut self, id: u32, size: u64) -> Option<String> {
        self.out_of_memory(|client| {
            client.create_buffer(id, size, BufferUsage::COPY_DST | BufferUsage::STORAGE);
        })
    }

    fn texture(&mut self, id: u32, width: u32, height: u32) -> Option<String> {
        self.out_of_memory(|client| {
            client.push(CreateTexture {
                device: DEVICE,
                texture: TextureId(id),
                label: "mine",
                size: Extent3d { width, height, depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count: 1,
                dimension: TextureDimension::D2,
                format: TextureFormat::Rgba8unorm,
                usage: TextureUsage::COPY_DST | TextureUsage::TEXTURE_BINDING,
                view_formats: vec![],
            });
        })
    }

    fn drop_object(&mut self, object: impl Into<Object>) {
        self.push(DropObject { object: object.into() });
    }

    fn validation(&mut self, commands: impl FnOnce(&mut Self)) -> Option<String> {
        self.caught(ErrorFilter::Validation, commands).map(|error| error.message)
    }
}

fn says(error: Option<String>, texts: &[&str]) {
    let error = error.expect("an error");
    for text in texts {
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn gpu_memory_is_bounded_and_comes_back() {
    let mut client = Client::noop(&["--max-gpu-memory=100K", "--max-texture-memory=50K"]);
    assert_eq!(client.buffer(0, 60 * KIB), None);
    says(client.buffer(1, 60 * KIB), &["createBuffer", "60.0 KiB", "100.0 KiB", "--max-gpu-memory"]);
    // The buffer is invalid: its use is an error, and its end returns no quota.
    let data = Payload::Inline(&[0; 4]);
    let write = |client: &mut Client, id| {
        client.validation(|client| client.push(WriteBuffer { device: DEVICE, buffer: BufferId(id), offset: 0, data }))
    };
    assert!(write(&mut client, 1).is_some());
    assert_eq!(write(&mut client, 0), None);
    client.drop_object(Object::Buffer(BufferId(1)));
    assert!(client.buffer(1, 60 * KIB).is_some());
    // Destroyed and then dropped, it returns its quota once.
    client.push(DestroyBuffer { buffer: BufferId(0) });
    assert_eq!(client.buffer(2, 60 * KIB), None);
    client.push(DestroyBuffer { buffer: BufferId(0) });
    client.drop_object(Object::Buffer(BufferId(0)));
    assert!(client.buffer(3, 60 * KIB).is_some());
    assert_eq!(client.buffer(4, 40 * KIB), None);
    client.status_when(|status| status.quota_hits == 3 && status.gpu_memory == 100 * KIB);
    // A size beyond any device's limit is a validation error.
    says(
        client.validation(|client| {
            client.create_buffer(5, 1 << 50, BufferUsage::COPY_DST);
        }),
        &["createBuffer"],
    );
}

#[test]
fn texture_memory_is_bounded_and_comes_back() {
    let mut client = Client::noop(&["--max-gpu-memory=100K", "--max-texture-memory=50K"]);
    assert_eq!(client.texture(0, 100, 100), None);
    says(client.texture(1, 64, 64), &["createTexture", "'mine'", "16.0 KiB", "39.1 KiB", "--max-texture-memory"]);
    client.push(DestroyTexture { texture: TextureId(0) });
    assert_eq!(client.texture(2, 64, 64), None);
    client.drop_object(Object::Texture(TextureId(2)));
    assert_eq!(client.texture(2, 100, 100), None);
    // Both kinds count towards the whole.
    assert_eq!(client.buffer(0, 60 * KIB), None);
    says(client.texture(3, 32, 32), &["--max-gpu-memory"]);
    says(
        client.validation(|client| {
            client.texture(4, u32::MAX, u32::MAX);
        }),
        &["createTexture"],
    );
}

#[test]
fn query_sets_are_gpu_memory() {
    let mut client = Client::noop(&["--max-gpu-memory=1K"]);
    let set = |client: &mut Client, id| {
        let (query_set, ty, count) = (QuerySetId(id), QueryType::Occlusion, 100);
        client.out_of_memory(|client| client.push(CreateQuerySet { device: DEVICE, query_set, label: "", ty, count }))
    };
    assert_eq!(set(&mut client, 0), None);
    says(set(&mut client, 1), &["createQuerySet", "--max-gpu-memory"]);
    client.push(DestroyQuerySet { query_set: QuerySetId(0) });
    assert_eq!(set(&mut client, 2), None);
}

#[test]
fn a_buffer_mapped_at_creation_counts_twice_until_its_unmap() {
    let mut client = Client::noop(&["--max-gpu-memory=100K"]);
    let mapped = |client: &mut Client, id, usage| {
        let (buffer, mapped_at_creation, size) = (BufferId(id), true, 60 * KIB);
        client.out_of_memory(|client| {
            client.push(CreateBuffer { device: DEVICE, buffer, label: "", size, usage, mapped_at_creation });
        })
    };
    says(mapped(&mut client, 0, BufferUsage::STORAGE), &["--max-gpu-memory"]);
    // It is mapped and writable nevertheless.
    client.push(WriteMapped { buffer: BufferId(0), offset: 4, data: Payload::Inline(&[1; 8]) });
    client.push(UnmapBuffer { buffer: BufferId(0) });
    assert_eq!(mapped(&mut client, 1, BufferUsage::MAP_WRITE | BufferUsage::COPY_SRC), None);
    client.drop_object(Object::Buffer(BufferId(1)));
    assert_eq!(client.buffer(2, 40 * KIB), None);
    client.push(DestroyBuffer { buffer: BufferId(2) });
    let mut client = Client::noop(&["--max-gpu-memory=130K"]);
    assert_eq!(mapped(&mut client, 0, BufferUsage::STORAGE), None);
    assert!(client.buffer(1, 60 * KIB).is_some());
    client.push(UnmapBuffer { buffer: BufferId(0) });
    assert_eq!(client.buffer(2, 60 * KIB), None);
}

#[test]
fn memory_kept_alive_by_wgpu_counts() {
    // Only a driver's counters include it.
    let mut client = Client::real(&["--max-gpu-memory=64M"]);
    let (layout, size) = (BindGroupLayoutId(0), 24 << 20);
    let entries = vec![storage_entry()];
    client.push(CreateBindGroupLayout { device: DEVICE, layout, label: "", entries });
    let bind = |client: &mut Client, id: u32| {
        let error = client.buffer(id, size);
        let resource = BindingResource::Buffer { buffer: BufferId(id), offset: 0, size: None };
        let entries = vec![BindGroupEntry { binding: 0, resource }];
        client.push(CreateBindGroup { device: DEVICE, bind_group: BindGroupId(id), label: "", layout, entries });
        client.drop_object(Object::Buffer(BufferId(id)));
        error
    };
    assert_eq!((bind(&mut client, 0), bind(&mut client, 1)), (None, None));
    says(bind(&mut client, 2), &["createBuffer", "--max-gpu-memory"]);
    client.drop_object(Object::BindGroup(BindGroupId(0)));
    assert_eq!(client.buffer(3, size), None);
}

#[test]
fn memory_that_is_in_use_is_waited_for() {
    let mut client = Client::real(&["--max-gpu-memory=64M"]);
    let data = [7; 4];
    // Each is still in use by the GPU, with staging memory, when the next is created.
    for id in 0..20 {
        assert_eq!(client.buffer(id, 40 << 20), None, "buffer {id}");
        client.push(WriteBuffer { device: DEVICE, buffer: BufferId(id), offset: 0, data: Payload::Inline(&data) });
        client.push(Submit { device: DEVICE, command_buffers: vec![] });
        client.push(DestroyBuffer { buffer: BufferId(id) });
    }
    client.work_done();
}

fn storage_entry() -> BindGroupLayoutEntry {
    use airlock_protocol::commands::binding::{BindingType, BufferBindingType, ShaderStage};
    BindGroupLayoutEntry {
        binding: 0,
        visibility: ShaderStage::COMPUTE,
        ty: BindingType::Buffer { ty: BufferBindingType::Storage, has_dynamic_offset: false, min_binding_size: 0 },
    }
}

#[test]
fn objects_of_a_kind_are_bounded() {
    let mut client = Client::noop(&["--max-objects=3"]);
    for id in 0..3 {
        assert_eq!(client.buffer(id, 4), None);
        assert_eq!(client.texture(id, 1, 1), None);
    }
    says(client.buffer(3, 4), &["3 Buffer objects", "--max-objects"]);
    says(client.texture(3, 1, 1), &["3 Texture objects", "--max-objects"]);
    let module = |client: &mut Client, id| {
        let module = ShaderModuleId(id);
        client.out_of_memory(|client| client.push(CreateShaderModule { device: DEVICE, module, label: "", code: "" }))
    };
    for id in 0..3 {
        assert_eq!(module(&mut client, id), None);
    }
    says(module(&mut client, 3), &["3 ShaderModule objects"]);
    // Four handles: three buffers and an invalid one.
    client.drop_object(Object::Buffer(BufferId(0)));
    assert!(client.buffer(4, 4).is_some());
    client.drop_object(Object::Buffer(BufferId(3)));
    client.drop_object(Object::Buffer(BufferId(4)));
    assert_eq!(client.buffer(0, 4), None);
    // The error of a device is in the reply, not raised.
    assert!(client.request_device(DeviceId(1)).is_ok() && client.request_device(DeviceId(2)).is_ok());
    let error = client.request_device(DeviceId(3)).unwrap_err();
    assert!(error.message.contains("3 Device objects"), "{error:?}");
}

#[test]
fn a_kind_without_invalid_objects_ends_the_session() {
    let mut bystander = Client::noop(&["--max-objects=3"]);
    let mut client = Client::noop(&["--max-objects=3"]);
    for id in 0..4 {
        client.push(CreateCommandEncoder { device: DEVICE, encoder: CommandEncoderId(id), label: "" });
    }
    client.flush();
    let loss = client.loss();
    for text in [&loss.closed, &loss.lost[0]] {
        assert!(text.contains("3 CommandEncoder objects") && text.contains("--max-objects"), "{loss:?}");
    }
    assert_eq!((client.exit(), client.end(), client.status().quota_hits), (Some(1), Some(End::Quota), 1));
    assert_eq!(bystander.buffer(0, 4), None);
}

#[test]
fn shader_source_is_bounded() {
    let mut client = Client::noop(&["--max-shader-source=100"]);
    let code = |length: usize| format!("//{}", "x".repeat(length - 2));
    let create = |client: &mut Client, id, code: &str| {
        let module = ShaderModuleId(id);
        client.validation(|client| client.push(CreateShaderModule { device: DEVICE, module, label: "", code }))
    };
    assert_eq!(create(&mut client, 0, &code(100)), None);
    says(create(&mut client, 1, &code(101)), &["createShaderModule", "101 B", "100 B", "--max-shader-source"]);
    let request = client.request();
    client.push(GetCompilationInfo { request, module: ShaderModuleId(1) });
    let messages = client.wait(|event| match event {
        Event::CompilationInfo { request: of, messages } if of == request => Some(messages),
        _ => None,
    });
    assert!(messages[0].message.contains("--max-shader-source"), "{messages:?}");
    assert_eq!(client.status_when(|status| status.quota_hits > 0).quota_hits, 1);
}

#[test]
fn a_source_that_would_overflow_a_stack_is_refused() {
    let mut client = Client::noop(&[]);
    let create = |client: &mut Client, id, chain: &str, length: usize| {
        let code = format!("fn f(a: u32) -> u32 {{ return {}a; }}", chain.repeat(length));
        let module = ShaderModuleId(id);
        client.validation(|client| client.push(CreateShaderModule { device: DEVICE, module, label: "", code: &code }))
    };
    for (id, chain) in ["a+", "~", "a*"].into_iter().enumerate() {
        let id = id as u32 * 2;
        // The compiler handles a source just within the bound.
        assert_eq!(create(&mut client, id, chain, 2_000), None, "{chain}");
        says(create(&mut client, id + 1, chain, 1_000_000), &["createShaderModule", "within one another"]);
    }
    assert_eq!(client.buffer(0, 4), None);
}

#[test]
fn a_write_above_what_may_be_in_flight_writes_nothing() {
    let mut client = Client::noop(&["--max-in-flight=64K"]);
    assert_eq!(client.buffer(0, 1 << 20), None);
    let piece = vec![1; 40 << 10];
    let write = |client: &mut Client, len| {
        let data = Payload::Staged { len };
        client.out_of_memory(|client| client.push(WriteBuffer { device: DEVICE, buffer: BufferId(0), offset: 0, data }))
    };
    client.push(Stage { data: Payload::Inline(&piece) });
    assert_eq!(write(&mut client, 40 << 10), None);
    // Pieces of both kinds; their credit is returned.
    client.push(Stage { data: Payload::Inline(&piece) });
    let start = client.ring.write(&piece).unwrap();
    client.push(Stage { data: Payload::Shared { start, len: 40 << 10 } });
    says(write(&mut client, 80 << 10), &["writeBuffer", "80.0 KiB", "64.0 KiB", "--max-in-flight"]);
    // The session continues as if nothing had been staged.
    client.push(Stage { data: Payload::Inline(&piece) });
    assert_eq!(write(&mut client, 40 << 10), None);
    let start = client.ring.write(&vec![1; 80 << 10]).unwrap();
    let data = Payload::Shared { start, len: 80 << 10 };
    let error = client
        .out_of_memory(|client| client.push(WriteBuffer { device: DEVICE, buffer: BufferId(0), offset: 0, data }));
    says(error, &["--max-in-flight"]);
}

#[test]
fn narrow_rows_count_as_they_are_staged() {
    let mut client = Client::noop(&["--max-in-flight=64K"]);
    assert_eq!(client.texture(0, 1, 1000), None);
    let error = client.out_of_memory(|client| {
        client.push(WriteTexture {
            device: DEVICE,
            destination: TexelCopyTextureInfo {
                texture: TextureId(0),
                mip_level: 0,
                origin: Origin3d { x: 0, y: 0, z: 0 },
                aspect: TextureAspect::All,
            },
            data: Payload::Inline(&[0; 4000]),
            layout: TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4), rows_per_image: None },
            size: Extent3d { width: 1, height: 1000, depth_or_array_layers: 1 },
        });
    });
    says(error, &["writeTexture", "250.0 KiB", "--max-in-flight"]);
}

#[test]
fn writes_wait_for_earlier_ones() {
    let mut client = Client::real(&["--max-in-flight=1M"]);
    let usage = BufferUsage::MAP_READ | BufferUsage::COPY_DST;
    let buffer = client.create_buffer(0, 64 * KIB, usage);
    let mut contents = vec![0; 64 << 10];
    // The client never submits: the worker does.
    for n in 0..100 {
        contents.fill(n);
        let start = loop {
            match client.ring.write(&contents) {
                Some(start) => break start,
                None => client.wait(|event| matches!(event, Event::Credit { .. }).then_some(())),
            }
        };
        let data = Payload::Shared { start, len: 64 << 10 };
        client.push(WriteBuffer { device: DEVICE, buffer, offset: 0, data });
    }
    assert!(client.map(buffer, 64 * KIB).unwrap() == contents, "the last write is the last");
    assert!(client.status_when(|status| status.throttled > 5).throttled < 20);
}

#[test]
fn submits_wait_for_earlier_ones() {
    let mut client = Client::real(&["--max-queue-depth=1"]);
    let buffer = client.create_buffer(0, 4, BufferUsage::MAP_READ | BufferUsage::COPY_DST);
    for n in 0..100_u32 {
        let data = Payload::Inline(&n.to_le_bytes());
        client.push(WriteBuffer { device: DEVICE, buffer, offset: 0, data });
        client.push(Submit { device: DEVICE, command_buffers: vec![] });
    }
    assert_eq!(client.map(buffer, 4).unwrap(), [99, 0, 0, 0]);
    let status = client.status_when(|status| status.submits == 100);
    assert!(status.throttled > 50, "{status:?}");
}

#[test]
fn the_memory_of_the_process_is_bounded() {
    let mut client = Client::noop(&["--max-memory=200M"]);
    // An endless bundle; only the bound on the process's memory applies.
    let encoder = RenderBundleEncoderId(0);
    client.push(CreateRenderBundleEncoder {
        device: DEVICE,
        encoder,
        label: "",
        color_formats: vec![Some(TextureFormat::Rgba8unorm)],
        depth_stencil_format: None,
        sample_count: 1,
        depth_read_only: false,
        stencil_read_only: false,
    });
    let draw = airlock_protocol::commands::render_bundle::BundleDraw {
        encoder,
        vertex_count: 3,
        instance_count: 1,
        first_vertex: 0,
        first_instance: 0,
    };
    while client.process.try_wait().unwrap().is_none() {
        // Short batches: ipc-channel's sender would block for ever in the middle of a long one.
        for _ in 0..2000 {
            client.push(draw);
        }
        client.flush();
    }
    let loss = client.loss();
    assert!(loss.lost[0].contains("--max-memory") && loss.closed == loss.lost[0], "{loss:?}");
    assert_eq!(client.end(), Some(End::Quota));
}
