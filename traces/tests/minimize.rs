//! Traces are minimized without a GPU: a test of the candidates' commands stands for the replay. Every candidate must
//! be a stream that a worker would accept.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
};

use airlock_protocol::{
    Command, Event, Payload, codec,
    commands::{
        adapter::{Capabilities, RequestDevice},
        binding::{BindGroupEntry, BindingResource, CreateBindGroup, CreateBindGroupLayout},
        buffer::{BufferUsage, CreateBuffer, MapBuffer, MapMode, UnmapBuffer, WriteMapped},
        command_encoder::{CopyBufferToBuffer, CreateCommandEncoder, FinishCommandEncoder},
        compute_pass::{BeginComputePass, ComputePassSetBindGroup, DispatchWorkgroups, EndComputePass},
        error::{ErrorFilter, GpuError, PopErrorScope, PushErrorScope},
        instance::{AdapterSelector, RequestAdapter},
        queue::{Submit, WriteBuffer},
        session::{DropObject, Stage},
    },
    events::{RequestDeviceError, RequestDeviceErrorKind},
    ids::*,
};
use airlock_traces::{
    Trace, TraceFile,
    facts::Facts,
    format::{Digest, Readback},
    header::Header,
    minimize::{Answers, Candidate, Goal, Ground, Stats, Watch, minimize},
    trace::{Entry, What},
};

const DEVICE: DeviceId = DeviceId(0);

/// Builds a trace by hand.
struct Maker {
    trace: Trace,
    session: u32,
    request: u64,
}

impl Maker {
    fn new() -> Self {
        let header = Header::of_this_program(None, "test");
        let mut maker = Self { trace: Trace { header, ..Trace::default() }, session: 0, request: 0 };
        maker.session();
        maker
    }

    fn entry(&mut self, what: What) {
        let time = self.trace.entries.len() as u64;
        self.trace.entries.push(Entry { session: self.session, time, what });
    }

    /// A session with an adapter and a device.
    fn session(&mut self) {
        self.session += 1;
        self.entry(What::Session);
        let (request, adapter, selector) = (self.request(), AdapterId(0), AdapterSelector::Any);
        self.put(RequestAdapter { request, adapter, power_preference: None, force_fallback_adapter: false, selector });
        self.event(&Event::AdapterReply { request, result: Ok(Box::new(Capabilities::default())) });
        self.device(DEVICE, None);
    }

    fn device(&mut self, device: DeviceId, refusal: Option<RequestDeviceError>) {
        let (request, adapter) = (self.request(), AdapterId(0));
        let (required_features, required_limits) = (Vec::new(), Vec::new());
        self.put(RequestDevice { request, adapter, device, label: "", required_features, required_limits });
        let result = refusal.map_or_else(|| Ok(Box::new(Capabilities::default())), Err);
        self.event(&Event::DeviceReply { request, result });
    }

    fn request(&mut self) -> RequestId {
        self.request += 1;
        RequestId(self.request)
    }

