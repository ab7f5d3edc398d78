//! A stream with its graph, from which parts are cut that stand for themselves: `airlock trace trim` and the flight
//! recorder are made of it.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    ops::Range,
};

use airlock_protocol::{
    Command, Event, Payload,
    codec::{self, BatchReader, DecodeError},
    commands::buffer::MapMode,
    ids::Object,
};

use crate::{
    format::{Digest, Piece},
    trace::{Entry, What},
};

use super::graph::{Graph, Heard, NO_NODE, NodeId, Part, Session};

/// Errors of which is remembered which commands may have caused them.
const MAX_GROUPS: usize = 1 << 10;

/// Bytes that an item, and a node, cost beside what they hold.
const ITEM: usize = size_of::<Item>();
const NODE: usize = 120;

/// One thing in the log.
#[derive(Clone, Copy, Debug)]
struct Item {
    /// Even numbers, growing; odd ones are put between later.
    place: u64,
    time: u64,
    session: u32,
    node: NodeId,
    kind: Kind,
    /// Where it is among the bytes, or among the others.
    at: usize,
    len: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Command(Part),
    Flush,
    /// An answer.
    Event,
    /// An event that belongs to the session.
    News,
    /// An error that no scope caught.
    Uncaptured,
    /// Among the others: what belongs to the command that follows, or to the question that it answers.
    Piece,
    Readback,
    /// Among the others: what belongs to the session.
    Session,
    Unknown,
}

/// Commands of which one has caused an error: all of them are kept, or none.
#[derive(Clone, Copy, Debug)]
struct Group {
    session: u32,
    from: u64,
    to: u64,
    node: NodeId,
}

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Log {
    items: Vec<Item>,
    bytes: Vec<u8>,
    others: Vec<What>,
    graph: Graph,
    sessions: BTreeMap<u32, Session>,
    groups: VecDeque<Group>,
    /// Pieces whose command has not come.
    pieces: HashMap<(u32, u64), Piece>,
    place: u64,
    /// Where the window of each submit begins, oldest first; and how many are remembered.
    starts: VecDeque<u64>,
    remembered: usize,
    submits: u64,
    after_submit: bool,
}

/// What of a log is kept.
#[derive(Debug)]
pub(crate) struct Selection {
    window: Range<u64>,
    nodes: Vec<bool>,
    sessions: HashSet<u32>,
    /// Places of events after the window that answer it.
    answers: HashSet<u64>,
}

/// A resource whose contents come from before the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromBefore {
    /// The resource: `Buffer 3 "positions"`.
    pub resource: String,
    /// The submits before the window that made its contents and are kept.
    pub submits: u64,
}

/// True for a command that only reads the results of what was submitted, or tidies up: it belongs to the submit before it.
fn is_epilogue(command: &Command<'_>) -> bool {
    match command {
        Command::MapBuffer(c) => c.mode == MapMode::Read,
        Command::DropObject(_)
        | Command::SetLabel(_)
        | Command::DestroyBuffer(_)
        | Command::DestroyTexture(_)
        | Command::DestroyQuerySet(_)
        | Command::DestroyDevice(_)
        | Command::UnmapBuffer(_)
        | Command::OnSubmittedWorkDone(_)
        | Command::PopErrorScope(_)
        | Command::GetCompilationInfo(_)
        | Command::ReportStats(_) => true,
        _ => false,
    }
}

impl Log {
    /// A log that remembers where the windows of so many submits begin.
    pub fn new(remembered: usize) -> Self {
        Self { remembered: remembered.max(1), ..Self::default() }
    }

    fn push(&mut self, (session, time): (u32, u64), node: NodeId, kind: Kind, (at, len): (usize, usize)) {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.items.push(Item { place: self.place, time, session, node, kind, at, len });
        self.place += 2;
    }

    fn store(&mut self, bytes: &[u8]) -> (usize, usize) {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        (at, bytes.len())
    }

    fn other(&mut self, from: (u32, u64), node: NodeId, kind: Kind, what: What) {
        self.others.push(what);
        self.push(from, node, kind, (self.others.len() - 1, 0));
    }

