//! The flight recorder, tested from outside: its input is a live session, its output are files.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use airlock_protocol::{
    Command, Event, Payload,
    codec::{self, BatchWriter},
    commands::{
        adapter::{Capabilities, RequestDevice},
        buffer::*,
        command_encoder::*,
        error::*,
        instance::*,
        queue::*,
        session::*,
    },
    connect::CLOSED,
    ids::*,
};
use airlock_traces::{
    Trace, TraceFile,
    capture::{
        Recorder, SessionRecorder,
        flight::{FlightOptions, MAX_TRACES, start},
    },
    facts::Facts,
    header::Header,
    trace::{Entry, What},
};

const DEVICE: DeviceId = DeviceId(0);

struct Run {
    recorder: Recorder,
    session: SessionRecorder,
    batch: BatchWriter,
    notices: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
    ring: u64,
}

impl Run {
    fn new(keep: usize, memory: usize) -> Self {
        let (folder, notices) = (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let header = Header::of_this_program(None, "0.3.0-rc.2");
        let options = FlightOptions { keep, memory, ..FlightOptions::new(folder.path().join("deep/flights"), header) };
        let told = Arc::clone(&notices);
        let recorder = start(options, Box::new(move |notice| told.lock().unwrap().push(notice.to_owned())));
        let session = recorder.session();
        let mut run = Self { recorder, session, batch: BatchWriter::default(), notices, folder, ring: 0 };
        let (request, adapter) = (RequestId(0), AdapterId(0));
        run.put(RequestAdapter {
            request,
            adapter,
            power_preference: None,
            force_fallback_adapter: false,
            selector: AdapterSelector::Any,
        });
        run.hear(&Event::AdapterReply { request, result: Ok(Box::default()) });
        let request = RequestId(1);
        let (required_features, required_limits) = (Vec::new(), Vec::new());
        run.put(RequestDevice { request, adapter, device: DEVICE, label: "", required_features, required_limits });
        run.hear(&Event::DeviceReply { request, result: Ok(Box::new(Capabilities::default())) });
        run
    }

    fn put<'a>(&mut self, command: impl Into<Command<'a>>) {
        self.batch.push(&command.into()).unwrap();
    }

    fn flush(&mut self) {
        if !self.batch.is_empty() {
            self.batch.finish(|bytes| self.session.batch(bytes));
        }
    }

    fn hear(&mut self, event: &Event<'_>) {
        self.flush();
        let mut bytes = Vec::new();
        codec::encode_event(event, &mut bytes).unwrap();
        self.session.event(&bytes, event);
    }

    fn buffer(&mut self, id: u32) {
        let usage = BufferUsage::COPY_DST | BufferUsage::COPY_SRC;
        let (buffer, size, mapped_at_creation) = (BufferId(id), 1 << 20, false);
        self.put(CreateBuffer { device: DEVICE, buffer, label: "", size, usage, mapped_at_creation });
    }

    /// A write of `len` bytes that differ from those of any other write.
    fn write(&mut self, id: u32, offset: u64, len: u32) {
        let bytes: Vec<u8> = self.ring.to_le_bytes().into_iter().cycle().take(len as usize).collect();
        self.session.piece(self.ring, &bytes);
        let data = Payload::Shared { start: self.ring, len };
        self.ring += u64::from(len);
        self.put(WriteBuffer { device: DEVICE, buffer: BufferId(id), offset, data });
    }