    fn put<'a>(&mut self, command: impl Into<Command<'a>>) {
        let mut bytes = Vec::new();
        codec::encode_command(&command.into(), &mut bytes).unwrap();
        self.entry(What::Command(bytes.into()));
    }

    /// Adds an event, after a batch; returns its place.
    fn event(&mut self, event: &Event<'_>) -> usize {
        let mut bytes = Vec::new();
        codec::encode_event(event, &mut bytes).unwrap();
        self.entry(What::Flush);
        self.entry(What::Event(bytes.into()));
        self.trace.entries.len() - 1
    }

    fn buffer(&mut self, id: u32, mapped_at_creation: bool) {
        let usage = BufferUsage::COPY_DST | BufferUsage::STORAGE;
        self.put(CreateBuffer { device: DEVICE, buffer: BufferId(id), label: "", size: 64, usage, mapped_at_creation });
    }

    fn write(&mut self, id: u32, byte: u8) {
        let data = Payload::Inline(&[byte; 4]);
        self.put(WriteBuffer { device: DEVICE, buffer: BufferId(id), offset: 0, data });
    }

    fn write_mapped(&mut self, id: u32) {
        self.put(WriteMapped { buffer: BufferId(id), offset: 0, data: Payload::Inline(&[1; 4]) });
        self.put(UnmapBuffer { buffer: BufferId(id) });
    }

    fn drop(&mut self, object: impl Id) {
        self.put(DropObject { object: object.object() });
    }

    /// Adds a map with its reply; returns the command's number.
    fn map(&mut self, id: u32, mode: MapMode) -> u64 {
        let request = self.request();
        self.put(MapBuffer { request, buffer: BufferId(id), mode, offset: 0, size: 4 });
        if mode == MapMode::Read {
            let digest = Some(Digest::of(&request.0.to_le_bytes()));
            self.entry(What::Flush);
            self.entry(What::Readback(Readback { request, len: 4, digest, pieces: Vec::new() }));
        }
        self.event(&Event::Mapped { request, result: Ok(()) });
        self.commands() - 1
    }

    fn commands(&self) -> u64 {
        self.trace.commands().count() as u64
    }

    /// Adds an encoder with one pass over a group; its ids are reused for the next frame.
    fn frame(&mut self, group: u32, x: u32) {
        let (encoder, pass, command_buffer) = (CommandEncoderId(0), ComputePassId(0), CommandBufferId(0));
        self.put(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
        self.put(BeginComputePass { encoder, pass, label: "", timestamp_writes: None });
        let bind_group = Some(BindGroupId(group));
        self.put(ComputePassSetBindGroup { pass, index: 0, bind_group, dynamic_offsets: Vec::new() });
        self.put(DispatchWorkgroups { pass, x, y: 1, z: 1 });
        self.put(EndComputePass { pass });
        self.drop(pass);
        self.put(FinishCommandEncoder { encoder, command_buffer, label: "" });
        self.drop(encoder);
        self.put(Submit { device: DEVICE, command_buffers: vec![command_buffer] });
        self.drop(command_buffer);
    }

    /// Groups 0 to `count`, each over a buffer of the same number.
    fn groups(&mut self, count: u32) {
        let layout = BindGroupLayoutId(0);
        self.put(CreateBindGroupLayout { device: DEVICE, layout, label: "", entries: Vec::new() });
        for id in 0..count {
            self.buffer(id, false);
            let resource = BindingResource::Buffer { buffer: BufferId(id), offset: 0, size: None };
            let entries = vec![BindGroupEntry { binding: 0, resource }];
            let bind_group = BindGroupId(id);
            self.put(CreateBindGroup { device: DEVICE, bind_group, label: "", layout, entries });
        }
    }

    fn pop(&mut self, error: Option<GpuError>) -> usize {
        let request = self.request();
        self.put(PopErrorScope { request, device: DEVICE });
        self.event(&Event::ScopePopped { request, result: Ok(error) })
    }

    /// Adds frames of mixed commands, until the trace has `commands` commands.
    fn noise(&mut self, commands: u64) {
        let mut turn = 0;
        while self.commands() < commands {
            self.write(turn % 8, turn as u8 % 200);
            self.frame(turn % 8, turn);
            self.buffer(100, true);
            self.write_mapped(100);
            self.map(100, MapMode::Write);
            self.write_mapped(100);
            self.put(PushErrorScope { device: DEVICE, filter: ErrorFilter::Validation });
            self.map(100, MapMode::Read);
            self.pop(None);
            self.drop(BufferId(100));
            turn += 1;
        }
    }
}

/// A worker's state of a session.
#[derive(Default)]
struct Worker {
    live: HashSet<Object>,
    staged: u64,
    mapped: HashSet<BufferId>,
    asked: HashMap<RequestId, Option<Object>>,
}

