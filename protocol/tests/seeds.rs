//! The fuzzers' seeds, and mutations of them with bytes changed, added or missing: a short run of the same checks without a
//! fuzzer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common/exercise.rs"]
mod exercise;

use std::{fs, path::Path};

/// Number of mutations of each seed.
const VARIANTS: u64 = 400;

/// Deterministic pseudorandom numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

fn run(folder: &str, exercise: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(folder);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 5, "{}", folder.display());
    for (number, file) in files.iter().enumerate() {
        let seed = fs::read(file).unwrap();
        exercise(&seed);
        let mut random = Random(number as u64 * 2 + 0x9e37_79b9);
        for _ in 0..VARIANTS {
            let mut bytes = seed.clone();
            for _ in 0..=random.below(3) {
                let place = random.below(bytes.len());
                match random.below(4) {
                    0 => bytes.truncate(place),
                    1 => bytes.insert(place, random.below(256) as u8),
                    // The values that encode a number's length, and the smallest ones.
                    2 if place < bytes.len() => bytes[place] = [0, 1, 2, 250, 251, 252, 253, 255][random.below(8)],
                    _ if place < bytes.len() => bytes[place] ^= 1 << random.below(8),
                    _ => {}
                }
            }
            exercise(&bytes);
        }
    }
}

#[test]
fn what_is_decoded_comes_back() {
    run("decode", exercise::decode);
}

#[test]
fn what_is_said_first_and_last_is_checked() {
    run("handshake", exercise::handshake);
}
