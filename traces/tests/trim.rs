//! `airlock trace trim`, without a GPU: the trimmed trace is complete, and has nothing that it does not need.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{collections::HashSet, sync::Arc};

use airlock_protocol::{
    Command, Event, Payload, codec,
    commands::{adapter::*, buffer::*, command_encoder::*, error::*, instance::*, queue::*, session::*},
    ids::*,
};
use airlock_traces::{
    Trace, TraceFile,
    facts::Facts,
    format::{Digest, Readback},
    header::Header,
    tools::trim::{TrimError, Trimmed, Window, trim},
    trace::{Entry, What},
};

const DEVICE: DeviceId = DeviceId(0);

#[derive(Default)]
struct Maker {
    trace: Trace,
    session: u32,
    request: u64,
}

impl Maker {
    fn new() -> Self {
        let mut maker = Self::default();
        maker.trace.header = Header::of_this_program(None, "0.3.0-rc.2");
        maker.session();
        maker
    }

    fn entry(&mut self, what: What) {
        let time = self.trace.entries.len() as u64 * 10;
        self.trace.entries.push(Entry { session: self.session, time, what });
    }

    fn put<'a>(&mut self, command: impl Into<Command<'a>>) {
        let mut bytes = Vec::new();
        codec::encode_command(&command.into(), &mut bytes).unwrap();
        self.entry(What::Command(bytes.into()));
    }

    fn hear(&mut self, event: &Event<'_>) {
        let mut bytes = Vec::new();
        codec::encode_event(event, &mut bytes).unwrap();
        self.entry(What::Flush);
        self.entry(What::Event(bytes.into()));
    }

    fn request(&mut self) -> RequestId {
        self.request += 1;
        RequestId(self.request)
    }

    fn session(&mut self) {
        self.session += 1;
        self.entry(What::Session);
        let (request, adapter) = (self.request(), AdapterId(0));
        let (power_preference, selector) = (None, AdapterSelector::Any);
        self.put(RequestAdapter { request, adapter, power_preference, force_fallback_adapter: false, selector });
        self.hear(&Event::AdapterReply { request, result: Ok(Box::default()) });
        let (request, device) = (self.request(), DEVICE);
        let (required_features, required_limits) = (Vec::new(), Vec::new());
        self.put(RequestDevice { request, adapter, device, label: "", required_features, required_limits });
        self.hear(&Event::DeviceReply { request, result: Ok(Box::new(Capabilities::default())) });
    }

    fn buffer(&mut self, id: u32, label: &str) {
        let usage = BufferUsage::COPY_DST | BufferUsage::COPY_SRC | BufferUsage::MAP_READ;
        let (buffer, size, mapped_at_creation) = (BufferId(id), 64, false);
        self.put(CreateBuffer { device: DEVICE, buffer, label, size, usage, mapped_at_creation });
    }

    fn write(&mut self, id: u32, byte: u8) {
        let data = Payload::Inline(&[byte; 64]);
        self.put(WriteBuffer { device: DEVICE, buffer: BufferId(id), offset: 0, data });
    }

    fn copy(&mut self, from: u32, to: u32) {
        let (encoder, command_buffer) = (CommandEncoderId(0), CommandBufferId(0));
        self.put(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
        let (source, destination) = (BufferId(from), BufferId(to));
        let (source_offset, destination_offset, size) = (0, 0, Some(64));
        self.put(CopyBufferToBuffer { encoder, source, source_offset, destination, destination_offset, size });
        self.put(FinishCommandEncoder { encoder, command_buffer, label: "" });
        self.put(Submit { device: DEVICE, command_buffers: vec![command_buffer] });
        self.entry(What::Flush);
        self.put(DropObject { object: Object::CommandBuffer(command_buffer) });
        self.put(DropObject { object: Object::CommandEncoder(encoder) });
    }

    fn read(&mut self, id: u32, byte: u8) {
        let (request, buffer) = (self.request(), BufferId(id));
        self.put(MapBuffer { request, buffer, mode: MapMode::Read, offset: 0, size: 64 });
        self.entry(What::Flush);
        let digest = Some(Digest::of(&[byte; 64]));
        self.entry(What::Readback(Readback { request, len: 64, digest, pieces: Vec::new() }));
        self.hear(&Event::Mapped { request, result: Ok(()) });
        self.put(UnmapBuffer { buffer });
    }

    fn drop_buffer(&mut self, id: u32) {
        self.put(DropObject { object: Object::Buffer(BufferId(id)) });
    }

    fn file(&self) -> Arc<TraceFile> {
        Arc::new(TraceFile::from_bytes(self.trace.write(Vec::new()).unwrap()).unwrap())
    }

    fn trim(&self, window: Window) -> Trimmed {
        let trimmed = trim(&self.file(), window, &mut |_| ()).unwrap();
        check(&trimmed.trace);
        // It can be written, read and trimmed again with the same result.
        let bytes = trimmed.trace.write(Vec::new()).unwrap();
        let again =
            trim(&Arc::new(TraceFile::from_bytes(bytes).unwrap()), Window::Submits(0, None), &mut |_| ()).unwrap();
        assert_eq!(lines(&again.trace), lines(&trimmed.trace));
        trimmed
    }
}