impl Worker {
    fn command(&mut self, command: &Command<'_>) {
        let facts = Facts::of(command);
        for object in facts.needs() {
            assert!(self.live.contains(&object), "{command:?} names what is not there");
        }
        if let Some(object) = facts.makes {
            assert!(self.live.insert(object), "{command:?} makes what is there");
        }
        self.asked.extend(facts.request.map(|request| (request, facts.makes)));
        match command {
            Command::DropObject(c) => {
                self.live.remove(&c.object);
                if let Object::Buffer(buffer) = c.object {
                    self.mapped.remove(&buffer);
                }
            }
            Command::Stage(c) => self.staged += c.data.len(),
            Command::CreateBuffer(c) if c.mapped_at_creation => drop(self.mapped.insert(c.buffer)),
            Command::MapBuffer(c) => assert!(self.mapped.insert(c.buffer), "mapped twice"),
            Command::UnmapBuffer(c) => drop(self.mapped.remove(&c.buffer)),
            Command::WriteMapped(c) => assert!(self.mapped.contains(&c.buffer), "{command:?} without a map"),
            _ => {}
        }
        if let Some(Payload::Staged { len }) = command.payload() {
            assert_eq!(std::mem::take(&mut self.staged), *len);
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        let Some(request) = event.request() else { return };
        let made = *self.asked.get(&request).expect("an answer to nobody");
        if let Event::DeviceReply { result: Err(_), .. } = event {
            self.live.remove(&made.unwrap());
        }
    }
}

/// Checks that a worker would accept a stream: ids are alive when they are used and not when they are made, staged data
/// is consumed whole, mapped contents are written into a map.
fn check(trace: &Trace) {
    let mut sessions: HashMap<u32, Worker> = HashMap::new();
    for entry in &trace.entries {
        let worker = match entry.what {
            What::Session => sessions.entry(entry.session).or_default(),
            _ => sessions.get_mut(&entry.session).expect("a session that has not begun"),
        };
        match &entry.what {
            What::Command(bytes) => worker.command(&codec::decode_command(bytes).unwrap()),
            What::Event(bytes) => worker.event(&codec::decode_event(bytes).unwrap()),
            What::Readback(readback) => assert!(worker.asked.contains_key(&readback.request)),
            _ => {}
        }
    }
    assert!(sessions.values().all(|worker| worker.staged == 0), "staged for nobody");
    let file = TraceFile::from_bytes(trace.write(Vec::new()).unwrap()).unwrap();
    assert_eq!(Trace::load(&file.into()).unwrap().commands().count(), trace.commands().count());
}

/// Tries candidates with a function.
struct Try<F> {
    shows: F,
    best: Candidate,
    stop_after: u64,
}

impl<F: FnMut(&Trace) -> bool> Watch for Try<F> {
    type Error = Infallible;

    fn test(&mut self, candidate: &Candidate) -> Result<bool, Infallible> {
        check(&candidate.trace);
        Ok((self.shows)(&candidate.trace))
    }

    fn improved(&mut self, candidate: &Candidate, stats: &Stats) -> Result<(), Infallible> {
        assert_eq!(stats.after, candidate.commands.len());
        assert_eq!(stats.after, candidate.trace.commands().count());
        assert!(self.best.commands.is_empty() || self.best.commands.len() >= candidate.commands.len());
        self.best = candidate.clone();
        Ok(())
    }

    fn progress(&mut self, stats: &Stats) {
        self.stop_after -= u64::from(stats.tests > 0);
    }

    fn stop(&mut self) -> bool {
        self.stop_after == 0
    }
}

fn search(trace: &Trace, goal: &Goal, shows: impl FnMut(&Trace) -> bool) -> (Ground, Stats, Candidate) {
    let mut watch = Try { shows, best: Candidate::default(), stop_after: u64::MAX };
    let (ground, stats) = minimize(trace, goal, u64::MAX, &mut watch).unwrap();
    println!("{stats:?}");
    (ground, stats, watch.best)
}

fn commands(trace: &Trace) -> impl Iterator<Item = Command<'_>> {
    trace.commands().map(|(_, _, bytes)| codec::decode_command(bytes).unwrap())
}

fn names(candidate: &Candidate) -> Vec<&'static str> {
    commands(&candidate.trace).map(|command| command.name()).collect()
}

fn writes(trace: &Trace, byte: u8) -> bool {
    let wanted = [byte; 4];
    commands(trace).any(|c| matches!(c, Command::WriteBuffer(c) if c.data == Payload::Inline(&wanted)))
}

const HIDDEN: u32 = 0xdead;

/// True when a submit executes a pass with the hidden dispatch.
fn runs(trace: &Trace) -> bool {
    let (mut in_pass, mut in_encoder, mut in_buffer) = (false, false, false);
    for command in commands(trace) {
        match command {
            Command::CreateCommandEncoder(_) => (in_pass, in_encoder, in_buffer) = (false, false, false),
            Command::DispatchWorkgroups(c) => in_pass |= c.x == HIDDEN,
            Command::EndComputePass(_) => in_encoder |= in_pass,
            Command::FinishCommandEncoder(_) => in_buffer = in_encoder,
            Command::Submit(c) if in_buffer && !c.command_buffers.is_empty() => return true,
            _ => {}
        }
    }
    false
}

/// A trace of 5,000 commands with one dispatch that differs from the others.
fn hidden() -> Trace {
    let mut maker = Maker::new();
    maker.groups(8);
    maker.noise(3000);
    maker.frame(3, HIDDEN);
    maker.noise(5000);
    maker.trace
}

