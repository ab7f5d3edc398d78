//! Fuzz target: any bytes as a file, and as the contents of a file's chunks, through all that the tools do with a trace.
//!
//! `cargo +nightly fuzz run reader` in the folder above `fuzz`.
#![no_main]

#[path = "../../tests/common/exercise.rs"]
mod exercise;

use airlock_traces::{
    format::{ChunkHeader, preamble},
    header::Header,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&first, rest)) = data.split_first() else { return };
    if first == 0 {
        exercise::exercise(rest);
    } else {
        exercise::exercise(&framed(rest));
    }
});

/// Splits bytes (kind, length, contents) into chunks with valid checksums, so that the fuzzer need not find a CRC.
fn framed(mut data: &[u8]) -> Vec<u8> {
    let mut file = preamble().to_vec();
    let header = serde_json::to_vec(&Header::of_this_program(None, "")).unwrap_or_default();
    let mut number = 0;
    let mut chunk = |file: &mut Vec<u8>, kind: u8, contents: &[u8]| {
        let length = u32::try_from(contents.len()).unwrap_or(u32::MAX);
        let crc = crc32fast::hash(contents);
        let header = ChunkHeader { kind, compressed: false, stored: length, raw: length, number, crc };
        file.extend(header.to_bytes());
        file.extend(contents);
        number += 1;
    };
    chunk(&mut file, 1, &header);
    while let [kind, low, high, rest @ ..] = data {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (contents, after) = rest.split_at(length);
        chunk(&mut file, kind % 8, contents);
        data = after;
    }
    file
}
