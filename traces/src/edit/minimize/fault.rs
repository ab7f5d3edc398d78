//! Faults that a replay shows, and the test whether a candidate's replay shows the same one.

use airlock_protocol::{
    Event,
    codec::{self, DecodeError},
    commands::error::{ErrorFilter, GpuError},
    events::{DeviceLostReason, PipelineErrorReason},
    handshake::PANICKED,
};
use thiserror::Error;

use crate::{
    file::trace::{Trace, What},
    replay::{Divergence, FoundKind, Input, Options, Outcome, ReplayError, Subject, replay},
    schema::facts::Facts,
};

use super::{Answers, Candidate, Goal};

/// A kind of fault to search for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A recorded validation error, by its number from 1.
    ValidationError(usize),
    /// The replay differs from the recording.
    Divergence,
    /// The GPU process ends by itself.
    Crash,
    /// The device is lost, and not because the guest destroyed it.
    DeviceLost,
}

/// A search that cannot begin.
#[derive(Debug, Error)]
pub enum FaultError {
    /// The replay failed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// An event is invalid.
    #[error("an event of the trace makes no sense: {0}")]
    Event(#[from] DecodeError),
}

/// A fault of one trace.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The goal of the search.
    pub goal: Goal,
    /// Its description for the user.
    pub text: String,
    sign: Sign,
}

/// The sign of the fault in a replay.
#[derive(Clone, Debug)]
enum Sign {
    /// The recorded event occurs again, and so does everything that was recorded beside it.
    Same,
    /// The replay differs in the same way.
    Diverged(Box<Divergence>),
    /// The worker ends in the same way.
    Crashed(String),
    /// The device is lost, as recorded or newly.
    Lost,
}

impl Fault {
    /// Finds the fault of a trace; `None` when the trace does not show one.
    pub fn find(kind: Kind, trace: &Trace, options: &Options) -> Result<Option<Self>, FaultError> {
        match kind {
            Kind::ValidationError(nth) => validation_error(trace, nth),
            Kind::Divergence => match outcome(trace, options, true)? {
                Outcome::Diverged(divergence) => Ok(Some(diverged(trace, divergence))),
                _ => Ok(None),
            },
            Kind::Crash => crash(trace, outcome(trace, options, true)?),
            Kind::DeviceLost => device_lost(trace, options),
        }
    }

    /// Returns true when a candidate's replay shows the fault.
    pub fn shows(&self, candidate: &Candidate, options: &Options) -> Result<bool, FaultError> {
        let outcome = outcome(&candidate.trace, options, false)?;
        Ok(match (&self.sign, &outcome) {
            (Sign::Same | Sign::Lost, Outcome::Same) => true,
            (Sign::Diverged(divergence), Outcome::Diverged(found)) => same_divergence(divergence, found, candidate),
            (Sign::Crashed(expected), Outcome::Crashed { reason, .. }) => *expected == reason.how,
            (Sign::Lost, Outcome::Diverged(found)) => loses_device(found),
            _ => false,
        })
    }
}

/// The unrequested end of a worker: of its process, or of its session after a panic, which the worker still reports.
fn crash(trace: &Trace, outcome: Outcome) -> Result<Option<Fault>, FaultError> {
    match outcome {
        Outcome::Crashed { after, command, what, reason } => {
            let text = format!("the GPU's process ends ({reason}), at {what}");
            let goal = forgetful(Goal { suspect: command.or(after), ..Goal::default() });
            Ok(Some(Fault { goal, text, sign: Sign::Crashed(reason.how) }))
        }
        Outcome::Same => {
            for (place, event) in events(trace) {
                if let Event::Closed { reason } = event?
                    && reason.starts_with(PANICKED)
                {
                    let goal = forgetful(Goal { event: Some(place), ..Goal::default() });
                    return Ok(Some(Fault { goal, text: format!("that {reason}"), sign: Sign::Same }));
                }
            }
            Ok(None)
        }
        Outcome::Diverged(found) if found.found.contains(PANICKED) => {
            let goal = forgetful(Goal { suspect: found.command, ..Goal::default() });
            Ok(Some(Fault { goal, text: format!("a panic ({})", found.found), sign: Sign::Diverged(found) }))
        }
        _ => Ok(None),
    }
}

fn outcome(trace: &Trace, options: &Options, locate: bool) -> Result<Outcome, ReplayError> {
    let options = Options { check: true, until: None, locate, ..options.clone() };
    Ok(replay(&Input::Trace(trace), &options, &mut [])?.outcome)
}