    fn copy(&mut self, from: u32, to: u32, size: u64) {
        let (encoder, command_buffer) = (CommandEncoderId(0), CommandBufferId(0));
        self.put(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
        let (source, destination) = (BufferId(from), BufferId(to));
        let (source_offset, destination_offset) = (0, 0);
        let size = Some(size);
        self.put(CopyBufferToBuffer { encoder, source, source_offset, destination, destination_offset, size });
        self.put(FinishCommandEncoder { encoder, command_buffer, label: "" });
        self.put(Submit { device: DEVICE, command_buffers: vec![command_buffer] });
        self.put(DropObject { object: Object::CommandBuffer(command_buffer) });
        self.put(DropObject { object: Object::CommandEncoder(encoder) });
        self.flush();
    }

    fn error(&mut self) {
        let error = GpuError { kind: ErrorFilter::Validation, message: "no".to_owned() };
        self.hear(&Event::Uncaptured { device: DEVICE, error });
    }

    fn finish(mut self, reason: &str) -> (Vec<Trace>, Vec<String>) {
        self.flush();
        self.session.ended(reason);
        self.recorder.finish();
        let traces = traces(&self.folder.path().join("deep/flights"));
        let notices = self.notices.lock().unwrap().clone();
        (traces, notices)
    }
}

fn traces(folder: &Path) -> Vec<Trace> {
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    let open = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("flight-") && name.ends_with(".airtrace"), "{name}");
        Trace::load(&Arc::new(TraceFile::open(path).unwrap())).unwrap()
    };
    paths.iter().map(open).collect()
}

/// Checks that every object that a command of a trace names exists. Returns the commands' names.
fn check(trace: &Trace) -> Vec<&'static str> {
    let (mut live, mut names) = (std::collections::HashSet::new(), Vec::new());
    for entry in &trace.entries {
        let Some(command) = entry.command() else { continue };
        let command = command.unwrap();
        let facts = Facts::of(&command);
        assert!(facts.needs().all(|object| live.contains(&object)), "{command:?}");
        assert!(facts.makes.is_none_or(|object| live.insert(object)), "{command:?}");
        facts.drops.map(|object| live.remove(&object));
        if let Some(data) = command.payload() {
            let bytes = trace.data(entry.session, data).unwrap().unwrap();
            assert_eq!(bytes.len() as u64, data.len());
        }
        names.push(command.name());
    }
    names
}

fn count(names: &[&str], name: &str) -> usize {
    names.iter().filter(|&&found| found == name).count()
}

#[test]
fn a_run_without_errors_leaves_nothing() {
    let mut run = Run::new(4, 1 << 20);
    run.buffer(0);
    run.buffer(1);
    run.copy(0, 1, 4);
    let (traces, notices) = run.finish(CLOSED);
    assert!(traces.is_empty() && notices.is_empty(), "{notices:?}");
}

#[test]
fn a_burst_of_errors_makes_one_trace_with_the_last_submits_and_what_they_need() {
    let mut run = Run::new(3, 1 << 30);
    run.buffer(0);
    run.buffer(1);
    run.buffer(2);
    run.write(0, 0, 9000);
    for _ in 0..20 {
        run.write(2, 0, 9000);
        run.copy(2, 1, 9000);
        run.copy(0, 1, 9000);
    }
    (0..5).for_each(|_| run.error());
    let (traces, notices) = run.finish(CLOSED);
    assert_eq!(traces.len(), 1);
    assert_eq!(notices.len(), 1);
    assert!(notices[0].starts_with("uncaptured validation error: wrote flight-"), "{notices:?}");
    assert!(notices[0].ends_with("(last 3 submits)"), "{notices:?}");
    let trace = &traces[0];
    // Any command since the last reply may have caused the errors, hence all are kept.
    let names = check(trace);
    assert_eq!(count(&names, "Submit"), 40);
    assert_eq!(trace.entries.iter().filter(|entry| matches!(&entry.what, What::Event(_))).count(), 2 + 5);
    assert!(trace.header.history[0].contains("uncaptured validation error"));
}

#[test]
fn a_lost_worker_makes_a_trace_that_ends_with_its_end() {
    let mut run = Run::new(3, 1 << 30);
    run.buffer(0);
    run.buffer(1);
    run.buffer(2);
    run.write(0, 0, 9000);
    for _ in 0..20 {
        run.write(2, 0, 9000);
        run.copy(2, 1, 9000);
        run.copy(0, 1, 9000);
    }
    let (traces, notices) = run.finish("the GPU worker is gone: killed");
    assert!(notices[0].starts_with("end of the session (the GPU worker is gone: killed): wrote"), "{notices:?}");
    let names = check(&traces[0]);
    assert_eq!(count(&names, "Submit"), 3);
    // One in the window, and one before it that the window reads.
    assert_eq!(count(&names, "WriteBuffer"), 2, "{names:?}");
    assert_eq!(count(&names, "CreateBuffer"), 3);
    assert_eq!(traces[0].entries.last().unwrap().what, What::End("the GPU worker is gone: killed".to_owned()));
}

