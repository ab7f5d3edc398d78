//! The search: first the command at fault and its dependences, then everything else that can be left out.

use std::collections::HashSet;

use airlock_protocol::{commands::Effect, ids::Kind};

use crate::{edit::analysis::is_recorder, file::trace::Trace};

use super::{
    candidate::Candidate,
    goal::{Goal, Ground, Stats, Watch},
    graph::{Depth, Graph, Item},
    set::Set,
};

/// Sizes of the windows of commands before the fault's first sign that are tried before the binary search. A batch has
/// about a thousand commands.
const WINDOWS: [usize; 2] = [64, 1024];

/// An early end of a search.
pub(super) enum Stop<E> {
    /// The watcher stopped it, or the limit of tests is reached.
    Asked(Ground),
    /// A test failed.
    Failed(E),
}

/// The state of a search.
pub(super) struct Search<'s, W: Watch> {
    pub graph: &'s Graph,
    pub trace: &'s Trace,
    pub goal: &'s Goal,
    pub watch: &'s mut W,
    pub max_tests: u64,
    pub stats: Stats,
    /// Items that are never left out.
    pub pinned: Vec<usize>,
    /// The smallest set so far that shows the fault.
    pub best: Set,
    /// Hashes of the sets that were tried.
    pub seen: HashSet<u64>,
}

