//! A trace as a sequence of items, read twice: once for the hashes, once side by side with the other trace.

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use airlock_protocol::{
    Payload, codec,
    ids::{Object, RequestId},
};

use super::align::Hashes;
use crate::{
    edit::tools::{Error, commands},
    file::{
        format::{Body, Digest, Readback, Record},
        reader::{ReadError, TraceFile},
    },
    schema::{facts::Facts, node::Node},
};

/// One item.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its number, if it is a command.
    pub number: Option<u64>,
    /// The command's name, or the kind of the entry.
    pub name: &'static str,
    /// Its fields. Ids are numbers of [`Objects`], data is its length and digest, requests have no number.
    pub node: Node,
    /// The command's bytes; the reason of a session's end.
    pub bytes: Vec<u8>,
    /// The object that it makes.
    pub makes: Option<u64>,
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Event(Vec<u8>),
    Readback(Readback),
}

/// A trace after its first reading.
#[derive(Debug)]
pub(super) struct Side {
    pub file: Arc<TraceFile>,
    pub hashes: Vec<Hashes>,
    /// Replies, by the number of the command that made the request.
    pub answers: HashMap<u64, Vec<Answer>>,
    /// Unrequested events, each with the number of commands before it.
    pub unasked: Vec<(u64, Vec<u8>)>,
}

impl Side {
    pub fn read(file: &Arc<TraceFile>) -> Result<Self, Error> {
        let mut side =
            Self { file: Arc::clone(file), hashes: Vec::new(), answers: HashMap::new(), unasked: Vec::new() };
        let mut items = Items::new(file);
        let mut made: Vec<u64> = Vec::new();
        while let Some(item) = items.next(Some(&mut side))? {
            let whole = hash(&item, &made);
            if let Some(object) = item.makes {
                // Objects are numbered in the order of their creation.
                made.resize(usize::try_from(object).unwrap_or(0), 0);
                made.push(whole);
            }
            let (shape, name) = shape(&item);
            side.hashes.push(Hashes { whole, shape, name });
        }
        Ok(side)
    }

    fn answer(&mut self, asked: Option<u64>, before: u64, answer: Answer) {
        match (asked, answer) {
            (Some(number), answer) => self.answers.entry(number).or_default().push(answer),
            (None, Answer::Event(bytes)) => self.unasked.push((before, bytes)),
            (None, Answer::Readback(_)) => {}
        }
    }
}

fn hash(item: &Item, made: &[u64]) -> u64 {
    let mut hasher = DefaultHasher::new();
    item.name.hash(&mut hasher);
    item.node.walk("", &mut |_, node| match node {
        Node::Id(kind, number) if Some(*number) == item.makes => kind.hash(&mut hasher),
        Node::Id(kind, number) => {
            let by = usize::try_from(*number).ok().and_then(|place| made.get(place));
            (kind, by.unwrap_or(&0)).hash(&mut hasher);
        }
        Node::Absent => 0_u8.hash(&mut hasher),
        Node::Bool(value) => (1_u8, value).hash(&mut hasher),
        Node::Unsigned(value) => (2_u8, value).hash(&mut hasher),
        Node::Signed(value) => (3_u8, value).hash(&mut hasher),
        Node::Float(value) => (4_u8, value.to_bits()).hash(&mut hasher),
        Node::Text(text) => (5_u8, text).hash(&mut hasher),
        Node::Bytes(bytes) => (6_u8, bytes).hash(&mut hasher),
        Node::List(items) => (7_u8, items.len()).hash(&mut hasher),
        Node::Record(fields) => (8_u8, fields.len()).hash(&mut hasher),
        Node::Variant(name, data) => (9_u8, name, data.is_some()).hash(&mut hasher),
    });
    hasher.finish()
}

/// The hash over name and label, and the hash over the name.
fn shape(item: &Item) -> (u64, u64) {
    let mut hasher = DefaultHasher::new();
    item.name.hash(&mut hasher);
    let name = hasher.finish();
    // The outermost node is the command's variant, whose fields are the record's.
    if let Some(Node::Text(label)) = item.node.field("label") {
        label.hash(&mut hasher);
    }
    (hasher.finish(), name)
}

/// The objects of a trace, numbered in the order of their creation: ids are reused, these numbers are not.
#[derive(Debug, Default)]
struct Objects {
    live: HashMap<(u32, Object), u64>,
    next: u64,
}

/// The number of an object without a command that made it.
pub(super) const UNKNOWN: u64 = u64::MAX;

/// Reads items one after the other.
pub(super) struct Items<'f> {
    file: &'f TraceFile,
    records: Box<dyn Iterator<Item = Result<(u64, Record), ReadError>> + 'f>,
    /// The current batch: its session, its first command's number, its bytes, and the ranges of its commands.
    batch: (u32, u64, Vec<u8>),
    starts: VecDeque<(usize, usize)>,
    objects: Objects,
    pieces: HashMap<(u32, u64), Digest>,
    asked: HashMap<(u32, RequestId), u64>,
}

