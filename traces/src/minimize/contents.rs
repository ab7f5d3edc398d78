//! Which commands belong to the state or to the contents of an object: what a command's effect may depend on beside the
//! objects that it names.
//!
//! Conservative and without code per command: whatever names an object may write it.

use std::collections::{BTreeSet, HashMap};

use airlock_protocol::{
    Command,
    ids::{Kind, Object},
};

use super::{
    graph::{Graph, Item},
    set::Set,
};

/// See the module's header. Objects go by the items that make them.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// What was recorded into an encoder or a pass.
    recorded: HashMap<usize, Vec<usize>>,
    /// Maps, unmaps and destructions of an object.
    states: HashMap<usize, Vec<usize>>,
    /// Commands of the queue that may write a buffer, texture or query set.
    writers: HashMap<usize, Vec<usize>>,
    /// Buffers, textures and query sets behind an object, a recording or a command of the queue.
    behind: HashMap<usize, BTreeSet<usize>>,
    /// The encoder of a pass.
    encoders: HashMap<usize, usize>,
}

/// How much of what came before belongs to a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Objects and their state: enough for an error that does not depend on contents.
    State,
    /// Also all that may have written what is read.
    Contents,
}

pub(super) fn is_recorder(kind: Kind) -> bool {
    matches!(kind, Kind::CommandEncoder | Kind::RenderPass | Kind::ComputePass | Kind::RenderBundleEncoder)
}

impl Contents {
    /// A command goes by, with the makers of what it names.
    pub fn command(&mut self, index: usize, item: &Item, command: &Command<'_>, named: &[(Object, usize)]) {
        if matches!(item.name, "DropObject" | "SetLabel") {
            return;
        }
        let mut behind = BTreeSet::new();
        for (object, maker) in named {
            match object.kind() {
                Kind::Buffer | Kind::Texture | Kind::QuerySet => drop(behind.insert(*maker)),
                // What an encoder has seen so far is no part of the next command; it is of what comes of it.
                kind if is_recorder(kind) && !item.name.starts_with("Finish") => {}
                _ => behind.extend(self.behind.get(maker).into_iter().flatten()),
            }
        }
        let recorders: Vec<_> = named.iter().filter(|(object, _)| is_recorder(object.kind())).collect();
        for (_, recorder) in &recorders {
            self.recorded.entry(*recorder).or_default().push(index);
            let outer = self.encoders.get(recorder).copied();
            for recorder in [Some(*recorder), outer].into_iter().flatten() {
                self.behind.entry(recorder).or_default().extend(&behind);
            }
        }
        if item.makes.is_some() {
            if let (Some((_, encoder)), true) = (recorders.first(), item.name.starts_with("Begin")) {
                self.encoders.insert(index, *encoder);
            }
            self.behind.insert(index, behind);
            return;
        }
        let state = matches!(
            command,
            Command::MapBuffer(_)
                | Command::UnmapBuffer(_)
                | Command::DestroyBuffer(_)
                | Command::DestroyTexture(_)
                | Command::DestroyQuerySet(_)
                | Command::DestroyDevice(_)
        );
        if state && let Some((_, maker)) = named.first() {
            self.states.entry(*maker).or_default().push(index);
        }
        if recorders.is_empty() && !behind.is_empty() {
            for &resource in &behind {
                self.writers.entry(resource).or_default().push(index);
            }
            self.behind.insert(index, behind);
        }
    }
}

impl Graph {
    /// The roots and what their effect may depend on. Of what came after the last root, only what belongs to a pair.
    pub fn slice(&self, roots: &[usize], depth: Depth) -> Set {
        let mut keep = Set::none(self.items.len());
        let last = roots.iter().copied().max().unwrap_or(0);
        let mut look = roots.to_vec();
        while let Some(item) = look.pop() {
            if keep.insert(item) {
                self.causes(item, depth, last, &mut look);
            }
        }
        self.grow(&mut keep);
        keep
    }

    fn causes(&self, index: usize, depth: Depth, last: usize, look: &mut Vec<usize>) {
        let Some(item) = self.items.get(index) else { return };
        look.extend(&item.needs);
        look.extend(item.list.iter().map(|(_, maker)| maker));
        let early = |items: Option<&Vec<usize>>| -> Vec<usize> {
            items.into_iter().flatten().copied().filter(|&item| item <= last).collect()
        };
        let contents = &self.contents;
        look.extend(contents.recorded.get(&index).into_iter().flatten());
        let states: Vec<_> = early(contents.states.get(&index));
        look.extend(states);
        if depth == Depth::Contents {
            for resource in contents.behind.get(&index).into_iter().flatten().chain([&index]) {
                let writers: Vec<_> = early(contents.writers.get(resource));
                look.extend(writers);
            }
        }
    }
}
