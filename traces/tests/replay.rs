//! Replays against a worker without a GPU: this test program itself, which keeps the contents written to buffers, and
//! crashes, hangs or raises an error where a command tells it to.
#![cfg(unix)]
// Clippy allows these in functions marked as tests, not in their helpers.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)]

use std::{
    collections::HashMap,
    fs,
    io::{Read as _, Write as _},
    os::{fd::AsFd as _, unix::fs::PermissionsExt as _},
    path::PathBuf,
    process,
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use airlock_protocol::{
    Command, Event, Payload,
    codec::{self, BatchReader},
    commands::{adapter::*, buffer::*, device::*, error::*, instance::*, queue::*, session::*},
    connect::{CLOSED, Daemon},
    events::{DeviceLostReason, MapError, MapErrorKind, Report as Statistics},
    handshake::Hello,
    ids::*,
    transport::{EventSender, HandedOver, Listener},
};
use airlock_traces::{
    Trace, TraceFile,
    format::{Digest, Readback},
    header::Header,
    replay::{INJECTED, Inject, Input, Options, Outcome, Probe, Report, replay},
    trace::{Entry, What},
};

// The worker.

/// Not a test, but the program of the script of [`daemon`]. Standard input is the connection, in both directions;
/// standard output is the tests'.
#[test]
#[ignore = "it is the worker of the other tests"]
fn fake_worker() {
    let listener = Listener::new().unwrap();
    let hello = Hello::ready(listener.told()).to_line();
    let connection = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    fs::File::from(connection).write_all(hello.as_bytes()).unwrap();
    let ring = HandedOver::from_stdin().unwrap();
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let mut channels = listener.accept(ring).unwrap();
    send(&channels.events, &Event::Welcome);
    let (mut buffers, mut consumed, mut batches) = (HashMap::<BufferId, Vec<u8>>::new(), 0, 0);
    while let Ok(batch) = channels.commands.recv() {
        let mut lost = Vec::new();
        let mut reader = BatchReader::new(&batch, batches).unwrap();
        batches += 1;
        while let Some(mut command) = reader.next().unwrap() {
            let mut data = Vec::new();
            match command.payload_mut() {
                Some(Payload::Shared { start, len }) => {
                    data.resize(*len as usize, 0);
                    channels.ring.read(*start, &mut data).unwrap();
                    consumed = channels.ring.consumed();
                }
                Some(Payload::Inline(bytes)) => data.extend_from_slice(bytes),
                _ => {}
            }
            execute(&channels.events, &command, &data, &mut buffers, &mut lost);
        }
        for device in lost {
            let message = "the device was destroyed".to_owned();
            send(&channels.events, &Event::DeviceLost { device, reason: DeviceLostReason::Destroyed, message });
        }
        send(&channels.events, &Event::Credit { consumed });
    }
    std::process::exit(0);
}

fn send(events: &EventSender, event: &Event<'_>) {
    let mut bytes = Vec::new();
    codec::encode_event(event, &mut bytes).unwrap();
    let _ = events.send(&bytes);
}

fn execute(
    events: &EventSender,
    command: &Command<'_>,
    data: &[u8],
    buffers: &mut HashMap<BufferId, Vec<u8>>,
    lost: &mut Vec<DeviceId>,
) {
    let answer = match command {
        Command::ListAdapters(c) => Event::AdapterList { request: c.request, adapters: vec![capabilities()] },
        Command::RequestAdapter(c) => Event::AdapterReply { request: c.request, result: Ok(Box::new(capabilities())) },
        Command::RequestDevice(c) => Event::DeviceReply { request: c.request, result: Ok(Box::new(capabilities())) },
        Command::PopErrorScope(c) => Event::ScopePopped { request: c.request, result: Ok(None) },
        Command::ReportStats(c) => Event::Report { request: c.request, report: Statistics::default() },
        Command::DestroyDevice(c) => return lost.push(c.device),
        Command::WriteBuffer(c) => {
            let contents = buffers.entry(c.buffer).or_default();
            let (from, to) = (c.offset as usize, c.offset as usize + data.len());
            contents.resize(contents.len().max(to), 0);
            return contents[from..to].copy_from_slice(data);
        }
        Command::MapBuffer(c) => {
            let mut contents = buffers.get(&c.buffer).cloned().unwrap_or_default();
            contents.resize(c.size as usize, 0);
            for data in contents.chunks(100) {
                send(events, &Event::MapData { request: c.request, data });
            }
            Event::Mapped { request: c.request, result: Ok(()) }
        }
        Command::RaiseError(c) => match c.message {
            "crash" => std::process::abort(),
            "hang" => loop {
                thread::park();
            },
            "close" => {
                send(events, &Event::Closed { reason: "command 99 (RaiseError): no".to_owned() });
                std::process::exit(1)
            }
            message => {
                let error = GpuError { kind: c.kind, message: message.to_owned() };
                Event::Uncaptured { device: c.device, error }
            }
        },
        _ => return,
    };
    send(events, &answer);
}

fn capabilities() -> Capabilities {
    let info = AdapterInfo { description: "fake".to_owned(), ..AdapterInfo::default() };
    Capabilities { info, ..Capabilities::default() }
}

/// A worker's program that runs [`fake_worker`].
fn daemon() -> Daemon {
    static SCRIPT: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, script) = SCRIPT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (draft, script) = (folder.path().join("draft"), folder.path().join("worker"));
        let program = std::env::current_exe().unwrap();
        let run = format!("'{}' --exact fake_worker --ignored --nocapture", program.display());
        fs::write(&draft, format!("#!/bin/sh\nexec 1>/dev/null 2>/dev/null\nexec {run}\n")).unwrap();
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
        // Another process writes the file that is executed: a file that is open for writing here, even in a child that
        // another test's thread has just forked, cannot be executed.
        assert!(process::Command::new("cp").arg("-p").args([&draft, &script]).status().unwrap().success());
        (folder, script)
    });
    Daemon::Spawn { program: script.clone(), arguments: Vec::new() }
}

