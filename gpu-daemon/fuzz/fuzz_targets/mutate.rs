//! Mutations that preserve chunks: without them, libFuzzer would mostly shift one chunk into the next.

use libfuzzer_sys::fuzzer_mutate;

use crate::exercise::chunks::{Chunk, parse, write};

/// Upper bound of a chunk's growth per mutation, in bytes.
const GROWTH: usize = 64;
/// Length of a new chunk in bytes: enough numbers for most commands.
const NEW: usize = 24;

struct Random(u64);

impl Random {
    fn new(seed: u32) -> Self {
        Self(u64::from(seed) << 1 | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }
}

/// Mutates the input in the first `size` bytes, and returns its new size.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = Random::new(seed);
    let input = data.get(..size).unwrap_or_default().to_vec();
    let (mut first, mut chunks) = parse(&input);
    if chunks.is_empty() && size < 4 {
        first = 1;
    }
    let place = random.below(chunks.len());
    let mut memory = Vec::new();
    match random.below(16) {
        0 => return fuzzer_mutate(data, size, max_size),
        1 => first ^= 1 << random.below(2),
        2 if !chunks.is_empty() => {
            let until = (place + 1 + random.below(4)).min(chunks.len());
            chunks.drain(place..until);
        }
        3 if !chunks.is_empty() => {
            let chunk = chunks[place];
            chunks.insert(random.below(chunks.len() + 1), chunk);
        }
        4 if !chunks.is_empty() => {
            let other = random.below(chunks.len());
            chunks.swap(place, other);
        }
        5 if !chunks.is_empty() => chunks[place].poll ^= true,
        6..11 if !chunks.is_empty() => {
            let body = chunks[place].body;
            memory = [body, &[0; GROWTH]].concat();
            let length = fuzzer_mutate(&mut memory, body.len(), body.len() + GROWTH);
            memory.truncate(length);
            chunks[place].body = &memory;
        }
        _ => {
            memory.extend((0..random.below(NEW)).map(|_| random.below(256) as u8));
            let kind = random.below(256) as u8;
            chunks.insert(random.below(chunks.len() + 1), Chunk { poll: random.below(4) != 0, kind, body: &memory });
        }
    }
    put(first, &chunks, data, max_size)
}

/// Crossover: the first chunks of one input and the last of another.
pub fn cross(first: &[u8], second: &[u8], out: &mut [u8], seed: u32) -> usize {
    let mut random = Random::new(seed);
    let ((flags, mut chunks), (_, others)) = (parse(first), parse(second));
    chunks.truncate(random.below(chunks.len() + 1));
    let from = random.below(others.len() + 1);
    chunks.extend(&others[from..]);
    let max_size = out.len();
    put(flags, &chunks, out, max_size)
}

/// Writes as many chunks as fit.
fn put(first: u8, chunks: &[Chunk<'_>], to: &mut [u8], max_size: usize) -> usize {
    let mut input = vec![first];
    for chunk in chunks {
        let before = input.len();
        write(chunk, &mut input);
        if input.len() > max_size.min(to.len()) {
            input.truncate(before);
            break;
        }
    }
    let size = input.len().min(max_size).min(to.len());
    to[..size].copy_from_slice(&input[..size]);
    size
}
