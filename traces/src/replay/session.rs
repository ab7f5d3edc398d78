//! One session of a replay: sends the recorded commands to the worker and compares its events with the recorded ones.

use std::collections::HashMap;

use airlock_protocol::{
    Command, Event, Payload, codec,
    commands::{
        Effect,
        adapter::{AdapterInfo, Capabilities},
        instance::AdapterSelector,
    },
    events::{MapErrorKind, RequestDeviceErrorKind},
    ids::{BufferId, Object, RequestId},
    limits::MAX_PIECE,
};

use super::{
    FoundKind, INJECTED, Probe, Subject,
    contents::Expected,
    events::{Rules, Verdict, describe, judge},
    fences::Window,
    labels::{Labels, facts},
    live::{Finding, Live, Step, Stop, nonsense},
    notes::Notes,
    place::Place,
};
use crate::{
    edit::analysis::Uncertainty,
    file::{
        format::{Piece, Readback},
        processor::Processor,
        reader::ReadError,
    },
    schema::facts::Facts,
};

/// A request without its recorded reply so far.
#[derive(Debug)]
struct Asked {
    command: u64,
    /// The buffer of a map.
    buffer: Option<BufferId>,
    /// The buffer was unmapped, or may have been, while the map was pending.
    ended: bool,
}

/// The state of a session.
#[derive(Debug)]
pub(super) struct Session {
    /// The worker.
    pub live: Live,
    /// The labels of objects.
    pub labels: Labels,
    /// Permitted differences.
    pub uncertainty: Uncertainty,
    /// The data of later commands.
    pub pieces: HashMap<u64, Piece>,
    number: u32,
    asked: HashMap<u64, Asked>,
    rules: Rules,
    /// The processor of the recorded run, where its adapter is a software one.
    processor: Option<Processor>,
    /// The last command.
    last: u64,
}

/// The probes of a replay.
pub(super) type Probes<'p, 'q> = &'p mut [&'q mut dyn Probe];

impl Session {
    pub fn new(number: u32, live: Live, rules: Rules, processor: Option<Processor>) -> Self {
        let mut uncertainty = Uncertainty::default();
        uncertainty.session();
        Self {
            live,
            labels: Labels::default(),
            uncertainty,
            pieces: HashMap::new(),
            number,
            asked: HashMap::new(),
            rules,
            processor,
            last: 0,
        }
    }

    // Commands.

    /// Sends a command. Its bulk data is in the ring.
    pub fn command(&mut self, number: u64, command: &mut Command<'_>, len: usize, probes: Probes<'_, '_>) -> Step {
        let device = if let Command::RequestDevice(request) = &*command { Some(request.clone()) } else { None };
        for probe in &mut *probes {
            probe.before(self.number, number, command, &mut self.live);
        }
        if let (Some(device), Command::RequestDevice(request)) = (device, &*command) {
            self.rules.probed |= device != *request;
        }
        self.live.failure.take().map_or(Ok(()), Err)?;
        self.live.put(number, command, len)?;
        for probe in &mut *probes {
            probe.after(self.number, number, command, &mut self.live);
        }
        self.live.failure.take().map_or(Ok(()), Err)?;
        self.deliver(probes);
        Ok(())
    }

    /// Records a command before it is sent.
    pub fn note(&mut self, number: u64, command: &Command<'_>) -> Step {
        self.last = number;
        self.uncertainty.command(number, command);
        if let Some(facts) = facts(command) {
            self.labels.note(command, &facts);
            if let Some(request) = facts.request {
                if request.0 >= INJECTED {
                    return Err(nonsense(format!("command {number} makes a request whose number no run uses")));
                }
                let is_map = command.description().effect == Effect::Map;
                let buffer = match facts.touches {
                    Some(Object::Buffer(buffer)) if is_map => Some(buffer),
                    _ => None,
                };
                let asked = Asked { command: number, buffer, ended: false };
                self.asked.insert(request.0, asked);
            }
        }
        if matches!(command.description().effect, Effect::Unmap | Effect::Destroy | Effect::Drop) {
            for object in Facts::of(command).objects {
                self.ends(object, command.description().effect);
            }
        }
        Ok(())
    }

