//! One pass over a trace.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use airlock_protocol::{
    Command, Event, Payload, codec,
    commands::instance::{AdapterSelector, RequestAdapter},
    connect::CLOSED,
    limits::BATCH_TARGET,
};

use super::{
    Divergence, Input, Options, Outcome, ReplayError, Report, Subject, WorkerEnd, adapter,
    events::Rules,
    fences::Window,
    live::{Finding, Live, Step, Stop, nonsense},
    notes::Notes,
    place::Place,
    session::{Probes, Session},
    source,
};
use crate::file::{
    format::Readback,
    processor::Processor,
    reader::ReadError,
    trace::{Blobs, Entry, What},
};

/// Maximum concurrent sessions, each with a worker. A run has one, or two while the first one's worker ends.
const MAX_SESSIONS: usize = 16;

/// The state of a pass.
pub(super) struct Run<'r> {
    input: &'r Input<'r>,
    options: &'r Options,
    /// The commands that are waited for one by one.
    fine: Option<Window>,
    blobs: Blobs,
    /// The trace has the ends of batches.
    flushes: bool,
    ours: bool,
    newer: bool,
    /// The processor that software adapters of the recorded run compiled for.
    processor: Option<Processor>,
    /// The sessions, `None` for those that have ended.
    sessions: BTreeMap<u32, Option<Session>>,
    notes: Notes,
    /// The session of the last entry.
    current: u32,
    /// The last command that was read.
    number: u64,
}

/// The result of a pass.
pub(super) struct Pass {
    /// The report.
    pub report: Report,
    /// The commands that contain the cause.
    pub window: Option<Window>,
}

impl<'r> Run<'r> {
    /// Prepares a pass. With `fine`, the worker is waited for after every command of that window.
    pub fn new(input: &'r Input<'r>, options: &'r Options, fine: Option<Window>) -> Self {
        let (header, blobs, flushes) = match input {
            Input::File(file) => (file.header(), Blobs::of(Arc::clone(file)), true),
            Input::Trace(trace) => {
                let flushes = trace.entries.iter().any(|entry| entry.what == What::Flush);
                (&trace.header, trace.blobs.clone(), flushes)
            }
        };
        let notes = Notes::new(options.check, options.tolerance);
        Self {
            input,
            options,
            fine,
            blobs,
            flushes,
            ours: header.is_ours(),
            newer: header.is_newer(),
            processor: header.processor.clone(),
            sessions: BTreeMap::new(),
            notes,
            current: 0,
            number: 0,
        }
    }

    /// Runs the pass.
    pub fn go(mut self, probes: Probes<'_, '_>) -> Result<Pass, ReplayError> {
        let start = Instant::now();
        let stop = self.entries(probes).err();
        let time = start.elapsed();
        let (outcome, window) = match stop {
            None => (Outcome::Same, None),
            Some(Stop::Error(error)) => return Err(error),
            Some(stop) => self.explain(stop),
        };
        Ok(Pass { report: self.report(outcome, time), window })
    }

    fn report(&mut self, outcome: Outcome, time: Duration) -> Report {
        let (not_compared, differing) = self.notes.finish();
        let elsewhere = std::mem::take(&mut self.notes.elsewhere);
        Report {
            outcome,
            commands: self.notes.commands,
            events: self.notes.events,
            readbacks: self.notes.readbacks,
            recorded_adapter: self.notes.recorded_adapter.take(),
            adapter: self.notes.adapter.take(),
            is_software: self.notes.is_software,
            rounded: elsewhere.rounded,
            incomparable: elsewhere.incomparable,
            not_compared,
            differing,
            pictures: elsewhere.pictures,
            time,
        }
    }

    fn entries(&mut self, probes: Probes<'_, '_>) -> Step {
        let input = self.input;
        let mut entries = source::entries(input, 0);
        let mut held = None;
        for entry in entries.by_ref() {
            let (number, entry) = entry?;
            let past = self.options.until.is_some_and(|until| number > until);
            if past && matches!(entry.what, What::Command(_) | What::Session) {
                held = Some((number, entry));
                break;
            }
            self.entry(number, &entry, probes)?;
        }
        if held.is_some() {
            return self.after_the_last(entries, probes);
        }
        // A truncated trace: replies may be missing, and so may later entries.
        let open: Vec<_> = self.sessions.iter().filter(|(_, session)| session.is_some()).map(|(&id, _)| id).collect();
        for session in open {
            self.close(session, None, probes)?;
        }
        Ok(())
    }