    /// A batch is sent.
    pub fn batch(&mut self, session: u32, time: u64, bytes: &[u8]) -> Result<(), DecodeError> {
        let mut reader = BatchReader::new(bytes, codec::sequence(bytes))?;
        let mut start = reader.offset();
        while let Some(command) = reader.next()? {
            let encoded = bytes.get(start..reader.offset()).unwrap_or_default();
            self.command((session, time), encoded, &command);
            start = reader.offset();
        }
        self.push((session, time), NO_NODE, Kind::Flush, (0, 0));
        Ok(())
    }

    /// A command, decoded and as its bytes.
    pub fn command(&mut self, from: (u32, u64), bytes: &[u8], command: &Command<'_>) {
        let (session, _) = from;
        if self.after_submit && !is_epilogue(command) || self.starts.is_empty() {
            self.after_submit = false;
            self.starts.push_back(self.place);
            if self.starts.len() > self.remembered {
                self.starts.pop_front();
            }
        }
        // The piece of a command comes right before it, and so gets the place before it.
        let piece = match command.payload() {
            Some(&Payload::Shared { start, .. }) => self.pieces.remove(&(session, start)),
            _ => None,
        };
        let place = self.place + if piece.is_some() { 2 } else { 0 };
        let role = self.graph.command(self.sessions.entry(session).or_default(), place, command);
        if let Some(piece) = piece {
            self.other(from, role.node, Kind::Piece, What::Piece(piece));
        }
        let stored = self.store(bytes);
        self.push(from, role.node, Kind::Command(role.part), stored);
        if let Command::Submit(_) = command {
            self.submits += 1;
            self.after_submit = true;
        }
    }

    /// An event arrives.
    pub fn event(&mut self, session: u32, time: u64, bytes: &[u8], event: &Event<'_>) {
        let heard = self.graph.event(self.sessions.entry(session).or_default(), event);
        let (node, kind) = match heard {
            Heard::Of(node) => (node, Kind::Event),
            Heard::Session => (NO_NODE, Kind::News),
            Heard::Error(node, from, to) => {
                if self.groups.len() >= MAX_GROUPS {
                    self.groups.pop_front();
                }
                self.groups.push_back(Group { session, from, to: to.min(self.place), node });
                (node, if matches!(event, Event::Uncaptured { .. }) { Kind::Uncaptured } else { Kind::Event })
            }
        };
        let stored = self.store(bytes);
        self.push((session, time), node, kind, stored);
    }

    /// Anything else that an entry of a trace can be. A piece is for a command that follows.
    pub fn entry(&mut self, session: u32, time: u64, what: What) {
        let from = (session, time);
        match what {
            What::Session => {
                self.sessions.insert(session, Session::default());
                self.other(from, NO_NODE, Kind::Session, What::Session);
            }
            What::Piece(piece) => {
                self.pieces.insert((session, piece.start), piece);
            }
            What::Flush => self.push(from, NO_NODE, Kind::Flush, (0, 0)),
            What::Readback(readback) => {
                let node = self.sessions.get(&session).map_or(NO_NODE, |session| session.asked(readback.request));
                self.other(from, node, Kind::Readback, What::Readback(readback));
            }
            What::Unknown(objects) => {
                for object in objects {
                    let node = self.sessions.get(&session).map_or(NO_NODE, |session| session.node_of(object));
                    self.other(from, node, Kind::Unknown, What::Unknown(vec![object]));
                }
            }
            What::End(_) | What::Stopped(_) => {
                self.sessions.entry(session).or_default().end();
                self.other(from, NO_NODE, Kind::Session, what);
            }
            What::Command(_) | What::Event(_) => {}
        }
    }

    /// Submits so far.
    pub fn submits(&self) -> u64 {
        self.submits
    }

    /// Where the window of a submit begins, counted from the oldest that is remembered; the end where there is none.
    pub fn start(&self, number: usize) -> u64 {
        self.starts.get(number).copied().unwrap_or(self.place)
    }

    /// Where the window of the last submits begins.
    pub fn start_of_last(&self, submits: usize) -> u64 {
        // What follows the last submit has begun a window of its own, unless nothing but its epilogue has come.
        let begun = if self.after_submit { 0 } else { 1 };
        self.starts.get(self.starts.len().saturating_sub(submits.saturating_add(begun))).copied().unwrap_or(0)
    }

