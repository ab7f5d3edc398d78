//! Invariants of any session, for the fuzzer and for a test without one: no panic, every event has an encoding, every request a
//! reply, every piece of the ring is read, and nothing outlives the session.
//!
//! The adapter is wgpu's noop backend, or the one that [`ADAPTER`] names, for the fuzzer with a software driver in its process.
//! There is no watchdog there, so that the work of a command is bounded on a real adapter.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "chunks.rs"]
pub mod chunks;
#[path = "../arbitrary/generator.rs"]
pub mod generator;
#[path = "repair.rs"]
mod repair;
#[path = "shaders.rs"]
mod shaders;
#[path = "../arbitrary/valid.rs"]
mod valid;

use std::{
    collections::{HashMap, HashSet},
    panic::resume_unwind,
    sync::LazyLock,
    thread,
};

use airlock_protocol::{
    Command, Payload,
    codec::decode_command,
    commands::{
        adapter::{FeatureName, RequestDevice},
        buffer::MapMode,
        instance::{AdapterSelector, RequestAdapter},
    },
    ids::{AdapterId, Object, RequestId},
};
use airlock_traces::{facts::Facts, node::Node};
use chunks::Chunk;
use generator::{DATA, Generator, Live, Random};
use gpu_daemon::fuzzing::{Answers, LocalSession};
use repair::Ids;
use serde::Deserialize;
use valid::DEVICE;

/// Stack size of the executor, as in a worker.
const STACK: usize = 256 << 20;
/// Upper bound of an input's commands.
const COMMANDS: usize = 500;
/// Upper bound of an input's devices: each has internal pipelines of wgpu's, which take time to create.
const DEVICES: usize = 4;
/// First id of generated objects, above those of recorded commands. All ids are small, because slabs grow to the
/// largest.
const OWN: u32 = 200;
/// First id of renamed objects.
const RENAMED: u32 = 2000;
/// The variable with a part of the adapter's name.
const ADAPTER: &str = "AIRLOCK_FUZZ_ADAPTER";
/// Upper bound of a draw's instances, and of a dispatch's workgroups in each direction, on a real adapter.
const WORK: u32 = 16;
/// Upper bound of a draw's vertices on a real adapter.
const VERTICES: u32 = 1024;

/// A part of the real adapter's name; `None` for the noop backend.
fn real() -> Option<&'static str> {
    static NAME: LazyLock<Option<String>> = LazyLock::new(|| std::env::var(ADAPTER).ok().filter(|name| name != "noop"));
    NAME.as_deref()
}

fn selector() -> AdapterSelector<'static> {
    real().map_or(AdapterSelector::Noop, AdapterSelector::Name)
}

/// Bounds the work of a command; `false` for one whose work is a buffer's contents.
fn bound(command: &mut Command<'_>) -> bool {
    match command {
        Command::DispatchWorkgroups(c) => {
            // Counts above the limits are errors, and stay.
            for count in [&mut c.x, &mut c.y, &mut c.z] {
                *count = if *count > u32::from(u16::MAX) { *count } else { *count % WORK };
            }
        }
        Command::RenderPassDraw(c) => {
            (c.vertex_count, c.instance_count) = (c.vertex_count % VERTICES, c.instance_count % WORK)
        }
        Command::RenderPassDrawIndexed(c) => {
            (c.index_count, c.instance_count) = (c.index_count % VERTICES, c.instance_count % WORK);
        }
        Command::BundleDraw(c) => {
            (c.vertex_count, c.instance_count) = (c.vertex_count % VERTICES, c.instance_count % WORK)
        }
        Command::BundleDrawIndexed(c) => {
            (c.index_count, c.instance_count) = (c.index_count % VERTICES, c.instance_count % WORK);
        }
        Command::DispatchWorkgroupsIndirect(_)
        | Command::RenderPassDrawIndirect(_)
        | Command::RenderPassDrawIndexedIndirect(_)
        | Command::BundleDrawIndirect(_)
        | Command::BundleDrawIndexedIndirect(_) => return false,
        _ => {}
    }
    true
}

/// Result of an input.
#[derive(Debug, Default)]
pub struct Outcome {
    pub answers: Answers,
    pub commands: usize,
    /// Reason of the session's end.
    pub violation: Option<String>,
}

