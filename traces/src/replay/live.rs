//! A session in flight: a worker, the batch that gathers for it, and its replies.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io,
    time::Duration,
};

use airlock_protocol::{
    Command, Event,
    codec::{self, BATCH_HEADER, BatchWriter},
    commands::{adapter::Capabilities, instance::ListAdapters, session::ReportStats},
    connect::Daemon,
    ids::RequestId,
    limits::{MAX_BATCH, MAX_PENDING},
};

use super::{
    FoundKind, INJECTED, Inject, ReplayError, Subject,
    contents::Contents,
    fences::{Fences, Window},
    labels::facts,
    worker::{Heard, Worker},
};
use crate::file::reader::ReadError;

/// Bytes that a command may grow by when the position of its bulk data or a probe changes it.
const SLACK: usize = 256;

/// Bytes of a fence.
const FENCE: usize = 16;

/// Unrequested events that wait for their recorded counterpart. A run receives such events soon; more come only from a
/// worker that raises nothing but errors.
const MAX_UNASKED: usize = 64 << 10;

/// The timeout for an event that may arrive at any time, once all earlier commands are executed.
const GRACE: Duration = Duration::from_secs(1);

/// The end of a replay.
#[derive(Debug)]
pub(super) enum Stop {
    /// The worker ended without a reason.
    Gone {
        /// How it ended.
        reason: String,
    },
    /// A reply timed out.
    Late {
        /// The command that made the request.
        command: Option<u64>,
        /// The event or room that was waited for.
        what: String,
    },
    /// The adapter lacks a capability of the recorded one.
    Unsupported {
        /// The request for a device.
        command: u64,
        /// The missing capability.
        why: String,
    },
    /// A difference from the recording.
    Diverged(Box<Finding>),
    /// The replay failed.
    Error(ReplayError),
}

/// The first difference.
#[derive(Debug)]
pub(super) struct Finding {
    /// The commands that may have caused it.
    pub place: Option<Window>,
    /// The subject of the comparison.
    pub what: Subject,
    /// The recorded value.
    pub expected: String,
    /// The value in this replay.
    pub found: String,
    /// Its kind.
    pub kind: FoundKind,
    /// The digest of a readback.
    pub digest: Option<String>,
}

/// The result of a step of a replay.
pub(super) type Step<T = ()> = Result<T, Stop>;

impl<E: Into<ReplayError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Stop::Error(error.into())
    }
}

/// An invalid stream whose parts are valid.
pub(super) fn nonsense(what: String) -> Stop {
    ReadError::Io(io::Error::new(io::ErrorKind::InvalidData, what)).into()
}

/// An event without a request.
#[derive(Debug)]
pub(super) struct Unasked {
    /// Its bytes.
    pub bytes: Box<[u8]>,
    /// The commands that may have caused it.
    pub cause: Option<Window>,
    name: &'static str,
    device: Option<u32>,
}

/// The state of a session in flight.
#[derive(Debug)]
pub(super) struct Live {
    /// The progress of the worker.
    pub fences: Fences,
    /// Contents of maps.
    pub contents: Contents,
    /// The worker is gone, and has sent a reason.
    pub over: bool,
    /// Replies to requests of probes.
    pub for_probes: VecDeque<Box<[u8]>>,
    /// The error of a probe's calls.
    pub failure: Option<Stop>,
    worker: Worker,
    timeout: Duration,
    batch: BatchWriter,
    /// The recorded commands of the batch.
    window: Option<Window>,
    next_request: u64,
    answers: HashMap<u64, VecDeque<Box<[u8]>>>,
    unasked: VecDeque<Unasked>,
    said_why: bool,
    /// Pending requests of probes.
    injected: HashSet<u64>,
}

impl Live {
    /// Starts a worker for a session.
    pub fn start(daemon: &Daemon, timeout: Duration) -> Step<Self> {
        Ok(Self {
            fences: Fences::default(),
            contents: Contents::default(),
            over: false,
            for_probes: VecDeque::new(),
            failure: None,
            worker: Worker::start(daemon)?,
            timeout,
            batch: BatchWriter::default(),
            window: None,
            next_request: INJECTED,
            answers: HashMap::new(),
            unasked: VecDeque::new(),
            said_why: false,
            injected: HashSet::new(),
        })
    }

    // Output.

    /// Bytes of the batch.
    pub fn waiting(&self) -> usize {
        self.batch.len()
    }

    /// Appends a recorded command to the batch. `len` is its recorded length.
    pub fn put(&mut self, number: u64, command: &Command<'_>, len: usize) -> Step {
        self.push(command, len.saturating_add(SLACK))?;
        let first = self.window.map_or(number, |window| window.first);
        self.window = Some(Window { first, last: number });
        Ok(())
    }

    fn push(&mut self, command: &Command<'_>, room: usize) -> Step {
        if !self.batch.is_empty() && BATCH_HEADER.saturating_add(self.batch.len()).saturating_add(room) > MAX_BATCH {
            self.flush()?;
        }
        self.batch.push(command).map_err(|error| nonsense(error.to_string()))
    }

