//! Writes whose data the GPU copies out of the shared ring, beside those whose data the worker copies first.
//!
//! The tests need an adapter. On a machine without a GPU, lavapipe provides one, whose driver imports the ring.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::process::{Command, Stdio};

use airlock_protocol::{
    Event, Payload,
    codec::{BatchWriter, decode_event},
    commands::{
        binding::{BindGroupEntry, BindingResource, CreateBindGroup},
        buffer::{BufferUsage, DestroyBuffer, MapMode, UnmapBuffer},
        command_encoder::CopyBufferToBuffer,
        compute_pass::{
            BeginComputePass, ComputePassSetBindGroup, ComputePassSetPipeline, DispatchWorkgroups, EndComputePass,
        },
        instance::AdapterSelector,
        pipeline::{CreateComputePipeline, GetBindGroupLayout, PipelineId},
        queue::{OnSubmittedWorkDone, WriteBuffer, WriteTexture},
        session::Stage,
        shader::CreateShaderModule,
        texture::{
            CreateTexture, Extent3d, Origin3d, TexelCopyBufferLayout, TexelCopyTextureInfo, TextureAspect,
            TextureDimension, TextureFormat, TextureUsage,
        },
    },
    ids::{BindGroupId, BindGroupLayoutId, BufferId, ComputePassId, ComputePipelineId, ShaderModuleId, TextureId},
    limits::{MAX_PIECE, RING_SIZE},
};
use common::{
    PATIENCE, PROGRAM, Worker,
    client::{Client, DEVICE, stage},
};

const SIZE: usize = 1 << 20;
const MEMORY: BufferUsage = BufferUsage::MAP_READ.union(BufferUsage::COPY_DST);

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

impl Client {
    /// Puts data into the ring, and waits for room.
    fn share(&mut self, data: &[u8]) -> Payload<'static> {
        loop {
            if let Some(start) = self.worker.ring.write(data) {
                return Payload::Shared { start, len: data.len() as u32 };
            }
            self.wait(|event| matches!(event, Event::Credit { .. }).then_some(()));
        }
    }

    fn write(&mut self, buffer: BufferId, offset: usize, data: Payload<'_>) {
        self.push(WriteBuffer { device: DEVICE, buffer, offset: offset as u64, data });
    }

    fn work_done(&mut self) {
        let request = self.request();
        self.push(OnSubmittedWorkDone { request, device: DEVICE });
        self.wait(|event| matches!(event, Event::WorkDone { request: of } if of == request).then_some(()));
    }
}

/// `gpu-daemon jail` imports a ring as a session does.
fn uploads(arguments: &[&str]) -> Vec<serde_json::Value> {
    let output = Command::new(PROGRAM).args(["jail", "--json"]).args(arguments).stderr(Stdio::null()).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    report["uploads"].as_array().unwrap().clone()
}

/// True where the first adapter, which the tests use, imports the ring.
fn is_imported() -> bool {
    uploads(&[]).first().is_some_and(|upload| upload["imported"].as_bool().unwrap())
}

#[test]
fn a_software_adapter_imports_the_ring_in_the_jail() {
    let uploads = uploads(&[]);
    assert!(!uploads.is_empty(), "no adapter");
    for upload in uploads {
        let imported = upload["imported"].as_bool().unwrap();
        assert_eq!(imported, upload["why"].is_null(), "{upload}");
        if upload["adapter"].as_str().unwrap().contains("llvmpipe") {
            assert!(imported, "{upload}");
        }
    }
}

