//! Two traces side by side.

use std::{collections::VecDeque, io};

use airlock_protocol::{Event, codec};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::{
    align::Step,
    fields,
    items::{Answer, Item, Items, Side, UNKNOWN},
    rows::{Change, Row, Summary},
};
use crate::{
    edit::tools::{Error, short},
    file::{format::Digest, reader::TraceFile},
    schema::{node::Node, notation},
};

pub(super) struct Walk<'w> {
    a: &'w Side,
    b: &'w Side,
    context: usize,
    adapters: bool,
    row: &'w mut dyn FnMut(Row) -> io::Result<()>,
    /// The partner of each object of the first trace.
    partners: Vec<u64>,
    summary: Summary,
    /// The last equal pairs, as context of a difference that may follow.
    before: VecDeque<(Item, Option<u64>)>,
    /// Number of equal pairs still to be shown after a difference.
    after: usize,
    /// Rows were left out, or none shown yet.
    gap: bool,
}

impl<'w> Walk<'w> {
    pub fn new(
        a: &'w Side,
        b: &'w Side,
        context: usize,
        adapters: bool,
        row: &'w mut dyn FnMut(Row) -> io::Result<()>,
    ) -> Self {
        let (summary, before) = (Summary::default(), VecDeque::new());
        Self { a, b, context, adapters, row, partners: Vec::new(), summary, before, after: 0, gap: true }
    }

    pub fn run(mut self, steps: &[Step]) -> Result<Summary, Error> {
        let (mut left, mut right) = (Items::new(&self.a.file), Items::new(&self.b.file));
        for &step in steps {
            let (Step::Pairs(count) | Step::Removed(count) | Step::Added(count)) = step;
            for _ in 0..count {
                match step {
                    Step::Pairs(_) => {
                        if let (Some(a), Some(b)) = (left.next(None)?, right.next(None)?) {
                            self.pair(a, &b)?;
                        }
                    }
                    Step::Removed(_) => {
                        if let Some(item) = left.next(None)? {
                            self.summary.removed += 1;
                            self.difference(Row::Removed { a: item.number, text: text(&item)? })?;
                        }
                    }
                    Step::Added(_) => {
                        if let Some(item) = right.next(None)? {
                            self.summary.added += 1;
                            self.difference(Row::Added { b: item.number, text: text(&item)? })?;
                        }
                    }
                }
            }
        }
        self.unasked()?;
        Ok(self.summary)
    }

    fn pair(&mut self, a: Item, b: &Item) -> Result<(), Error> {
        if let (Some(made), Some(partner)) = (a.makes, b.makes) {
            self.partners.resize(usize::try_from(made).unwrap_or(0), UNKNOWN);
            self.partners.push(partner);
        }
        let same = |x: u64, y: u64| {
            let partner = usize::try_from(x).ok().and_then(|place| self.partners.get(place)).copied();
            partner.unwrap_or(UNKNOWN) == y
        };
        let mut changes = fields::changes(&a.node, &b.node, &same);
        self.data(&a, b, &mut changes);
        self.answers(&a, b, &mut changes);
        if changes.is_empty() {
            self.summary.same += 1;
            return self.same(a, b.number);
        }
        self.summary.changed += 1;
        self.difference(Row::Changed { a: a.number, b: b.number, text: text(&a)?, fields: changes })
    }

    /// Reports the first different byte of data instead of its digest.
    fn data(&self, a: &Item, b: &Item, changes: &mut [Change]) {
        let Some(change) = changes.iter_mut().find(|change| change.field.ends_with("data.blake3")) else { return };
        let bytes = |file: &TraceFile, item: &Item| data(file, item);
        let (Some(old), Some(new)) = (bytes(&self.a.file, a), bytes(&self.b.file, b)) else { return };
        let differing = old.iter().zip(&new).filter(|(old, new)| old != new).count();
        let first = old.iter().zip(&new).position(|(old, new)| old != new);
        if let Some((first, (old, new))) = first.and_then(|first| Some((first, (old.get(first)?, new.get(first)?)))) {
            change.field = "data".to_owned();
            change.old = Some(format!("byte {first} is {old:#04x}"));
            change.new = Some(format!("{new:#04x}, {differing} bytes differ"));
        }
    }

