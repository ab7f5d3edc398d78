//! A trace that is written, read, split and written again is the same trace.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use airlock_protocol::{
    Command, Event, Payload,
    codec::{self, BatchWriter},
    commands::{buffer::*, queue::*, session::*},
    ids::*,
};
use airlock_traces::{
    ReadError, Trace, TraceFile, TraceWriter,
    format::{Body, Digest, FormatError, Readback, Record},
    header::{ComponentName, Header},
    survey::MarkerKind,
    trace::{Entry, What},
};

fn header() -> Header {
    Header::of_this_program(Some(ComponentName::new("guest.wasm", b"\0asm")), "0.3.0-rc.2")
}

fn buffer(label: &str) -> Command<'_> {
    let usage = BufferUsage::COPY_DST | BufferUsage::MAP_READ;
    let (device, buffer) = (DeviceId(0), BufferId(0));
    CreateBuffer { device, buffer, label, size: 1 << 20, usage, mapped_at_creation: false }.into()
}

fn write_buffer(data: Payload<'_>) -> Command<'_> {
    WriteBuffer { device: DeviceId(0), buffer: BufferId(0), offset: 0, data }.into()
}

fn submit() -> Command<'static> {
    Submit { device: DeviceId(0), command_buffers: vec![CommandBufferId(7)] }.into()
}

/// A session of three batches with bulk data (twice the same), a readback with its bytes, and events.
fn written() -> Vec<u8> {
    let mut writer = TraceWriter::new(Vec::new(), &header()).expect("memory takes everything");
    writer.session(1, 0).expect("memory");
    let mut batch = BatchWriter::default();
    let data: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    for round in 0..3_u64 {
        let start = round * data.len() as u64;
        writer.piece(1, round, start, &data).expect("memory");
        batch.push(&buffer("positions")).expect("bytes");
        batch.push(&write_buffer(Payload::Shared { start, len: data.len() as u32 })).expect("bytes");
        batch.push(&write_buffer(Payload::Inline(b"short"))).expect("bytes");
        batch.push(&submit()).expect("bytes");
        batch.push(&DropObject { object: BufferId(0).object() }.into()).expect("bytes");
        let body = batch.finish(|bytes| Body::Batch(bytes.to_vec()));
        writer.record(Record { session: 1, time: round, body }).expect("memory");
    }
    let bytes = b"what was read back";
    let digest = Digest::of(bytes);
    writer.payload(digest, bytes).expect("memory");
    let request = RequestId(5);
    let readback = Readback { request, len: bytes.len() as u64, digest: Some(digest), pieces: vec![(18, digest)] };
    writer.record(Record { session: 1, time: 9, body: Body::Readback(readback) }).expect("memory");
    let mut event = Vec::new();
    codec::encode_event(&Event::Mapped { request, result: Ok(()) }, &mut event).expect("bytes");
    writer.record(Record { session: 1, time: 9, body: Body::Event(event) }).expect("memory");
    writer.record(Record { session: 1, time: 10, body: Body::End("the end".to_owned()) }).expect("memory");
    writer.finish().expect("memory")
}

fn open(bytes: Vec<u8>) -> Arc<TraceFile> {
    Arc::new(TraceFile::from_bytes(bytes).expect("a trace"))
}

fn entries(file: &TraceFile) -> Vec<Entry> {
    file.entries().collect::<Result<_, ReadError>>().expect("a whole trace")
}

#[test]
fn everything_comes_back() {
    let file = open(written());
    assert!(file.is_closed());
    // The adapter is not a software adapter, so that no processor is recorded.
    assert_eq!(file.header(), &Header { processor: None, ..header() });
    let totals = &file.index().totals;
    assert_eq!((totals.sessions, totals.batches, totals.commands, totals.submits), (1, 3, 15, 3));
    assert_eq!((totals.events, totals.readbacks, totals.data_bytes), (1, 1, 1_200_000));
    assert_eq!(file.index().payloads.len(), 2, "the same data is stored once");
    let submits: Vec<_> =
        file.index().markers.iter().filter(|m| m.kind == MarkerKind::Submit).map(|m| m.command).collect();
    assert_eq!(submits, [3, 8, 13]);
    let label = file.index().markers.iter().find(|m| m.kind == MarkerKind::Label).expect("the buffer's");
    assert_eq!((label.text.as_str(), label.object), ("positions", Some(BufferId(0).object())));
}

#[test]
fn a_trace_without_its_index_is_scanned_to_the_same() {
    let bytes = written();
    let whole = open(bytes.clone());
    let cut = open(bytes[..bytes.len() - 36].to_vec());
    assert!(!cut.is_closed() && cut.damage().is_none());
    assert_eq!(entries(&cut), entries(&whole));
    assert_eq!(cut.index().payloads, whole.index().payloads);
    assert_eq!((&cut.index().markers, &cut.index().totals), (&whole.index().markers, &whole.index().totals));
}

