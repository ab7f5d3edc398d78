//! Contents of buffers: what copies, clears, writes and dispatches leave in them, compared with what a real adapter has.

use airlock_protocol::{
    Command,
    commands::{
        buffer::*,
        command_encoder::*,
        error::{ErrorFilter, PopErrorScope, PushErrorScope},
        queue::Submit,
        session::DropObject,
    },
    ids::*,
};

use crate::{
    Disagreement,
    common::client::{Client, DEVICE},
    compute::Kernel,
    generate::Random,
    generate_contents::program,
    model::Model,
    prepare, run, shrink_with, start_with,
};

/// What a recorded command does when it is submitted.
#[derive(Clone, Debug)]
pub enum Effect {
    Copy {
        source: u32,
        from: u64,
        destination: u32,
        to: u64,
        size: u64,
    },
    Clear {
        buffer: u32,
        offset: u64,
        size: u64,
    },
    Dispatch {
        kernel: Kernel,
        ranges: Vec<(u32, u64, u64)>,
        count: u64,
    },
    /// Writes what the model does not know.
    Unknown(u32),
}

impl Model {
    /// Carries out what a submitted command does.
    pub fn apply(&mut self, effect: &Effect) {
        match *effect {
            Effect::Copy { source, from, destination, to, size } => {
                let Some(source) = self.buffers.get(&source) else { return };
                let (known, bytes) = (source.known, part(&source.contents, from, size).to_vec());
                let Some(buffer) = self.buffers.get_mut(&destination) else { return };
                buffer.known &= known || size == 0;
                buffer.put(to, &bytes);
            }
            Effect::Clear { buffer, offset, size } => {
                let Some(buffer) = self.buffers.get_mut(&buffer) else { return };
                buffer.put(offset, &vec![0; size as usize]);
            }
            Effect::Unknown(buffer) => {
                let Some(buffer) = self.buffers.get_mut(&buffer) else { return };
                buffer.known = false;
            }
            Effect::Dispatch { kernel, ref ranges, count } => self.compute(kernel, ranges, count),
        }
    }

    fn compute(&mut self, kernel: Kernel, ranges: &[(u32, u64, u64)], count: u64) {
        let known = ranges.iter().all(|(id, ..)| self.buffers.get(id).is_some_and(|buffer| buffer.known));
        let length = ranges.iter().map(|&(_, _, size)| size / 4).min().unwrap_or(0).min(count);
        for n in 0..length {
            let word = |model: &Self, group: usize| {
                let (id, start, _) = ranges[group];
                let bytes = model.buffers.get(&id).map_or(&[][..], |buffer| part(&buffer.contents, start + n * 4, 4));
                bytes.try_into().map_or(0, u32::from_le_bytes)
            };
            let a = word(self, 0);
            let results = match kernel {
                Kernel::Scale => vec![a.wrapping_mul(3).wrapping_add(n as u32).wrapping_add(1)],
                Kernel::Add => vec![a.wrapping_add(word(self, 1))],
                Kernel::Both => vec![a ^ 5, word(self, 1).wrapping_add(2)],
            };
            for (result, &(id, start, _)) in results.into_iter().zip(ranges) {
                if let Some(buffer) = self.buffers.get_mut(&id) {
                    buffer.put(start + n * 4, &result.to_le_bytes());
                }
            }
        }
        for (id, ..) in ranges {
            if let Some(buffer) = self.buffers.get_mut(id) {
                buffer.known &= known;
            }
        }
    }

    /// The buffers whose contents can be read back, with their sizes in whole words.
    fn readable(&self) -> Vec<(u32, u64)> {
        let is_readable = |buffer: &crate::model::Buffer| {
            buffer.valid
                && buffer.known
                && !buffer.destroyed
                && !buffer.mapped
                && buffer.usage.contains(BufferUsage::COPY_SRC)
                && buffer.contents.len() >= 4
        };
        let readable = self.buffers.iter().filter(|(_, buffer)| is_readable(buffer));
        readable.map(|(&id, buffer)| (id, buffer.size / 4 * 4)).collect()
    }
}