impl<'f> Items<'f> {
    pub fn new(file: &'f TraceFile) -> Self {
        Self {
            file,
            records: Box::new(file.records_from(0)),
            batch: (0, 0, Vec::new()),
            starts: VecDeque::new(),
            objects: Objects::default(),
            pieces: HashMap::new(),
            asked: HashMap::new(),
        }
    }

    /// The next item. Events before it are added to `side`, if it is given.
    pub fn next(&mut self, mut side: Option<&mut Side>) -> Result<Option<Item>, Error> {
        loop {
            if let Some((start, end)) = self.starts.pop_front() {
                return self.command(start, end).map(Some);
            }
            let Some(record) = self.records.next() else { return Ok(None) };
            let (before, record) = record?;
            if let Some(item) = self.record(before, record, side.as_deref_mut())? {
                return Ok(Some(item));
            }
        }
    }

    fn record(&mut self, before: u64, record: Record, side: Option<&mut Side>) -> Result<Option<Item>, Error> {
        let session = record.session;
        let what = |name, text: &str| {
            let node = Node::Record(vec![("reason".into(), Node::Text(text.to_owned()))]);
            Some(Item { number: None, name, node, bytes: text.as_bytes().to_vec(), makes: None })
        };
        Ok(match record.body {
            Body::Batch(_) => {
                // The ranges of commands are kept, not the commands: a batch may have millions.
                let mut at = codec::BATCH_HEADER;
                commands::<ReadError>(self.file, before, &record, |_, _, bytes| {
                    self.starts.push_back((at, at.saturating_add(bytes.len())));
                    at = at.saturating_add(bytes.len());
                    Ok(())
                })?;
                if let Body::Batch(bytes) = record.body {
                    self.batch = (session, before, bytes);
                }
                None
            }
            Body::Piece(piece) => {
                self.pieces.insert((session, piece.start), piece.digest);
                None
            }
            Body::Event(ref bytes) => {
                let fail = |cause| self.file.stream_error(&record, before, cause);
                let request = codec::decode_event(bytes).map_err(fail)?.request();
                let asked = request.and_then(|request| self.asked.remove(&(session, request)));
                if let Some(side) = side {
                    side.answer(asked, before, Answer::Event(bytes.clone()));
                }
                None
            }
            Body::Readback(readback) => {
                let asked = self.asked.get(&(session, readback.request)).copied();
                if let Some(side) = side {
                    side.answer(asked, before, Answer::Readback(readback));
                }
                None
            }
            Body::Session => {
                self.objects.live.retain(|&(of, _), _| of != session);
                self.pieces.retain(|&(of, _), _| of != session);
                self.asked.retain(|&(of, _), _| of != session);
                what("Session", "")
            }
            Body::End(reason) => what("End", &reason),
            Body::Stopped(reason) => what("Stopped", &reason),
            Body::Unknown(objects) => {
                let name = |object: &Object| {
                    let (kind, index) = object.describe();
                    format!("{kind} {index}")
                };
                what("Unknown", &objects.iter().map(name).collect::<Vec<_>>().join(", "))
            }
        })
    }

    fn command(&mut self, start: usize, end: usize) -> Result<Item, Error> {
        let (session, number) = (self.batch.0, self.batch.1);
        self.batch.1 = number.saturating_add(1);
        let bytes = self.batch.2.get(start..end).unwrap_or_default().to_vec();
        let fail = |cause| ReadError::Stream {
            place: format!("command {number} of the trace"),
            cause,
            newer: self.file.header().is_newer(),
        };
        let command = codec::decode_command(&bytes).map_err(fail)?;
        let name = command.name();
        let mut node = Node::of(&command)?;
        let facts = Facts::of(&command);
        let data = match command.payload() {
            Some(Payload::Inline(bytes)) => Some((bytes.len() as u64, Some(Digest::of(bytes)))),
            Some(&Payload::Shared { start, len }) => Some((u64::from(len), self.pieces.remove(&(session, start)))),
            Some(Payload::Staged { .. }) | None => None,
        };
        let makes = facts.makes.map(|object| {
            let made = self.objects.next;
            self.objects.next += 1;
            self.objects.live.insert((session, object), made);
            made
        });
        node.walk_mut("", &mut |field, node| match node {
            Node::Id("RequestId", number) => *number = 0,
            Node::Id(_, _) => {
                let known = node.object().and_then(|object| self.objects.live.get(&(session, object)));
                let known = known.copied().unwrap_or(UNKNOWN);
                if let Node::Id(_, number) = node {
                    *number = known;
                }
            }
            Node::Variant(..) if field == "data" => {
                if let Some((len, digest)) = data {
                    *node = data_node(len, digest);
                }
            }
            _ => {}
        });
        if let Some(object) = facts.drops {
            self.objects.live.remove(&(session, object));
        }
        if let Some(request) = facts.request {
            self.asked.insert((session, request), number);
        }
        Ok(Item { number: Some(number), name, node, bytes, makes })
    }
}

/// Bulk data as a node, for inline and shared payloads alike.
fn data_node(len: u64, digest: Option<Digest>) -> Node {
    let digest = digest.map_or(Node::Absent, |digest| Node::Text(digest.to_string()));
    Node::Record(vec![("len".into(), Node::Unsigned(len)), ("blake3".into(), digest)])
}
