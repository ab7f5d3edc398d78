//! The goal of a search, and its reports.

use thiserror::Error;

use super::{
    candidate::{Answers, Candidate},
    graph::GraphError,
};

/// The goal of a search.
#[derive(Clone, Debug, Default)]
pub struct Goal {
    /// Commands that show the fault and must stay, by their numbers: the request whose reply is wrong.
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

/// Tests candidates, and receives the smallest ones.
pub trait Watch {
    /// The error of a candidate that cannot be tested or kept.
    type Error;

    /// Returns true when a candidate shows the fault.
    fn test(&mut self, candidate: &Candidate) -> Result<bool, Self::Error>;

    /// Receives the smallest candidate so far that shows the fault. The first is the whole trace.
    fn improved(&mut self, candidate: &Candidate, stats: &Stats) -> Result<(), Self::Error> {
        let _ = (candidate, stats);
        Ok(())
    }

    /// Called after each test.
    fn progress(&mut self, stats: &Stats) {
        let _ = stats;
    }

    /// Returns true to stop the search.
    fn stop(&mut self) -> bool {
        false
    }
}

/// The end of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// No single command can be left out.
    Smallest,
    /// The limit of tests is reached.
    Tests,
    /// The search was interrupted.
    Interrupted,
    /// The whole trace does not show the fault.
    NotShown,
}

/// A search that failed.
#[derive(Debug, Error)]
pub enum Failure<E> {
    /// The trace has no graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The goal is not in the trace.
    #[error("what shows the fault is not in the trace")]
    Goal,
    /// A candidate could not be tested or kept.
    #[error("{0}")]
    Test(E),
}