/// Runs an input in a new session.
pub fn session(input: &[u8]) -> Outcome {
    let run = || {
        let mut run = Run::new();
        let violation = run.run(input).err();
        run.end(violation)
    };
    thread::scope(|scope| {
        let executor = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run).expect("a thread");
        executor.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

struct Run {
    session: LocalSession,
    live: Live,
    ids: Ids,
    /// Writable mapped ranges by buffer.
    ranges: HashMap<u32, (MapMode, u64, u64)>,
    asked: HashSet<RequestId>,
    staged: u64,
    shared: u64,
    commands: usize,
}

/// The session ended, or no object for the command exists.
enum Skip {
    Violation(String),
    Command,
}

impl Run {
    fn new() -> Self {
        Self {
            session: LocalSession::new().expect("a session"),
            live: Live { next: OWN, ..Live::default() },
            ids: Ids::new(RENAMED),
            ranges: HashMap::new(),
            asked: HashSet::new(),
            staged: 0,
            shared: 0,
            commands: 0,
        }
    }

    fn run(&mut self, input: &[u8]) -> Result<(), String> {
        let (first, chunks) = chunks::parse(input);
        if first & chunks::OBJECTS != 0 {
            self.prelude(first & chunks::FEATURES != 0)?;
        }
        for chunk in chunks.iter().take(COMMANDS) {
            match self.chunk(chunk) {
                Ok(()) | Err(Skip::Command) => {}
                Err(Skip::Violation(violation)) => return Err(violation),
            }
            if chunk.poll {
                self.session.poll();
            }
        }
        Ok(())
    }

    /// An adapter, a device and valid objects.
    fn prelude(&mut self, features: bool) -> Result<(), String> {
        let (request, adapter, label) = (RequestId(u64::MAX), AdapterId(0), "");
        let (power_preference, force_fallback_adapter) = (None, false);
        let selector = selector();
        self.must(RequestAdapter { request, adapter, power_preference, force_fallback_adapter, selector }.into())?;
        let required_features = if features { FeatureName::ALL.to_vec() } else { vec![] };
        let device = DEVICE;
        let all = RequestDevice { request, adapter, device, label, required_features, required_limits: vec![] };
        let bare = RequestDevice { required_features: vec![], ..all.clone() };
        self.must(all.into())?;
        if !self.session.is_alive(Object::Device(device)) {
            self.must(bare.into())?;
        }
        for (name, id, command) in valid::objects() {
            self.must(command)?;
            self.live.good.entry(name).or_default().push(id);
        }
        Ok(())
    }

    fn must(&mut self, command: Command<'_>) -> Result<(), String> {
        match self.execute(command, true) {
            Err(Skip::Violation(violation)) => Err(violation),
            Err(Skip::Command) | Ok(()) => Ok(()),
        }
    }

    fn chunk(&mut self, chunk: &Chunk<'_>) -> Result<(), Skip> {
        match chunk.kind {
            chunks::WIRE | chunks::AS_IT_IS => {
                let command = decode_command(chunk.body).map_err(|_| Skip::Command)?;
                if chunk.kind == chunks::AS_IT_IS {
                    return self.execute(command, false);
                }
                let mut node = Node::of(&command).expect("a tree");
                self.ids.repair(command.description().makes, &mut node, &mut self.live, None).ok_or(Skip::Command)?;
                self.execute(node.decode().expect("a command"), true)
            }
            kind => self.generated(usize::from(kind - chunks::AS_IT_IS - 1), chunk.body),
        }
    }

    /// Generates a command from numbers. Numbers beyond the last kind generate the same commands for the newest device.
    fn generated(&mut self, number: usize, body: &[u8]) -> Result<(), Skip> {
        let mut random = Random::of(body);
        let mut generator = Generator::new(&mut random, &mut self.live);
        generator.command = Some(number % Command::NAMES.len());
        let command = Command::deserialize(&mut generator).map_err(|_| Skip::Command)?;
        let mut node = Node::of(&command).expect("a tree");
        let newest = number / Command::NAMES.len();
        self.ids.repair(command.description().makes, &mut node, &mut self.live, Some(newest)).ok_or(Skip::Command)?;
        let mut command: Command<'_> = node.decode().expect("a command");
        let code;
        match &mut command {
            // Random requirements would nearly always be rejected.
            Command::RequestDevice(c) if random.below(4) != 0 => {
                c.required_features.truncate(1);
                c.required_limits.clear();
            }
            Command::CreateShaderModule(c) if random.below(2) == 0 => {
                code = shaders::mutated(c.code, &mut random);
                c.code = &code;
            }
            Command::Stage(_) => {}
            command => {
                if let Some(payload) = command.payload_mut() {
                    match random.below(4) {
                        0 if self.staged > 0 => *payload = Payload::Staged { len: self.staged },
                        1 => *payload = Payload::Shared { start: 0, len: payload.len() as u32 },
                        _ => {}
                    }
                }
            }
        }
        self.execute(command, true)
    }

    fn execute(&mut self, mut command: Command<'_>, repair: bool) -> Result<(), Skip> {
        if real().is_some() && !bound(&mut command) {
            return Err(Skip::Command);
        }
        if repair {
            self.repair_data(&mut command)?;
        }
        match &mut command {
            // Real adapters are for processes with a jail.
            Command::ListAdapters(_) => return Err(Skip::Command),
            Command::RequestAdapter(c) => c.selector = selector(),
            Command::RequestDevice(_) if self.live.ids.get("DeviceId").is_some_and(|ids| ids.len() >= DEVICES) => {
                return Err(Skip::Command);
            }
            _ => {}
        }
        let facts = Facts::of(&command);
        self.note_range(&command);
        let staged = match (&command, command.payload()) {
            (Command::Stage(_), Some(piece)) => self.staged + piece.len(),
            (_, Some(Payload::Staged { .. })) => 0,
            _ => self.staged,
        };
        let text = cfg!(test).then(|| format!("{command:?}"));
        self.session.execute(command).map_err(Skip::Violation)?;
        self.commands += 1;
        self.staged = staged;
        if repair {
            let consumed = self.session.consumed();
            assert_eq!(consumed, self.shared, "{text:?} leaves a piece in the ring");
        }
        self.asked.extend(facts.request);
        if let Some(object) = facts.makes
            && self.session.is_alive(object)
        {
            repair::add(&mut self.live, object);
        }
        if let Some(object) = facts.drops {
            repair::remove(&mut self.live, object);
        }
        Ok(())
    }

    /// Repairs data and ranges to those of a correct client.
    fn repair_data(&mut self, command: &mut Command<'_>) -> Result<(), Skip> {
        if let Command::WriteMapped(c) = command {
            let range = self.ranges.get(&c.buffer.0).filter(|_| self.session.is_mapped(c.buffer));
            let Some(&(MapMode::Write, start, size)) = range else { return Err(Skip::Command) };
            c.offset = start.saturating_add(c.offset % size.max(1));
            let room = start.saturating_add(size).saturating_sub(c.offset);
            if c.data.len() > room {
                return Err(Skip::Command);
            }
        }
        let stage = matches!(command, Command::Stage(_));
        if let Some(payload) = command.payload_mut() {
            match *payload {
                Payload::Inline(_) => {}
                Payload::Shared { len, .. } => {
                    let len = (len as usize).min(DATA.len());
                    *payload = self.session.share(&DATA[..len]).unwrap_or(Payload::Inline(&DATA[..len]));
                    if let Payload::Shared { start, len } = *payload {
                        self.shared = start + u64::from(len);
                    }
                }
                Payload::Staged { .. } if stage => *payload = Payload::Inline(&[]),
                Payload::Staged { .. } => *payload = Payload::Staged { len: self.staged },
            }
        }
        Ok(())
    }

    fn note_range(&mut self, command: &Command<'_>) {
        match command {
            Command::CreateBuffer(c) if c.mapped_at_creation => {
                self.ranges.insert(c.buffer.0, (MapMode::Write, 0, c.size));
            }
            Command::MapBuffer(c) if self.session.is_unmapped(c.buffer) => {
                self.ranges.insert(c.buffer.0, (c.mode, c.offset, c.size));
            }
            _ => {}
        }
    }

    fn end(self, violation: Option<String>) -> Outcome {
        let answers = self.session.end();
        assert_eq!(answers.malformed, None);
        if violation.is_none() {
            let left: Vec<_> = self.asked.difference(&answers.requests).collect();
            assert!(left.is_empty(), "without an answer: {left:?}");
        }
        Outcome { answers, commands: self.commands, violation }
    }
}
