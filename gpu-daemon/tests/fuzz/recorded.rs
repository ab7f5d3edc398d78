//! Generates the fuzzer's seeds: the commands of each golden trace, a few of every kind, and for each kind of command
//! an input that generates it from numbers.

use std::{collections::HashMap, fs, path::Path};

use airlock_protocol::{
    Command,
    codec::{BatchReader, sequence},
};
use airlock_traces::{TraceFile, format::Body};

use super::exercise::chunks::{AS_IT_IS, Chunk, OBJECTS, WIRE, write};

/// Upper bound of commands of one kind in a seed.
const SAME: u32 = 12;
/// Upper bound of a command's length in bytes.
const COMMAND: usize = 4 << 10;
/// Upper bound of a seed's length in bytes.
const SEED: usize = 12 << 10;

/// The names and contents of all seeds.
pub fn seeds(golden: &Path) -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for file in fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|is| is == "airtrace") {
            seeds.push((format!("trace-{}", file.file_stem().unwrap().to_string_lossy()), of_trace(&file)));
        }
    }
    for (kind, name) in (AS_IT_IS + 1..).zip(Command::NAMES) {
        let mut input = vec![OBJECTS];
        for body in [[0; 16], [1; 16]] {
            write(&Chunk { poll: true, kind, body: &body }, &mut input);
        }
        seeds.push((format!("made-{name}"), input));
    }
    seeds
}

fn of_trace(file: &Path) -> Vec<u8> {
    let mut input = vec![0];
    let mut seen: HashMap<&str, u32> = HashMap::new();
    // A truncated trace is valid up to the cut.
    for record in TraceFile::open(file).unwrap().records().map_while(Result::ok) {
        let Body::Batch(bytes) = record.body else { continue };
        let mut reader = BatchReader::new(&bytes, sequence(&bytes)).unwrap();
        loop {
            let before = reader.offset();
            let Some(command) = reader.next().unwrap() else { break };
            let body = &bytes[before..reader.offset()];
            let same = seen.entry(command.name()).or_default();
            *same += 1;
            if *same <= SAME && body.len() <= COMMAND && input.len() + body.len() <= SEED {
                write(&Chunk { poll: true, kind: WIRE, body }, &mut input);
            }
        }
    }
    input
}