    /// Puts bulk data into the ring, blocking while it is full; returns its position.
    pub fn put_piece(&mut self, number: u64, bytes: &[u8]) -> Step<u64> {
        loop {
            if self.over {
                return Ok(0);
            }
            if let Some(start) = self.worker.ring.write(bytes) {
                return Ok(start);
            }
            // The commands that free space may still be in the batch. Space may become free while that is sent.
            if self.batch.is_empty() {
                self.pump(Some(number), "room in the shared ring for the command's data")?;
            } else {
                self.flush()?;
            }
        }
    }

    /// Sends the batch, with a fence at its end, unless it is empty.
    pub fn flush(&mut self) -> Step {
        if !self.batch.is_empty() {
            if BATCH_HEADER.saturating_add(self.batch.len()).saturating_add(FENCE) > MAX_BATCH {
                self.send()?;
            }
            self.fence()?;
        }
        // Processes arrived events early, so that they do not accumulate.
        loop {
            let heard = if self.over { Heard::Nothing } else { self.worker.hear(Duration::ZERO) };
            if !self.heard(heard)? {
                return Ok(());
            }
        }
    }

    /// Sends the gathered commands, with a fence.
    fn fence(&mut self) -> Step {
        let request = self.next();
        self.batch.push(&ReportStats { request }.into()).map_err(|error| nonsense(error.to_string()))?;
        let window = self.window.take();
        if !self.over {
            self.fences.sent(request, window);
        }
        self.send()
    }

    fn send(&mut self) -> Step {
        while self.worker.is_full() && !self.over {
            let running = self.fences.running().map(|window| window.first);
            self.pump(running, "the worker to take more commands")?;
        }
        let (worker, over) = (&mut self.worker, self.over);
        self.batch.finish(|bytes| {
            if !over {
                worker.send(bytes);
            }
        });
        Ok(())
    }

    fn next(&mut self) -> RequestId {
        let request = RequestId(self.next_request);
        self.next_request = self.next_request.saturating_add(1);
        request
    }

    // Input.

    /// Waits for any message. Each message restarts the timeout.
    fn pump(&mut self, command: Option<u64>, what: &str) -> Step {
        let heard = self.worker.hear(self.timeout);
        if self.heard(heard)? { Ok(()) } else { Err(Stop::Late { command, what: what.to_owned() }) }
    }

    /// Processes a message; false when there is none.
    fn heard(&mut self, heard: Heard) -> Step<bool> {
        match heard {
            Heard::Event(bytes) => self.receive(bytes.into())?,
            Heard::Sent => {}
            Heard::Nothing => return Ok(false),
            Heard::Over => {
                self.over = true;
                if !self.said_why {
                    return Err(Stop::Gone { reason: self.worker.explain() });
                }
            }
        }
        Ok(true)
    }

