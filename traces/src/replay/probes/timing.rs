//! Times of submits, on this side of the wire, and of passes, on the GPU.
//!
//! A pass gets a query set of its encoder's unless it has one already; the encoder resolves it before its finish. The
//! probe waits for each submit separately, so that its time is its own: the sum is more than the duration of the run.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use airlock_protocol::{
    Command, Event,
    commands::{
        Effect,
        adapter::FeatureName,
        buffer::{BufferUsage, CreateBuffer, MapBuffer, MapMode},
        command_encoder::{CopyBufferToBuffer, ResolveQuerySet},
        query_set::{CreateQuerySet, QueryType},
        queue::{OnSubmittedWorkDone, Submit},
        render_pass::TimestampWrites,
    },
    ids::{BufferId, CommandBufferId, CommandEncoderId, DeviceId, Id, Object, QuerySetId, RequestId},
};
use serde::Serialize;

use crate::replay::{Inject, Probe};

use super::{FreeIds, drop_object, quietly};

/// Maximum timed passes of one encoder: a query set holds at most 4096 queries (WebGPU, "createQuerySet").
const MAX_PASSES: u32 = 2048;

/// Maximum encoders that are timed at a time.
const SLOTS: u32 = 1024;

/// Maximum rows of each kind; later ones are not measured.
const MAX_ROWS: usize = 1 << 20;

/// Bytes of a timestamp.
const TIMESTAMP: u64 = 8;

/// The measurements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Times {
    /// Submits in their order.
    pub submits: Vec<SubmitTime>,
    /// Passes of submitted work, in their order.
    pub passes: Vec<PassTime>,
    /// The parts that were not measured, with the reason.
    pub notes: Vec<String>,
}

/// The time of a submit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SubmitTime {
    /// The session.
    pub session: u32,
    /// The submit's number in the trace, from 0.
    pub submit: u64,
    /// The command's number in the trace.
    pub command: u64,
    /// Labels of its command buffers.
    pub label: String,
    /// Nanoseconds from before the submit was sent until its work was done, the transfers to the worker and back
    /// included.
    pub wall_ns: u64,
}

/// The time of a pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassTime {
    /// The session.
    pub session: u32,
    /// The submit that it was part of.
    pub submit: u64,
    /// The number of the command that began it.
    pub command: u64,
    /// Its label.
    pub label: String,
    /// `render` or `compute`.
    pub kind: &'static str,
    /// Nanoseconds on the GPU; absent where they could not be measured.
    pub gpu_ns: Option<u64>,
}

/// Measures a replay.
#[derive(Debug)]
pub struct Timing {
    ids: FreeIds,
    timestamps: bool,
    sessions: HashMap<u32, Session>,
    submits: u64,
    /// Time at which the current submit was sent.
    started: Option<Instant>,
    /// Rows of passes whose timestamps have not arrived, by the number of the map.
    waiting: HashMap<u64, Waiting>,
    rows: BTreeMap<u64, Vec<PassTime>>,
    times: Times,
    unmeasured: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
struct Session {
    encoders: HashMap<CommandEncoderId, Encoder>,
    finished: HashMap<CommandBufferId, Finished>,
    /// Slots for objects; true for those in use.
    slots: Vec<bool>,
}

/// An encoder with its passes.
#[derive(Debug)]
struct Encoder {
    /// Its device; `None` after that is dropped.
    device: Option<DeviceId>,
    slot: Option<u32>,
    passes: Vec<Pass>,
    queries: u32,
}

#[derive(Clone, Debug)]
struct Pass {
    command: u64,
    label: String,
    kind: &'static str,
    /// Its first query.
    query: Option<u32>,
}

#[derive(Debug)]
struct Finished {
    label: String,
    slot: Option<u32>,
    passes: Vec<Pass>,
    queries: u32,
}

#[derive(Debug)]
struct Waiting {
    session: u32,
    submit: u64,
    passes: Vec<Pass>,
    bytes: Vec<u8>,
}

/// Objects of a timed encoder.
#[derive(Clone, Copy, Debug)]
struct Made {
    query_set: QuerySetId,
    resolved: BufferId,
    mapped: BufferId,
}

impl Timing {
    /// Reserves some of the free ids. `timestamps` is true where the adapter has the feature `timestamp-query`: devices
    /// are then requested with it, and passes are timed.
    pub fn new(free: &mut FreeIds, timestamps: bool) -> Self {
        Self {
            ids: free.take(2 * SLOTS),
            timestamps,
            sessions: HashMap::new(),
            submits: 0,
            started: None,
            waiting: HashMap::new(),
            rows: BTreeMap::new(),
            times: Times::default(),
            unmeasured: BTreeMap::new(),
        }
    }

