//! Codec time of one command, in batches of the host's and worker's length, and of one event.
//!
//! `cargo bench -p airlock-protocol --bench codec` prints nanoseconds per command; `-- draw` only those whose name contains
//! "draw". The programs are built with fat LTO and one codegen unit; to measure the same code, set
//! `CARGO_PROFILE_BENCH_LTO=fat CARGO_PROFILE_BENCH_CODEGEN_UNITS=1`.
//!
//! Encoding is measured alone: the host's creation and drop of a command for each call are not part of the codec. Decoding
//! is measured with the command's drop, including its lists.
#![allow(clippy::expect_used, missing_docs)]

use std::{hint::black_box, time::Instant};

use airlock_protocol::{
    Command, Event, Payload,
    codec::{BatchReader, BatchWriter, decode_event, encode_event},
    commands::{
        buffer::{BufferUsage, CreateBuffer},
        compute_pass::DispatchWorkgroups,
        queue::{Submit, WriteBuffer},
        render_pass::{
            BeginRenderPass, ColorAttachment, DepthStencilAttachment, LoadOp, RenderPassDraw, RenderPassSetBindGroup,
            RenderPassSetPipeline, StoreOp,
        },
        texture::{CreateTexture, Extent3d, TextureDimension, TextureFormat, TextureUsage},
    },
    ids::{
        BindGroupId, BufferId, CommandBufferId, CommandEncoderId, ComputePassId, DeviceId, RenderPassId,
        RenderPipelineId, RequestId, TextureId, TextureViewId,
    },
    limits::BATCH_TARGET,
};
use criterion::{Bencher, Criterion, criterion_group, criterion_main};

/// The pass of all draws.
const PASS: RenderPassId = RenderPassId(3);

fn draw() -> RenderPassDraw {
    RenderPassDraw {
        pass: PASS,
        vertex_count: 36,
        instance_count: 1,
        first_vertex: 0,
        // Two bytes longer: scenes number their objects by it.
        first_instance: 1_000,
    }
}

fn set_bind_group() -> RenderPassSetBindGroup {
    RenderPassSetBindGroup { pass: PASS, index: 1, bind_group: Some(BindGroupId(400)), dynamic_offsets: Vec::new() }
}

fn set_bind_group_with_offsets() -> RenderPassSetBindGroup {
    RenderPassSetBindGroup { dynamic_offsets: vec![256, 65_536], ..set_bind_group() }
}

fn set_pipeline() -> RenderPassSetPipeline {
    RenderPassSetPipeline { pass: PASS, pipeline: RenderPipelineId(7) }
}

fn dispatch() -> DispatchWorkgroups {
    DispatchWorkgroups { pass: ComputePassId(0), x: 256, y: 4, z: 1 }
}

fn create_buffer() -> CreateBuffer<'static> {
    CreateBuffer {
        device: DeviceId(0),
        buffer: BufferId(70),
        label: "uniforms",
        size: 65_536,
        usage: BufferUsage::UNIFORM | BufferUsage::COPY_DST,
        mapped_at_creation: false,
    }
}

fn create_texture() -> CreateTexture<'static> {
    CreateTexture {
        device: DeviceId(0),
        texture: TextureId(12),
        label: "color",
        size: Extent3d { width: 1024, height: 768, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 4,
        dimension: TextureDimension::D2,
        format: TextureFormat::Rgba8unorm,
        usage: TextureUsage::RENDER_ATTACHMENT,
        view_formats: Vec::new(),
    }
}

fn write_buffer(data: Payload<'_>) -> WriteBuffer<'_> {
    WriteBuffer { device: DeviceId(0), buffer: BufferId(70), offset: 256, data }
}

fn begin_render_pass() -> BeginRenderPass<'static> {
    let color = ColorAttachment {
        view: TextureViewId(5),
        depth_slice: None,
        resolve_target: Some(TextureViewId(6)),
        clear_value: [0.1, 0.2, 0.3, 1.0],
        load_op: LoadOp::Clear,
        store_op: StoreOp::Discard,
    };
    let depth = DepthStencilAttachment {
        view: TextureViewId(7),
        depth_clear_value: Some(1.0),
        depth_load_op: Some(LoadOp::Clear),
        depth_store_op: Some(StoreOp::Store),
        depth_read_only: false,
        stencil_clear_value: 0,
        stencil_load_op: None,
        stencil_store_op: None,
        stencil_read_only: false,
    };
    BeginRenderPass {
        encoder: CommandEncoderId(0),
        pass: PASS,
        label: "main",
        color_attachments: vec![Some(color)],
        depth_stencil_attachment: Some(depth),
        occlusion_query_set: None,
        timestamp_writes: None,
    }
}