/// Checks that every object that a command names exists, and that every reply has its request.
fn check(trace: &Trace) {
    let (mut live, mut asked) = (HashSet::new(), HashSet::new());
    for entry in &trace.entries {
        match &entry.what {
            What::Command(bytes) => {
                let command = codec::decode_command(bytes).unwrap();
                let facts = Facts::of(&command);
                assert!(facts.needs().all(|object| live.contains(&(entry.session, object))), "{command:?}");
                assert!(facts.makes.is_none_or(|object| live.insert((entry.session, object))), "{command:?}");
                facts.drops.map(|object| live.remove(&(entry.session, object)));
                asked.extend(facts.request.map(|request| (entry.session, request)));
            }
            What::Event(bytes) => {
                let request = codec::decode_event(bytes).unwrap().request();
                assert!(request.is_none_or(|request| asked.contains(&(entry.session, request))));
            }
            What::Readback(readback) => assert!(asked.contains(&(entry.session, readback.request))),
            _ => {}
        }
    }
}

/// Commands and events by their names.
fn lines(trace: &Trace) -> Vec<String> {
    let line = |entry: &Entry| match &entry.what {
        What::Command(bytes) => Some(format!("{:?}", codec::decode_command(bytes).unwrap())),
        What::Event(bytes) => Some(format!("{:?}", codec::decode_event(bytes).unwrap())),
        What::Readback(_) => Some("readback".to_owned()),
        _ => None,
    };
    trace.entries.iter().filter_map(line).collect()
}

fn count(trace: &Trace, what: &str) -> usize {
    lines(trace).iter().filter(|line| line.contains(what)).count()
}

#[test]
fn the_whole_is_the_whole() {
    let mut m = Maker::new();
    m.buffer(0, "");
    m.buffer(1, "");
    for round in 0..5 {
        m.write(0, round);
        m.copy(0, 1);
        m.read(1, round);
    }
    assert_eq!(lines(&m.trim(Window::Submits(0, None)).trace), lines(&m.trace));
}

#[test]
fn contents_from_writes_need_no_submit_before_the_window() {
    let mut m = Maker::new();
    m.buffer(0, "");
    m.buffer(1, "");
    for round in 0..5 {
        m.write(0, round);
        m.copy(0, 1);
        m.read(1, round);
    }
    let trimmed = m.trim(Window::Submits(3, Some(4)));
    assert_eq!((trimmed.before, trimmed.of, trimmed.from_before.len()), (0, 5, 0));
    for (what, times) in
        [("Submit", 1), ("WriteBuffer", 1), ("MapBuffer", 1), ("readback", 1), ("Mapped", 1), ("Unmap", 1)]
    {
        assert_eq!(count(&trimmed.trace, what), times, "{what}");
    }
    assert_eq!(count(&trimmed.trace, "[3, 3,"), 1, "the window's own");
    assert!(trimmed.trace.header.history[0].contains("3..4 of 5"));
}

#[test]
fn contents_from_submits_keep_those_submits_only() {
    let mut m = Maker::new();
    (0..5).for_each(|id| m.buffer(id, if id == 1 { "kept" } else { "" }));
    m.write(0, 7);
    m.copy(0, 1);
    for _ in 0..10 {
        m.copy(2, 3);
    }
    m.drop_buffer(0);
    m.buffer(0, "another");
    m.write(0, 8);
    m.copy(0, 4);
    m.copy(1, 2);
    m.read(2, 7);
    let trimmed = m.trim(Window::Last(1));
    assert_eq!(trimmed.before, 1);
    assert_eq!(trimmed.from_before.len(), 1);
    assert_eq!((trimmed.from_before[0].resource.as_str(), trimmed.from_before[0].submits), ("Buffer 1 \"kept\"", 1));
    assert_eq!(count(&trimmed.trace, "Submit"), 2);
    // Buffers 0 (the first of the two), 1 and 2; the drop of 0 is kept with it.
    assert_eq!(count(&trimmed.trace, "CreateBuffer"), 3);
    assert_eq!(count(&trimmed.trace, "DropObject { object: Buffer"), 1);
    assert_eq!(count(&trimmed.trace, "another"), 0);
}