// Handmade traces.

const DEVICE: DeviceId = DeviceId(0);
const BUFFER: BufferId = BufferId(3);

#[derive(Clone)]
struct Script(Trace);

impl Script {
    /// A session with an adapter, a device and a buffer: commands 0 to 2.
    fn new() -> Self {
        Self::on(capabilities())
    }

    fn on(adapter: Capabilities) -> Self {
        let header = Header::of_this_program(None, "test");
        let mut script = Self(Trace { header, ..Trace::default() });
        script.put(What::Session);
        let (request, power_preference, force_fallback_adapter) = (RequestId(0), None, false);
        let selector = AdapterSelector::Any;
        let id = AdapterId(0);
        script.command(RequestAdapter { request, adapter: id, power_preference, force_fallback_adapter, selector });
        script.flush().event(Event::AdapterReply { request, result: Ok(Box::new(adapter.clone())) });
        let (request, required_features, required_limits) = (RequestId(1), Vec::new(), Vec::new());
        script.command(RequestDevice {
            request,
            adapter: id,
            device: DEVICE,
            label: "main",
            required_features,
            required_limits,
        });
        script.flush().event(Event::DeviceReply { request, result: Ok(Box::new(adapter)) });
        let (device, buffer, size, mapped_at_creation) = (DEVICE, BUFFER, 8 << 20, false);
        let usage = BufferUsage::MAP_READ;
        script.command(CreateBuffer { device, buffer, label: "positions", size, usage, mapped_at_creation });
        script
    }

    fn put(&mut self, what: What) -> &mut Self {
        self.0.entries.push(Entry { session: 1, time: 0, what });
        self
    }

    fn command<'c>(&mut self, command: impl Into<Command<'c>>) -> &mut Self {
        let mut bytes = Vec::new();
        codec::encode_command(&command.into(), &mut bytes).unwrap();
        self.put(What::Command(bytes.into()))
    }

    fn flush(&mut self) -> &mut Self {
        self.put(What::Flush)
    }

    fn event(&mut self, event: Event<'_>) -> &mut Self {
        let mut bytes = Vec::new();
        codec::encode_event(&event, &mut bytes).unwrap();
        self.put(What::Event(bytes.into()))
    }

    fn write(&mut self, data: Payload<'_>) -> &mut Self {
        self.command(WriteBuffer { device: DEVICE, buffer: BUFFER, offset: 0, data })
    }

    fn map(&mut self, request: u64, size: u64) -> &mut Self {
        let (request, mode) = (RequestId(request), MapMode::Read);
        self.command(MapBuffer { request, buffer: BUFFER, mode, offset: 0, size }).flush()
    }

    /// Adds the reply to a map, with the recorded bytes.
    fn mapped(&mut self, request: u64, contents: &[u8]) -> &mut Self {
        let request = RequestId(request);
        let piece = self.0.blobs.add(contents.to_vec());
        let (len, pieces) = (contents.len() as u64, vec![(contents.len() as u32, piece)]);
        self.put(What::Readback(Readback { request, len, digest: Some(Digest::of(contents)), pieces }));
        self.event(Event::Mapped { request, result: Ok(()) })
    }

    fn raise(&mut self, message: &str) -> &mut Self {
        self.command(RaiseError { device: DEVICE, kind: ErrorFilter::Validation, message })
    }

    fn uncaptured(&mut self, message: &str) -> &mut Self {
        let error = GpuError { kind: ErrorFilter::Validation, message: message.to_owned() };
        self.event(Event::Uncaptured { device: DEVICE, error })
    }

    fn end(&mut self) -> &mut Self {
        self.put(What::End(CLOSED.to_owned()))
    }

    fn replay(&self) -> Report {
        self.replay_with(&options(), &mut [])
    }

    /// Replays the trace from memory and from a file; both reports must be equal.
    fn replay_with(&self, options: &Options, probes: &mut [&mut dyn Probe]) -> Report {
        let file = TraceFile::from_bytes(self.0.write(Vec::new()).unwrap()).unwrap();
        let from_file = replay(&Input::File(Arc::new(file)), options, &mut []).unwrap();
        let alone = probes.is_empty();
        let report = replay(&Input::Trace(&self.0), options, probes).unwrap();
        if alone {
            assert_eq!(Report { time: report.time, ..from_file }, report);
        }
        report
    }
}