/// A goal for faults that do not depend on readbacks, whose contents need not stay the same.
fn forgetful(goal: Goal) -> Goal {
    Goal { answers: Answers { forget_readbacks: true, except: None }, ..goal }
}

fn validation_error(trace: &Trace, nth: usize) -> Result<Option<Fault>, FaultError> {
    let mut left = nth.max(1);
    for (place, event) in events(trace) {
        let Some(message) = validation_message(&event?) else { continue };
        left = left.saturating_sub(1);
        if left == 0 {
            let goal = forgetful(Goal { event: Some(place), ..Goal::default() });
            return Ok(Some(Fault { goal, text: format!("the validation error {message:?}"), sign: Sign::Same }));
        }
    }
    Ok(None)
}

fn events(trace: &Trace) -> impl Iterator<Item = (usize, Result<Event<'_>, DecodeError>)> {
    trace.entries.iter().enumerate().filter_map(|(place, entry)| match &entry.what {
        What::Event(bytes) => Some((place, codec::decode_event(bytes))),
        _ => None,
    })
}

fn validation_message(event: &Event<'_>) -> Option<String> {
    match event {
        Event::Uncaptured { error: GpuError { kind: ErrorFilter::Validation, message }, .. }
        | Event::ScopePopped { result: Ok(Some(GpuError { kind: ErrorFilter::Validation, message })), .. } => {
            Some(message.clone())
        }
        Event::PipelineReply { result: Err(error), .. } if error.reason == PipelineErrorReason::Validation => {
            Some(error.message.clone())
        }
        _ => None,
    }
}

fn diverged(trace: &Trace, divergence: Box<Divergence>) -> Fault {
    let command = divergence.command;
    let asked = command.filter(|&number| asks(trace, number));
    let answers = Answers { forget_readbacks: true, except: asked };
    let commands = asked.into_iter().collect();
    let suspect = command.filter(|_| asked.is_none());
    let goal = Goal { commands, event: None, suspect, answers };
    let place = command.map_or_else(String::new, |command| format!(" at command {command}"));
    let text =
        format!("the divergence{place} ({}): {} instead of {}", divergence.what, divergence.found, divergence.expected);
    Fault { goal, text, sign: Sign::Diverged(divergence) }
}

/// True for a command that makes a request.
fn asks(trace: &Trace, number: u64) -> bool {
    let command = trace.commands().find(|(found, ..)| *found == number);
    let command = command.and_then(|(_, _, bytes)| codec::decode_command(bytes).ok());
    command.is_some_and(|command| Facts::of(&command).request.is_some())
}

/// True for the same event at the same command, with the same value: then the commands that made the value are still
/// there.
fn same_divergence(expected: &Divergence, found: &Divergence, candidate: &Candidate) -> bool {
    let place = match (expected.command, found.command) {
        (Some(expected), Some(found)) => candidate.position(expected) == Some(found),
        // Not every test locates the command.
        _ => true,
    };
    let value = match (&expected.digest, &found.digest) {
        (Some(expected), Some(found)) => expected == found,
        // For a missing event, the text names the last executed command, which differs in each candidate.
        _ if matches!(expected.kind, FoundKind::Nothing | FoundKind::NotRequested) => expected.kind == found.kind,
        _ => expected.found == found.found,
    };
    place && value && expected.what == found.what
}

fn device_lost(trace: &Trace, options: &Options) -> Result<Option<Fault>, FaultError> {
    for (place, event) in events(trace) {
        if let Event::DeviceLost { reason: DeviceLostReason::Unknown, message, .. } = event? {
            let goal = forgetful(Goal { event: Some(place), ..Goal::default() });
            return Ok(Some(Fault { goal, text: format!("the loss of the device ({message:?})"), sign: Sign::Lost }));
        }
    }
    match outcome(trace, options, true)? {
        Outcome::Diverged(found) if loses_device(&found) => {
            let goal = forgetful(Goal { suspect: found.command, ..Goal::default() });
            Ok(Some(Fault {
                goal,
                text: format!("the loss of the device ({})", found.found),
                sign: Sign::Diverged(found),
            }))
        }
        _ => Ok(None),
    }
}

fn loses_device(found: &Divergence) -> bool {
    // A recorded loss that is missing is a divergence too, of another kind.
    found.what == Subject::Event("DeviceLost") && found.kind == FoundKind::LostDevice
}