const LEFT: [&str; 8] = [
    "RequestAdapter",
    "RequestDevice",
    "CreateCommandEncoder",
    "BeginComputePass",
    "DispatchWorkgroups",
    "EndComputePass",
    "FinishCommandEncoder",
    "Submit",
];

#[test]
fn one_command_in_five_thousand_is_found() {
    let trace = hidden();
    check(&trace);
    let (ground, stats, best) = search(&trace, &Goal::default(), runs);
    assert_eq!(ground, Ground::Smallest);
    assert!(stats.before >= 5000);
    assert_eq!(names(&best), LEFT);
    assert!(stats.tests < 120, "{stats:?}");
    // The smallest trace is not changed.
    assert_eq!(search(&best.trace, &Goal::default(), runs).2.trace.entries, best.trace.entries);
}

#[test]
fn a_suspect_saves_tests() {
    let trace = hidden();
    let place = commands(&trace).position(|c| matches!(c, Command::DispatchWorkgroups(c) if c.x == HIDDEN)).unwrap();
    let submit = place as u64 + 5;
    let goal = Goal { suspect: Some(submit), ..Goal::default() };
    let (_, stats, best) = search(&trace, &goal, runs);
    assert_eq!(names(&best), LEFT);
    assert_eq!(best.position(submit), Some(7));
    assert!(stats.tests < 40, "{stats:?}");
}

#[test]
fn contents_that_matter_stay() {
    // The fault shows when the last frame reads a certain early write.
    let mut maker = Maker::new();
    maker.groups(8);
    maker.noise(600);
    maker.write(5, 255);
    maker.noise(5000);
    maker.frame(5, HIDDEN);
    let bound =
        |c: Command<'_>| matches!(c, Command::ComputePassSetBindGroup(c) if c.bind_group == Some(BindGroupId(5)));
    let shows = |trace: &Trace| runs(trace) && writes(trace, 255) && commands(trace).any(bound);
    let (_, stats, best) = search(&maker.trace, &Goal::default(), shows);
    let kept = names(&best);
    assert_eq!(kept.len(), 13, "{kept:?}");
    for name in ["CreateBuffer", "WriteBuffer", "CreateBindGroupLayout", "CreateBindGroup", "ComputePassSetBindGroup"] {
        assert_eq!(kept.iter().filter(|&&kept| kept == name).count(), 1, "{kept:?}");
    }
    assert!(stats.tests < 200, "{stats:?}");
}

#[test]
fn an_id_that_is_made_again_is_dropped_before() {
    let mut maker = Maker::new();
    for byte in 0..200 {
        maker.buffer(0, false);
        maker.write(0, byte);
        maker.drop(BufferId(0));
    }
    let shows = |trace: &Trace| writes(trace, 7) && writes(trace, 150);
    let (_, _, best) = search(&maker.trace, &Goal::default(), shows);
    let expected = ["CreateBuffer", "WriteBuffer", "DropObject", "CreateBuffer", "WriteBuffer"];
    assert_eq!(names(&best)[2..], expected);
}

#[test]
fn staged_data_goes_with_its_command() {
    let mut maker = Maker::new();
    maker.buffer(0, false);
    for turn in 0..40_u64 {
        for _ in 0..=turn % 3 {
            let data = maker.trace.add_piece(1, vec![turn as u8; 10_000]);
            maker.put(Stage { data });
        }
        let data = Payload::Staged { len: (turn % 3 + 1) * 10_000 };
        maker.put(WriteBuffer { device: DEVICE, buffer: BufferId(0), offset: turn, data });
    }
    let shows = |trace: &Trace| commands(trace).any(|c| matches!(c, Command::WriteBuffer(c) if c.offset == 20));
    let (_, _, best) = search(&maker.trace, &Goal::default(), shows);
    assert_eq!(names(&best)[2..], ["CreateBuffer", "Stage", "Stage", "Stage", "WriteBuffer"]);
}

