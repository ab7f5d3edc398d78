//! Reasons of a session's end.

use std::{borrow::Cow, os::unix::process::ExitStatusExt, process::ExitStatus};

use rustix::process::Signal;
use signal_hook::low_level::signal_name;

use crate::worker::status::End;

/// Exit code of a Rust process whose main thread panicked.
const PANIC_CODE: i32 = 101;

/// Signals of a crash.
const CRASHES: [Signal; 6] = [Signal::SEGV, Signal::BUS, Signal::ILL, Signal::FPE, Signal::ABORT, Signal::TRAP];

/// Reason of a session's end, as the server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The worker's report.
    End(End),
    /// The worker died of a signal.
    Signal(i32),
    /// The server ended it.
    Ended(Ending),
    /// The worker failed without a report; it may not have started.
    Failed,
}

/// Reason for the server to end a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server stops.
    Stopped,
    /// The worker continues after its client's disconnect.
    Orphan,
    /// The client sent no batch for `--idle-timeout`.
    Idle,
    /// The worker exceeds its bound, or is the largest where a total bound is exceeded.
    Memory,
}

impl Cause {
    /// Values of the label `end` in metrics and the log.
    pub const LABELS: [&str; 14] = [
        "client",
        "violation",
        "panic",
        "quota",
        "gpu_deadline",
        "compile_deadline",
        "command_deadline",
        "client_deadline",
        "signal",
        "stopped",
        "orphan",
        "idle",
        "memory",
        "failed",
    ];

    /// Determines the reason from the exit status and the worker's own report.
    pub fn of(exit: Option<ExitStatus>, end: u64, ending: Option<Ending>) -> Self {
        let Some(exit) = exit else { return Cause::Failed };
        match (exit.signal(), exit.code(), End::of(end)) {
            (Some(signal), ..) => match ending {
                Some(ending) if signal == Signal::KILL.as_raw() => Cause::Ended(ending),
                _ => Cause::Signal(signal),
            },
            (None, Some(0), None) => Cause::End(End::Client),
            (None, Some(PANIC_CODE), _) => Cause::End(End::Panic),
            (None, _, Some(end)) => Cause::End(end),
            (None, _, None) => Cause::Failed,
        }
    }

    /// The label: one of [`Self::LABELS`].
    pub fn label(self) -> &'static str {
        match self {
            Cause::End(End::Client) => "client",
            Cause::End(End::Violation) => "violation",
            Cause::End(End::Panic) => "panic",
            Cause::End(End::Quota) => "quota",
            Cause::End(End::GpuDeadline) => "gpu_deadline",
            Cause::End(End::CompileDeadline) => "compile_deadline",
            Cause::End(End::CommandDeadline) => "command_deadline",
            Cause::End(End::ClientDeadline) => "client_deadline",
            Cause::Signal(_) => "signal",
            Cause::Ended(Ending::Stopped) => "stopped",
            Cause::Ended(Ending::Orphan) => "orphan",
            Cause::Ended(Ending::Idle) => "idle",
            Cause::Ended(Ending::Memory) => "memory",
            Cause::Failed => "failed",
        }
    }

    /// The signal's name, or `panic`, if the worker crashed.
    pub fn crash(self) -> Option<Cow<'static, str>> {
        match self {
            Cause::Signal(signal) => Some(signal_name(signal).map_or_else(|| signal.to_string().into(), Cow::Borrowed)),
            Cause::End(End::Panic) => Some("panic".into()),
            Cause::End(_) | Cause::Ended(_) | Cause::Failed => None,
        }
    }

    /// True when this end may have reset a GPU under all other sessions, where the worker had opened one (`gpu`): a driver
    /// crash, or a submit that did not end. A panic is a failed check of this program or of wgpu on the CPU, and SIGKILL
    /// comes from another process; both affect the GPU no more than a client's disconnect. SIGSYS is an attack in any case.
    pub fn may_reset_a_gpu(self, gpu: bool) -> bool {
        match self {
            Cause::Signal(signal) if signal == Signal::SYS.as_raw() => true,
            Cause::Signal(signal) => gpu && CRASHES.iter().any(|crash| crash.as_raw() == signal),
            Cause::End(end) => gpu && end == End::GpuDeadline,
            Cause::Ended(_) | Cause::Failed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_status_overrides_the_workers_report() {
        let code = |code: i32| Some(ExitStatus::from_raw(code << 8));
        let signal = |signal: i32| Some(ExitStatus::from_raw(signal));
        for (exit, end, ending, cause) in [
            (code(0), 0, None, Cause::End(End::Client)),
            (code(0), End::Client as u64, None, Cause::End(End::Client)),
            (code(1), End::Violation as u64, None, Cause::End(End::Violation)),
            (code(1), End::Panic as u64, None, Cause::End(End::Panic)),
            (code(101), End::Client as u64, None, Cause::End(End::Panic)),
            (code(1), 0, None, Cause::Failed),
            (code(2), u64::MAX, None, Cause::Failed),
            (signal(11), End::Client as u64, None, Cause::Signal(11)),
            (signal(9), 0, None, Cause::Signal(9)),
            (signal(9), 0, Some(Ending::Stopped), Cause::Ended(Ending::Stopped)),
            (signal(9), 0, Some(Ending::Orphan), Cause::Ended(Ending::Orphan)),
            (signal(11), 0, Some(Ending::Orphan), Cause::Signal(11)),
            (code(0), End::Client as u64, Some(Ending::Stopped), Cause::End(End::Client)),
            (None, 0, None, Cause::Failed),
        ] {
            assert_eq!(Cause::of(exit, end, ending), cause, "{exit:?} {end} {ending:?}");
            assert!(Cause::LABELS.contains(&cause.label()));
        }
        assert_eq!(Cause::Signal(6).crash().as_deref(), Some("SIGABRT"));
        assert_eq!(Cause::Signal(64).crash().as_deref(), Some("64"));
        assert_eq!(Cause::Ended(Ending::Stopped).crash(), None);
    }

    #[test]
    fn only_possible_resets_of_a_gpu_count_against_a_client() {
        for (cause, with_gpu, without) in [
            (Cause::Signal(11), true, false),
            (Cause::Signal(6), true, false),
            (Cause::Signal(31), true, true),
            (Cause::Signal(9), false, false),
            (Cause::Signal(15), false, false),
            (Cause::End(End::GpuDeadline), true, false),
            (Cause::End(End::CompileDeadline), false, false),
            (Cause::End(End::Panic), false, false),
            (Cause::End(End::Client), false, false),
            (Cause::Ended(Ending::Orphan), false, false),
            (Cause::Ended(Ending::Memory), false, false),
            (Cause::Failed, false, false),
        ] {
            assert_eq!((cause.may_reset_a_gpu(true), cause.may_reset_a_gpu(false)), (with_gpu, without), "{cause:?}");
        }
    }
}