#[test]
fn writes_take_effect_in_their_order_by_whichever_way_the_data_goes() {
    for seed in 0..8 {
        let mut client = Client::with_device();
        let mut random = Random(seed);
        let buffers = [BufferUsage::COPY_SRC | BufferUsage::COPY_DST, MEMORY];
        let [source, read] = [0, 1].map(|id| client.create_buffer(id, SIZE as u64, buffers[id as usize]));
        let mut model = vec![vec![0_u8; SIZE]; 2];
        for step in 0..400 {
            let len = [4, 600, 1024, 4096, 64 << 10, 300_000][random.below(6)] + 4 * random.below(64);
            let offset = 4 * random.below((SIZE - len) / 4);
            let of = random.below(2);
            let buffer = [source, read][of];
            let data = vec![step as u8 | 1; len];
            match random.below(8) {
                0 => {
                    let short = &data[..len.min(800)];
                    client.write(buffer, offset, Payload::Inline(short));
                    model[of][offset..offset + short.len()].copy_from_slice(short);
                    continue;
                }
                // In two pieces, of any lengths.
                1 => {
                    let (first, second) = data.split_at(random.below(len));
                    for piece in [first, second] {
                        let data = client.share(piece);
                        client.push(Stage { data });
                    }
                    client.write(buffer, offset, Payload::Staged { len: len as u64 });
                }
                2 => {
                    client.submit(|client, encoder| {
                        client.push(CopyBufferToBuffer {
                            encoder,
                            source,
                            source_offset: offset as u64,
                            destination: read,
                            destination_offset: offset as u64,
                            size: Some(len as u64),
                        });
                    });
                    let copied = model[0][offset..offset + len].to_vec();
                    model[1][offset..offset + len].copy_from_slice(&copied);
                    continue;
                }
                3 if random.below(4) == 0 => {
                    let contents = client.map(read, MapMode::Read, SIZE as u64).unwrap();
                    assert!(contents == model[1], "seed {seed}, step {step}");
                    client.push(UnmapBuffer { buffer: read });
                    continue;
                }
                // Refused, and the next pieces start at any address.
                4 if random.below(4) == 0 => {
                    let odd = client.share(&data[..3]);
                    assert!(client.caught(|client| client.write(buffer, offset, odd)).is_some());
                    continue;
                }
                _ => {
                    let data = client.share(&data);
                    client.write(buffer, offset, data);
                }
            }
            model[of][offset..offset + len].copy_from_slice(&data);
        }
        let contents = client.map(read, MapMode::Read, SIZE as u64).unwrap();
        assert!(contents == model[1], "seed {seed}");
    }
}

#[test]
fn the_ring_is_used_again_and_again() {
    let mut client = Client::with_device();
    let buffer = client.create_buffer(0, MAX_PIECE.into(), MEMORY);
    // Without any other command, and with pieces of other kinds in between.
    let texture = TextureId(0);
    client.push(CreateTexture {
        device: DEVICE,
        texture,
        label: "",
        size: Extent3d { width: 1024, height: 1024, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: TextureDimension::D2,
        format: TextureFormat::R8unorm,
        usage: TextureUsage::COPY_DST,
        view_formats: vec![],
    });
    let mut data = vec![0; MAX_PIECE as usize];
    for round in 0..60_u8 {
        data.fill(round);
        let shared = client.share(&data);
        client.write(buffer, 0, shared);
        client.flush();
        if round > 30 {
            let data = client.share(&data[..1024 * 1024]);
            let destination = TexelCopyTextureInfo {
                texture,
                mip_level: 0,
                origin: Origin3d { x: 0, y: 0, z: 0 },
                aspect: TextureAspect::All,
            };
            let layout = TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(1024), rows_per_image: None };
            let size = Extent3d { width: 1024, height: 1024, depth_or_array_layers: 1 };
            client.push(WriteTexture { device: DEVICE, destination, data, layout, size });
        }
    }
    assert!(client.map(buffer, MapMode::Read, MAX_PIECE.into()).unwrap() == data);
}

