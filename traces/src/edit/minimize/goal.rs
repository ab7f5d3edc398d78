//! The goal of a search, and its reports.

use thiserror::Error;

use super::{
    candidate::{Answers, Candidate},
    graph::GraphError,
};

/// The goal of a search.
#[derive(Clone, Debug, Default)]
pub struct Goal {
    /// Commands that show the fault and must stay, by their numbers: the request whose answer is wrong.
    pub commands: Vec<u64>,
    /// An event that shows the fault and must stay, by its place among the entries: a reply, or an event without a request.
    pub event: Option<usize>,
    /// The command that is likely at fault.
    pub suspect: Option<u64>,
    /// The replies that candidates keep.
    pub answers: Answers,
}

/// The progress of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Commands of the whole trace.
    pub before: usize,
    /// Commands of the smallest candidate so far that shows the fault.
    pub after: usize,
    /// Candidates that were tried.
    pub tests: u64,
}

/// Tries candidates, and takes the good ones.
pub trait Watch {
    /// The error of a candidate that cannot be tried or kept.
    type Error;

    /// Whether a candidate shows the fault.
    fn test(&mut self, candidate: &Candidate) -> Result<bool, Self::Error>;

    /// A candidate shows the fault and is the smallest so far. The first is the whole trace.
    fn improved(&mut self, candidate: &Candidate, stats: &Stats) -> Result<(), Self::Error> {
        let _ = (candidate, stats);
        Ok(())
    }

    /// After each test.
    fn progress(&mut self, stats: &Stats) {
        let _ = stats;
    }

    /// True to stop here.
    fn stop(&mut self) -> bool {
        false
    }
}

/// The end of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// No single command can be left out.
    Smallest,
    /// The tests are used up.
    Tests,
    /// It was interrupted.
    Interrupted,
    /// The whole trace does not show the fault.
    NotShown,
}

/// A search that failed.
#[derive(Debug, Error)]
pub enum Failure<E> {
    /// The trace cannot be taken apart.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The goal is not in the trace.
    #[error("what shows the fault is not in the trace")]
    Goal,
    /// A candidate could not be tried or kept.
    #[error("{0}")]
    Test(E),
}
