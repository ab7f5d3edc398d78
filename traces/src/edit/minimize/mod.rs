//! Finds the smallest trace that still shows a fault: leaves commands out and tests whether the fault remains.
//!
//! The caller decides whether a candidate shows the fault ([`Watch::test`]; [`fault`] decides by a replay). Candidates
//! are whole traces: a command without one of its objects, its staged data or the other end of a pair is left out with
//! it, and an id is dropped before it is made again, so that no candidate breaks the protocol.
//!
//! The order keeps the number of tests low, because each is a replay. The command at fault and its dependences come
//! first: mostly that is a hundredth of the trace. Only when that does not show the fault, a binary search finds the
//! last command that is needed. Then parts are left out, whole submits and objects first, until no single command can
//! be left out (delta debugging, after Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input",
//! 2002).

mod candidate;
pub mod fault;
mod goal;
mod graph;
mod search;
mod set;

use std::collections::HashSet;

use crate::file::trace::Trace;

pub use candidate::{Answers, Candidate};
pub use goal::{Failure, Goal, Ground, Stats, Watch};
pub use graph::GraphError;

use graph::Graph;
use search::{Search, Stop};
use set::Set;

/// Searches for the smallest trace that shows a fault. The watcher has received it when the search ends, also after an
/// error.
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