/// A range of bytes; nothing where it is not there.
fn part(bytes: &[u8], offset: u64, size: u64) -> &[u8] {
    let end = offset.saturating_add(size);
    bytes.get(offset as usize..end as usize).unwrap_or_default()
}

/// Number of calls of a program.
const CALLS: usize = 40;
/// Programs per run, each of which waits for the adapter.
const PROGRAMS: u64 = 2000;
/// Programs per worker.
const PER_WORKER: u64 = 100;
/// The client's own ids.
const STAGING: u32 = 900;

#[test]
fn buffers_have_the_contents_that_webgpu_gives_them() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seeds = match number("AIRLOCK_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("AIRLOCK_SEEDS").unwrap_or(PROGRAMS),
    };
    let (mut calls, mut dispatches, mut bytes, mut found) = (0, 0, 0, Vec::new());
    let mut client = real();
    for seed in seeds {
        if seed.is_multiple_of(PER_WORKER) {
            client = real();
        }
        let program = program(&mut Random::new(seed), CALLS, 1000);
        let mut model = prepare();
        for call in &program {
            model.call(call);
        }
        calls += program.len();
        dispatches += model.applied;
        bytes += model.readable().iter().map(|(_, size)| size).sum::<u64>();
        if compare(&mut client, &program).is_some() {
            let text = shrink_with(&mut client, program, compare);
            found.push(format!("seed {seed}:\n{text}"));
            if found.len() >= 10 {
                break;
            }
        }
    }
    eprintln!("{calls} calls, {dispatches} recorded effects carried out, {bytes} bytes compared");
    assert!(dispatches > 0 && bytes > 0, "nothing was compared");
    assert!(found.is_empty(), "{} programs disagree\n{}", found.len(), found.join("\n"));
}

fn real() -> Client {
    start_with(Client::with_device())
}

/// Runs a program, compares each outcome, and then the contents of all buffers.
fn compare(client: &mut Client, program: &[Command<'static>]) -> Option<Disagreement> {
    run(client, program, read_back)
}

/// Compares the contents of all buffers with the model's.
fn read_back(client: &mut Client, model: &Model, calls: usize) -> Option<Disagreement> {
    let readable = model.readable();
    let total: u64 = readable.iter().map(|(_, size)| size).sum();
    if total == 0 {
        return None;
    }
    let (staging, encoder, command_buffer) = (BufferId(STAGING), CommandEncoderId(STAGING), CommandBufferId(STAGING));
    client.push(PushErrorScope { device: DEVICE, filter: ErrorFilter::Validation });
    client.create_buffer(STAGING, total, BufferUsage::MAP_READ | BufferUsage::COPY_DST);
    client.push(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
    let mut at = 0;
    for &(id, size) in &readable {
        client.push(CopyBufferToBuffer {
            encoder,
            source: BufferId(id),
            source_offset: 0,
            destination: staging,
            destination_offset: at,
            size: Some(size),
        });
        at += size;
    }
    client.push(FinishCommandEncoder { encoder, command_buffer, label: "" });
    client.push(Submit { device: DEVICE, command_buffers: vec![command_buffer] });
    let request = client.request();
    client.push(PopErrorScope { request, device: DEVICE });
    let contents = client.map(staging, MapMode::Read, total).expect("the contents can be mapped");
    for object in [Object::Buffer(staging), Object::CommandEncoder(encoder), Object::CommandBuffer(command_buffer)] {
        client.push(DropObject { object });
    }
    let mut at = 0;
    for (id, size) in readable {
        let (found, expected) = (part(&contents, at, size), part(&model.buffers[&id].contents, 0, size));
        at += size;
        if found != expected {
            let place = found.iter().zip(expected).position(|(found, expected)| found != expected);
            let message = Some(format!("buffer {id} differs at {place:?}: {found:?} for {expected:?}"));
            return Some(Disagreement { at: calls, expected: false, message });
        }
    }
    None
}