fn submit() -> Submit {
    Submit { device: DeviceId(0), command_buffers: vec![CommandBufferId(9)] }
}

/// Pushes a command into full batches, as the host does, and drops them.
fn push(bencher: &mut Bencher<'_>, command: &Command<'_>) {
    let mut writer = BatchWriter::default();
    bencher.iter_custom(|commands| {
        let start = Instant::now();
        for _ in 0..commands {
            writer.push(black_box(command)).expect("commands have an encoding");
            if writer.len() >= BATCH_TARGET {
                writer.finish(|bytes| {
                    black_box(bytes);
                });
            }
        }
        start.elapsed()
    });
}

/// A batch of the usual length, with these commands repeated.
fn batch(commands: &[Command<'_>]) -> Vec<u8> {
    let mut writer = BatchWriter::default();
    while writer.len() < BATCH_TARGET {
        for command in commands {
            writer.push(command).expect("commands have an encoding");
        }
    }
    writer.finish(<[u8]>::to_vec)
}

/// Reads a batch repeatedly.
fn read(bencher: &mut Bencher<'_>, batch: &[u8]) {
    bencher.iter_custom(|commands| {
        let mut left = commands;
        let start = Instant::now();
        while left > 0 {
            let mut reader = BatchReader::new(batch, 0).expect("our own batch");
            let mut look = || {
                let seen = reader.next_to(|command| {
                    black_box(&command);
                });
                seen.expect("our own commands").is_some()
            };
            while left > 0 && look() {
                left -= 1;
            }
        }
        start.elapsed()
    });
}

fn commands() -> [(&'static str, Command<'static>); 11] {
    [
        ("draw", draw().into()),
        ("set-bind-group", set_bind_group().into()),
        ("set-bind-group, 2 offsets", set_bind_group_with_offsets().into()),
        ("set-pipeline", set_pipeline().into()),
        ("dispatch", dispatch().into()),
        ("create-buffer", create_buffer().into()),
        ("create-texture", create_texture().into()),
        ("write-buffer, 64 B inline", write_buffer(Payload::Inline(&[7; 64])).into()),
        ("write-buffer, in the ring", write_buffer(Payload::Shared { start: 1 << 33, len: 1 << 20 }).into()),
        ("begin-render-pass", begin_render_pass().into()),
        ("submit", submit().into()),
    ]
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for (name, command) in &commands() {
        group.bench_function(*name, |bencher| push(bencher, command));
    }
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, command) in commands() {
        let batch = batch(&[command]);
        group.bench_function(name, |bencher| read(bencher, &batch));
    }
    // Different commands in turn, so that the branch on the command's number varies.
    let turns = batch(&[
        set_pipeline().into(),
        set_bind_group().into(),
        draw().into(),
        set_bind_group_with_offsets().into(),
        draw().into(),
        write_buffer(Payload::Inline(&[7; 64])).into(),
        draw().into(),
    ]);
    group.bench_function("commands in turn", |bencher| read(bencher, &turns));
    group.finish();
}

fn events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event");
    let data = vec![7; 64 << 10];
    let events = [
        ("map-data, 64 KiB", Event::MapData { request: RequestId(3), data: &data }),
        ("mapped", Event::Mapped { request: RequestId(3), result: Ok(()) }),
    ];
    for (name, event) in &events {
        let mut bytes = Vec::new();
        encode_event(event, &mut bytes).expect("events have an encoding");
        group.bench_function(format!("decode {name}"), |bencher| {
            bencher.iter(|| {
                black_box(&decode_event(black_box(&bytes)).expect("our own event"));
            });
        });
        group.bench_function(format!("encode {name}"), |bencher| {
            bencher.iter(|| {
                bytes.clear();
                encode_event(black_box(event), &mut bytes).expect("events have an encoding");
                black_box(&bytes);
            });
        });
    }
    group.finish();
}

criterion_group!(codec, encode, decode, events);
criterion_main!(codec);
