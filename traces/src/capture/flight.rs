//! The flight recorder: keeps the recent stream with the commands that its objects and contents depend on, and writes a
//! trace of it after an error.
//!
//! The log grows until it has doubled, then everything that neither the last submits nor live objects need is dropped:
//! the cost per command does not depend on the length of the run. Where contents of buffers and textures depend on more
//! work than the limit allows, the oldest are dropped, and the trace names the objects whose contents it lacks.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use airlock_protocol::{
    Event, codec,
    connect::CLOSED,
    events::DeviceLostReason,
    limits::{RING_SIZE, cut},
};

use crate::{
    edit::{analysis::log::Log, tools::output::Output},
    file::{
        format::{Body, Digest, Piece},
        header::Header,
        reader::ReadError,
        trace::{Trace, What},
    },
};

use super::{Consumer, Message, Notice, Recorder, Said, WINDOW, readback::Readbacks};

/// Submits that a trace has at least, by default.
pub const KEEP: usize = 16;

/// Bytes that are kept in memory, by default.
pub const MEMORY: usize = 64 << 20;

/// Traces of one run: a guest that fails in every frame must not fill the disk.
pub const MAX_TRACES: usize = 8;

/// The time without further errors before the trace is written, so that a burst of errors makes one trace.
const QUIET: Duration = Duration::from_millis(250);

/// Maximum time from the first error to the writing of the trace.
const PATIENCE: Duration = Duration::from_secs(2);

/// Bytes below which nothing is dropped: a compaction would cost more.
const MIN_GROWTH: usize = 1 << 20;

/// Multiple of its memory limit that live objects alone may take, before the recorder stops.
const MAX_EXCESS: usize = 4;

/// Bytes of a reason that a trace's header keeps.
const MAX_REASON: usize = 200;

/// The bounds of the flight recorder, and the folder of its traces.
#[derive(Clone, Debug)]
pub struct FlightOptions {
    /// The folder for the traces. It is created with the first of them.
    pub folder: PathBuf,
    /// The header of each trace.
    pub header: Header,
    /// The number of last submits that a trace contains whole. See [`KEEP`].
    pub keep: usize,
    /// Approximate bytes that are kept in memory, checked from time to time. See [`MEMORY`].
    pub memory: usize,
}

impl FlightOptions {
    /// The default options.
    pub fn new(folder: PathBuf, header: Header) -> Self {
        Self { folder, header, keep: KEEP, memory: MEMORY }
    }
}

/// Begins a recording. Written traces and errors are reported through `notice`; the run goes on in every case.
pub fn start(options: FlightOptions, notice: Notice) -> Recorder {
    Recorder::with(WINDOW, false, move || Some(Box::new(Flight::new(options, notice)) as _))
}

/// An error whose trace is not written yet.
struct Alarm {
    reason: String,
    /// Start of the trace's window.
    start: u64,
    first: Instant,
    last: Instant,
}

struct Flight {
    options: FlightOptions,
    notice: Notice,
    log: Log,
    payloads: HashMap<Digest, Arc<[u8]>>,
    payload_bytes: usize,
    readbacks: Readbacks,
    /// Bytes at which the log is compacted.
    compact_at: usize,
    alarm: Option<Alarm>,
    written: usize,
}

impl Flight {
    fn new(options: FlightOptions, notice: Notice) -> Self {
        let log = Log::new(options.keep.saturating_add(2));
        let compact_at = (options.memory / 2).clamp(1, MIN_GROWTH * 4);
        let (payloads, readbacks) = (HashMap::new(), Readbacks::new(false));
        Self { options, notice, log, payloads, payload_bytes: 0, readbacks, compact_at, alarm: None, written: 0 }
    }

    fn store(&mut self, digest: Digest, bytes: &[u8]) {
        let added = &mut self.payload_bytes;
        self.payloads.entry(digest).or_insert_with(|| {
            *added += bytes.len();
            bytes.into()
        });
    }

