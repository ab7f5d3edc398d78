//! A stream with its graph, from which self-contained parts are cut. `airlock trace trim` and the flight recorder are
//! built on it.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use airlock_protocol::{
    Command, Event, Payload,
    codec::{self, BatchReader, DecodeError},
    commands::{Effect, buffer::MapMode},
};

use crate::file::{
    format::{Digest, Piece},
    trace::What,
};

use super::{
    graph::{Graph, Heard, Part},
    node::{NO_NODE, NodeId},
    session::Session,
};

/// Errors whose possible causes are kept.
const MAX_GROUPS: usize = 1 << 10;

/// Bytes of an item, and of a node, beside the data that they refer to.
pub(super) const ITEM: usize = size_of::<Item>();
pub(super) const NODE: usize = 120;

/// One entry of the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// Even numbers, growing; odd ones are free for later insertions.
    pub(super) place: u64,
    pub(super) time: u64,
    pub(super) session: u32,
    pub(super) node: NodeId,
    pub(super) kind: Kind,
    /// Its position among the bytes, or among the others.
    pub(super) at: usize,
    pub(super) len: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Command(Part),
    Flush,
    /// A reply.
    Event,
    /// An event that belongs to the session.
    News,
    /// An error that no scope caught.
    Uncaptured,
    /// In `others`: belongs to the command that follows, or to the request that it answers.
    Piece,
    Readback,
    /// In `others`: belongs to the session.
    Session,
    Unknown,
}

/// Commands one of which has caused an error: all of them are kept, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) session: u32,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) node: NodeId,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(super) items: Vec<Item>,
    pub(super) bytes: Vec<u8>,
    pub(super) others: Vec<What>,
    pub(super) graph: Graph,
    pub(super) sessions: BTreeMap<u32, Session>,
    pub(super) groups: VecDeque<Group>,
    /// Pieces whose command has not arrived.
    pub(super) pieces: HashMap<(u32, u64), Piece>,
    pub(super) place: u64,
    /// The starts of the submits' windows, oldest first, and their maximum number.
    pub(super) starts: VecDeque<u64>,
    pub(super) remembered: usize,
    pub(super) submits: u64,
    pub(super) after_submit: bool,
}

/// True for a command that only reads the results of submitted work, or cleans up: it belongs to the submit before it.
fn is_epilogue(command: &Command<'_>) -> bool {
    match command.description().effect {
        Effect::Map => matches!(command, Command::MapBuffer(c) if c.mode == MapMode::Read),
        Effect::Drop | Effect::Label | Effect::Destroy | Effect::Unmap | Effect::PopScope | Effect::Query => true,
        Effect::Create
        | Effect::Record
        | Effect::Begin
        | Effect::Finish
        | Effect::Submit
        | Effect::Write
        | Effect::Stage
        | Effect::PushScope
        | Effect::Raise => false,
    }
}

impl Log {
    /// A log that remembers the starts of the last `remembered` submits' windows.
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

    /// Processes a batch that is sent.
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

    /// Processes a command, decoded and as its bytes.
    pub fn command(&mut self, from: (u32, u64), bytes: &[u8], command: &Command<'_>) {
        let (session, _) = from;
        if self.after_submit && !is_epilogue(command) || self.starts.is_empty() {
            self.after_submit = false;
            self.starts.push_back(self.place);
            if self.starts.len() > self.remembered {
                self.starts.pop_front();
            }
        }
        // The piece of a command comes right before it, and so takes the place before it.
        let piece = match command.payload() {
            Some(&Payload::Shared { start, .. }) => self.pieces.remove(&(session, start)),
            Some(Payload::Inline(_) | Payload::Staged { .. }) | None => None,
        };
        let place = self.place + if piece.is_some() { 2 } else { 0 };
        let role = self.graph.command(self.sessions.entry(session).or_default(), place, command);
        if let Some(piece) = piece {
            self.other(from, role.node, Kind::Piece, What::Piece(piece));
        }
        let stored = self.store(bytes);
        self.push(from, role.node, Kind::Command(role.part), stored);
        if command.description().effect == Effect::Submit {
            self.submits += 1;
            self.after_submit = true;
        }
    }

    /// Processes an event.
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

    /// Processes any other entry of a trace. A piece belongs to a later command.
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

    /// The start of a submit's window, counted from the oldest that is kept; the end where there is none.
    pub fn start(&self, number: usize) -> u64 {
        self.starts.get(number).copied().unwrap_or(self.place)
    }

    /// The start of the window of the last submits.
    pub fn start_of_last(&self, submits: usize) -> u64 {
        // Entries after the last submit have begun a window of their own, unless they are only its epilogue.
        let begun = usize::from(!self.after_submit);
        if submits == 0 {
            return self.place;
        }
        self.starts.get(self.starts.len().saturating_sub(submits.saturating_add(begun))).copied().unwrap_or(0)
    }

    /// Bytes in memory, payloads excluded.
    pub fn weight(&self) -> usize {
        self.bytes.len() + self.items.len() * ITEM + self.graph.nodes.len() * NODE
    }

    /// The payloads that entries refer to.
    pub fn digests(&self) -> HashSet<Digest> {
        let named = self.others.iter().flat_map(|what| match what {
            What::Piece(piece) => vec![piece.digest],
            What::Readback(readback) => readback.pieces.iter().map(|&(_, digest)| digest).collect(),
            _ => Vec::new(),
        });
        named.chain(self.pieces.values().map(|piece| piece.digest)).collect()
    }
}