#[test]
fn an_error_keeps_the_commands_that_may_have_caused_it() {
    let mut m = Maker::new();
    m.buffer(0, "");
    m.buffer(1, "");
    let (request, device) = (m.request(), DEVICE);
    m.put(PushErrorScope { device, filter: ErrorFilter::Validation });
    m.buffer(2, "not valid");
    m.buffer(3, "beside it");
    m.put(PopErrorScope { request, device });
    let error = GpuError { kind: ErrorFilter::Validation, message: "no".to_owned() };
    m.hear(&Event::ScopePopped { request, result: Ok(Some(error)) });
    m.copy(0, 1);
    let none = m.request();
    m.put(PushErrorScope { device, filter: ErrorFilter::Validation });
    m.buffer(4, "valid");
    m.put(PopErrorScope { request: none, device });
    m.hear(&Event::ScopePopped { request: none, result: Ok(None) });
    m.copy(0, 1);
    m.copy(0, 4);
    let trimmed = m.trim(Window::Last(1));
    assert_eq!((count(&trimmed.trace, "Scope"), count(&trimmed.trace, "valid\"")), (0, 1), "no error, no scope");
    m.copy(0, 2);
    let trimmed = m.trim(Window::Last(1));
    assert_eq!(count(&trimmed.trace, "Push"), 1);
    assert_eq!(count(&trimmed.trace, "ScopePopped"), 1);
    assert_eq!(count(&trimmed.trace, "beside it"), 1);
}

#[test]
fn an_open_scope_stays_open() {
    let mut m = Maker::new();
    m.buffer(0, "");
    m.buffer(1, "");
    let (request, device) = (m.request(), DEVICE);
    m.put(PushErrorScope { device, filter: ErrorFilter::Validation });
    m.copy(0, 1);
    m.copy(0, 1);
    m.put(PopErrorScope { request, device });
    m.hear(&Event::ScopePopped { request, result: Ok(None) });
    let trimmed = m.trim(Window::Last(1));
    assert_eq!((count(&trimmed.trace, "PushErrorScope"), count(&trimmed.trace, "PopErrorScope")), (1, 1));
    assert_eq!(count(&trimmed.trace, "Submit"), 1);
}

#[test]
fn what_is_mapped_at_creation_is_unmapped_again() {
    let mut m = Maker::new();
    let (buffer, usage) = (BufferId(0), BufferUsage::COPY_SRC);
    m.put(CreateBuffer { device: DEVICE, buffer, label: "", size: 64, usage, mapped_at_creation: true });
    m.put(Stage { data: Payload::Inline(&[1; 32]) });
    m.put(Stage { data: Payload::Inline(&[2; 32]) });
    m.put(WriteMapped { buffer, offset: 0, data: Payload::Staged { len: 64 } });
    m.put(UnmapBuffer { buffer });
    m.buffer(1, "");
    m.copy(0, 1);
    m.copy(0, 1);
    let trimmed = m.trim(Window::Last(1));
    for (what, times) in [("Stage {", 2), ("WriteMapped", 1), ("UnmapBuffer", 1), ("Submit", 1)] {
        assert_eq!(count(&trimmed.trace, what), times, "{what}");
    }
}

#[test]
fn sessions_without_a_part_in_the_window_go() {
    let mut m = Maker::new();
    for _ in 0..3 {
        m.buffer(0, "");
        m.buffer(1, "");
        m.write(0, 1);
        m.copy(0, 1);
        m.entry(What::End("over".to_owned()));
        m.session();
    }
    let trimmed = m.trim(Window::Submits(1, Some(2)));
    assert!(trimmed.trace.entries.iter().all(|entry| entry.session == 2 || entry.session == 3));
    assert_eq!(count(&trimmed.trace, "Submit"), 1);
    let error = trim(&m.file(), Window::Submits(3, None), &mut |_| ()).unwrap_err();
    assert!(matches!(error, TrimError::Beyond { from: 3, submits: 3 }), "{error}");
}