    fn start(&self) -> u64 {
        let start = self.log.start_of_last(self.options.keep);
        self.alarm.as_ref().map_or(start, |alarm| alarm.start.min(start))
    }

    /// Records an error.
    fn raise(&mut self, reason: String) {
        if self.written >= MAX_TRACES {
            return;
        }
        let (now, start) = (Instant::now(), self.start());
        match &mut self.alarm {
            Some(alarm) => alarm.last = now,
            None => self.alarm = Some(Alarm { reason, start, first: now, last: now }),
        }
    }

    fn weight(&self) -> usize {
        self.log.weight() + self.payload_bytes
    }

    /// Drops entries that are not needed. Where that is not enough, the window is shortened: it may be one long frame.
    /// Returns false when too much is left.
    fn compact(&mut self) -> bool {
        let (memory, keep) = (self.options.memory, self.options.keep);
        if self.weight() > memory {
            // The compaction would drop its window.
            self.write();
        }
        for keep in [keep, keep / 4, 1, 0] {
            let start = if keep == self.options.keep { self.start() } else { self.log.start_of_last(keep) };
            let payloads = &self.payloads;
            let size = |digest: &Digest| payloads.get(digest).map_or(0, |bytes| bytes.len());
            self.log.compact(start, |bytes, digests| bytes + digests.iter().map(size).sum::<usize>() <= memory);
            let digests = self.log.digests();
            self.payloads.retain(|digest, _| digests.contains(digest));
            self.payload_bytes = self.payloads.values().map(|bytes| bytes.len()).sum();
            if self.weight() <= memory {
                break;
            }
        }
        let weight = self.weight();
        let growth = (memory / 4).max(weight / 4).max(1);
        self.compact_at = weight + weight.max(MIN_GROWTH).min(growth);
        // Data in the ring cannot be dropped before its command has arrived.
        weight <= memory.saturating_mul(MAX_EXCESS).max(2 * RING_SIZE as usize)
    }

    fn heard(&mut self, event: &Event<'_>) {
        match event {
            Event::Uncaptured { error, .. } => {
                let kind = format!("{:?}", error.kind).to_lowercase();
                self.raise(format!("uncaptured {kind} error"));
            }
            Event::DeviceLost { reason: DeviceLostReason::Unknown, .. } => self.raise("lost device".to_owned()),
            Event::Closed { .. } => self.raise("session that the worker ended".to_owned()),
            _ => {}
        }
    }

    fn body(&mut self, session: u32, time: u64, body: Body) -> bool {
        match body {
            Body::Batch(bytes) => {
                if let Err(error) = self.log.batch(session, time, &bytes) {
                    (self.notice)(&format!("the flight recorder stops: it cannot read the stream: {error}"));
                    return false;
                }
            }
            Body::Event(bytes) => {
                let mut pieces = Vec::new();
                let mut keep = |digest: Digest, bytes: &[u8]| {
                    pieces.push((digest, bytes.to_vec()));
                    Ok(())
                };
                let readback = self.readbacks.complete(session, &bytes, &mut keep).ok().flatten();
                pieces.iter().for_each(|(digest, bytes)| self.store(*digest, bytes));
                if let Some(readback) = readback {
                    self.log.entry(session, time, What::Readback(readback));
                }
                if let Ok(event) = codec::decode_event(&bytes) {
                    self.log.event(session, time, &bytes, &event);
                    self.heard(&event);
                }
            }
            Body::Session => self.log.entry(session, time, What::Session),
            Body::End(reason) => {
                self.readbacks.end(session);
                if reason != CLOSED {
                    self.raise(format!("end of the session ({})", cut(&reason, MAX_REASON)));
                }
                self.log.entry(session, time, What::End(reason));
                self.write();
            }
            // A live session sends none of these.
            Body::Piece(_) | Body::Readback(_) | Body::Stopped(_) | Body::Unknown(_) => {}
        }
        true
    }