#[test]
fn a_long_run_is_remembered_in_little_memory() {
    let mut run = Run::new(2, 1 << 20);
    run.buffer(0);
    run.buffer(1);
    run.write(0, 0, 9000);
    // Far more than the memory, with objects that are made and dropped.
    for _ in 0..1000 {
        run.buffer(7);
        run.write(7, 0, 20_000);
        run.copy(7, 1, 20_000);
        run.copy(0, 1, 9000);
        run.put(DropObject { object: Object::Buffer(BufferId(7)) });
    }
    let (traces, _) = run.finish("gone");
    let names = check(&traces[0]);
    assert_eq!(count(&names, "Submit"), 2);
    assert_eq!(count(&names, "CreateBuffer"), 3);
    assert_eq!(traces[0].entries.iter().filter(|entry| matches!(entry.what, What::Unknown(_))).count(), 0);
}

#[test]
fn contents_that_need_too_much_are_given_up_and_named() {
    let mut run = Run::new(2, 1 << 20);
    run.buffer(0);
    run.buffer(1);
    // Each write is needed: none overwrites another.
    for number in 0..100 {
        run.write(0, number * 10_000, 10_000);
        run.write(0, number * 10_000, 9996);
        run.copy(0, 1, 4);
    }
    for _ in 0..2000 {
        run.write(1, 0, 10_000);
        run.flush();
    }
    run.copy(0, 1, 1_000_000);
    let (traces, _) = run.finish("gone");
    let names = check(&traces[0]);
    assert!(count(&names, "WriteBuffer") < 200, "{}", count(&names, "WriteBuffer"));
    let unknown = traces[0].entries.iter().position(|entry| matches!(entry.what, What::Unknown(_))).unwrap();
    assert_eq!(traces[0].entries[unknown].what, What::Unknown(vec![Object::Buffer(BufferId(0))]));
    let submit = |entry: &Entry| matches!(entry.command(), Some(Ok(Command::Submit(_))));
    assert!(traces[0].entries[..unknown].iter().all(|entry| !submit(entry)));
}

#[test]
fn a_run_writes_so_many_traces_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let options = FlightOptions::new(folder.path().to_owned(), Header::default());
    let recorder = start(options, Box::new(|_| ()));
    for _ in 1..20 {
        recorder.session().ended("gone");
    }
    recorder.finish();
    assert_eq!(traces(folder.path()).len(), MAX_TRACES);
}

/// A kept write may stand before the work whose result is dropped, and does not make that result known.
#[test]
fn what_is_given_up_is_unknown_from_there_on() {
    let mut run = Run::new(2, 1 << 20);
    (0..3).for_each(|id| run.buffer(id));
    for number in 0..100 {
        run.write(2, number * 10_000, 10_000);
    }
    // Needed for all but its first bytes, which the copy makes.
    run.write(0, 0, 20_000);
    run.copy(1, 0, 8);
    for _ in 0..2000 {
        run.write(1, 0, 10_000);
        run.flush();
    }
    run.copy(0, 1, 100);
    run.copy(2, 1, 1_000_000);
    let (traces, _) = run.finish("gone");
    check(&traces[0]);
    let entries = &traces[0].entries;
    let written = |entry: &Entry| {
        matches!(entry.command(), Some(Ok(Command::WriteBuffer(WriteBuffer { buffer: BufferId(0), .. }))))
    };
    let unknown = |entry: &Entry| entry.what == What::Unknown(vec![Object::Buffer(BufferId(0))]);
    let (written, unknown) = (entries.iter().rposition(written), entries.iter().rposition(unknown));
    assert!(written.is_some() && unknown > written, "written at {written:?}, unknown at {unknown:?}");
}