fn options() -> Options {
    Options { timeout: Duration::from_secs(300), ..Options::new(daemon()) }
}

/// The command of a divergence, its name, and the subject of the comparison.
fn blame(report: &Report) -> (Option<u64>, &str, &str) {
    match &report.outcome {
        Outcome::Diverged(divergence) => (divergence.command, &divergence.name, divergence.what.name()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_as_recorded_is_the_same() {
    let mut script = Script::new();
    // More than the ring holds, so that the replay waits for room.
    for piece in 0..10 {
        let data = script.0.add_piece(1, vec![piece; 2 << 20]);
        script.write(data);
    }
    script.write(Payload::Inline(b"abcd")).map(5, 8).mapped(5, b"abcd\x09\x09\x09\x09").raise("oh").flush();
    script.uncaptured("oh").command(ReportStats { request: RequestId(6) }).flush();
    script.event(Event::Report { request: RequestId(6), report: Statistics { batches: 7, ..Statistics::default() } });
    script.command(DestroyDevice { device: DEVICE }).flush();
    let message = "the device was destroyed".to_owned();
    script.event(Event::DeviceLost { device: DEVICE, reason: DeviceLostReason::Destroyed, message }).end();
    let report = script.replay();
    assert_eq!(report.outcome, Outcome::Same);
    assert_eq!((report.commands, report.events, report.readbacks), (18, 5, 1));
    assert_eq!(report.adapter.unwrap().description, "fake");
    assert_eq!(report.not_compared.len(), 1, "statistics: {:?}", report.not_compared);
}

#[test]
fn a_readback_names_its_map_and_the_first_byte() {
    let mut script = Script::new();
    script.write(Payload::Inline(b"abcd")).map(5, 4).mapped(5, b"abcX").end();
    let report = script.replay();
    assert_eq!(blame(&report), (Some(4), "MapBuffer", "readback"));
    let Outcome::Diverged(divergence) = report.outcome else { panic!() };
    assert_eq!(divergence.objects, ["Buffer 3 \"positions\""]);
    assert!(divergence.found.contains("at byte 3 0x64") && divergence.found.ends_with("1 bytes differ"));
    assert_eq!(divergence.digest, Some(Digest::of(b"abcd").to_string()));
}

#[test]
fn an_error_names_the_command_within_its_batch() {
    let mut script = Script::new();
    for _ in 0..20 {
        script.command(SetLabel { object: Object::Buffer(BUFFER), label: "speeds" });
    }
    script.raise("new").command(SetLabel { object: Object::Device(DEVICE), label: "late" }).flush();
    assert_eq!(blame(&script.clone().end().replay()), (Some(23), "RaiseError", "Uncaptured"));
    script.uncaptured("old").end();
    let report = script.replay();
    assert_eq!(blame(&report), (Some(23), "RaiseError", "Uncaptured"));
    let Outcome::Diverged(divergence) = report.outcome else { panic!() };
    assert_eq!(divergence.objects, ["Device 0 \"main\""], "as it was called then");
    assert_eq!(divergence.expected, "on Device 0, Validation error: old");
    assert_eq!(divergence.found, "on Device 0, Validation error: new");
    // A trace of another version may have other texts.
    script.0.header.airlock = "0.0.0".to_owned();
    let report = script.replay();
    assert_eq!((report.outcome, report.differing.len()), (Outcome::Same, 1));
}

#[test]
fn what_is_missing_is_found() {
    let mut script = Script::new();
    script.flush().uncaptured("never").end();
    assert_eq!(blame(&script.replay()), (None, "", "Uncaptured"));
    let mut script = Script::new();
    script.map(5, 4).event(Event::WorkDone { request: RequestId(6) }).end();
    assert_eq!(blame(&script.replay()), (None, "", "WorkDone"));
    let mut script = Script::new();
    let error = MapError { kind: MapErrorKind::Operation, message: String::new() };
    script.map(5, 4).event(Event::Mapped { request: RequestId(5), result: Err(error) }).end();
    assert_eq!(blame(&script.replay()), (Some(3), "MapBuffer", "Mapped"));
}

#[test]
fn a_crash_names_the_command() {
    let mut script = Script::new();
    for _ in 0..9 {
        script.write(Payload::Inline(b"x"));
    }
    script.raise("crash").write(Payload::Inline(b"y")).flush();
    let mut broken = script.clone();
    broken.put(What::End("it crashed".to_owned()));
    for (script, recorded) in [(script.end(), false), (&mut broken, true)] {
        let Outcome::Crashed { after, command, what, reason } = script.replay().outcome else { panic!() };
        assert_eq!((after, command), (Some(11), Some(12)));
        assert_eq!(what, "RaiseError with Device 0 \"main\"");
        assert!(reason.how.contains("SIGABRT"), "{reason}");
        assert_eq!(reason.to_string().contains("the recorded session ended so, too: it crashed"), recorded);
    }
}

#[test]
fn a_crash_that_does_not_happen_again_is_told() {
    let mut script = Script::new();
    script.flush().put(What::End("it crashed".to_owned()));
    let report = script.replay();
    assert_eq!(report.outcome, Outcome::Same);
    assert!(report.differing[0].what.contains("it crashed"), "{:?}", report.differing);
}

#[test]
fn a_hang_ends() {
    let mut script = Script::new();
    script.raise("hang").map(5, 4).mapped(5, &[0; 4]).end();
    let options = Options { timeout: Duration::from_secs(5), ..options() };
    let Outcome::Hung { command, what } = script.replay_with(&options, &mut []).outcome else { panic!() };
    assert_eq!(command, Some(4));
    assert!(what.starts_with("Mapped, for MapBuffer with Buffer 3 \"positions\""), "{what}");
}

#[test]
fn a_session_that_the_worker_ends() {
    let mut script = Script::new();
    script.raise("close").map(5, 4);
    let report = script.clone().mapped(5, &[0; 4]).end().replay();
    assert_eq!(blame(&report), (Some(3), "RaiseError", "Closed"));
    assert_eq!(blame(&script.clone().end().replay()), (Some(3), "RaiseError", "Closed"));
    // The recorded run ended in the same way; another session follows.
    script.event(Event::Closed { reason: "command 7 (RaiseError): no".to_owned() });
    script.put(What::End("the GPU daemon ended the session".to_owned()));
    script.0.entries.extend(Script::new().end().0.entries.iter().cloned().map(|entry| Entry { session: 2, ..entry }));
    let report = script.replay();
    assert_eq!((report.outcome, report.commands), (Outcome::Same, 8));
}

#[test]
fn a_part_is_replayed() {
    let mut script = Script::new();
    script.raise("early").map(5, 4).raise("late").flush();
    script.uncaptured("early").mapped(5, &[0; 4]).uncaptured("never").end();
    let until = |until| script.replay_with(&Options { until: Some(until), ..options() }, &mut []);
    let report = until(4);
    assert_eq!((report.outcome, report.commands, report.readbacks), (Outcome::Same, 5, 1));
    assert_eq!(until(2).outcome, Outcome::Same);
    assert_eq!(blame(&until(5)), (Some(5), "RaiseError", "Uncaptured"));
}

#[test]
fn a_trace_that_is_cut_expects_no_more() {
    let mut script = Script::new();
    script.raise("unheard").map(5, 4);
    assert_eq!(script.replay().outcome, Outcome::Same);
}

#[test]
fn nothing_is_compared_without_check() {
    let mut script = Script::new();
    script.write(Payload::Inline(b"abcd")).map(5, 4).mapped(5, b"abcX").uncaptured("never").end();
    let report = script.replay_with(&Options { check: false, ..options() }, &mut []);
    assert_eq!((report.outcome, report.events, report.readbacks), (Outcome::Same, 0, 0));
}

#[test]
fn another_adapter_may_differ_within_a_tolerance() {
    let mut adapter = capabilities();
    adapter.info.driver_info = "of yesterday".to_owned();
    adapter.limits.max_bind_groups = 9;
    let mut script = Script::on(adapter);
    script.write(Payload::Inline(b"abcd")).map(5, 4).mapped(5, b"abcf").end();
    // The guest's own bytes are the same on every adapter.
    let report = script.replay();
    assert_eq!(blame(&report), (Some(4), "MapBuffer", "readback"));
    assert_eq!(report.differing.len(), 2, "adapter, device: {:?}", report.differing);
    let with = |tolerance: &str| Options { tolerance: Some(tolerance.parse().unwrap()), ..options() };
    assert_eq!(script.replay_with(&with("2"), &mut []).outcome, Outcome::Same);
    assert_eq!(blame(&script.replay_with(&with("1"), &mut [])), (Some(4), "MapBuffer", "readback"));
}

#[test]
fn a_map_that_races_with_its_unmap_may_end_in_two_ways() {
    let mut script = Script::new();
    let error = MapError { kind: MapErrorKind::Abort, message: "unmapped".to_owned() };
    script.map(5, 4).command(UnmapBuffer { buffer: BUFFER }).flush();
    script.event(Event::Mapped { request: RequestId(5), result: Err(error) }).end();
    let report = script.replay();
    assert_eq!((report.outcome, report.differing.len(), report.not_compared.len()), (Outcome::Same, 0, 1));
}

/// Reads the buffer back after every write.
#[derive(Default)]
struct Spy {
    asked: Vec<RequestId>,
    heard: Vec<Vec<u8>>,
    commands: Vec<u64>,
    readbacks: Vec<(u64, Vec<u8>)>,
    ended: bool,
}

impl Probe for Spy {
    fn after(&mut self, _: u32, number: u64, command: &Command<'_>, to: &mut dyn Inject) {
        self.commands.push(number);
        if let Command::WriteBuffer(_) = command {
            let request = to.request();
            assert!(request.0 >= INJECTED);
            to.send(MapBuffer { request, buffer: BUFFER, mode: MapMode::Read, offset: 0, size: 2 }.into());
            self.asked.push(request);
            to.settle();
        }
    }

    fn end(&mut self, _: u32, _: &mut dyn Inject) {
        self.ended = true;
    }

    fn event(&mut self, event: &Event<'_>) {
        if let Event::MapData { request, data } = event {
            assert_eq!(Some(request), self.asked.last());
            self.heard.push(data.to_vec());
        }
    }

    fn readback(&mut self, _: u32, number: u64, buffer: BufferId, bytes: &[u8]) {
        assert_eq!(buffer, BUFFER);
        self.readbacks.push((number, bytes.to_vec()));
    }
}

#[test]
fn probes_see_and_ask() {
    let mut script = Script::new();
    script.write(Payload::Inline(b"ab")).write(Payload::Inline(b"cd")).map(5, 3).mapped(5, b"cd\0").raise("x").flush();
    script.end();
    let mut spy = Spy::default();
    let report = script.replay_with(&options(), &mut [&mut spy]);
    assert_eq!(blame(&report), (Some(6), "RaiseError", "Uncaptured"), "numbers are those of the trace");
    assert_eq!(spy.commands, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(spy.heard, [b"ab", b"cd"]);
    assert_eq!(spy.readbacks, [(5, b"cd\0".to_vec())]);
    assert!(spy.ended);
}

#[test]
fn a_trace_that_makes_no_sense_is_an_error() {
    let error = |script: &Script| replay(&Input::Trace(&script.0), &options(), &mut []).unwrap_err().to_string();
    let mut script = Script::new();
    script.put(What::Event([255, 1].as_slice().into()));
    assert!(error(&script).starts_with("the event after command 3 of the trace"), "{}", error(&script));
    let mut script = Script::new();
    script.put(What::Command([255, 1].as_slice().into()));
    assert!(error(&script).starts_with("command 3 of the trace"), "{}", error(&script));
    let mut script = Script::new();
    script.write(Payload::Shared { start: 8, len: 4 });
    assert_eq!(error(&script), "the data of command 3 is not in the trace");
    let mut script = Script::new();
    script.map(INJECTED + 1, 4);
    assert_eq!(error(&script), "command 3 makes a request whose number no run uses");
    let mut script = Script::new();
    script.0.entries.remove(0);
    assert_eq!(error(&script), "session 1 of the trace has no beginning");
}