    /// Marks pending maps of a buffer that is unmapped, destroyed or dropped, or of a device that is destroyed.
    fn ends(&mut self, object: Object, effect: Effect) {
        for asked in self.asked.values_mut() {
            asked.ended |= match object {
                Object::Buffer(buffer) => asked.buffer == Some(buffer),
                Object::Device(_) => effect == Effect::Destroy && asked.buffer.is_some(),
                _ => false,
            };
        }
    }

    /// Puts a command's bulk data into the ring and updates its position in the command.
    pub fn place_data(&mut self, number: u64, command: &mut Command<'_>, bytes: &[u8]) -> Step {
        if let Some(Payload::Shared { start, len }) = command.payload_mut() {
            if bytes.len() != *len as usize || *len > MAX_PIECE {
                return Err(nonsense(format!("the data of command {number} is not as long as the command says")));
            }
            *start = self.live.put_piece(number, bytes)?;
        }
        Ok(())
    }

    /// Chooses this machine's adapter for a request that succeeded in the recording.
    pub fn choose_adapter(&mut self, number: u64, recorded: &AdapterInfo) -> Step<AdapterSelector<'static>> {
        Ok(super::adapter::find(recorded, &self.live.adapters(number)?))
    }

    /// This machine's adapters.
    pub fn adapters(&mut self, number: u64) -> Step<Vec<Capabilities>> {
        self.live.adapters(number)
    }

    // Events.

    /// Compares a recorded event with the one of this replay.
    pub fn event(&mut self, recorded: &Event<'_>, notes: &mut Notes, probes: Probes<'_, '_>) -> Step {
        match recorded {
            // These are not in a trace.
            Event::Welcome | Event::Credit { .. } | Event::MapData { .. } => Ok(()),
            Event::Closed { .. } => self.unasked_event(recorded, None, notes),
            Event::Uncaptured { device, .. } | Event::DeviceLost { device, .. } => {
                self.unasked_event(recorded, Some(device.0), notes)
            }
            _ => match recorded.request() {
                Some(request) => self.answer(request, recorded, notes, probes),
                None => Ok(()),
            },
        }
    }

    fn answer(&mut self, request: RequestId, recorded: &Event<'_>, notes: &mut Notes, probes: Probes<'_, '_>) -> Step {
        let Some(asked) = self.asked.remove(&request.0) else {
            return if notes.check { Err(self.nobody_asks(recorded)) } else { Ok(()) };
        };
        let Some(bytes) = self.live.answer(request, asked.command, recorded.name())? else {
            return if notes.check { Err(self.ended_before(&asked, recorded)) } else { Ok(()) };
        };
        let found = decode(&bytes)?;
        if let Event::Report { .. } = found {
            notes.statistics(asked.command);
        } else if notes.check && !self.may_race(&asked, recorded, &found, notes) {
            self.learn_adapter(recorded, &found, notes);
            if let (Event::DeviceReply { result: Ok(_), .. }, Event::DeviceReply { result: Err(why), .. }) =
                (recorded, &found)
                && self.rules.place > Place::Recorded
                && why.kind == RequestDeviceErrorKind::Type
            {
                return Err(Stop::Unsupported { command: asked.command, why: why.message.clone() });
            }
            let verdict = judge(recorded, &found, self.rules);
            notes.events += 1;
            self.take(
                verdict,
                Some(asked.command),
                (Subject::Event(recorded.name()), FoundKind::of(&found)),
                None,
                notes,
            )?;
        } else {
            self.learn_adapter(recorded, &found, notes);
        }
        if let (Some(buffer), Event::Mapped { result, .. }) = (asked.buffer, &found) {
            let contents = self.live.contents.take(request);
            if let (Some(bytes), Ok(())) = (contents.bytes(), result) {
                for probe in &mut *probes {
                    probe.readback(self.number, asked.command, buffer, bytes);
                }
            }
        }
        Ok(())
    }

    fn learn_adapter(&mut self, recorded: &Event<'_>, found: &Event<'_>, notes: &mut Notes) {
        let info = |event: &Event<'_>| match event {
            Event::AdapterReply { result: Ok(capabilities), .. } => Some(capabilities.info.clone()),
            _ => None,
        };
        let (recorded, found) = (info(recorded), info(found));
        if let (Some(recorded), Some(found)) = (&recorded, &found) {
            self.rules.place = self.rules.place.max(Place::of(recorded, found, self.processor.as_ref()));
        }
        notes.adapters(recorded.as_ref(), found.as_ref());
    }

    /// True for a map with two possible results, because the buffer was unmapped while it was pending.
    fn may_race(&self, asked: &Asked, recorded: &Event<'_>, found: &Event<'_>, notes: &mut Notes) -> bool {
        let outcome = |event: &Event<'_>| match event {
            Event::Mapped { result: Ok(()), .. } => Some(true),
            Event::Mapped { result: Err(error), .. } if error.kind == MapErrorKind::Abort => Some(false),
            _ => None,
        };
        let race = match (outcome(recorded), outcome(found)) {
            (Some(then), Some(now)) => asked.ended || !then && now,
            _ => false,
        };
        if race {
            // Recorded for every such map, with either result, so that the contents of a reference are the same in
            // every run.
            notes.not_compared(
                asked.command,
                format!("whether the map succeeds (recorded: {}; now: {})", describe(recorded), describe(found)),
                "the buffer was unmapped, or its device destroyed, while the map was on its way".to_owned(),
            );
        }
        race
    }

    fn unasked_event(&mut self, recorded: &Event<'_>, device: Option<u32>, notes: &mut Notes) -> Step {
        if !notes.check {
            let _ = self.live.take_unasked(recorded.name(), device);
            return Ok(());
        }
        match self.live.unasked(recorded.name(), device)? {
            Some(found) => {
                let event = decode(&found.bytes)?;
                let verdict = judge(recorded, &event, self.rules);
                notes.events += 1;
                let what = (Subject::Event(recorded.name()), FoundKind::of(&event));
                self.take_at(verdict, found.cause, what, None, notes)
            }
            None => Err(self.missing(None, recorded, self.nothing())),
        }
    }

    /// Compares a recorded event from after the replay's end with one that has arrived, without waiting.
    pub fn late_event(&mut self, recorded: &Event<'_>, notes: &mut Notes, probes: Probes<'_, '_>) -> Step {
        match (recorded.request(), recorded) {
            (Some(request), _) if self.asked.contains_key(&request.0) => self.answer(request, recorded, notes, probes),
            (Some(_), _) => Ok(()),
            (None, Event::Uncaptured { device, .. } | Event::DeviceLost { device, .. }) => {
                let device = Some(device.0);
                match self.live.take_unasked(recorded.name(), device) {
                    Some(found) if notes.check => {
                        let event = decode(&found.bytes)?;
                        let verdict = judge(recorded, &event, self.rules);
                        notes.events += 1;
                        let what = (Subject::Event(recorded.name()), FoundKind::of(&event));
                        self.take_at(verdict, found.cause, what, None, notes)
                    }
                    _ => Ok(()),
                }
            }
            (None, event) => {
                let _ = self.live.take_unasked(event.name(), None);
                Ok(())
            }
        }
    }

    /// True for a reply that is still expected.
    pub fn expects(&self, request: RequestId) -> bool {
        self.asked.contains_key(&request.0)
    }

    /// True when all events of this session are compared.
    pub fn is_satisfied(&self) -> bool {
        self.asked.is_empty() && !self.live.has_unasked()
    }

    /// Compares a recorded readback with the one of this replay.
    pub fn readback(&mut self, recorded: &Readback, bytes: Option<&[u8]>, notes: &mut Notes) -> Step {
        let Some(asked) = self.asked.get(&recorded.request.0) else {
            let event = Event::Mapped { request: recorded.request, result: Ok(()) };
            return if notes.check { Err(self.nobody_asks(&event)) } else { Ok(()) };
        };
        let (command, buffer) = (asked.command, asked.buffer);
        let answer = self.live.peek(recorded.request, command, "Mapped")?.map(decode).transpose()?;
        // A failed map is compared by the event that follows.
        if !notes.check || !matches!(answer, Some(Event::Mapped { result: Ok(()), .. })) {
            return Ok(());
        }
        let latitude = self.uncertainty.readback(recorded.request);
        let (tolerance, place) = (notes.tolerance, self.rules.place);
        let expected = Expected { readback: recorded, bytes, latitude: &latitude, tolerance, place };
        let found = self.live.contents.look(recorded.request);
        let compared = expected.compare(found);
        let digest = found.digest().to_string();
        notes.readbacks += u64::from(compared.counts);
        let buffer = buffer.map_or_else(|| "the buffer".to_owned(), |id| self.labels.name(Object::Buffer(id)));
        for (part, why) in compared.left_out {
            notes.not_compared(command, format!("{part} of {buffer}"), why);
        }
        if let (Some(alike), Some(expected), Some(found)) = (compared.elsewhere, bytes, found.bytes()) {
            notes.elsewhere.measured(command, &buffer, alike, (expected, found));
        }
        if let Some(why) = compared.incomparable {
            notes.elsewhere.incomparable(command, buffer, why);
        }
        self.take(compared.verdict, Some(command), (Subject::Readback, FoundKind::Value), Some(digest), notes)
    }

    fn take(
        &self,
        verdict: Verdict,
        command: Option<u64>,
        what: (Subject, FoundKind),
        digest: Option<String>,
        notes: &mut Notes,
    ) -> Step {
        let place = command.map(|command| Window { first: command, last: command });
        self.take_at(verdict, place, what, digest, notes)
    }

    fn take_at(
        &self,
        verdict: Verdict,
        place: Option<Window>,
        what: (Subject, FoundKind),
        digest: Option<String>,
        notes: &mut Notes,
    ) -> Step {
        let (subject, kind) = what;
        match verdict {
            Verdict::Same => Ok(()),
            Verdict::May { what, why } => {
                notes.differing(place.map(|place| place.last), subject, what, why);
                Ok(())
            }
            Verdict::Differs { expected, found } => {
                Err(Stop::Diverged(Box::new(Finding { place, what: subject, expected, found, kind, digest })))
            }
        }
    }

    // Missing and surplus events.

    fn nobody_asks(&self, recorded: &Event<'_>) -> Stop {
        let found = format!("no command up to {} asks for it", self.last);
        self.missing(None, recorded, (found, FoundKind::NotRequested))
    }

    fn ended_before(&self, asked: &Asked, recorded: &Event<'_>) -> Stop {
        self.missing(Some(Window { first: asked.command, last: asked.command }), recorded, self.nothing())
    }

    /// The replay's side where an event is missing.
    fn nothing(&self) -> (String, FoundKind) {
        match self.live.closed().and_then(|closed| codec::decode_event(&closed.bytes).ok()) {
            Some(closed) => (describe(&closed), FoundKind::Value),
            None => (format!("nothing, with commands up to {} done", self.last), FoundKind::Nothing),
        }
    }

    fn missing(&self, place: Option<Window>, recorded: &Event<'_>, found: (String, FoundKind)) -> Stop {
        // The end of the session explains more than the events that are missing as a result.
        let closed = self.live.closed();
        let place = closed.map_or(place, |closed| closed.cause);
        let what = Subject::Event(if closed.is_some() { "Closed" } else { recorded.name() });
        let (found, kind) = found;
        let mut expected = describe(recorded);
        if expected != recorded.name() {
            expected = format!("{}: {expected}", recorded.name());
        }
        Stop::Diverged(Box::new(Finding { place, what, expected, found, kind, digest: None }))
    }

    /// Ends the replay of the session after its last command: lets the probes finish, and waits for the worker.
    pub fn finish(&mut self, probes: Probes<'_, '_>) -> Step {
        self.live.flush()?;
        if !self.live.over {
            for probe in &mut *probes {
                probe.end(self.number, &mut self.live);
            }
            self.live.failure.take().map_or(Ok(()), Err)?;
            // Probes may make many requests here; their replies must not accumulate.
            while self.live.settle_some()? {
                self.deliver(probes);
            }
        }
        self.live.finish()?;
        self.deliver(probes);
        Ok(())
    }

    /// Passes replies to the probes.
    pub fn deliver(&mut self, probes: Probes<'_, '_>) {
        while let Some(bytes) = self.live.for_probes.pop_front() {
            if let Ok(event) = codec::decode_event(&bytes) {
                probes.iter_mut().for_each(|probe| probe.event(&event));
            }
        }
    }
}

fn decode(bytes: &[u8]) -> Step<Event<'_>> {
    let newer = false;
    let fail = |cause| ReadError::Stream { place: "an event of the worker".to_owned(), cause, newer };
    Ok(codec::decode_event(bytes).map_err(fail)?)
}