    /// Writes the trace of the alarm, if one is pending.
    fn write(&mut self) {
        let Some(alarm) = self.alarm.take() else { return };
        let number = self.written + 1;
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let name = format!("flight-{seconds}-{}-{number}.airtrace", std::process::id());
        let message = match self.save(&alarm, &name) {
            Ok(submits) => {
                self.written = number;
                let last = if number == MAX_TRACES { "; no more of this run will be written" } else { "" };
                let submits = if submits == 1 { "submit".to_owned() } else { format!("{submits} submits") };
                format!("{}: wrote {name} (last {submits}){last}", alarm.reason)
            }
            Err(error) => {
                // The next attempt would fail, too.
                self.written = MAX_TRACES;
                let folder = self.options.folder.display();
                format!("{}: cannot write {name} to {folder}: {error}; the run goes on", alarm.reason)
            }
        };
        (self.notice)(&message);
    }

    /// Returns the number of submits in the trace's window.
    fn save(&self, alarm: &Alarm, name: &str) -> Result<u64, ReadError> {
        let (trace, submits) = self.trace(alarm);
        fs::create_dir_all(&self.options.folder)?;
        let (output, file) = Output::create(&self.options.folder.join(name))?;
        trace.write(file)?;
        output.commit()?;
        Ok(submits)
    }

    fn trace(&self, alarm: &Alarm) -> (Trace, u64) {
        let mut trace = Trace { header: self.options.header.clone(), ..Trace::default() };
        trace.header.history.push(format!("flight recorder: {}", alarm.reason));
        let selection = self.log.select(alarm.start..u64::MAX);
        for entry in self.log.cut(&selection) {
            let digests: Vec<_> = match &entry.what {
                What::Piece(piece) => vec![piece.digest],
                What::Readback(readback) => readback.pieces.iter().map(|&(_, digest)| digest).collect(),
                _ => Vec::new(),
            };
            for bytes in digests.iter().filter_map(|digest| self.payloads.get(digest)) {
                trace.blobs.add(bytes.to_vec());
            }
            match entry.what {
                What::Piece(piece) => drop(trace.pieces.insert((entry.session, piece.start), piece)),
                _ => trace.entries.push(entry),
            }
        }
        (trace, self.log.submits_in(&selection))
    }
}

impl Consumer for Flight {
    fn message(&mut self, message: Message) -> bool {
        let Message { session, time, what } = message;
        let alive = match what {
            Said::Piece { start, bytes } => {
                let digest = Digest::of(&bytes);
                self.store(digest, &bytes);
                let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                self.log.entry(session, time, What::Piece(Piece { start, len, digest }));
                true
            }
            Said::MapData { request, bytes } => {
                let mut pieces = Vec::new();
                let mut keep = |digest: Digest, bytes: &[u8]| {
                    pieces.push((digest, bytes.to_vec()));
                    Ok(())
                };
                // It fails only where the store fails.
                let _ = self.readbacks.add(session, request, &bytes, &mut keep);
                pieces.iter().for_each(|(digest, bytes)| self.store(*digest, bytes));
                true
            }
            Said::Body(body) => self.body(session, time, body),
            Said::Snapshot => {
                self.raise("asked for".to_owned());
                self.write();
                true
            }
        };
        if !alive || self.weight() < self.compact_at {
            return alive;
        }
        if self.compact() {
            return true;
        }
        self.write();
        let limit = self.options.memory;
        (self.notice)(&format!("the flight recorder stops: live objects alone need far more than {limit} bytes"));
        false
    }

    fn settle(&mut self, everything: bool) -> bool {
        let due = |alarm: &Alarm| everything || alarm.last.elapsed() >= QUIET || alarm.first.elapsed() >= PATIENCE;
        if self.alarm.as_ref().is_some_and(due) {
            self.write();
        }
        true
    }

    fn finish(mut self: Box<Self>) {
        self.write();
    }
}