    /// The measurements.
    pub fn finish(mut self) -> Times {
        self.times.passes = self.rows.into_values().flatten().collect();
        if !self.timestamps {
            self.times.notes.push("passes are not timed: the adapter has no timestamp-query".to_owned());
        }
        self.times.notes.extend(self.unmeasured.into_iter().map(|(why, passes)| format!("{passes} passes: {why}")));
        self.times
    }

    fn made(&self, slot: u32) -> Option<Made> {
        let pair = slot.saturating_mul(2);
        Some(Made {
            query_set: self.ids.id(slot)?,
            resolved: self.ids.id(pair)?,
            mapped: self.ids.id(pair.saturating_add(1))?,
        })
    }

    /// Records the start of a pass, and sets its queries.
    fn begin(
        &mut self,
        (session, command, kind): (u32, u64, &'static str),
        (encoder, label): (CommandEncoderId, &str),
        writes: &mut Option<TimestampWrites>,
        to: &mut dyn Inject,
    ) {
        let query = self.query(session, encoder, writes.is_some(), to);
        if let Some((query_set, first)) = query {
            *writes = Some(TimestampWrites {
                query_set,
                beginning_of_pass_write_index: Some(first),
                end_of_pass_write_index: first.checked_add(1),
            });
        }
        let pass = Pass { command, label: label.to_owned(), kind, query: query.map(|(_, first)| first) };
        let encoders = &mut self.sessions.entry(session).or_default().encoders;
        encoders.get_mut(&encoder).into_iter().for_each(|encoder| encoder.passes.push(pass.clone()));
    }

    /// Two queries for a pass.
    fn query(
        &mut self,
        session: u32,
        id: CommandEncoderId,
        has: bool,
        to: &mut dyn Inject,
    ) -> Option<(QuerySetId, u32)> {
        if !self.timestamps {
            return None;
        }
        if has {
            self.unmeasured("they have timestamps of their own");
            return None;
        }
        let state = self.sessions.entry(session).or_default();
        let encoder = state.encoders.get_mut(&id)?;
        let (device, fresh) = (encoder.device?, encoder.slot.is_none());
        let slot = encoder.slot.or_else(|| free_slot(&mut state.slots));
        let room = encoder.queries < 2 * MAX_PASSES;
        let made = slot.filter(|_| room).and_then(|slot| self.made(slot));
        let Some(made) = made else {
            self.unmeasured("too many encoders or passes are open at a time");
            return None;
        };
        let state = self.sessions.entry(session).or_default();
        let encoder = state.encoders.get_mut(&id)?;
        let first = encoder.queries;
        (encoder.slot, encoder.queries) = (slot, first.saturating_add(2));
        if fresh {
            let query_set = made.query_set;
            let (ty, count) = (QueryType::Timestamp, 2 * MAX_PASSES);
            quietly(device, to, |to| to.send(CreateQuerySet { device, query_set, label: "", ty, count }.into()));
        }
        Some((made.query_set, first))
    }

    fn unmeasured(&mut self, why: &'static str) {
        let count = self.unmeasured.entry(why).or_default();
        *count = count.saturating_add(1);
    }

    /// Resolves the queries of an encoder before its finish.
    fn finishes(&mut self, session: u32, id: CommandEncoderId, buffer: (CommandBufferId, &str), to: &mut dyn Inject) {
        let state = self.sessions.entry(session).or_default();
        let Some(encoder) = state.encoders.remove(&id) else { return };
        let Encoder { device, slot, passes, queries } = encoder;
        let finished = Finished { label: buffer.1.to_owned(), slot, passes, queries };
        state.finished.insert(buffer.0, finished);
        let (Some(device), Some(made)) = (device, slot.and_then(|slot| self.made(slot))) else { return };
        let size = u64::from(queries).saturating_mul(TIMESTAMP);
        let usages = [
            (made.resolved, BufferUsage::QUERY_RESOLVE | BufferUsage::COPY_SRC),
            (made.mapped, BufferUsage::MAP_READ | BufferUsage::COPY_DST),
        ];
        quietly(device, to, |to| {
            for (buffer, usage) in usages {
                to.send(CreateBuffer { device, buffer, label: "", size, usage, mapped_at_creation: false }.into());
            }
            let resolve = ResolveQuerySet {
                encoder: id,
                query_set: made.query_set,
                first_query: 0,
                query_count: queries,
                destination: made.resolved,
                destination_offset: 0,
            };
            let copy = CopyBufferToBuffer {
                encoder: id,
                source: made.resolved,
                source_offset: 0,
                destination: made.mapped,
                destination_offset: 0,
                size: Some(size),
            };
            to.send(resolve.into());
            to.send(copy.into());
        });
    }

    /// Waits for a submit that was sent, and maps the timestamps of its passes.
    fn submitted(&mut self, session: u32, command: u64, c: &Submit, to: &mut dyn Inject) {
        wait(c.device, to);
        let wall = self.started.take().map_or(0, |start| u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        let submit = self.submits;
        self.submits = submit.saturating_add(1);
        let state = self.sessions.entry(session).or_default();
        let finished: Vec<_> = c.command_buffers.iter().filter_map(|buffer| state.finished.remove(buffer)).collect();
        let labels: Vec<_> = finished.iter().map(|f| f.label.as_str()).filter(|label| !label.is_empty()).collect();
        if self.times.submits.len() < MAX_ROWS {
            let label = labels.join(", ");
            self.times.submits.push(SubmitTime { session, submit, command, label, wall_ns: wall });
        }
        let mut slots = Vec::new();
        for Finished { slot, passes, queries, .. } in finished {
            let map = slot.and_then(|slot| self.made(slot)).map(|made| (to.request(), made.mapped));
            if let Some((request, buffer)) = map {
                let size = u64::from(queries).saturating_mul(TIMESTAMP);
                to.send(MapBuffer { request, buffer, mode: MapMode::Read, offset: 0, size }.into());
                self.waiting.insert(request.0, Waiting { session, submit, passes, bytes: Vec::new() });
                slots.extend(slot);
            } else {
                self.rows(&Waiting { session, submit, passes, bytes: Vec::new() });
            }
        }
        if !slots.is_empty() {
            to.settle();
        }
        slots.into_iter().for_each(|slot| self.give_back(session, slot, true, to));
    }

    /// Drops the objects of a timed encoder.
    fn give_back(&mut self, session: u32, slot: u32, finished: bool, to: &mut dyn Inject) {
        let Some(made) = self.made(slot) else { return };
        drop_object(to, made.query_set.object());
        if finished {
            drop_object(to, made.resolved.object());
            drop_object(to, made.mapped.object());
        }
        let slots = &mut self.sessions.entry(session).or_default().slots;
        usize::try_from(slot).ok().and_then(|slot| slots.get_mut(slot)).into_iter().for_each(|used| *used = false);
    }

    /// Releases the slot of an encoder that will never be submitted.
    fn dropped(&mut self, session: u32, object: Object, to: &mut dyn Inject) {
        let state = self.sessions.entry(session).or_default();
        let (slot, finished) = match object {
            Object::CommandEncoder(id) => (state.encoders.remove(&id).and_then(|encoder| encoder.slot), false),
            Object::CommandBuffer(id) => (state.finished.remove(&id).and_then(|finished| finished.slot), true),
            Object::Device(id) => {
                // No command may name the device any more; the objects of its encoders stay until the session's end.
                for encoder in state.encoders.values_mut().filter(|encoder| encoder.device == Some(id)) {
                    (encoder.device, encoder.slot) = (None, None);
                }
                return;
            }
            _ => return,
        };
        slot.into_iter().for_each(|slot| self.give_back(session, slot, finished, to));
    }

    /// Makes the rows of passes whose timestamps have arrived, or never will.
    fn rows(&mut self, waiting: &Waiting) {
        let stamps: Vec<_> = waiting.bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        let at = |query: Option<u32>| stamps.get(usize::try_from(query?).ok()?).copied();
        for pass in &waiting.passes {
            let (begin, end) = (at(pass.query), at(pass.query.and_then(|query| query.checked_add(1))));
            let gpu_ns = begin.zip(end).and_then(|(begin, end)| end.checked_sub(begin));
            let (session, submit) = (waiting.session, waiting.submit);
            let Pass { command, label, kind, .. } = pass.clone();
            if self.rows.len() < MAX_ROWS {
                self.rows.entry(submit).or_default().push(PassTime { session, submit, command, label, kind, gpu_ns });
            }
        }
    }
}

fn free_slot(slots: &mut Vec<bool>) -> Option<u32> {
    let slot = slots.iter().position(|used| !used).unwrap_or(slots.len());
    let number = u32::try_from(slot).ok().filter(|&slot| slot < SLOTS)?;
    match slots.get_mut(slot) {
        Some(used) => *used = true,
        None => slots.push(true),
    }
    Some(number)
}

/// Waits until all submitted work of a queue is done.
fn wait(device: DeviceId, to: &mut dyn Inject) {
    let request: RequestId = to.request();
    to.send(OnSubmittedWorkDone { request, device }.into());
    to.settle();
}

impl Probe for Timing {
    fn before(&mut self, session: u32, number: u64, command: &mut Command<'_>, to: &mut dyn Inject) {
        match command.description().effect {
            Effect::Create => {
                if let Command::RequestDevice(c) = command
                    && self.timestamps
                    && !c.required_features.contains(&FeatureName::TimestampQuery)
                {
                    c.required_features.push(FeatureName::TimestampQuery);
                }
            }
            Effect::Begin => {
                if let Command::BeginRenderPass(c) = command {
                    self.begin((session, number, "render"), (c.encoder, c.label), &mut c.timestamp_writes, to);
                } else if let Command::BeginComputePass(c) = command {
                    self.begin((session, number, "compute"), (c.encoder, c.label), &mut c.timestamp_writes, to);
                }
            }
            Effect::Finish => {
                if let Command::FinishCommandEncoder(c) = command {
                    self.finishes(session, c.encoder, (c.command_buffer, c.label), to);
                }
            }
            Effect::Submit => {
                if let Command::Submit(c) = command {
                    wait(c.device, to);
                    self.started = Some(Instant::now());
                }
            }
            Effect::Drop => {
                if let Command::DropObject(c) = command {
                    self.dropped(session, c.object, to);
                }
            }
            Effect::Record
            | Effect::Write
            | Effect::Stage
            | Effect::Map
            | Effect::Unmap
            | Effect::Destroy
            | Effect::Label
            | Effect::PushScope
            | Effect::PopScope
            | Effect::Raise
            | Effect::Query => {}
        }
    }

    fn after(&mut self, session: u32, number: u64, command: &Command<'_>, to: &mut dyn Inject) {
        if let Command::CreateCommandEncoder(c) = command {
            let encoder = Encoder { device: Some(c.device), slot: None, passes: Vec::new(), queries: 0 };
            self.sessions.entry(session).or_default().encoders.insert(c.encoder, encoder);
        } else if let Command::Submit(c) = command {
            self.submitted(session, number, c, to);
        }
    }

    fn end(&mut self, session: u32, _: &mut dyn Inject) {
        self.sessions.remove(&session);
    }

    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::MapData { request, data } => {
                self.waiting.get_mut(&request.0).into_iter().for_each(|waiting| waiting.bytes.extend_from_slice(data));
            }
            Event::Mapped { request, .. } => {
                let waiting = self.waiting.remove(&request.0);
                waiting.into_iter().for_each(|waiting| self.rows(&waiting));
            }
            _ => {}
        }
    }
}
