//! Replaying a trace: a fresh worker for each session, the same commands, the same waits at the same places, and every
//! event compared with the recorded one.
//!
//! The replayer is one more client of the wire. It knows only the commands that it must inspect: requests for adapters
//! and devices, and maps.

mod adapter;
mod alike;
mod contents;
mod events;
mod fences;
pub(crate) mod flip;
mod labels;
mod live;
mod notes;
mod options;
mod picture;
mod pictures;
mod place;
mod probe;
pub mod probes;
mod report;
mod run;
mod session;
mod source;
pub(crate) mod texels;
mod worker;

pub use adapter::unmatched;
pub use alike::Measure;
pub use options::{Input, Options, ReplayError, TIMEOUT};
pub use picture::Picture;
pub use probe::{INJECTED, Inject, Probe};
pub use report::{
    Differing, Divergence, FoundKind, Likeness, NotCompared, Outcome, Report, Rounded, Subject, Tolerance, WorkerEnd,
};

/// Replays a trace. The probes see every command in order.
pub fn replay(input: &Input<'_>, options: &Options, probes: &mut [&mut dyn Probe]) -> Result<Report, ReplayError> {
    let run::Pass { mut report, window } = run::Run::new(input, options, None).go(probes)?;
    if let Some(window) = window.filter(|_| options.locate)
        && let Ok(closer) = run::Run::new(input, options, Some(window)).go(&mut [])
    {
        report.outcome = locate(report.outcome, closer.report.outcome);
    }
    Ok(report)
}

/// Completes an outcome with the command that a second pass found.
fn locate(first: Outcome, closer: Outcome) -> Outcome {
    match (first, closer) {
        (Outcome::Diverged(mut first), Outcome::Diverged(closer)) if first.what == closer.what => {
            (first.command, first.name, first.objects) = (closer.command, closer.name, closer.objects);
            Outcome::Diverged(first)
        }
        (Outcome::Crashed { .. }, closer @ Outcome::Crashed { .. }) => closer,
        (first, _) => first,
    }
}
