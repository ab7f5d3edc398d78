//! Random programs that write to buffers and compute.

use airlock_protocol::{
    Command, Payload,
    commands::{binding::*, buffer::*, command_encoder::*, compute_pass::*, queue::*},
    ids::*,
};

use crate::{
    common::client::DEVICE,
    compute::PIPELINES,
    generate::Random,
    model::{Model, Stage},
    prepare,
};

/// Bytes to write: no two words are alike.
static NOISE: [u8; 2048] = {
    let mut noise = [0; 2048];
    let mut at = 0;
    while at < noise.len() {
        noise[at] = (at * 7 + at / 256 * 31 + 1) as u8;
        at += 1;
    }
    noise
};

/// A program of about so many calls.
pub fn program(r: &mut Random, calls: usize, first_id: u32) -> Vec<Command<'static>> {
    let (mut model, mut program, mut id) = (prepare(), Vec::new(), first_id);
    for _ in 0..3 {
        id += 1;
        program.push(create_buffer(r, id));
        model.call(&program[program.len() - 1]);
    }
    while program.len() < calls {
        id += 1;
        let more = if r.one_in(4) { computation(r, &model, id) } else { command(r, &model, id).map(|one| vec![one]) };
        for command in more.unwrap_or_default() {
            model.call(&command);
            program.push(command);
        }
    }
    // What is recorded is submitted, so that it can be seen.
    for (&encoder, _) in model.encoders.iter().filter(|(_, encoder)| encoder.stage == Stage::Open) {
        id += 1;
        let (encoder, command_buffer) = (CommandEncoderId(encoder), CommandBufferId(id));
        program.push(FinishCommandEncoder { encoder, command_buffer, label: "" }.into());
        program.push(Submit { device: DEVICE, command_buffers: vec![command_buffer] }.into());
    }
    program
}

fn command(r: &mut Random, model: &Model, id: u32) -> Option<Command<'static>> {
    let buffer = |r: &mut Random| r.key(&model.buffers).map(BufferId);
    let encoder = |r: &mut Random| r.key(&model.encoders).map(CommandEncoderId);
    Some(match r.below(24) {
        0 | 1 => create_buffer(r, id),
        2 if r.one_in(8) => DestroyBuffer { buffer: buffer(r)? }.into(),
        3 | 4 => {
            let mapped = model.buffers.iter().filter(|(_, buffer)| buffer.valid && buffer.at_creation);
            let mapped: Vec<_> = mapped.map(|(&id, buffer)| (id, buffer.size)).collect();
            let (id, size) = *mapped.get(r.below(mapped.len() as u32) as usize)?;
            let offset = u64::from(r.below(size as u32 / 4)) * 4;
            let length = (size - offset).min(r.of(&[4, 64, 1000]));
            WriteMapped { buffer: BufferId(id), offset, data: noise(r, length) }.into()
        }
        5 | 6 => UnmapBuffer { buffer: buffer(r)? }.into(),
        7..11 => {
            let usual = r.of(&[4, 8, 64, 100, 256]);
            let length = r.seldom(usual, &[0, 2, 300]);
            let usual = r.of(&[0, 0, 4, 8, 128, 252]);
            let (offset, data) = (r.seldom(usual, &[512, 1024, 2, u64::MAX - 3]), noise(r, length));
            WriteBuffer { device: DEVICE, buffer: buffer(r)?, offset, data }.into()
        }
        11 => CreateCommandEncoder { device: DEVICE, encoder: CommandEncoderId(id), label: "" }.into(),
        12..16 => CopyBufferToBuffer {
            encoder: encoder(r)?,
            source: buffer(r)?,
            source_offset: offset(r),
            destination: buffer(r)?,
            destination_offset: offset(r),
            size: size(r),
        }
        .into(),
        16..18 => ClearBuffer { encoder: encoder(r)?, buffer: buffer(r)?, offset: offset(r), size: size(r) }.into(),
        18 => FinishCommandEncoder { encoder: encoder(r)?, command_buffer: CommandBufferId(id), label: "" }.into(),
        19 | 20 => Submit { device: DEVICE, command_buffers: vec![CommandBufferId(r.key(&model.commands)?)] }.into(),
        _ => return in_compute_pass(r, model, id),
    })
}

fn offset(r: &mut Random) -> u64 {
    r.mostly(0, &[4, 64, 128]) + r.seldom(0, &[2, 1024])
}