    /// Bytes in memory, payloads excluded.
    pub fn weight(&self) -> usize {
        self.bytes.len() + self.items.len() * ITEM + self.graph.nodes.len() * NODE
    }

    /// The payloads that are named.
    pub fn digests(&self) -> HashSet<Digest> {
        let named = self.others.iter().flat_map(|what| match what {
            What::Piece(piece) => vec![piece.digest],
            What::Readback(readback) => readback.pieces.iter().map(|&(_, digest)| digest).collect(),
            _ => Vec::new(),
        });
        named.chain(self.pieces.values().map(|piece| piece.digest)).collect()
    }

    /// What a window needs.
    pub fn select(&self, window: Range<u64>) -> Selection {
        self.selection(window, Vec::new(), &HashSet::new())
    }

    fn selection(&self, window: Range<u64>, mut roots: Vec<NodeId>, forgotten: &HashSet<NodeId>) -> Selection {
        let (mut sessions, mut scopes) = (HashSet::new(), HashMap::new());
        // An error that arrives after the window, but before any command that follows it, is the window's.
        let mut commands_after = false;
        for item in &self.items {
            match item.kind {
                Kind::Command(Part::Push) if item.place < window.start => drop(scopes.insert(item.node, item.session)),
                Kind::Command(Part::Pop) if item.place < window.start => drop(scopes.remove(&item.node)),
                Kind::Command(_) if item.place >= window.end => commands_after = true,
                Kind::Command(Part::Follows) => {}
                Kind::Command(_) if window.contains(&item.place) => {
                    roots.push(item.node);
                    sessions.insert(item.session);
                }
                Kind::Uncaptured if item.place >= window.start && !commands_after => roots.push(item.node),
                _ => {}
            }
        }
        let open = scopes.into_iter().filter(|(_, session)| sessions.contains(session));
        roots.extend(open.map(|(node, _)| node));
        let mut nodes = vec![false; self.graph.nodes.len()];
        self.graph.reach(&mut nodes, roots, forgotten);
        self.close_groups(&window, &mut nodes, forgotten);
        let answers = self.answers(&window, &nodes);
        Selection { window, nodes, sessions, answers }
    }

    /// Keeps all commands of which one has caused an error, if one of them is kept or the error is.
    fn close_groups(&self, window: &Range<u64>, nodes: &mut [bool], forgotten: &HashSet<NodeId>) {
        let is_kept = |nodes: &[bool], node: NodeId| nodes.get(node as usize).copied().unwrap_or_default();
        loop {
            let mut found = Vec::new();
            for group in &self.groups {
                let error = is_kept(nodes, group.node);
                // What only follows the window has its errors there.
                if group.to >= window.end && !error {
                    continue;
                }
                let members = self.members(group, window.end);
                if members.iter().any(|node| forgotten.contains(node)) {
                    continue;
                }
                if error || members.iter().any(|&node| is_kept(nodes, node)) {
                    found.extend(members.into_iter().chain([group.node]).filter(|&node| !is_kept(nodes, node)));
                }
            }
            if found.is_empty() {
                return;
            }
            self.graph.reach(nodes, found, forgotten);
        }
    }

    /// The nodes of the commands that may have caused an error.
    fn members(&self, group: &Group, end: u64) -> Vec<NodeId> {
        let from = self.items.partition_point(|item| item.place < group.from);
        let items = self.items.iter().skip(from).take_while(|item| item.place <= group.to && item.place < end);
        let active = items.filter(|item| item.session == group.session && item.kind == Kind::Command(Part::Active));
        let mut nodes: Vec<_> = active.map(|item| item.node).filter(|&node| node != NO_NODE).collect();
        nodes.dedup();
        nodes
    }