impl<W: Watch> Search<'_, W> {
    /// Finds the smallest trace; `false` when the whole trace does not show the fault.
    pub fn run(&mut self) -> Result<bool, Stop<W::Error>> {
        let all = self.best.clone();
        self.seen.insert(all.hash());
        if !self.test(&all)? {
            return Ok(false);
        }
        if !self.slice(self.goal.suspect.and_then(|number| self.graph.command(number)))? && !self.windows()? {
            self.halve()?;
        }
        self.drop_drops()?;
        self.groups()?;
        self.singles()?;
        Ok(true)
    }

    /// Tests a set with all its needs; false without a test where it cannot show the fault or was tried before.
    fn attempt(&mut self, keep: Set) -> Result<bool, Stop<W::Error>> {
        if self.pinned.iter().any(|&pinned| !keep.has(pinned)) || !self.seen.insert(keep.hash()) {
            return Ok(false);
        }
        let shown = self.test(&keep)?;
        if shown {
            self.best = keep;
        }
        Ok(shown)
    }

    fn test(&mut self, keep: &Set) -> Result<bool, Stop<W::Error>> {
        if self.watch.stop() {
            return Err(Stop::Asked(Ground::Interrupted));
        }
        if self.stats.tests >= self.max_tests {
            return Err(Stop::Asked(Ground::Tests));
        }
        let candidate: Candidate = self.graph.candidate(self.trace, keep, &self.goal.answers);
        self.stats.tests = self.stats.tests.saturating_add(1);
        let shown = self.watch.test(&candidate).map_err(Stop::Failed)?;
        if shown {
            self.stats.after = candidate.commands.len();
            self.watch.improved(&candidate, &self.stats).map_err(Stop::Failed)?;
        }
        self.watch.progress(&self.stats);
        Ok(shown)
    }

    /// Tries the fault's commands and their dependences: without and with the writers of their contents, and each of
    /// these without and with the events without a request.
    fn slice(&mut self, suspect: Option<usize>) -> Result<bool, Stop<W::Error>> {
        let Some(suspect) = suspect else { return Ok(false) };
        self.slice_of(&[suspect])
    }

    fn slice_of(&mut self, suspects: &[usize]) -> Result<bool, Stop<W::Error>> {
        let roots: Vec<_> = self.pinned.iter().chain(suspects).copied().collect();
        for depth in [Depth::State, Depth::Contents] {
            let mut keep = self.graph.slice(&roots, depth);
            if self.attempt(keep.clone())? {
                return Ok(true);
            }
            self.events_of(&mut keep);
            if self.attempt(keep)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds the events without a request whose objects are kept.
    fn events_of(&self, keep: &mut Set) {
        for (index, item) in self.graph.items.iter().enumerate() {
            if item.number.is_none() && item.needs.iter().all(|&need| keep.has(need)) {
                keep.insert(index);
            }
        }
    }

    /// Tries slices of the last commands before the fault's first sign.
    fn windows(&mut self) -> Result<bool, Stop<W::Error>> {
        let end = self.end();
        for window in WINDOWS.into_iter().filter(|&window| window < end) {
            let suspects: Vec<_> = (end - window..end).filter(|&item| self.is_command(item)).collect();
            if self.slice_of(&suspects)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Number of items up to the fault's first sign: an event or a reply comes after its cause.
    fn end(&self) -> usize {
        let last = self.pinned.iter().copied().max().map_or(self.graph.items.len(), |last| last.saturating_add(1));
        last.min(self.graph.items.len())
    }

    fn is_command(&self, item: usize) -> bool {
        self.graph.items.get(item).is_some_and(|item| item.number.is_some())
    }

    /// Finds the last command that the fault needs by a binary search, and tries its slice.
    fn halve(&mut self) -> Result<(), Stop<W::Error>> {
        // The shortest prefix that shows the fault, and the longest that does not.
        let (mut shows, mut not) = (self.end(), 0);
        while shows.saturating_sub(not) > 1 {
            let middle = not.midpoint(shows);
            if self.attempt(self.prefix(middle))? { shows = middle } else { not = middle }
        }
        let suspect = shows.checked_sub(1).filter(|&item| self.is_command(item));
        self.slice(suspect).map(|_| ())
    }

    fn prefix(&self, items: usize) -> Set {
        let mut keep = Set::none(self.graph.items.len());
        keep.extend((0..items).chain(self.pinned.iter().copied()));
        self.graph.grow(&mut keep);
        keep
    }

    /// Leaves out all drops at once. Those that are needed are added again.
    fn drop_drops(&mut self) -> Result<(), Stop<W::Error>> {
        let drops = |item: &usize| self.graph.items.get(*item).is_some_and(|item| item.effect() == Some(Effect::Drop));
        let drops: Vec<_> = self.best.iter().filter(drops).collect();
        if drops.len() > 1 { self.attempt(self.without(&drops)).map(|_| ()) } else { Ok(()) }
    }

    fn without(&self, items: &[usize]) -> Set {
        let mut keep = self.best.clone();
        keep.give_up(items);
        self.graph.shrink(&mut keep);
        keep
    }

    /// Leaves out whole units: an operation of the queue with everything that was recorded for it; an object with
    /// everything that needs it.
    fn groups(&mut self) -> Result<(), Stop<W::Error>> {
        let mut size = usize::MAX;
        loop {
            size = self.pass(size, Self::units)?;
            if size == 1 {
                return Ok(());
            }
            size /= 2;
        }
    }

    fn units(&self) -> Vec<Vec<usize>> {
        let recorded = |item: &Item| {
            let of_recorder = item.needs.iter().filter_map(|&need| self.graph.items.get(need)?.makes);
            item.makes.is_none() && item.list.is_empty() && of_recorder.into_iter().any(is_recorder)
        };
        let unit = |index: usize| -> Option<Vec<usize>> {
            let item = self.graph.items.get(index)?;
            let encoders = item.list.iter().filter_map(|&(_, maker)| self.graph.items.get(maker));
            let encoders = encoders.flat_map(|finish| finish.needs.iter().copied());
            let encoders = encoders.filter(|&maker| {
                self.graph.items.get(maker).is_some_and(|item| item.makes == Some(Kind::CommandEncoder))
            });
            (!recorded(item)).then(|| encoders.chain([index]).collect())
        };
        self.best.iter().rev().filter_map(unit).collect()
    }

    /// Leaves out parts, then smaller ones, then single items until no more can be left out.
    fn singles(&mut self) -> Result<(), Stop<W::Error>> {
        let units = |search: &Self| search.best.iter().rev().map(|item| vec![item]).collect();
        let mut size = usize::MAX;
        loop {
            let before = self.best.len();
            size = self.pass(size, units)?;
            if size == 1 && self.best.len() == before {
                return Ok(());
            }
            size /= 2;
        }
    }

    /// Tries to leave out each part of `size` units, last first. Returns the size that was used: at most half of all.
    fn pass(&mut self, size: usize, units: impl Fn(&Self) -> Vec<Vec<usize>>) -> Result<usize, Stop<W::Error>> {
        let mut left = units(self);
        let size = size.min(left.len().div_ceil(2)).max(1);
        let mut done = 0;
        while done < left.len() {
            let end = done.saturating_add(size).min(left.len());
            let part: Vec<_> = left.get(done..end).unwrap_or_default().concat();
            let keep = self.without(&part);
            if self.attempt(keep)? {
                // Units that went with the part are gone too.
                left.retain(|unit| unit.iter().any(|&item| self.best.has(item)));
                done = done.min(left.len());
            } else {
                done = end;
            }
        }
        Ok(size)
    }
}