    fn entry(&mut self, number: u64, entry: &Entry, probes: Probes<'_, '_>) -> Step {
        self.current = entry.session;
        if entry.what == What::Session {
            return self.begin(entry.session);
        }
        let Some(session) = self.sessions.get_mut(&entry.session) else {
            return Err(nonsense(format!("session {} of the trace has no beginning", entry.session)));
        };
        // Ignores commands that the run sent to a worker that was gone.
        let Some(session) = session else { return Ok(()) };
        match &entry.what {
            What::Session => Ok(()),
            What::Command(bytes) => self.command(number, entry.session, bytes, probes),
            What::Flush => {
                session.live.flush()?;
                probes.iter_mut().for_each(|probe| probe.progress(self.notes.commands));
                Ok(())
            }
            What::Piece(piece) => {
                session.pieces.insert(piece.start, *piece);
                Ok(())
            }
            What::Event(bytes) => {
                let event = decode_event(bytes, number, self.newer)?;
                session.event(&event, &mut self.notes, probes)
            }
            What::Readback(readback) => {
                let bytes = recorded_bytes(&self.blobs, readback, self.options.check)?;
                session.readback(readback, bytes.as_deref(), &mut self.notes)
            }
            What::End(reason) => self.close(entry.session, Some(reason), probes),
            What::Stopped(_) => Ok(()),
            What::Unknown(objects) => {
                session.uncertainty.unknown(objects);
                Ok(())
            }
        }
    }

    fn begin(&mut self, session: u32) -> Step {
        if self.sessions.values().flatten().count() >= MAX_SESSIONS {
            return Err(nonsense(format!("more than {MAX_SESSIONS} sessions of the trace run at a time")));
        }
        let live = Live::start(&self.options.daemon, self.options.timeout)?;
        let rules = Rules { ours: self.ours, place: Place::default(), probed: false };
        self.sessions.insert(session, Some(Session::new(session, live, rules, self.processor.clone())));
        Ok(())
    }

    // Commands.

    fn command(&mut self, number: u64, id: u32, bytes: &[u8], probes: Probes<'_, '_>) -> Step {
        self.number = number;
        let Some(Some(session)) = self.sessions.get_mut(&id) else { return Ok(()) };
        let place = || format!("command {number} of the trace");
        let fail = |cause| ReadError::Stream { place: place(), cause, newer: self.newer };
        let mut command: Command<'_> = codec::decode_command(bytes).map_err(fail)?;
        session.note(number, &command)?;
        if let Some(&Payload::Shared { start, .. }) = command.payload() {
            let piece = match (session.pieces.remove(&start), self.input) {
                (None, Input::Trace(trace)) => trace.pieces.get(&(id, start)).copied(),
                (piece, _) => piece,
            };
            let piece = piece.ok_or_else(|| nonsense(format!("the data of command {number} is not in the trace")))?;
            session.place_data(number, &mut command, &self.blobs.get(piece.digest)?)?;
        }
        if let Command::RequestAdapter(request) = &mut command {
            request.selector = selector(self.input, self.options, (number, id), request, session)?;
        }
        session.command(number, &mut command, bytes.len(), probes)?;
        self.notes.commands += 1;
        if self.fine.is_some_and(|fine| (fine.first..=fine.last).contains(&number)) {
            session.live.finish()?;
        } else if !self.flushes && session.live.waiting() >= BATCH_TARGET {
            session.live.flush()?;
        }
        Ok(())
    }

    // Ends.

    /// Ends a session after its last command; without a reason because the trace is truncated.
    fn close(&mut self, id: u32, reason: Option<&str>, probes: Probes<'_, '_>) -> Step {
        self.current = id;
        let Some(Some(session)) = self.sessions.get_mut(&id) else { return Ok(()) };
        session.finish(probes)?;
        probes.iter_mut().for_each(|probe| probe.progress(self.notes.commands));
        let by_client = reason == Some(CLOSED);
        if let Some(reason) = reason.filter(|_| !by_client && !session.live.over) {
            let what = format!("the recorded session ended here ({reason}), this one did not");
            self.notes.differing(Some(self.number), Subject::End, what, "what ended it did not happen again");
        }
        if by_client && self.options.check {
            session.live.left_over().map_or(Ok(()), |unasked| Err(unasked.not_recorded()))?;
        }
        self.sessions.insert(id, None);
        Ok(())
    }

    /// Ends the replay after the last command to be replayed. Later recorded replies to these commands are compared,
    /// too.
    fn after_the_last(&mut self, entries: source::Entries<'_>, probes: Probes<'_, '_>) -> Step {
        for (&id, session) in &mut self.sessions {
            self.current = id;
            if let Some(session) = session {
                session.finish(probes)?;
            }
        }
        probes.iter_mut().for_each(|probe| probe.progress(self.notes.commands));
        for entry in entries {
            if self.sessions.values().flatten().all(Session::is_satisfied) {
                return Ok(());
            }
            let (number, entry) = entry?;
            let Some(Some(session)) = self.sessions.get_mut(&entry.session) else { continue };
            self.current = entry.session;
            match &entry.what {
                What::Event(bytes) => {
                    session.late_event(&decode_event(bytes, number, self.newer)?, &mut self.notes, probes)?;
                }
                What::Readback(readback) if session.expects(readback.request) => {
                    let bytes = recorded_bytes(&self.blobs, readback, self.options.check)?;
                    session.readback(readback, bytes.as_deref(), &mut self.notes)?;
                }
                What::End(reason) => {
                    let left_over = session.live.left_over().filter(|_| reason == CLOSED && self.options.check);
                    left_over.map_or(Ok(()), |unasked| Err(unasked.not_recorded()))?;
                    self.sessions.insert(entry.session, None);
                }
                _ => {}
            }
        }
        Ok(())
    }