#[test]
fn what_is_taken_apart_goes_together_again() {
    let file = open(written());
    let trace = Trace::load(&file).expect("a whole trace");
    let again = open(trace.write(Vec::new()).expect("memory"));
    assert_eq!(entries(&again), entries(&file));
    assert_eq!(again.index().payloads.len(), file.index().payloads.len());
}

/// Commands can be removed and added; the ring's positions are laid out anew.
#[test]
fn a_changed_trace_has_its_data() {
    let mut trace = Trace::load(&open(written())).expect("a whole trace");
    let (_, first, _) = trace.commands().nth(1).expect("the first write");
    trace.entries.remove(first);
    let payload = trace.add_piece(1, vec![9; 10_000]);
    let mut bytes = Vec::new();
    codec::encode_command(&write_buffer(payload), &mut bytes).expect("bytes");
    trace.entries.insert(first, Entry { session: 1, time: 0, what: What::Command(bytes.into()) });
    let again = Trace::load(&open(trace.write(Vec::new()).expect("memory"))).expect("a whole trace");
    let lengths: Vec<_> = again
        .commands()
        .filter_map(|(_, _, bytes)| {
            let command = codec::decode_command(bytes).expect("a command");
            again.data(1, command.payload()?).expect("payloads").map(|data| (data.len(), data[0]))
        })
        .collect();
    assert_eq!(lengths, [(10_000, 9), (5, b's'), (400_000, 0), (5, b's'), (400_000, 0), (5, b's')]);
}

#[test]
fn entries_from_the_middle_have_their_numbers() {
    let mut writer = TraceWriter::new(Vec::new(), &header()).expect("memory");
    writer.session(1, 0).expect("memory");
    let mut batch = BatchWriter::default();
    for _ in 0..100 {
        batch.push(&submit()).expect("bytes");
        batch.push(&submit()).expect("bytes");
        let body = batch.finish(|bytes| Body::Batch(bytes.to_vec()));
        writer.record(Record { session: 1, time: 0, body }).expect("memory");
        // One chunk for each.
        writer.flush().expect("memory");
    }
    let file = open(writer.finish().expect("memory"));
    for from in [0, 1, 99, 100, 150, 199] {
        let numbers: Vec<_> = file
            .entries_from(from)
            .map(|entry| entry.expect("a whole trace"))
            .filter(|(_, entry)| matches!(entry.what, What::Command(_)))
            .map(|(number, _)| number)
            .collect();
        assert!(numbers[0] <= from && from - numbers[0] < 4, "{from}: starts at {}", numbers[0]);
        assert!(numbers.iter().copied().eq(numbers[0]..200), "{from}: {numbers:?}");
    }
}

/// A chunk without commands, as a strict recording writes them, is not skipped.
#[test]
fn entries_begin_with_the_session() {
    let mut writer = TraceWriter::new(Vec::new(), &header()).expect("memory");
    writer.session(1, 0).expect("memory");
    writer.flush().expect("memory");
    let mut batch = BatchWriter::default();
    batch.push(&submit()).expect("bytes");
    let body = batch.finish(|bytes| Body::Batch(bytes.to_vec()));
    writer.record(Record { session: 1, time: 0, body }).expect("memory");
    let file = open(writer.finish().expect("memory"));
    assert_eq!(entries(&file).first().map(|entry| entry.what.clone()), Some(What::Session));
}

#[test]
fn a_newer_trace_says_so() {
    let mut bytes = written();
    bytes[8] = 9;
    let crc = crc32fast::hash(&bytes[..12]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    let error = TraceFile::from_bytes(bytes).expect_err("a newer format");
    assert!(matches!(error, ReadError::Format(FormatError::NewerFormat { found: 9 })), "{error}");
    assert!(error.to_string().contains("made by a newer version"), "{error}");
    // An unknown command, in a trace whose header allows such.
    let header = Header { commands: 500, ..header() };
    let mut writer = TraceWriter::new(Vec::new(), &header).expect("memory");
    let mut batch = 0_u64.to_le_bytes().to_vec();
    batch.extend([3, 0, 0, 0, 1, 0, 0, 0, 251, 200, 1]);
    writer.record(Record { session: 1, time: 0, body: Body::Batch(batch) }).expect("memory");
    let file = TraceFile::from_bytes(writer.finish().expect("memory")).expect("it opens");
    let error = file.entries().find_map(Result::err).expect("an unknown command");
    assert!(error.to_string().contains("made by a newer version"), "{error}");
}