fn size(r: &mut Random) -> Option<u64> {
    let usual = r.mostly(Some(64), &[Some(4), Some(128)]);
    r.seldom(usual, &[Some(0), None, Some(2), Some(2048)])
}

fn create_buffer(r: &mut Random, id: u32) -> Command<'static> {
    let usage = BufferUsage::COPY_SRC | BufferUsage::COPY_DST | BufferUsage::STORAGE;
    let usage = r.seldom(usage, &[BufferUsage::COPY_SRC, BufferUsage::COPY_SRC | BufferUsage::STORAGE]);
    let (size, mapped_at_creation) = (r.mostly(1024, &[256, 260, 512, 4, 2048]), r.one_in(10));
    CreateBuffer { device: DEVICE, buffer: BufferId(id), label: "", size, usage, mapped_at_creation }.into()
}

fn noise(r: &mut Random, length: u64) -> Payload<'static> {
    let start = r.below(256) as usize;
    Payload::Inline(&NOISE[start..start + length as usize])
}

/// A command of compute passes, or a bind group for one.
pub fn in_compute_pass(r: &mut Random, model: &Model, id: u32) -> Option<Command<'static>> {
    if r.one_in(3) {
        let layout = r.below(3) + 1;
        return create_group(r, model, id, layout);
    }
    let pass = ComputePassId(r.pass(&model.compute_passes)?);
    Some(match r.below(4) {
        0 => ComputePassSetPipeline { pass, pipeline: ComputePipelineId(r.below(PIPELINES.len() as u32) + 1) }.into(),
        1 => ComputePassSetBindGroup {
            pass,
            index: r.mostly(0, &[1, 1, 3, 4]),
            bind_group: if r.one_in(8) { None } else { Some(BindGroupId(r.key(&model.groups)?)) },
            dynamic_offsets: r.mostly(&[][..], &[&[0], &[256], &[4], &[0, 0]]).to_vec(),
        }
        .into(),
        _ => dispatch(r, pass),
    })
}

fn dispatch(r: &mut Random, pass: ComputePassId) -> Command<'static> {
    DispatchWorkgroups { pass, x: r.mostly(16, &[1, 64, 256, 0]), y: r.seldom(1, &[0, 65536]), z: 1 }.into()
}

fn create_group(r: &mut Random, model: &Model, id: u32, layout: u32) -> Option<Command<'static>> {
    let resource = BindingResource::Buffer {
        buffer: BufferId(r.key(&model.buffers)?),
        offset: r.mostly(0, &[256, 512]) + r.seldom(0, &[4]),
        size: r.mostly(Some(256), &[None, Some(4), Some(64), Some(2)]),
    };
    let (bind_group, layout) = (BindGroupId(id), BindGroupLayoutId(layout));
    let entries = vec![BindGroupEntry { binding: 0, resource }];
    Some(CreateBindGroup { device: DEVICE, bind_group, label: "", layout, entries }.into())
}

/// A whole computation, valid but for a number or two: by single calls, few programs come to a dispatch.
pub fn computation(r: &mut Random, model: &Model, id: u32) -> Option<Vec<Command<'static>>> {
    let number = r.below(PIPELINES.len() as u32);
    let (encoder, pass, pipeline) = (CommandEncoderId(id), ComputePassId(id), ComputePipelineId(number + 1));
    let layouts = PIPELINES[number as usize].2;
    let mut calls = vec![
        CreateCommandEncoder { device: DEVICE, encoder, label: "" }.into(),
        BeginComputePass { encoder, pass, label: "", timestamp_writes: None }.into(),
        ComputePassSetPipeline { pass, pipeline }.into(),
    ];
    for (&layout, index) in layouts.iter().zip(0..) {
        // Ids of programs are fewer than these apart.
        let id = id + 100_000 * (index + 1);
        calls.push(create_group(r, model, id, layout)?);
        let dynamic_offsets = if layout == 3 { vec![r.mostly(0, &[256, 512])] } else { vec![] };
        let bind_group = Some(BindGroupId(id));
        calls.push(ComputePassSetBindGroup { pass, index, bind_group, dynamic_offsets }.into());
    }
    for _ in 0..r.below(3) + 1 {
        calls.push(dispatch(r, pass));
    }
    calls.push(EndComputePass { pass }.into());
    if !r.one_in(4) {
        let command_buffer = CommandBufferId(id);
        calls.push(FinishCommandEncoder { encoder, command_buffer, label: "" }.into());
        calls.push(Submit { device: DEVICE, command_buffers: vec![command_buffer] }.into());
    }
    Some(calls)
}