    // Texts.

    fn explain(&self, stop: Stop) -> (Outcome, Option<Window>) {
        let session = self.sessions.get(&self.current).and_then(Option::as_ref);
        match stop {
            Stop::Diverged(finding) => {
                let place = finding.place;
                let command = place.and_then(Window::exact);
                let (name, objects) = self.describe(command);
                let Finding { what, expected, found, kind, digest, .. } = *finding;
                let divergence = Divergence { command, name, objects, what, expected, found, kind, digest };
                (Outcome::Diverged(Box::new(divergence)), place.filter(|_| command.is_none()))
            }
            Stop::Gone { reason } => {
                let fences = session.map(|session| &session.live.fences);
                let (after, running) = fences.map_or((None, None), |fences| (fences.after(), fences.running()));
                let command = running.map(|window| window.first);
                let (name, objects) = self.describe(command);
                let what = with_objects(&name, &objects);
                let recorded = source::broken_end(self.input, self.current, self.number);
                let reason = WorkerEnd { how: reason, recorded };
                let window = running.filter(|window| window.exact().is_none());
                (Outcome::Crashed { after, command, what, reason }, window)
            }
            Stop::Late { command, what } => {
                (Outcome::Hung { command, what: self.waited_for(what, command, session) }, None)
            }
            Stop::Unsupported { command, why } => (Outcome::Unsupported { command, why }, None),
            // The caller handles these.
            Stop::Error(error) => (Outcome::Hung { command: None, what: error.to_string() }, None),
        }
    }

    fn waited_for(&self, what: String, command: Option<u64>, session: Option<&Session>) -> String {
        let (name, objects) = self.describe(command);
        let asks = if name.is_empty() { String::new() } else { format!(", for {}", with_objects(&name, &objects)) };
        let running = session.and_then(|session| session.live.fences.running());
        let done = running.map(|window| format!("; commands from {} on are not known to be done", window.first));
        what + &asks + &done.unwrap_or_default()
    }

    fn describe(&self, command: Option<u64>) -> (String, Vec<String>) {
        let found = command.and_then(|command| source::command(self.input, command));
        let Some((session, bytes)) = found else { return (String::new(), Vec::new()) };
        match codec::decode_command(&bytes) {
            // A reply can arrive when its objects are gone and others have their ids.
            Ok(decoded) => {
                let labels = source::labels(self.input, session, command.unwrap_or_default());
                (decoded.name().to_owned(), labels.objects(&decoded))
            }
            Err(_) => (String::new(), Vec::new()),
        }
    }
}

fn with_objects(name: &str, objects: &[String]) -> String {
    if objects.is_empty() { name.to_owned() } else { format!("{name} with {}", objects.join(", ")) }
}

/// The adapter to request in place of the recorded one.
fn selector<'c>(
    input: &Input<'_>,
    options: &'c Options,
    (number, id): (u64, u32),
    command: &RequestAdapter<'c>,
    session: &mut Session,
) -> Step<AdapterSelector<'c>> {
    let recorded = source::answer(input, id, number, command.request);
    if let Some(choice) = &options.adapter {
        let selector = adapter::parse(choice);
        // A recorded run that got no adapter may be replayed without one.
        if !matches!(recorded.as_deref().map(codec::decode_event), Some(Ok(Event::AdapterReply { result: Err(_), .. })))
            && selector != AdapterSelector::Noop
            && let Some(available) = adapter::unmatched(choice, &session.adapters(number)?)
        {
            return Err(ReplayError::NoSuchAdapter { wanted: choice.clone(), available }.into());
        }
        return Ok(selector);
    }
    if command.selector == AdapterSelector::Noop {
        return Ok(AdapterSelector::Noop);
    }
    match recorded.as_deref().map(codec::decode_event) {
        Some(Ok(Event::AdapterReply { result: Ok(recorded), .. })) => session.choose_adapter(number, &recorded.info),
        _ => Ok(command.selector),
    }
}

fn decode_event(bytes: &[u8], number: u64, newer: bool) -> Step<Event<'_>> {
    let place = || format!("the event after command {number} of the trace");
    Ok(codec::decode_event(bytes).map_err(|cause| ReadError::Stream { place: place(), cause, newer })?)
}

/// The bytes of a recorded readback. A trace may have lost them; then only the digest is compared.
fn recorded_bytes(blobs: &Blobs, readback: &Readback, check: bool) -> Step<Option<Vec<u8>>> {
    if !check || readback.len > airlock_protocol::limits::MAX_MAPPED {
        return Ok(None);
    }
    Ok(blobs.readback(readback)?)
}
