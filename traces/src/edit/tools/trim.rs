//! Cuts a window out of a trace, with all dependences of its commands from before it. No GPU is used: the work that
//! made the contents that the window reads is kept.

use std::{str::FromStr, sync::Arc};

use airlock_protocol::{
    Command,
    codec::{self, DecodeError},
};
use thiserror::Error;

use crate::{
    edit::analysis::{FromBefore, log::Log},
    file::{
        reader::{ReadError, TraceFile},
        trace::{Blobs, Trace, What},
    },
};

/// Submits by their numbers in the trace, from 0, without the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// From one on, up to another or to the end.
    Submits(u64, Option<u64>),
    /// The last submits, by their number.
    Last(u64),
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || "submits are two numbers with dots between: 10..20, 10..=19, 10.. or ..20".to_owned();
        let (from, to) = text.split_once("..").ok_or_else(usage)?;
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| usage());
        let from = if from.trim().is_empty() { 0 } else { number(from)? };
        let to = match to.trim() {
            "" => None,
            to => match to.strip_prefix('=') {
                Some(to) => Some(number(to)?.saturating_add(1)),
                None => Some(number(to)?),
            },
        };
        if to.is_some_and(|to| to <= from) {
            return Err(format!("there are no submits in {text}: the end is not among them"));
        }
        Ok(Window::Submits(from, to))
    }
}

/// A trace that cannot be trimmed.
#[derive(Debug, Error)]
pub enum TrimError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It has no such submits.
    #[error("the trace has {} submits, the window begins at submit {from} (the first is 0)", .submits)]
    Beyond {
        /// The start of the window.
        from: u64,
        /// The number of commands in the trace.
        submits: u64,
    },
}

/// A trimmed trace, and its statistics.
#[derive(Clone, Debug)]
pub struct Trimmed {
    /// The trace.
    pub trace: Trace,
    /// The submits of the window.
    pub submits: std::ops::Range<u64>,
    /// Submits of the whole trace.
    pub of: u64,
    /// Submits before the window that are kept.
    pub before: u64,
    /// The resources that those write.
    pub from_before: Vec<FromBefore>,
}

/// Trims a trace. `progress` receives the number of each command.
pub fn trim(file: &Arc<TraceFile>, window: Window, progress: &mut dyn FnMut(u64)) -> Result<Trimmed, TrimError> {
    let log = load(file, progress)?;
    let of = log.submits();
    let (from, to) = match window {
        Window::Submits(from, to) => (from, to.unwrap_or(of).min(of)),
        Window::Last(count) => (of.saturating_sub(count), of),
    };
    if from >= of {
        return Err(TrimError::Beyond { from, submits: of });
    }
    let start = if from == 0 { 0 } else { log.start(usize::try_from(from).unwrap_or(usize::MAX)) };
    // A window up to the end includes the entries after the last submit.
    let end = if to == of { u64::MAX } else { log.start(usize::try_from(to).unwrap_or(usize::MAX)) };
    let selection = log.select(start..end);
    let (before, from_before) = log.before_window(&selection);
    let mut trace = Trace { header: file.header().clone(), blobs: Blobs::of(Arc::clone(file)), ..Trace::default() };
    trace.header.history.push(format!("trimmed to submits {from}..{to} of {of}"));
    for entry in log.cut(&selection) {
        match entry.what {
            What::Piece(piece) => drop(trace.pieces.insert((entry.session, piece.start), piece)),
            _ => trace.entries.push(entry),
        }
    }
    Ok(Trimmed { trace, submits: from..to, of, before, from_before })
}

fn load(file: &TraceFile, progress: &mut dyn FnMut(u64)) -> Result<Log, ReadError> {
    let mut log = Log::new(usize::MAX);
    for entry in file.entries_from(0) {
        let (number, entry) = entry?;
        let (session, time) = (entry.session, entry.time);
        let fail = |cause: DecodeError| ReadError::Stream {
            place: format!("what follows command {number} of the trace"),
            cause,
            newer: file.header().is_newer(),
        };
        match &entry.what {
            What::Command(bytes) => {
                let command: Command<'_> = codec::decode_command(bytes).map_err(fail)?;
                log.command((session, time), bytes, &command);
                progress(number);
            }
            What::Event(bytes) => log.event(session, time, bytes, &codec::decode_event(bytes).map_err(fail)?),
            _ => log.entry(session, time, entry.what),
        }
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read() {
        for (text, from, to) in [("3..5", 3, Some(5)), ("3..=5", 3, Some(6)), ("3..", 3, None), ("..5", 0, Some(5))] {
            assert_eq!(text.parse(), Ok(Window::Submits(from, to)), "{text}");
        }
        for text in ["", "3", "5..3", "3..3", "a..b", "-1..2", "..0"] {
            assert!(text.parse::<Window>().is_err(), "{text}");
        }
    }
}