    /// The answers that come after a window to what it asks.
    fn answers(&self, window: &Range<u64>, nodes: &[bool]) -> HashSet<u64> {
        let mut asked = HashSet::new();
        let mut answers = HashSet::new();
        let mut names = super::names::Names::default();
        if self.items.last().is_none_or(|last| last.place < window.end) {
            return answers;
        }
        for item in self.items.iter().filter(|item| nodes.get(item.node as usize).copied().unwrap_or_default()) {
            let request = match item.kind {
                Kind::Command(_) if item.place < window.end => {
                    if let Ok(command) = codec::decode_command(self.bytes_of(item)) {
                        names.read(&command);
                        asked.extend(names.request.map(|request| (item.session, request.0)));
                    }
                    None
                }
                Kind::Event => codec::decode_event(self.bytes_of(item)).ok().and_then(|event| event.request()),
                Kind::Readback => match self.others.get(item.at) {
                    Some(What::Readback(readback)) => Some(readback.request),
                    _ => None,
                },
                _ => None,
            };
            if let Some(request) = request
                && item.place >= window.end
                && asked.contains(&(item.session, request.0))
            {
                answers.insert(item.place);
            }
        }
        answers
    }

    fn bytes_of(&self, item: &Item) -> &[u8] {
        self.bytes.get(item.at..).and_then(|rest| rest.get(..item.len as usize)).unwrap_or_default()
    }

    fn what_of(&self, item: &Item) -> Option<What> {
        Some(match item.kind {
            Kind::Command(_) => What::Command(self.bytes_of(item).into()),
            Kind::Event | Kind::News | Kind::Uncaptured => What::Event(self.bytes_of(item).into()),
            Kind::Flush => What::Flush,
            Kind::Piece | Kind::Readback | Kind::Session | Kind::Unknown => self.others.get(item.at)?.clone(),
        })
    }