    fn answers(&self, a: &Item, b: &Item, changes: &mut Vec<Change>) {
        let of = |side: &'w Side, item: &Item| {
            item.number.and_then(|number| side.answers.get(&number)).map_or(&[][..], Vec::as_slice)
        };
        let (old, new) = (of(self.a, a), of(self.b, b));
        for place in 0..old.len().max(new.len()) {
            match (old.get(place), new.get(place)) {
                (Some(old), Some(new)) => self.answer(old, new, changes),
                (old, new) => changes.push(Change {
                    field: "answer".to_owned(),
                    old: old.map(answer_text),
                    new: new.map(answer_text),
                }),
            }
        }
    }

    fn answer(&self, old: &Answer, new: &Answer, changes: &mut Vec<Change>) {
        match (old, new) {
            (Answer::Readback(old), Answer::Readback(new)) => {
                // A digest that was removed is not compared.
                let known = old.digest.zip(new.digest);
                if old.len != new.len || known.is_some_and(|(old, new)| old != new) {
                    let (old, new) = (Answer::Readback(old.clone()), Answer::Readback(new.clone()));
                    let (old, new) = (Some(answer_text(&old)), Some(answer_text(&new)));
                    changes.push(Change { field: "readback".to_owned(), old, new });
                }
            }
            (Answer::Event(old), Answer::Event(new)) => match (event_node(old), event_node(new)) {
                (Some((name, old)), Some((_, new))) => {
                    let adapters = ["AdapterReply", "AdapterList", "DeviceReply"].contains(&name);
                    for change in fields::changes(&old, &new, &|_, _| true) {
                        // An adapter's description differs between machines; the success of the request does not.
                        if !adapters || self.adapters || change.field == "result" {
                            changes.push(Change { field: format!("{name}.{}", change.field), ..change });
                        }
                    }
                }
                _ if old != new => changes.push(Change { field: "answer".to_owned(), old: None, new: None }),
                _ => {}
            },
            (old, new) => changes.push(Change {
                field: "answer".to_owned(),
                old: Some(answer_text(old)),
                new: Some(answer_text(new)),
            }),
        }
    }

    fn same(&mut self, item: Item, b: Option<u64>) -> Result<(), Error> {
        if self.after > 0 {
            self.after -= 1;
            return self.emit(Row::Same { a: item.number, b, text: text(&item)? });
        }
        self.before.push_back((item, b));
        if self.before.len() > self.context {
            self.before.pop_front();
            self.gap = true;
        }
        Ok(())
    }

    fn difference(&mut self, row: Row) -> Result<(), Error> {
        let before = std::mem::take(&mut self.before);
        if std::mem::take(&mut self.gap) {
            let own = match &row {
                Row::Removed { a, .. } => (*a, None),
                Row::Added { b, .. } => (None, *b),
                Row::Changed { a, b, .. } => (*a, *b),
                Row::Same { .. } | Row::Place { .. } => (None, None),
            };
            let a = before.iter().find_map(|(item, _)| item.number).or(own.0).or(own.1);
            let b = before.iter().find_map(|(_, b)| *b).or(own.1).or(own.0);
            self.emit(Row::Place { a: a.unwrap_or(0), b: b.unwrap_or(0) })?;
        }
        for (item, b) in before {
            self.emit(Row::Same { a: item.number, b, text: text(&item)? })?;
        }
        self.after = self.context;
        self.emit(row)
    }

    fn emit(&mut self, row: Row) -> Result<(), Error> {
        (self.row)(row).map_err(Error::Write)
    }

    /// Compares the unrequested events, in their order.
    fn unasked(&mut self) -> Result<(), Error> {
        let key = |(_, bytes): &(u64, Vec<u8>)| {
            // A device is compared by its id: there are few, and a guest makes them in one order.
            event_node(bytes).map_or_else(|| bytes.clone(), |(name, node)| format!("{name}{node:?}").into_bytes())
        };
        let (a, b) = (self.a, self.b);
        let (old, new): (Vec<_>, Vec<_>) = (a.unasked.iter().map(key).collect(), b.unasked.iter().map(key).collect());
        for op in capture_diff_slices(Algorithm::Myers, &old, &new) {
            if let DiffOp::Equal { .. } = op {
                continue;
            }
            for (before, bytes) in a.unasked.get(op.old_range()).unwrap_or_default() {
                self.summary.removed += 1;
                self.gap = true;
                let text = format!("<- {}, after command {before}", event_text(bytes));
                self.difference(Row::Removed { a: None, text })?;
            }
            for (before, bytes) in b.unasked.get(op.new_range()).unwrap_or_default() {
                self.summary.added += 1;
                self.gap = true;
                let text = format!("<- {}, after command {before}", event_text(bytes));
                self.difference(Row::Added { b: None, text })?;
            }
        }
        Ok(())
    }
}

/// The bytes of an item's data.
fn data(file: &TraceFile, item: &Item) -> Option<Vec<u8>> {
    let command = codec::decode_command(&item.bytes).ok()?;
    if let airlock_protocol::Payload::Inline(bytes) = command.payload()? {
        return Some(bytes.to_vec());
    }
    match item.node.field("data")?.field("blake3")? {
        Node::Text(digest) => file.payload(Digest::parse(digest)?).ok(),
        _ => None,
    }
}

/// An item's line.
fn text(item: &Item) -> Result<String, Error> {
    let mut text = String::new();
    match codec::decode_command(&item.bytes) {
        Ok(command) if item.number.is_some() => notation::write(&command, &mut text)?,
        _ => {
            text.push_str(item.name);
            if !item.bytes.is_empty() {
                text.push_str(&format!(" {:?}", String::from_utf8_lossy(&item.bytes)));
            }
        }
    }
    Ok(text)
}

/// An event's name and tree, without the values that differ in every run.
fn event_node(bytes: &[u8]) -> Option<(&'static str, Node)> {
    let event = codec::decode_event(bytes).ok()?;
    let mut node = Node::of(&event).ok()?;
    let report = matches!(event, Event::Report { .. });
    node.walk_mut("", &mut |field, node| match node {
        Node::Id("RequestId", number) => *number = 0,
        // Times, and the gathering of commands into batches.
        Node::Unsigned(value) if report && ["busy_ns", "batches"].contains(&field) => *value = 0,
        _ => {}
    });
    Some((event.name(), node))
}

fn event_text(bytes: &[u8]) -> String {
    let mut text = String::new();
    match codec::decode_event(bytes) {
        // Events have a text in every case.
        Ok(event) => drop(notation::write(&event, &mut text)),
        Err(error) => text = error.to_string(),
    }
    text
}

fn answer_text(answer: &Answer) -> String {
    match answer {
        Answer::Event(bytes) => event_text(bytes),
        Answer::Readback(readback) => {
            let digest = readback.digest.map_or_else(|| "-".to_owned(), short);
            format!("{} bytes {digest}", readback.len)
        }
    }
}
