//! Bytes of a readback that need not be the same in a replay: timestamps, values derived from them, and contents that
//! are missing from the trace. [`Forms`] finds those that may be rounded differently.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Weak},
};

use airlock_protocol::{
    Command,
    ids::{Object, RequestId},
    limits::MAX_PENDING,
};

use super::{
    contents::Contents,
    form::Formed,
    forms::Forms,
    operations::Operation,
    ranges::RangeMap,
    resources::{Name, Resource, Shape, Span, Write},
};

/// Follows a stream, one session after the other.
#[derive(Clone, Debug, Default)]
pub struct Uncertainty {
    contents: Contents,
    forms: Forms,
    /// By the serial number of the resource. Empty in most streams.
    tainted: HashMap<u64, (Weak<Resource>, RangeMap<Cause>)>,
    /// Number of entries at which dead ones are swept.
    tidy_at: usize,
    maps: HashMap<u64, Latitude>,
    /// The names of unknown objects, by their serial numbers.
    names: HashMap<u64, Arc<Name>>,
}

/// The cause of an uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cause {
    kind: CauseKind,
    /// Derived from the uncertain contents, not those contents themselves.
    derived: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CauseKind {
    /// Timestamps that the `ResolveQuerySet` with this number wrote.
    Timestamps(u64),
    /// The contents of the resource with this serial number.
    Unknown(u64),
}

/// Bytes of a readback that need not be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncertain {
    /// Their range, in bytes from the start of the readback.
    pub range: Range<u64>,
    /// The cause, for the user: `timestamps that command 41 (ResolveQuerySet) wrote`.
    pub why: String,
}

/// Permitted differences of a readback. Ranges in order, without overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latitude {
    /// Different in every run.
    pub uncertain: Vec<Uncertain>,
    /// Rounded differently on another processor or adapter.
    pub forms: Vec<Formed>,
}

impl Uncertainty {
    /// Begins a session, without the state of the one before.
    pub fn session(&mut self) {
        *self = Self::default();
    }

    /// Processes a command. Must be called before the command's reply is processed.
    pub fn command(&mut self, number: u64, command: &Command<'_>) {
        if let Command::MapBuffer(c) = command {
            let Some(buffer) = self.contents.resource(Object::Buffer(c.buffer)).cloned() else { return };
            let uncertain = self.uncertain(&buffer, c.offset, c.size);
            let forms = self.forms.of(&buffer, c.offset, c.size);
            // A guest that never reads its replies must not fill the memory.
            if !(uncertain.is_empty() && forms.is_empty()) && self.maps.len() < MAX_PENDING {
                self.maps.insert(c.request.0, Latitude { uncertain, forms });
            }
            return;
        }
        for operation in self.contents.command(number, command) {
            self.forms.execute(&operation);
            self.execute(operation);
        }
    }

    /// Marks the contents of these objects as unknown from here on.
    pub fn unknown(&mut self, objects: &[Object]) {
        for &object in objects {
            let Some(resource) = self.contents.resource(object).cloned() else { continue };
            let serial = resource.name.serial;
            self.names.insert(serial, Arc::clone(&resource.name));
            let cause = Cause { kind: CauseKind::Unknown(serial), derived: false };
            let range = 0..resource.len;
            self.taint(&Span { resource, range }, cause);
        }
    }

    /// Permitted differences of the reply to a `MapBuffer`, at the time of that command.
    pub fn readback(&mut self, request: RequestId) -> Latitude {
        self.maps.remove(&request.0).unwrap_or_default()
    }

    fn uncertain(&self, buffer: &Resource, offset: u64, size: u64) -> Vec<Uncertain> {
        let Some((_, map)) = self.tainted.get(&buffer.name.serial) else { return Vec::new() };
        let moved = |(range, cause): (Range<u64>, Cause)| Uncertain {
            range: range.start - offset..range.end - offset,
            why: self.explain(cause),
        };
        map.over(offset..offset.saturating_add(size)).map(moved).collect()
    }

    fn explain(&self, cause: Cause) -> String {
        let made = if cause.derived { "made from " } else { "" };
        match cause.kind {
            CauseKind::Timestamps(number) => format!("{made}timestamps that command {number} (ResolveQuerySet) wrote"),
            CauseKind::Unknown(serial) => {
                let name = self.names.get(&serial).map_or_else(|| "an object".to_owned(), |name| name.describe());
                format!("{made}contents of {name} that the trace does not have")
            }
        }
    }

    fn taint(&mut self, span: &Span, cause: Cause) {
        if self.tainted.len() >= self.tidy_at.max(64) {
            self.tainted.retain(|_, (resource, map)| resource.strong_count() > 0 && !map.is_empty());
            self.tidy_at = self.tainted.len() * 2;
        }
        let fresh = || (Arc::downgrade(&span.resource), RangeMap::default());
        let (_, map) = self.tainted.entry(span.resource.name.serial).or_insert_with(fresh);
        map.set(span.range.clone(), cause);
    }

    fn clear(&mut self, write: &Write) {
        if write.whole
            && let Some((_, map)) = self.tainted.get_mut(&write.span.resource.name.serial)
        {
            map.clear(write.span.range.clone());
        }
    }

    fn first_cause(&self, span: &Span) -> Option<Cause> {
        let (_, map) = self.tainted.get(&span.resource.name.serial)?;
        map.over(span.range.clone()).next().map(|(_, cause)| cause)
    }

    fn execute(&mut self, operation: Operation) {
        match operation {
            Operation::Copy { from, to } => {
                let (shift, source) = (to.span.range.start, from.range.start);
                let parts: Vec<_> = self
                    .tainted
                    .get(&from.resource.name.serial)
                    .map(|(_, map)| map.over(from.range.clone()).collect())
                    .unwrap_or_default();
                self.clear(&to);
                for (part, cause) in parts {
                    let start = (part.start - source).saturating_add(shift);
                    let end = (part.end - source).saturating_add(shift).min(to.span.range.end);
                    let span = Span { resource: Arc::clone(&to.span.resource), range: start..end };
                    self.taint(&span, cause);
                }
            }
            Operation::Resolve { number, from, to } => {
                let timestamps = matches!(from.resource.shape, Shape::Queries { timestamps: true });
                let source = Cause { kind: CauseKind::Timestamps(number), derived: false };
                let cause = if timestamps { Some(source) } else { self.first_cause(&from) };
                match cause {
                    Some(cause) => self.taint(&to.span, cause),
                    None => self.clear(&to),
                }
            }
            Operation::Work { reads, writes, .. } => {
                // The usual case: nothing is uncertain anywhere.
                if self.tainted.is_empty() {
                    return;
                }
                let cause = reads.iter().find_map(|span| self.first_cause(span));
                for write in writes {
                    match cause {
                        Some(cause) => self.taint(&write.span, Cause { derived: true, ..cause }),
                        None => self.clear(&write),
                    }
                }
            }
        }
    }
}