#[test]
fn lists_are_shortened() {
    let mut maker = Maker::new();
    for id in 0..50 {
        let (encoder, command_buffer) = (CommandEncoderId(id), CommandBufferId(id));
        maker.buffer(id, false);
        maker.put(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
        let (source, destination) = (BufferId(id), BufferId(0));
        let (source_offset, destination_offset, size) = (0, 0, None);
        maker.put(CopyBufferToBuffer { encoder, source, source_offset, destination, destination_offset, size });
        maker.put(FinishCommandEncoder { encoder, command_buffer, label: "" });
    }
    maker.put(Submit { device: DEVICE, command_buffers: (0..50).map(CommandBufferId).collect() });
    let wanted = |c: Command<'_>| matches!(c, Command::Submit(c) if c.command_buffers.contains(&CommandBufferId(31)));
    let (_, _, best) = search(&maker.trace, &Goal::default(), |trace| commands(trace).any(wanted));
    assert_eq!(names(&best)[2..], ["CreateCommandEncoder", "FinishCommandEncoder", "Submit"]);
    let submit = commands(&best.trace).last().unwrap();
    assert_eq!(submit, Submit { device: DEVICE, command_buffers: vec![CommandBufferId(31)] }.into());
}

#[test]
fn a_scope_stays_around_its_error() {
    let mut maker = Maker::new();
    maker.groups(8);
    maker.noise(2000);
    maker.session();
    maker.groups(8);
    maker.noise(3500);
    maker.put(PushErrorScope { device: DEVICE, filter: ErrorFilter::Validation });
    (0..3).for_each(|_| maker.frame(1, 1));
    maker.buffer(200, false);
    maker.frame(1, 1);
    let error = GpuError { kind: ErrorFilter::Validation, message: "bad buffer".to_owned() };
    let event = maker.pop(Some(error));
    maker.noise(5000);
    let trace = maker.trace;
    let answers = Answers { forget_readbacks: true, except: None };
    let goal = Goal { event: Some(event), answers, ..Goal::default() };
    let shows = |trace: &Trace| {
        let mut depth = 0;
        commands(trace).any(|command| match command {
            Command::PushErrorScope(_) => {
                depth += 1;
                false
            }
            Command::PopErrorScope(_) => {
                depth -= 1;
                false
            }
            Command::CreateBuffer(c) => c.buffer == BufferId(200) && depth > 0,
            _ => false,
        })
    };
    let (_, stats, best) = search(&trace, &goal, shows);
    let expected = ["RequestAdapter", "RequestDevice", "PushErrorScope", "CreateBuffer", "PopErrorScope"];
    assert_eq!(names(&best), expected);
    assert!(stats.tests < 60, "{stats:?}");
    // The first session is gone; the events of the remaining commands are kept, the error among them.
    assert!(best.trace.entries.iter().all(|entry| entry.session == 2));
    let events: Vec<_> = best.trace.entries.iter().filter(|entry| matches!(entry.what, What::Event(_))).collect();
    assert_eq!(events.len(), 3);
    assert_eq!(events[2].what, trace.entries[event].what);
}

#[test]
fn an_error_that_nobody_asked_for_stays() {
    let mut maker = Maker::new();
    maker.groups(8);
    maker.noise(3000);
    let error = |message: &str| {
        let error = GpuError { kind: ErrorFilter::Validation, message: message.to_owned() };
        Event::Uncaptured { device: DEVICE, error }
    };
    maker.event(&error("another"));
    maker.buffer(200, false);
    let event = maker.event(&error("the one"));
    maker.event(&error("a third"));
    maker.noise(5000);
    let goal = Goal { event: Some(event), ..Goal::default() };
    let shows = |trace: &Trace| commands(trace).any(|c| matches!(c, Command::CreateBuffer(c) if c.buffer.0 == 200));
    let (_, stats, best) = search(&maker.trace, &goal, shows);
    assert_eq!(names(&best), ["RequestAdapter", "RequestDevice", "CreateBuffer"]);
    let events: Vec<_> = best.trace.entries.iter().filter(|entry| matches!(entry.what, What::Event(_))).collect();
    assert_eq!(events.len(), 3);
    assert_eq!(events[2].what, maker.trace.entries[event].what);
    assert!(stats.tests < 20, "{stats:?}");
}

#[test]
fn what_was_read_back_is_kept_or_forgotten() {
    let mut maker = Maker::new();
    maker.buffer(0, false);
    let first = maker.map(0, MapMode::Read);
    maker.put(UnmapBuffer { buffer: BufferId(0) });
    let second = maker.map(0, MapMode::Read);
    let answers = Answers { forget_readbacks: true, except: Some(second) };
    let goal = Goal { commands: vec![first, second], answers, ..Goal::default() };
    let (_, _, best) = search(&maker.trace, &goal, |_| true);
    assert_eq!(names(&best)[2..], ["CreateBuffer", "MapBuffer", "UnmapBuffer", "MapBuffer"]);
    let digests = best.trace.entries.iter().filter_map(|entry| match &entry.what {
        What::Readback(readback) => Some(readback.digest.is_some()),
        _ => None,
    });
    assert_eq!(digests.collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_refused_device_is_not_there() {
    let mut maker = Maker::new();
    let device = DeviceId(1);
    let (kind, message) = (RequestDeviceErrorKind::Type, "no".to_owned());
    maker.device(device, Some(RequestDeviceError { kind, message }));
    maker.device(device, None);
    let (usage, buffer) = (BufferUsage::COPY_DST, BufferId(0));
    maker.put(CreateBuffer { device, buffer, label: "", size: 4, usage, mapped_at_creation: false });
    let shows = |trace: &Trace| commands(trace).any(|c| matches!(c, Command::CreateBuffer(_)));
    let (_, _, best) = search(&maker.trace, &Goal::default(), shows);
    assert_eq!(names(&best), ["RequestAdapter", "RequestDevice", "CreateBuffer"]);
    assert_eq!(best.commands[1], 3);
}

#[test]
fn a_search_ends_when_it_is_told_to() {
    let trace = hidden();
    let mut watch = Try { shows: runs, best: Candidate::default(), stop_after: 20 };
    let (ground, stats) = minimize(&trace, &Goal::default(), u64::MAX, &mut watch).unwrap();
    assert_eq!((ground, stats.tests), (Ground::Interrupted, 20));
    assert!(runs(&watch.best.trace));
    let mut watch = Try { shows: runs, best: Candidate::default(), stop_after: u64::MAX };
    let (ground, stats) = minimize(&trace, &Goal::default(), 20, &mut watch).unwrap();
    assert_eq!((ground, stats.tests), (Ground::Tests, 20));
    assert_eq!(stats.after, watch.best.commands.len());
    assert_eq!(search(&trace, &Goal::default(), |_| false).0, Ground::NotShown);
}

#[cfg(all(unix, feature = "cli"))]
mod command {
    use std::{fs, path::Path};

    use airlock_traces::cli::{self, ToolError};
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: cli::minimize::Arguments,
    }

    fn run(arguments: &[&str]) -> Result<u8, ToolError> {
        cli::minimize::run(Line::parse_from([&["minimize"], arguments].concat()).arguments)
    }

    /// A folder with a trace in it, its path and that of an output.
    fn folder() -> (tempfile::TempDir, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (input, output) = (path("in.airtrace"), path("out.airtrace"));
        fs::write(&input, hidden().write(Vec::new()).unwrap()).unwrap();
        (folder, input, output)
    }

    fn files(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_program_may_judge() {
        let (folder, input, output) = folder();
        let count = folder.path().join("count").to_str().unwrap().to_owned();
        // The fault shows as long as the file is larger than some kilobytes.
        let script = r#"echo >>"$0"; test "$(wc -c <"$1")" -gt 4000"#;
        let limit = ["--max-tests", "60"];
        let arguments = [&[&*input, "-o", &output], &limit[..], &["--", "sh", "-c", script, &count, "{}"]].concat();
        assert_eq!(run(&arguments).unwrap(), 0);
        let small = Trace::load(&TraceFile::open(output.as_ref()).unwrap().into()).unwrap();
        assert!(fs::metadata(&output).unwrap().len() > 4000);
        assert!(small.commands().count() < 1000, "{}", small.commands().count());
        assert!(small.header.history[0].contains("commands still show"), "{:?}", small.header.history);
        check(&small);
        assert_eq!(fs::read_to_string(&count).unwrap().lines().count(), 60);
        assert_eq!(files(folder.path()), ["count", "in.airtrace", "out.airtrace"]);
    }

    #[test]
    fn nothing_is_written_where_the_fault_is_not_shown() {
        let (folder, input, output) = folder();
        assert_eq!(run(&[&input, "-o", &output, "--", "false"]).unwrap(), 1);
        let slow = run(&[&input, "-o", &output, "--timeout", "1", "--", "sleep", "100"]).unwrap();
        assert_eq!(slow, 1);
        assert!(run(&[&input, "-o", &output, "--", "/no/such/program"]).is_err());
        let same = run(&[&input, "-o", &input, "--", "true"]).unwrap_err().to_string();
        assert!(same.contains("another file"), "{same}");
        assert_eq!(files(folder.path()), ["in.airtrace"]);
    }
}