#[test]
fn a_write_is_done_although_its_buffer_is_destroyed_or_a_submit_is_invalid() {
    let mut client = Client::with_device();
    let piece = vec![7; 64 << 10];
    let (gone, read) = (client.create_buffer(0, SIZE as u64, MEMORY), client.create_buffer(1, SIZE as u64, MEMORY));
    let none = client.caught(|client| {
        for buffer in [gone, read] {
            let data = client.share(&piece);
            client.write(buffer, 0, data);
        }
        client.push(DestroyBuffer { buffer: gone });
        client.work_done();
    });
    assert_eq!(none, None);
    let error = client.caught(|client| {
        let data = client.share(&piece);
        client.write(read, 128 << 10, data);
        client.submit(|client, encoder| {
            client.push(CopyBufferToBuffer {
                encoder,
                source: gone,
                source_offset: 0,
                destination: read,
                destination_offset: 0,
                size: Some(4),
            });
        });
    });
    assert!(error.is_some(), "a copy between two buffers that cannot be copied from");
    // Writes that are refused use up their data and write nothing.
    for (buffer, offset) in [(gone, 0), (read, SIZE - 4), (read, 2)] {
        let error = client.caught(|client| {
            let data = client.share(&piece);
            client.write(buffer, offset, data);
        });
        assert!(error.is_some(), "{offset}");
    }
    let contents = client.map(read, MapMode::Read, SIZE as u64).unwrap();
    let written = |at: usize| contents[at..at + piece.len()] == piece;
    assert!(written(0) && written(128 << 10));
    assert!(contents[64 << 10..128 << 10].iter().chain(&contents[192 << 10..]).all(|&byte| byte == 0));
}

#[test]
fn room_that_the_gpu_may_still_read_is_not_given_back() {
    const ENDLESS: &str = "
        @group(0) @binding(0) var<storage, read_write> words: array<atomic<u32>>;
        @compute @workgroup_size(1) fn main() {
            loop { if (atomicLoad(&words[0]) == 1u) { break; } }
            atomicStore(&words[1], 1u);
        }";
    if !is_imported() {
        return;
    }
    let worker = Worker::start(&["--gpu-timeout=1"]);
    let mut client = Client { worker, writer: BatchWriter::default(), requests: 0, adapter: String::new() };
    client.expect(|event| matches!(event, Event::Welcome).then_some(()));
    client.request_adapter(AdapterSelector::Any).unwrap();
    client.request_device();
    let (module, pipeline) = (ShaderModuleId(0), ComputePipelineId(0));
    client.push(CreateShaderModule { device: DEVICE, module, label: "", code: ENDLESS });
    let compute = stage(module);
    client.push(CreateComputePipeline { device: DEVICE, pipeline, request: None, label: "", layout: None, compute });
    let (layout, bind_group) = (BindGroupLayoutId(0), BindGroupId(0));
    client.push(GetBindGroupLayout { pipeline: PipelineId::Compute(pipeline), index: 0, layout });
    let words = client.create_buffer(0, 16, BufferUsage::STORAGE);
    let resource = BindingResource::Buffer { buffer: words, offset: 0, size: None };
    let entries = vec![BindGroupEntry { binding: 0, resource }];
    client.push(CreateBindGroup { device: DEVICE, bind_group, label: "", layout, entries });
    client.submit(|client, encoder| {
        let pass = ComputePassId(0);
        client.push(BeginComputePass { encoder, pass, label: "", timestamp_writes: None });
        client.push(ComputePassSetPipeline { pass, pipeline });
        client.push(ComputePassSetBindGroup { pass, index: 0, bind_group: Some(bind_group), dynamic_offsets: vec![] });
        client.push(DispatchWorkgroups { pass, x: 65535, y: 1, z: 1 });
        client.push(EndComputePass { pass });
    });
    // Everything that the ring has room for lies behind the endless dispatch.
    let buffer = client.create_buffer(1, MAX_PIECE.into(), BufferUsage::COPY_DST);
    let mut given = 0;
    while let Some(start) = client.worker.ring.write(&vec![1; MAX_PIECE as usize]) {
        client.write(buffer, 0, Payload::Shared { start, len: MAX_PIECE });
        given += MAX_PIECE;
    }
    assert_eq!(given, RING_SIZE);
    client.flush();
    // Until the watchdog ends the dispatch.
    let mut credit = 0;
    while let Ok(bytes) = client.worker.events.recv_timeout(PATIENCE) {
        match decode_event(&bytes).unwrap() {
            Event::Credit { consumed } => credit = consumed,
            Event::DeviceLost { .. } => return assert_eq!(credit, 0),
            _ => {}
        }
    }
    panic!("the device is not lost");
}