    fn receive(&mut self, bytes: Box<[u8]>) -> Step {
        let event = codec::decode_event(&bytes)
            .map_err(|error| Stop::Gone { reason: format!("the GPU worker sent what is no event ({error})") })?;
        match &event {
            Event::Welcome => {}
            Event::Credit { consumed } => self.worker.ring.credit(*consumed),
            Event::MapData { request, data } if request.0 < INJECTED => self.contents.add(*request, data),
            Event::Report { request, .. } if self.fences.answered(*request) => {}
            Event::Closed { .. } => self.note_unasked("Closed", None, bytes)?,
            Event::Uncaptured { device, .. } => self.note_unasked("Uncaptured", Some(device.0), bytes)?,
            Event::DeviceLost { device, .. } => self.note_unasked("DeviceLost", Some(device.0), bytes)?,
            Event::MapData { request, .. } => {
                if self.injected.contains(&request.0) {
                    self.for_probes.push_back(bytes);
                }
            }
            event => {
                if let Some(request) = event.request() {
                    if self.injected.remove(&request.0) {
                        self.for_probes.push_back(bytes);
                    } else {
                        self.answers.entry(request.0).or_default().push_back(bytes);
                        if self.answers.len() > MAX_PENDING {
                            return Err(Stop::Gone { reason: "the GPU worker answers what nobody asks".to_owned() });
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn note_unasked(&mut self, name: &'static str, device: Option<u32>, bytes: Box<[u8]>) -> Step {
        self.said_why |= name == "Closed";
        let cause = self.fences.cause(name == "DeviceLost");
        self.unasked.push_back(Unasked { bytes, cause, name, device });
        if self.unasked.len() <= MAX_UNASKED {
            return Ok(());
        }
        self.unasked.pop_front().map_or(Ok(()), |first| Err(first.not_recorded()))
    }

    /// Waits for the reply to a command's request; `None` when the worker has ended the session before.
    pub fn answer(&mut self, request: RequestId, command: u64, what: &str) -> Step<Option<Box<[u8]>>> {
        if !self.wait_for(request, command, what)? {
            return Ok(None);
        }
        let Some(answers) = self.answers.get_mut(&request.0) else { return Ok(None) };
        let answer = answers.pop_front();
        if answers.is_empty() {
            self.answers.remove(&request.0);
        }
        Ok(answer)
    }

    /// As [`Live::answer`], without removing the reply.
    pub fn peek(&mut self, request: RequestId, command: u64, what: &str) -> Step<Option<&[u8]>> {
        let there = self.wait_for(request, command, what)?;
        let answer = self.answers.get(&request.0).and_then(|answers| answers.front());
        Ok(answer.filter(|_| there).map(|answer| &**answer))
    }

    fn wait_for(&mut self, request: RequestId, command: u64, what: &str) -> Step<bool> {
        self.flush()?;
        while !self.answers.contains_key(&request.0) {
            if self.over {
                return Ok(false);
            }
            self.pump(Some(command), what)?;
        }
        Ok(true)
    }

    /// The next unrequested event of a device; waits as long as it can still arrive.
    pub fn unasked(&mut self, name: &str, device: Option<u32>) -> Step<Option<Unasked>> {
        self.flush()?;
        // Errors arrive while their batch is executed, losses before the next one.
        for _ in 0..2 {
            loop {
                if let Some(found) = self.take_unasked(name, device) {
                    return Ok(Some(found));
                }
                if self.over || !self.fences.wait() {
                    break;
                }
                self.pump(self.fences.running().map(|window| window.first), "the end of a batch")?;
            }
            if self.over || name == "Uncaptured" {
                return Ok(None);
            }
            self.fence()?;
        }
        // The driver may report a loss on a thread of its own.
        while !self.over && !self.unasked.iter().any(|unasked| unasked.is(name, device)) {
            let heard = self.worker.hear(GRACE.min(self.timeout));
            if !self.heard(heard)? {
                break;
            }
        }
        Ok(self.take_unasked(name, device))
    }

    /// Removes an unrequested event of a device, if one has arrived.
    pub fn take_unasked(&mut self, name: &str, device: Option<u32>) -> Option<Unasked> {
        let place = self.unasked.iter().position(|unasked| unasked.is(name, device))?;
        self.unasked.remove(place)
    }

    /// Removes the first unrequested event that is left.
    pub fn left_over(&mut self) -> Option<Unasked> {
        self.unasked.pop_front()
    }

    /// True while there are unrequested events.
    pub fn has_unasked(&self) -> bool {
        !self.unasked.is_empty()
    }

    /// The event with the worker's reason for ending the session.
    pub fn closed(&self) -> Option<&Unasked> {
        self.unasked.iter().find(|unasked| unasked.name == "Closed")
    }

    /// Waits until all sent commands are executed, and the resulting events have arrived.
    pub fn finish(&mut self) -> Step {
        self.flush()?;
        for _ in 0..2 {
            if self.over {
                return Ok(());
            }
            self.fence()?;
            while self.fences.wait() && !self.over {
                self.pump(self.fences.running().map(|window| window.first), "the end of the commands")?;
            }
        }
        Ok(())
    }

    /// Requests this machine's adapters.
    pub fn adapters(&mut self, command: u64) -> Step<Vec<Capabilities>> {
        let request = self.next();
        self.push(&ListAdapters { request }.into(), SLACK)?;
        let answer = self.answer(request, command, "the list of adapters")?;
        Ok(match answer.as_deref().map(codec::decode_event) {
            Some(Ok(Event::AdapterList { adapters, .. })) => adapters,
            _ => Vec::new(),
        })
    }

    fn inject(&mut self, command: &Command<'_>) -> Step {
        let mut bytes = Vec::new();
        codec::encode_command(command, &mut bytes).map_err(|error| nonsense(error.to_string()))?;
        self.push(command, bytes.len())?;
        if let Some(request) = facts(command).and_then(|facts| facts.request) {
            self.injected.insert(request.0);
        }
        Ok(())
    }

    /// Waits for any message while an injected request is pending; false when none is.
    pub fn settle_some(&mut self) -> Step<bool> {
        self.flush()?;
        if self.injected.is_empty() || self.over {
            return Ok(false);
        }
        self.pump(None, "the reply to an injected request")?;
        Ok(true)
    }

    fn settle_all(&mut self) -> Step {
        while self.settle_some()? {}
        Ok(())
    }
}

impl Inject for Live {
    fn send(&mut self, command: Command<'_>) {
        if self.failure.is_none() {
            self.failure = self.inject(&command).err();
        }
    }

    fn request(&mut self) -> RequestId {
        self.next()
    }

    fn settle(&mut self) {
        if self.failure.is_none() {
            self.failure = self.settle_all().err();
        }
    }
}

impl Unasked {
    fn is(&self, name: &str, device: Option<u32>) -> bool {
        self.name == name && self.device == device
    }

    /// The divergence of an event without a recorded counterpart.
    pub fn not_recorded(&self) -> Stop {
        let (found, kind) = codec::decode_event(&self.bytes).map_or((String::new(), FoundKind::Value), |event| {
            (super::events::describe(&event), FoundKind::of(&event))
        });
        Stop::Diverged(Box::new(Finding {
            place: self.cause,
            what: Subject::Event(self.name),
            expected: "nothing: it was not recorded".to_owned(),
            found,
            kind,
            digest: None,
        }))
    }
}
