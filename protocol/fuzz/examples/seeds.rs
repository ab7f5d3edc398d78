//! Generates the fuzzers' seeds: from the golden traces, the batches that add a kind of command, and an event of each kind;
//! and the lines and messages of the handshake.
//!
//! `cargo run --example seeds` in this folder.

use std::{collections::BTreeSet, error::Error, fs, path::Path};

use airlock_protocol::{
    codec::{BATCH_HEADER, BatchReader, decode_event, encode_event, sequence},
    events::{DeviceLostReason, Event, MapError, MapErrorKind},
    handshake::{Ended, Hello},
    ids::{DeviceId, RequestId},
};
use airlock_traces::{TraceFile, format::Body};

/// Maximum length of a seed in bytes.
const LONGEST: usize = 2 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut batches = Vec::new();
    let mut events = Vec::new();
    let mut files: Vec<_> = fs::read_dir(here.join("../../traces/golden"))?.flatten().map(|file| file.path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|is| is == "airtrace")) {
        for record in TraceFile::open(file)?.records() {
            match record?.body {
                Body::Batch(bytes) if bytes.len() <= LONGEST => batches.push(bytes),
                Body::Event(bytes) if bytes.len() <= LONGEST => events.push(bytes),
                _ => {}
            }
        }
    }
    // The shortest first, so that the seeds are small.
    batches.sort_by_key(Vec::len);
    events.sort_by_key(Vec::len);
    let decode = here.join("seeds/decode");
    fs::create_dir_all(&decode)?;
    let mut seen = BTreeSet::new();
    for bytes in batches {
        let mut reader = BatchReader::new(&bytes, sequence(&bytes))?;
        let mut kinds = BTreeSet::new();
        while let Some(command) = reader.next()? {
            kinds.insert(command.name());
        }
        if let Some(new) = kinds.difference(&seen).next() {
            fs::write(decode.join(format!("commands-{new}")), [&[0], &bytes[BATCH_HEADER..]].concat())?;
            if seen.len() < 4 {
                fs::write(decode.join(format!("batch-{new}")), [&[1], &bytes[..]].concat())?;
            }
        }
        seen.extend(kinds);
    }
    // Events that no trace has.
    let request = RequestId(3);
    let error = MapError { kind: MapErrorKind::Abort, message: "unmapped".to_owned() };
    let (device, reason) = (DeviceId(1), DeviceLostReason::Unknown);
    let more = [
        Event::Welcome,
        Event::Closed { reason: "no".to_owned() },
        Event::Credit { consumed: 1 << 33 },
        Event::MapData { request, data: &[1, 2, 3, 4] },
        Event::Mapped { request, result: Err(error) },
        Event::DeviceLost { device, reason, message: "gone".to_owned() },
    ];
    for event in more {
        let mut bytes = Vec::new();
        encode_event(&event, &mut bytes)?;
        events.push(bytes);
    }
    let mut seen = BTreeSet::new();
    for bytes in events {
        let name = decode_event(&bytes)?.name();
        if seen.insert(name) {
            fs::write(decode.join(format!("event-{name}")), [&[2], &bytes[..]].concat())?;
        }
    }
    let handshake = here.join("seeds/handshake");
    fs::create_dir_all(&handshake)?;
    let hello = Hello::ready(None);
    // Later builds refuse the hello line for its hash, until a fuzzer finds theirs.
    let lines = [
        ("hello", hello.to_line()),
        ("version", "AIRLOCK 99 0123456789abcdef /tmp/socket\n".to_owned()),
        ("refused", Hello::Refused { reason: "64 sessions are running".to_owned() }.to_line()),
        ("wait", Hello::Wait.to_line()),
        ("foreign", "220 mail.example.org ESMTP\r\n".to_owned()),
        ("code", Ended::Code(-1).to_line()),
        ("signal", Ended::Signal(9).to_line()),
    ];
    for (name, line) in lines {
        fs::write(handshake.join(format!("line-{name}")), [&[0], line.as_bytes()].concat())?;
    }
    let good = [1, 1, 7, 0, 0];
    for (name, message) in [
        ("good", good.to_vec()),
        ("several", vec![1, 2, 7, 0, 0]),
        ("none", vec![1, 0, 7, 0, 0]),
        ("unsealed", vec![1, 1, 5, 0, 0]),
        ("short", vec![1, 1, 7, 1, 0]),
        ("socket", vec![1, 1, 7, 0, 1]),
        ("more", [&good[..], b"and more"].concat()),
    ] {
        fs::write(handshake.join(format!("ring-{name}")), message)?;
    }
    Ok(())
}
