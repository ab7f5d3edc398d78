//! Finds the smallest trace that still shows a fault, by leaving commands out and looking whether the fault is still there.
//!
//! What shows the fault is a question for whoever asks ([`Watch::test`]; [`fault`] has the answers that replay). Candidates
//! are whole traces: what lacks an object, its staged data or the other end of a pair is left out with it, and an id is
//! dropped before it is made again, so that no candidate breaks the protocol.
//!
//! The order keeps the number of tests low, because each is a replay. The command at fault with what it depends on comes
//! first: mostly that is a hundredth of the trace. Only when that does not show the fault, the search halves its way to
//! the last command that is needed. Then parts are left out, whole submits and objects first, until no single command can
//! be left out (delta debugging, after Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).

mod candidate;
pub mod fault;
mod graph;
mod search;
mod set;

use std::collections::HashSet;

use thiserror::Error;

use crate::trace::Trace;

pub use candidate::{Answers, Candidate};
pub use graph::GraphError;

use graph::Graph;
use search::{Search, Stop};
use set::Set;

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Goal {
    /// Commands that show the fault and must stay, by their numbers: the question whose answer is wrong.
    pub commands: Vec<u64>,
    /// An event that shows the fault and must stay, by its place among the entries: an answer, or one that nobody asked
    /// for.
    pub event: Option<usize>,
    /// The command that is likely at fault.
    pub suspect: Option<u64>,
    /// What of the answers candidates keep.
    pub answers: Answers,
}

/// How far a search has come.
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
    /// Why a candidate cannot be tried or kept.
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

/// Why a search ended.
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

/// Why a search could not go on.
#[derive(Debug, Error)]
pub enum Failure<E> {
    /// The trace cannot be taken apart.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The goal names what is not there.
    #[error("what shows the fault is not in the trace")]
    Goal,
    /// A candidate could not be tried or kept.
    #[error("{0}")]
    Test(E),
}

/// Looks for the smallest trace that shows a fault. Whoever watches has it when the search ends, however it ends.
pub fn minimize<W: Watch>(
    trace: &Trace,
    goal: &Goal,
    max_tests: u64,
    watch: &mut W,
) -> Result<(Ground, Stats), Failure<W::Error>> {
    let graph = Graph::of(trace)?;
    let commands = goal.commands.iter().map(|&number| graph.command(number));
    let event = goal.event.map(|place| graph.of_event(place));
    let pinned = commands.chain(event).collect::<Option<Vec<_>>>().ok_or(Failure::Goal)?;
    let best = Set::all(graph.items.len());
    let before = graph.commands(&best);
    let stats = Stats { before, after: before, tests: 0 };
    let mut search = Search { graph: &graph, trace, goal, watch, max_tests, stats, pinned, best, seen: HashSet::new() };
    let ground = match search.run() {
        Ok(true) => Ground::Smallest,
        Ok(false) => Ground::NotShown,
        Err(Stop::Asked(ground)) => ground,
        Err(Stop::Failed(error)) => return Err(Failure::Test(error)),
    };
    Ok((ground, search.stats))
}