    /// The entries of a selection, pieces right before their commands.
    pub fn cut(&self, selection: &Selection) -> impl Iterator<Item = Entry> + '_ {
        let items: Vec<_> = self.items.iter().filter(|item| selection.wants(item)).collect();
        let mut full = HashMap::new();
        items.into_iter().filter_map(move |item| {
            // Batches that nothing is left of have no end.
            match item.kind {
                Kind::Command(_) => drop(full.insert(item.session, true)),
                Kind::Flush => full.insert(item.session, false).filter(|&full| full).map(drop)?,
                _ => {}
            }
            Some(Entry { session: item.session, time: item.time, what: self.what_of(item)? })
        })
    }

    /// The resources whose contents are made before a selection's window, and the submits there that are kept.
    pub fn from_before(&self, selection: &Selection) -> (u64, Vec<FromBefore>) {
        let mut counts: BTreeMap<u64, (String, u64)> = BTreeMap::new();
        let mut submits = 0;
        let before = self.items.iter().take_while(|item| item.place < selection.window.start);
        for item in before.filter(|item| matches!(item.kind, Kind::Command(_)) && selection.wants(item)) {
            let node = self.graph.nodes.get(item.node as usize).filter(|node| node.is_submit);
            submits += u64::from(node.is_some());
            for name in node.into_iter().flat_map(|node| &node.wrote) {
                counts.entry(name.serial).or_insert_with(|| (name.describe(), 0)).1 += 1;
            }
        }
        (submits, counts.into_values().map(|(resource, submits)| FromBefore { resource, submits }).collect())
    }

    /// Forgets what neither the window up to now needs nor anything that may still come. `fits` says whether so many
    /// bytes with these payloads may stay; where they may not, contents made before the window are given up, oldest first.
    pub fn compact(&mut self, start: u64, fits: impl Fn(usize, &HashSet<Digest>) -> bool) {
        self.sessions.retain(|_, session| !session.is_over());
        let roots: Vec<_> = self.sessions.values_mut().flat_map(Session::roots).collect();
        let mut forgotten = HashSet::new();
        let mut selection = self.selection(start..u64::MAX, roots.clone(), &forgotten);
        selection.sessions.extend(self.sessions.keys());
        let mut candidates = self.contents_before(start, &selection);
        while !candidates.is_empty() && !self.would_fit(&selection, &fits) {
            let half = candidates.len().div_ceil(2);
            forgotten.extend(candidates.drain(..half));
            let sessions = std::mem::take(&mut selection.sessions);
            selection = Selection { sessions, ..self.selection(start..u64::MAX, roots.clone(), &forgotten) };
        }
        let unknown = self.unknown(&forgotten, &selection);
        self.rebuild(&selection, unknown);
    }

    /// The nodes before a place that only make contents, oldest first.
    fn contents_before(&self, start: u64, selection: &Selection) -> Vec<NodeId> {
        let makes = |node: NodeId| self.graph.nodes.get(node as usize).is_some_and(|node| !node.wrote.is_empty());
        let within: HashSet<_> = self.items.iter().filter(|item| item.place >= start).map(|item| item.node).collect();
        let before = self.items.iter().take_while(|item| item.place < start).filter(|item| selection.wants(item));
        let mut nodes: Vec<_> = before.map(|item| item.node).filter(|&node| makes(node)).collect();
        nodes.retain(|node| !within.contains(node));
        let mut seen = HashSet::new();
        nodes.retain(|&node| seen.insert(node));
        nodes
    }

    fn would_fit(&self, selection: &Selection, fits: &impl Fn(usize, &HashSet<Digest>) -> bool) -> bool {
        let (mut bytes, mut digests) = (0, HashSet::new());
        for item in self.items.iter().filter(|item| selection.wants(item)) {
            bytes += ITEM + item.len as usize;
            match (item.kind, self.others.get(item.at)) {
                (Kind::Piece, Some(What::Piece(piece))) => drop(digests.insert(piece.digest)),
                (Kind::Readback, Some(What::Readback(readback))) => {
                    digests.extend(readback.pieces.iter().map(|&(_, digest)| digest));
                }
                _ => {}
            }
        }
        let nodes = selection.nodes.iter().filter(|&&kept| kept).count();
        fits(bytes + nodes * NODE, &digests)
    }

    /// The objects whose contents were given up, by the places of the commands that made them.
    fn unknown(&self, forgotten: &HashSet<NodeId>, selection: &Selection) -> HashMap<u64, Object> {
        let known: HashSet<_> =
            self.items.iter().filter(|item| item.kind == Kind::Unknown).map(|item| item.place).collect();
        let nodes = forgotten.iter().filter_map(|&node| self.graph.nodes.get(node as usize));
        let names = nodes.flat_map(|node| &node.wrote).filter(|name| !known.contains(&(name.made + 1)));
        let kept = |place: u64| {
            let at = self.items.partition_point(|item| item.place < place);
            self.items.get(at).is_some_and(|item| item.place == place && selection.wants(item))
        };
        names.map(|name| (name.made, name.object)).filter(|&(made, _)| kept(made)).collect()
    }

    fn rebuild(&mut self, selection: &Selection, unknown: HashMap<u64, Object>) {
        let items = std::mem::take(&mut self.items);
        let (bytes, others) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.others));
        let numbers = self.graph.compact(&selection.nodes, self.sessions.values_mut());
        let new = |node: NodeId| numbers.get(node as usize).copied().unwrap_or(NO_NODE);
        for item in items.iter().filter(|item| selection.wants(item)) {
            let mut item = Item { node: new(item.node), ..*item };
            match item.kind {
                Kind::Command(_) | Kind::Event | Kind::News | Kind::Uncaptured => {
                    let range = item.at..item.at.saturating_add(item.len as usize);
                    item.at = self.bytes.len();
                    self.bytes.extend_from_slice(bytes.get(range).unwrap_or_default());
                }
                Kind::Flush => {}
                Kind::Piece | Kind::Readback | Kind::Session | Kind::Unknown => {
                    let Some(other) = others.get(item.at) else { continue };
                    item.at = self.others.len();
                    self.others.push(other.clone());
                }
            }
            self.items.push(item);
            if let Some(&object) = unknown.get(&item.place) {
                self.others.push(What::Unknown(vec![object]));
                let (place, at) = (item.place + 1, self.others.len() - 1);
                self.items.push(Item { place, kind: Kind::Unknown, at, len: 0, ..item });
            }
        }
        self.groups.iter_mut().for_each(|group| group.node = new(group.node));
        self.groups.retain(|group| group.node != NO_NODE);
    }
}

impl Selection {
    fn wants(&self, item: &Item) -> bool {
        let node = || self.nodes.get(item.node as usize).copied().unwrap_or_default();
        let before_end = item.place < self.window.end;
        match item.kind {
            Kind::Command(_) | Kind::Piece | Kind::Unknown => before_end && node(),
            Kind::Event | Kind::Readback => node() && (before_end || self.answers.contains(&item.place)),
            Kind::Uncaptured => node(),
            Kind::Flush | Kind::Session | Kind::News => before_end && self.sessions.contains(&item.session),
        }
    }
}
